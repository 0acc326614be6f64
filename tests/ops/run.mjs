// What operators see: the unix socket and its private methods, `metisd attach`, health and
// the watchdog, the sequencer's drain, start and stop, TLS and tokens, metrics, the notify
// socket, alerts and their runbook. The unit is checked with the package (tests/package).
//   node tests/ops/run.mjs [--bin build/metisd] [--only REGEX]
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { counter, options, post, rpc, run, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'

const opt = options({ bin: 'build/metisd', only: '' })
const top = join(dirname(fileURLToPath(import.meta.url)), '../..')
const dir = tempDir()
const count = counter()
const only = opt.only ? new RegExp(opt.only) : null
const check = (name, f, ms) => (only && !only.test(name) ? undefined : count.check(name, f, ms))
let next = 0
const fresh = () => join(dir, `d${next++}`)

const fetchPath = (url, path) => new Promise((resolve, reject) => {
  get(url + path, (res) => {
    let text = ''
    res.on('data', (d) => (text += d))
    res.on('end', () => resolve({ status: res.statusCode, text }))
  }).on('error', reject)
})

const startDev = (args = [], more) => startMetisd(opt.bin,
  ['dev', '--network', 'andromeda-dev', '--rpc.port', '0', ...args], more)

// A raw connection to a unix socket: send text, wait for lines.
function ipc(path) {
  const socket = connect(path)
  let text = ''
  let closed = false
  const waiters = []
  const wake = () => waiters.splice(0).forEach((f) => f())
  socket.on('data', (d) => { text += d; wake() })
  socket.on('close', () => { closed = true; wake() })
  socket.on('error', () => {})
  return {
    socket,
    send: (s) => socket.write(s),
    async line() {
      for (;;) {
        const at = text.indexOf('\n')
        if (at >= 0) {
          const out = text.slice(0, at)
          text = text.slice(at + 1)
          return JSON.parse(out)
        }
        if (closed) return null
        await new Promise((r) => waiters.push(r))
      }
    },
  }
}
const call = (id, method, params = []) => JSON.stringify({ jsonrpc: '2.0', id, method, params })

async function until(f, what, ms = 60000) {
  for (const t0 = performance.now(); performance.now() - t0 < ms;) {
    const v = await f()
    if (v) return v
    await sleep(20)
  }
  throw new Error(`not in ${ms} ms: ${what}`)
}

// metisd attach with lines on stdin (or --exec in args).
function attach(args, input = '') {
  return new Promise((resolve) => {
    const child = spawn(opt.bin, ['attach', ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (d) => (stdout += d))
    child.stderr.on('data', (d) => (stderr += d))
    child.on('close', (status) => resolve({ status, stdout, stderr }))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

await check('the unix socket frames JSON values as geth does', async () => {
  const node = await startDev()
  const path = node.networks[0].ipc
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const c = ipc(path)
  c.send(`${call(1, 'eth_chainId')}`)
  assert.deepEqual(await c.line(), { jsonrpc: '2.0', id: 1, result: '0x109a01' })
  // several values in one write, blanks between, brackets and quotes inside strings
  c.send(` \n${call('}"{', 'web3_sha3', ['0x'])}\t${call(3, 'net_version')}\r\n[${call(4, 'eth_blockNumber')}]`)
  const got = [await c.line(), await c.line(), await c.line()]
  assert.equal(got[0].id, '}"{')
  assert.equal(got[0].result, '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
  assert.equal(got[1].result, '1088001')
  assert.deepEqual(got[2], [{ jsonrpc: '2.0', id: 4, result: '0x0' }])
  // one value a byte at a time
  for (const b of call(5, 'eth_chainId')) { c.send(b); await new Promise(setImmediate) }
  assert.equal((await c.line()).id, 5)
  // what is no value: a parse error, then the end
  c.send('hello\n')
  assert.equal((await c.line()).error.code, -32700)
  assert.equal(await c.line(), null)
  // a half-closed connection still gets its answer
  const d = ipc(path)
  d.socket.end(call(6, 'eth_blockNumber'))
  assert.equal((await d.line()).id, 6)
  assert.equal(await d.line(), null)
  assert.equal(await node.stop(), 0)
  assert.equal(existsSync(path), false, 'the socket file is gone')
})

await check('subscriptions are pushed on the unix socket', async () => {
  const node = await startDev()
  const c = ipc(node.networks[0].ipc)
  c.send(call(1, 'eth_subscribe', ['newHeads']))
  const sub = (await c.line()).result
  await rpc(node.networks[0].http, 'evm_mine')
  const head = await c.line()
  assert.equal(head.method, 'eth_subscription')
  assert.equal(head.params.subscription, sub)
  assert.equal(head.params.result.number, '0x1')
  await node.stop()
})

await check('private methods are not on the public port', async () => {
  const node = await startDev(['--http.api', 'eth,admin,metis,rpc'])
  const { http, ipc: path } = node.networks[0]
  for (const m of ['admin_nodeInfo', 'admin_peers', 'admin_sequencerStop', 'metis_config'])
    await assert.rejects(rpc(http, m), (e) => e.code === -32601)
  assert.equal((await rpc(http, 'metis_health')).ready, true)
  const c = ipc(path)
  c.send(call(1, 'admin_nodeInfo'))
  const info = (await c.line()).result
  assert.equal(info.protocols.eth.network, 1088001)
  assert.match(info.name, /^metisd\/v/)
  c.send(call(2, 'admin_peers'))
  assert.deepEqual((await c.line()).result, [])
  c.send(call(3, 'admin_dbStat'))
  assert.ok((await c.line()).result.tables.accounts.entries > 0)
  c.send(call(4, 'metis_config'))
  const config = (await c.line()).result
  assert.deepEqual(config['rpc.port'], { value: '0', origin: 'flag --rpc.port' })
  assert.equal(config['log.level'].origin, 'default')
  c.send(call(5, 'rpc_modules'))
  assert.equal((await c.line()).result.admin, '1.0')
  await node.stop()
})

await check('a stale socket is replaced, a live one and a file are not', async () => {
  const datadir = fresh()
  const path = join(datadir, 'andromeda-dev', 'metisd.ipc')
  let node = await startDev(['--datadir', datadir])
  node.child.kill('SIGKILL')
  await node.exited
  assert.equal(existsSync(path), true)
  node = await startDev(['--datadir', datadir])
  assert.equal((await attach([path, '--exec', 'eth_blockNumber'])).stdout, '"0x0"\n')
  const other = ['dev', '--network', 'hyperion-dev', '--rpc.port', '0', '--log.level', 'error', '--ipcpath']
  let r = await run(opt.bin, [...other, path])
  assert.equal(r.status, 1)
  assert.match(r.stderr, /metisd\.ipc: another process listens there/)
  const plain = fresh()
  writeFileSync(plain, 'x')
  r = await run(opt.bin, [...other, plain])
  assert.equal(r.status, 1)
  assert.match(r.stderr, /is there and is not a socket/)
  await node.stop()
  node = await startDev(['--rpc.ipc', 'off'])
  assert.equal(node.networks[0].ipc, undefined)
  await node.stop()
})

await check('attach: lines, bare words, JSON, errors and the status', async () => {
  const datadir = fresh()
  const node = await startDev(['--datadir', datadir])
  const [a] = await rpc(node.networks[0].http, 'eth_accounts')
  let r = await attach(['--datadir', datadir, '--network', 'andromeda-dev'],
    `eth_chainId\n\n# a remark\neth_getBalance ${a} latest\neth_getBlockByNumber "0x0" false\nexit\nnever_reached\n`)
  assert.equal(r.status, 0, r.stderr)
  const lines = r.stdout.trim().split('\n')
  assert.equal(lines.length, 3)
  assert.equal(lines[0], '"0x109a01"')
  assert.equal(lines[1], JSON.stringify(await rpc(node.networks[0].http, 'eth_getBalance', [a, 'latest'])))
  assert.equal(JSON.parse(lines[2]).number, '0x0')
  r = await attach(['--datadir', datadir], 'no_such\neth_chainId\n')
  assert.equal(r.status, 1)
  assert.match(r.stderr, /error -32601: the method no_such/)
  assert.equal(r.stdout, '"0x109a01"\n', 'the session goes on')
  r = await attach(['--ipc', node.networks[0].ipc, '--exec', 'web3_sha3 0x3b; eth_call {"to":"0x00}'])
  assert.equal(r.status, 1)
  assert.match(r.stderr, /not JSON at/)
  r = await attach([node.networks[0].http, '--exec', 'web3_sha3 "0x"; net_version'])
  assert.equal(r.stdout,
    '"0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"\n"1088001"\n')
  assert.equal(r.status, 0)
  r = await attach([node.networks[0].http, '--exec', 'admin_nodeInfo'])
  assert.equal(r.status, 1, 'not over the public port')
  await node.stop()
  r = await attach(['--datadir', datadir, '--exec', 'eth_chainId'])
  assert.equal(r.status, 1)
  assert.match(r.stderr, /is the node running\?/)
  assert.equal((await attach([])).status, 2)
})

await check('attach on a terminal: completion, history, editing', async () => {
  const node = await startDev()
  const child = spawn('script', ['-qec', `${opt.bin} attach ${node.networks[0].ipc}`, '/dev/null'],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, TERM: 'vt100' } })
  let out = ''
  child.stdout.on('data', (d) => (out += d))
  const closed = new Promise((r) => child.on('close', r))
  const typed = async (keys, want) => {
    out = ''
    child.stdin.write(keys)
    await until(() => want.test(out), `${want} after ${JSON.stringify(keys)}, got ${JSON.stringify(out)}`)
  }
  await until(() => out.includes('> '), 'prompt')
  await typed('eth_blockN\t\r', /eth_blockNumber[\s\S]*"0x0"/)
  await typed('admin_sequencerS\t\t', /admin_sequencerStart {2}admin_sequencerStatus {2}admin_sequencerStop/)
  await typed('\x15net_vX\x7fe\t\r', /net_version[\s\S]*"1088001"/) // Ctrl-U, Backspace
  await typed('\x1b[A\x1b[A\r', /eth_blockNumber[\s\S]*"0x0"/) // two up
  await typed('chainId\x01eth_\r', /"0x109a01"/) // Ctrl-A
  await typed('rubbish\x03', /\^C/)
  child.stdin.write('\x04')
  assert.equal(await closed, 0, out)
  await node.stop()
})

await check('log levels per module at run time', async () => {
  const conf = join(dir, 'log.conf')
  writeFileSync(conf, '[log]\nlevel = info\n')
  const node = await startDev(['--config', conf])
  const path = node.networks[0].ipc
  const one = async (line) => {
    const r = await attach([path, '--exec', line])
    return r.status === 0 ? JSON.parse(r.stdout) : r.stderr
  }
  assert.equal(await one('admin_logLevel *'), 'info')
  assert.equal(await one('admin_logLevel sequencer error'), 'error')
  assert.equal(await one('admin_logLevel sequencer'), 'error')
  assert.equal(await one('admin_logLevel node'), 'info')
  await rpc(node.networks[0].http, 'evm_mine')
  await one('admin_logLevel sequencer info')
  await rpc(node.networks[0].http, 'evm_mine')
  await until(() => node.log().includes('sealed block'), 'the second block in the log')
  assert.doesNotMatch(node.log(), /sealed block" number=1 /)
  assert.match(node.log(), /sealed block" number=2 /)
  assert.match(await one('admin_logLevel node loud'), /"loud" is no level/)
  assert.match(await one('admin_logLevel'), /-32602/)
  // the file again: what it says holds
  writeFileSync(conf, '[log]\nlevel = warn\n')
  assert.equal(await one('admin_reload'), true)
  assert.equal(await one('admin_logLevel *'), 'warn')
  writeFileSync(conf, '[log]\nlevle = warn\n')
  assert.match(await one('admin_reload'), /log\.conf:2: unknown key log\.levle/)
  await node.stop()
})

await check('the sequencer drains, stops and starts; the gas limit moves', async () => {
  const node = await startDev(['--dev.no-mining'])
  const { http, ipc: path } = node.networks[0]
  const one = async (line) => {
    const r = await attach([path, '--exec', line])
    assert.equal(r.status, 0, r.stderr)
    return JSON.parse(r.stdout)
  }
  const [from, to] = await rpc(http, 'eth_accounts')
  const send = () => rpc(http, 'eth_sendTransaction', [{ from, to, value: '0x1' }])
  await send()
  assert.equal((await one('admin_sequencerStatus')).pending, 1)
  // a transaction waits: draining, closed to new ones, still building
  assert.equal((await one('admin_sequencerDrain')).state, 'draining')
  await assert.rejects(send(), /the sequencer drains its pool/)
  let ready = await fetchPath(http, '/readyz')
  assert.equal(ready.status, 503)
  assert.deepEqual(JSON.parse(ready.text).failing, ['sequencer'])
  await rpc(http, 'evm_mine')
  await until(async () => (await one('admin_sequencerStatus')).state === 'stopped', 'drained')
  const status = await one('admin_sequencerStatus')
  assert.equal(status.number, 1)
  assert.equal(status.pending, 0)
  await assert.rejects(rpc(http, 'evm_mine'))
  ready = JSON.parse((await fetchPath(http, '/readyz')).text)
  assert.equal(ready.checks.sequencer.detail, 'stopped by the operator')
  assert.equal((await one('admin_sequencerStart')).state, 'running')
  await send()
  await rpc(http, 'evm_mine')
  assert.equal((await fetchPath(http, '/readyz')).status, 200)
  // stop keeps the pool open
  assert.equal((await one('admin_sequencerStop')).state, 'stopped')
  await send()
  assert.equal((await one('admin_sequencerStatus')).pending, 1)
  await one('admin_sequencerStart')
  await one('admin_setGasLimit 40000000')
  await rpc(http, 'evm_mine')
  const block = await rpc(http, 'eth_getBlockByNumber', ['latest', false])
  assert.equal(BigInt(block.gasLimit), 40000000n)
  assert.equal(block.transactions.length, 1)
  assert.match((await attach([path, '--exec', 'admin_setGasLimit 3'])).stderr, /a gas limit is 5000/)
  await node.stop()
})

// Blocks of init code that loops until its gas is gone (JUMPDEST PUSH1 0 JUMP), each with four
// times the work of the one before, until seen(number) tells that the watchdog has named one:
// how long a block takes is the machine's affair.
const HEAVY = ['--dev.no-mining', '--dev.gas-limit', '200000000000', '--txpool.globalslots', '20000',
  '--txpool.accountqueue', '20000']
async function mineUntil(http, seen) {
  const [from] = await rpc(http, 'eth_accounts')
  const tx = { from, data: '0x5b600056', gas: '0xffffff' }
  let id = 0
  for (let number = 1, txs = 80; txs < 10000; number++, txs *= 4) {
    for (let left = txs; left > 0; left -= 80) {
      const { text } = await post(http, `[${Array.from({ length: 80 }, () => call(id++, 'eth_sendTransaction', [tx])).join()}]`)
      for (const r of JSON.parse(text)) assert.ok(r.result, text)
    }
    const mined = rpc(http, 'evm_mine', [], { timeoutMs: 600000 })
    const found = await seen(number, mined)
    await mined
    if (found) return found
  }
  throw new Error('no block took long enough')
}

await check('a blocked stage is named in health, readiness and the log', async () => {
  const node = await startDev([...HEAVY, '--node.stall-after', '50ms'])
  const { http } = node.networks[0]
  await mineUntil(http, async (number, mined) => {
    let over = false
    mined.then(() => (over = true), () => {})
    while (!over) {
      const h = await rpc(http, 'metis_health')
      if (h.blocked?.stage !== 'build') continue
      assert.equal(h.blocked.block, number)
      assert.deepEqual(h.failing, ['stages'])
      const ready = await fetchPath(http, '/readyz')
      if (ready.status !== 503) continue // it went on in between
      assert.match(JSON.parse(ready.text).checks.stages.detail, new RegExp(`^build .*block ${number}, is blocked`))
      assert.equal((await fetchPath(http, '/livez')).status, 200)
      await until(() => new RegExp(`a stage is blocked.*stage=build.*network=andromeda-dev block=${number}`).test(node.log()), 'the log')
      return true
    }
    return false
  })
  await until(async () => (await fetchPath(http, '/readyz')).status === 200, 'ready again')
  await until(() => node.log().includes('the blocked stage goes on'), 'the log')
  await until(async () => {
    const metrics = (await fetchPath(http, '/metrics')).text
    const told = node.log().match(/a stage is blocked.*network=andromeda-dev/g).length
    return metrics.includes(`metis_node_stalls_total{network="andromeda-dev"} ${told}\n`) &&
      metrics.includes('metis_node_blocked{network="andromeda-dev"} 0\n')
  }, 'the metrics')
  await node.stop()
}, 600000)

await check('a log that nobody reads does not stop the node', async () => {
  const child = spawn(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0', '--log.level', 'debug'],
    { stdio: ['ignore', 'pipe', 'pipe'] })
  const ready = JSON.parse(await new Promise((r) => child.stdout.once('data', (d) => r(String(d)))))
  const exited = new Promise((r) => child.on('close', r))
  const { http } = ready.networks[0]
  child.stderr.pause()
  let lost
  for (let i = 0; i < 4000 && !lost; i++) {
    await rpc(http, 'evm_mine')
    const h = i % 50 === 49 ? await rpc(http, 'metis_health') : null
    lost = h && !h.checks.log.ok && h
  }
  assert.ok(lost, 'the pipe is full')
  assert.match(lost.checks.log.detail, /nobody reads the log, \d+ lines dropped/)
  assert.equal((await fetchPath(http, '/readyz')).status, 503)
  let text = ''
  child.stderr.on('data', (d) => (text += d))
  child.stderr.resume()
  await sleep(50)
  await until(async () => {
    await rpc(http, 'evm_mine')
    return /dropped=\d+/.test(text)
  }, 'a line that counts the dropped ones')
  assert.equal((await fetchPath(http, '/readyz')).status, 200)
  child.kill('SIGTERM')
  assert.equal(await exited, 0)
})

// ---- TLS ----

function certificate(name, also = []) {
  const [cert, key] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
    '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert,
    ...also.flatMap((n) => ['-addext', `subjectAltName=${n}`])], { stdio: 'ignore' })
  return { cert, key }
}

const httpsPost = (url, body, more = {}) => new Promise((resolve, reject) => {
  const req = httpsRequest(url, { method: 'POST', rejectUnauthorized: false,
    headers: { 'content-type': 'application/json' }, ...more }, (res) => {
    const name = res.socket.getPeerCertificate().subject.CN
    const protocol = res.socket.getProtocol()
    let text = ''
    res.on('data', (d) => (text += d))
    res.on('end', () => resolve({ status: res.statusCode, text, name, protocol }))
  })
  req.on('error', reject)
  req.end(body)
})

await check('TLS on the RPC port: https, wss, curl, limits, reload', async () => {
  const one = certificate('first')
  const two = certificate('second')
  const conf = join(dir, 'tls.conf')
  const text = (c) => `[rpc]\ntls-cert = ${c.cert}\ntls-key = ${c.key}\n`
  writeFileSync(conf, text(one))
  const node = await startDev(['--config', conf, '--rpc.header-timeout', '3s', '--rpc.batch-max', '2000'])
  const { http } = node.networks[0]
  assert.match(http, /^https:/)
  assert.match(node.networks[0].ws, /^wss:/)
  for (const [max, want] of [['TLSv1.3', 'TLSv1.3'], ['TLSv1.2', 'TLSv1.2']]) {
    const r = await httpsPost(http, call(1, 'eth_chainId'), { maxVersion: max })
    assert.equal(JSON.parse(r.text).result, '0x109a01')
    assert.equal(r.protocol, want)
    assert.equal(r.name, 'first')
  }
  await assert.rejects(httpsPost(http, call(1, 'eth_chainId'),
    { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
  // a large request and a larger reply: many records each way
  const batch = `[${Array.from({ length: 1500 }, (_, i) => call(i, 'eth_getBlockByNumber', ['0x0', true])).join()}]`
  const big = JSON.parse((await httpsPost(http, batch)).text)
  assert.equal(big.length, 1500)
  assert.equal(big[1499].result.number, '0x0')
  const curl = await run('curl', ['-sk', '-H', 'content-type: application/json', '-d', call(2, 'net_version'), http])
  assert.equal(JSON.parse(curl.stdout).result, '1088001', curl.stderr)
  // wss by hand: the upgrade, a masked frame, a frame back
  const port = Number(new URL(http).port)
  const socket = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await new Promise((r) => socket.once('secureConnect', r))
  let got = Buffer.alloc(0)
  socket.on('data', (d) => (got = Buffer.concat([got, d])))
  socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
  await until(() => got.includes('\r\n\r\n'), 'the upgrade')
  assert.match(got.toString(), /101 Switching[\s\S]*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/) // RFC 6455, 1.3
  got = Buffer.alloc(0)
  const message = Buffer.from(call(3, 'eth_chainId'))
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | message.length, 0, 0, 0, 0]), message]))
  await until(() => got.includes('0x109a01'), 'the answer')
  // what is no handshake, and one that does not end
  const plain = connect(port, '127.0.0.1')
  plain.on('error', () => {})
  const plainClosed = new Promise((r) => plain.on('close', r))
  plain.write('POST / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await plainClosed
  const slow = connect(port, '127.0.0.1')
  slow.on('error', () => {})
  const slowClosed = new Promise((r) => slow.on('close', r))
  slow.write(Buffer.from([0x16, 0x03, 0x01]))
  await slowClosed
  // the file is read again; what is open stays
  writeFileSync(conf, text(two))
  node.child.kill('SIGHUP')
  await until(async () => (await httpsPost(http, call(4, 'eth_chainId'), { agent: false })).name === 'second', 'the new certificate')
  got = Buffer.alloc(0)
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | message.length, 0, 0, 0, 0]), message]))
  await until(() => got.includes('0x109a01'), 'the old connection')
  socket.destroy()
  writeFileSync(conf, text({ cert: two.cert, key: one.key }))
  node.child.kill('SIGHUP')
  await until(() => /not taken over.*first\.key/.test(node.log()), 'the refusal')
  assert.equal((await httpsPost(http, call(5, 'eth_chainId'), { agent: false })).name, 'second')
  assert.equal(await node.stop(), 0)
  const r = await run(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0', '--log.level', 'error',
    '--rpc.tls-cert', join(dir, 'none.crt'), '--rpc.tls-key', one.key])
  assert.equal(r.status, 1)
  assert.match(r.stderr, /none\.crt/)
})

