// Reading what contracts wrote: calldata, return values, logs and errors in the ABI's
// encoding (Solidity's "Contract ABI Specification"). Input is anything a contract likes to
// make up, so each offset and count is checked against the bytes that are there, and what
// does not decode is left as it is.
import { keccakText, checksum } from './keccak.js'
import { EVENTS, FUNCTIONS, ERRORS, PANICS } from './signatures.js'

const ITEMS_MAX = 200
const DEPTH_MAX = 8

// ---- signatures ----

// "a,(b,c)[],d" -> its parts.
function split(text) {
  const parts = []
  let depth = 0
  let from = 0
  for (let i = 0; i <= text.length; i++) {
    const c = text[i]
    if (c === '(') depth++
    else if (c === ')') depth--
    else if ((c === ',' || c === undefined) && depth === 0) {
      if (i > from) parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  return parts
}

// "address indexed to", "(uint256 a,bytes b)[] list"
function parseParam(text) {
  if (text[0] === '(') {
    const end = text.lastIndexOf(')')
    const [, array, name] = /^((?:\[\d*\])*)\s*(\w*)$/.exec(text.slice(end + 1))
    return { type: `tuple${array}`, name, parts: split(text.slice(1, end)).map(parseParam) }
  }
  const words = text.split(' ')
  return { type: words[0], indexed: words[1] === 'indexed', name: words.length > 1 ? words.at(-1) : '' }
}

const canonical = (p) =>
  p.parts ? `(${p.parts.map(canonical).join(',')})${p.type.slice(5)}` : p.type

export function parseSignature(text) {
  const at = text.indexOf('(')
  const params = split(text.slice(at + 1, text.lastIndexOf(')'))).map(parseParam)
  const name = text.slice(0, at)
  return { name, params, canonical: `${name}(${params.map(canonical).join(',')})` }
}

// A table by hash, made when it is first asked.
function table(text, length) {
  let map
  return (key) => {
    if (!map) {
      map = new Map()
      for (const line of text.trim().split('\n')) {
        const bar = line.indexOf('|')
        const entry = parseSignature(line.slice(bar + 1))
        entry.family = line.slice(0, Math.max(0, bar))
        const hash = `0x${keccakText(entry.canonical).slice(0, length)}`
        map.set(hash, [...(map.get(hash) ?? []), entry])
      }
    }
    return map.get(key) ?? []
  }
}
const eventsOf = table(EVENTS, 64)
const functionsOf = table(FUNCTIONS, 8)
const errorsOf = table(ERRORS, 8)

// ---- values ----

class Bytes {
  constructor(hex) {
    this.hex = hex
    this.length = hex.length / 2
  }
  word(at) {
    if (at < 0 || at + 32 > this.length) throw new RangeError('past the end')
    return this.hex.slice(2 * at, 2 * at + 64)
  }
  // An offset or a length.
  size(at) {
    const v = BigInt('0x' + this.word(at))
    if (v > BigInt(this.length)) throw new RangeError('past the end')
    return Number(v)
  }
  slice(at, length) {
    if (at + length > this.length) throw new RangeError('past the end')
    return this.hex.slice(2 * at, 2 * (at + length))
  }
}

function arrayOf(p) {
  const m = /^(.*)\[(\d*)\]$/.exec(p.type)
  return m && { item: { ...p, type: m[1] }, count: m[2] === '' ? null : Number(m[2]) }
}

function isDynamic(p) {
  if (p.type === 'bytes' || p.type === 'string') return true
  const array = arrayOf(p)
  if (array) return array.count === null || isDynamic(array.item)
  return p.type === 'tuple' && p.parts.some(isDynamic)
}

function headSize(p) {
  if (isDynamic(p)) return 32
  const array = arrayOf(p)
  if (array) return array.count * headSize(array.item)
  return p.type === 'tuple' ? p.parts.reduce((n, x) => n + headSize(x), 0) : 32
}

function readList(data, base, params, depth) {
  let at = base
  return params.map((p) => {
    const value = isDynamic(p) ? read(data, base + data.size(at), p, depth) : read(data, at, p, depth)
    at += headSize(p)
    return { name: p.name, type: canonical(p), value }
  })
}

function readText(data, at) {
  const raw = data.slice(at + 32, data.size(at))
  const list = Uint8Array.from(raw.match(/../g) ?? [], (b) => parseInt(b, 16))
  return new TextDecoder().decode(list)
}

function readInteger(word, type) {
  const v = BigInt('0x' + word)
  const bits = Number(type.replace(/\D/g, '') || 256)
  if (type[0] === 'u') {
    if (v >> BigInt(bits)) throw new RangeError('too wide')
    return v
  }
  const signed = BigInt.asIntN(256, v)
  if (BigInt.asIntN(bits, v) !== signed) throw new RangeError('too wide')
  return signed
}

function read(data, at, p, depth) {
  if (depth > DEPTH_MAX) throw new RangeError('too deep')
  const array = arrayOf(p)
  if (array) {
    const count = array.count ?? data.size(at)
    if (count > ITEMS_MAX) throw new RangeError('too many')
    return readList(data, array.count === null ? at + 32 : at,
      Array.from({ length: count }, () => ({ ...array.item, name: '' })), depth + 1)
  }
  if (p.type === 'tuple') return readList(data, at, p.parts, depth + 1)
  if (p.type === 'string') return readText(data, at)
  if (p.type === 'bytes') return '0x' + data.slice(at + 32, data.size(at))
  const word = data.word(at)
  if (p.type === 'address') {
    if (!/^0{24}/.test(word)) throw new RangeError('not an address')
    return checksum('0x' + word.slice(24))
  }
  if (p.type === 'bool') {
    if (!/^0{63}[01]$/.test(word)) throw new RangeError('not a bool')
    return word.endsWith('1')
  }
  if (p.type.startsWith('bytes')) return '0x' + word.slice(0, 2 * Number(p.type.slice(5)))
  return readInteger(word, p.type)
}

// Hex and parameters to a list of { name, type, value }; null when it is not that. A value is
// a string, a bigint, a boolean, or such a list.
export function decode(hex, params) {
  try {
    return readList(new Bytes(hex.slice(2)), 0, params, 0)
  } catch {
    return null
  }
}

function firstThatFits(entries, hex) {
  for (const entry of entries) {
    const args = decode(`0x${hex.slice(10)}`, entry.params)
    if (args) return { name: entry.name, canonical: entry.canonical, args }
  }
  return null
}

export const decodeCall = (input) =>
  input && input.length >= 10 ? firstThatFits(functionsOf(input.slice(0, 10)), input) : null

// { family, name, args } or null. Indexed values of more than a word are only hashes.
export function decodeLog(log) {
  for (const event of eventsOf(log.topics[0] ?? '')) {
    const indexed = event.params.filter((p) => p.indexed)
    if (indexed.length !== log.topics.length - 1) continue
    const rest = decode(log.data, event.params.filter((p) => !p.indexed))
    if (!rest) continue
    const fromTopics = indexed.map((p, i) =>
      isDynamic(p) ? [{ name: p.name, type: 'bytes32', value: log.topics[i + 1] }]
        : decode(log.topics[i + 1], [p]))
    if (fromTopics.includes(null)) continue
    const args = event.params.map((p) => (p.indexed ? fromTopics.shift()[0] : rest.shift()))
    return { family: event.family, name: event.name, args }
  }
  return null
}

// The words of a revert: what require, assert and known custom errors say; null without data.
export function decodeRevert(output) {
  if (!output || output.length < 10) return null
  const found = firstThatFits(errorsOf(output.slice(0, 10)), output)
  if (!found) return { name: 'custom error', text: output.slice(0, 10), args: [] }
  if (found.name === 'Error') return { name: 'Error', text: found.args[0].value, args: [] }
  if (found.name === 'Panic') {
    const code = found.args[0].value
    return { name: 'Panic', text: PANICS[Number(code)] ?? `code 0x${code.toString(16)}`, args: [] }
  }
  return { name: found.name, text: found.name, args: found.args }
}

// A string that a contract returned: ABI string, or the bytes32 of old tokens.
export function decodeString(hex) {
  if (typeof hex !== 'string') return null
  if (hex.length === 66) return decodeText32(hex)
  return decode(hex, [{ type: 'string', name: '' }])?.[0].value ?? null
}

function decodeText32(hex) {
  const raw = hex.slice(2).replace(/(00)+$/, '').match(/../g) ?? []
  return new TextDecoder().decode(Uint8Array.from(raw, (b) => parseInt(b, 16)))
}
