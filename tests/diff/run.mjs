// Differential fuzzing of execution: random state tests by metis-evm and by go-ethereum's
// evm; state root (which holds the gas paid) and the hash of the logs must agree, a refusal
// must be refused by both.
//   node tests/diff/run.mjs --evm METIS-EVM --geth EVM [--seed S] [--count N] [--fork F]
//        [--found DIR] [--progress FILE] [--minimise no]
// A test that differs is written to --found, made smaller. With --progress a run that was
// ended goes on where it stood. Last line: `N passed, N failed`.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeTest } from './gen.mjs'
import { Geth, options } from './oracle.mjs'
import { compareStates, minimiseState } from './state.mjs'

const BATCH = 250
const MINIMISE_MS = 120000
const KEPT_MAX = 40 // differences that are written

const here = dirname(fileURLToPath(import.meta.url))
const o = options({ seed: '1', count: '1000', found: join(here, 'found') })
if (!o.evm || !o.geth) {
  console.error('usage: run.mjs --evm METIS-EVM --geth EVM [--seed S] [--count N] [--progress FILE]')
  process.exit(2)
}
const first = Number(o.seed)
const count = Number(o.count)
const work = mkdtempSync(join(tmpdir(), 'metis-diff-'))
let total = { seed: first, count, done: 0, passed: 0, failed: 0, refused: 0 }
if (o.progress && existsSync(o.progress)) {
  const before = JSON.parse(readFileSync(o.progress, 'utf8'))
  if (before.seed === first && before.count === count) total = before
}
const geth = new Geth(o.geth)

async function keep(name, test) {
  mkdirSync(o.found, { recursive: true })
  const file = join(work, 'small.json')
  const differs = async (t) =>
    (await compareStates(o.evm, geth, file, { [name]: structuredClone(t) })).found.size > 0
  const small = o.minimise === 'no' ? test
    : await minimiseState(test, differs, Date.now() + MINIMISE_MS)
  writeFileSync(join(o.found, `${name}.json`), JSON.stringify({ [name]: small }, null, 1) + '\n')
}

async function finish({ tests, result }) {
  const { found, refused } = await result
  for (const [name, why] of found) {
    console.log(`DIFFER ${name} [${Object.keys(tests[name].post)[0]}]: ${why}`)
    if (total.failed++ < KEPT_MAX) await keep(name, tests[name])
  }
  const n = Object.keys(tests).length
  total.done += n
  total.passed += n - found.size
  total.refused += refused
  if (o.progress) {
    writeFileSync(o.progress + '.new', JSON.stringify(total))
    renameSync(o.progress + '.new', o.progress)
  }
}

// The next batch is generated while the programs work on the one before.
const started = Date.now()
const skipped = total.done
let running
for (let at = total.done, slot = 0; at < count; at += BATCH, slot ^= 1) {
  const tests = {}
  for (let i = at; i < Math.min(count, at + BATCH); i++) tests[`fuzz-${first + i}`] = makeTest(first + i, o.fork)
  const result = compareStates(o.evm, geth, join(work, `tests${slot}.json`), tests)
  if (running) await finish(running)
  running = { tests, result }
  if ((at / BATCH) % 20 === 19) {
    const rate = (total.done - skipped) / ((Date.now() - started) / 1000)
    console.log(`${total.done} of ${count}: ${total.failed} differ, ${total.refused} refused by both, ` +
      `${rate.toFixed(0)} programs/s`)
  }
}
if (running) await finish(running)
geth.close()
rmSync(work, { recursive: true })
console.log(`seeds: ${first} to ${first + count - 1}`)
console.log(`refused by both: ${total.refused}`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)
