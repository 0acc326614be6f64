// Large replies: those that leave in parts while they are made (HTTP/1.1, chunked), those in gzip,
// and what becomes of either when the client is slow or gone or a limit is gone over.
//   node tests/rpc/stream.mjs [--bin build/metisd]
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { request as requestTls } from 'node:https'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { createRequire } from 'node:module'
import { dial, head, parseReply } from '../abuse/wire.mjs'
import { counter, options, rpc, run, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'

const require = createRequire(new URL('../clients/package.json', import.meta.url))
const opt = options({ bin: 'build/metisd' })
const count = counter()
const check = (name, f) => count.check(name, f, 300000)
const hex = (n) => '0x' + n.toString(16)
const call = (method, params = [], id = 1) => JSON.stringify({ jsonrpc: '2.0', id, method, params })

const nodes = []
async function start(...args) {
  const node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0',
    '--node.readers', '4', '--dev.gas-limit', '60000000', ...args])
  nodes.push(node)
  return Object.assign(node, { url: node.networks[0].http })
}
async function until(what, f, timeoutMs = 120000) {
  for (const t0 = performance.now(); ;) {
    const found = await f()
    if (found) return found
    if (performance.now() - t0 > timeoutMs) throw new Error(`${what}: never`)
    await sleep(10)
  }
}
const status = (node, what) => Number(new RegExp(`${what}:\\s+(\\d+)`).exec(
  readFileSync(`/proc/${node.child.pid}/status`, 'utf8'))[1]) / 1024
const metric = async (node, name) => {
  const text = await (await fetch(node.url + '/metrics')).text()
  return Number(new RegExp(`^metis_${name}\\{[^}]*\\} (\\S+)`, 'm').exec(text)?.[1] ?? 0)
}

// A request of a decent client: headers, the bytes of the body, and whether it was whole.
function ask(url, text, { headers = {}, ca } = {}) {
  return new Promise((resolve, reject) => {
    const req = (ca ? requestTls : request)(url, { method: 'POST', ca, agent: false, headers:
      { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers } }, (res) => {
      const parts = []
      res.on('data', (d) => parts.push(d))
      res.on('error', () => {})
      res.on('close', () => resolve({ headers: res.headers, body: Buffer.concat(parts), whole: res.complete }))
    })
    req.on('error', reject)
    req.end(text)
  })
}
const json = (r) => JSON.parse(r.body.toString())
const errorCode = (r) => json(r).error?.code

// ---- a transaction of many steps: JUMPDEST PUSH0 JUMP until its gas is used ----
const LOOP = '0x' + '77'.repeat(20)
const GAS = 16000000
async function loop(node, gas = GAS) {
  await rpc(node.url, 'hardhat_setCode', [LOOP, '0x5b5f56'])
  const [from] = await rpc(node.url, 'eth_accounts')
  const hash = await rpc(node.url, 'eth_sendTransaction', [{ from, to: LOOP, gas: hex(gas) }])
  await until('receipt', () => rpc(node.url, 'eth_getTransactionReceipt', [hash]))
  return hash
}
const trace = (hash, more = {}, id = 1) => call('debug_traceTransaction', [hash, { timeout: '60s', ...more }], id)

// Every step against what the opcodes cost (yellow paper, appendix H; EIP-3855).
function checkSteps(text, gas, id = 1) {
  const reply = JSON.parse(text)
  assert.equal(reply.id, id)
  const { structLogs, failed, gas: used } = reply.result
  const ops = [['JUMPDEST', 1, 0], ['PUSH0', 2, 0], ['JUMP', 8, 1]]
  let left = gas - 21000, n = 0
  for (; ; n++) {
    const [op, cost, depth] = ops[n % 3]
    const s = structLogs[n]
    if (s.pc !== n % 3 || s.op !== op || s.gas !== left || s.stack.length !== depth)
      throw new Error(`step ${n}: ${JSON.stringify(s)}, want ${op} with ${left} gas`)
    if (cost > left) break
    if (s.gasCost !== cost) throw new Error(`step ${n} costs ${s.gasCost}, want ${cost}`)
    left -= cost
  }
  assert.equal(structLogs.length, n + 1)
  assert.equal(structLogs[n].error, 'out of gas')
  assert.equal(failed, true)
  assert.equal(used, gas)
}

const node = await start('--rpc.evm-timeout', '60s', '--rpc.tracing-max', '4')
const few = await loop(node, 1000000), many = await loop(node)

