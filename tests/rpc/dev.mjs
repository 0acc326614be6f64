// The dev methods against anvil: the same calls with the same parameters go to both; what
// they answer has the same form, and the state afterwards is the same. Then what anvil
// lacks or does in its own way, by its effect.
//   node tests/rpc/dev.mjs [--bin build/metisd]
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { counter, freePort, options, rpc, sleep, startMetisd } from '../lib/metisd.mjs'

const require = createRequire(new URL('../clients/package.json', import.meta.url))
const { HDNodeWallet, Interface, Mnemonic, getAddress } = require('ethers')
const { WebSocket } = require('ws')
const opt = options({ bin: 'build/metisd' })
const anvilBin = new URL('../clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil',
  import.meta.url).pathname
const CHAIN = 133717001
const A = '0x00000000000000000000000000000000000a11ce'
const B = '0x0000000000000000000000000000000000000b0b'
const word = (n) => '0x' + BigInt(n).toString(16).padStart(64, '0')
const key = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(
  'test test test test test test test test test test test junk'), "m/44'/60'/0'/0/5")
const FROM = key.address.toLowerCase()

async function startAnvil() {
  const port = await freePort()
  const child = spawn(anvilBin, ['--silent', '--port', String(port), '--chain-id', String(CHAIN)])
  process.on('exit', () => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < 500 && !(await rpc(url, 'eth_chainId').catch(() => null)); i++) await sleep(20)
  return url
}

// totalDifficulty went out of geth's blocks; a key that is a number is one of a list. Else:
// null, boolean, number, quantity, bytes, text, or the shape of an array or object.
function shape(v) {
  if (v === null) return 'null'
  if (Array.isArray(v)) return v.length ? [shape(v[0])] : []
  if (typeof v === 'object')
    return Object.fromEntries(Object.keys(v).sort().filter((k) => k !== 'totalDifficulty')
      .map((k) => [/^0x[0-9a-f]{1,4}$/.test(k) ? 'id' : k, shape(v[k])]))
  if (typeof v !== 'string') return typeof v
  return /^0x[0-9a-f]*$/i.test(v) ? 'hex' : 'text'
}

const node = await startMetisd(opt.bin, ['dev', '--network', 'hyperion-dev', '--rpc.port', '0'])
const ours = node.networks[0].http
const theirs = await startAnvil()
const count = counter()
const outcome = async (url, method, params) =>
  rpc(url, method, params).then((result) => ({ result }), (e) => ({ code: e.code }))
const both = async (method, ...params) => [await outcome(ours, method, params),
  await outcome(theirs, method, params)]
const same = async (method, ...params) => {
  const [a, b] = await both(method, ...params)
  assert.deepEqual(a.result === undefined ? a : shape(a.result),
    b.result === undefined ? b : shape(b.result), `${method}: ${JSON.stringify([a, b]).slice(0, 500)}`)
  return [a.result, b.result]
}
const equal = async (method, ...params) => {
  const [a, b] = await same(method, ...params)
  assert.deepEqual(a, b, method)
}
const check = (name, f) => count.check(name, f)
const ask = (method, ...params) => rpc(ours, method, params)
const receipt = async (url, hash) => {
  for (;;) {
    const r = await rpc(url, 'eth_getTransactionReceipt', [hash])
    if (r) return r
    await sleep(5)
  }
}

const transfer = async (url, more) => {
  const nonce = more?.nonce ?? Number(await rpc(url, 'eth_getTransactionCount', [FROM, 'pending']))
  return key.signTransaction({ chainId: CHAIN, type: 2, to: B, value: 1n, gasLimit: 200000n,
    maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n, nonce, ...more })
}

