// Mixed abuse for a long time: huge batches, readers that never read, open sockets, range
// bombs, endless calls, broken bytes, while a block comes twice a second with transactions in
// it. The head moves on, and the memory stays within the budget that the node printed at its
// start. What is sent is paced, so that an hour of it can share a machine; the limits are
// reached all the same.
//   node tests/abuse/soak.mjs [--bin build/metisd] [--minutes 60]
import { readFileSync } from 'node:fs'
import { counter, options, post, rpc, sleep, startMetisd } from '../lib/metisd.mjs'
import { body, dial, frame, head, raw, webSocket } from './wire.mjs'

const opt = options({ bin: 'build/metisd', minutes: '60' })
const minutes = Number(opt.minutes)
const STALL_MS = 30000 // without a new block
const SOCKETS = 300 // that say nothing
const count = counter()

const node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0',
  '--dev.period-ms', '500', '--node.readers', '2'])
const { http: url } = node.networks[0]
const pid = node.child.pid
const end = Date.now() + minutes * 60000
const call = (method, params = [], id = 1) => JSON.stringify({ jsonrpc: '2.0', id, method, params })
const code = { [`0x${'51'.repeat(20)}`]: { code: '0x5b600056' } } // a loop without end
const endless = [{ to: Object.keys(code)[0], gas: '0x2000000' }, 'latest', code]

const rss = () => 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
// Read at once: of the log only the end is kept.
const budget = Number(/ total=(\d+)/.exec(node.log().split('\n').find((l) => l.includes('memory budget')))[1])

// Each does one thing once; all of them run over and over until the end.
const kinds = {
  async 'batch of 1,000 blocks'() {
    const item = (_, i) => call('eth_getBlockByNumber', ['latest', true], i)
    await body(url, `[${Array.from({ length: 1000 }, item)}]`)
  },
  async 'batch beyond the limit'() { await body(url, `[${'{},'.repeat(20000)}{}]`) },
  async 'deep JSON'() { await body(url, '['.repeat(100000)) },
  async 'ten megabytes of hex'() {
    await body(url, call('eth_call', [{ data: '0x' + '00'.repeat(5 << 20) }, 'latest']))
  },
  async 'range bomb'() {
    await post(url, call('eth_getLogs', [{ fromBlock: '0x0' }]))
    await post(url, call('trace_filter', [{ fromBlock: '0x0', toBlock: 'latest' }]))
    await post(url, call('eth_feeHistory', ['0x400', 'latest', [10, 50, 90]]))
  },
  async 'endless call, then gone'() {
    const c = dial(url)
    await c.open
    const b = call('eth_call', endless)
    c.write(head(c, b.length) + b)
    await sleep(50)
    c.socket.destroy()
  },
  async 'trace of steps'() {
    const [to, block, overrides] = endless
    await post(url, call('debug_traceCall', [{ ...to, gas: '0x80000' }, block, { stateOverrides: overrides }]))
  },
  async 'reader that never reads'() {
    const c = dial(url, { read: false })
    await c.open
    const b = call('debug_traceCall', [endless[0], 'latest', { stateOverrides: code }])
    c.write(head(c, b.length) + b)
    await Promise.race([c.closed, sleep(20000)])
    c.socket.destroy()
  },
  async 'subscriber that never reads'() {
    const c = await webSocket(url)
    c.socket.pause()
    for (const kind of ['newHeads', 'logs', 'newPendingTransactions'])
      c.write(frame(call('eth_subscribe', [kind])))
    await Promise.race([c.closed, sleep(20000)])
    c.socket.destroy()
  },
  async 'sockets that say nothing'() {
    const open = Array.from({ length: SOCKETS }, () => dial(url))
    await Promise.race([Promise.all(open.map((c) => c.closed)), sleep(15000)])
    for (const c of open) c.socket.destroy()
  },
  async 'half a request, byte by byte'() {
    const c = dial(url)
    await c.open
    for (const b of 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n') {
      if (c.ended) break
      c.write(b)
      await sleep(200)
    }
    c.socket.destroy()
  },
  async 'broken bytes'() {
    await raw(url, () => Buffer.from('\x00\xff\x80GET nothing \r\n\r\n\r\n', 'latin1'))
  },
  async 'transactions'() {
    const [from, to] = await rpc(url, 'eth_accounts')
    for (let i = 0; i < 20; i++)
      await rpc(url, 'eth_sendTransaction', [{ from, to, value: '0x1', gas: '0x5208' }])
  },
}

const done = {}
async function repeat(name) {
  while (Date.now() < end) {
    await kinds[name]().catch(() => {}) // to be refused or cut off is what may happen
    done[name] = (done[name] ?? 0) + 1
    await sleep(500)
  }
}

let most = 0
let stalled = 0
let last = { number: -1, at: Date.now() }
async function watch() {
  let report = Date.now()
  while (Date.now() < end) {
    most = Math.max(most, rss())
    const number = Number(await rpc(url, 'eth_blockNumber').catch(() => last.number))
    stalled = Math.max(stalled, Date.now() - last.at) // to a second: it is asked once in one
    if (number > last.number) last = { number, at: Date.now() }
    if (Date.now() - report > 60000) {
      report = Date.now()
      console.log(`${Math.round((end - report) / 60000)} min to go: head ${number}, ` +
        `${(rss() / 1e6).toFixed(1)} MB, at most ${(most / 1e6).toFixed(1)} of ${(budget / 1e6).toFixed(0)} MB, ` +
        `longest wait for a block ${stalled} ms`)
    }
    await sleep(1000)
  }
}

await Promise.all([watch(), ...Object.keys(kinds).map(repeat)])
console.log(Object.entries(done).map(([k, n]) => `${n} times ${k}`).join('; '))
await count.check('every kind of abuse was tried', () => {
  const never = Object.keys(kinds).filter((k) => !done[k])
  if (never.length) throw new Error(never.join(', '))
})
await count.check(`the head moved on: block ${last.number}, the longest wait ${stalled} ms`, () => {
  if (stalled > STALL_MS || last.number < minutes * 60) throw new Error('it stood still')
})
await count.check(`memory: at most ${(most / 1e6).toFixed(1)} MB of ${(budget / 1e6).toFixed(0)} MB`, () => {
  if (most > budget) throw new Error('beyond the budget')
})
await count.check('a clean stop', async () => {
  const status = await node.stop()
  if (status !== 0) throw new Error(`status ${status}`)
})
process.exit(count.summary() ? 0 : 1)
