// Methods that anvil or viem know too, against them; what neither knows, against what the node
// says elsewhere. Simulations, access lists, signing, filling, the receipt in one call, proofs of
// every block, ranges, prices, rules.
//   node tests/rpc/methods.mjs [--bin build/metisd]
import { createRequire } from 'node:module'
import { counter, options, post, rpc, startMetisd } from '../lib/metisd.mjs'
import { A, difference, FROM, send, startBoth, TXS } from './peers.mjs'

const require = createRequire(new URL('../clients/package.json', import.meta.url))
const { createWalletClient, fromRlp, http, keccak256, parseTransaction } = require('viem')
const { JsonRpcProvider } = require('ethers')
const { WebSocket } = require('ws')
const { mnemonicToAccount } = require('viem/accounts')

const opt = options({ bin: 'build/metisd' })
const count = counter({ quiet: true })
const { anvil, node, ours } = await startBoth(opt.bin)
const me = mnemonicToAccount('test test test test test test test test test test test junk')
const CHAIN = Number(await rpc(ours, 'eth_chainId'))
const hex = (n) => '0x' + BigInt(n).toString(16)
const must = (ok, text) => { if (!ok) throw new Error(text) }
const same = (want, got) => { const d = difference(want, got); if (d) throw d }

async function refused(method, params, code, text = '') {
  const e = await rpc(ours, method, params).then((r) => ({ message: JSON.stringify(r) }), (x) => x)
  must(e.code === code && e.message.includes(text), `${method}: want ${code} ${text}, got ${e.code} ${e.message}`)
  return e
}

// ---- eth_simulateV1 ----
const call = (o) => ({ from: FROM, ...o })
const rich = { [FROM]: { balance: hex(10n ** 24n) } }
// What the two must agree on: results, not hashes (the states under them differ). The data of a
// revert stands in anvil's returnData, in geth's and here only in the error.
const facts = (blocks, logs) => blocks.map((b) => b.calls.map((c) => ({
  returnData: c.status === '0x1' ? c.returnData : null, status: c.status, gasUsed: c.gasUsed,
  error: c.status === '0x1' ? null : true,
  logs: logs ? c.logs.map((l) => [l.address, l.topics, l.data]) : null })))

for (const transfers of [false, true])
  for (const [name, tx] of TXS.filter(([, t]) => t.to)) // anvil simulates no deployments
    await count.check(`simulate ${name}${transfers ? ' with transfers' : ''}`, async () => {
      const input = { blockStateCalls: [{ stateOverrides: rich,
        calls: [call({ gas: '0x100000', ...tx }), call({ gas: '0x100000', ...tx })] },
      { calls: [call({ gas: '0x100000', ...tx })] }], traceTransfers: transfers }
      const [want, got] = await Promise.all([anvil.url, ours].map((url) =>
        rpc(url, 'eth_simulateV1', [input, 'latest'])))
      // anvil reports transfers of calls that failed too, and none of selfdestructs
      const logs = !transfers || /transfer|value|^call/.test(name)
      same(facts(want, logs), facts(got, logs))
      must(got[1].parentHash === got[0].hash, 'the second block stands on the first')
    })

