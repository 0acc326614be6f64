// The tracers of debug_trace* against anvil: both run the same transactions on the same
// accounts, then their traces of each are compared where the two state the same facts.
//   node tests/rpc/trace.mjs [--bin build/metisd]
import { counter, options, rpc } from '../lib/metisd.mjs'
import { flows } from './flows.mjs'
import { A, difference, FROM, send, startBoth, TXS } from './peers.mjs'

const opt = options({ bin: 'build/metisd' })

// ---- comparing ----
// Errors are told in other words by revm.
const WORDS = { OutOfGas: 'out of gas', InvalidFEOpcode: 'invalid opcode: INVALID',
  StackUnderflow: 'stack underflow (0 <=> 2)' }
// Where anvil and geth say different things, geth is followed: accounts that were empty are
// left out, the outermost call has the transaction's gas, 4byteTracer passes over precompiles,
// the price of a CREATE is without the gas handed on.
const isEmpty = (a) => a.balance === '0x0' && Object.entries(a).every(([k, v]) => k === 'balance' ||
  (k === 'storage' && Object.values(v).every((x) => /^0x0+$/.test(x))))
// Fees differ with the networks' rules, so the coinbase and the sender's balance do.
const without = (state, drop) => {
  if (!state) return state
  const out = {}
  for (const [addr, a] of Object.entries(state)) {
    if (drop.has(addr)) continue
    const { codeHash, balance, ...rest } = a
    if (isEmpty({ balance, ...rest })) continue
    out[addr] = addr === FROM ? rest : { balance, ...rest }
  }
  return out
}

const normal = {
  callTracer: (f, drop, { onlyTop, depth = 0 } = {}) => {
    const g = { ...f }
    if (depth === 0) delete g.gas
    if (g.error in WORDS) g.error = WORDS[g.error]
    if (onlyTop) delete g.calls // a self-destruct
    if (g.calls) g.calls = g.calls.map((x) => normal.callTracer(x, drop, { depth: depth + 1 }))
    if (g.logs) g.logs = g.logs.map(({ index, ...l }) => l)
    return g
  },
  prestateTracer: (s, drop) => s.post
    ? { pre: without(s.pre, drop), post: without(s.post, drop) } : without(s, drop),
  '4byteTracer': ({ '0x00000000-28': precompile, ...x }) => x,
  noopTracer: (x) => x,
  structLogs: (r) => ({ ...r, structLogs: r.structLogs.map(({ error, refund, returnData, ...s }) =>
    ({ ...s, ...(/^CREATE/.test(s.op) ? { gasCost: 0 } : {}), ...(s.storage ? { storage: Object.fromEntries(Object.entries(s.storage).map(
      ([k, v]) => [k.replace(/^0x/, ''), v.replace(/^0x/, '')])) } : {}) })) }),
}

const CASES = [
  ['callTracer', { tracer: 'callTracer' }],
  ['callTracer', { tracer: 'callTracer', tracerConfig: { onlyTopCall: true } }],
  ['callTracer', { tracer: 'callTracer', tracerConfig: { withLog: true } }],
  ['prestateTracer', { tracer: 'prestateTracer' }],
  ['prestateTracer', { tracer: 'prestateTracer', tracerConfig: { diffMode: true } }],
  ['prestateTracer', { tracer: 'prestateTracer', tracerConfig: { disableStorage: true, disableCode: true } }],
  ['4byteTracer', { tracer: '4byteTracer' }],
  ['noopTracer', { tracer: 'noopTracer' }],
  ['structLogs', {}],
]

const count = counter({ quiet: true })
const { anvil, node, ours } = await startBoth(opt.bin)
const coinbases = new Set()
for (const [name, tx] of TXS) {
  const hashes = []
  for (const url of [anvil.url, ours]) {
    hashes.push(await send(url, tx))
    coinbases.add((await rpc(url, 'eth_getBlockByNumber', ['latest', false])).miner)
  }
  for (const [kind, config] of CASES)
    await count.check(`${name}: ${JSON.stringify(config)}`, async () => {
      const want = await rpc(anvil.url, 'debug_traceTransaction', [hashes[0], config])
      const got = await rpc(ours, 'debug_traceTransaction', [hashes[1], config])
      const d = difference(...[want, got].map((x) => normal[kind](x, coinbases,
        { onlyTop: config.tracerConfig?.onlyTopCall })))
      if (d) throw d
    })
}

