// Writes tests/vectors/state/*.json: state tests of what the public set lacks — valid and
// malformed inputs of BLS12-381 (EIP-2537), lengths and prices of modexp (EIP-198, 2565,
// 7823, 7883), P-256 (EIP-7951), and blob transactions at their limits (EIP-4844, 7594,
// 7691). Each calls a contract that stores success, size and hash of the output and the
// gas that the call took. State roots are those of @ethereumjs/vm 10.1, an independent
// implementation; valid points come from @noble/curves.
//   npm i @ethereumjs/vm@10.1.0 @noble/curves@1.9.7 somewhere, then
//   node tests/vectors/state.mjs THAT_FOLDER
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(join(resolve(process.argv[2]), 'package.json'))
const { createVM, runTx } = require('@ethereumjs/vm')
const { MerkleStateManager } = require('@ethereumjs/statemanager')
const { Common, Hardfork, Mainnet } = require('@ethereumjs/common')
const { createTx } = require('@ethereumjs/tx')
const { createBlock } = require('@ethereumjs/block')
const util = require('@ethereumjs/util')
const { bls12_381 } = require('@noble/curves/bls12-381')
const { p256 } = require('@noble/curves/p256')

const FORKS = {
  Byzantium: Hardfork.Byzantium, Istanbul: Hardfork.Istanbul, Berlin: Hardfork.Berlin,
  London: Hardfork.London, Paris: Hardfork.Paris, Shanghai: Hardfork.Shanghai,
  Cancun: Hardfork.Cancun, Prague: Hardfork.Prague, Osaka: Hardfork.Osaka,
}
const KEY = '0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8'
const SENDER = '0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b'
const TARGET = '0x00000000000000000000000000000000000c0de5'
const COINBASE = '0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba'
const KECCAK_EMPTY_LOGS = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'

const hex = (n, bytes) => BigInt(n).toString(16).padStart(bytes * 2, '0')

// Copies the calldata to memory, calls `to` with all but little gas, stores what came of it.
function probe(to) {
  const push2 = (n) => '61' + hex(n, 2)
  return '0x' + [
    '36', '6000', '6000', '37', // calldatacopy
    '5a', // gas before
    '6000', '6000', '36', '6000', push2(to), '62e4e1c0', 'fa', // staticcall(15000000, ...)
    '5a', // gas after: success and the two on the stack
    '91', '6001', '01', '6000', '55', // slot 0: 1 + success
    '90', '03', '6001', '55', // slot 1: gas taken
    '3d', '6002', '55', // slot 2: size
    '3d', '6000', '6000', '3e', '3d', '6000', '20', '6003', '55', '00', // slot 3: hash
  ].join('')
}

const BLANK = '0x' + '00'.repeat(32)
const envOf = (fork, more) => ({
  currentCoinbase: COINBASE, currentGasLimit: '0x5f5e100', currentNumber: '0x1',
  currentTimestamp: '0x3e8', currentDifficulty: ['Byzantium', 'Istanbul', 'Berlin', 'London'].includes(fork) ? '0x20000' : '0x0',
  currentRandom: BLANK, currentBaseFee: '0x7', currentExcessBlobGas: '0x0', ...more,
})

