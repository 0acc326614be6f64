// The tracers of debug_trace* against anvil: both run the same transactions on the same
// accounts, then their traces of each are compared where the two state the same facts.
//   node tests/rpc/trace.mjs [--bin build/metisd]
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counter, options, rpc, sleep, startMetisd } from '../lib/metisd.mjs'

const opt = options({ bin: 'build/metisd' })
const here = dirname(fileURLToPath(import.meta.url))
const anvilBin = join(here, '../clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil')
const CHAIN = 1088001
const FROM = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'

function freePort() {
  return new Promise((resolve) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address()
      s.close(() => resolve(port))
    })
  })
}

async function startAnvil() {
  const port = await freePort()
  const child = spawn(anvilBin, ['--silent', '--port', String(port), '--chain-id', String(CHAIN),
    '--steps-tracing'])
  process.on('exit', () => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < 500 && !(await rpc(url, 'eth_chainId').catch(() => null)); i++) await sleep(20)
  return { url, child }
}

// ---- contracts, by hand ----
const A = (n) => '0x' + n.toString(16).padStart(40, '0')
const pushA = (n) => '73' + A(n).slice(2)
const word = (n) => n.toString(16).padStart(64, '0')
// Error("no"): selector, 0x20, 2, "no"
const error = '08c379a0' + word(32) + word(2) + '6e6f'.padEnd(64, '0')
const store = (hex) => hex.match(/.{1,64}/g).map((w, i) =>
  '7f' + w.padEnd(64, '0') + '60' + (32 * i).toString(16).padStart(2, '0') + '52').join('')
const CODE = {
  // s[1] = s[0] + 1; log1(topic 7, "32 bytes of 5")
  0x1001: '60005460010160015560056000526007602060' + '00a100',
  // reverts with Error("no")
  0x1002: store(error) + '60646000fd',
  // CALL 1001; STATICCALL the identity; DELEGATECALL 1001; CALL 1002 (reverts); returns s[1]
  0x1003: '600060006000600060' + '00' + pushA(0x1001) + '62030d40f150' +
    '60006000602060006004' + '62030d40fa50' +
    '6000600060006000' + pushA(0x1001) + '62030d40f450' +
    '600060006004600060' + '00' + pushA(0x1002) + '62030d40f150' +
    '60015460005260206000f3',
  0x1004: 'fe', // the invalid opcode
  0x1005: '5b600056', // runs out of gas
  // CREATE of the code 00 (init 600160005360016000f3 stores 0x01)
  0x1006: '69600160005360016000f3600052600a60166000f000',
  0x1007: '01', // stack underflow
  0x1008: '34600055' + '3031' + '60015500', // s[0] = value; s[1] = balance(this)
}

const TXS = [
  ['transfer', { to: A(0xbeef), value: '0x1' }],
  ['call', { to: A(0x1001) }],
  ['revert', { to: A(0x1002), gas: '0x30000' }],
  ['nested', { to: A(0x1003), data: '0x12345678' }],
  ['invalid opcode', { to: A(0x1004), gas: '0x30000' }],
  ['out of gas', { to: A(0x1005), gas: '0x7530' }],
  ['create inside', { to: A(0x1006) }],
  ['stack underflow', { to: A(0x1007), gas: '0x30000' }],
  ['value', { to: A(0x1008), value: '0x5' }],
  ['deploy', { data: '0x600160005360016000f3' }],
]

// ---- comparing ----
// Errors are told in other words by revm.
const WORDS = { OutOfGas: 'out of gas', InvalidFEOpcode: 'invalid opcode: INVALID',
  StackUnderflow: 'stack underflow (0 <=> 2)' }
function difference(want, got, path = '$') {
  if (want === null || typeof want !== 'object' || got === null || typeof got !== 'object')
    return want === got ? null : `${path}: anvil ${JSON.stringify(want)}, here ${JSON.stringify(got)}`
  for (const key of new Set([...Object.keys(want), ...Object.keys(got)])) {
    const d = difference(want[key], got[key], `${path}.${key}`)
    if (d) return d
  }
  return null
}