await count.check('simulate: errors', async () => {
  const sim = (blocks, more = {}) => [{ blockStateCalls: blocks, ...more }, 'latest']
  const poor = A(0xabcdef)
  const to = A(0xbeef)
  const strict = { validation: true }
  const high = { maxFeePerGas: hex(10n ** 12n) }
  await refused('eth_simulateV1', sim([]), -32602)
  await refused('eth_simulateV1', sim([{ blockOverrides: { number: '0x0' } }]), -38020)
  await refused('eth_simulateV1', sim([{ blockOverrides: { time: '0x1' } }]), -38021)
  await refused('eth_simulateV1', sim([{ blockOverrides: { number: hex(10000) } }]), -38026)
  await refused('eth_simulateV1', sim(Array(257).fill({})), -38026)
  await refused('eth_simulateV1', sim([{ calls: [{ from: poor, to, value: '0x1' }] }]), -38014)
  await refused('eth_simulateV1', sim([{ calls: [call({ to, gas: '0x5000' })] }]), -38013)
  await refused('eth_simulateV1', sim([{ calls: [call({ to, gas: hex(10n ** 12n) })] }]), -38015)
  await refused('eth_simulateV1', sim([{ stateOverrides: { ...rich, [FROM]: { nonce: '0x5' } },
    calls: [call({ to, nonce: '0x1', ...high })] }], strict), -38010)
  await refused('eth_simulateV1', sim([{ calls: [call({ to, nonce: '0x99', ...high })] }], strict), -38011)
  await refused('eth_simulateV1', sim([{ blockOverrides: { baseFeePerGas: '0x9' },
    calls: [call({ to, maxFeePerGas: '0x8' })] }]), -38012)
  await refused('eth_simulateV1', sim([{ calls: [call({ data: '0x' + '00'.repeat(49153) })] }]), -38025)
  const move = (map) => sim([{ stateOverrides: map }])
  await refused('eth_simulateV1', move({ [A(1)]: { movePrecompileToAddress: A(1) } }), -38022)
  await refused('eth_simulateV1', move({ [A(1)]: { movePrecompileToAddress: A(99) },
    [A(2)]: { movePrecompileToAddress: A(99) } }), -38023)
  await refused('eth_simulateV1', move({ [A(77)]: { movePrecompileToAddress: A(99) } }), -32000)
  await refused('eth_simulateV1', move({ [A(1)]: { movePrecompileToAddress: A(99) },
    [A(99)]: { balance: '0x1' } }), -32000)
  // the gas of all calls together is capped by the node
  const loop = { [A(0x1005)]: { code: '0x5b600056' } }
  await refused('eth_simulateV1', sim([{ stateOverrides: loop, calls: [call({ to: A(0x1005) }),
    call({ to: A(0x1005) })] }]), -38026)
})
await count.check('simulate: a moved precompile, and one that became an account', async () => {
  const input = '0x616263'
  const sha = '0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' // of "abc"
  const [block] = await rpc(ours, 'eth_simulateV1', [{ blockStateCalls: [{
    stateOverrides: { [A(2)]: { movePrecompileToAddress: A(0x1234) }, [A(4)]: { balance: '0x1' } },
    calls: [call({ to: A(0x1234), input }), call({ to: A(2), input }), call({ to: A(4), input })] }] }])
  same([sha, '0x', '0x'], block.calls.map((c) => c.returnData))
  const viaCall = await rpc(ours, 'eth_call', [{ to: A(0x1234), input }, 'latest',
    { [A(2)]: { movePrecompileToAddress: A(0x1234) } }])
  must(viaCall === sha, `eth_call: ${viaCall}`)
})

// ---- eth_createAccessList ----
for (const [name, tx] of TXS)
  await count.check(`access list ${name}`, async () => {
    const params = [call({ gas: '0x100000', ...tx }), 'latest']
    const [want, got] = await Promise.all([anvil.url, ours].map((url) =>
      rpc(url, 'eth_createAccessList', params).catch((e) => ({ refused: true, text: e.message }))))
    // anvil refuses calls that fail; geth answers with what they touched and the error
    if (want.refused) {
      must(got.error !== undefined, JSON.stringify([want, got]))
      return
    }
    const sorted = (list) => list.map((e) => [e.address.toLowerCase(), [...e.storageKeys].sort()]).sort()
    same(sorted(want.accessList), sorted(got.accessList))
    same(hex(want.gasUsed), got.gasUsed)
  })