// ---- the same calls, the same forms, the same effects ----
const FORMS = [
  ['anvil_setBalance', A, '0xde0b6b3a7640000'], ['anvil_addBalance', A, '0x5'],
  ['anvil_setCode', A, '0x6001600055600060005260206000f3'], ['anvil_setNonce', A, '0x7'],
  ['anvil_setStorageAt', A, '0x3', word(99)], ['anvil_setCoinbase', B],
  ['anvil_impersonateAccount', B], ['anvil_stopImpersonatingAccount', B],
  ['anvil_autoImpersonateAccount', false], ['anvil_getAutomine'], ['anvil_setAutomine', true],
  ['anvil_getIntervalMining'], ['anvil_setIntervalMining', 3600], ['anvil_getIntervalMining'],
  ['anvil_setIntervalMining', 0], ['anvil_getIntervalMining'], ['anvil_setAutomine', true],
  ['anvil_mine', '0x2', '0x5'], ['anvil_mine'], ['evm_mine'], ['anvil_mine_detailed'],
  ['evm_mine_detailed'], ['anvil_setNextBlockBaseFeePerGas', '0x3b9aca00'],
  ['anvil_setBlockGasLimit', '0x1c9c380'], ['anvil_setBlockTimestampInterval', 5],
  ['anvil_removeBlockTimestampInterval'], ['anvil_increaseTime', 100],
  ['anvil_setLoggingEnabled', true], ['anvil_dropAllTransactions'],
  ['anvil_removePoolTransactions', A], ['anvil_dropTransaction', word(1)],
  ['anvil_setMinGasPrice', '0x1'], ['anvil_nodeInfo'], ['anvil_snapshot'],
  ['anvil_revert', '0x7777'], ['anvil_rollback', 1], ['anvil_reorg', 2, []],
  ['anvil_metadata'], ['hardhat_metadata'], ['hardhat_getAutomine'], ['evm_snapshot'],
  ['evm_increaseTime', 7], ['evm_revert', '0x99'], ['anvil_setNextBlockTimestamp', 4000000000],
]
for (const [method, ...params] of FORMS)
  await check(`${method} answers in anvil's form`, () => same(method, ...params))