// ---- the private listener ----

const b64 = (v) => Buffer.from(typeof v === 'string' ? v : JSON.stringify(v)).toString('base64url')
function jwt(secret, claims, head = { alg: 'HS256', typ: 'JWT' }) {
  const text = `${b64(head)}.${b64(claims)}`
  return `${text}.${createHmac('sha256', Buffer.from(secret, 'hex')).update(text).digest('base64url')}`
}

await check('the private listener takes valid tokens only', async () => {
  const secretFile = join(dir, 'jwt.hex')
  const node = await startDev(['--authrpc.jwtsecret', secretFile, '--authrpc.port', '0'])
  assert.equal(statSync(secretFile).mode & 0o777, 0o600)
  const secret = readFileSync(secretFile, 'utf8').trim()
  assert.match(secret, /^[0-9a-f]{64}$/)
  const { auth } = node.networks[0]
  const ask = async (token, more) => {
    const res = await fetch(auth, { method: 'POST', body: call(1, 'admin_nodeInfo'),
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }), ...more } })
    return { status: res.status, text: await res.text() }
  }
  const now = () => Math.floor(Date.now() / 1000)
  const good = await ask(jwt(secret, { iat: now() }))
  assert.equal(good.status, 200)
  assert.equal(JSON.parse(good.text).result.network, 'andromeda-dev')
  for (const [token, what] of [
    [null, 'none'], ['', 'empty'], ['a.b.c', 'rubbish'],
    [jwt(secret, { iat: now() - 120 }), 'too old'], [jwt(secret, { iat: now() + 120 }), 'from the future'],
    [jwt(secret, {}), 'without iat'], [jwt(secret, { iat: now(), exp: now() - 1 }), 'over'],
    [jwt('00'.repeat(32), { iat: now() }), 'of another secret'],
    [jwt(secret, { iat: now() }, { alg: 'none' }), 'of no algorithm'],
    [jwt(secret, { iat: now() }, { alg: 'HS512' }), 'of another algorithm'],
    [jwt(secret, { iat: now() }) + 'A', 'with more'], [jwt(secret, { iat: now() }).split('.').slice(0, 2).join('.') + '.', 'unsigned'],
    ['x'.repeat(9000), 'long'],
  ]) assert.equal((await ask(token)).status, 401, what)
  assert.equal((await fetch(auth)).status, 401, 'GET too')
  assert.match((await fetch(`${node.networks[0].http}/metrics`).then((r) => r.text())),
    /metis_net_auth_failures_total\{network="andromeda-dev"\} 14\n/)
  await node.stop()
  writeFileSync(secretFile, '0x1234\n')
  const r = await run(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0', '--log.level', 'error',
    '--rpc.auth-port', '0', '--rpc.jwt-secret', secretFile])
  assert.equal(r.status, 1)
  assert.match(r.stderr, /jwt\.hex: not a secret of 64 hex digits/)
})

