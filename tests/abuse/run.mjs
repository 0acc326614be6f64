// Bad input: every limit of docs/RPC.md and include/metis/net.h is gone over and must give
// its documented error or close; meanwhile blocks are made, and memory stays in the budget
// that the node printed at its start.
//   node tests/abuse/run.mjs [--bin build/metisd] [--full]
import { readFileSync } from 'node:fs'
import { counter, options, post, rpc, sleep, startMetisd } from '../lib/metisd.mjs'
import { body, dial, frame, head, parseReply, raw, webSocket } from './wire.mjs'

const opt = options({ bin: 'build/metisd', full: false })
const count = counter()
const check = (name, f) => count.check(name, f, 600000)

function equal(got, want, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)]
  if (a !== b) throw new Error(`${what}: got ${a}, want ${b}`)
}

const start = async (...args) => {
  const node = await startMetisd(opt.bin,
    ['dev', '--network', 'andromeda-dev', '--rpc.port', '0', ...args])
  return { ...node, url: node.networks[0].http }
}
const call = (method, params = [], id = 1) => JSON.stringify({ jsonrpc: '2.0', id, method, params })
const code = (reply) => JSON.parse(reply.text).error?.code
const number = async (url) => Number(await rpc(url, 'eth_blockNumber'))

// The head moves by exactly the blocks asked for.
async function mines(url, blocks = 3) {
  const before = await number(url)
  for (let i = 0; i < blocks; i++) await rpc(url, 'evm_mine')
  equal(await number(url) - before, blocks, 'blocks')
}

const metric = async (url, name) => {
  const r = await raw(url, (c) => `GET /metrics HTTP/1.1\r\nHost: ${c.host}\r\n\r\n`)
  return Number(new RegExp(`^metis_${name}\\{[^}]*\\} (\\S+)`, 'm').exec(r.text)?.[1])
}
// Waits for a state that must come; the check's own time limit ends it.
async function comes(test) {
  while (!(await test())) await sleep(20)
}

const node = await start('--node.readers', '2', '--rpc.evm-timeout', '1h', '--rpc.gas-cap', '0',
  '--rpc.header-timeout', '8s', '--rpc.log-range-max', '50', '--rpc.ws-queue-max', '65536',
  '--dev.gas-limit', '9000000000000000000', '--rpc.subscriptions-max', '8')
const { url } = node

// ---- JSON ----

await check('ids of every kind', async () => {
  const good = ['1', '0', '-7', '1.5', '9007199254740993', '"abc"', '""', '"\\u00e9\\n"', '"é"', 'null']
  for (const id of good) {
    const r = await body(url, `{"jsonrpc":"2.0","id":${id},"method":"eth_chainId"}`)
    const want = JSON.parse(id)
    equal(JSON.parse(r.text).id, want, `id ${id}`)
    if (id === '9007199254740993' && !r.text.includes(id)) throw new Error(`digits lost: ${r.text}`)
  }
  for (const id of ['true', '[1]', '{"a":1}', `"${'x'.repeat(2000)}"`]) {
    const r = JSON.parse((await body(url, `{"jsonrpc":"2.0","id":${id},"method":"eth_chainId"}`)).text)
    equal([r.id, r.error.code], [null, -32600], `id ${id.slice(0, 20)}`)
  }
  const none = await body(url, '{"jsonrpc":"2.0","method":"eth_chainId"}')
  equal([none.status, none.text], [200, ''], 'a notification')
})