await count.check('flat, mux, block and call', async () => {
  const block = await rpc(ours, 'eth_getBlockByNumber', ['latest', false])
  const hash = block.transactions[0]
  const call = await rpc(ours, 'debug_traceTransaction', [hash, { tracer: 'callTracer' }])
  const mux = await rpc(ours, 'debug_traceTransaction', [hash, { tracer: 'muxTracer',
    tracerConfig: { callTracer: {}, noopTracer: null } }])
  const same = difference({ callTracer: call, noopTracer: {} }, mux)
  if (same) throw same
  const byHash = await rpc(ours, 'debug_traceBlockByHash', [block.hash, { tracer: 'callTracer' }])
  const d = difference([{ txHash: hash, result: call }], byHash)
  if (d) throw d
  const flat = await rpc(ours, 'debug_traceCall', [{ from: FROM, to: A(0x1003) }, 'latest',
    { tracer: 'flatCallTracer' }])
  const paths = JSON.stringify(flat.map((f) => [f.traceAddress, f.subtraces, f.error]))
  const want = JSON.stringify([[[], 3, undefined], [[0], 0, undefined], [[1], 0, undefined],
    [[2], 0, 'execution reverted']])
  if (paths !== want) throw new Error(`flat: ${paths}`)
})
// real contracts: the same hashes on both, their traces by the same comparison
const real = [await flows(anvil.url), await flows(ours)]
const coins = new Set([...coinbases])
for (const name of Object.keys(real[0]).filter((n) => !n.startsWith('many')))
  for (const [kind, config] of CASES.filter((c) => c[0] !== 'structLogs'))
    await count.check(`${name}: ${JSON.stringify(config)}`, async () => {
      const all = await Promise.all([anvil.url, ours].map((url, i) =>
        rpc(url, 'debug_traceTransaction', [real[i][name], config])))
      const d = difference(...all.map((x) => normal[kind](x, coins, { onlyTop: config.tracerConfig?.onlyTopCall })))
      if (d) throw d
    })
await count.check('a million gas: gas used, again, as RLP', async () => {
  const hash = real[1]['many swaps']
  const config = { tracer: 'callTracer' }
  const [want, got, again] = await Promise.all([rpc(anvil.url, 'debug_traceTransaction', [real[0]['many swaps'], config]),
    rpc(ours, 'debug_traceTransaction', [hash, config]), rpc(ours, 'debug_traceTransaction', [hash, config])])
  const r = await rpc(ours, 'eth_getTransactionReceipt', [hash])
  const d = difference(normal.callTracer(want), normal.callTracer(got)) ?? difference(got, again)
  if (d || got.gasUsed !== r.gasUsed) throw d ?? got.gasUsed
  const raw = await rpc(ours, 'debug_getRawBlock', [r.blockNumber])
  const e = difference([{ txHash: hash, result: got }], await rpc(ours, 'debug_traceBlock', [raw, config]))
  if (e) throw e
})
await count.check('limits', async () => {
  const refused = async (params, code, text) => {
    const e = await rpc(ours, 'debug_traceCall', params).catch((x) => x)
    if (e.code !== code || !e.message.includes(text)) throw new Error(`${e.code} ${e.message}`)
  }
  const code = (c) => ({ stateOverrides: { [A(0x1005)]: { code: c } } })
  const loop = [{ to: A(0x1005), gas: '0xffffffffff' }, 'latest']
  // Without end: it leaves in parts until its time is over, and then there is no last chunk.
  await refused([...loop, { ...code('0x5b600056'), enableMemory: true }], 'ECONNRESET', 'aborted')
  await refused([...loop, { tracer: 'callTracer', timeout: '1ms' }], -32002, 'timeout')
  await refused([...loop, { tracer: '{}' }], -32004, 'unknown tracer')
  const few = await rpc(ours, 'debug_traceCall', [...loop, { limit: 3 }])
  if (few.structLogs.length !== 3) throw new Error('limit')
})
await node.stop()
anvil.child.kill('SIGKILL')
process.exit(count.summary() ? 0 : 1)
