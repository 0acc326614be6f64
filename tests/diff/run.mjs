// Differential fuzzing of execution: random state tests by metis-evm and by go-ethereum's
// evm; the state root and the hash of the logs must agree, a refusal must be refused by both.
//   node tests/diff/run.mjs --evm METIS-EVM --geth EVM [--seed S] [--count N] [--work DIR]
//        [--found DIR] [--fork F]
// metis-evm says its root and logs, they become the tests' `post`, and the other checks
// them. A test that differs is written to --found, made smaller. Last line:
// `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeTest } from './gen.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const options = { seed: '1', count: '1000', found: join(here, 'found') }
for (let i = 2; i + 1 < process.argv.length; i += 2) options[process.argv[i].slice(2)] = process.argv[i + 1]
if (!options.evm || !options.geth) {
  console.error('usage: run.mjs --evm METIS-EVM --geth EVM [--seed S] [--count N]')
  process.exit(2)
}
const work = options.work ?? mkdtempSync(join(tmpdir(), 'metis-diff-'))
mkdirSync(work, { recursive: true })
const file = join(work, 'tests.json')
const BATCH = 500

function output(program, args) {
  const run = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 30 })
  if (run.error) throw run.error
  if (run.signal) throw new Error(`${program} ended by ${run.signal}`)
  return run.stdout
}

const entryOf = (test) => Object.values(test.post)[0][0]

// Our results by name: {root, error}.
function ours(tests) {
  writeFileSync(file, JSON.stringify(tests))
  const lines = output(options.evm, ['statetest', '--json', file]).split('\n')
  return new Map(lines.filter((l) => l.startsWith('{')).map((l) => JSON.parse(l)).map((l) => [l.name, l]))
}

// The names of those that differ, with what was said.
export function differing(tests) {
  const found = new Map()
  const refused = new Set()
  for (const [name, l] of ours(tests)) {
    entryOf(tests[name]).hash = l.stateRoot ?? entryOf(tests[name]).hash
    if (/^refused/.test(l.error)) refused.add(name)
    if (l.stateRoot === null) found.set(name, l.error)
  }
  for (const [name, l] of ours(tests)) {
    const logs = /logs hash (0x[0-9a-f]{64})/.exec(l.error)
    if (logs) entryOf(tests[name]).logs = logs[1]
  }
  for (const name of refused) entryOf(tests[name]).expectException = 'refused'
  writeFileSync(file, JSON.stringify(tests))
  const said = JSON.parse(output(options.geth, ['statetest', file]))
  const seen = new Set()
  for (const s of said) {
    seen.add(s.name)
    const root = entryOf(tests[s.name]).hash
    if (!s.pass) found.set(s.name, s.error ?? 'failed')
    else if (!refused.has(s.name) && s.stateRoot !== root) found.set(s.name, `root ${s.stateRoot}`)
  }
  for (const name of Object.keys(tests)) {
    if (!seen.has(name)) found.set(name, 'not run by the other')
  }
  return { found, refused: refused.size }
}

// Drops accounts, lists and pieces of code while the test still differs.
function minimise(name, test) {
  let best = test
  const still = (t) => differing({ [name]: structuredClone(t) }).found.size > 0
  const attempt = (change) => {
    const t = structuredClone(best)
    if (change(t) === false || !still(t)) return false
    best = t
    return true
  }
  for (const address of Object.keys(best.pre)) {
    if (address !== best.transaction.sender) attempt((t) => { delete t.pre[address] })
  }
  for (const address of Object.keys(best.pre)) {
    for (let size = 256; size >= 1; size >>= 1) {
      for (let at = 2; at < best.pre[address]?.code.length;) {
        // JUMPDESTs in place of bytes: the places of jumps stay
        attempt((t) => {
          const code = t.pre[address].code
          const part = code.slice(at, at + 2 * size)
          if (/^0*$/.test(part)) return false
          t.pre[address].code = code.slice(0, at) + '5b'.repeat(part.length / 2) + code.slice(at + part.length)
        })
        at += 2 * size
      }
      if (Date.now() > minimiseUntil) return best
    }
  }
  return best
}
let minimiseUntil = 0

let passed = 0
let failed = 0
let refusedAll = 0
const first = Number(options.seed)
const count = Number(options.count)
for (let at = 0; at < count; at += BATCH) {
  const tests = {}
  for (let i = at; i < Math.min(count, at + BATCH); i++) tests[`fuzz-${first + i}`] = makeTest(first + i, options.fork)
  const { found, refused } = differing(tests)
  refusedAll += refused
  failed += found.size
  passed += Object.keys(tests).length - found.size
  for (const [name, why] of found) {
    console.log(`DIFFER ${name} [${Object.keys(tests[name].post)[0]}]: ${why}`)
    if (failed > 40) continue
    mkdirSync(options.found, { recursive: true })
    minimiseUntil = Date.now() + 60000
    const small = options.minimise === 'no' ? tests[name] : minimise(name, tests[name])
    writeFileSync(join(options.found, `${name}.json`), JSON.stringify({ [name]: small }, null, 1) + '\n')
  }
  if ((at / BATCH) % 20 === 19) console.log(`${passed} agree, ${failed} differ, ${refusedAll} refused`)
}
if (!options.work) rmSync(work, { recursive: true })
console.log(`refused by both: ${refusedAll}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)