await check('attach over https: trusts what it is told to, and the name must be right', async () => {
  const [good, other] = [certificate('good', ['IP:127.0.0.1']), certificate('other', ['DNS:example.org'])]
  const started = (c) => startDev(['--rpc.tls-cert', c.cert, '--rpc.tls-key', c.key])
  let node = await started(good)
  const url = node.networks[0].http
  assert.match(url, /^https:/)
  let r = await attach([url, '--cacert', good.cert], 'eth_chainId\nno_such\neth_getBlockByNumber 0x0 true\n')
  assert.equal(r.stdout.split('\n')[0], '"0x109a01"', r.stderr)
  assert.equal(JSON.parse(r.stdout.split('\n')[1]).number, '0x0')
  assert.match(r.stderr, /error -32601/)
  assert.equal(r.status, 1)
  assert.equal((await attach([url, '--cacert', good.cert, '--exec', 'net_version'])).status, 0)
  r = await attach([url, '--exec', 'net_version']) // the system does not know it
  assert.deepEqual([r.status, r.stdout], [1, ''])
  assert.match(r.stderr, /certificate/)
  r = await attach([url, '--cacert', other.cert, '--exec', 'net_version'])
  assert.deepEqual([r.status, r.stdout], [1, ''])
  r = await attach([url.replace('https:', 'http:'), '--exec', 'net_version'])
  assert.deepEqual([r.status, r.stdout], [1, ''])
  r = await attach([url, '--cacert', join(dir, 'none.crt'), '--exec', 'net_version'])
  assert.match(r.stderr, /none\.crt: No such file/)
  await node.stop()
  node = await started(other)
  r = await attach([node.networks[0].http, '--cacert', other.cert, '--exec', 'net_version'])
  assert.deepEqual([r.status, r.stdout], [1, ''], 'a certificate for another name')
  await node.stop()
  r = await attach([node.networks[0].http, '--cacert', other.cert, '--exec', 'net_version'])
  assert.equal(r.status, 1)
  assert.match(r.stderr, /does not answer/)
  for (const bad of ['ftp://127.0.0.1', 'ws://127.0.0.1:8545', 'https://', 'https:///x', 'http://a b/']) {
    r = await attach([bad, '--exec', 'net_version'])
    assert.equal(r.status, 1, bad)
    assert.match(r.stderr, /attach speaks to|not an address/, bad)
  }
})

