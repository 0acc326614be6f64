// debug_storageRangeAt, debug_getBadBlocks, debug_traceCallMany and txIndex of debug_traceCall:
// ranges against a model and against the storage roots of proofs (a trie of our own in this
// language), calls against the traces of the transactions they repeat.
//   node tests/rpc/debug.mjs [--bin build/metisd] [FOLDER]
// FOLDER: genesis.json and chain.rlp of the rpc archive; without it its part is left out.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { bytes, hex, keccak, rlp as encode } from '../diff/sign.mjs'
import { trieRoot } from '../diff/trie.mjs'
import { counter, options, rpc, run, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'
import { FROM } from './peers.mjs'

const require = createRequire(new URL('../clients/package.json', import.meta.url))
const { decodeRlp, encodeRlp } = require('ethers')
const opt = options({ bin: 'build/metisd' })
const [folder] = opt.rest
const count = counter()
const check = (name, f) => count.check(name, f, 600000)
const word = (n) => '0x' + BigInt(n).toString(16).padStart(64, '0')
const hash = (w) => hex(keccak(bytes(w)))
const at = (n) => '0x' + n.toString(16)
const rejects = (url, method, params, code, text) => assert.rejects(rpc(url, method, params), (e) => {
  assert.equal(e.code, code, e.message)
  assert.match(e.message, text)
  return true
})

// ---- a development network: slots set and cleared, several a block ----
const node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0',
  '--dev.no-mining'])
const url = node.networks[0].http
const ask = (method, ...params) => rpc(url, method, params)
const C = '0x00000000000000000000000000000000000c0de5'
// s[calldata[0]] = calldata[1]; then returns NUMBER, TIMESTAMP, s[calldata[0]]
await ask('anvil_setCode', C, '0x60203560003555' + '43600052' + '42602052' + '60003554604052' + '60606000f3')
await ask('anvil_setStorageAt', C, '0x1', word(11))
await ask('anvil_setStorageAt', C, '0x2', word(22))
await ask('evm_mine')
let seed = 7
const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n
const model = new Map([[word(1), word(11)], [word(2), word(22)]])
const blocks = [] // { number, states: the model after each transaction, txs }
for (let b = 0; b < 6; b++) {
  const states = [new Map(model)]
  const hashes = []
  for (let i = random(5); i >= 0; i--) {
    const slot = word(random(9))
    const value = random(3) === 0 ? word(0) : word(1 + random(1000))
    hashes.push(await ask('eth_sendTransaction', { from: FROM, to: C, gas: '0x20000',
      data: slot + value.slice(2) }))
    if (BigInt(value) === 0n) model.delete(slot)
    else model.set(slot, value)
    states.push(new Map(model))
  }
  await ask('evm_mine')
  const block = await ask('eth_getBlockByNumber', 'latest', true)
  assert.deepEqual(block.transactions.map((t) => t.hash), hashes)
  blocks.push({ number: Number(block.number), hash: block.hash, states, txs: block.transactions })
}
const ordered = (state) => [...state].map(([key, value]) => [hash(key), { key, value }])
  .sort(([a], [b]) => (a < b ? -1 : 1))