await check('the state afterwards is anvil\'s', async () => {
  for (const address of [A, B])
    for (const method of ['eth_getBalance', 'eth_getCode', 'eth_getTransactionCount'])
      await equal(method, address, 'latest')
  await equal('eth_getStorageAt', A, '0x3', 'latest')
  await equal('eth_blockNumber')
})
await check('mine_detailed tells what transactions returned and why they failed', async () => {
  const E = '0x0000000000000000000000000000000000e0e0e0'
  const F = '0x0000000000000000000000000000000000f0f0f0'
  const w = (n) => word(n).slice(2)
  const text = (at, len, bytes) => w(at) + w(len) + bytes.padEnd(64, '0')
  const reasons = ['', '08c379a0' + text(32, 2, '6e6f'), '08c379a0' + text(32, 0, ''),
    '08c379a0' + text(32, 2, 'ff6f'), '08c379a0' + text(32, 2, '0a22'), '08c379a0' + text(32, 99, '41'),
    '08c379a0' + w(32) + w(2) + '6e', '08c379a0' + w(32) + w(2) + '6e6f', '08c379a0' + 'ff'.repeat(64),
    '08c379a0', 'eeaa9e6f' + text(32, 2, '6e6f'), text(32, 2, '6e6f'),
    ...[0, 1, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x41, 0x51, 0x99, 0x1234].map((n) => '4e487b71' + w(n)),
    '4e487b71' + 'ff'.repeat(32), '4e487b71' + w(1) + 'ff', '4e487b71', '4e487b71' + 'ff'.repeat(31),
    'aabbccdd', 'aabbccdd' + w(5), 'aabbccddff', 'aabbccdd68656c6c6f', 'aabbccdd' + 'fe'.repeat(300),
    'aa', '6869', '68656c6c6f', 'c3a9', '00000000', '61006200', 'ffeedd']
  const seen = []
  for (const url of [ours, theirs]) {
    await rpc(url, 'anvil_setAutomine', [false])
    await rpc(url, 'anvil_dropAllTransactions')
    await rpc(url, 'anvil_setCode', [E, '0x366000600037366000fd']) // reverts with what it is given
    await rpc(url, 'anvil_setCode', [F, '0x366000600037366000f3']) // returns it
    const txs = [...reasons.map((data) => ({ to: E, data: '0x' + data })), { to: F, data: '0x1234' },
      { to: B }, { data: '0x600160005360016000f3' }, { data: '0xfe' }]
    const first = Number(await rpc(url, 'eth_getTransactionCount', [FROM, 'latest']))
    for (const [i, tx] of txs.entries())
      await rpc(url, 'eth_sendRawTransaction', [await transfer(url, { to: null, value: 0n, nonce: first + i, ...tx })])
    const blocks = await rpc(url, 'evm_mine_detailed', [{ blocks: 3, timestamp: null }])
    assert.equal(blocks.length, 3)
    assert.deepEqual(blocks.map((b) => b.transactions.length), [txs.length, 0, 0])
    assert.deepEqual(blocks.map((b) => b.number), [0, 1, 2].map((i) => '0x' +
      (Number(blocks[0].number) + i).toString(16)))
    seen.push(blocks[0].transactions.map((t) => [t.nonce - first, t.output, t.revertReason, 'output' in t]))
    await rpc(url, 'anvil_setAutomine', [true])
  }
  assert.deepEqual(seen[0], seen[1])
  assert.deepEqual(await ask('anvil_mine_detailed', { blocks: 0 }), [])
})
await check('tokens by decree: balance and allowance, the one slot that decides', async () => {
  const TOKEN = '0x0000000000000000000000000000000000070ce0'
  // loads a slot that does not matter; balances in mapping 2, allowances in mapping 3
  const code = '0x60075450' + '5f3560e01c6370a0823114603357' + '6004355f52600360205260405f20' + '602052' +
    '6024355f5260405f20545f5260205ff3' + '5b6004355f52600260205260405f20545f5260205ff3'
  const abi = new Interface(['function balanceOf(address) returns (uint256)',
    'function allowance(address, address) returns (uint256)'])
  for (const url of [ours, theirs]) {
    const call = async (name, ...args) => BigInt(await rpc(url, 'eth_call', [{ to: TOKEN,
      data: abi.encodeFunctionData(name, args) }, 'latest']))
    await rpc(url, 'anvil_setCode', [TOKEN, code])
    assert.equal(await rpc(url, 'anvil_dealERC20', [A, TOKEN, '0x1234']), null)
    assert.equal(await call('balanceOf', A), 0x1234n)
    assert.equal(await call('balanceOf', B), 0n)
    assert.equal(await rpc(url, 'anvil_setERC20Allowance', [A, B, TOKEN, '0x77']), null)
    assert.equal(await call('allowance', A, B), 0x77n)
    assert.equal(await call('allowance', B, A), 0n)
    assert.equal(await rpc(url, 'eth_getStorageAt', [TOKEN, '0x7', 'latest']), word(0))
  }
  assert.equal(await ask('hardhat_dealERC20', B, TOKEN, '0x0'), true)
  const long = '0x' + Array.from({ length: 70 }, (_, i) => '60' + (i + 128).toString(16) + '5450').join('')
  for (const other of [long + '6004355f52600260205260405f20545f5260205ff3', '0x', '0x602a5f5260205ff3', '0x5f5460010160005260206000f3', '0x5f5ffd']) {
    await ask('anvil_setCode', TOKEN, other)
    await assert.rejects(ask('anvil_dealERC20', A, TOKEN, '0x2a'), (e) => e.code === -32000 &&
      /no slot of the token/.test(e.message))
  }
})
await check('smaller names of anvil\'s', async () => {
  const [, rich] = await ask('eth_accounts')
  for (const gas of [{ gas: '0x5208' }, {}]) {
    for (const url of [ours, theirs]) {
      const r = await rpc(url, 'eth_sendTransactionSync', [{ from: rich, to: B, value: '0x1', ...gas }])
      assert.deepEqual([r.status, r.from, r.to, r.gasUsed], ['0x1', rich, B, '0x5208'])
      assert.deepEqual(await rpc(url, 'eth_getTransactionReceipt', [r.transactionHash]), r)
    }
    await assert.rejects(ask('eth_sendTransactionSync', { from: B, to: B, ...gas }), /unknown account/)
    await assert.rejects(ask('eth_sendTransactionSync', { from: rich, to: B,
      value: '0xffffffffffffffffffffffff', ...gas }), (e) => e.code === -32000 || e.code === 3)
  }
  await equal('eth_requestAccounts')
  await equal('eth_networkId')
  await same('anvil_getGenesisTime')
  await same('eth_coinbase')
  await equal('eth_getAccount', A, 'latest')
  await equal('eth_getAccount', '0x000000000000000000000000000000000000dead', 'latest')
  const hash = '0x' + 'ab'.repeat(32)
  await equal('debug_codeByHash', hash, null)
  for (const url of [ours, theirs]) {
    const { codeHash } = await rpc(url, 'eth_getAccount', [A, 'latest'])
    assert.equal(await rpc(url, 'debug_codeByHash', [codeHash, null]),
      await rpc(url, 'eth_getCode', [A, 'latest']))
    const nonce = Number(await rpc(url, 'eth_getTransactionCount', [FROM, 'latest'])) - 1
    const tx = await rpc(url, 'eth_getTransactionBySenderAndNonce', [FROM, '0x' + nonce.toString(16)])
    assert.deepEqual([tx.from, Number(tx.nonce)], [FROM, nonce])
    assert.deepEqual(await rpc(url, 'eth_getTransactionByHash', [tx.hash]), tx)
    assert.equal(await rpc(url, 'eth_getTransactionBySenderAndNonce', [FROM, '0xffff']), null)
  }
})
await check('back to the genesis: reset', async () => {
  await same('anvil_reset')
  await equal('eth_blockNumber')
  await equal('eth_getBalance', A, 'latest')
  assert.equal(await ask('eth_getCode', A, 'latest'), '0x')
  assert.equal(await ask('hardhat_reset'), true)
  await assert.rejects(ask('anvil_reset', { forking: { jsonRpcUrl: 'http://127.0.0.1:1' } }),
    (e) => e.code === -32004)
})
await check('revert to a snapshot of the genesis undoes patches', async () => {
  const id = await ask('evm_snapshot')
  await ask('anvil_setBalance', A, '0x5')
  assert.equal(await ask('evm_revert', id), true)
  assert.equal(await ask('eth_getBalance', A, 'latest'), '0x0')
})
await check('accounts without a key send when all are impersonated', async () => {
  const tx = { from: A, to: B, value: '0x1', gas: '0x5208' }
  for (const url of [ours, theirs]) {
    await rpc(url, 'anvil_setBalance', [A, '0xde0b6b3a7640000'])
    await assert.rejects(rpc(url, 'eth_sendTransaction', [tx]))
    await rpc(url, 'anvil_autoImpersonateAccount', [true])
    const r = await receipt(url, await rpc(url, 'eth_sendTransaction', [tx]))
    assert.equal(r.from, A)
    await rpc(url, 'anvil_autoImpersonateAccount', [false])
    await assert.rejects(rpc(url, 'eth_sendTransaction', [tx]))
  }
})
await check('a block before the last one is refused; setTime tells by how much the clock went on', async () => {
  for (const method of ['evm_mine', 'anvil_mine_detailed'])
    for (const param of [5, '0x5', { timestamp: 5 }]) await same(method, param)
  const head = Math.max(...await Promise.all([ours, theirs].map(async (url) =>
    Number((await rpc(url, 'eth_getBlockByNumber', ['latest', false])).timestamp))))
  await same('evm_mine', head + 1000)
  const steps = []
  for (const url of [ours, theirs]) {
    await rpc(url, 'evm_setTime', [head + 10000])
    steps.push([await rpc(url, 'evm_setTime', [head + 14000]), await rpc(url, 'anvil_setTime', [head + 11000]),
      await rpc(url, 'evm_setTime', ['0x' + (head + 12000).toString(16)])])
  }
  for (const [a, b, c] of steps) { // the clock goes on meanwhile
    assert.ok(a >= 3999 && a <= 4000 && b === 0 && c >= 999 && c <= 1000, JSON.stringify(steps))
  }
})
await check('eth_sendTransaction without a sender is the first account\'s', async () => {
  for (const url of [ours, theirs]) {
    const [first] = await rpc(url, 'eth_accounts')
    for (const more of [{}, { from: null, gas: '0x5208' }]) {
      const r = await receipt(url, await rpc(url, 'eth_sendTransaction', [{ to: B, value: '0x1', ...more }]))
      assert.deepEqual([r.from, r.status], [first, '0x1'])
    }
  }
})
await check('a revert does not announce what it undid', async () => {
  for (const url of [ours, theirs]) {
    const id = await rpc(url, 'evm_snapshot')
    const filter = await rpc(url, 'eth_newPendingTransactionFilter')
    const hash = await rpc(url, 'eth_sendRawTransaction', [await transfer(url)])
    await receipt(url, hash)
    assert.deepEqual(await rpc(url, 'eth_getFilterChanges', [filter]), [hash])
    assert.equal(await rpc(url, 'evm_revert', [id]), true)
    assert.deepEqual(await rpc(url, 'eth_getFilterChanges', [filter]), [])
    const again = await rpc(url, 'eth_sendRawTransaction', [await transfer(url)])
    await receipt(url, again)
    assert.deepEqual(await rpc(url, 'eth_getFilterChanges', [filter]), [again])
  }
})
await check('dropTransaction, removePoolTransactions, dropAllTransactions', async () => {
  for (const url of [ours, theirs]) {
    await rpc(url, 'anvil_setAutomine', [false])
    const send = async (nonce) => rpc(url, 'eth_sendRawTransaction', [await transfer(url, { nonce })])
    const first = Number(await rpc(url, 'eth_getTransactionCount', [FROM, 'latest']))
    const pending = async () => Number((await rpc(url, 'txpool_status')).pending)
    const hash = await send(first)
    assert.equal(await pending(), 1)
    assert.equal(await rpc(url, 'anvil_dropTransaction', [hash]), hash)
    if (url === ours)
      assert.deepEqual(await ask('metis_poolWhy', hash), { hash, reason: 'dropped by hand' })
    assert.equal(await pending(), 0)
    await send(first)
    await send(first + 1)
    await rpc(url, 'anvil_removePoolTransactions', [A])
    assert.equal(await pending(), 2)
    await rpc(url, 'anvil_removePoolTransactions', [FROM])
    assert.equal(await pending(), 0)
    await send(first)
    await rpc(url, 'anvil_dropAllTransactions')
    assert.equal(await pending(), 0)
    await rpc(url, 'anvil_setAutomine', [true])
  }
})
await check('mine_detailed gives the block with its transactions', async () => {
  await ask('evm_setAutomine', false)
  const hash = await ask('eth_sendRawTransaction', await transfer(ours))
  const [block] = await ask('anvil_mine_detailed')
  await ask('evm_setAutomine', true)
  assert.equal(block.transactions[0].hash, hash)
  assert.deepEqual(await ask('metis_poolWhy', hash),
    { hash, reason: `included in block ${Number(block.number)}` })
})
await check('rollback: blocks, state and nonces go', async () => {
  for (const url of [ours, theirs]) {
    const head = BigInt(await rpc(url, 'eth_blockNumber'))
    const nonce = await rpc(url, 'eth_getTransactionCount', [FROM, 'latest'])
    const hash = await rpc(url, 'eth_sendRawTransaction', [await transfer(url)])
    await receipt(url, hash)
    await rpc(url, 'anvil_mine', ['0x3'])
    await rpc(url, 'anvil_rollback', [4])
    assert.equal(BigInt(await rpc(url, 'eth_blockNumber')), head)
    assert.equal(await rpc(url, 'eth_getTransactionCount', [FROM, 'latest']), nonce)
    assert.equal(await rpc(url, 'eth_getTransactionReceipt', [hash]), null)
  }
  await assert.rejects(ask('anvil_rollback', 10 ** 6))
})
await check('reorg: removed logs are pushed, other blocks stand, the new transactions in them', async () => {
  await ask('anvil_setCode', A, '0x600760005260206000a000') // LOG0 of 32 bytes
  const socket = new WebSocket(ours.replace('http', 'ws'))
  const logs = []
  let subscribed
  const ready = new Promise((r) => (subscribed = r))
  socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1,
    method: 'eth_subscribe', params: ['logs', { address: A }] })))
  socket.on('message', (m) => {
    const j = JSON.parse(m)
    if (j.id === 1) subscribed()
    else logs.push(j.params.result)
  })
  await ready
  const hash = await ask('eth_sendRawTransaction', await transfer(ours, { to: A, value: 0n }))
  const old = await receipt(ours, hash)
  await ask('evm_mine')
  const head = await ask('eth_blockNumber')
  const nonce = Number(await ask('eth_getTransactionCount', FROM, 'latest')) - 1
  const a = await transfer(ours, { nonce, value: 5n })
  const b = await transfer(ours, { nonce: nonce + 1, to: A, value: 0n })
  assert.equal(await ask('anvil_reorg', 2, [[a, 0], [b, 1]]), null)
  assert.equal(await ask('eth_blockNumber'), head)
  const block = await ask('eth_getBlockByNumber', old.blockNumber, true)
  assert.notEqual(block.hash, old.blockHash)
  assert.deepEqual(block.transactions.map((t) => BigInt(t.value)), [5n])
  assert.equal(await ask('eth_getTransactionReceipt', hash), null)
  for (let i = 0; i < 200 && logs.length < 3; i++) await sleep(10)
  socket.close()
  assert.deepEqual(logs.map((l) => [l.removed, l.blockHash === old.blockHash]),
    [[false, true], [true, true], [false, false]])
  await assert.rejects(ask('anvil_reorg', 1, [[a, 1]]), (e) => e.code === -32602)
  await assert.rejects(ask('anvil_reorg', 1, [[a, 0]]), /nonce too low/)
  assert.equal(await ask('evm_setAutomine', true), true) // and building goes on
  await receipt(ours, await ask('eth_sendRawTransaction', await transfer(ours)))
})
await check('reorg: filters that are polled tell of removed logs, then of the new ones', async () => {
  const filter = await ask('eth_newFilter', { address: A })
  const blocks = await ask('eth_newBlockFilter')
  const changes = (id) => ask('eth_getFilterChanges', id)
  const emit = async () => receipt(ours, await ask('eth_sendRawTransaction', await transfer(ours, { to: A, value: 0n })))
  const [x, y] = [await emit(), await emit()]
  assert.deepEqual((await changes(filter)).map((l) => [l.removed, l.transactionHash]),
    [[false, x.transactionHash], [false, y.transactionHash]])
  assert.deepEqual(await changes(blocks), [x.blockHash, y.blockHash])
  const nonce = Number(await ask('eth_getTransactionCount', FROM, 'latest')) - 2
  const again = await transfer(ours, { nonce, to: A, value: 0n })
  await ask('anvil_reorg', 2, [[again, 1]])
  const head = await ask('eth_getBlockByNumber', 'latest', false)
  const got = await changes(filter)
  assert.deepEqual(got.map((l) => [l.removed, l.blockHash]),
    [[true, y.blockHash], [true, x.blockHash], [false, head.hash]])
  const plain = ({ removed, ...rest }) => rest
  for (const [gone, was] of [[got[0], y], [got[1], x]]) // but for the mark what the receipt had
    assert.deepEqual(plain(gone), plain(was.logs[0]))
  assert.deepEqual(await changes(blocks), [head.parentHash, head.hash])
  assert.deepEqual(await changes(filter), [])
  // Blocks that went and none that came.
  await ask('anvil_rollback', 1)
  assert.deepEqual((await changes(filter)).map((l) => [l.removed, l.blockHash]), [[true, head.hash]])
  assert.deepEqual(await changes(blocks), [])
  // A filter that never told of a block does not take it back.
  await ask('evm_setAutomine', true)
  const z = await emit()
  await ask('anvil_rollback', 1)
  assert.deepEqual(await changes(filter), [])
  assert.notEqual(z.blockHash, head.hash)
})
await check('more blocks removed than a filter keeps: it is gone, as its owner hears', async () => {
  const [mine, others] = [await ask('eth_newFilter', { address: A }), await ask('eth_newFilter', { address: B })]
  for (let i = 0; i < 257; i++)
    await receipt(ours, await ask('eth_sendRawTransaction', await transfer(ours, { to: A, value: 0n })))
  await ask('eth_getFilterChanges', mine)
  await ask('eth_getFilterChanges', others)
  await ask('anvil_rollback', 257)
  await assert.rejects(ask('eth_getFilterChanges', mine), (e) => e.code === -32000 && /filter not found/.test(e.message))
  assert.deepEqual(await ask('eth_getFilterChanges', others), [])
})
await check('setChainId is refused with the way to do it', () =>
  assert.rejects(ask('anvil_setChainId', 5), /--network FILE/))