await check('what is not JSON: -32700', async () => {
  const deep = (n) => `{"jsonrpc":"2.0","id":1,"method":"eth_call","params":${'['.repeat(n)}${']'.repeat(n)}}`
  const utf8 = Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":"'), Buffer.from([0xc3, 0x28, 0xff]),
    Buffer.from('","method":"eth_chainId"}')])
  const bad = [utf8, deep(1000), deep(64), '{', '', ' ', '{"jsonrpc":"2.0",}', '[1,2', 'NaN', '{"a":1}{"b":2}',
    '\ufeff{}', '{"id":1,"id":2}', '{"method":"\\ud800"}', '{"id":01}', "{'id':1}", '{"method":"eth\u0000_chainId"}']
  for (const b of bad) {
    const r = await body(url, b)
    equal([r.status, code(r), JSON.parse(r.text).id], [200, -32700, null], String(b).slice(0, 60))
  }
})

await check('what is not a request: -32600, -32601, -32602', async () => {
  for (const b of ['1', '"x"', 'null', 'true', '{}', '{"id":1,"method":"eth_chainId"}',
    '{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', '{"jsonrpc":"2.0","id":1,"method":5}', '[]'])
    equal(code(await body(url, b)), -32600, b)
  equal(JSON.parse((await body(url, '[1,{}]')).text).map((r) => r.error.code), [-32600, -32600], 'items')
  equal(code(await body(url, call('eth_noSuch'))), -32601, 'method')
  equal(code(await body(url, call(`eth_${'x'.repeat(100000)}`))), -32601, 'a long name')
  equal(code(await body(url, call('eth_chainId', {}))), -32602, 'params by name')
  for (const p of [[], ['0x'], ['0xzz'], ['0x1'], [{}], [1e300], [null], ['0x' + '11'.repeat(21)]])
    equal(code(await body(url, call('eth_getBalance', p))), -32602, JSON.stringify(p).slice(0, 40))
  const many = { address: Array(1001).fill('0x' + '11'.repeat(20)) }
  equal(code(await body(url, call('eth_getLogs', [many]))), -32602, 'addresses')
})

await check('batches: 1,000 calls, no more; replies of all within the reply limit', async () => {
  const batch = (n, method, params) => `[${Array.from({ length: n }, (_, i) => call(method, params, i)).join()}]`
  equal(code(await body(url, batch(1001, 'eth_chainId'))), -32600, '1,001 calls')
  const ids = JSON.parse((await body(url, batch(1000, 'eth_chainId'))).text).map((r) => r.id)
  equal(ids, Array.from({ length: 1000 }, (_, i) => i), 'ids')
  const to = '0x' + '33'.repeat(20) // returns a megabyte
  const big = [{ to }, 'latest', { [to]: { code: '0x62100000 5ff3'.replace(' ', '') } }]
  const r = await body(url, batch(40, 'eth_call', big))
  const all = JSON.parse(r.text)
  equal(all.length, 40, 'items')
  if (r.text.length > 25 * 2 ** 20 + 40 * 1024) throw new Error(`${r.text.length} bytes`)
  const codes = new Set(all.filter((x) => x.error).map((x) => x.error.code))
  equal([...codes], [-32003], 'codes of what was too large')
  if (!all.some((x) => x.result)) throw new Error('no result')
})

await check('10 MB of hex: 413; 4 MB: an answer; megabytes of small values: an answer', async () => {
  const hex = (bytes) => call('eth_call', [{ to: '0x' + '00'.repeat(20), data: '0x' + 'ab'.repeat(bytes) }])
  equal((await body(url, hex(5 << 20))).status, 413, '10 MB')
  equal((await body(url, hex(2 << 20))).status, 200, '4 MB')
  equal(code(await body(url, call('eth_getBalance', Array(2000000).fill(1)))), -32602, 'a long list')
  equal(code(await body(url, `[${'1,'.repeat(2000000)}1]`)), -32600, 'a long batch')
})

await check('a range too long names the range that works', async () => {
  const r = JSON.parse((await body(url, call('eth_getLogs', [{ fromBlock: '0x0', toBlock: '0x0' }]))).text)
  equal(r.result, [], 'logs')
  await mines(url, 60)
  const e = JSON.parse((await body(url, call('eth_getLogs', [{ fromBlock: '0x1', toBlock: 'latest' }]))).text).error
  equal([e.code, e.data], [-32005, { from: '0x1', to: '0x32', limit: 50 }], 'error')
  equal(await rpc(url, 'eth_getLogs', [{ fromBlock: e.data.from, toBlock: e.data.to }]), [], 'that range')
})