await check('storageRangeAt: every place of every block, whole and by pages', async () => {
  for (const { hash: block, states } of blocks) {
    for (const [idx, state] of states.entries()) {
      const want = ordered(state)
      const whole = await ask('debug_storageRangeAt', block, idx, C, '0x', 1000)
      assert.deepEqual(Object.entries(whole.storage), want)
      assert.equal(whole.nextKey, null)
      const got = []
      let from = '0x00'
      for (let pages = 0; from !== null; pages++) {
        const page = await ask('debug_storageRangeAt', block, idx, C, from, 2)
        assert.ok(pages <= want.length && Object.keys(page.storage).length <= 2)
        got.push(...Object.entries(page.storage))
        from = page.nextKey
      }
      assert.deepEqual(got, want)
    }
  }
})
await check('storageRangeAt: from a key, the first bytes of one, none at all; no storage', async () => {
  const { hash: block, states } = blocks[3]
  const want = ordered(states[0])
  const from = want[1][0]
  for (const start of [from, from.slice(0, 12)]) {
    const r = await ask('debug_storageRangeAt', block, 0, C, start, 100)
    assert.deepEqual(Object.entries(r.storage), want.slice(1))
  }
  assert.deepEqual(await ask('debug_storageRangeAt', block, 0, C, '0x', 0),
    { storage: {}, nextKey: want[0][0] })
  assert.deepEqual(await ask('debug_storageRangeAt', block, 0, FROM, '0x', 5),
    { storage: {}, nextKey: null })
})
await check('storageRangeAt: what it refuses', async () => {
  const { hash: block, states } = blocks[0]
  await rejects(url, 'debug_storageRangeAt', [block, states.length, C, '0x', 1], -32000, /out of range/)
  await rejects(url, 'debug_storageRangeAt', [word(5), 0, C, '0x', 1], -32000, /not found/)
  await rejects(url, 'debug_storageRangeAt', [block, 0, C, word(1) + '00', 1], -32602, /longer/)
  await rejects(url, 'debug_storageRangeAt', [block, 0, C, '0x'], -32602, /missing|argument/)
  await rejects(url, 'debug_storageRangeAt', [block, 0, C, '0x', -1], -32602, /number/)
  await rejects(url, 'debug_storageRangeAt', ['0x0', 0, C, '0x', 1], -32000, /genesis/)
})
await check('storageRangeAt: a contract that was made and destroyed in one transaction', async () => {
  // init code of a factory: CREATE2 of "s[0]=1; SELFDESTRUCT(0)", whose address has no storage
  const inner = '600160005560' + '00ff'
  const data = '0x67' + inner + '600052' + '6000600860186000f5' + '60005260206000f3'
  const made = await ask('eth_call', { from: FROM, data })
  const tx = await ask('eth_sendTransaction', { from: FROM, data, gas: '0x100000' })
  await ask('evm_mine')
  const { blockHash } = await ask('eth_getTransactionReceipt', tx)
  const child = '0x' + made.slice(-40)
  assert.notEqual(BigInt(child), 0n)
  for (const idx of [0, 1])
    assert.deepEqual(await ask('debug_storageRangeAt', blockHash, idx, child, '0x', 5),
      { storage: {}, nextKey: null })
})

// ---- calls inside blocks ----
const asCall = (t) => ({ from: t.from, to: t.to, gas: t.gas, data: t.input, value: t.value })
const same = (a, b) => assert.deepEqual(a, b)
const traceOf = (t, o) => ask('debug_traceTransaction', t.hash, o)
const CALL = { tracer: 'callTracer' }