await check('structLogs of a million steps leave in parts; the node holds few of them', async () => {
  const gas = 4000000
  const hash = await loop(node, gas)
  const before = status(node, 'VmHWM')
  const r = await ask(node.url, trace(hash))
  assert.equal(r.headers['transfer-encoding'], 'chunked')
  assert.equal(r.headers['content-length'], undefined)
  assert.ok(r.whole)
  checkSteps(r.body.toString(), gas)
  const grown = status(node, 'VmHWM') - before
  console.log(`     ${r.body.length} bytes, ${grown.toFixed(1)} MB more memory`)
  assert.ok(r.body.length > 40e6 && grown < 16, `${grown} MB`)
})

await check('what is small has its length', async () => {
  for (const text of [call('eth_chainId'), trace(await loop(node, 30000))]) {
    const r = await ask(node.url, text)
    assert.equal(Number(r.headers['content-length']), r.body.length)
    assert.equal(r.headers['transfer-encoding'], undefined)
  }
})

await check('HTTP/1.0 has one piece, or -32003', async () => {
  const old = async (text) => {
    const c = dial(node.url)
    await c.open
    c.write(`POST / HTTP/1.0\r\nHost: ${c.host}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`)
    return c.until(parseReply)
  }
  const r = await old(trace(few))
  assert.match(r.top, /content-length: \d{8}/i)
  checkSteps(r.text, 1000000)
  assert.equal(JSON.parse((await old(trace(many))).text).error.code, -32003)
})

await check('pipelined behind one another: replies in parts keep the order', async () => {
  const c = dial(node.url)
  await c.open
  const all = [trace(few, {}, 1), call('eth_chainId', [], 2), trace(few, { disableStack: true }, 3), call('eth_chainId', [], 4)]
  c.write(all.map((b) => head(c, b.length) + b).join(''))
  for (const id of [1, 2, 3, 4]) {
    const r = await c.until(parseReply)
    assert.equal(JSON.parse(r.text).id, id)
    assert.equal(/chunked/.test(r.top), id % 2 === 1)
    if (id === 1) checkSteps(r.text, 1000000)
    c.got = r.rest
  }
  c.socket.destroy()
})

await check('a whole block, and vmTrace, leave in parts', async () => {
  const block = (await rpc(node.url, 'eth_getTransactionByHash', [few])).blockNumber
  const r = await ask(node.url, call('debug_traceBlockByNumber', [block, { timeout: '60s' }]))
  assert.equal(r.headers['transfer-encoding'], 'chunked')
  assert.equal(json(r).result[0].txHash, few)
  checkSteps(JSON.stringify({ id: 1, result: json(r).result[0].result }), 1000000)
  const v = await ask(node.url, call('trace_replayTransaction', [few, ['vmTrace']]))
  assert.equal(v.headers['transfer-encoding'], 'chunked')
  const { ops } = json(v).result.vmTrace
  assert.equal(ops.length, json(r).result[0].result.structLogs.length)
  ops.forEach((op, i) => { if (op.pc !== i % 3) throw new Error(`op ${i} at ${op.pc}`) })
})

await check('over TLS', async () => {
  const dir = tempDir(), key = join(dir, 'key.pem'), cert = join(dir, 'cert.pem')
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'],
  { stdio: 'ignore' })
  const n = await start('--rpc.tls-cert', cert, '--rpc.tls-key', key, '--rpc.evm-timeout', '60s', '--rpc.ipc', join(dir, 's.ipc'))
  const url = n.url.replace(/^http:/, 'https:')
  const ca = readFileSync(cert)
  const post = async (method, params) => json(await ask(url, call(method, params), { ca })).result
  await post('hardhat_setCode', [LOOP, '0x5b5f56'])
  const [from] = await post('eth_accounts')
  const hash = await post('eth_sendTransaction', [{ from, to: LOOP, gas: hex(1000000) }])
  await until('receipt', () => post('eth_getTransactionReceipt', [hash]))
  const r = await ask(url, trace(hash), { ca })
  assert.equal(r.headers['transfer-encoding'], 'chunked')
  checkSteps(r.body.toString(), 1000000)
  assert.equal(await n.stop(), 0)
})

// ---- clients that do not take what they asked for ----
const silent = async (n, text) => { // asks and does not read
  const c = dial(n.url, { read: false })
  await c.open
  c.socket.pause()
  c.write(head(c, text.length) + text)
  return c
}

await check('a client that goes ends the work', async () => {
  const c = await silent(node, trace(many))
  await until('the trace', async () => await metric(node, 'rpc_in_flight') === 1)
  c.socket.destroy()
  await until('its end', async () => await metric(node, 'rpc_in_flight') === 0)
})