await check('filters: 1,000, then -32005', async () => {
  const one = await body(url, `[${Array.from({ length: 1000 }, (_, i) => call('eth_newFilter', [{}], i)).join()}]`)
  const made = JSON.parse(one.text)
  equal(made.filter((r) => r.error).length, 0, 'errors')
  equal(code(await body(url, call('eth_newFilter', [{}]))), -32005, 'one more')
  await body(url, `[${made.map((r, i) => call('eth_uninstallFilter', [r.result], i)).join()}]`)
})

// ---- HTTP ----

await check('HTTP: each limit has its status', async () => {
  const status = async (bytes) => (await raw(url, bytes))?.status
  const lines = (n) => Array.from({ length: n }, (_, i) => `X-${i}: y\r\n`).join('')
  const get = (path, more = '') => (c) => `GET ${path} HTTP/1.1\r\nHost: ${c.host}\r\n${more}\r\n`
  equal(await status(get('/')), 200, 'GET /')
  equal(await status(get('/nowhere')), 404, 'GET elsewhere')
  equal(await status(get('/' + 'a'.repeat(5000))), 414, 'path')
  equal(await status(get('/', lines(100))), 431, 'count of headers')
  equal(await status(get('/', `X: ${'y'.repeat(40000)}\r\n`)), 431, 'bytes of headers')
  equal(await status((c) => `DELETE / HTTP/1.1\r\nHost: ${c.host}\r\n\r\n`), 405, 'method')
  equal(await status((c) => `POST / HTTP/1.1\r\nHost: ${c.host}\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}`),
    415, 'content type')
  equal(await status('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n'), 403, 'host')
  equal(await status('GET / HTTP/1.1\r\n\r\n'), 400, 'no host')
  equal(await status('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'), 400, 'TLS')
  equal(await status((c) => head(c, 99999999999)), 413, 'a length of 100 GB')
  const chunked = (c) => head(c, 0).replace('Content-Length: 0', 'Transfer-Encoding: chunked') +
    `600000\r\n${' '.repeat(0x600000)}\r\n0\r\n\r\n`
  equal(await status(chunked), 413, 'chunks')
})

await check('pipelining: 500 requests in one write, replies in their order', async () => {
  const c = dial(url)
  await c.open
  c.write(Array.from({ length: 500 }, (_, i) => {
    const b = call(i % 7 === 0 ? 'eth_estimateGas' : 'eth_chainId', i % 7 === 0 ? [{}] : [], i)
    return head(c, b.length) + b
  }).join(''))
  for (let i = 0; i < 500; i++) {
    const r = await c.until(parseReply)
    equal(JSON.parse(r.text).id, i, 'place')
    c.got = r.rest
  }
  c.socket.destroy()
})

await check('a thousand connections that send a byte and wait: the limit, 408, blocks go on', async () => {
  await comes(async () => await metric(url, 'net_connections') === 1) // that asks
  const keep = dial(url)
  await keep.open
  const ask = async (method) => {
    const b = call(method)
    keep.write(head(keep, b.length) + b)
    const r = await keep.until(parseReply)
    keep.got = r.rest
    return JSON.parse(r.text).result
  }
  const before = Number(await ask('eth_blockNumber'))
  const slow = Array.from({ length: 980 }, () => dial(url))
  await Promise.all(slow.map((c) => c.open))
  for (const c of slow) c.write('P')
  const more = Array.from({ length: 40 }, () => dial(url))
  const over = (await Promise.all(more.map((c) => c.until(parseReply)))).map((r) => r?.status)
  if (!over.includes(503) || over.some((x) => x !== 503 && x !== 408 && x !== undefined))
    throw new Error(`one too many: ${over}`) // closed without a word when even that is too much
  for (let i = 0; i < 3; i++) await ask('evm_mine')
  equal(Number(await ask('eth_blockNumber')) - before, 3, 'blocks')
  for (const c of slow) equal((await c.until(parseReply))?.status, 408, 'slow')
  for (const c of [keep, ...more, ...slow]) c.socket.destroy()
  await comes(async () => await metric(url, 'net_connections') === 1)
})

