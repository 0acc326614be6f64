// eth_getBlockAccessList and debug_getRawBlockAccessList on a network before Amsterdam. What a
// block's list says of its one transaction is what prestateTracer says of it, and
// callTracer of its calls, which trace.mjs compares with anvil's. The lists of Amsterdam itself
// are the conformance suite's.
//   node tests/rpc/access_lists.mjs [--bin build/metisd]
import assert from 'node:assert/strict'
import { counter, options, rpc, startMetisd } from '../lib/metisd.mjs'
import { flows } from './flows.mjs'
import { A, CODE, send, TXS } from './peers.mjs'

const opt = options({ bin: 'build/metisd' })
const count = counter({ quiet: true })
const node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0'])
const url = node.networks[0].http
const ask = (method, ...params) => rpc(url, method, params)

// Called around every block (EIP-4788, 2935, 7002, 7251), not by its transactions.
const SYSTEM = ['0x000f3df6d732807ef1319fb7b8bb8522d0beac02', '0x0000f90827f1c53a10cb7a02335b175320002935',
  '0x00000961ef480eb55e80d19ad83579a64c007002', '0x0000bbddc7ce488642fb579f8b00f3a590007251',
  '0xfffffffffffffffffffffffffffffffffffffffe']

// The value at the start of bytes, and what follows it (yellow paper, appendix B).
function decode(bytes) {
  const first = bytes[0]
  if (first < 0x80) return [bytes.subarray(0, 1), bytes.subarray(1)]
  const list = first >= 0xc0
  const short = first - (list ? 0xc0 : 0x80)
  const sized = short > 55 ? short - 55 : 0
  const length = sized ? Number('0x' + bytes.subarray(1, 1 + sized).toString('hex')) : short
  let inner = bytes.subarray(1 + sized, 1 + sized + length)
  const rest = bytes.subarray(1 + sized + length)
  if (!list) return [inner, rest]
  const items = []
  for (let item; inner.length;) items.push(([item, inner] = decode(inner))[0])
  return [items, rest]
}
const quantity = (b) => '0x' + (b.toString('hex').replace(/^0+/, '') || '0')
const word = (b) => '0x' + b.toString('hex').padStart(64, '0')
const data = (b) => '0x' + b.toString('hex')
const change = (key, form) => ([index, value]) => ({ index: quantity(index), [key]: form(value) })
const fromRlp = (hex) => decode(Buffer.from(hex.slice(2), 'hex'))[0].map(([addr, slots, reads, balances, nonces, codes]) => ({
  address: data(addr),
  storageChanges: slots.map(([slot, changes]) => ({ key: word(slot), changes: changes.map(change('value', word)) })),
  storageReads: reads.map(word),
  balanceChanges: balances.map(change('value', quantity)),
  nonceChanges: nonces.map(change('value', quantity)),
  codeChanges: codes.map(change('code', data)),
}))

// What the list says of transaction 1, in the form of the tracer's two modes.
function ofTransaction(list) {
  const touched = {}
  const post = {}
  for (const a of list) {
    const last = (changes) => changes.find((c) => c.index === '0x1')
    const slots = a.storageChanges.filter((s) => last(s.changes))
    touched[a.address] = [...a.storageReads, ...a.storageChanges.map((s) => s.key)].sort()
    post[a.address] = {
      balance: last(a.balanceChanges)?.value, nonce: last(a.nonceChanges)?.value, code: last(a.codeChanges)?.code,
      storage: Object.fromEntries(slots.map((s) => [s.key, last(s.changes).value])),
    }
  }
  return { touched, post }
}

async function compare(hash) {
  const { blockNumber } = await ask('eth_getTransactionReceipt', hash)
  const list = await ask('eth_getBlockAccessList', blockNumber)
  assert.deepEqual(fromRlp(await ask('debug_getRawBlockAccessList', blockNumber)), list)
  const got = ofTransaction(list)
  const pre = await ask('debug_traceTransaction', hash, { tracer: 'prestateTracer' })
  const diff = await ask('debug_traceTransaction', hash, { tracer: 'prestateTracer', tracerConfig: { diffMode: true } })
  for (const system of SYSTEM) if (!pre[system]) delete got.touched[system]
  // An account that the transaction makes is in the second mode only, precompiles are among the
  // calls only. Of a creation that failed the tracers do not say the address.
  const calls = await ask('debug_traceTransaction', hash, { tracer: 'callTracer' })
  const targets = (c) => [c.to, ...(c.calls ?? []).flatMap(targets)]
  const failed = targets(calls).filter((to) => !to).length
  const all = new Set([...Object.keys(pre), ...Object.keys(diff.post), ...targets(calls).filter(Boolean)])
  const touched = Object.keys(got.touched)
  assert.deepEqual(touched.filter((a) => all.has(a)).sort(), [...all].sort())
  assert.equal(touched.length, all.size + failed)
  for (const [addr, { storage = {} }] of Object.entries(pre))
    assert.deepEqual(got.touched[addr], Object.keys(storage).sort(), addr)
  for (const [addr, mine] of Object.entries(got.post)) {
    const gone = diff.pre[addr] && !diff.post[addr]
    if (SYSTEM.includes(addr) || gone) continue
    const { balance, nonce, code, storage = {} } = diff.post[addr] ?? {}
    assert.equal(mine.balance, balance, addr)
    assert.equal(mine.nonce, nonce === undefined ? undefined : '0x' + nonce.toString(16), addr)
    assert.equal(mine.code, code, addr)
    const zero = Object.keys(diff.pre[addr]?.storage ?? {}).filter((k) => !(k in storage))
    assert.deepEqual(mine.storage, { ...storage, ...Object.fromEntries(zero.map((k) => [k, word(Buffer.alloc(0))])) }, addr)
  }
}

for (const [n, code] of Object.entries(CODE)) await ask('anvil_setCode', A(Number(n)), '0x' + code)
for (const [name, tx] of TXS) {
  const hash = await send(url, tx)
  await count.check(name, () => compare(hash))
}
for (const [name, hash] of Object.entries(await flows(url))) await count.check(name, () => compare(hash))

await count.check('by tag and hash; what has none', async () => {
  const head = await ask('eth_getBlockByNumber', 'latest', false)
  const list = await ask('eth_getBlockAccessList', head.hash)
  assert.ok(list.length > 0)
  assert.deepEqual(await ask('eth_getBlockAccessList', 'latest'), list)
  assert.equal(await ask('eth_getBlockAccessList', '0xffffff'), null)
  assert.equal(await ask('eth_getBlockAccessList', 'pending'), null)
  for (const [method, block] of [['debug_getRawBlockAccessList', '0xffffff'],
    ['debug_getRawBlockAccessList', 'earliest'], ['eth_getBlockAccessList', '0x0']])
    await assert.rejects(ask(method, block), (e) => e.code === -32001)
})
await node.stop()
process.exit(count.summary() ? 0 : 1)