// ---- signing and filling ----
const DATA = { types: {
  EIP712Domain: [{ name: 'name', type: 'string' }, { name: 'version', type: 'string' },
    { name: 'chainId', type: 'uint256' }, { name: 'verifyingContract', type: 'address' },
    { name: 'salt', type: 'bytes32' }],
  Person: [{ name: 'name', type: 'string' }, { name: 'wallets', type: 'address[]' }],
  Mail: [{ name: 'from', type: 'Person' }, { name: 'to', type: 'Person[2]' },
    { name: 'contents', type: 'string' }, { name: 'at', type: 'uint64' },
    { name: 'delta', type: 'int8' }, { name: 'tag', type: 'bytes4' }, { name: 'body', type: 'bytes' },
    { name: 'grid', type: 'uint16[2][]' }, { name: 'urgent', type: 'bool' },
    { name: 'big', type: 'int256' }] },
primaryType: 'Mail',
domain: { name: 'Ether Mail', version: '1', chainId: CHAIN, verifyingContract: A(0xcccc),
  salt: '0x' + '17'.repeat(32) },
message: { from: { name: 'Cow', wallets: [A(1), A(2)] },
  to: [{ name: 'Bob', wallets: [] }, { name: 'Ünï', wallets: [A(3)] }], contents: 'Hello, Bob!',
  at: 1700000000, delta: -3, tag: '0xdeadbeef', body: '0x0102', grid: [[1, 2], [3, 65535]],
  urgent: true, big: '-57896044618658097711785492504343953926634992332820282019728792003956564819968' } }
await count.check('typed data against viem', async () => {
  const message = { ...DATA.message, at: 1700000000n, big: BigInt(DATA.message.big) }
  const want = await me.signTypedData({ ...DATA, message })
  same(want, await rpc(ours, 'eth_signTypedData_v4', [me.address, DATA]))
  same(want, await rpc(ours, 'eth_signTypedData_v4', [me.address, JSON.stringify(DATA)]))
  const only = { ...DATA, primaryType: 'EIP712Domain', message: {} }
  same(await me.signTypedData(only), await rpc(ours, 'eth_signTypedData_v4', [me.address, only]))
})
await count.check('messages: eth_sign, personal_sign and ethers\' signer against viem', async () => {
  const message = 'Ünï, 0x00 and so on'
  const data = '0x' + Buffer.from(message).toString('hex')
  const want = await me.signMessage({ message })
  same(want, await rpc(ours, 'eth_sign', [me.address, data]))
  same(want, await rpc(ours, 'personal_sign', [data, me.address]))
  same(want, await rpc(ours, 'personal_sign', [data, me.address, 'password']))
  same(want, await rpc(ours, 'personal_sign', [data, me.address, null]))
  const signer = await new JsonRpcProvider(ours).getSigner(me.address)
  same(want, await signer.signMessage(message))
  same(want, await createWalletClient({ transport: http(ours) }).signMessage({ account: me.address, message }))
  await refused('personal_sign', [data, A(5)], -32000, 'unknown account')
  await refused('personal_sign', [me.address], -32602)
})
await count.check('typed data refused', async () => {
  const bad = (change) => refused('eth_signTypedData_v4', [me.address,
    { ...DATA, message: { ...DATA.message, ...change } }], -32602)
  await bad({ delta: 128 })
  await bad({ delta: -129 })
  await bad({ at: -1 })
  await bad({ at: hex(2n ** 64n) })
  await bad({ tag: '0xdeadbe' })
  await bad({ from: 'Cow' })
  await bad({ to: [{ name: 'Bob', wallets: [] }] })
  await bad({ contents: 7 })
  await bad({ urgent: undefined })
  await refused('eth_signTypedData_v4', [A(5), DATA], -32000, 'unknown account')
  await refused('eth_signTypedData_v4', [me.address, { ...DATA, primaryType: 'None' }], -32602)
  let deep = 'uint8'
  for (let i = 0; i < 40; i++) deep += '[]'
  await refused('eth_signTypedData_v4', [me.address, { types: { EIP712Domain: [],
    T: [{ name: 'a', type: deep }] }, primaryType: 'T', domain: {}, message: { a: [] } }],
  0, '').catch(() => {})
})
await count.check('transactions signed as viem signs them', async () => {
  const base = { to: A(0xbeef), value: 5n, nonce: 7, gas: 50000n, chainId: CHAIN, data: '0x0102' }
  const cases = [
    [{ ...base, gasPrice: 9n, type: 'legacy' }, { gasPrice: '0x9', type: '0x0' }],
    [{ ...base, gasPrice: 9n, type: 'eip2930', accessList: [{ address: A(9), storageKeys: ['0x' + '01'.repeat(32)] }] },
      { gasPrice: '0x9', accessList: [{ address: A(9), storageKeys: ['0x' + '01'.repeat(32)] }] }],
    [{ ...base, maxFeePerGas: 99n, maxPriorityFeePerGas: 3n, type: 'eip1559' },
      { maxFeePerGas: '0x63', maxPriorityFeePerGas: '0x3' }]]
  for (const [theirs, mine] of cases)
    same(await me.signTransaction(theirs), await rpc(ours, 'eth_signTransaction', [{ from: me.address,
      to: base.to, value: '0x5', nonce: '0x7', gas: hex(50000), data: '0x0102', ...mine }]))
  await refused('eth_signTransaction', [{ from: A(5), to: A(6) }], -32000, 'unknown account')
})
await count.check('a filled transaction is one that can be sent', async () => {
  const { raw, tx } = await rpc(ours, 'eth_fillTransaction', [{ from: me.address, to: A(0x1001), value: '0x0' }])
  const nonce = await rpc(ours, 'eth_getTransactionCount', [me.address, 'pending'])
  const gas = await rpc(ours, 'eth_estimateGas', [{ from: me.address, to: A(0x1001) }])
  same([nonce, gas, '0x2', hex(CHAIN)], [tx.nonce, tx.gas, tx.type, tx.chainId])
  same(keccak256(raw), tx.hash)
  const parsed = parseTransaction(raw)
  const signed = await me.signTransaction({ ...parsed, r: undefined, s: undefined, v: undefined, yParity: undefined })
  const receipt = await rpc(ours, 'eth_sendRawTransactionSync', [signed])
  same('0x1', receipt.status)
})