await check('attach with a token: each request has its own, good or refused', async () => {
  const secretFile = join(dir, 'attach-jwt.hex')
  const node = await startDev(['--authrpc.jwtsecret', secretFile, '--authrpc.port', '0'])
  const { auth } = node.networks[0]
  let r = await attach([auth, '--jwt', secretFile], 'admin_nodeInfo\nadmin_peers\n')
  assert.equal(r.status, 0, r.stderr)
  assert.equal(JSON.parse(r.stdout.split('\n')[0]).network, 'andromeda-dev')
  assert.equal(r.stdout.split('\n')[1], '[]')
  r = await attach([auth, '--exec', 'admin_peers'])
  assert.equal(r.status, 1)
  assert.match(r.stderr, /HTTP status 401/)
  const wrong = join(dir, 'wrong.hex')
  writeFileSync(wrong, 'ab'.repeat(32))
  r = await attach([auth, '--jwt', wrong, '--exec', 'admin_peers'])
  assert.deepEqual([r.status, r.stdout], [1, ''])
  assert.match(r.stderr, /HTTP status 401/)
  const none = join(dir, 'no-such.hex')
  r = await attach([auth, '--jwt', none, '--exec', 'admin_peers'])
  assert.match(r.stderr, /no-such\.hex: No such file/)
  assert.equal(existsSync(none), false, 'a client makes no secret')
  writeFileSync(wrong, 'not hex')
  assert.match((await attach([auth, '--jwt', wrong, '--exec', 'admin_peers'])).stderr, /not a secret of 64 hex digits/)
  r = await attach([node.networks[0].ipc, '--jwt', secretFile, '--exec', 'admin_peers'])
  assert.equal(r.status, 1)
  assert.match(r.stderr, /for an http or https URL only/)
  await node.stop()

  // over TLS, as behind a proxy: what it sends, checked by another implementation
  const { cert, key } = certificate('proxy', ['IP:127.0.0.1'])
  const seen = []
  const proxy = createHttpsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (req, res) => {
    let body = ''
    req.on('data', (d) => (body += d))
    req.on('end', () => {
      seen.push(req.headers.authorization)
      res.end(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(body).id, result: req.url }))
    })
  })
  await new Promise((done) => proxy.listen(0, '127.0.0.1', done))
  const url = `https://127.0.0.1:${proxy.address().port}/some/path?a=b`
  r = await attach([url, '--cacert', cert, '--jwt', secretFile, '--exec', 'a_b; c_d'])
  proxy.close()
  assert.equal(r.stdout, '"/some/path?a=b"\n"/some/path?a=b"\n', r.stderr)
  assert.equal(seen.length, 2)
  for (const value of seen) {
    const [head, claims] = value.replace(/^Bearer /, '').split('.').map((p) => Buffer.from(p, 'base64url').toString())
    assert.deepEqual(JSON.parse(head), { alg: 'HS256', typ: 'JWT' })
    const { iat } = JSON.parse(claims)
    assert.ok(Math.abs(iat - Date.now() / 1000) <= 60, `${iat}`)
    assert.equal(value, `Bearer ${jwt(readFileSync(secretFile, 'utf8').trim(), { iat })}`)
  }
})