async function runCase(fork, code, txFields, envMore = {}) {
  const common = new Common({ chain: Mainnet, hardfork: FORKS[fork], customCrypto: { kzg: {} } }) // no sidecars here
  const env = envOf(fork, envMore)
  const header = { number: 1n, gasLimit: 100000000n, timestamp: 1000n, coinbase: COINBASE }
  const merged = common.gteHardfork(Hardfork.Paris)
  if (!merged) header.difficulty = 0x20000n
  if (common.gteHardfork(Hardfork.London)) header.baseFeePerGas = 7n
  if (common.gteHardfork(Hardfork.Cancun)) {
    header.excessBlobGas = BigInt(env.currentExcessBlobGas)
    header.blobGasUsed = 0n
    header.parentBeaconBlockRoot = BLANK
  }
  const block = createBlock({ header }, { common, skipConsensusFormatValidation: true, setHardfork: false })
  const stateManager = new MerkleStateManager({ common })
  const vm = await createVM({ common, stateManager })
  const put = async (a, balance, code) => {
    const addr = util.createAddressFromString(a)
    await stateManager.putAccount(addr, util.createAccount({ balance }))
    if (code !== undefined) await stateManager.putCode(addr, util.hexToBytes(code))
  }
  const pre = { [SENDER]: { nonce: '0x0', balance: '0xde0b6b3a7640000', code: '0x', storage: {} } }
  await put(SENDER, 10n ** 18n)
  if (code !== undefined) {
    pre[TARGET] = { nonce: '0x0', balance: '0x0', code, storage: {} }
    await put(TARGET, 0n, code)
  }
  const before = await stateManager.getStateRoot()
  let refused
  let bytes
  const fields = { nonce: 0n, gasLimit: 16000000n, to: TARGET, value: 0n, ...txFields }
  if (fields.type === undefined) fields.gasPrice = 10n
  const tx = createTx(fields, { common }).sign(util.hexToBytes(KEY))
  bytes = util.bytesToHex(tx.serialize())
  try {
    await runTx(vm, { tx, block, skipBlockGasLimitValidation: false })
  } catch (e) {
    refused = String(e.message)
  }
  const root = util.bytesToHex(refused === undefined ? await stateManager.getStateRoot() : before)
  return { env, pre, post: { hash: root, logs: KECCAK_EMPTY_LOGS, txbytes: bytes, indexes: { data: 0, gas: 0, value: 0 } }, refused }
}

const out = {}
async function add(file, name, forks, code, fields, envMore, exception) {
  const tests = (out[file] ??= {})
  for (const fork of forks) {
    const c = await runCase(fork, code, fields, envMore)
    if ((c.refused !== undefined) !== (exception !== undefined)) throw new Error(`${name} ${fork}: ${c.refused}`)
    if (exception !== undefined) c.post.expectException = 'TransactionException.' + exception
    const t = (tests[name] ??= { env: c.env, pre: c.pre, config: { chainid: '0x01' }, post: {} })
    t.post[fork] = [c.post]
  }
}

// ---- modexp ----
const MODEXP_FORKS = ['Byzantium', 'Istanbul', 'Berlin', 'London', 'Paris', 'Shanghai', 'Cancun', 'Prague', 'Osaka']
const modexpInput = (b, e, m, sizes = [b.length / 2, e.length / 2, m.length / 2]) =>
  '0x' + sizes.map((n) => hex(n, 32)).join('') + b + e + m
let seed = 7n
function random(n) { // a fixed sequence
  let s = ''
  for (let i = 0; i < n; i++) {
    seed = (seed * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n)
    s += hex(seed >> 56n, 1)
  }
  return s
}
const modexp = {}
for (const n of [0, 1, 7, 8, 9, 16, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 255, 256, 257, 512])
  for (const e of ['', '00', '01', '02', '03', 'ff', '010001', '80' + '00'.repeat(31), 'ff'.repeat(32), '00'.repeat(32) + '01',
    '01' + '00'.repeat(32), 'ff'.repeat(40)])
    if (n <= 64 || e.length < 66) modexp[`modexp_${n}_bytes_exponent_${e.length / 2}_${e.slice(0, 4)}`] =
      modexpInput(random(n), e, n === 0 ? '' : random(n - 1) + '0d')
for (const [b, m] of [[1, 32], [32, 1], [64, 33], [33, 64], [0, 32], [32, 0], [200, 8]])
  modexp[`modexp_base_${b}_modulus_${m}`] = modexpInput(random(b), '010001', random(m))
modexp.modexp_modulus_zero = modexpInput(random(32), '03', '00'.repeat(32))
modexp.modexp_modulus_one = modexpInput(random(32), '03', '00'.repeat(31) + '01')
modexp.modexp_modulus_even = modexpInput(random(64), random(32), random(63) + '10')
modexp.modexp_power_of_two = modexpInput(random(32), random(16), '80' + '00'.repeat(31))
modexp.modexp_zero_to_zero = modexpInput('00', '00', '05')
modexp.modexp_no_input = '0x'
modexp.modexp_input_cut_short = modexpInput('03', '02', '', [1, 1, 32])
modexp.modexp_1024_bytes = modexpInput(random(1024), '03', random(1023) + '01')
modexp.modexp_1025_bytes = modexpInput(random(1025), '03', random(1024) + '01')
modexp.modexp_huge_length = '0x' + hex((1n << 255n), 32) + hex(1, 32) + hex(1, 32)
modexp.modexp_huge_exponent_of_nothing = '0x' + hex(0, 32) + hex((1n << 128n), 32) + hex(0, 32)
for (const [name, data] of Object.entries(modexp)) await add('modexp', name, MODEXP_FORKS, probe(5), { data })