await check('a client that does not read: a megabyte ahead, then the wait, then the cut', async () => {
  const n = await start('--rpc.evm-timeout', '2s', '--rpc.reply-max', '2mb')
  const hash = await loop(n)
  const before = status(n, 'VmHWM')
  const c = await silent(n, trace(hash))
  await until('the cut', async () => await metric(n, 'rpc_stream_cuts_total') === 1)
  assert.equal(await metric(n, 'rpc_in_flight'), 0)
  const grown = status(n, 'VmHWM') - before
  assert.ok(grown < 24, `${grown} MB`)
  c.socket.resume()
  await c.closed
  assert.equal(parseReply(c.got), undefined, 'not a whole reply')
  assert.ok(c.got.includes('structLogs') && !c.got.includes('\r\n0\r\n\r\n'))
  assert.ok(/^[0-9]+$/.test((await rpc(n.url, 'net_version'))), 'others are answered')
  assert.equal(await n.stop(), 0)
})

await check('half of the readers may be at it: the next reply is one piece', async () => {
  const streams = await metric(node, 'rpc_streams_total')
  const both = [await silent(node, trace(many)), await silent(node, trace(many))]
  await until('two in parts', async () => await metric(node, 'rpc_streams_total') === streams + 2)
  const r = await ask(node.url, trace(few, { disableStack: true }))
  assert.equal(Number(r.headers['content-length']), r.body.length)
  assert.equal(errorCode(await ask(node.url, trace(many, { disableStorage: true }))), -32003)
  for (const c of both) c.socket.destroy()
  await until('the end', async () => await metric(node, 'rpc_in_flight') === 0)
  assert.equal((await ask(node.url, trace(few))).headers['transfer-encoding'], 'chunked')
})

await check('too slow for its time: no last chunk', async () => {
  const cuts = await metric(node, 'rpc_stream_cuts_total')
  const r = await ask(node.url, trace(many, { timeout: '50ms' }))
  if (r.headers['content-length']) assert.equal(errorCode(r), -32002) // not even a megabyte in that time
  else {
    assert.equal(r.whole, false)
    assert.throws(() => json(r))
    assert.equal(await metric(node, 'rpc_stream_cuts_total'), cuts + 1)
  }
})

await check('a stop does not wait for it', async () => {
  const n = await start('--rpc.evm-timeout', '60s')
  const c = await silent(n, trace(await loop(n)))
  await until('the trace', async () => await metric(n, 'rpc_in_flight') === 1)
  const t0 = performance.now()
  assert.equal(await n.stop(), 0)
  console.log(`     stopped in ${Math.round(performance.now() - t0)} ms`)
  c.socket.resume()
  await c.closed
  assert.equal(parseReply(c.got), undefined)
})

await check('rpc.stream-max: cut off beyond it; 0: one piece, and -32003', async () => {
  const n = await start('--rpc.stream-max', '3mb', '--rpc.evm-timeout', '60s')
  const hash = await loop(n, 2000000)
  const r = await ask(n.url, trace(hash))
  assert.equal(r.whole, false)
  assert.ok(r.body.length <= 3 << 20)
  assert.equal(await n.stop(), 0)
  const m = await start('--rpc.stream-max', '0', '--rpc.reply-max', '20mb', '--rpc.evm-timeout', '60s')
  const whole = await ask(m.url, trace(await loop(m, 500000)))
  assert.equal(Number(whole.headers['content-length']), whole.body.length)
  checkSteps(whole.body.toString(), 500000)
  assert.equal(errorCode(await ask(m.url, trace(await loop(m, 4000000)))), -32003)
  assert.equal(await m.stop(), 0)
})

// ---- logs ----
const NOISY = '0x' + '55'.repeat(20)
// LOG1 of 4096 bytes under topic CALLVALUE, 40 times a transaction: PUSH0 DUP1 ... in a loop.
//   PUSH1 40, JUMPDEST, DUP1 (topic: 40..1), PUSH2 1000, PUSH0, LOG1, PUSH1 1, SWAP1, SUB, DUP1, PUSH1 2, JUMPI
const NOISE = '0x6028' + '5b' + '80' + '611000' + '5f' + 'a1' + '6001' + '90' + '03' + '80' + '6002' + '57' + '00'
async function noise(n, txs) {
  await rpc(n.url, 'hardhat_setCode', [NOISY, NOISE])
  const [from] = await rpc(n.url, 'eth_accounts')
  const receipts = []
  for (let i = 0; i < txs; i++) {
    const hash = await rpc(n.url, 'eth_sendTransaction', [{ from, to: NOISY, gas: hex(2500000) }])
    receipts.push(await until('receipt', () => rpc(n.url, 'eth_getTransactionReceipt', [hash])))
  }
  return receipts
}
const getLogs = (filter) => call('eth_getLogs', [{ address: NOISY, ...filter }])