await check('traceCall with txIndex repeats the transaction of that place', async () => {
  for (const { number, txs } of blocks) {
    for (const [i, t] of txs.entries()) {
      same(await ask('debug_traceCall', asCall(t), at(number), { ...CALL, txIndex: at(i) }),
        await traceOf(t, CALL))
      same(await ask('debug_traceCall', asCall(t), at(number), { txIndex: i }), await traceOf(t, {}))
    }
  }
})
await check('traceCall with txIndex: overrides lie over the place, what is out of range', async () => {
  const { number, states, txs } = blocks[2]
  const slot = txs[0].input.slice(0, 66)
  const read = async (o, idx) => {
    const r = await ask('debug_traceCall', { to: C }, at(number), { ...CALL, txIndex: at(idx), ...o })
    return r.output
  }
  // runs the reading half only
  const reader = '0x' + '43600052' + '42602052' + '7f' + slot.slice(2) + '54604052' + '60606000f3'
  for (const [idx, state] of states.entries()) {
    const out = await read({ stateOverrides: { [C]: { code: reader } } }, idx)
    assert.equal(BigInt('0x' + out.slice(2, 66)), BigInt(number))
    assert.equal('0x' + out.slice(130), state.get(slot) ?? word(0))
  }
  const out = await read({ stateOverrides: { [C]: { code: reader, stateDiff: { [slot]: word(777) } } },
    blockOverrides: { number: '0x1234', time: '0x99999999' } }, 1)
  assert.equal(out, '0x' + word(0x1234).slice(2) + word(0x99999999).slice(2) + word(777).slice(2))
  await rejects(url, 'debug_traceCall', [{ to: C }, at(number), { txIndex: at(states.length) }], -32000,
    /out of range/)
  await rejects(url, 'debug_traceCall', [{ to: C }, at(number), { txIndex: 'x' }], -32602, /./)
  await rejects(url, 'debug_traceCall', [{ to: C }, 'pending', { txIndex: 0 }], -32000, /pending/)
})
await check('traceCallMany: a whole block again, in one bundle and from its middle', async () => {
  for (const { number, txs } of blocks) {
    const want = []
    for (const t of txs) want.push(await traceOf(t, CALL))
    for (let i = 0; i <= txs.length; i++)
      same(await ask('debug_traceCallMany', [{ transactions: txs.slice(i).map(asCall) }],
        { blockNumber: at(number), transactionIndex: i }, CALL), [want.slice(i)])
  }
})
await check('traceCallMany: bundles are blocks on each other; overrides of state and blocks', async () => {
  const head = await ask('eth_getBlockByNumber', 'latest', false)
  const outs = async (bundles, context, o) =>
    (await ask('debug_traceCallMany', bundles, context, { ...CALL, ...o })).map((b) =>
      b.map(({ output }) => output.slice(2).match(/.{64}/g).map((x) => Number(BigInt('0x' + x)))))
  const set = (slot, value) => ({ from: FROM, to: C, data: word(slot) + word(value).slice(2) })
  const add = { to: C, data: '0x' } // reads s[0] after writing 0 to it
  const got = await outs([{ transactions: [set(0x50, 5)] }, { transactions: [set(0x51, 6), add] },
    { transactions: [set(0x52, 7)], blockOverride: { number: '0x7777', time: '0x8888' } },
    { transactions: [set(0x53, 8)] }])
  const [n, t] = [Number(head.number), Number(head.timestamp)]
  const step = got[1][0][1] - t
  assert.ok(step >= 1)
  same(got, [[[n, t, 5]], [[n + 1, t + step, 6], [n + 1, t + step, 0]], [[0x7777, 0x8888, 7]],
    [[n + 3, t + 3 * step, 8]]])
  // overrides of the state hold for all bundles, and nothing of it stays
  const reader = '0x000000000000000000000000000000000000beef'
  const stateOverrides = { [reader]: { code: '0x60505460005260206000f3', stateDiff: { [word(0x50)]: word(4) } } }
  same((await outs([{ transactions: [{ to: reader }] }, { transactions: [{ to: reader }] }], undefined,
    { stateOverrides })), [[[4]], [[4]]])
  assert.equal(await ask('eth_getStorageAt', C, '0x50', 'latest'), word(0))
  // steps and prestate too; the whole state of a block is the default
  const [[steps]] = await ask('debug_traceCallMany', [{ transactions: [set(1, 1)] }])
  assert.ok(steps.structLogs.length > 5)
  const [, [pre]] = await ask('debug_traceCallMany', [{ transactions: [set(0x60, 3)] },
    { transactions: [set(0x60, 4)] }], null, { tracer: 'prestateTracer' })
  assert.equal(pre[C].storage[word(0x60)], word(3))
})
await check('traceCallMany: limits and what it refuses', async () => {
  const many = (...p) => rejects(url, 'debug_traceCallMany', ...p)
  const bundle = (n) => ({ transactions: Array.from({ length: n }, () => ({ to: FROM })) })
  await many([[]], -32602, /1 to 64 bundles/)
  await many([Array.from({ length: 65 }, () => bundle(1))], -32602, /1 to 64 bundles/)
  await many([[bundle(600), bundle(401)]], -32602, /at most 1000/)
  await many([[{}]], -32602, /transactions/)
  await many([[bundle(1)], { blockNumber: 'latest', transactionIndex: 9 }], -32000, /out of range/)
  await many([[bundle(1)], { blockNumber: '0xffffff' }], -32000, /not found/)
  await many([[bundle(1)], 5], -32602, /not an object/)
  await many([[bundle(1)], {}, { tracer: 'x' }], -32004, /unknown tracer/)
  await many([[{ transactions: [{ from: '0x' + '77'.repeat(20), to: FROM, value: '0x1' }] }]], -32000,
    /insufficient funds/)
  const all = await ask('debug_traceCallMany', [...Array.from({ length: 63 }, () => bundle(15)), bundle(55)],
    { transactionIndex: -1 }, { tracer: 'noopTracer' })
  assert.equal(all.flat().length, 1000)
})
await check('no bad blocks, and a clean stop', async () => {
  same(await ask('debug_getBadBlocks'), [])
  assert.equal(await node.stop(), 0)
})

