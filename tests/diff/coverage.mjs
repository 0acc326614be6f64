// What generated tests reach, counted in go-ethereum's trace of their execution: of every
// fork how many opcodes and precompiles succeeded, how many failed and in which way, and
// the name of each that was missed; then the median of executed instructions.
//   node tests/diff/coverage.mjs --geth EVM [--count N] [--seed S] [--cases DIR]
// N random tests of every fork, and the state tests of DIR. The exit status is 0 when
// nothing is missing.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { makeTest } from './gen.mjs'
import { FORKS, fork as forkIndex, opsOf, undefinedOf } from './opcodes.mjs'
import { options } from './oracle.mjs'
import { PRECOMPILE_SINCE } from './program.mjs'

const o = options({ seed: '1', count: '100' })
const work = mkdtempSync(join(tmpdir(), 'metis-cover-'))
const lengths = []
const CALLS = [0xf1, 0xf2, 0xf4, 0xfa]
const ERRORS = [[/^stack underflow/, 'underflow'], [/^stack limit/, 'overflow'],
  [/^out of gas|gas uint64 overflow/, 'gas'], [/^invalid opcode/, 'undefined'],
  [/^write protection/, 'static']]

// What each fork's operations can and cannot do. The price of SELFDESTRUCT came with
// EIP-150; STOP has neither price nor operand, INVALID never succeeds.
const WRITES = ['SSTORE', 'TSTORE', 'LOG0', 'LOG1', 'LOG2', 'LOG3', 'LOG4', 'CREATE', 'CREATE2',
  'SELFDESTRUCT', 'CALL']
const free = (op, f) => op.name === 'STOP' || op.name === 'INVALID' ||
  (op.name === 'SELFDESTRUCT' && f < forkIndex('EIP150'))

// The table's columns: {what it counts, the names that should be there}.
function columns(f) {
  const ops = opsOf(f)
  const names = (list) => list.map((x) => x.name)
  const pre = Object.keys(PRECOMPILE_SINCE).filter((p) => PRECOMPILE_SINCE[p] <= f)
  const refuses = pre.filter((p) => (p >= 6 && p <= 17) || (p === '5' && f >= forkIndex('Osaka')))
  return {
    ok: names(ops.filter((x) => x.name !== 'INVALID')),
    failed: names(ops.filter((x) => x.name !== 'STOP')),
    gas: names(ops.filter((x) => !free(x, f))),
    underflow: names(ops.filter((x) => x.in > 0)),
    overflow: names(ops.filter((x) => x.out > x.in)),
    static: f < forkIndex('Byzantium') ? [] : names(ops.filter((x) => WRITES.includes(x.name))),
    undefined: names(undefinedOf(f)),
    'pre ok': pre, 'pre failed': pre, 'pre gas': pre, 'pre refused': refuses,
  }
}

const seen = FORKS.map((_, f) => Object.fromEntries(Object.keys(columns(f)).map((c) => [c, new Map()])))
const nameOf = FORKS.map((_, f) => new Map([...opsOf(f), ...undefinedOf(f)].map((x) => [x.value, x.name])))

function note(f, column, name) {
  const m = seen[f][column]
  m.set(name, (m.get(name) ?? 0) + 1)
}

// A call of a precompile shows by what it leaves on its caller's stack. Asked for less than
// the cheapest costs, it lacked gas; with plenty, it was the input.
function noteCall(f, call, status) {
  if (status !== 0n) return note(f, 'pre ok', call.at)
  note(f, 'pre failed', call.at)
  if (call.asked < 15n) note(f, 'pre gas', call.at)
  else if (call.asked >= 1000000n && call.have >= 1500000n) note(f, 'pre refused', call.at)
}

function noteStep(f, s) {
  const name = nameOf[f].get(s.op)
  if (s.error === undefined) return note(f, s.op === 0xfe ? 'failed' : 'ok', name)
  const way = ERRORS.find(([pattern]) => pattern.test(s.error))?.[1]
  if (way) note(f, way, name)
  return note(f, 'failed', name)
}

