// Replicas: `metisd run --follow URL` against a loaded sequencer.
//
// Kills of either side under load, with equal heads and equal exported chains at the end; real
// and forged disagreement; other networks; rewinds; forwarded transactions; https; an upstream
// that is away; stopping while catching up.
//   node tests/replica/run.mjs [--bin build/metisd] [--kills N] [--seed N] [--only WORD]
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counter, options, post, rpc, run, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(join(here, '../clients/package.json'))
const { keccak256, createPublicClient, webSocket } = require('viem')
const { mnemonicToAccount } = require('viem/accounts')
const { Web3 } = require('web3')
const WebSocket = require('ws')

process.setMaxListeners(100) // one a node and folder
const opt = options({ bin: 'build/metisd', kills: '12', seed: '0', only: '' })
const kills = Number(opt.kills)
const seed = Number(opt.seed) || Date.now() % 1e9
const count = counter()
const NETWORK = 'andromeda-dev'
const CHAIN = 1088001
const MNEMONIC = 'test test test test test test test test test test test junk'
const TO = '0x00000000000000000000000000000000000000dd'
const hex = (n) => '0x' + n.toString(16)

let state = seed >>> 0
function random(n) { // mulberry32
  state = (state + 0x6d2b79f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) % n
}

// ---- nodes ----

const running = new Set()
async function start(args, options) {
  const node = await startMetisd(opt.bin, args, options)
  running.add(node)
  node.exited.then(() => running.delete(node))
  return Object.assign(node, { url: node.networks[0].http, ws: node.networks[0].ws })
}
const port = (url) => new URL(url).port

function sequencer(dir, { at = 0, network = NETWORK, extra = [] } = {}) {
  return start(['dev', '--network', network, '--datadir', dir, '--rpc.port', String(at), ...extra])
}
function replica(dir, url, { network = NETWORK, at = 0, extra = [], log } = {}) {
  return start(['run', '--network', network, '--datadir', dir, '--rpc.port', String(at),
    '--follow', url, '--db.sync', 'interval', '--follow.retry-max', '300ms', ...extra], log)
}
async function kill(node) {
  node.child.kill('SIGKILL')
  await node.exited
}
// Every node of a scene ends with it.
async function scene(f) {
  try {
    await f(tempDir())
  } finally {
    await Promise.all([...running].map(kill))
  }
}

async function until(what, f, timeoutMs = 20000) {
  const t0 = performance.now()
  for (let last; ;) {
    try {
      last = await f()
      if (last) return last
    } catch (e) {
      last = e
    }
    if (performance.now() - t0 > timeoutMs) throw new Error(`${what}: not in ${timeoutMs} ms (${last})`)
    await sleep(5)
  }
}
const head = (url) => rpc(url, 'eth_getBlockByNumber', ['latest', false])
async function level(a, b, timeoutMs) {
  return until('equal heads', async () => {
    const [x, y] = await Promise.all([head(a.url), head(b.url)])
    return x.hash === y.hash && x
  }, timeoutMs)
}
const errors = (node, word) => node.log().split('\n').filter((l) => l.includes(word))

async function metric(node, name) {
  const text = await (await fetch(node.url + '/metrics')).text()
  return Number(new RegExp(`^metis_${name}(?:{[^}]*})? (.*)$`, 'm').exec(text)?.[1])
}

async function ready(node) {
  return new Promise((resolve, reject) => {
    httpRequest(node.url + '/readyz', (res) => {
      let text = ''
      res.on('data', (d) => (text += d))
      res.on('end', () => resolve({ status: res.statusCode, checks: JSON.parse(text).checks }))
    }).on('error', reject).end()
  })
}

async function transfer(url, from, value = '0x1') {
  return rpc(url, 'eth_sendTransaction', [{ from, to: TO, value, gas: hex(21000) }])
}
async function mined(url, hash) {
  return until(`receipt of ${hash}`, () => rpc(url, 'eth_getTransactionReceipt', [hash]))
}

async function exported(dir, file, network = NETWORK) {
  const out = await run(opt.bin, ['export', '--network', network, '--datadir', dir, file])
  assert.equal(out.status, 0, out.stderr)
  return readFileSync(file)
}

