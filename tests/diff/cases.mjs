// Writes tests/vectors/statetests/*.json: state tests for what the public suites lack
// (BLS12-381, KZG, P-256 and modexp by each fork's prices; blobs at their limits). Roots
// are those of go-ethereum's evm, which then checks the whole file:
//   node tests/diff/cases.mjs --geth EVM
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { operationCases, precompileCases } from './case_ops.mjs'
import { encode, kindOfTransaction, makeTest as randomTest } from './gen.mjs'
import { FORKS } from './opcodes.mjs'
import { INPUTS } from './program.mjs'
import { hex, key, keccak, rlp, word } from './sign.mjs'

const geth = process.argv[process.argv.indexOf('--geth') + 1]
const out = join(dirname(fileURLToPath(import.meta.url)), '../vectors/statetests')
const sender = key(0)
const TO = '0x000000000000000000000000000000000000c0de'
const h = (n) => '0x' + BigInt(n).toString(16)
const NO_LOGS = hex(keccak(rlp([])))

const byte = (...b) => Buffer.from(b)

// Calls the precompile with the call data; slots: status, gas it took, length and hash of
// what it returned.
function caller(at) {
  return Buffer.concat([
    byte(0x36, 0x60, 0, 0x60, 0, 0x37), // memory = call data
    byte(0x5a), // gas before
    byte(0x60, 0, 0x60, 0, 0x36, 0x60, 0, 0x60, 0, 0x61, at >> 8, at & 255, 0x5a, 0xf1),
    byte(0x60, 0, 0x55), // slot 0 = status
    byte(0x5a, 0x90, 0x03, 0x60, 1, 0x55), // slot 1 = before - after
    byte(0x3d, 0x60, 2, 0x55, 0x3d, 0x60, 0, 0x60, 0, 0x3e),
    byte(0x3d, 0x60, 0, 0x20, 0x60, 3, 0x55),
  ])
}

function makeTest(fork, code, transactions, kind, excess) {
  const f = FORKS.indexOf(fork)
  const env = { currentCoinbase: '0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba',
    currentNumber: '0x1', currentTimestamp: h(1000), currentGasLimit: h(30000000),
    currentDifficulty: f < FORKS.indexOf('Paris') ? '0x20000' : '0x0' }
  if (f >= FORKS.indexOf('London')) env.currentBaseFee = '0x7'
  if (f >= FORKS.indexOf('Paris')) env.currentRandom = hex(word(1))
  if (f >= FORKS.indexOf('Cancun')) env.currentExcessBlobGas = h(excess ?? 0)
  const base = { nonce: '0x0', gasLimit: [h(10000000)], to: TO, value: ['0x0'],
    sender: sender.address, secretKey: hex(word(sender.secret)) }
  if (kind === 0) base.gasPrice = '0xa'
  else Object.assign(base, { maxPriorityFeePerGas: '0x1', maxFeePerGas: '0x64' })
  const all = { ...base, ...transactions[0], data: transactions.map((t) => t.data) }
  if (kind > 0) all.accessLists = transactions.map(() => [])
  const entries = transactions.map((t, i) => {
    const e = { hash: '0x' + '00'.repeat(32), logs: NO_LOGS,
      txbytes: hex(encode(kind, { ...base, ...t, data: [t.data] }, f, false)),
      indexes: { data: i, gas: 0, value: 0 } }
    if (t.exception) e.expectException = t.exception
    return e
  })
  delete all.exception
  return { env, pre: {
    [sender.address]: { nonce: '0x0', balance: '0x3635c9adc5dea00000', code: '0x', storage: {} },
    [TO]: { nonce: '0x1', balance: '0x0', code: hex(code), storage: {} } },
  transaction: all, config: { chainid: '0x01' }, post: { [fork]: entries } }
}

function precompile(fork, at, more = []) {
  const inputs = [...(INPUTS.get(at) ?? []), ...more].filter((b) => b.length <= 1600)
  return makeTest(fork, caller(at), inputs.map((b) => ({ data: hex(b) })), 0)
}

// Lengths and exponents at the edges of the prices.
function modexpEdges() {
  const cases = []
  for (const [b, e, m] of [[0, 0, 0], [1, 1, 1], [31, 1, 31], [32, 1, 32], [33, 1, 33],
    [32, 32, 32], [32, 33, 32], [64, 33, 64], [65, 40, 64], [1, 64, 200], [200, 1, 1],
    [0, 32, 32], [32, 0, 32], [1023, 1, 1], [1024, 1, 1], [1025, 1, 1], [1, 1024, 1],
    [1, 1025, 1], [1, 1, 1024], [1, 1, 1025]]) {
    for (const fill of [0x00, 0x01, 0xff]) {
      cases.push(Buffer.concat([word(b), word(e), word(m), Buffer.alloc(Math.min(b + e + m, 400), fill)]))
    }
  }
  for (const n of [1n << 32n, 1n << 63n, 1n << 64n, (1n << 256n) - 1n]) {
    cases.push(Buffer.concat([word(n), word(1), word(1)]))
    cases.push(Buffer.concat([word(1), word(n), word(1)]))
    cases.push(Buffer.concat([word(1), word(1), word(n)]))
    cases.push(Buffer.concat([word(0), word(n), word(0)]))
  }
  return cases
}