// ---- console.log ----
await check('console.log lines of calls, estimates and transactions are in the log', async () => {
  const console = '0x000000000000000000636f6e736f6c652e6c6f67'
  const cases = [
    ['log(string)', ['hello'], 'hello'],
    ['log(string,uint256)', ['n =', 42n], 'n = 42'],
    ['log(uint256,string,bool,address)', [7n, 'x', true, A], `7 x true ${getAddress(A)}`],
    ['log(string,uint256,uint256)', ['%d of %s 100%%', 1n, 2n], '1 of 2 100%'],
    ['log(int256)', [-5n], '-5'],
    ['log(bytes)', ['0xdeadbeef'], '0xdeadbeef'],
    ['log(bytes4)', ['0x01020304'], '0x01020304'],
    ['log(bool)', [false], 'false'],
  ]
  for (const [i, [signature, args, text]] of cases.entries()) {
    const data = new Interface([`function ${signature}`]).encodeFunctionData('log', args)
    // a contract that copies its call data to memory and STATICCALLs the console with it
    await ask('anvil_setCode', A, '0x3660006000376000600036600073' + console.slice(2) + '5afa00')
    const seen = () => node.log().split('\n').filter((l) => l.includes('console.log') &&
      l.includes(text)).length
    const before = seen()
    await ask('eth_call', { to: A, data }, 'latest')
    if (i === 0) {
      await ask('eth_estimateGas', { from: FROM, to: A, data })
      await receipt(ours, await ask('eth_sendRawTransaction',
        await transfer(ours, { to: A, value: 0n, data })))
    }
    const want = before + (i === 0 ? 3 : 1)
    for (let k = 0; k < 100 && seen() < want; k++) await sleep(10)
    assert.equal(seen(), want, signature)
  }
  await ask('hardhat_setLoggingEnabled', false)
  const data = new Interface(['function log(string)']).encodeFunctionData('log', ['secret'])
  await ask('eth_call', { to: A, data }, 'latest')
  await ask('hardhat_setLoggingEnabled', true)
  await ask('eth_call', { to: A, data: new Interface(['function log(string)'])
    .encodeFunctionData('log', ['open']) }, 'latest')
  for (let k = 0; k < 100 && !node.log().includes('open'); k++) await sleep(10)
  assert.ok(!node.log().includes('secret'))
})
process.exit(count.summary() ? 0 : 1)