// ---- eth_sendRawTransactionSync ----
const wallet = createWalletClient({ account: me, transport: http(ours) })
let nonce = Number(await rpc(ours, 'eth_getTransactionCount', [me.address, 'pending']))
const signed = (n) => me.signTransaction({ to: A(0xbeef), value: 1n, nonce: n, gas: 100000n, chainId: CHAIN,
  maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n, type: 'eip1559' })
await count.check('the receipt in one call', async () => {
  const times = []
  for (let i = 0; i < 100; i++) {
    const raw = await signed(nonce++)
    const t0 = performance.now()
    const receipt = await rpc(ours, 'eth_sendRawTransactionSync', [raw, 5000])
    times.push(performance.now() - t0)
    same(await rpc(ours, 'eth_getTransactionReceipt', [keccak256(raw)]), receipt)
  }
  times.sort((a, b) => a - b)
  console.log(`     eth_sendRawTransactionSync: p50 ${times[50].toFixed(2)} ms, p99 ${times[98].toFixed(2)} ms`)
  must((await wallet.getChainId()) === CHAIN, 'chain id')
})
await count.check('the receipt that does not come', async () => {
  await refused('eth_sendRawTransactionSync', ['0x02'], -32000)
  await refused('eth_sendRawTransactionSync', [await signed(0)], -32000, 'nonce too low')
  const gap = await signed(nonce + 1)
  const e = await post(ours, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransactionSync', params: [gap] }))
  const { error } = JSON.parse(e.text)
  same([5, keccak256(gap)], [error.code, error.data])
  await rpc(ours, 'evm_setAutomine', [false])
  const raw = await signed(nonce)
  const t0 = performance.now()
  const late = JSON.parse((await post(ours, JSON.stringify({ jsonrpc: '2.0', id: 1,
    method: 'eth_sendRawTransactionSync', params: [raw, 150] }))).text).error
  same([4, keccak256(raw)], [late.code, late.data])
  must(performance.now() - t0 >= 140, 'it waited')
  await rpc(ours, 'evm_setAutomine', [true])
  await rpc(ours, 'evm_mine')
  nonce += 2
})

// ---- proofs of every block that is kept ----
const nibbles = (h) => [...h.slice(2)].map((c) => parseInt(c, 16))
// The value that a Merkle proof leads to, or null; throws where a node is not the one named.
function walk(root, key, proof) {
  let want = root
  let path = nibbles(key)
  for (const rlp of proof) {
    if (keccak256(rlp) !== want) throw new Error(`proof: node ${keccak256(rlp)}, want ${want}`)
    const node = fromRlp(rlp, 'hex')
    if (node.length === 17) {
      if (path.length === 0) return node[16]
      want = node[path.shift()]
    } else {
      const enc = nibbles(node[0])
      const odd = enc[0] & 1
      const part = enc.slice(odd ? 1 : 2)
      if (part.some((x, i) => x !== path[i])) return null
      path = path.slice(part.length)
      want = node[1]
      if (enc[0] & 2) return path.length === 0 ? want : null
    }
    if (want === '0x') return null
  }
  return want
}
await count.check('proofs lead from the state root of every block', async () => {
  const head = Number(await rpc(ours, 'eth_blockNumber'))
  must(head > 60, `head ${head}`)
  for (let n = 1; n <= head; n++) { // the genesis was patched
    const { stateRoot } = await rpc(ours, 'eth_getBlockByNumber', [hex(n), false])
    for (const [who, keys] of [[FROM, []], [A(0x1001), ['0x0', '0x1', '0x77']], [A(0xdead0), []]]) {
      const p = await rpc(ours, 'eth_getProof', [who, keys, hex(n)])
      const value = walk(stateRoot, keccak256(who), p.accountProof)
      const account = value && fromRlp(value, 'hex')
      const number = (v) => (v === '0x' ? '0x0' : hex(v))
      if (!account) { same(['0x0', '0x0'], [p.balance, p.nonce]); continue }
      same([number(account[0]), number(account[1]), account[2], account[3]],
        [p.nonce, p.balance, p.storageHash, p.codeHash])
      for (const s of p.storageProof) {
        const key = keccak256('0x' + BigInt(s.key).toString(16).padStart(64, '0'))
        const v = s.proof.length ? walk(p.storageHash, key, s.proof) : null
        same(v ? number(fromRlp(v, 'hex')) : '0x0', s.value)
      }
    }
  }
})

// ---- the block that a call sees: geth 1.16 ----
await count.check('BLOCKHASH of blocks that are not there is 0; BLOBBASEFEE is the block\'s', async () => {
  const head = Number(await rpc(ours, 'eth_blockNumber'))
  const run = (code, block = {}) => rpc(ours, 'eth_call', [{ to: A(0x777) }, 'latest',
    { [A(0x777)]: { code } }, block])
  const blockhash = (n) => '0x61' + n.toString(16).padStart(4, '0') + '405f5260205ff3'
  const number = hex(head + 20)
  same('0x' + '00'.repeat(32), await run(blockhash(head + 7), { number }))
  same((await rpc(ours, 'eth_getBlockByNumber', [hex(head - 1), false])).hash,
    await run(blockhash(head - 1), { number }))
  const traced = await rpc(ours, 'debug_traceCall', [{ to: A(0x777) }, 'latest',
    { stateOverrides: { [A(0x777)]: { code: blockhash(head + 7) } }, blockOverrides: { number } }])
  same(false, traced.failed)
  const word = (n) => '0x' + n.toString(16).padStart(64, '0')
  const fee = '0x4a5f5260205ff3'
  same(word(1), await run(fee))
  same(word(9), await run(fee, { blobBaseFee: '0x9' }))
  same(word(1), (await rpc(ours, 'debug_traceCall', [{ to: A(0x777) }, 'latest',
    { stateOverrides: { [A(0x777)]: { code: fee } } }])).returnValue)
})

await count.check('eth_estimateGas under block overrides', async () => {
  // stops at block 0x500, else fails
  const at = { [A(0x777)]: { code: '0x4361050014600957fe5b00' } }
  const estimate = (block) => rpc(ours, 'eth_estimateGas', [{ to: A(0x777) }, 'latest', at, block])
  same(hex(21000 + 2 + 3 + 3 + 3 + 10 + 1), await estimate({ number: '0x500' }))
  await refused('eth_estimateGas', [{ to: A(0x777) }, 'latest', at, {}], -32000, 'invalid opcode')
  await refused('eth_estimateGas', [{ to: A(0x777) }, 'latest', at, { number: 'x' }], -32602)
  await refused('eth_estimateGas', [{ to: A(0x777) }, 'latest', at, 5], -32602)
})
await count.check('input comes before data in calls; what is sent must be clear', async () => {
  const tx = { from: me.address, to: A(4), data: '0x01', input: '0x02' }
  same('0x02', await rpc(ours, 'eth_call', [tx, 'latest']))
  same(await rpc(ours, 'eth_estimateGas', [{ ...tx, data: undefined }]), await rpc(ours, 'eth_estimateGas', [tx]))
  const [block] = await rpc(ours, 'eth_simulateV1', [{ blockStateCalls: [{ calls: [tx] }] }, 'latest'])
  same('0x02', block.calls[0].returnData)
  await refused('eth_call', [{ ...tx, data: '0x1' }, 'latest'], -32602)
  for (const method of ['eth_sendTransaction', 'eth_signTransaction', 'eth_fillTransaction'])
    await refused(method, [tx], -32000, 'both "data" and "input" are set and not equal')
})
await count.check('a tip above the most: by eth_call -32000, by a simulation -32602', async () => {
  const tx = { from: me.address, to: A(4), maxFeePerGas: '0x5', maxPriorityFeePerGas: '0x6' }
  await refused('eth_call', [tx, 'latest'], -32000)
  await refused('eth_simulateV1', [{ blockStateCalls: [{ calls: [tx] }] }, 'latest'], -32602)
})
await count.check('traces as geth\'s: how a contract was made, a refund at its step', async () => {
  const trace = (code, config) => rpc(ours, 'debug_traceCall', [{ to: A(0x777), gas: '0x55210' }, 'latest',
    { ...config, stateOverrides: { [A(0x777)]: code } }])
  const flat = await trace({ code: '0x5f5f5ff05f5f5f5ff500' }, { tracer: 'flatCallTracer' })
  same([null, 'create', 'create2'], flat.map((f) => f.action.creationMethod ?? null))
  const word = (n) => '0x' + n.toString(16).padStart(64, '0')
  const steps = await trace({ code: '0x5f6001555f5f5500', state: { [word(1)]: word(5) } })
  same([0, 0, 4800, 4800, 4800, 4800, 4800], steps.structLogs.map((s) => s.refund ?? 0))
})
await count.check('an empty body, and a refusal with the largest numbers, in full', async () => {
  const { text } = await post(ours, '')
  same({ code: -32700, message: 'parse error: the body is empty' }, JSON.parse(text).error)
  const value = '0x' + 'ff'.repeat(31)
  const e = await refused('eth_sendTransaction', [{ from: me.address, to: A(4), gas: '0x5208', value }], -32000)
  const [balance, cost, over] = /balance (\d+), tx cost (\d+), overshot (\d+)$/.exec(e.message).slice(1).map(BigInt)
  must(cost > BigInt(value) && cost - balance === over, e.message)
})

// ---- sizes ----
await count.check('a WebSocket message may be as large as rpc.ws-message-max; beyond it 1009', async () => {
  const ask = (bytes) => new Promise((resolve, reject) => {
    const socket = new WebSocket(ours.replace('http', 'ws'))
    const params = [{ to: A(4), data: '0x' + '00'.repeat(bytes) }, 'latest']
    socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params })))
    socket.on('message', (m) => { resolve(JSON.parse(m)); socket.close() })
    socket.on('close', (code) => resolve(code))
    socket.on('error', reject)
  })
  const { result, error } = await ask(3 << 20)
  must(result === '0x' + '00'.repeat(3 << 20), JSON.stringify(error))
  same(1009, await ask(17 << 20))
})

