// trace_* against anvil where it has them (trace_transaction, trace_block, trace_filter,
// trace_replayBlockTransactions), and against those where it has not.
//   node tests/rpc/parity.mjs [--bin build/metisd]
import { counter, options, rpc } from '../lib/metisd.mjs'
import { A, difference, FROM, send, startBoth, TXS } from './peers.mjs'

const opt = options({ bin: 'build/metisd' })
const count = counter({ quiet: true })
const { anvil, node, ours } = await startBoth(opt.bin)

const same = (want, got, what = '') => {
  const d = difference(want, got)
  if (d) throw new Error(`${what} ${d}`)
}
const refused = async (method, params, code, text) => {
  const e = await rpc(ours, method, params).then((x) => ({ message: JSON.stringify(x) }), (x) => x)
  if (e.code !== code || !e.message.includes(text)) throw new Error(`${method}: ${e.code} ${e.message}`)
  return e
}

// ---- lists ----
// Where revm says something else than Parity and Erigon: calls of precompiles are left out
// there, and a creation that reverted has no address but its output.
const WORDS = { StackUnderflow: 'Stack underflow' }
const KNOWN = ['Out of gas', 'Bad instruction', 'Reverted', 'Stack underflow']
const isPrecompile = (t) => t.type === 'call' && /^0x0{38}(0[1-9]|1[01])$/.test(t.action.to) &&
  t.action.value === '0x0' && t.traceAddress.length > 0
function listOf(traces, theirs) {
  let list = structuredClone(traces)
  for (let i; (i = list.findIndex(isPrecompile)) >= 0;) {
    const at = list[i].traceAddress
    const level = at.length - 1
    const above = (t, n) => t.traceAddress.length >= n && at.slice(0, n).every((x, k) => x === t.traceAddress[k])
    list.splice(i, 1)
    for (const t of list) {
      if (!above(t, level)) continue
      if (t.traceAddress.length === level) t.subtraces--
      else if (t.traceAddress[level] > at[level]) t.traceAddress[level]--
    }
  }
  return list.map(({ blockHash, transactionHash, ...t }) => {
    if (theirs && t.error in WORDS) t.error = WORDS[t.error]
    if (t.error && !KNOWN.includes(t.error)) throw new Error(`error ${t.error}`)
    if (theirs && t.type === 'create' && t.error === 'Reverted')
      t.result = { code: t.result.code, gasUsed: t.result.gasUsed }
    return t
  })
}

// ---- vmTrace: revm's `used` is the gas before, its memory the whole of it, calls push nothing ----
const CALLS = new Set(['CREATE', 'CREATE2', 'CALL', 'CALLCODE', 'DELEGATECALL', 'STATICCALL'])
function sameSteps(want, got, path = 'vmTrace') {
  if (want.ops.length !== got.ops.length) throw new Error(`${path}: ${want.ops.length} steps, here ${got.ops.length}`)
  if (want.code !== '0x') same(want.code, got.code, path)
  got.ops.forEach((g, i) => {
    const w = want.ops[i]
    const here = `${path}.${i} ${g.op}`
    same([w.pc, w.op], [g.pc, g.op], here)
    if (!CALLS.has(g.op)) same(w.cost, g.cost, here)
    if (g.ex === null) {
      if (i !== got.ops.length - 1) throw new Error(`${here}: no effect`)
      return
    }
    const next = want.ops[i + 1]
    if (next) same(next.ex.used, g.ex.used, here)
    if (next && !CALLS.has(g.op)) same(w.ex.push, g.ex.push, here)
    if (next && g.ex.mem) {
      const all = next.ex.mem.data.slice(2)
      same('0x' + all.slice(2 * g.ex.mem.off, 2 * g.ex.mem.off + g.ex.mem.data.length - 2),
        g.ex.mem.data, here)
    }
    if (next && /^MSTORE8?$/.test(g.op) && !g.ex.mem) throw new Error(`${here}: no memory`)
    if (g.op === 'SSTORE') {
      const before = got.ops[i - 1].ex.push // key and value were pushed or moved before
      if (!g.ex.store || !/^0x/.test(g.ex.store.key) || before === undefined) throw new Error(`${here}: no store`)
      if (w.ex.store) same({ key: BigInt(w.ex.store.key), val: BigInt(w.ex.store.val) },
        { key: BigInt(g.ex.store.key), val: BigInt(g.ex.store.val) }, here)
    }
  })
  // revm puts a call inside the wrong instruction when one of a precompile stands before it
  const inside = (v) => v.ops.map((x) => x.sub).filter((x) => x?.ops.length)
  const [theirs, mine] = [inside(want), inside(got)]
  same(theirs.length, mine.length, `${path}: calls`)
  theirs.forEach((w, i) => sameSteps(w, mine[i], `${path}/${i}`))
}

