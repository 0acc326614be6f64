// What generated tests reach, from go-ethereum's trace of a sample of each fork: executed
// instructions, and of every opcode and precompile how often it succeeded and failed.
//   node tests/diff/coverage.mjs --geth EVM [--count N] [--seed S]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeFile } from './gen.mjs'
import { FORKS, OPS, PRECOMPILE_SINCE } from './program.mjs'

const options = { seed: '9000000', count: '100' }
for (let i = 2; i + 1 < process.argv.length; i += 2) options[process.argv[i].slice(2)] = process.argv[i + 1]
const work = mkdtempSync(join(tmpdir(), 'metis-cover-'))
const lengths = []

// [good, bad] of each opcode and precompile of a fork.
function sample(fork, index) {
  const seen = new Map()
  const note = (key, bad) => {
    if (!seen.has(key)) seen.set(key, [0, 0])
    seen.get(key)[bad ? 1 : 0]++
  }
  const file = join(work, 'tests.json')
  makeFile(file, Number(options.seed) + index * 100000, Number(options.count), fork)
  const run = spawnSync(options.geth, ['statetest', '--trace', file], { encoding: 'utf8', maxBuffer: 1 << 30 })
  if (run.error) throw run.error
  let steps = 0
  let call
  for (const line of run.stderr.split('\n')) {
    if (line.startsWith('{"stateRoot"')) {
      lengths.push(steps)
      steps = 0
    }
    if (!line.startsWith('{"pc"')) continue
    const s = JSON.parse(line)
    steps++
    if (call && call.depth === s.depth) note('precompile ' + call.at, BigInt(s.stack.at(-1) ?? 0) === 0n)
    call = undefined
    note(s.op, s.error !== undefined)
    const at = [0xf1, 0xf2, 0xf4, 0xfa].includes(s.op) ? s.stack.at(-2) : undefined
    if (at && !s.error && PRECOMPILE_SINCE[Number(at)] <= index) call = { at: Number(at), depth: s.depth }
  }
  return seen
}

FORKS.forEach((fork, index) => {
  const seen = sample(fork, index)
  const rows = [...OPS.filter((o) => o.since <= index).map((o) => [o.name, seen.get(o.value)]),
    ...Object.keys(PRECOMPILE_SINCE).filter((p) => PRECOMPILE_SINCE[p] <= index)
      .map((p) => ['precompile ' + p, seen.get('precompile ' + p)])]
  const missing = (i) => rows.filter(([, n]) => !n?.[i]).map(([name]) => name)
  console.log(`${fork}: ${rows.length} opcodes and precompiles`)
  for (const [name, n] of rows) console.log(`  ${name} ${n?.[0] ?? 0} ${n?.[1] ?? 0}`)
  console.log(`  without success: ${missing(0).join(' ') || 'none'}`)
  console.log(`  without failure: ${missing(1).join(' ') || 'none'}`)
})
lengths.sort((a, b) => a - b)
console.log(`instructions: median ${lengths[lengths.length >> 1]} of ${lengths.length} programs`)
rmSync(work, { recursive: true })