// A server between two nodes. target(body) says where a request goes, and may wait or throw;
// change(text, body) may give another answer.
async function proxy(target, change = (text) => text, tls = null) {
  const serve = (req, res) => {
    const parts = []
    req.on('data', (d) => parts.push(d))
    req.on('end', async () => {
      const body = Buffer.concat(parts).toString()
      try {
        const { status, text } = await post(await target(body), body)
        const out = await change(text, body)
        res.writeHead(status, { 'content-type': 'application/json' })
        res.end(out)
      } catch {
        res.destroy()
      }
    })
  }
  const server = tls ? createTlsServer(tls, serve) : createServer(serve)
  await new Promise((r) => server.listen(0, '127.0.0.1', r))
  const scheme = tls ? 'https' : 'http'
  return {
    url: `${scheme}://${tls ? 'localhost' : '127.0.0.1'}:${server.address().port}`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

// ---- kills ----

async function underKills(dir) {
  const A = join(dir, 'a'), B = join(dir, 'b')
  let s = await sequencer(A)
  const at = port(s.url)
  let f = await replica(B, s.url)
  const accounts = await rpc(s.url, 'eth_accounts')
  let over = false, sent = 0
  const load = accounts.slice(0, 6).map(async (from, i) => {
    while (!over) {
      try {
        await transfer(s.url, from, hex(1 + sent))
        sent++
        if (i === 0) await sleep(1)
      } catch {
        await sleep(5) // it is down
      }
    }
  })
  let seen = { number: '0x0' }
  let killed = 0
  while (killed < kills) {
    await sleep(20 + random(250))
    const which = random(5) // both, the sequencer, the replica
    if (which < 3) {
      seen = await head(s.url)
      await kill(s)
      killed++
    }
    if (which === 0 || which >= 3) {
      await kill(f)
      killed++
    }
    await sleep(random(40))
    if (which < 3) {
      s = await until('the sequencer again', () => sequencer(A, { at }))
      const same = await rpc(s.url, 'eth_getBlockByNumber', [seen.number, false])
      assert.equal(same?.hash, seen.hash, `block ${seen.number} after a kill`)
    }
    if (which === 0 || which >= 3) f = await replica(B, s.url)
    if (random(3) === 0) // now and then it must catch up before the next kill
      await until('catching up', async () =>
        Number((await head(f.url)).number) >= Number(seen.number))
  }
  over = true
  await Promise.all(load)
  const last = await level(s, f)
  console.log(`     ${killed} kills, ${sent} transactions, ${Number(last.number)} blocks`)
  assert.ok(Number(last.number) > 0 && sent > 0)
  for (const a of accounts)
    assert.equal(await rpc(f.url, 'eth_getBalance', [a, 'latest']),
      await rpc(s.url, 'eth_getBalance', [a, 'latest']))
  assert.equal(await f.stop(), 0)
  assert.equal(await s.stop(), 0)
  const [x, y] = [await exported(A, join(dir, 'a.rlp')), await exported(B, join(dir, 'b.rlp'))]
  assert.ok(x.length > 1000 && x.equals(y), 'exported chains differ')
}

// ---- disagreement ----

// LOG1 of nothing under topic 5, then s[0] = 1; the other only s[0] = 1.
const LOGS = '0x600560006000a1600160005500'
const QUIET = '0x600160005500'

async function realDivergence(dir) {
  const s = await sequencer(join(dir, 'a'), { extra: ['--dev.no-mining'] })
  const f = await replica(join(dir, 'b'), s.url)
  const [me] = await rpc(s.url, 'eth_accounts')
  const init = '0x600d600c600039600d6000f3' + LOGS.slice(2)
  const create = await rpc(s.url, 'eth_sendTransaction', [{ from: me, data: init, gas: hex(200000) }])
  await rpc(s.url, 'evm_mine')
  const { contractAddress } = await mined(s.url, create)
  const good = await level(s, f)
  // Changed by hand: in no block, so that the replica runs other code from now on.
  await rpc(s.url, 'hardhat_setCode', [contractAddress, QUIET])
  await transfer(s.url, me)
  await transfer(s.url, me)
  const call = await rpc(s.url, 'eth_sendTransaction', [{ from: me, to: contractAddress, gas: hex(100000) }])
  await transfer(s.url, me)
  await rpc(s.url, 'evm_mine')
  const bad = await head(s.url)
  const line = await until('the error line', () => errors(f, 'HALTED')[0])
  const ours = await rpc(s.url, 'eth_getTransactionReceipt', [call])
  for (const part of [`hash=${bad.hash}`, `theirStateRoot=${bad.stateRoot}`,
    `theirReceiptsRoot=${bad.receiptsRoot}`, `firstTransaction="2 ${call}"`, 'field=gasUsed',
    `theirs="\\"${ours.gasUsed}\\""`, 'lvl=error'])
    assert.ok(line.includes(part), `${part} in\n${line}`)
  assert.notEqual(/ stateRoot=(0x\w+)/.exec(line)[1], bad.stateRoot)
  assert.equal(errors(f, 'lvl=error').length, 1, 'one error line')
  assert.equal((await head(f.url)).hash, good.hash, 'the last good head is served')
  assert.equal((await rpc(f.url, 'eth_call', [{ to: contractAddress }, 'latest'])), '0x')
  const { status, checks } = await ready(f)
  assert.equal(status, 503)
  assert.match(checks.follow.detail, /halted: block 2 /)
  const sync = await rpc(f.url, 'eth_syncing')
  assert.deepEqual([sync.currentBlock, sync.highestBlock], ['0x1', '0x2'], 'it is behind')
  assert.equal(await metric(f, 'chain_rejected_blocks_total'), 1)
  const base = join(dir, 'b', NETWORK)
  const folder = readdirSync(base).filter((n) => n.startsWith('diverged-2-'))
  assert.equal(folder.length, 1)
  const file = (name) => readFileSync(join(base, folder[0], name))
  assert.equal('0x' + file('block.rlp').toString('hex'), await rpc(s.url, 'debug_getRawBlock', ['latest']))
  assert.deepEqual(JSON.parse(file('theirs.json')).result, await rpc(s.url, 'eth_getBlockReceipts', ['latest']))
  const mine = JSON.parse(file('ours.json'))
  assert.equal(mine.length, 4)
  assert.equal(mine[2].logs.length, 1)
  assert.equal(ours.logs.length, 0)
  const report = JSON.parse(file('report.json'))
  assert.equal(report.firstDifference.transactionHash, call)
  assert.equal(report.firstDifference.transactionIndex, '0x2')
  assert.equal(report.theirs.stateRoot, bad.stateRoot)
  await rpc(s.url, 'evm_mine')
  await sleep(300)
  assert.equal((await head(f.url)).hash, good.hash, 'nothing more is imported')
  assert.equal(await f.stop(), 0)
  const again = await replica(join(dir, 'b'), s.url)
  await until('halted again', () => errors(again, 'HALTED')[0])
  assert.equal((await head(again.url)).hash, good.hash)
}

async function invalidTransaction(dir) {
  const s = await sequencer(join(dir, 'a'), { extra: ['--dev.no-mining'] })
  const [me] = await rpc(s.url, 'eth_accounts')
  await transfer(s.url, me)
  await rpc(s.url, 'evm_mine')
  const f = await replica(join(dir, 'b'), s.url)
  await level(s, f)
  await rpc(s.url, 'hardhat_setNonce', [me, '0x20']) // in no block: too high for the replica
  await transfer(s.url, me)
  await rpc(s.url, 'evm_mine')
  const line = await until('the error line', () => errors(f, 'HALTED')[0])
  assert.match(line, /nonce too high/)
  assert.equal(await metric(f, 'chain_rejected_blocks_total'), 1)
  assert.equal(await metric(f, 'follow_halted'), 1)
  const sync = await rpc(f.url, 'eth_syncing')
  assert.deepEqual([sync.currentBlock, sync.highestBlock], ['0x1', '0x2'])
}

// The state root of block `number` in an encoded block: after the hashes of parent and ommers and
// the coinbase.
function forge(raw, parent) {
  const bytes = Buffer.from(raw.slice(2), 'hex')
  const long = (at) => (bytes[at] > 0xf7 ? 1 + bytes[at] - 0xf7 : 1)
  const start = long(0) // of the header
  const fields = start + long(start)
  if (parent) Buffer.from(parent.slice(2), 'hex').copy(bytes, fields + 1)
  else bytes[fields + 33 + 33 + 21 + 1] ^= 1 // the first byte of the state root
  const size = bytes[start] > 0xf7
    ? long(start) + parseInt(bytes.subarray(start + 1, fields).toString('hex'), 16)
    : 1 + bytes[start] - 0xc0
  const hash = keccak256(bytes.subarray(start, start + size))
  return { raw: '0x' + bytes.toString('hex'), hash }
}

async function forgedRoot(dir) {
  const s = await sequencer(join(dir, 'a'))
  const [me] = await rpc(s.url, 'eth_accounts')
  for (let i = 0; i < 12; i++) await mined(s.url, await transfer(s.url, me))
  const WRONG = 8
  const p = await proxy(() => s.url, (text, body) => {
    if (!body.includes('metis_getBlocks')) return text
    const reply = JSON.parse(text)
    let number = Number(reply.result.base?.number ?? 0)
    let parent = null // of a block after the forged one: the whole chain is hashed anew
    reply.result.blocks = reply.result.blocks.map((raw) => {
      if (++number < WRONG) return raw
      const forged = forge(raw, parent)
      parent = forged.hash
      return forged.raw
    })
    return JSON.stringify(reply)
  })
  const f = await replica(join(dir, 'b'), p.url)
  const line = await until('the error line', () => errors(f, 'HALTED')[0])
  const real = await rpc(s.url, 'eth_getBlockByNumber', [hex(WRONG), false])
  const flipped = '0x' + (parseInt(real.stateRoot.slice(2, 4), 16) ^ 1).toString(16).padStart(2, '0') +
    real.stateRoot.slice(4)
  assert.ok(line.includes(` stateRoot=${real.stateRoot}`), line)
  assert.ok(line.includes(`theirStateRoot=${flipped}`), line)
  assert.ok(line.includes('firstTransaction="no receipt differs"'), line)
  assert.equal(Number((await head(f.url)).number), WRONG - 1)
  assert.equal((await ready(f)).status, 503)
  p.close()
}

async function brokenAnswers(dir) {
  const s = await sequencer(join(dir, 'a'))
  const [me] = await rpc(s.url, 'eth_accounts')
  for (let i = 0; i < 5; i++) await mined(s.url, await transfer(s.url, me))
  let turn = 0
  const p = await proxy(() => s.url, (text, body) => { // every second answer is broken in a way
    if (!body.includes('metis_getBlocks') || ++turn % 2 === 0) return text
    const reply = JSON.parse(text)
    const broken = [
      () => text.slice(0, text.length / 2),
      () => '<html>not found</html>',
      () => '{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"slow down"}}',
      () => { reply.result.blocks = reply.result.blocks.slice(1); return JSON.stringify(reply) },
      () => { reply.result.blocks = ['0x' + 'ff'.repeat(100)]; return JSON.stringify(reply) },
      () => { reply.result.head = 'high'; return JSON.stringify(reply) },
      () => '',
    ]
    return broken[((turn - 1) / 2) % broken.length]()
  })
  const f = await replica(join(dir, 'b'), p.url, { extra: ['--follow.batch', '1'] })
  for (let i = 0; i < 10; i++) await mined(s.url, await transfer(s.url, me))
  await level(s, f)
  assert.equal(errors(f, 'lvl=error').length, 0)
  p.close()
}

// ---- other networks ----

async function strangers(dir) {
  const s = await sequencer(join(dir, 'a'))
  const file = join(dir, 'other.json')
  const genesis = JSON.parse(readFileSync(join(here, `../../conf/${NETWORK}.json`)))
  genesis.extraData = '0x01'
  writeFileSync(file, JSON.stringify(genesis))
  for (const [network, word] of [['hyperion-dev', /chain id is 1088001, this network's is 133717001/],
    [file, /genesis is 0x\w{64}, this network's is 0x\w{64}/]]) {
    const out = await run(opt.bin, ['run', '--network', network, '--datadir', join(dir, 'b'),
      '--rpc.port', '0', '--follow', s.url, '--log.level', 'warn'])
    assert.equal(out.status, 1)
    const lines = out.stderr.trim().split('\n')
    assert.equal(lines.length, 1, out.stderr)
    assert.match(lines[0], /^metisd: follow\.url: http:.* is another network: /)
    assert.match(lines[0], word)
  }
  for (const [args, word] of [
    [['run', '--follow', 'ftp://x/'], /follow\.url: not an http or https URL/],
    [['run', '--follow', s.url, '--sequencer'], /follow\.url: andromeda-dev builds blocks itself/],
  ]) {
    const out = await run(opt.bin, [...args, '--network', NETWORK, '--datadir', join(dir, 'c'),
      '--rpc.port', '0'])
    assert.equal(out.status, 1, out.stderr)
    assert.match(out.stderr, word)
  }
}

// ---- chains that go back ----

async function rewinds(dir) {
  const s = await sequencer(join(dir, 'a'))
  const f = await replica(join(dir, 'b'), s.url)
  const [me, you] = await rpc(s.url, 'eth_accounts')
  for (let i = 0; i < 5; i++) await mined(s.url, await transfer(s.url, me))
  await level(s, f)
  const client = createPublicClient({ transport: webSocket(f.ws) })
  const heads = []
  await client.transport.subscribe({ params: ['newHeads'], onData: (d) => heads.push(d.result.hash) })
  const snapshot = await rpc(s.url, 'evm_snapshot')
  const lost = []
  for (let i = 0; i < 3; i++) lost.push(await transfer(s.url, you))
  for (const h of lost) await mined(f.url, h)
  await rpc(s.url, 'evm_revert', [snapshot])
  const back = await level(s, f) // shorter than before
  assert.equal(Number(back.number), 5)
  for (const h of lost) assert.equal(await rpc(f.url, 'eth_getTransactionReceipt', [h]), null)
  await rpc(s.url, 'evm_snapshot')
  const kept = await transfer(s.url, me, '0x7')
  await mined(f.url, kept)
  const end = await level(s, f)
  assert.equal(await rpc(f.url, 'eth_getBalance', [TO, 'latest']), hex(5 + 7))
  await until('the head on the subscription', () => heads.includes(end.hash))
  assert.equal(errors(f, 'lvl=error').length, 0)
  // A branch of another length, while the replica is away.
  const second = await rpc(s.url, 'evm_snapshot')
  for (let i = 0; i < 3; i++) await mined(s.url, await transfer(s.url, you))
  await level(s, f)
  await kill(f)
  await rpc(s.url, 'evm_revert', [second])
  for (let i = 0; i < 20; i++) await mined(s.url, await transfer(s.url, me, '0x9'))
  const g = await replica(join(dir, 'b'), s.url)
  await level(s, g)
  client.transport.getRpcClient?.().then((c) => c.close()).catch(() => {})
}

async function tooFarBack(dir) {
  const s = await sequencer(join(dir, 'a'))
  const f = await replica(join(dir, 'b'), s.url, { extra: ['--db.history', '4'] })
  const [me, you] = await rpc(s.url, 'eth_accounts')
  await mined(s.url, await transfer(s.url, me))
  const snapshot = await rpc(s.url, 'evm_snapshot')
  for (let i = 0; i < 10; i++) await mined(s.url, await transfer(s.url, me))
  const before = await level(s, f)
  await rpc(s.url, 'evm_revert', [snapshot])
  await mined(s.url, await transfer(s.url, you))
  const line = await until('the error line', () => errors(f, 'HALTED')[0])
  const base = join(dir, 'b', NETWORK)
  assert.ok(line.includes(`mv ${base} ${base}.old`), line)
  assert.equal((await head(f.url)).hash, before.hash)
  assert.equal((await ready(f)).status, 503)
  await f.stop()
  execFileSync('mv', [base, base + '.old']) // as told
  await level(s, await replica(join(dir, 'b'), s.url))
}

// ---- transactions ----

async function forwarding(dir) {
  const at = { extra: ['--txpool.price-limit', '1000'] }
  let s = await sequencer(join(dir, 'a'), at)
  const f = await replica(join(dir, 'b'), s.url)
  const me = mnemonicToAccount(MNEMONIC, { addressIndex: 3 })
  let nonce = 0
  const sign = (over = {}) => me.signTransaction({ chainId: CHAIN, type: 'eip1559', nonce: nonce++, to: TO,
    value: 1n, gas: 21000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, ...over })
  const raw = await sign()
  const hash = await rpc(f.url, 'eth_sendRawTransaction', [raw])
  assert.equal(hash, keccak256(raw))
  assert.equal((await mined(f.url, hash)).status, '0x1')
  assert.equal((await rpc(s.url, 'eth_getTransactionReceipt', [hash])).status, '0x1')

  // Refused by the replica's own rules.
  await assert.rejects(rpc(f.url, 'eth_sendRawTransaction', [raw]), /nonce too low/)
  await assert.rejects(rpc(f.url, 'eth_sendRawTransaction', ['0x01']), /rlp/)
  nonce = 1
  await assert.rejects(sign({ value: 10n ** 30n }).then((r) => rpc(f.url, 'eth_sendRawTransaction', [r])),
    /insufficient funds/)
  // Refused by the followed node: its word, and gone from this pool too.
  nonce = 1
  const cheap = await sign({ maxPriorityFeePerGas: 10n })
  const e = await rpc(s.url, 'eth_sendRawTransaction', [cheap]).then(() => null, (x) => x)
  assert.match(e.message, /underpriced/)
  await assert.rejects(rpc(f.url, 'eth_sendRawTransaction', [cheap]), (x) => x.message === e.message && x.code === e.code)
  assert.deepEqual(await rpc(f.url, 'txpool_status'), { pending: '0x0', queued: '0x0' })
  assert.match(JSON.stringify(await rpc(f.url, 'metis_poolWhy', [keccak256(cheap)])), /refused by the followed node/)

  // Many at once, over one replica.
  nonce = 1
  const many = []
  for (let i = 0; i < 300; i++) many.push(await sign())
  const hashes = await Promise.all(many.map((r) => rpc(f.url, 'eth_sendRawTransaction', [r])))
  for (const h of hashes) assert.equal((await mined(f.url, h)).status, '0x1')
  await level(s, f)
  await until('an empty pool', async () =>
    (await rpc(f.url, 'txpool_status')).pending === '0x0')

  // The followed node is away: an error, and nothing stays behind.
  const where = port(s.url)
  await kill(s)
  const orphan = await sign()
  await assert.rejects(rpc(f.url, 'eth_sendRawTransaction', [orphan]), /followed node did not answer/)
  assert.deepEqual(await rpc(f.url, 'txpool_status'), { pending: '0x0', queued: '0x0' })
  s = await until('the sequencer again', () => sequencer(join(dir, 'a'), { at: where, ...at }))
  assert.equal((await mined(f.url, await rpc(f.url, 'eth_sendRawTransaction', [orphan]))).status, '0x1')
}

// Accepted over a replica, then the followed node dies before it made a block.
async function resent(dir) {
  const at = { extra: ['--dev.no-mining'] }
  let s = await sequencer(join(dir, 'a'), at)
  const f = await replica(join(dir, 'b'), s.url)
  const me = mnemonicToAccount(MNEMONIC, { addressIndex: 4 })
  const hashes = []
  for (let nonce = 0; nonce < 5; nonce++)
    hashes.push(await rpc(f.url, 'eth_sendRawTransaction', [await me.signTransaction({ chainId: CHAIN,
      type: 'eip1559', nonce, to: TO, value: 1n, gas: 21000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n })]))
  assert.equal((await rpc(s.url, 'txpool_status')).pending, '0x5')
  const where = port(s.url)
  await kill(s)
  s = await until('the sequencer again', () => sequencer(join(dir, 'a'), { at: where, ...at }))
  await until('its pool', async () => (await rpc(s.url, 'txpool_status')).pending === '0x5')
  await rpc(s.url, 'evm_mine')
  for (const h of hashes) assert.equal((await mined(f.url, h)).status, '0x1')
}

// The link comes up while a transaction is under way: it is not sent a second time, which could
// overtake the first and leave its sender with "nonce too low".
async function sentOnce(dir) {
  const s = await sequencer(join(dir, 'a'))
  const sign = (addressIndex) => mnemonicToAccount(MNEMONIC, { addressIndex }).signTransaction({ chainId: CHAIN,
    type: 'eip1559', nonce: 0, to: TO, value: 1n, gas: 21000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n })
  const [raw, later] = [await sign(4), await sign(5)]
  let broken = false, sends = 0, release
  const held = new Promise((r) => (release = r))
  const p = await proxy(async (body) => {
    if (body.includes(raw) && ++sends === 1) await held
    if (broken && body.includes('metis_getBlocks')) throw new Error('away')
    return s.url
  })
  const f = await replica(join(dir, 'b'), p.url)
  broken = true
  await until('the link down', () => errors(f, 'cannot be used')[0])
  const sent = rpc(f.url, 'eth_sendRawTransaction', [raw])
  sent.catch(() => {}) // looked at below
  await until('it under way', () => sends === 1)
  const ups = () => errors(f, 'msg="following"').length
  const before = ups()
  broken = false
  await until('the link up', () => ups() > before)
  await rpc(f.url, 'eth_sendRawTransaction', [later]) // goes after what was sent when the link came up
  assert.equal((await rpc(f.url, 'eth_getTransactionByHash', [keccak256(raw)])).blockHash, null)
  assert.equal(sends, 1)
  release()
  assert.equal((await mined(f.url, await sent)).status, '0x1')
  assert.equal(sends, 1)
  p.close()
}

// Blob transactions have their sidecars with them, which blocks have not. A blob of zeros: its
// commitment and its proof are the point at infinity.
async function resentBlobs(dir) {
  const me = mnemonicToAccount(MNEMONIC, { addressIndex: 4 })
  const network = join(dir, 'blobs.json')
  const genesis = JSON.parse(readFileSync(join(here, `../../conf/${NETWORK}.json`)))
  Object.assign(genesis.config.metis, { name: 'blobs', blobTransactions: true })
  for (const later of ['pragueTime', 'osakaTime']) delete genesis.config[later]
  writeFileSync(network, JSON.stringify(genesis))
  const at = { network, extra: ['--dev.no-mining'] }
  let s = await sequencer(join(dir, 'a'), at)
  const f = await replica(join(dir, 'b'), s.url, { network, extra: ['--follow.timeout', '2m'] }) // the trusted set-up takes seconds
  const infinity = '0xc0' + '00'.repeat(47)
  const sidecars = (n) => Array(n).fill({ blob: '0x' + '00'.repeat(131072), commitment: infinity, proof: infinity })
  const versioned = '0x01' + createHash('sha256').update(Buffer.from(infinity.slice(2), 'hex')).digest('hex').slice(2)
  const hashes = []
  for (const [nonce, n] of [1, 3, 0].entries()) { // one blob, three, and a plain one behind them
    const tx = { chainId: CHAIN, nonce, to: TO, gas: 21000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n }
    hashes.push(await rpc(f.url, 'eth_sendRawTransaction', [await me.signTransaction(n === 0 ? { ...tx, type: 'eip1559' }
      : { ...tx, type: 'eip4844', maxFeePerBlobGas: 10n ** 9n, blobVersionedHashes: Array(n).fill(versioned), sidecars: sidecars(n) })], { timeoutMs: 120000 }))
  }
  assert.equal((await rpc(s.url, 'txpool_status')).pending, '0x3')
  const where = port(s.url)
  await kill(s)
  s = await until('the sequencer again', () => sequencer(join(dir, 'a'), { ...at, at: where }))
  await until('its pool', async () => (await rpc(s.url, 'txpool_status')).pending === '0x3', 90000)
  await rpc(s.url, 'evm_mine')
  for (const [i, h] of hashes.entries()) {
    const r = await mined(f.url, h)
    assert.equal(r.status, '0x1')
    assert.equal(Number(r.blobGasUsed ?? 0), [1, 3, 0][i] * 131072)
  }
  await level(s, f)
}

// The receipt in one call over a replica, whatever comes first there: the block or the word of the
// followed node; and when the earlier nonce is only there.
async function receiptInOneCall(dir) {
  const s = await sequencer(join(dir, 'a'))
  let f = null
  const p = await proxy(() => s.url, async (text, body) => {
    if (f !== null && body.includes('eth_sendRawTransaction') && JSON.parse(text)[0]?.result)
      await level(s, f) // the block is there before this answer
    return text
  })
  f = await replica(join(dir, 'b'), p.url)
  const me = mnemonicToAccount(MNEMONIC, { addressIndex: 5 })
  const sign = (nonce) => me.signTransaction({ chainId: CHAIN, type: 'eip1559', nonce, to: TO, value: 1n, gas: 21000n,
    maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n })
  for (let nonce = 0; nonce < 20; nonce++) {
    const raw = await sign(nonce)
    const r = await rpc(f.url, 'eth_sendRawTransactionSync', [raw, 30000])
    assert.equal(r.transactionHash, keccak256(raw))
    assert.equal(r.status, '0x1')
  }
  // A nonce that is missing here and there: said at the end of the time.
  const gap = await sign(25)
  const e = await rpc(f.url, 'eth_sendRawTransactionSync', [gap, 300]).then(() => null, (x) => x)
  assert.equal(e.code, 5)
  assert.equal(e.data, keccak256(gap))
  // Missing here only.
  await rpc(s.url, 'evm_setAutomine', [false])
  await rpc(s.url, 'eth_sendRawTransaction', [await sign(20)])
  const raw = await sign(21)
  const waits = rpc(f.url, 'eth_sendRawTransactionSync', [raw, 60000])
  await until('both there', async () => (await rpc(s.url, 'txpool_status')).pending === '0x2')
  await rpc(s.url, 'evm_mine')
  assert.equal((await waits).transactionHash, keccak256(raw))
  p.close()
}

// A block that takes long: 200 times a transaction that runs until its gas is used.
async function stopInABlock(dir) {
  const s = await sequencer(join(dir, 'a'), { extra: ['--dev.no-mining'] })
  const accounts = await rpc(s.url, 'eth_accounts')
  await rpc(s.url, 'hardhat_setCode', [TO, '0x'])
  const init = '0x' + '5b600056' // the constructor never ends
  for (let i = 0; i < 80; i++)
    await rpc(s.url, 'eth_sendTransaction', [{ from: accounts[i % 10], data: init, gas: hex(16000000) }])
  await rpc(s.url, 'evm_mine')
  const f = await replica(join(dir, 'b'), s.url)
  await until('the block on its way', async () => {
    const text = await (await fetch(f.url + '/metrics')).text()
    return Number(/^metis_follow_upstream_head{[^}]*} (.*)$/m.exec(text)?.[1]) === 1
  })
  const t0 = performance.now()
  assert.equal(await f.stop(), 0)
  console.log(`     stopped in ${Math.round(performance.now() - t0)} ms`)
  const g = await replica(join(dir, 'b'), s.url)
  await level(s, g, 60000)
}

// ---- the rest of a replica's life ----

async function overTls(dir) {
  const key = join(dir, 'key.pem'), cert = join(dir, 'cert.pem')
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
    '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' })
  const s = await sequencer(join(dir, 'a'))
  const p = await proxy(() => s.url, undefined, { key: readFileSync(key), cert: readFileSync(cert) })
  const [me] = await rpc(s.url, 'eth_accounts')
  await mined(s.url, await transfer(s.url, me))
  const f = await replica(join(dir, 'b'), p.url, { extra: ['--follow.ca-file', cert] })
  await level(s, f)
  await mined(f.url, await transfer(s.url, me))
  // A certificate that nobody vouches for.
  const g = await replica(join(dir, 'c'), p.url)
  const line = await until('the refusal', () => errors(g, 'cannot be used')[0])
  assert.match(line, /certificate/)
  assert.equal(Number((await head(g.url)).number), 0)
  p.close()
}

async function away(dir) {
  const first = await sequencer(join(dir, 'a'))
  const at = port(first.url)
  const [me] = await rpc(first.url, 'eth_accounts')
  for (let i = 0; i < 3; i++) await mined(first.url, await transfer(first.url, me))
  await kill(first)
  const f = await replica(join(dir, 'b'), first.url.replace('//', '//user:secret@'))
  await sleep(1000)
  assert.equal(errors(f, 'cannot be used').length, 1, 'said once')
  assert.ok(!f.log().includes('secret'))
  assert.equal(Number((await head(f.url)).number), 0)
  assert.equal(await rpc(f.url, 'eth_syncing'), false)
  const s = await until('the sequencer', () => sequencer(join(dir, 'a'), { at }))
  await level(s, f)
  assert.equal((await ready(f)).status, 200)
  const follow = (name) => metric(f, `follow_${name}`)
  assert.equal(await follow('upstream_head'), 3)
  assert.equal(await follow('lag_blocks'), 0)
  assert.equal(await follow('connected'), 1)
  assert.equal(await follow('halted'), 0)
  assert.equal(await follow('blocks_total'), 3)
  assert.ok(await follow('failures_total') >= 2)
  // what the alert rules watch is there before anything happens
  for (const name of ['chain_rejected_blocks_total', 'chain_reorgs_total',
    'sequencer_failures_total', 'net_auth_failures_total', 'log_dropped_total'])
    assert.equal(await metric(f, name), 0, name)
}

async function catchingUp(dir) {
  const s = await sequencer(join(dir, 'a'))
  const BLOCKS = 600
  await rpc(s.url, 'hardhat_mine', [hex(BLOCKS)])
  const p = await proxy(() => s.url, async (text, body) => {
    if (body.includes('metis_getBlocks')) await sleep(30)
    return text
  })
  const b = join(dir, 'b')
  const extra = ['--follow.batch', '20']
  // Stopped in the middle, twice; then to the end, with its progress looked at.
  for (let i = 0; i < 2; i++) {
    const f = await replica(b, p.url, { extra })
    await sleep(60 + random(200))
    assert.equal(await f.stop(), 0)
  }
  const f = await replica(b, p.url, { extra })
  const socket = new WebSocket(f.ws)
  const turns = []
  socket.on('message', (m) => {
    const { method, params } = JSON.parse(m)
    if (method === 'eth_subscription') turns.push(params.result === false ? false : params.result.syncing)
  })
  socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['syncing'] })))
  const progress = await until('progress', async () => {
    const p = await rpc(f.url, 'eth_syncing')
    return p !== false && Number(p.currentBlock) > Number(p.startingBlock) && p
  })
  assert.equal(Number(progress.highestBlock), BLOCKS)
  assert.ok(Number(progress.currentBlock) <= BLOCKS)
  await level(s, f)
  await until('the end of catching up', async () => (await rpc(f.url, 'eth_syncing')) === false)
  await until('the subscription', () => turns.at(-1) === false)
  socket.close()
  // A replica of the replica, which does not go back with it when that one begins anew.
  const g = await replica(join(dir, 'c'), f.url)
  await level(s, g)
  const at = port(f.url)
  assert.equal(await f.stop(), 0)
  await replica(join(dir, 'd'), p.url, { extra, at })
  await mined(g.url, await transfer(s.url, (await rpc(s.url, 'eth_accounts'))[0]))
  assert.equal(errors(g, 'went back').length, 0)
  p.close()
}