// ---- stateDiff: revm tells a new account by changes of nothing ----
const NOTHING = { balance: '0x0', nonce: '0x0', code: '0x' }
function stateOf(diff, drop) {
  const out = {}
  for (const [addr, d] of Object.entries(diff)) {
    if (drop.has(addr)) continue
    const part = (v, zero) => v === '=' ? null : '+' in v ? [zero, v['+']] : '-' in v ? [v['-'], zero] : [v['*'].from, v['*'].to]
    const a = { storage: {} }
    for (const key of ['balance', 'nonce', 'code']) {
      const v = part(d[key], NOTHING[key])
      if (v && v[0] !== v[1] && !(key === 'balance' && addr === FROM)) a[key] = v
    }
    for (const [k, v] of Object.entries(d.storage)) a.storage[k] = part(v, '0x' + '0'.repeat(64))
    out[addr] = a
  }
  return out
}

// ---- the same transactions on both ----
const coinbases = new Set()
const hashes = {}
let first
for (const [name, tx] of TXS) {
  const pair = []
  for (const url of [anvil.url, ours]) {
    pair.push(await send(url, tx))
    coinbases.add((await rpc(url, 'eth_getBlockByNumber', ['latest', false])).miner)
  }
  hashes[name] = pair[1]
  const receipts = await Promise.all([anvil.url, ours].map((url, i) => rpc(url, 'eth_getTransactionReceipt', [pair[i]])))
  const blocks = receipts.map((r) => r.blockNumber)
  first ??= Number(blocks[0]) - Number(blocks[1])
  const lists = []
  await count.check(`${name}: trace_transaction`, async () => {
    for (const [i, url] of [anvil.url, ours].entries())
      lists.push(listOf(await rpc(url, 'trace_transaction', [pair[i]]), i === 0))
    for (const l of lists) for (const t of l) delete t.blockNumber
    same(lists[0], lists[1])
  })
  await count.check(`${name}: trace_block, trace_get`, async () => {
    const all = await rpc(ours, 'trace_block', [blocks[1]])
    same(await rpc(ours, 'trace_transaction', [pair[1]]), all)
    for (const t of all)
      same(t, await rpc(ours, 'trace_get', [pair[1], t.traceAddress.map((x) => '0x' + x.toString(16))]))
    same(null, await rpc(ours, 'trace_get', [pair[1], ['0x63']]))
    const b = await rpc(ours, 'eth_getBlockByNumber', [blocks[1], false])
    for (const t of all) same([b.hash, Number(b.number), pair[1], 0], [t.blockHash, t.blockNumber, t.transactionHash, t.transactionPosition])
  })
  await count.check(`${name}: trace_replayBlockTransactions`, async () => {
    const views = ['trace', 'vmTrace', 'stateDiff']
    const [want] = await rpc(anvil.url, 'trace_replayBlockTransactions', [blocks[0], views])
    const [got] = await rpc(ours, 'trace_replayBlockTransactions', [blocks[1], views])
    same(want.output, got.output, 'output')
    sameSteps(want.vmTrace, got.vmTrace)
    same(stateOf(want.stateDiff, coinbases), stateOf(got.stateDiff, coinbases), 'stateDiff')
    same(listOf(want.trace, true), listOf(got.trace), 'trace')
    same(got, await rpc(ours, 'trace_replayTransaction', [pair[1], views]), 'again')
    const few = await rpc(ours, 'trace_replayTransaction', [pair[1], ['trace']])
    same({ output: got.output, stateDiff: null, trace: got.trace, vmTrace: null, transactionHash: pair[1] }, few)
  })
}

