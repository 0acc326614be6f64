// ots_* and erigon_getHeaderBy* against anvil, and where anvil is simpler than Erigon (it
// tells no creations and destructions, and sends whole blocks) against other methods.
//   node tests/rpc/ots.mjs [--bin build/metisd]
import { counter, options, rpc } from '../lib/metisd.mjs'
import { flows } from './flows.mjs'
import { A, CODE, difference, FROM, send, startBoth, TXS } from './peers.mjs'

const opt = options({ bin: 'build/metisd' })
const count = counter({ quiet: true })
const { anvil, node, ours } = await startBoth(opt.bin)
const same = (want, got, what = '') => {
  const d = difference(want, got)
  if (d) throw new Error(`${what} ${d}`)
}
const ask = (method, ...params) => rpc(ours, method, params)
const theirs = (method, ...params) => rpc(anvil.url, method, params)
const hex = (n) => '0x' + n.toString(16)

const hashes = {}
const made = []
for (const [name, tx] of TXS) {
  const pair = []
  for (const url of [anvil.url, ours]) pair.push(await send(url, tx))
  hashes[name] = pair[1]
  const receipt = await ask('eth_getTransactionReceipt', pair[1])
  if (receipt.contractAddress && receipt.status === '0x1') made.push([receipt.contractAddress, pair[1], FROM])
  await count.check(`${name}: ots_traceTransaction`, async () => {
    const want = await theirs('ots_traceTransaction', pair[0])
    const got = await ask('ots_traceTransaction', pair[1])
    const calls = got.filter((e) => /CALL/.test(e.type))
    // there a static or delegated call shows a value; it moves none
    const plain = (e) => ({ ...e, value: /^(CALL|CALLCODE)$/.test(e.type) ? e.value : null })
    same(want.map(plain), calls.map(plain))
    // the others by trace_transaction
    const flat = await theirs('trace_transaction', pair[0])
    same(flat.filter((t) => t.type === 'create').map((t) => [t.action.from, t.action.init, t.traceAddress.length]),
      got.filter((e) => /CREATE/.test(e.type)).map((e) => [e.from, e.input, e.depth]))
    same(flat.filter((t) => t.type === 'suicide').map((t) => [t.action.address, t.action.refundAddress, t.action.balance]),
      got.filter((e) => e.type === 'SELFDESTRUCT').map((e) => [e.from, e.to, e.value]))
  })
  await count.check(`${name}: ots_getInternalOperations`, async () => {
    const flat = await theirs('trace_transaction', pair[0])
    const failed = flat.filter((t) => t.error).map((t) => t.traceAddress.join())
    const stands = (t) => !failed.some((f) => f === '' || t.traceAddress.join().startsWith(f))
    const want = flat.filter((t) => t.traceAddress.length && stands(t)).flatMap(({ type, action: a, result }) =>
      type === 'suicide' ? [{ type: 1, from: a.address, to: a.refundAddress, value: a.balance }]
        : type === 'create' ? [{ type: a.creationMethod === 'create2' ? 3 : 2, from: a.from, to: result.address, value: a.value }]
          : a.callType === 'call' && a.value !== '0x0' ? [{ type: 0, from: a.from, to: a.to, value: a.value }] : [])
    const got = await ask('ots_getInternalOperations', pair[1])
    same(want, got)
    for (const op of got) if (op.type > 1) made.push([op.to, pair[1], op.from])
    if (!failed.length && !flat.some((t) => t.type === 'suicide'))
      same((await theirs('ots_getInternalOperations', pair[0])).filter((op) => op.from !== FROM), got, 'anvil')
  })
  await count.check(`${name}: ots_getTransactionError`, async () =>
    same(await theirs('ots_getTransactionError', pair[0]), await ask('ots_getTransactionError', pair[1])))
}