// Where anvil and geth say different things, geth is followed: accounts that were empty are
// left out, the outermost call has the transaction's gas, 4byteTracer passes over precompiles,
// the price of a CREATE is without the gas handed on.
const isEmpty = (a) => Object.keys(a).join() === 'balance' && a.balance === '0x0'
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
  callTracer: (f, drop, depth = 0) => {
    const g = { ...f }
    if (depth === 0) delete g.gas
    if (g.error in WORDS) g.error = WORDS[g.error]
    if (g.calls) g.calls = g.calls.map((x) => normal.callTracer(x, drop, depth + 1))
    if (g.logs) g.logs = g.logs.map(({ index, ...l }) => l)
    return g
  },
  prestateTracer: (s, drop) => s.post
    ? { pre: without(s.pre, drop), post: without(s.post, drop) } : without(s, drop),
  '4byteTracer': ({ '0x00000000-28': precompile, ...x }) => x,
  noopTracer: (x) => x,
  structLogs: (r) => ({ ...r, structLogs: r.structLogs.map(({ error, refund, returnData, ...s }) =>
    ({ ...s, ...(s.op === 'CREATE' ? { gasCost: 0 } : {}), ...(s.storage ? { storage: Object.fromEntries(Object.entries(s.storage).map(
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
const anvil = await startAnvil()
const node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0'])
const ours = node.networks[0].http

async function send(url, ns, tx) {
  const full = { from: FROM, gas: '0x100000', gasPrice: '0x77359400', type: '0x0', ...tx }
  const hash = await rpc(url, 'eth_sendTransaction', [full])
  for (let i = 0; i < 500; i++) {
    if (await rpc(url, 'eth_getTransactionReceipt', [hash])) return hash
    await sleep(10)
  }
  throw new Error('not mined')
}

for (const url of [anvil.url, ours])
  for (const [n, code] of Object.entries(CODE))
    await rpc(url, 'anvil_setCode', [A(Number(n)), '0x' + code])
const coinbases = new Set()
for (const [name, tx] of TXS) {
  const hashes = []
  for (const url of [anvil.url, ours]) {
    hashes.push(await send(url, '', tx))
    coinbases.add((await rpc(url, 'eth_getBlockByNumber', ['latest', false])).miner)
  }
  for (const [kind, config] of CASES)
    await count.check(`${name}: ${JSON.stringify(config)}`, async () => {
      const want = await rpc(anvil.url, 'debug_traceTransaction', [hashes[0], config])
      const got = await rpc(ours, 'debug_traceTransaction', [hashes[1], config])
      const d = difference(normal[kind](want, coinbases), normal[kind](got, coinbases))
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
await count.check('limits', async () => {
  const refused = async (params, code, text) => {
    const e = await rpc(ours, 'debug_traceCall', params).catch((x) => x)
    if (e.code !== code || !e.message.includes(text)) throw new Error(`${e.code} ${e.message}`)
  }
  const code = (c) => ({ stateOverrides: { [A(0x1005)]: { code: c } } })
  const loop = [{ to: A(0x1005), gas: '0xffffffffff' }, 'latest']
  await refused([...loop, { ...code('0x5b600056'), enableMemory: true }], -32003, 'too large')
  await refused([...loop, { tracer: 'callTracer', timeout: '1ms' }], -32002, 'timeout')
  await refused([...loop, { tracer: '{}' }], -32004, 'unknown tracer')
  const few = await rpc(ours, 'debug_traceCall', [...loop, { limit: 3 }])
  if (few.structLogs.length !== 3) throw new Error('limit')
})
await node.stop()
anvil.child.kill('SIGKILL')
process.exit(count.summary() ? 0 : 1)
