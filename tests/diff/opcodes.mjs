// The forks that are compared, and the opcodes each has.
import { readFileSync } from 'node:fs'

export const FORKS = ['Frontier', 'Homestead', 'EIP150', 'EIP158', 'Byzantium',
  'Constantinople', 'ConstantinopleFix', 'Istanbul', 'Berlin', 'London', 'Paris',
  'Shanghai', 'Cancun', 'Prague', 'Osaka']
// Amsterdam comes after them; its oracle is another.
export const fork = (name) => (name === 'Amsterdam' ? FORKS.length : FORKS.indexOf(name))
export const SINCE = { FRONTIER: 0, HOMESTEAD: 1, BYZANTIUM: 4, CONSTANTINOPLE: 5, ISTANBUL: 7,
  LONDON: 9, SHANGHAI: 11, CANCUN: 12, OSAKA: 14, AMSTERDAM: 15 }

// The opcodes: {value, name, in, out, since}.
const table = readFileSync(new URL('../../src/metisvm/opcodes.def', import.meta.url), 'utf8')
export const OPS = [...table.matchAll(
  /^X\(0x(..), (\w+), \d+, (\d+), (\d+), (\w+), \d+\)/gm)]
  .filter((m) => SINCE[m[5]] !== undefined)
  .map((m) => ({ value: parseInt(m[1], 16), name: m[2], in: +m[3], out: +m[4],
    since: SINCE[m[5]] }))
export const opsOf = (fork) => OPS.filter((o) => o.since <= fork)

// What the fork has no operation for.
export function undefinedOf(fork) {
  const known = new Set(opsOf(fork).map((o) => o.value))
  return Array.from({ length: 256 }, (_, value) => value).filter((v) => !known.has(v))
    .map((value) => ({ value, name: 'undefined ' + value.toString(16), in: 0, out: 0 }))
}