await count.check('blocks', async () => {
  const last = Number(await ask('eth_blockNumber'))
  for (const n of [0, 1, last]) {
    const { transactions, logsBloom, ...block } = await ask('eth_getBlockByNumber', hex(n), true)
    const want = { block: { ...block, logsBloom: null, transactionCount: transactions.length },
      issuance: { blockReward: '0x0', uncleReward: '0x0', issuance: '0x0' } }
    let fees = 0n
    for (const t of transactions) {
      const r = await ask('eth_getTransactionReceipt', t.hash)
      fees += BigInt(r.gasUsed) * BigInt(r.effectiveGasPrice)
    }
    want.totalFees = hex(fees)
    same(want, await ask('ots_getBlockDetails', n))
    same(want, await ask('ots_getBlockDetails', hex(n)))
    same(want, await ask('ots_getBlockDetailsByHash', block.hash))
    // the members are anvil's
    const a = await theirs('ots_getBlockDetails', hex(n))
    same(Object.keys(a).sort().join(), Object.keys(want).sort().join())
    const { hash, ...header } = await ask('eth_getHeaderByNumber', hex(n))
    same({ hash, ...header }, await ask('erigon_getHeaderByNumber', n))
    same({ hash, ...header }, await ask('erigon_getHeaderByHash', hash))
  }
  same(null, await ask('ots_getBlockDetails', 99999))
  same(null, await ask('erigon_getHeaderByNumber', 99999))
  same(8, await ask('ots_getApiLevel'))
})
await count.check('pages of a block', async () => {
  await ask('evm_setAutomine', false)
  const sent = []
  for (let i = 0; i < 5; i++)
    sent.push(await ask('eth_sendTransaction', { from: FROM, to: A(0x1001), gas: '0x30000', gasPrice: '0x77359400', data: '0x12345678aabb' }))
  await ask('evm_mine')
  await ask('evm_setAutomine', true)
  const last = Number(await ask('eth_blockNumber'))
  const page = async (n, size) => {
    const p = await ask('ots_getBlockTransactions', last, n, size)
    same(5, p.fullblock.transactionCount)
    same(p.fullblock.transactions.map((t) => t.hash), p.receipts.map((r) => r.transactionHash))
    for (const t of p.fullblock.transactions) same('0x12345678', t.input)
    for (const r of p.receipts) same([null, null, '0x1'], [r.logs, r.logsBloom, r.status])
    return p.receipts.map((r) => r.transactionHash)
  }
  same(sent.slice(3), await page(0, 2)) // the newest page first, as Erigon counts
  same(sent.slice(1, 3), await page(1, 2))
  same(sent.slice(0, 1), await page(2, 2))
  same([], await page(3, 2))
  same(sent, await page(0, 25))
  const e = await ask('ots_getBlockTransactions', last, 0, 100000).catch((x) => x)
  same(-32005, e.code)
})
await count.check('one in the whole chain', async () => {
  const nonce = Number(await ask('eth_getTransactionCount', FROM, 'latest'))
  for (const [i, name] of TXS.map((t) => t[0]).entries()) {
    same(hashes[name], await ask('ots_getTransactionBySenderAndNonce', FROM, i))
    same(await theirs('ots_getTransactionBySenderAndNonce', FROM, i) !== null, true)
  }
  same(null, await ask('ots_getTransactionBySenderAndNonce', FROM, nonce))
  same(null, await ask('ots_getTransactionBySenderAndNonce', A(0x1001), 0))
  if (made.length < 3) throw new Error(`${made.length} contracts`)
  for (const [addr, hash, creator] of made) {
    if (await ask('eth_getCode', addr, 'latest') === '0x') continue
    same({ hash, creator }, await ask('ots_getContractCreator', addr))
  }
  same(null, await ask('ots_getContractCreator', A(0x1001))) // set, not made
  same(null, await ask('ots_getContractCreator', FROM))
})
const routed = await flows(ours)
await count.check('searches', async () => {
  // every transaction of the chain, by what anvil's rule would be: who takes part in a call
  const head = Number(await ask('eth_blockNumber'))
  const parts = []
  for (let n = head; n >= 0; n--) {
    const b = await ask('eth_getBlockByNumber', hex(n), false)
    for (const h of [...b.transactions].reverse()) {
      const flat = await ask('trace_transaction', h)
      parts.push([h, n, new Set(flat.flatMap(({ action: a, result: r }) =>
        [a.from, a.to, a.address, a.refundAddress, r?.address]))])
    }
  }
  const router = (await ask('eth_getTransactionReceipt', routed['deploy router'])).contractAddress
  const one = (await ask('eth_getTransactionReceipt', routed['deploy token one'])).contractAddress
  for (const who of [FROM, A(0x1001), A(0x1003), A(0xdead), A(0xbeef), router, one, A(0x777)]) {
    const want = parts.filter((p) => p[2].has(who)).map((p) => p[0])
    const place = Object.fromEntries(parts.map((p) => [p[0], p[1]]))
    for (const size of [3, 1000]) {
      const down = []
      let at = 0
      for (let page = 0; ; page++) {
        const p = await ask('ots_searchTransactionsBefore', who, at, size)
        same(p.txs.map((t) => t.hash), p.receipts.map((r) => r.transactionHash))
        same(page === 0, p.firstPage)
        down.push(...p.txs.map((t) => t.hash))
        if (p.lastPage) break
        at = place[down.at(-1)]
      }
      same(want, down, `${who} before`)
      const up = []
      at = 0
      for (let page = 0; ; page++) {
        const p = await ask('ots_searchTransactionsAfter', who, at, size)
        same(page === 0, p.lastPage)
        up.push(...p.txs.map((t) => t.hash).reverse())
        if (p.firstPage) break
        at = place[up.at(-1)]
      }
      same([...want].reverse(), up, `${who} after`)
    }
  }
  const e = await ask('ots_searchTransactionsBefore', FROM, head + 1, 5).catch((x) => x)
  same(-32602, e.code)
})
await count.check('hasCode', async () => {
  for (const [n, code] of Object.entries(CODE)) same(code.length > 0, await ask('ots_hasCode', A(Number(n)), 'latest'))
  same(false, await ask('ots_hasCode', FROM, 'latest'))
  same([false, true], [await ask('ots_hasCode', made[0][0], 0), await ask('ots_hasCode', made[0][0])])
})
await node.stop()
anvil.child.kill('SIGKILL')
process.exit(count.summary() ? 0 : 1)