await check('eth_getLogs: all of them, in order, in parts', async () => {
  const receipts = await noise(node, 20)
  const [first, last] = [receipts[0].blockNumber, receipts.at(-1).blockNumber]
  const r = await ask(node.url, getLogs({ fromBlock: first, toBlock: last }))
  assert.equal(r.headers['transfer-encoding'], 'chunked')
  const logs = json(r).result
  assert.equal(logs.length, 800)
  assert.deepEqual(logs, receipts.flatMap((x) => x.logs)) // two ways to the same
  logs.forEach((l, i) => assert.equal(Number(l.topics[0]), 40 - i % 40))
  // With a topic, from which few hits begin; and a block by its hash, which is small.
  const some = json(await ask(node.url, getLogs({ fromBlock: first, toBlock: last, topics: ['0x' + '07'.padStart(64, '0')] }))).result
  assert.deepEqual(some, logs.filter((l) => Number(l.topics[0]) === 7))
  assert.deepEqual(json(await ask(node.url, getLogs({ blockHash: receipts[3].blockHash }))).result, receipts[3].logs)
})

await check('eth_getLogs: limits are found before the first part', async () => {
  const n = await start('--rpc.logs-max', '500')
  const receipts = await noise(n, 20)
  const range = { fromBlock: receipts[0].blockNumber, toBlock: receipts.at(-1).blockNumber }
  const e = json(await ask(n.url, getLogs(range))).error
  assert.equal(e.code, -32005)
  assert.match(e.message, /more than 500 results/)
  assert.equal(Number(e.data.to), Number(receipts[11].blockNumber) + (Number(receipts[12].blockNumber) - Number(receipts[11].blockNumber) - 1))
  const part = await ask(n.url, getLogs({ fromBlock: e.data.from, toBlock: e.data.to }))
  assert.equal(part.headers['transfer-encoding'], 'chunked')
  assert.deepEqual(json(part).result, receipts.slice(0, 12).flatMap((x) => x.logs))
  assert.equal(await n.stop(), 0)
  const m = await start('--rpc.stream-max', '4mb')
  const all = await noise(m, 20)
  const f = json(await ask(m.url, getLogs({ fromBlock: all[0].blockNumber, toBlock: all.at(-1).blockNumber }))).error
  assert.equal(f.code, -32005)
  assert.match(f.message, /more than 4194304 bytes/)
  const rest = await ask(m.url, getLogs({ fromBlock: f.data.from, toBlock: f.data.to }))
  assert.ok(rest.whole && rest.body.length <= 4 << 20)
  assert.ok(json(rest).result.length > 0)
  assert.equal(await m.stop(), 0)
})

// ---- batches ----
const ECHO = '0x' + '33'.repeat(20) // returns half a megabyte of zeros
const echo = [{ to: ECHO }, 'latest', { [ECHO]: { code: '0x620800005ff3' } }]
const batchOf = (items) => `[${items.map(([m, p], i) => call(m, p, i)).join()}]`

await check('a large batch leaves in parts, in its order, errors and all', async () => {
  const items = Array.from({ length: 16 }, (_, i) => i % 5 === 3 ? ['eth_noSuch', []] : i % 5 === 4 ? ['eth_chainId', []] : ['eth_call', echo])
  const text = batchOf(items)
  const r = await ask(node.url, text)
  assert.equal(r.headers['transfer-encoding'], 'chunked')
  const all = json(r)
  assert.deepEqual(all.map((x) => x.id), items.map((_, i) => i))
  all.forEach((x, i) => i % 5 === 3 ? assert.equal(x.error.code, -32601)
    : assert.equal(x.result.length, i % 5 === 4 ? 8 : 2 + 2 * 0x80000))
  const small = await ask(node.url, batchOf(Array(50).fill(['eth_chainId', []])))
  assert.equal(Number(small.headers['content-length']), small.body.length)
  // Notifications alone say nothing, among others nothing of themselves.
  const mute = `[${items.map(([m, p]) => JSON.stringify({ jsonrpc: '2.0', method: m, params: p })).join()}]`
  assert.equal((await ask(node.url, mute)).body.length, 0)
})