await count.check('trace_filter', async () => {
  const last = Number(await rpc(ours, 'eth_blockNumber'))
  const hex = (n) => '0x' + n.toString(16)
  for (const q of [{}, { fromAddress: [FROM] }, { toAddress: [A(0x1001)] },
    { fromAddress: [A(0x1003)], toAddress: [A(0x1001)], mode: 'intersection' },
    { fromAddress: [A(0x1003)], toAddress: [A(0x1001)], mode: 'union' },
    { toAddress: [A(0xdead)] }, { fromAddress: [A(0x1006)] },
    { fromAddress: [FROM], after: 2, count: 3 }, { count: 1 }, { fromAddress: [A(0xabcdef)] }]) {
    const ask = async (url, d) => {
      const list = await rpc(url, 'trace_filter', [{ fromBlock: hex(1 + d), toBlock: hex(last + d), ...q }])
      // places are compared by trace_transaction; here siblings may be missing
      return listOf(list.filter((t) => !isPrecompile(t)), url === anvil.url)
        .map(({ subtraces, traceAddress, blockNumber, ...t }) => ({ ...t, at: blockNumber - d, depth: traceAddress.length }))
    }
    same(await ask(anvil.url, first), await ask(ours, 0), JSON.stringify(q))
  }
  const all = await rpc(ours, 'trace_filter', [{ fromBlock: 'earliest', toBlock: 'latest' }])
  let blocks = []
  for (let n = 0; n <= last; n++) blocks = blocks.concat(await rpc(ours, 'trace_block', [hex(n)]))
  same(blocks, all)
})
await count.check('calls', async () => {
  const views = ['trace', 'vmTrace', 'stateDiff']
  const call = { from: FROM, to: A(0x1001), gas: '0x100000' }
  const one = await rpc(ours, 'trace_call', [call, views, 'latest'])
  const s1 = '0x' + '1'.padStart(64, '0')
  same([null, '0x'], [one.trace[0].error ?? null, one.output])
  if (one.stateDiff[A(0x1001)] !== undefined) throw new Error('s[1] is s[0] + 1 already')
  // s[0] = 5, then s[1] becomes 6: the second call sees the first
  const many = await rpc(ours, 'trace_callMany', [[
    [{ from: FROM, to: A(0x1008), value: '0x5' }, ['stateDiff']],
    [{ from: FROM, to: A(0x1008), value: '0x9' }, views]], 'latest'])
  const zero = '0x' + '0'.repeat(64)
  const before = many[0].stateDiff[A(0x1008)].storage[zero]
  same(undefined, before, 's[0] is 5 since the transaction')
  const after = many[1].stateDiff[A(0x1008)].storage
  same({ '*': { from: '0x' + '5'.padStart(64, '0'), to: '0x' + '9'.padStart(64, '0') } }, after[zero])
  const [b0, b1] = many.map((m) => m.stateDiff[A(0x1008)].balance['*'])
  same([BigInt(b0.to), BigInt(b1.from) + 9n], [BigInt(b1.from), BigInt(b1.to)])
  if (!after[s1]) throw new Error('s[1] is the balance')
  same(null, many[0].vmTrace)
})
await count.check('trace_rawTransaction', async () => {
  const raw = await rpc(ours, 'eth_getRawTransactionByHash', [hashes.nested])
  await refused('trace_rawTransaction', [raw, ['trace']], -32000, 'nonce too low')
  await refused('trace_rawTransaction', ['0x1234', ['trace']], -32602, 'invalid argument 0')
})
await count.check('what is not there, what is wrong', async () => {
  const no = '0x' + '9'.repeat(64)
  same(null, await rpc(ours, 'trace_transaction', [no]))
  same(null, await rpc(ours, 'trace_replayTransaction', [no, ['trace']]))
  same(null, await rpc(ours, 'trace_get', [no, ['0x0']]))
  same(null, await rpc(ours, 'trace_block', ['0xffffff']))
  same([], await rpc(ours, 'trace_block', ['0x0']))
  await refused('trace_replayTransaction', [no, ['everything']], -32602, 'trace types')
  await refused('trace_replayTransaction', [no, 'trace'], -32602, 'not a list')
  await refused('trace_filter', [{ mode: 'x' }], -32602, 'mode')
  await refused('trace_filter', [{ fromBlock: '0x2', toBlock: '0x1' }], -32602, 'range')
  await refused('trace_filter', [{ toBlock: '0xffffff' }], -32602, 'beyond')
})
await node.stop()
anvil.child.kill('SIGKILL')

// Time, size and range have their bounds, and the refusal says what can be had.
await count.check('bounds', async () => {
  const { startMetisd } = await import('../lib/metisd.mjs')
  const small = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0',
    '--rpc.evm_timeout', '30ms', '--rpc.reply_max', '200kb'])
  const url = small.networks[0].http
  const ask = async (params, text) => {
    const e = await rpc(url, 'trace_filter', [params]).catch((x) => x)
    if (e.code !== -32005 || !e.message?.includes(text)) throw new Error(`${e.code} ${e.message}`)
    return e.message
  }
  await rpc(url, 'anvil_setCode', [A(0x1005), '0x5b600056'])
  for (let i = 0; i < 2; i++) await rpc(url, 'hardhat_mine', ['0x1400', '0x1'])
  let m = await ask({ fromBlock: '0x1', toBlock: '0x2800' }, 'max block range 10000: try [0x1, 0x2710]')
  for (let i = 0; i < 24; i++) await send(url, { to: A(0x1005), gas: '0xf00000' })
  const last = Number(await rpc(url, 'eth_blockNumber'))
  m = await ask({ fromBlock: '0x2801', toBlock: '0x' + last.toString(16) }, 'longer than a call may')
  if (!/try \[0x2801, 0x\w+\]|use after and count/.test(m)) throw new Error(m)
  await small.stop()
})
process.exit(count.summary() ? 0 : 1)