// ---- metrics ----

await check('metrics: the database, and geth\'s names when asked for', async () => {
  const node = await startDev(['--metrics.compat', 'geth'])
  const { http } = node.networks[0]
  await rpc(http, 'evm_mine')
  const own = await until(async () => { // the disk is asked once the housekeeper runs
    const { text } = await fetchPath(http, '/metrics')
    return text.includes('metis_db_disk_free_bytes{') && text
  }, 'the free space')
  for (const name of ['db_free_list_bytes', 'db_readers', 'db_oldest_reader_commits', 'db_disk_free_bytes', 'sequencer_held'])
    assert.match(own, new RegExp(`^metis_${name}\\{network="andromeda-dev"\\} \\d+$`, 'm'))
  assert.match(own, /^metis_db_table_bytes\{network="andromeda-dev",table="accounts"\} \d+$/m)
  const { status, text } = await fetchPath(http, '/debug/metrics/prometheus')
  assert.equal(status, 200)
  for (const name of ['chain_head_block', 'chain_head_header', 'chain_head_finalized', 'chain_head_safe',
    'chain_mgasps', 'chain_reorg_executes', 'txpool_pending', 'txpool_queued', 'txpool_invalid', 'p2p_peers',
    'p2p_ingress', 'p2p_egress', 'rpc_requests', 'rpc_success', 'rpc_failure'])
    assert.match(text, new RegExp(`^${name} [0-9.]+$`, 'm'), name)
  for (const name of ['chain_inserts', 'chain_execution', 'chain_write', 'rpc_duration_all']) {
    assert.match(text, new RegExp(`^# TYPE ${name} summary$`, 'm'), name)
    assert.match(text, new RegExp(`^${name}\\{quantile="0.99"\\} \\d+$`, 'm'), name)
    assert.match(text, new RegExp(`^${name}_count \\d+$`, 'm'), name)
  }
  assert.match(text, /^chain_head_block 1$/m)
  assert.match(text, /^chain_inserts_count 1$/m)
  await node.stop()
  const without = await startDev()
  assert.equal((await fetchPath(without.networks[0].http, '/debug/metrics/prometheus')).status, 404)
  await without.stop()
})