// ---- ranges, prices, rules ----
await count.check('a log filter whose range is empty is refused as by geth', async () => {
  await refused('eth_newFilter', [{ fromBlock: '0x5', toBlock: '0x1' }], -32602, 'invalid block range params')
  await rpc(ours, 'eth_newFilter', [{ fromBlock: '0x5', toBlock: '0x5' }])
  await rpc(ours, 'eth_newFilter', [{ fromBlock: '0xffff', toBlock: 'latest' }])
})
await count.check('ranges and receipts', async () => {
  const range = await rpc(ours, 'eth_getBlockRange', ['0x1', '0x5', true])
  for (let n = 1; n <= 5; n++)
    same(await rpc(ours, 'eth_getBlockByNumber', [hex(n), true]), range[n - 1])
  must(range.length === 5, 'length')
  await refused('eth_getBlockRange', ['0x5', '0x1', false], -32602)
  await refused('eth_getBlockRange', ['0x1', '0xffffff', false], -32000, 'head')
  same(await rpc(ours, 'eth_getBlockReceipts', ['latest']),
    await rpc(ours, 'eth_getTransactionReceiptsByBlock', ['latest']))
})
await count.check('eth_gasPrice is enough for a call on the head while the base fee falls', async () => {
  // web3.js tries a legacy transaction on the head before it sends it
  for (let i = 0; i < 25; i++)
    await send(ours, { to: A(0xbeef), value: '0x1', type: '0x2', gasPrice: undefined,
      maxPriorityFeePerGas: '0x1', maxFeePerGas: hex(10 ** 10) })
  const head = await rpc(ours, 'eth_getBlockByNumber', ['latest', false])
  const gasPrice = await rpc(ours, 'eth_gasPrice')
  must(BigInt(await rpc(ours, 'eth_maxPriorityFeePerGas')) === 1n, 'the tip of these blocks')
  must(BigInt(head.baseFeePerGas) > BigInt(await rpc(ours, 'eth_baseFee')), 'the base fee falls')
  same(hex(BigInt(head.baseFeePerGas) + 1n), gasPrice)
  const [from] = await rpc(ours, 'eth_accounts')
  same('0x', await rpc(ours, 'eth_call', [{ from, to: A(0xbeef), value: '0x1', gas: '0x5208', gasPrice }, 'latest']))
})
await count.check('the suggested tip is one that the pool takes, though none was paid', async () => {
  const [from] = await rpc(ours, 'eth_accounts')
  for (let i = 0; i < 12; i++)
    await send(ours, { to: A(0xbeef), value: '0x1', gasPrice: await rpc(ours, 'eth_baseFee') })
  must(BigInt(await rpc(ours, 'eth_maxPriorityFeePerGas')) === 1n, 'txpool.price-limit')
  await rpc(ours, 'eth_sendTransaction', [{ from, to: A(0xbeef) }])
})
await count.check('rollup and mvm', async () => {
  const hash = await send(ours, { to: A(0xbeef), value: '0x1' })
  const receipt = await rpc(ours, 'eth_getTransactionReceipt', [hash])
  const prices = await rpc(ours, 'rollup_gasPrices')
  same(receipt.l1GasPrice, prices.l1GasPrice)
  same(await rpc(ours, 'eth_gasPrice'), prices.l2GasPrice)
  for (const key of ['l1Fee', 'l1GasPrice', 'l1GasUsed'])
    must(/^0x[0-9a-f]+$/.test(receipt[key]), `${key}: ${receipt[key]}`)
  must(/^[0-9]+(\.[0-9]+)?$/.test(receipt.l1FeeScalar), `l1FeeScalar: ${receipt.l1FeeScalar}`)
  same(true, await rpc(ours, 'rollup_checkIsSeqWorking'))
  const info = await rpc(ours, 'rollup_getInfo')
  same(['sequencer', Number(await rpc(ours, 'eth_blockNumber'))], [info.mode, info.rollupContext.index])
  const finalized = await rpc(ours, 'eth_getBlockByNumber', ['finalized', false])
  same(finalized.number, await rpc(ours, 'mvm_finalizedBlockNumber'))
})

