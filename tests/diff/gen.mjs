// Random state tests (the layout of ethereum/tests), the same for the same seed:
//   node tests/diff/gen.mjs --seed S --count N --out FILE [--fork F]
// What should come out is not in them; run.mjs asks the implementations.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FORKS, fork, opsOf, undefinedOf } from './opcodes.mjs'
import { Program, Random, precompileInput } from './program.mjs'
import { makeSegments, waysOf } from './segments.mjs'
import { hex, keccak, key, rlp, sign, word } from './sign.mjs'

const KEYS = Array.from({ length: 5 }, (_, i) => key(i))
export const CONTRACTS = Array.from({ length: 4 }, (_, i) => '0x' + (0xc0de00 + i).toString(16).padStart(40, '0'))
const PROBE = '0x0000000000000000000000000000000000c0dead'
export const COINBASE = '0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba'
const h = (n) => '0x' + BigInt(n).toString(16)

// The code a delegation points from.
const delegation = (to) => '0xef0100' + to.slice(2)

// A contract of single operations, most of which fail.
function makeProbe(r, f) {
  const wanted = Array.from({ length: 8 }, () => {
    if (r.chance(10)) return { op: r.of(undefinedOf(f)), way: 'undefined' }
    const op = r.of(opsOf(f))
    const operands = r.chance(40) ? undefined
      : Array.from({ length: op.in }, () => (r.chance(70) ? r.to(70) : BigInt(hex(r.buffer(32)))))
    return { op, way: r.of(['ok', ...waysOf(op)]), operands }
  })
  return { address: PROBE, ...makeSegments(wanted) }
}

export function makeWorld(r, f) {
  const near = [...CONTRACTS, ...CONTRACTS, ...KEYS.map((k) => k.address), COINBASE]
  const world = { fork: f, addresses: [...near, '0x' + '00'.repeat(18) + 'dead', '0x02'],
    probe: makeProbe(r, f) }
  const pre = {}
  for (const address of CONTRACTS) {
    const storage = {}
    for (let i = 0; i < r.to(5); i++) storage[hex(word(i))] = hex(word(1 + r.to(1000)))
    pre[address] = { nonce: '0x1', balance: h(r.to(1000)),
      code: hex(new Program(r, world, 2).body()), storage }
  }
  pre[PROBE] = { nonce: '0x1', balance: '0x100', code: hex(world.probe.code), storage: {} }
  KEYS.forEach((k, i) => {
    const code = f >= fork('Prague') && i > 0 && r.chance(30)
      ? delegation(r.of(world.addresses.slice(0, 13))) : '0x'
    pre[k.address] = { nonce: h(code === '0x' ? r.to(3) : 1), code, storage: {},
      balance: i === 0 ? '0x56bc75e2d63100000' : h(1 + r.to(100000)) }
  })
  if (r.chance(20)) delete pre[KEYS[4].address]
  return { world, pre }
}

function makeEnv(r, f) {
  const env = { currentCoinbase: COINBASE, currentNumber: h(1000), currentTimestamp: h(10000),
    currentGasLimit: h(30000000), currentDifficulty: f < fork('Paris') ? h(0x20000) : '0x0' }
  if (f >= fork('London')) env.currentBaseFee = h(r.in(7, 1000))
  if (f >= fork('Paris')) env.currentRandom = hex(word(BigInt(hex(r.buffer(32)))))
  if (f >= fork('Cancun')) env.currentExcessBlobGas = h(r.to(40) * 131072)
  return env
}

function accessList(r, world) {
  return Array.from({ length: r.to(4) }, () => ({
    address: '0x' + BigInt(r.of(world.addresses)).toString(16).padStart(40, '0'),
    storageKeys: Array.from({ length: r.to(3) }, () => hex(word(r.to(8)))),
  }))
}