// ---- BLS12-381 ----
const { G1, G2, fields } = bls12_381
const P1 = G1.ProjectivePoint ?? G1.Point
const P2 = G2.ProjectivePoint ?? G2.Point
const R = bls12_381.fields.Fr.ORDER
const FP = bls12_381.fields.Fp.ORDER
const fp = (x) => hex(x, 64)
const g1 = (p) => (p.equals(P1.ZERO) ? '00'.repeat(128) : (({ x, y }) => fp(x) + fp(y))(p.toAffine()))
const g2 = (p) => (p.equals(P2.ZERO) ? '00'.repeat(256)
  : (({ x, y }) => fp(x.c0) + fp(x.c1) + fp(y.c0) + fp(y.c1))(p.toAffine()))
const k1 = (n) => (n === 0n ? P1.ZERO : P1.BASE.multiply(n))
const k2 = (n) => (n === 0n ? P2.ZERO : P2.BASE.multiply(n))
const scalars = [0n, 1n, 2n, 3n, 12345n, (1n << 200n) + 9n, R - 1n, R - 2n]
const bls = {}
for (const a of scalars)
  for (const b of scalars) {
    bls[`g1add_${hex(a, 32).slice(-4)}_${hex(b, 32).slice(-4)}`] = [0x0b, g1(k1(a)) + g1(k1(b))]
    bls[`g2add_${hex(a, 32).slice(-4)}_${hex(b, 32).slice(-4)}`] = [0x0d, g2(k2(a)) + g2(k2(b))]
    bls[`pairing_${hex(a, 32).slice(-4)}_${hex(b, 32).slice(-4)}`] = [0x0f,
      g1(k1(a)) + g2(k2(b)) + g1(k1(a * b % R).negate()) + g2(P2.BASE)]
  }
for (const n of [1, 2, 3, 7, 16, 64, 128, 129, 200]) {
  let m1 = '', m2 = ''
  for (let i = 0; i < n; i++) {
    m1 += g1(k1(BigInt(i + 1))) + random(32)
    if (n <= 64) m2 += g2(k2(BigInt(i + 1))) + random(32)
  }
  bls[`g1msm_${n}`] = [0x0c, m1]
  if (n <= 64) bls[`g2msm_${n}`] = [0x0e, m2]
}
for (const k of [0n, 1n, R, R + 1n, (1n << 256n) - 1n]) {
  bls[`g1msm_scalar_${hex(k, 32).slice(0, 6)}_${hex(k, 32).slice(-2)}`] = [0x0c, g1(k1(5n)) + hex(k, 32)]
  bls[`g2msm_scalar_${hex(k, 32).slice(0, 6)}_${hex(k, 32).slice(-2)}`] = [0x0e, g2(k2(5n)) + hex(k, 32)]
}
for (const x of [0n, 1n, 2n, 77n, FP - 1n, FP]) {
  bls[`map_fp_${hex(x, 48).slice(-4)}`] = [0x10, fp(x)]
  bls[`map_fp2_${hex(x, 48).slice(-4)}`] = [0x11, fp(x) + fp(3n)]
}
// On the curve, outside the subgroup: allowed in additions only.
const outside1 = (() => {
  for (let x = 1n; ; x++) {
    const y = (() => { try { return bls12_381.fields.Fp.sqrt((x ** 3n + 4n) % FP) } catch { return undefined } })()
    if (y !== undefined && !P1.fromAffine({ x, y }).isTorsionFree()) return fp(x) + fp(y)
  }
})()
bls.g1add_outside_subgroup = [0x0b, outside1 + g1(k1(1n))]
bls.g1msm_outside_subgroup = [0x0c, outside1 + hex(2, 32)]
bls.pairing_outside_subgroup = [0x0f, outside1 + g2(k2(1n))]
bls.g1add_not_on_curve = [0x0b, fp(1n) + fp(1n) + g1(k1(1n))]
bls.g2add_not_on_curve = [0x0d, fp(1n).repeat(4) + g2(k2(1n))]
bls.g1add_x_of_p = [0x0b, fp(FP) + fp(1n) + g1(k1(1n))]
bls.g1add_high_bytes = [0x0b, '01' + g1(k1(1n)).slice(2) + g1(k1(1n))]
for (const [name, at, unit] of [['g1add', 0x0b, 256], ['g1msm', 0x0c, 160], ['g2add', 0x0d, 512], ['g2msm', 0x0e, 288],
  ['pairing', 0x0f, 384], ['map_fp', 0x10, 64], ['map_fp2', 0x11, 128]])
  for (const len of [0, 1, unit - 1, unit, unit + 1]) bls[`${name}_zeros_${len}`] = [at, '00'.repeat(len)]