// ---- WebSocket ----

await check('WebSocket: fragments are put together, what breaks the protocol is closed', async () => {
  const c = await webSocket(url)
  const text = call('eth_chainId', [], 'é')
  const bytes = Buffer.from(text)
  for (let i = 0; i < bytes.length; i++)
    c.write(frame(bytes.subarray(i, i + 1), { op: i === 0 ? 1 : 0, fin: i === bytes.length - 1 }))
  c.write(frame('x', { op: 9 }))
  equal((await c.message()).id, 'é', 'from fragments')
  await c.until(() => c.frames().some((f) => f.op === 10))
  c.socket.destroy()
  const bad = {
    'no mask': [frame(text, { mask: false }), 1002],
    'reserved bit': [frame(text, { rsv: 4 }), 1002],
    'unknown opcode': [frame(text, { op: 3 }), 1002],
    'continuation of nothing': [frame(text, { op: 0 }), 1002],
    'a long ping': [frame('x'.repeat(126), { op: 9 }), 1002],
    'a ping in fragments': [frame('x', { op: 9, fin: false }), 1002],
    'invalid UTF-8': [frame(Buffer.from([0xc3, 0x28])), 1007],
    'too large': [frame('x', { length: 33 * 2 ** 20 }), 1009],
  }
  for (const [what, [bytes, want]] of Object.entries(bad)) {
    const w = await webSocket(url)
    w.write(bytes)
    const got = await w.closeCode()
    if (got !== want && got !== undefined) throw new Error(`${what}: close ${got}, want ${want} or none`)
    await w.closed
  }
})

await check('WebSocket: a slow consumer is closed with 1013, nothing is skipped before', async () => {
  const from = (await rpc(url, 'eth_accounts'))[0]
  const noisy = '0x' + '55'.repeat(20)
  await rpc(url, 'hardhat_setCode', [noisy, '0x620800005fa000']) // a log of 512 KB
  const c = await webSocket(url)
  c.write(frame(call('eth_subscribe', ['logs', { address: noisy }])))
  await c.message()
  c.socket.pause()
  // The sockets' own buffers take some megabytes before the node's queue begins to fill.
  for (let i = 0; i < 24; i++)
    await rpc(url, 'eth_sendTransaction', [{ from, to: noisy, gas: '0xf00000' }])
  c.socket.resume()
  equal(await c.closeCode(), 1013, 'close')
  const logs = c.frames().filter((f) => f.op === 1).slice(1)
    .map((f) => JSON.parse(f.payload).params.result)
    .map((l) => [Number(l.blockNumber), Number(l.logIndex)])
  if (logs.length < 1 || logs.length > 23) throw new Error(`${logs.length} logs came`)
  logs.slice(1).forEach(([block, log], i) => {
    const [before, last] = logs[i]
    if (!(block === before ? log === last + 1 : block === before + 1 && log === 0))
      throw new Error(`a log was skipped: ${logs.join(' ')}`)
  })
  const w = await webSocket(url)
  for (let i = 0; i < 9; i++) w.write(frame(call('eth_subscribe', ['newHeads'], i)))
  equal((await w.message(8)).error.code, -32005, 'one subscription too many')
  w.socket.destroy()
})

// ---- work without end ----