// Lines of the log while it catches up: not more often than every two seconds.
async function progressLines(dir) {
  const s = await sequencer(join(dir, 'a'))
  const BLOCKS = 2000
  await rpc(s.url, 'hardhat_mine', [hex(BLOCKS)])
  let slow = true
  const p = await proxy(() => s.url, async (text, body) => {
    if (slow && body.includes('metis_getBlocks')) await sleep(100)
    return text
  })
  const f = await replica(join(dir, 'b'), p.url, { extra: ['--follow.batch', '5'] })
  const lines = (word) => errors(f, `msg="${word}"`).map((l) => Object.fromEntries(
    [...l.matchAll(/(\w+)=("[^"]*"|\S+)/g)].map((m) => [m[1], m[2]])))
  await until('two lines', () => lines('catching up').length >= 2)
  slow = false
  await level(s, f)
  await until('the last line', () => lines('caught up').length > 0)
  const told = lines('catching up')
  let last = 0
  for (const [i, l] of told.entries()) {
    assert.equal(Number(l.target), BLOCKS)
    assert.ok(Number(l.head) > last && Number(l.head) <= BLOCKS)
    last = Number(l.head)
    assert.ok(Number(l.blocks_per_s) > 0)
    assert.equal(l.eta, `${Math.floor((BLOCKS - l.head) / l.blocks_per_s)}s`)
    if (i > 0) assert.ok(Date.parse(l.t) - Date.parse(told[i - 1].t) >= 1990)
  }
  const [end] = lines('caught up')
  assert.equal(Number(end.head), BLOCKS)
  assert.ok(Number(end.blocks) > 0 && Number(end.blocks) <= BLOCKS && Number(end.seconds) >= 4)
  p.close()
}

// A replica at the head falls behind while nothing gets through to it, and catches up.
async function fallsBehind(dir) {
  const s = await sequencer(join(dir, 'a'))
  let open = Promise.resolve(), release = () => {}
  const p = await proxy(() => s.url, async (text, body) => {
    if (!body.includes('metis_getBlocks')) return text
    await open
    await sleep(20)
    return text
  })
  const f = await replica(join(dir, 'b'), p.url, { extra: ['--follow.batch', '20', '--follow.wait', '100ms'] })
  const BEFORE = 5, BLOCKS = 400
  await rpc(s.url, 'hardhat_mine', [hex(BEFORE)])
  await level(s, f)
  await until('no catching up', async () => (await rpc(f.url, 'eth_syncing')) === false)

  // Raw, through viem and through web3.js: each hears at once that nothing is to be caught up.
  const raw = [], viaViem = [], changed = [], data = []
  const subscribe = async (out) => {
    const socket = new WebSocket(f.ws)
    const got = []
    socket.on('message', (m) => {
      const { id, result, params } = JSON.parse(m)
      got.push(id === 1 ? { id: result } : params.subscription)
      if (id !== 1) out.push(params.result)
    })
    socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['syncing'] })))
    await until('the first word', () => out.length > 0)
    assert.equal(got[0].id, got[1], 'the reply comes before what is pushed')
    return socket
  }
  const socket = await subscribe(raw)
  const client = createPublicClient({ transport: webSocket(f.ws) })
  const { unsubscribe } = await client.transport.subscribe({ params: ['syncing'], onData: (d) => viaViem.push(d.result), onError: (e) => viaViem.push(e) })
  const web3 = new Web3(f.ws)
  const sub = await web3.eth.subscribe('syncing')
  sub.on('changed', (v) => changed.push(v))
  sub.on('data', (v) => data.push(v))
  await until('the first words', () => viaViem.length > 0 && changed.length > 0)
  for (const first of [raw[0], viaViem[0], changed[0]]) assert.equal(first, false)

  open = new Promise((r) => (release = r))
  await rpc(s.url, 'hardhat_mine', [hex(BLOCKS)])
  release()
  const turn = await until('the turn', () => raw[1])
  assert.deepEqual(Object.keys(turn).sort(), ['status', 'syncing'])
  assert.equal(turn.syncing, true)
  for (const key of ['startingBlock', 'currentBlock', 'highestBlock']) assert.match(turn.status[key], /^0x[0-9a-f]+$/)
  assert.ok(Number(turn.status.startingBlock) >= BEFORE)
  assert.equal(Number(turn.status.highestBlock), BEFORE + BLOCKS)
  const asked = await rpc(f.url, 'eth_syncing')
  if (asked !== false) { // it may be over by now
    assert.equal(asked.startingBlock, turn.status.startingBlock)
    assert.ok(Number(asked.currentBlock) >= Number(turn.status.currentBlock))
    const late = [] // who comes in the middle hears how far it is
    const other = await subscribe(late)
    assert.ok(late[0] === false || late[0].syncing === true)
    other.close()
  }
  await level(s, f)
  await until('the end', () => raw.at(-1) === false && viaViem.at(-1) === false && changed.at(-1) === false)
  assert.equal(await rpc(f.url, 'eth_syncing'), false)
  assert.deepEqual(raw.map((x) => x === false ? false : x.syncing), [false, true, false])
  assert.deepEqual(viaViem, raw)
  assert.deepEqual(changed, [false, true, false])
  assert.equal(Number(data[0].highestBlock), BEFORE + BLOCKS)
  await unsubscribe()
  socket.close()
  web3.provider.disconnect()
  p.close()
}