await check('a batch beyond the reply limit: its last items say so, also in parts', async () => {
  const r = await ask(node.url, batchOf(Array(40).fill(['eth_call', echo])))
  assert.equal(r.headers['transfer-encoding'], 'chunked')
  const all = json(r)
  assert.equal(all.length, 40)
  const codes = new Set(all.filter((x) => x.error).map((x) => x.error.code))
  assert.deepEqual([...codes], [-32003])
  assert.ok(r.body.length < 25 * 2 ** 20 + 40 * 1024 && r.body.length > 20 * 2 ** 20)
})

await check('bytes held for all clients: a reply in parts is closed', async () => {
  const n = await start('--rpc.held-max', '16777216')
  const text = batchOf(Array(8).fill(['eth_call', echo]))
  const all = []
  for (let i = 0; i < 12; i++) all.push(await silent(n, text))
  await until('all calls', async () => await metric(n, 'rpc_requests_total') >= 96 && await metric(n, 'rpc_in_flight') === 0)
  assert.ok(await rpc(n.url, 'eth_chainId'))
  let whole = 0, cut = 0
  for (const c of all) {
    c.socket.resume()
    const r = await c.until((got) => parseReply(got))
    if (r && r.status === 200) whole++
    else cut++
    c.socket.destroy()
  }
  assert.ok(whole > 0 && cut > 0, `${whole} whole, ${cut} cut`)
  assert.equal(await n.stop(), 0)
})

// ---- gzip ----
const gz = { headers: { 'accept-encoding': 'gzip, deflate, br' } }
await check('gzip: for large replies to clients that take it', async () => {
  const one = batchOf([['eth_call', echo]]), block = call('eth_call', echo)
  for (const text of [one, block, getLogs({ fromBlock: '0x0' }), trace(few)]) {
    const [plain, packed] = [await ask(node.url, text), await ask(node.url, text, gz)]
    assert.equal(plain.headers['content-encoding'], undefined)
    assert.equal(packed.headers['content-encoding'], 'gzip')
    assert.equal(packed.headers.vary, 'Accept-Encoding')
    assert.equal(packed.headers['transfer-encoding'], plain.headers['transfer-encoding'])
    assert.ok(gunzipSync(packed.body).equals(plain.body))
    assert.ok(packed.body.length < plain.body.length / 2)
  }
  for (const text of [call('eth_chainId'), call('eth_noSuch')])
    assert.equal((await ask(node.url, text, gz)).headers['content-encoding'], undefined)
  for (const no of ['br', 'identity', 'gzip;q=0', ''])
    assert.equal((await ask(node.url, block, { headers: { 'accept-encoding': no } })).headers['content-encoding'], undefined, no)
  for (const yes of ['gzip;q=0.5', 'br, GZIP'])
    assert.equal((await ask(node.url, block, { headers: { 'accept-encoding': yes } })).headers['content-encoding'], 'gzip', yes)
})

await check('gzip: ethers, viem, web3.js, fetch and curl read it', async () => {
  const { JsonRpcProvider } = require('ethers')
  const { createPublicClient, http } = require('viem')
  const { Web3 } = require('web3')
  const want = json(await ask(node.url, getLogs({ fromBlock: '0x0' }))).result
  const filter = { address: NOISY, fromBlock: '0x0' }
  const ethers = new JsonRpcProvider(node.url, undefined, { staticNetwork: true })
  assert.deepEqual(await ethers.send('eth_getLogs', [filter]), want)
  ethers.destroy()
  const viem = createPublicClient({ transport: http(node.url) })
  assert.deepEqual(await viem.request({ method: 'eth_getLogs', params: [filter] }), want)
  assert.deepEqual((await new Web3(node.url).provider.request({ jsonrpc: '2.0', id: 1, method: 'eth_getLogs', params: [filter] })).result, want)
  const body = getLogs({ fromBlock: '0x0' })
  for (const text of [body, call('eth_call', echo)]) {
    const res = await fetch(node.url, { method: 'POST', body: text, headers: { 'content-type': 'application/json' } })
    assert.equal(res.headers.get('content-encoding'), 'gzip')
    assert.ok((await res.json()).result)
    const out = await run('curl', ['-sS', '--compressed', '-H', 'content-type: application/json', '--data-binary', text, node.url],
      { maxBuffer: 1 << 30 })
    assert.equal(out.status, 0, out.stderr)
    assert.ok(JSON.parse(out.stdout).result)
  }
})

await check('gzip: switched off', async () => {
  const n = await start('--rpc.gzip=false')
  const r = await ask(n.url, call('eth_call', echo), gz)
  assert.equal(r.headers['content-encoding'], undefined)
  assert.equal(json(r).result.length, 2 + 2 * 0x80000)
  assert.equal(await n.stop(), 0)
})

assert.equal(await node.stop(), 0)
process.exit(count.summary() ? 0 : 1)