const target = '0x' + '44'.repeat(20)
const endless = [{ to: target, gas: '0x7000000000000000' }, 'latest']
const overrides = { [target]: { code: '0x5b5f56' } } // JUMPDEST PUSH0 JUMP
const hang = async (method, params) => {
  const c = dial(url)
  await c.open
  const b = call(method, params)
  c.write(head(c, b.length) + b)
  return c
}
const tracing = ['debug_traceCall', [...endless, { tracer: 'callTracer', stateOverrides: overrides }]]

await check('readers that never end: blocks are made all the same', async () => {
  const all = []
  for (let i = 0; i < 20; i++) all.push(await hang('eth_call', [...endless, overrides]))
  await comes(async () => await metric(url, 'rpc_in_flight') === 20)
  await mines(url, 20)
  const [from] = await rpc(url, 'eth_accounts')
  const nonce = async () => Number(await rpc(url, 'eth_getTransactionCount', [from, 'latest']))
  const before = await nonce()
  for (let i = 0; i < 5; i++) await rpc(url, 'eth_sendTransaction', [{ from, to: from, gas: '0x5208' }])
  await comes(async () => await nonce() === before + 5) // a block may take several
  // Their clients go: nothing of it is left, though each might have run for an hour.
  for (const c of all) c.socket.destroy()
  await comes(async () => await metric(url, 'rpc_in_flight') === 0)
})

await check('a client that closes its half has a second', async () => {
  const c = await hang('eth_call', [...endless, overrides])
  await comes(async () => await metric(url, 'rpc_in_flight') === 1)
  c.socket.end()
  await c.closed
  await comes(async () => await metric(url, 'rpc_in_flight') === 0)
})

await check('traces without end leave readers to the others', async () => {
  const all = []
  for (let i = 0; i < 10; i++) all.push(await hang(...tracing))
  await comes(async () => await metric(url, 'rpc_in_flight') === 10)
  equal(await rpc(url, 'eth_estimateGas', [{}]), '0xcf08', 'another call')
  equal(await rpc(url, 'eth_getLogs', [{}]), [], 'a search')
  for (const c of all) c.socket.destroy()
  await comes(async () => await metric(url, 'rpc_in_flight') === 0)
})