function authorizations(r, world, pre) {
  return Array.from({ length: r.in(1, 3) }, () => {
    const who = r.of(KEYS)
    const have = pre[who.address] === undefined ? 0 : Number(pre[who.address].nonce)
    const a = { chainId: h(r.chance(90) ? r.to(2) : 5),
      address: r.chance(8) ? '0x' + '00'.repeat(20)
        : '0x' + BigInt(r.of(world.addresses)).toString(16).padStart(40, '0'),
      nonce: h(have + (who === KEYS[0] ? 1 : 0) + (r.chance(88) ? 0 : 1)) }
    const digest = keccak(Buffer.concat([Buffer.from([5]),
      rlp([BigInt(a.chainId), a.address, BigInt(a.nonce)])]))
    const s = sign(who, r.chance(95) ? digest : keccak(digest))
    const out = { ...a, v: h(s.y), r: h(s.r), s: h(s.s), yParity: h(s.y) }
    if (r.chance(95)) out.signer = who.address
    return out
  })
}

function kindOf(r, f) {
  const kinds = [0, 0]
  if (f >= fork('Berlin')) kinds.push(1)
  if (f >= fork('London')) kinds.push(2, 2)
  if (f >= fork('Cancun')) kinds.push(3)
  if (f >= fork('Prague')) kinds.push(4, 4)
  return r.of(kinds)
}

// tame: keeps every rule.
export function makeTransaction(r, f, env, w, tame) {
  const kind = kindOf(r, f)
  const base = Number(env.currentBaseFee ?? 0)
  const create = kind < 3 && r.chance(8)
  const target = create ? ''
    : r.chance(85) ? r.of(CONTRACTS) : '0x' + BigInt(r.of(w.world.addresses)).toString(16).padStart(40, '0')
  const data = create ? new Program(r, w.world, 1).init()
    : r.chance(30) ? precompileInput(r, r.of([1, 5, 6, 9])) : r.buffer(r.to(150))
  const gas = r.chance(85) ? r.in(2000000, 8000000) : r.chance(80) ? r.in(60000, 400000) : r.in(20000, 60000)
  const t = { nonce: w.pre[KEYS[0].address].nonce, gasLimit: [h(gas)], to: target,
    value: [h(r.chance(60) ? 0 : r.to(5000))], data: [hex(data)],
    sender: KEYS[0].address, secretKey: hex(word(KEYS[0].secret)) }
  if (kind < 2) t.gasPrice = h(base + r.to(100) - (r.chance(2) ? 50 : 0) < 1 ? 1 : base + r.to(100))
  else {
    t.maxPriorityFeePerGas = h(r.to(50))
    t.maxFeePerGas = h(base + 50 + r.to(50))
  }
  if (kind >= 1) t.accessLists = [accessList(r, w.world)]
  if (kind === 3) {
    t.maxFeePerBlobGas = h(r.chance(97) ? 100000 : 0)
    t.blobVersionedHashes = Array.from({ length: r.in(r.chance(3) ? 0 : 1, r.chance(5) ? 11 : 6) },
      () => (r.chance(98) ? '0x01' : '0x02') + r.buffer(31).toString('hex'))
  }
  if (kind === 4) t.authorizationList = authorizations(r, w.world, w.pre)
  if (!tame && r.chance(5)) spoil(r, f, env, w, t)
  return { kind: kindOfTransaction(t), t }
}