// A line of the trace without its stack, which is long where the stack overflows.
function parseStep(line) {
  const at = line.lastIndexOf('"depth":')
  return { op: Number(/"op":(\d+)/.exec(line.slice(0, 60))[1]), depth: parseInt(line.slice(at + 8), 10),
    error: /"error":"([^"]*)/.exec(line.slice(at))?.[1] }
}

// Reads the trace of a file whose tests are all of fork f. Calls of precompiles are seen
// with stacks alone.
async function trace(file, f, count, stacks) {
  const args = ['statetest', '--trace', ...(stacks ? [] : ['--trace.nostack']), file]
  const child = spawn(o.geth, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let steps = 0
  let call
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.startsWith('{"stateRoot"')) {
      if (count) lengths.push(steps)
      steps = 0
    }
    if (!line.startsWith('{"pc"')) continue
    const s = parseStep(line)
    steps++
    if (call && call.depth === s.depth) noteCall(f, call, BigInt(JSON.parse(line).stack.at(-1) ?? 0))
    call = undefined
    noteStep(f, s)
    if (!stacks || s.error || !CALLS.includes(s.op)) continue
    const { stack, gas } = JSON.parse(line)
    const at = String(Number(stack.at(-2)))
    if (PRECOMPILE_SINCE[at] <= f) {
      call = { at, depth: s.depth, asked: BigInt(stack.at(-1)), have: BigInt(gas) }
    }
  }
}

// The tests of the folder, those of a fork together: of precompiles, and of the rest.
function casesByFork(folder) {
  const by = FORKS.map(() => [{}, {}])
  for (const name of readdirSync(folder).filter((n) => n.endsWith('.json'))) {
    for (const [test, t] of Object.entries(JSON.parse(readFileSync(join(folder, name), 'utf8')))) {
      for (const fork of Object.keys(t.post)) {
        if (FORKS.includes(fork)) by[forkIndex(fork)][/^(operations|prices)/.test(test) ? 1 : 0][test] = { ...t, post: { [fork]: t.post[fork] } }
      }
    }
  }
  return by
}

const file = join(work, 'tests.json')
const cases = o.cases ? casesByFork(o.cases) : FORKS.map(() => [{}, {}])
const holes = []
for (let f = 0; f < FORKS.length; f++) {
  const tests = {}
  for (let i = 0; i < Number(o.count); i++) {
    const seed = Number(o.seed) + f * 100000 + i
    tests[`fuzz-${seed}`] = makeTest(seed, FORKS[f])
  }
  const parts = [[tests, true, true], [cases[f][0], false, true], [cases[f][1], false, false]]
  for (const [part, isRandom, stacks] of parts) {
    if (Object.keys(part).length === 0) continue
    writeFileSync(file, JSON.stringify(part))
    await trace(file, f, isRandom, stacks)
  }
}
const heads = Object.keys(columns(0))
console.log(`| fork | ${heads.join(' | ')} |`)
console.log(`|---|${heads.map(() => '---|').join('')}`)
FORKS.forEach((name, f) => {
  const cells = Object.entries(columns(f)).map(([c, names]) => {
    const missing = names.filter((n) => !seen[f][c].has(n))
    if (missing.length > 0) holes.push(`${name}, ${c}: ${missing.join(' ')}`)
    return names.length === 0 ? '' : `${names.length - missing.length}/${names.length}`
  })
  console.log(`| ${name} | ${cells.join(' | ')} |`)
})
lengths.sort((a, b) => a - b)
console.log()
if (lengths.length > 0) {
  console.log(`instructions: median ${lengths[lengths.length >> 1]} of ${lengths.length} random programs`)
}
for (const h of holes) console.log(`hole: ${h}`)
console.log(`holes: ${holes.length === 0 ? 'none' : holes.length}`)
rmSync(work, { recursive: true })
process.exit(holes.length === 0 ? 0 : 1)