async function lag(dir) {
  const s = await sequencer(join(dir, 'a'))
  const f = await replica(join(dir, 'b'), s.url)
  const [me] = await rpc(s.url, 'eth_accounts')
  const seen = [new Map(), new Map()]
  const sockets = await Promise.all([s, f].map((node, i) => new Promise((resolve) => {
    const socket = new WebSocket(node.ws)
    socket.on('message', (m) => {
      const at = performance.now()
      const { id, params } = JSON.parse(m)
      if (id === 1) resolve(socket)
      else seen[i].set(params.result.hash, at)
    })
    socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] })))
  })))
  for (let i = 0; i < 200; i++) await mined(s.url, await transfer(s.url, me))
  await until('all heads', () => seen[1].size === 200)
  const lags = [...seen[0]].map(([hash, at]) => seen[1].get(hash) - at).sort((a, b) => a - b)
  assert.ok(lags.every((ms) => Number.isFinite(ms)))
  console.log(`     newHeads after the sequencer's: p50 ${lags[100].toFixed(1)}, p99 ${lags[198].toFixed(1)} ms`)
  for (const socket of sockets) socket.close()
}

async function tags(dir) {
  const s0 = await sequencer(join(dir, 'a'))
  const [me] = await rpc(s0.url, 'eth_accounts')
  for (let i = 0; i < 6; i++) await mined(s0.url, await transfer(s0.url, me))
  assert.equal(await s0.stop(), 0)
  await exported(join(dir, 'a'), join(dir, 'a.rlp'))
  const out = await run(opt.bin, ['import', '--network', NETWORK, '--datadir', join(dir, 'i'), join(dir, 'a.rlp')])
  assert.equal(out.status, 0, out.stderr)
  const s = await sequencer(join(dir, 'i'))
  await mined(s.url, await transfer(s.url, me))
  const f = await replica(join(dir, 'b'), s.url)
  await level(s, f)
  for (const tag of ['safe', 'finalized']) {
    const theirs = await rpc(s.url, 'eth_getBlockByNumber', [tag, false])
    assert.equal(Number(theirs.number), 6)
    await until(tag, async () => (await rpc(f.url, 'eth_getBlockByNumber', [tag, false])).hash === theirs.hash)
  }
}