for (const [name, [at, data]] of Object.entries(bls)) await add('bls12_381', name, ['Prague', 'Osaka'], probe(at), { data: '0x' + data })

// ---- P-256 ----
const priv = hex(12345n, 32)
const pub = p256.getPublicKey(priv, false)
const key = util.bytesToHex(pub).slice(4)
const digest = hex(0x1234567890abcdefn, 32)
const sig = p256.sign(digest, priv, { prehash: false, lowS: false })
const N = p256.CURVE?.n ?? p256.Point.Fn.ORDER
const p256cases = {
  p256_valid: digest + hex(sig.r, 32) + hex(sig.s, 32) + key,
  p256_other_s: digest + hex(sig.r, 32) + hex(N - sig.s, 32) + key,
  p256_other_digest: hex(1, 32) + hex(sig.r, 32) + hex(sig.s, 32) + key,
  p256_r_zero: digest + hex(0, 32) + hex(sig.s, 32) + key,
  p256_s_zero: digest + hex(sig.r, 32) + hex(0, 32) + key,
  p256_r_order: digest + hex(N, 32) + hex(sig.s, 32) + key,
  p256_s_plus_order: digest + hex(sig.r, 32) + hex(sig.s + N < 1n << 256n ? sig.s + N : N, 32) + key,
  p256_key_zero: digest + hex(sig.r, 32) + hex(sig.s, 32) + '00'.repeat(64),
  p256_key_not_on_curve: digest + hex(sig.r, 32) + hex(sig.s, 32) + hex(5, 32) + hex(1, 32),
  p256_short: (digest + hex(sig.r, 32) + hex(sig.s, 32) + key).slice(2),
  p256_long: digest + hex(sig.r, 32) + hex(sig.s, 32) + key + '00',
  p256_empty: '',
}
for (const [name, data] of Object.entries(p256cases)) await add('p256', name, ['Prague', 'Osaka'], probe(0x100), { data: '0x' + data })

// ---- blobs ----
const STORE_HASHES = '0x' + [0, 1, 5, 6, 9, 255].map((i, k) => `60${hex(i, 1)}4960${hex(k, 1)}55`).join('') + '4a6010' + '5500'
const versioned = (i) => '0x01' + hex(i + 1, 31)
const blobTx = (n, more = {}) => ({ type: 3, chainId: 1n, gasLimit: 1000000n, maxFeePerGas: 10n, maxPriorityFeePerGas: 1n,
  maxFeePerBlobGas: 1n << 38n, blobVersionedHashes: Array.from({ length: n }, (_, i) => versioned(i)), accessList: [], data: '0x', ...more })
for (const n of [1, 2, 5, 6]) await add('blobs', `blobs_${n}`, ['Cancun', 'Prague', 'Osaka'], STORE_HASHES, blobTx(n))
await add('blobs', 'blobs_9', ['Prague'], STORE_HASHES, blobTx(9))
for (const excess of [0n, 1n, 393216n, 786432n, 10000000n, 50000000n, 70000000n])
  await add('blobs', `blob_fee_of_excess_${excess}`, ['Cancun', 'Prague', 'Osaka'], STORE_HASHES, blobTx(1),
    { currentExcessBlobGas: '0x' + excess.toString(16) })

mkdirSync(join(here, 'state'), { recursive: true })
let cases = 0
for (const [file, tests] of Object.entries(out)) {
  writeFileSync(join(here, `state/${file}.json`), JSON.stringify(tests) + '\n')
  for (const t of Object.values(tests)) cases += Object.keys(t.post).length
}
console.log(`${cases} cases`)
