// Differential fuzzing of blocks: random chains. metis-evm executes them and says what the
// headers must hold; go-ethereum's evm imports the blocks, which checks each header's
// state, receipts, bloom, gas, blob gas, withdrawals and requests; then metis-evm imports
// them through a real chain too.
//   node tests/diff/blocks.mjs --evm METIS-EVM --geth EVM [--seed S] [--count N] [--fork F]
//        [--found DIR] [--out FILE]
// With `--fork Amsterdam` the other is @ethereumjs/vm (tests/amsterdam/oracle.mjs), which
// compares receipts, gas, state root and access list.
// A chain that differs is written to --found with as few blocks and transactions as still
// differ. --out keeps the last batch's tests. Last line: `N passed, N failed`.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chainTest, fill, makeChain, prepare } from './chain.mjs'
import { options, output } from './oracle.mjs'

const BATCH = 100
const here = dirname(fileURLToPath(import.meta.url))
const o = options({ seed: '1', count: '200', found: join(here, 'found') })
const isAmsterdam = o.fork === 'Amsterdam'
const oracle = join(here, '../amsterdam/oracle.mjs')
// The contracts of EIP-8282, as in the oracle.
const STUBS = isAmsterdam ? ['--stub', '0x0000bff46984e3725691fa540a8c7589300d8282', '--stub',
  '0x000064d678505ad48f8ccb093bc65613800e8282'] : []
const work = mkdtempSync(join(tmpdir(), 'metis-blocks-'))
const file = join(work, 'chains.json')
const jsonLines = (text) => text.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l))

// Executes block after block of all chains; a chain whose block is refused is found.
async function execute(chains, found) {
  const most = Math.max(...Object.values(chains).map((c) => c.blocks.length))
  for (let i = 0; i < most; i++) {
    const tests = {}
    for (const [name, c] of Object.entries(chains)) {
      if (c.blocks.length <= i || found.has(name)) continue
      prepare(c, i)
      tests[name] = chainTest(c, i + 1)
    }
    writeFileSync(file, JSON.stringify(tests))
    for (const l of jsonLines(await output(o.evm, ['blockexec', '--jobs', '1', ...STUBS, file]))) {
      if (l.block !== i) continue
      if (l.error) found.set(l.name, `block ${i}: ${l.error}`)
      else fill(chains[l.name], i, l)
    }
  }
}

// Counts what was compared: a line for each that differs, and a last line of totals.
async function compareAmsterdam(names, found) {
  const text = await output('node', [oracle, o.evm, file])
  for (const [, name, why] of text.matchAll(/^DIFFERENT (\S+): (.*)$/gm)) found.set(name, why)
  const [, same, different] = /^(\d+) passed, (\d+) failed$/m.exec(text) ?? [0, 0, 0]
  if (Number(same) + Number(different) !== names.length) throw new Error('not all were compared')
  return found
}

// name -> what was said.
async function compare(chains) {
  const found = new Map()
  await execute(chains, found)
  const tests = {}
  for (const [name, c] of Object.entries(chains)) if (!found.has(name)) tests[name] = chainTest(c)
  writeFileSync(file, JSON.stringify(tests))
  if (o.out) copyFileSync(file, o.out)
  if (Object.keys(tests).length === 0) return found
  if (isAmsterdam) return compareAmsterdam(Object.keys(tests), found)
  for (const s of JSON.parse(await output(o.geth, ['blocktest', file], true))) if (!s.pass) found.set(s.name, s.error)
  for (const l of jsonLines(await output(o.evm, ['blocktest', '--json', '--jobs', '1', file]))) {
    if (!l.pass && !found.has(l.name)) found.set(l.name, `import: ${l.error}`)
  }
  return found
}

// Leaves out blocks at the end, then transactions, then withdrawals, while it differs.
async function minimise(name, chain) {
  const differs = async (c) => (await compare({ [name]: c })).size > 0
  let best = chain
  const attempt = async (change) => {
    const c = structuredClone(best)
    c.blocks.forEach((b, i) => b.transactions.forEach((tx, k) => {
      c.blocks[i].transactions[k] = Object.assign(Buffer.from(tx), { blobs: best.blocks[i].transactions[k].blobs })
    }))
    change(c)
    if (!(await differs(c))) return false
    best = c
    return true
  }
  while (best.blocks.length > 1 && await attempt((c) => c.blocks.pop()));
  for (let i = 0; i < best.blocks.length; i++) {
    for (let k = best.blocks[i].transactions.length - 1; k >= 0; k--) {
      await attempt((c) => c.blocks[i].transactions.splice(k, 1))
    }
    if (best.blocks[i].withdrawals?.length) await attempt((c) => { c.blocks[i].withdrawals = [] })
  }
  for (const address of Object.keys(best.pre)) {
    await attempt((c) => { c.pre[address].storage = {} })
  }
  return best
}

let passed = 0
let failed = 0
let blocks = 0
let transactions = 0
const first = Number(o.seed)
const count = Number(o.count)
for (let at = 0; at < count; at += BATCH) {
  const chains = {}
  for (let i = at; i < Math.min(count, at + BATCH); i++) chains[`chain-${first + i}`] = makeChain(first + i, o.fork)
  const found = await compare(chains)
  for (const c of Object.values(chains)) {
    blocks += c.blocks.length
    for (const b of c.blocks) transactions += b.transactions.length
  }
  passed += Object.keys(chains).length - found.size
  for (const [name, why] of found) {
    console.log(`DIFFER ${name} [${chains[name].network}]: ${why}`)
    if (failed++ > 20) continue
    mkdirSync(o.found, { recursive: true })
    const small = o.minimise === 'no' ? chains[name] : await minimise(name, chains[name])
    writeFileSync(join(o.found, `${name}.json`), JSON.stringify({ [name]: chainTest(small) }, null, 1) + '\n')
  }
  if ((at / BATCH) % 10 === 9) console.log(`${passed} chains agree, ${failed} differ`)
}
rmSync(work, { recursive: true })
console.log(`chains: seeds ${first} to ${first + count - 1}, ${blocks} blocks, ${transactions} transactions`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)
