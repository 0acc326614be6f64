// What real clients are answered, in form: each client's flow runs against metisd and against
// anvil through a small recording proxy, and for every method the replies are compared: names
// and JSON types of members, codes of errors and whether they carry data. A difference must
// stand in ALLOWED with its reason.
//   node tests/clients/shapes.mjs [--bin build/metisd] [--only ethers,viem,...] [--print]
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import { counter, freePort, options, post, rpc, sleep, startMetisd } from '../lib/metisd.mjs'
import { loadArtifacts } from './artifacts.mjs'

const opt = options({ bin: 'build/metisd', only: 'ethers,viem,web3,cast,forge,uniswap3,hardhat2,hardhat3', print: false })
const CHAIN = 133717001

// [method, where, what differs (* is either node), why]
const ALLOWED = [
  ['eth_getTransactionReceipt', 'result.blockTimestamp', 'anvil only',
    'not in execution-apis; logs have it'],
  ['eth_getTransactionReceipt', 'result.blobGasPrice', 'anvil only',
    'of blob transactions alone, as in execution-apis'],
  ...['eth_getBlockByNumber', 'eth_getBlockByHash'].map((m) =>
    [m, 'result.totalDifficulty', 'anvil only', 'went out of execution-apis']),
  ['eth_sendTransaction', 'error -32000', 'metisd only', 'of an account that is locked, as geth'],
  ['eth_sendTransaction', 'error -32602', 'anvil only', 'the same'],
  ['hardhat_dropTransaction', 'result', 'metisd boolean, anvil hex', 'as Hardhat, whose helper takes no other'],
  ['hardhat_setPrevRandao', 'error -32601', 'anvil only', 'anvil does not have it'],
  ...['totalDifficulty', 'size', 'transactions', 'uncles', 'withdrawals'].map((k) =>
    ['eth_subscription pushed', `result.${k}`, 'anvil only',
      'newHeads pushes a header, as geth does, not a block']),
  ['eth_fillTransaction', 'result.tx.blockTimestamp', 'metisd only',
    'null, as in every transaction that waits'],
  // How often a client that waits asks, and whether it asks once more after it has removed its
  // filter, is a matter of time. Hardhat's asks for the metadata to choose its polling interval,
  // when the receipt was not there at the first question.
  ...['eth_blockNumber', 'eth_getBlockByNumber', 'eth_getTransactionByHash', 'eth_getFilterChanges',
    'eth_uninstallFilter', 'hardhat_metadata'].map((m) => [m, '', 'asked of * only', 'asked while waiting']),
  ['eth_getFilterChanges', 'error -32000', '* only', 'asked after the filter was removed'],
]

// Checks of a flow that anvil does not pass: [client, check, why]
const NOT_ANVIL = [
  ...['hardhat2', 'hardhat3'].map((c) => [c, 'setPrevRandao', 'anvil does not have it']),
  ['hardhat3', 'setAutomine, dropTransaction', 'anvil answers with a hash, the helper wants true'],
]

// ---- the proxy ----