// ---- sequencers ----

await check('two sequencers on one key are refused; a killed one leaves no lock', async () => {
  const keystore = fresh()
  mkdirSync(keystore)
  const flags = (d) => ['run', '--network', 'andromeda', '--datadir', d, '--sequencer', '--rpc.port', '0',
    '--keystore', keystore, '--log.level', 'error']
  const first = await startMetisd(opt.bin, flags(fresh()))
  const r = await run(opt.bin, flags(fresh()))
  assert.equal(r.status, 1)
  assert.match(r.stderr, /is sequenced with key 0x[0-9a-f]{40} by another process \(pid \d+, folder .*\); two on one key/)
  first.child.kill('SIGKILL')
  await first.exited
  const again = await startMetisd(opt.bin, flags(fresh()))
  assert.equal(await again.stop(), 0)
})

await check('a full disk stops building, with a reason, and room starts it again', async () => {
  const conf = join(dir, 'disk.conf')
  writeFileSync(conf, '[db]\ndisk-free-min = 1tb\n')
  const node = await startDev(['--config', conf])
  const { http } = node.networks[0]
  const why = async () => JSON.parse((await fetchPath(http, '/readyz')).text)
  const low = await until(async () => {
    const r = await why()
    return r.failing.includes('sequencer') && r
  }, 'the stop')
  assert.deepEqual(low.failing, ['sequencer', 'disk'])
  assert.equal(low.checks.sequencer.detail, 'stopped: the disk is nearly full')
  assert.match(node.log(), /the disk is nearly full: no blocks are built; make room/)
  const [from, to] = await rpc(http, 'eth_accounts')
  const hash = await rpc(http, 'eth_sendTransaction', [{ from, to, value: '0x1' }])
  assert.equal(await rpc(http, 'eth_blockNumber'), '0x0')
  writeFileSync(conf, '[db]\ndisk-free-min = 1kb\n')
  node.child.kill('SIGHUP')
  await until(async () => (await why()).ready, 'the start')
  await until(() => rpc(http, 'eth_getTransactionReceipt', [hash]), 'the transaction that waited')
  await node.stop()
})