// BLOBHASH of five indices and BLOBBASEFEE into slots.
const BLOB_CODE = Buffer.concat([0, 1, 5, 6, 255].map((i) => byte(0x60, i, 0x49, 0x60, i, 0x55))
  .concat([byte(0x4a, 0x60, 0xfe, 0x55)]))
const hashes = (n, version = '01') => Array.from({ length: n },
  (_, i) => '0x' + version + i.toString(16).padStart(62, '0'))

function blobs() {
  const tests = {}
  const limit = { Cancun: 6, Prague: 9, Osaka: 6 }
  const NAME = 'TransactionException.'
  for (const fork of Object.keys(limit)) {
    const add = (name, t, excess) => {
      tests[`blob ${name} ${fork}`] = makeTest(fork, BLOB_CODE,
        [{ data: '0x', maxFeePerBlobGas: h(1000), blobVersionedHashes: hashes(1), ...t }], 3, excess)
    }
    add('one', {})
    add('most', { blobVersionedHashes: hashes(limit[fork]) })
    add('none', { blobVersionedHashes: [], exception: NAME + 'TYPE_3_TX_ZERO_BLOBS' })
    add('version', { blobVersionedHashes: hashes(2, '02'),
      exception: NAME + 'TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH' })
    add('price zero', { maxFeePerBlobGas: '0x0',
      exception: NAME + 'INSUFFICIENT_MAX_FEE_PER_BLOB_GAS' })
    add('price one', { maxFeePerBlobGas: '0x1' })
    for (const n of [1, 2, 16, 17, 64, 100]) add(`excess ${n}`, { maxFeePerBlobGas: h(10n ** 12n) }, n * 393216)
  }
  return tests
}

// Of the random tests the smallest of each fork and type of transaction, and more of those
// that delegate (EIP-7702).
function sample() {
  const best = new Map()
  for (let seed = 1; seed <= 6000; seed++) {
    const t = randomTest(seed)
    const kind = kindOfTransaction(t.transaction)
    const size = JSON.stringify(t).length
    const place = `${Object.keys(t.post)[0]} type ${kind}` + (kind === 4 ? ` ${seed % 8}` : '')
    if (!best.has(place) || size < best.get(place).size) best.set(place, { seed, size, t })
  }
  return Object.fromEntries([...best].map(([place, b]) => [`${place} fuzz-${b.seed}`, b.t]))
}

function run(path) {
  const r = spawnSync(geth, ['statetest', path], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return JSON.parse(r.stdout)
}

// Tests whose transaction is refused without a named reason are left out of a sample.
function write(name, tests, isSample) {
  const path = join(out, name + '.json')
  const save = () => writeFileSync(path, JSON.stringify(tests) + '\n')
  save()
  for (const s of isSample ? run(path) : []) if (/^unexpected error/.test(s.error)) delete tests[s.name]
  save()
  const at = {}
  for (const s of run(path)) {
    const entries = Object.values(tests[s.name].post)[0]
    const i = at[s.name] ?? 0
    at[s.name] = i + 1
    entries[i].hash = s.stateRoot ?? /got ([0-9a-f]{64})/.exec(s.error)?.[1]
  }
  save()
  const place = {}
  for (const s of run(path)) {
    const i = place[s.name] ?? 0
    place[s.name] = i + 1
    const logs = /logs hash mismatch: got ([0-9a-f]{64})/.exec(s.error)
    if (logs) Object.values(tests[s.name].post)[0][i].logs = '0x' + logs[1]
  }
  save()
  const wrong = run(path).filter((s) => !s.pass)
  for (const s of wrong) console.log(`${s.name}: ${s.error}`)
  console.log(`${name}: ${Object.values(at).reduce((a, b) => a + b, 0)} cases, ${wrong.length} refused by the oracle`)
  if (wrong.length > 0) process.exitCode = 1
}

mkdirSync(out, { recursive: true })
const bls = {}
for (let at = 11; at <= 17; at++) bls[`bls ${at} Osaka`] = precompile('Osaka', at)
write('bls', bls)
const plain = (fork, code, transactions, more) => {
  const t = makeTest(fork, code, transactions, 0)
  Object.assign(t.pre, more)
  return t
}
write('sample', sample(), true)
write('operations', operationCases(plain))
write('precompiles', precompileCases(plain))
const modexp = {}
for (const fork of ['Byzantium', 'Berlin', 'Osaka']) {
  const only = modexpEdges()
  modexp[`modexp ${fork}`] = makeTest(fork, caller(5), only.map((b) => ({ data: hex(b) })), 0)
}
write('modexp', modexp)
write('kzg', { 'kzg Cancun': precompile('Cancun', 10) })
write('p256', { 'p256 Osaka': precompile('Osaka', 256) })
write('blobs', blobs())