// Breaks one of the rules a transaction must keep, or stands at its edge.
function spoil(r, f, env, w, t) {
  const me = w.pre[t.sender]
  switch (r.to(12)) {
  case 0: t.nonce = h(BigInt(t.nonce) + 1n); break
  case 1: t.nonce = h(Math.max(0, Number(t.nonce) - 1)); break
  case 2: me.balance = h(r.to(2000000)); break
  case 3: t.gasLimit = [h(r.in(20900, 21100))]; break
  case 4: t.gasLimit = [h(r.of([29999999, 30000000, 30000001, 1 << 24, (1 << 24) + 1]))]; break
  case 5: if (t.maxFeePerGas) t.maxPriorityFeePerGas = h(BigInt(t.maxFeePerGas) + BigInt(r.to(2))); break
  case 6: me.code = r.chance(50) ? '0x00' : delegation(r.of(CONTRACTS)); break
  case 7: me.nonce = t.nonce = h((1n << 64n) - BigInt(r.in(1, 2))); break
  case 8: if (t.authorizationList) t.authorizationList = []; break
  case 9: if (t.blobVersionedHashes || t.authorizationList) t.to = ''; break
  case 10:
    t.to = ''
    t.data = [hex(Buffer.alloc(r.of([49151, 49152, 49153])))]
    t.gasLimit = [h(5000000)]
    break
  default: // a kind that the fork may not know
    if (t.maxFeePerGas) break
    if (r.chance(50)) t.accessLists = [accessList(r, w.world)]
    if (r.chance(50)) {
      t.maxFeePerGas = t.gasPrice
      t.maxPriorityFeePerGas = '0x0'
      delete t.gasPrice
    }
  }
}

// The signed bytes.
export function encode(kind, t, f, legacyChain, who = KEYS[0]) {
  const n = (v) => BigInt(v)
  const tail = [n(t.gasLimit[0]), t.to, n(t.value[0]), t.data[0]]
  if (kind === 0) {
    const fields = [n(t.nonce), n(t.gasPrice), ...tail]
    const s = sign(who, keccak(rlp(legacyChain ? [...fields, 1, 0, 0] : fields)))
    return rlp([...fields, s.y + (legacyChain ? 37 : 27), s.r, s.s])
  }
  const list = (t.accessLists?.[0] ?? []).map((e) => [e.address, e.storageKeys])
  const price = kind === 1 ? [n(t.gasPrice)] : [n(t.maxPriorityFeePerGas), n(t.maxFeePerGas)]
  const fields = [1, n(t.nonce), ...price, ...tail, list]
  if (kind === 3) fields.push(n(t.maxFeePerBlobGas), t.blobVersionedHashes)
  if (kind === 4) {
    fields.push(t.authorizationList.map((a) => [n(a.chainId), a.address, n(a.nonce), n(a.v),
      n(a.r), n(a.s)]))
  }
  const mark = Buffer.from([kind])
  const s = sign(who, keccak(Buffer.concat([mark, rlp(fields)])))
  return Buffer.concat([mark, rlp([...fields, s.y, s.r, s.s])])
}

export function kindOfTransaction(t) {
  if (t.authorizationList) return 4
  if (t.blobVersionedHashes) return 3
  return t.maxFeePerGas ? 2 : t.accessLists ? 1 : 0
}

const NOTHING = '0x' + '00'.repeat(32)

export function makeTest(seed, forkName) {
  const r = new Random(seed)
  const name = forkName ?? (r.chance(45) ? r.of(FORKS.slice(11)) : r.of(FORKS))
  const f = fork(name)
  const w = makeWorld(r, f)
  const env = makeEnv(r, f)
  const { kind, t } = makeTransaction(r, f, env, w)
  const txbytes = hex(encode(kind, t, f, f >= fork('EIP158') && r.chance(50)))
  return { env, pre: w.pre, transaction: t, config: { chainid: '0x01' },
    post: { [name]: [{ hash: NOTHING, logs: NOTHING, txbytes,
      indexes: { data: 0, gas: 0, value: 0 } }] } }
}

export function makeFile(path, seed, count, forkName) {
  const tests = {}
  for (let i = 0; i < count; i++) tests[`fuzz-${seed + i}`] = makeTest(seed + i, forkName)
  writeFileSync(path, JSON.stringify(tests))
  return tests
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const arg = (name) => {
    const at = process.argv.indexOf('--' + name)
    return at < 0 ? undefined : process.argv[at + 1]
  }
  if (!arg('out') || !arg('seed') || !arg('count')) {
    console.error('usage: gen.mjs --seed S --count N --out FILE [--fork F]')
    process.exit(2)
  }
  makeFile(arg('out'), Number(arg('seed')), Number(arg('count')), arg('fork'))
}