// ---- the service manager ----

// perl is in every Debian; Node has no unix datagrams.
const NOTIFY = `use Socket; $| = 1;
socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; bind(S, pack_sockaddr_un($ARGV[0])) or die $!;
print "listening\\n"; while (defined recv(S, $m, 4096, 0)) { $m =~ s/\\n/ /g; print "$m\\n"; }`

await check('the notify socket hears READY, WATCHDOG, the blocked stage, RELOADING, STOPPING', async () => {
  const path = join(dir, 'notify')
  const conf = join(dir, 'notify.conf')
  writeFileSync(conf, '[log]\nlevel = info\n')
  const manager = spawn('perl', ['-e', NOTIFY, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  let heard = ''
  manager.stdout.on('data', (d) => (heard += d))
  await until(() => heard.includes('listening'), 'the listener')
  const node = await startDev([...HEAVY, '--node.stall-after', '50ms', '--config', conf],
    { env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000' } })
  const { http } = node.networks[0]
  // what the watchdog says of a slow disk may stand anywhere between
  const after = (...words) => until(() => {
    let at = 0
    return words.every((w) => (at = heard.indexOf(`\n${w}`, at) + 1) > 0)
  }, words.join())
  await after('READY=1\n', 'WATCHDOG=1\n', 'WATCHDOG=1\n')
  const blocked = await mineUntil(http, async (number, mined) => {
    await mined
    const from = heard.length
    await until(() => heard.indexOf('WATCHDOG=1\n', from) >= 0, 'what was said before')
    const line = `STATUS=blocked in stage build (building a block), network andromeda-dev, block ${number}\n`
    return heard.includes(line) && line
  })
  await after(blocked, 'STATUS=running\n')
  node.child.kill('SIGHUP')
  await after('RELOADING=1\n', 'READY=1\n')
  assert.equal(await node.stop(), 0)
  await until(() => /STOPPING=1 EXTEND_TIMEOUT_USEC=\d+ STATUS=stopping\n(?![^]*READY=1)/.test(heard), 'the stop')
  manager.kill()
}, 600000)

// ---- what is on the disk ----

await check('durable lag: blocks that are not flushed yet, by every kind of db.sync', async () => {
  const value = (text, name) => Number(new RegExp(`^metis_${name}\\{[^}]*\\} (\\S+)`, 'm').exec(text)?.[1])
  const lag = async (url) => {
    const { text } = await fetchPath(url, '/metrics')
    return [value(text, 'db_durable_block'), value(text, 'db_durable_lag_blocks')]
  }
  for (const [args, want] of [
    [['--db.sync', 'block'], [7, 0]],
    [['--db.sync', 'interval', '--db.interval', '1h'], [0, 7]],
    [['--db.sync', 'off'], [0, 7]],
  ]) {
    const data = fresh()
    const node = await startDev(['--datadir', data, ...args])
    const url = node.networks[0].http
    assert.deepEqual(await lag(url), [0, 0], args[1])
    for (let i = 0; i < 7; i++) await rpc(url, 'evm_mine')
    assert.deepEqual(await lag(url), want, args[1])
    assert.equal(await node.stop(), 0)
    const again = await startDev(['--datadir', data, ...args]) // a stop flushes
    assert.deepEqual(await lag(again.networks[0].http), [7, 0], args[1])
    await again.stop()
  }
  const soon = await startDev(['--datadir', fresh(), '--db.sync', 'interval', '--db.interval', '50ms'])
  for (let i = 0; i < 3; i++) await rpc(soon.networks[0].http, 'evm_mine')
  while ((await lag(soon.networks[0].http)).join() !== '3,0') await sleep(10)
  await soon.stop()
})

// ---- alerts, dashboard, runbook ----

await check('alerts and dashboard name metrics that exist; every alert has its section', async () => {
  const known = new Set([...readFileSync(join(top, 'docs/METRICS.md'), 'utf8').matchAll(/`(metis_\w+)`/g)].map((m) => m[1]))
  assert.ok(known.size > 40)
  for (const file of ['conf/alerts.yml', 'conf/grafana/overview.json']) {
    const names = [...readFileSync(join(top, file), 'utf8').matchAll(/\bmetis_\w+/g)].map((m) => m[0])
    assert.ok(names.length > 15, file)
    for (const n of names)
      assert.ok(known.has(n) || known.has(n.replace(/_(bucket|sum|count)$/, '')), `${file}: ${n}`)
  }
  const panels = JSON.parse(readFileSync(join(top, 'conf/grafana/overview.json'), 'utf8')).panels
  assert.equal(new Set(panels.map((p) => p.id)).size, panels.length)
  const rules = readFileSync(join(top, 'conf/alerts.yml'), 'utf8')
  const alerts = [...rules.matchAll(/- alert: (\w+)\n {8}expr: .+\n {8}for: \d+[mh]\n {8}labels:\n {10}severity: (?:critical|warning|info)\n {8}annotations:\n {10}summary: '.+'\n {10}runbook: docs\/OPERATE\.md#(\w+)\n/g)]
  assert.equal(alerts.length, rules.match(/- alert:/g).length, 'every rule has all its parts')
  const book = readFileSync(join(top, 'docs/OPERATE.md'), 'utf8').split('# Runbook')[1]
  const sections = [...book.matchAll(/^### (\w+)\n.+\n1\. /gm)].map((m) => m[1])
  assert.deepEqual(alerts.map((a) => a[1]), sections)
  for (const [, name, anchor] of alerts) assert.equal(anchor, name.toLowerCase())
})

await check('every option that OPERATE.md names exists', async () => {
  const names = new Set([...readFileSync(join(top, 'docs/OPTIONS.md'), 'utf8').matchAll(/`--([\w.-]+)`/g)].map((m) => m[1]))
  const text = readFileSync(join(top, 'docs/OPERATE.md'), 'utf8')
  const used = [...text.matchAll(/`((?:node|rpc|db|txpool|log|metrics|accounts)\.[a-z][a-z-]*)\b/g)].map((m) => m[1])
  assert.ok(used.length > 15)
  for (const n of used) assert.ok(names.has(n), n)
})

process.exit(count.summary() ? 0 : 1)