// ---- the chain of the rpc archive: all forks, no preimages; and a block gone wrong ----
async function archive() {
  const dir = tempDir()
  const genesis = join(folder, 'genesis.json')
  const importFile = (file) => run(opt.bin, ['import', '--network', genesis, '--datadir', dir, file])
  const chain = readFileSync(join(folder, 'chain.rlp'))
  const done = await importFile(join(folder, 'chain.rlp'))
  assert.equal(done.status, 0, done.stderr)
  const start = () => startMetisd(opt.bin, ['run', '--network', genesis, '--datadir', dir, '--rpc.port', '0'])

  await check('storageRangeAt: a trie of the slots has the root that the proof of the account has', async () => {
    const node = await start()
    const { http } = node.networks[0]
    const head = Number(await rpc(http, 'eth_blockNumber'))
    const accounts = new Set(Object.entries(JSON.parse(readFileSync(genesis)).alloc)
      .filter(([, a]) => a.storage).map(([k]) => '0x' + k.replace(/^0x/, '')))
    const system = ['0x00000961ef480eb55e80d19ad83579a64c007002', '0x0000bbddc7ce488642fb579f8b00f3a590007251']
    let named = 0
    let unnamed = 0
    let filled = 0
    for (let n = 1; n <= head; n++) {
      const block = await rpc(http, 'eth_getBlockByNumber', [at(n), true])
      for (const r of await rpc(http, 'eth_getBlockReceipts', [at(n)])) {
        if (r.contractAddress) accounts.add(r.contractAddress)
        if (r.to) accounts.add(r.to)
        for (const l of r.logs) accounts.add(l.address)
      }
      for (const address of accounts) {
        if (system.includes(address)) continue // they change at the end of a block
        const r = await rpc(http, 'debug_storageRangeAt', [block.hash, block.transactions.length, address, '0x', 10000])
        const entries = Object.entries(r.storage)
        for (const [key, { key: slot }] of entries) {
          if (slot !== null) assert.equal(hash(slot), key)
          slot === null ? unnamed++ : named++
        }
        const { storageHash } = await rpc(http, 'eth_getProof', [address, [], at(n)])
        filled += entries.length > 0
        assert.equal(hex(trieRoot(entries.map(([k, { value }]) => [bytes(k), encode(BigInt(value))]))),
          storageHash, `${address} at ${n}`)
      }
    }
    await node.stop()
    console.log(`     ${filled} storages, ${named} slots named, ${unnamed} not`)
    assert.ok(filled > 20 && named > 0 && unnamed > 0)
  })

  await check('getBadBlocks: the newest ten that were refused, with the reason', async () => {
    // the last block with other state roots
    const sizes = []
    for (let i = 0; i < chain.length; i += sizes.at(-1)) {
      const n = chain[i] - 0xf7
      sizes.push(n > 0 ? 1 + n + chain.readUIntBE(i + 1, n) : 1 + chain[i] - 0xc0)
    }
    const raw = '0x' + chain.subarray(chain.length - sizes.at(-1)).toString('hex')
    const bad = (i) => {
      const b = decodeRlp(raw)
      b[0][3] = word(0x1000 + i)
      return { rlp: encodeRlp(b), hash: hash(encodeRlp(b[0])), root: b[0][3], parent: b[0][0] }
    }
    // a second head beside the first would be kept unexecuted: go back before it
    const dir2 = tempDir()
    const shorter = join(dir2, 'chain')
    writeFileSync(shorter, chain.subarray(0, chain.length - sizes.at(-1)))
    const to = (file) => run(opt.bin, ['import', '--network', genesis, '--datadir', dir2, file])
    assert.equal((await to(shorter)).status, 0)
    const order = [...Array(12).keys(), 5]
    for (const i of order) {
      const file = join(dir2, 'bad')
      writeFileSync(file, bytes(bad(i).rlp))
      const r = await to(file)
      assert.equal(r.status, 1)
    }
    const node = await startMetisd(opt.bin, ['run', '--network', genesis, '--datadir', dir2, '--rpc.port', '0'])
    const list = await rpc(node.networks[0].http, 'debug_getBadBlocks')
    const want = [5, 11, 10, 9, 8, 7, 6, 4, 3, 2]
    assert.deepEqual(list.map((b) => b.hash), want.map((i) => bad(i).hash))
    for (const [k, b] of list.entries()) {
      const w = bad(want[k])
      assert.equal(b.rlp, w.rlp)
      assert.equal(b.block.hash, w.hash)
      assert.equal(b.block.stateRoot, w.root)
      assert.equal(b.block.parentHash, w.parent)
      assert.match(b.reason, new RegExp(`state root ${w.root}`))
      for (const t of b.block.transactions) assert.match(t.from, /^0x(?!0{40})/)
    }
    await rejects(node.networks[0].http, 'debug_getBadBlocks', [1], -32602, /./)
    assert.equal(await node.stop(), 0)
  })
}
if (folder) await archive()
await sleep(0)
process.exit(count.summary() ? 0 : 1)