function crc32(bytes) { // with a table, unlike the node's
  const table = Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1
    return n >>> 0
  })
  let crc = 0xffffffff
  for (const b of bytes) crc = (crc >>> 8) ^ table[(crc ^ b) & 255]
  return (crc ^ 0xffffffff) >>> 0
}
await count.check('rules and history', async () => {
  const { current, next, last } = await rpc(ours, 'eth_config')
  const genesis = await rpc(ours, 'eth_getBlockByNumber', ['0x0', false])
  same([null, null, hex(CHAIN)], [next, last, current.chainId])
  same('0x' + crc32(Buffer.from(genesis.hash.slice(2), 'hex')).toString(16).padStart(8, '0'), current.forkId)
  same([A(1), A(0x100)], [current.precompiles.ECREC, current.precompiles.P256VERIFY])
  same(18, Object.keys(current.precompiles).length)
  same('0x0000f90827f1c53a10cb7a02335b175320002935', current.systemContracts.HISTORY_STORAGE_ADDRESS)
  const caps = await rpc(ours, 'eth_capabilities')
  same(await rpc(ours, 'eth_blockNumber'), caps.head.number)
  await rpc(ours, 'eth_getBalance', [FROM, caps.state.oldestBlock])
  await rpc(ours, 'eth_getProof', [FROM, [], caps.stateproofs.oldestBlock])
})
await count.check('the document of the methods', async () => {
  const doc = await rpc(ours, 'rpc.discover')
  must(doc.openrpc === '1.2.6' && doc.methods.length > 100, 'document')
  const names = doc.methods.map((m) => m.name)
  must(new Set(names).size === names.length && names.includes('rpc.discover'), 'names')
  must(!names.some((n) => n.startsWith('testing_')), 'testing is closed here')
  for (const m of doc.methods) {
    must(m.summary && m.result.schema && Array.isArray(m.params), m.name)
    let optional = false // those that may be left out are last
    for (const p of m.params) {
      must(p.name && p.schema.title || p.schema.type || p.schema.oneOf, `${m.name} ${p.name}`)
      must(!(optional && p.required), `${m.name}: ${p.name} after one that may be left out`)
      optional ||= !p.required
    }
    const described = /^(eth|net|web3|txpool|rpc|rollup|mvm)[_.]/.test(m.name)
    must(!described || Object.keys(m.result.schema).length > 0, `${m.name} has no signature`)
  }
  // every one is there: none answers that it does not exist
  for (const m of doc.methods.filter(({ name }) => !/^(hardhat|anvil|evm)_/.test(name))) {
    const e = await rpc(ours, m.name, []).then(() => null, (x) => x)
    must(!e || e.code !== -32601 || /subscribe/.test(m.name), `${m.name}: ${e?.message}`)
  }
})
await count.check('testing is closed where a sequencer builds', async () => {
  await refused('testing_buildBlockV1', ['0x' + '00'.repeat(32), {}, []], -32601)
  const e = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0',
    '--rpc.api', 'eth,testing']).catch((x) => x)
  must(/plain genesis/.test(e.message), e.message)
})
await node.stop()
anvil.child.kill('SIGKILL')
process.exit(count.summary() ? 0 : 1)
