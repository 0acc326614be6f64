// State dumps against anvil: what it dumps loads here and the other way around, with the same
// accounts, code and storage, and both heads go on; then a folder that is opened again, the
// limits and what is malformed.
//   node tests/rpc/dump.mjs [--bin build/metisd]
import assert from 'node:assert/strict'
import { gunzipSync, gzipSync } from 'node:zlib'
import { counter, options, rpc, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'
import { FROM, startAnvil } from './peers.mjs'

const opt = options({ bin: 'build/metisd' })
const count = counter()
const check = (name, f) => count.check(name, f)
const word = (n) => '0x' + BigInt(n).toString(16).padStart(64, '0')
const A = '0x00000000000000000000000000000000000a11ce'
const E = '0x00000000000000000000000000000000000e0a01'
// init code: a log, slots 0, 1 and 2^255; leaves one byte of code
const INIT = '0x60aa60206000a1' + '6001600055' + '60ff600155' + '60077f' + '80' + '00'.repeat(31) +
  '55' + '60016000f3'

const nodes = []
async function start(...more) {
  const node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0',
    ...more])
  nodes.push(node)
  return Object.assign(node, { url: node.networks[0].http })
}
async function receipt(url, hash) {
  for (let i = 0; i < 2000; i++) {
    const r = await rpc(url, 'eth_getTransactionReceipt', [hash])
    if (r) return r
    await sleep(5)
  }
  throw new Error('no receipt')
}
const send = async (url, tx) => receipt(url, await rpc(url, 'eth_sendTransaction', [tx]))

// Blocks with transfers, a contract with storage, a revert, state by decree, an impersonated
// sender, a slot that was set and cleared again.
async function fill(url) {
  const made = await send(url, { from: FROM, data: INIT, gas: '0x100000' })
  assert.equal(made.status, '0x1')
  await send(url, { from: FROM, to: E, value: '0x5' })
  await send(url, { from: FROM, data: '0x60006000fd', gas: '0x40000' })
  await rpc(url, 'anvil_setBalance', [A, '0xde0b6b3a7640000'])
  await rpc(url, 'anvil_setStorageAt', [A, '0x3', word(99)])
  await rpc(url, 'anvil_setStorageAt', [A, '0x4', word(1)])
  await rpc(url, 'anvil_setStorageAt', [A, '0x4', word(0)])
  await rpc(url, 'anvil_setNonce', [A, '0x7'])
  await rpc(url, 'anvil_impersonateAccount', [A])
  await send(url, { from: A, to: E, value: '0x1', gas: '0x5208' })
  await rpc(url, 'anvil_stopImpersonatingAccount', [A])
  await rpc(url, 'anvil_mine', ['0x3'])
  return made.contractAddress
}
const unpack = (dump) => JSON.parse(gunzipSync(Buffer.from(dump.slice(2), 'hex')))
const pack = (o) => '0x' + gzipSync(JSON.stringify(o)).toString('hex')

// Every account of a dump as the node has it; others: addresses that must be the same as well.
async function compare(url, accounts) {
  for (const [address, a] of Object.entries(accounts)) {
    const at = [address, 'latest']
    assert.equal(BigInt(await rpc(url, 'eth_getBalance', at)), BigInt(a.balance), address)
    assert.equal(BigInt(await rpc(url, 'eth_getTransactionCount', at)), BigInt(a.nonce), address)
    assert.equal(await rpc(url, 'eth_getCode', at), a.code, address)
    for (const [slot, value] of Object.entries(a.storage))
      assert.equal(await rpc(url, 'eth_getStorageAt', [address, slot, 'latest']), value,
        `${address} ${slot}`)
  }
}
const head = (url) => rpc(url, 'eth_getBlockByNumber', ['latest', false])