await check('after all of it: a node in good order, memory within the budget', async () => {
  await mines(url)
  const line = node.log().split('\n').find((l) => l.includes('memory budget'))
  const total = Number(/ total=(\d+)/.exec(line)[1])
  const rss = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${node.child.pid}/status`, 'utf8'))[1]) * 1024
  if (rss > total) throw new Error(`${rss} bytes used, ${total} in the budget`)
  console.log(`     most memory ${(rss / 2 ** 20).toFixed(0)} MB of ${(total / 2 ** 20).toFixed(0)}`)
  equal(await node.stop(), 0, 'status')
})

// ---- what needs options of its own ----

await check('held bytes: those who do not read are refused, others are answered', async () => {
  const n = await start('--rpc.held-max', '16777216')
  const big = call('eth_call', [{ to: target }, 'latest', { [target]: { code: '0x624000005ff3' } }]) // 8 MB of text
  const all = []
  for (let i = 0; i < 12; i++) {
    const c = dial(n.url, { read: false })
    await c.open
    c.socket.pause()
    c.write(head(c, big.length) + big)
    all.push(c)
  }
  await comes(async () => await metric(n.url, 'rpc_in_flight') === 0)
  equal(await rpc(n.url, 'eth_chainId'), '0x109a01', 'a small call')
  const statuses = []
  for (const c of all) {
    c.socket.resume()
    statuses.push((await c.until(parseReply))?.status)
    c.socket.destroy()
  }
  if (!statuses.includes(200) || !statuses.includes(503) || statuses.some((s) => s !== 200 && s !== 503))
    throw new Error(`statuses ${statuses}`)
  equal(await n.stop(), 0, 'status')
})

await check('rate: units are used up, a batch is charged by call, another time is named', async () => {
  const n = await start('--rpc.rate', '1', '--rpc.rate-burst', '40', '--rpc.rate-exempt', '')
  const batch = JSON.parse((await body(n.url,
    `[${Array.from({ length: 60 }, (_, i) => call('eth_getBalance', ['0x' + '11'.repeat(20)], i)).join()}]`)).text)
  const good = batch.filter((r) => r.result).length
  if (good < 20 || good > 30) throw new Error(`${good} of 60 calls at 2 units were answered of 40 units`)
  const refused = batch.find((r) => r.error).error
  equal(refused.code, -32005, 'code')
  if (!(refused.data.retryAfterMs > 0 && refused.data.retryAfterMs <= 2001))
    throw new Error(`retryAfterMs ${refused.data.retryAfterMs}`)
  await sleep(refused.data.retryAfterMs)
  await n.stop()
  const free = await start('--rpc.rate', '1') // this machine is exempt unless told otherwise
  for (let i = 0; i < 50; i++) await rpc(free.url, 'eth_getBalance', ['0x' + '11'.repeat(20)])
  equal(await free.stop(), 0, 'status')
})

await check('connections of one address and calls in the queue', async () => {
  const n = await start('--rpc.connections-per-ip', '5', '--rpc.queue-max', '3', '--node.readers', '1',
    '--rpc.evm-timeout', '1h', '--rpc.gas-cap', '0')
  const five = Array.from({ length: 5 }, () => dial(n.url))
  await Promise.all(five.map((c) => c.open))
  const b = call('eth_call', [...endless, overrides])
  for (const c of five.slice(0, 4)) c.write(head(c, b.length) + b)
  equal(code(await five[3].until(parseReply)), -32005, 'the fourth call')
  const six = dial(n.url)
  equal((await six.until(parseReply))?.status, 429, 'the sixth connection')
  for (const c of [...five, six]) c.socket.destroy()
  equal(await n.stop(), 0, 'status')
})

await check('blocks that take longer than their slots', async () => {
  const n = await start('--dev.period-ms', '5', '--dev.gas-limit', '2000000000')
  const [from] = await rpc(n.url, 'eth_accounts')
  const to = '0x' + '52'.repeat(20)
  await rpc(n.url, 'hardhat_setCode', [to, '0x5b600056']) // a loop without end
  for (let i = 0; i < 5; i++)
    await rpc(n.url, 'eth_sendTransaction', [{ from, to, gas: '0x1000000' }]) // at most 2^24
  const before = await number(n.url)
  await comes(async () => await number(n.url) > before + 20)
  equal(Number(await rpc(n.url, 'eth_getTransactionCount', [from, 'latest'])), 5, 'nonce')
  equal(await n.stop(), 0, 'status')
})

if (opt.full) {
  await check('a minute of all of it at once', async () => {
    const n = await start('--node.readers', '2', '--dev.period-ms', '200')
    const end = Date.now() + 60000
    const before = await number(n.url)
    const one = async (i) => {
      while (Date.now() < end) {
        if (i % 4 === 0) await body(n.url, `[${'{},'.repeat(2000)}{}]`).catch(() => {})
        if (i % 4 === 1) await hangUp(n.url)
        if (i % 4 === 2) await post(n.url, call('eth_getLogs', [{ fromBlock: '0x0' }])).catch(() => {})
        if (i % 4 === 3) await body(n.url, '['.repeat(100000)).catch(() => {})
      }
    }
    const hangUp = async (to) => {
      const c = dial(to)
      await c.open.catch(() => {})
      const b = call('eth_call', [{ ...endless[0], gas: '0x2000000' }, 'latest', overrides])
      c.write(head(c, b.length) + b)
      await sleep(5)
      c.socket.destroy()
    }
    await Promise.all(Array.from({ length: 40 }, (_, i) => one(i)))
    if (await number(n.url) - before < 30) throw new Error('the head stood still')
    equal(await n.stop(), 0, 'status')
  })
}

process.exit(count.summary() ? 0 : 1)