const scenes = [
  ['a loaded sequencer is followed through kill -9 of either side', underKills, 600000],
  ['a block that runs differently here halts with the first transaction', realDivergence],
  ['a transaction that is invalid here halts, is counted and shows as behind', invalidTransaction],
  ['a forged state root halts at its block', forgedRoot],
  ['broken answers are tried again', brokenAnswers],
  ['another network is one line and status 1', strangers],
  ['the followed chain goes back', rewinds],
  ['further back than the states kept halts with what to run', tooFarBack],
  ['transactions are forwarded', forwarding],
  ['transactions that the followed node lost are sent again', resent],
  ['a transaction that is under way is not sent again', sentOnce],
  ['blob transactions are sent again with their sidecars', resentBlobs, 240000],
  ['the receipt in one call', receiptInOneCall],
  ['a stop in the middle of a block', stopInABlock],
  ['the next head comes soon', lag],
  ['https', overTls],
  ['the followed node is away and comes', away],
  ['catching up is reported, stopped and gone on with', catchingUp],
  ['catching up is told in the log, with its end in sight', progressLines],
  ['falling behind and catching up is told to subscribers', fallsBehind],
  ['safe and finalized are the followed node\'s', tags],
]
console.log(`seed ${seed}`)
for (const [name, f, timeoutMs] of scenes)
  if (name.includes(opt.only)) await count.check(name, () => scene(f), timeoutMs)
process.exit(count.summary() ? 0 : 1)