await check('a dump of anvil loads: accounts, code, storage, head', async () => {
  const { url: anvil } = await startAnvil([])
  const node = await start()
  const contract = await fill(anvil)
  const dump = await rpc(anvil, 'anvil_dumpState')
  const o = unpack(dump)
  assert.equal(Object.keys(o.accounts[contract].storage).length, 3)
  const deployer = '0x4e59b44847b379578588920ca78fbf26c0b4956c'
  const nonces = { [deployer]: await rpc(node.url, 'eth_getTransactionCount', [deployer, 'latest']) }
  const untouched = await rpc(node.url, 'eth_getCode', ['0xca11bde05977b3631167028862be2a173976ca11',
    'latest'])
  assert.equal(await rpc(node.url, 'anvil_loadState', [dump]), true)
  // The node's own blocks pay no one and count hashes of its own (EIP-2935).
  const { '0x0000f90827f1c53a10cb7a02335b175320002935': hashes, ...rest } = o.accounts
  assert.ok(hashes)
  for (const [address, a] of Object.entries(rest)) // the higher nonce counts, as in anvil
    a.nonce = Math.max(a.nonce, Number(nonces[address] ?? 0))
  await compare(node.url, rest)
  assert.equal(await rpc(node.url, 'eth_getCode', ['0xca11bde05977b3631167028862be2a173976ca11',
    'latest']), untouched, 'accounts that the dump does not name stay')
  const [a, b] = [await head(anvil), await head(node.url)]
  for (const field of ['number', 'timestamp', 'baseFeePerGas', 'mixHash'])
    assert.equal(b[field], a[field], field)
  const next = await send(node.url, { from: FROM, to: E, value: '0x2' })
  assert.equal(BigInt(next.blockNumber), BigInt(a.number) + 1n)
  assert.equal(await rpc(node.url, 'eth_getBalance', [E, 'latest']), '0x8')
})
await check('a dump of this node loads in anvil: blocks, transactions and receipts too', async () => {
  const { url: anvil } = await startAnvil([])
  const node = await start()
  const contract = await fill(node.url)
  const dump = await rpc(node.url, 'anvil_dumpState')
  const o = unpack(dump)
  assert.equal(Object.keys(o.accounts[contract].storage).length, 3)
  assert.equal(Object.keys(o.accounts[A].storage).length, 1)
  assert.equal(await rpc(anvil, 'anvil_loadState', [dump]), true)
  await compare(anvil, o.accounts)
  await compare(node.url, o.accounts)
  const [a, b] = [await head(node.url), await head(anvil)]
  for (const field of ['number', 'hash', 'timestamp', 'stateRoot', 'baseFeePerGas'])
    assert.equal(b[field], a[field], field)
  for (let n = 0; n <= Number(a.number); n++) {
    const at = ['0x' + n.toString(16), true]
    const [x, y] = [await rpc(node.url, 'eth_getBlockByNumber', at),
      await rpc(anvil, 'eth_getBlockByNumber', at)]
    assert.equal(y?.hash, x?.hash, `block ${n}`)
    assert.deepEqual(y.transactions.map((t) => [t.from, t.to, t.nonce, t.value, t.input]),
      x.transactions.map((t) => [t.from, t.to, t.nonce, t.value, t.input]), `block ${n}`)
    for (const [i, { hash, from }] of x.transactions.entries()) {
      const there = y.transactions[i].hash
      if (from !== A) // anvil names transactions of impersonated senders in its own way
        assert.equal(there, hash)
      const [r, s] = [await rpc(node.url, 'eth_getTransactionReceipt', [hash]),
        await rpc(anvil, 'eth_getTransactionReceipt', [there])]
      for (const field of ['status', 'gasUsed', 'cumulativeGasUsed', 'contractAddress', 'from', 'to',
        'logsBloom', 'blockHash', 'blockNumber', 'type', 'effectiveGasPrice'])
        assert.equal(s[field], r[field], `${hash} ${field}`)
      assert.deepEqual(s.logs.map((l) => [l.address, l.topics, l.data]),
        r.logs.map((l) => [l.address, l.topics, l.data]))
    }
  }
  const next = await send(anvil, { from: FROM, to: E, value: '0x2' })
  assert.equal(BigInt(next.blockNumber), BigInt(a.number) + 1n)
})
await check('the state of a loaded dump is the dumped one', async () => {
  const [a, b] = [await start(), await start()]
  await fill(a.url)
  const dump = await rpc(a.url, 'hardhat_dumpState')
  assert.equal(await rpc(b.url, 'hardhat_loadState', [dump]), true)
  const [x, y] = [unpack(dump), unpack(await rpc(b.url, 'anvil_dumpState'))]
  // what the filling blocks themselves wrote
  for (const o of [x, y]) {
    delete o.accounts['0x0000f90827f1c53a10cb7a02335b175320002935']
    delete o.accounts['0x000f3df6d732807ef1319fb7b8bb8522d0beac02']
  }
  assert.deepEqual(y.accounts, x.accounts)
  // once more changes nothing, not even the head
  const before = await head(b.url)
  assert.equal(await rpc(b.url, 'anvil_loadState', [dump]), true)
  assert.equal((await head(b.url)).hash, before.hash)
})
await check('a folder that is opened again still dumps everything', async () => {
  const dir = tempDir()
  let node = await start('--datadir', dir)
  const contract = await fill(node.url)
  const before = unpack(await rpc(node.url, 'anvil_dumpState'))
  await node.stop()
  node = await start('--datadir', dir)
  assert.deepEqual(unpack(await rpc(node.url, 'anvil_dumpState')), before)
  await rpc(node.url, 'anvil_setStorageAt', [contract, '0x9', word(5)])
  assert.equal(unpack(await rpc(node.url, 'anvil_dumpState')).accounts[contract].storage[word(9)],
    word(5))
  await node.stop()
})
await check('a folder made by `run` has no preimages: refused', async () => {
  const dir = tempDir()
  const run = await startMetisd(opt.bin, ['run', '--network', 'andromeda-dev', '--rpc.port', '0',
    '--datadir', dir])
  await run.stop()
  const node = await start('--datadir', dir)
  await assert.rejects(rpc(node.url, 'anvil_dumpState'), (e) => e.code === -32004 &&
    /not made by a development network/.test(e.message))
  await node.stop()
})