// Passes HTTP and WebSocket through to url; on(method, reply or notification) sees each.
async function proxy(url, on) {
  const asked = (body, reply) => {
    const replies = new Map([reply].flat().map((r) => [JSON.stringify(r.id), r]))
    for (const call of [body].flat()) on(call.method, replies.get(JSON.stringify(call.id)) ?? {})
  }
  const server = createServer((req, res) => {
    const parts = []
    req.on('data', (d) => parts.push(d))
    req.on('end', async () => {
      const body = Buffer.concat(parts).toString()
      const { status, text } = await post(url, body).catch((e) => ({ status: 502, text: e.message }))
      res.writeHead(status, { 'content-type': 'application/json' }).end(text)
      if (status === 200 && body) asked(JSON.parse(body), JSON.parse(text))
    })
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (client) => {
    const node = new WebSocket(url.replace('http', 'ws'))
    const calls = new Map()
    const early = []
    node.on('open', () => early.splice(0).forEach((m) => node.send(m)))
    client.on('message', (m) => {
      for (const call of [JSON.parse(m)].flat()) calls.set(JSON.stringify(call.id), call.method)
      if (node.readyState === WebSocket.OPEN) node.send(m.toString())
      else early.push(m.toString())
    })
    node.on('message', (m) => {
      for (const r of [JSON.parse(m)].flat()) {
        if (r.method) on(`${r.method} pushed`, { result: r.params.result })
        else on(calls.get(JSON.stringify(r.id)), r)
      }
      client.send(m.toString())
    })
    client.on('close', () => node.close())
    node.on('close', () => client.close())
    node.on('error', () => client.close())
  })
  const port = await new Promise((r) => server.listen(0, '127.0.0.1', () => r(server.address().port)))
  return { http: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}`,
    close: () => { server.close(); server.closeAllConnections(); sockets.close() } }
}

// ---- forms: path -> set of types ----

function note(form, path, v) {
  const type = v === null || v === undefined ? 'null' : Array.isArray(v) ? 'array'
    : typeof v !== 'string' ? typeof v : /^0x[0-9a-f]*$/i.test(v) ? 'hex' : 'text'
  if (!form.has(path)) form.set(path, new Set())
  form.get(path).add(type)
  if (type === 'array') for (const x of v) note(form, `${path}[]`, x)
  else if (type === 'object') for (const k of Object.keys(v)) note(form, `${path}.${k}`, v[k])
}

function recorder() {
  const methods = new Map()
  return { methods, on(method, reply) {
    if (!method) return
    if (!methods.has(method)) methods.set(method, new Map())
    const form = methods.get(method)
    if (reply.error) note(form, `error ${reply.error.code}`, reply.error.data === undefined ? null : 'data')
    else note(form, 'result', reply.result)
  } }
}

// [method, path, text] where two recordings differ. Types are compared where both saw a value;
// null says that something was not there yet. A member is missing only when the object that
// holds it was seen.
function differences(ours, theirs) {
  const out = []
  const parent = (path) => path.replace(/(\.[^.[\]]+|\[\])$/, '')
  const has = (form, path) => form.has(path) && [...form.get(path)].some((t) => t !== 'null')
  for (const method of new Set([...ours.keys(), ...theirs.keys()])) {
    const [a, b] = [ours.get(method), theirs.get(method)]
    if (!a || !b) {
      out.push([method, '', a ? 'asked of metisd only' : 'asked of anvil only'])
      continue
    }
    for (const path of new Set([...a.keys(), ...b.keys()])) {
      const top = !/[.[]/.test(path)
      const [x, y] = [a, b].map((f) => new Set([...(f.get(path) ?? [])].filter((t) => t !== 'null' || path.startsWith('error'))))
      if (!a.has(path) || !b.has(path)) {
        const [seen, other] = a.has(path) ? ['metisd', b] : ['anvil', a]
        if (path.endsWith('[]')) continue // an empty list on the other side
        if (top ? path !== 'result' || method.startsWith('eth_') : has(other, parent(path)))
          out.push([method, path, `${seen} only`])
      } else if (x.size && y.size && [...x].sort().join() !== [...y].sort().join()) {
        out.push([method, path, `metisd ${[...x].sort()}, anvil ${[...y].sort()}`])
      }
    }
  }
  return out
}

const allowed = ([method, path, text]) => ALLOWED.some(([m, p, t]) =>
  m === method && path === p &&
  (text === t || (t.includes('*') && ['metisd', 'anvil'].some((n) => t.replace('*', n) === text))))

// ---- the run ----

const count = counter()
const artifacts = loadArtifacts()

async function record(client, url) {
  const r = recorder()
  const p = await proxy(url, r.on)
  const { flow } = await import(`./flow-${client}.mjs`)
  const failures = []
  const check = (name, f) => Promise.resolve().then(f).catch((e) => failures.push(`${name}: ${e.stack ?? e}`))
  // Hardhat signs in one generation, and leaves it to the node in the other.
  await flow({ http: p.http, ws: p.ws, chainId: CHAIN, artifacts, check, account: 3, keys: client === 'hardhat2' })
    .catch((e) => failures.push(String(e.stack ?? e)))
  p.close()
  return { methods: r.methods, failures }
}

async function compare(client) {
  // New nodes for each, so that both begin alike.
  const node = await startMetisd(opt.bin, ['dev', '--network', 'hyperion-dev', '--rpc.port', '0'])
  const port = await freePort()
  const anvil = spawn(new URL('node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil', import.meta.url).pathname,
    ['--silent', '--port', String(port), '--chain-id', String(CHAIN)])
  const kill = () => anvil.kill('SIGKILL')
  process.on('exit', kill)
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < 500 && !(await rpc(url, 'eth_chainId').catch(() => null)); i++) await sleep(20)
  const ours = await record(client, node.networks[0].http)
  const theirs = await record(client, url)
  process.off('exit', kill)
  kill()
  await node.stop()
  await count.check(`${client}: its flow runs on both`, () => {
    const known = NOT_ANVIL.filter(([c]) => c === client).map(([, name]) => name)
    const others = theirs.failures.filter((f) => !known.some((name) => f.startsWith(`${name}:`)))
    if (ours.failures.length || others.length)
      throw new Error([...ours.failures.map((f) => `metisd: ${f}`), ...others.map((f) => `anvil: ${f}`)].join('\n'))
    if (known.length > theirs.failures.length) throw new Error(`anvil passes what NOT_ANVIL has: ${theirs.failures}`)
  })
  const found = differences(ours.methods, theirs.methods)
  for (const method of new Set([...ours.methods.keys(), ...theirs.methods.keys()])) {
    const bad = found.filter((d) => d[0] === method && !allowed(d))
    await count.check(`${client}: ${method}`, () => {
      if (bad.length) throw new Error(bad.map(([, path, text]) => `${path}: ${text}`).join('\n'))
    })
  }
  if (opt.print) for (const d of found) console.log(JSON.stringify(d))
}

// Two at a time.
const waiting = opt.only.split(',')
await Promise.all([1, 2].map(async () => {
  while (waiting.length > 0) await compare(waiting.shift())
}))
process.exit(count.summary() ? 0 : 1)