const small = await start('--rpc.reply-max', '4kb', '--rpc.job-memory', '1mb')
const refuse = async (params, code, text, url = small.url) => {
  const before = await rpc(url, 'eth_blockNumber')
  await assert.rejects(rpc(url, 'anvil_loadState', params), (e) => {
    assert.equal(e.code, code, e.message)
    assert.match(e.message, text)
    return true
  })
  assert.equal(await rpc(url, 'eth_blockNumber'), before)
}
await check('limits: the reply, what a dump unpacks to, its accounts, its head', async () => {
  await assert.rejects(rpc(small.url, 'anvil_dumpState'), (e) => e.code === -32003 &&
    /larger than a reply/.test(e.message))
  await refuse(['0x' + gzipSync(Buffer.alloc(64 << 20)).toString('hex')], -32005, /unpacks to more/)
  const accounts = Object.fromEntries(Array.from({ length: 1200 }, (_, i) =>
    ['0x' + (i + 1000).toString(16).padStart(40, '0'), { nonce: 1, balance: '0x1', code: '0x',
      storage: {} }]))
  await refuse([pack({ accounts })], -32005, /need more than/)
  await refuse([pack({ accounts: {}, best_block_number: 10001,
    block: { number: '0x2711', timestamp: '0x1', basefee: 7 } })], -32005, /at most 10000 blocks/)
  await assert.rejects(rpc(small.url, 'anvil_dumpState', [true]), (e) => e.code === -32004)
})
await check('limits: one block of a dump', async () => {
  const node = await start('--rpc.job-memory', '1mb')
  for (let i = 0; i < 4; i++)
    await send(node.url, { from: FROM, to: E, gas: '0x500000', data: '0x' + '11'.repeat(100000) })
  assert.ok((await rpc(node.url, 'anvil_dumpState')).length > 2) // four blocks, one at a time
  await rpc(node.url, 'evm_setAutomine', [false])
  for (let i = 0; i < 10; i++)
    await rpc(node.url, 'eth_sendTransaction', [{ from: FROM, to: E, gas: '0x500000',
      data: '0x' + '11'.repeat(100000) }])
  await rpc(node.url, 'evm_mine')
  await assert.rejects(rpc(node.url, 'anvil_dumpState'), (e) => e.code === -32005 &&
    /a block of the dump needs more/.test(e.message))
})
await check('what is malformed is refused as a whole', async () => {
  const account = { nonce: 0, balance: '0x1', code: '0x', storage: {} }
  const one = (a) => [pack({ accounts: { [A]: a } })]
  await refuse([], -32602, /missing/)
  await refuse(['0x1f8b00'], -32602, /compression/)
  await refuse(['0x' + gzipSync('{"accounts":{}}').subarray(0, 20).toString('hex')], -32602,
    /compression/)
  await refuse(['0x' + Buffer.from('[]').toString('hex')], -32602, /not a JSON object/)
  await refuse(['0x' + Buffer.from('{"accounts":{}').toString('hex')], -32602, /not a JSON object/)
  await refuse(['0x' + Buffer.from('{"accounts":{}}}').toString('hex')], -32602, /not a JSON object/)
  await refuse(['0x' + Buffer.from('{"accounts":{]}}').toString('hex')], -32602, /./)
  await refuse([pack({})], -32602, /no accounts/)
  await refuse([pack({ accounts: { '0x12': account } })], -32602, /not an address/)
  await refuse([pack({ accounts: { [E]: account, [E.toUpperCase().replace('X', 'x')]: account } })],
    -32602, /twice/)
  for (const [key, value] of [['nonce', -1], ['nonce', '0x10000000000000000'], ['balance', 'x'],
    ['balance', '0x1' + '0'.repeat(64)], ['code', '0x0'], ['code', 'zz'], ['storage', []],
    ['storage', { '0x1': 5 }], ['storage', { zz: word(1) }], ['storage', { '0x1': word(1), '0x01': word(2) }]])
    await refuse(one({ ...account, [key]: value }), -32602, new RegExp(key))
  await refuse([pack({ accounts: {}, block: { number: 'x' } })], -32602, /block/)
  assert.equal(await rpc(small.url, 'eth_getBalance', [A, 'latest']), '0x0')
})
await check('a dump without compression, without a head, with spaces', async () => {
  const text = ' { "other" : [ "}" , "\\"" ] , "accounts" : ' + JSON.stringify({ [A]: { nonce: '0x2',
    balance: '300', code: '0x00', storage: { '0x5': '0x6' } } }) + ' } '
  const before = await rpc(small.url, 'eth_blockNumber')
  assert.equal(await rpc(small.url, 'anvil_loadState', ['0x' + Buffer.from(text).toString('hex')]), true)
  await compare(small.url, { [A]: { nonce: 2, balance: 300, code: '0x00', storage: { '0x5': word(6) } } })
  assert.equal(await rpc(small.url, 'eth_blockNumber'), before)
})
await check('every node stops cleanly', async () => {
  for (const node of nodes) assert.equal(await node.stop(), 0, node.log().slice(-2000))
})
process.exit(count.summary() ? 0 : 1)
