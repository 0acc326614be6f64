// kill -9 of the daemon under load, over and over on one database.
//
// Each round starts metisd, sends transactions from every dev account, keeps asking for the
// head and some state at it, and kills the process at a random moment (some rounds while it
// starts). The next start must serve every head that was served before, with the same hash,
// state and receipts, and a state that agrees with the blocks: nonces with the number of
// transactions, a counter in storage with the number of logs found through the index. At the
// end all blocks are exported and executed anew in an empty database, which recomputes every
// root.
//   node tests/crash/run.mjs [--bin build/metisd] [--rounds N] [--seed N]
import { spawn } from 'node:child_process'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { counter, options, rpc, run, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'

const opt = options({ bin: 'build/metisd', rounds: '60', seed: '0' })
const rounds = Number(opt.rounds)
const seed = Number(opt.seed) || Date.now() % 1e9
const count = counter({ quiet: true })
const dir = tempDir()
const network = ['--network', 'andromeda-dev']
const agent = new Agent({ keepAlive: true })
const ask = (url, method, params) => rpc(url, method, params, { agent, timeoutMs: 10000 })
const hex = (n) => '0x' + n.toString(16)

let state = seed >>> 0
function random(n) { // mulberry32
  state = (state + 0x6d2b79f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) % n
}

// Each call: n = ++slot[0]; slot[n + 4080] = 0; log with topic n; slot[n + 4096] = block number.
const runtime = '6000546001018060005580610ff001600090558060006000a16110000143905500'
const initcode = '0x6021600c60003960216000f3' + runtime

function equal(got, want, what) {
  if (got !== want) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
}

// ---- what was served and must stay ----

let contract = null
const views = [] // { number, hash, address, balance, counter }
const receipts = [] // { tx, block }
const nonces = new Map() // sender -> transactions in blocks 0..counted
let counted = 0

async function look(url, accounts) {
  const head = await ask(url, 'eth_getBlockByNumber', ['latest', false])
  const address = accounts[random(accounts.length)]
  const [balance, slot] = await Promise.all([
    ask(url, 'eth_getBalance', [address, head.number]),
    ask(url, 'eth_getStorageAt', [contract, '0x0', head.number]),
  ])
  views.push({ number: Number(head.number), hash: head.hash, address, balance, counter: slot })
}

async function send(url, accounts, from) {
  const call = random(2) === 0
  const tx = call
    ? { from, to: contract, gas: hex(200000) }
    : { from, to: accounts[random(accounts.length)], value: hex(1 + random(1e9)), gas: hex(21000) }
  const hash = await ask(url, 'eth_sendTransaction', [tx])
  if (random(4) !== 0) return
  const receipt = await ask(url, 'eth_getTransactionReceipt', [hash])
  if (receipt) receipts.push({ tx: hash, block: receipt.blockHash })
}

async function deploy(url, accounts) {
  const hash = await ask(url, 'eth_sendTransaction', [{ from: accounts[0], data: initcode, gas: hex(300000) }])
  for (let i = 0; i < 200; i++) {
    const receipt = await ask(url, 'eth_getTransactionReceipt', [hash])
    if (receipt) {
      equal(receipt.status, '0x1', 'deployment')
      contract = receipt.contractAddress
      return
    }
    await sleep(10)
  }
  throw new Error('the contract was not deployed')
}

// Works until the process dies; what fails because of that is no failure.
async function load(node, url, accounts, forMs) {
  let dead = false
  const loop = async (f) => {
    while (!dead) {
      try { await f() } catch (e) { if (dead) return; throw e }
    }
  }
  const work = accounts.map((from) => loop(() => send(url, accounts, from)))
  work.push(loop(() => look(url, accounts)))
  const all = Promise.all(work)
  await Promise.race([sleep(forMs), all])
  dead = true
  node.child.kill('SIGKILL')
  await node.exited
  await all
}

// ---- after a start ----

async function checkViews(url) {
  const head = Number(await ask(url, 'eth_blockNumber', []))
  const highest = views.reduce((a, v) => Math.max(a, v.number), 0)
  if (head < highest) throw new Error(`head ${head} after a restart, but ${highest} was served`)
  const some = views.slice(-12)
  for (let i = 0; i < 12 && views.length > 0; i++) some.push(views[random(views.length)])
  for (const v of some) {
    const block = await ask(url, 'eth_getBlockByNumber', [hex(v.number), false])
    equal(block.hash, v.hash, `hash of block ${v.number}`)
    equal(await ask(url, 'eth_getBalance', [v.address, hex(v.number)]), v.balance, `balance at ${v.number}`)
    equal(await ask(url, 'eth_getStorageAt', [contract, '0x0', hex(v.number)]), v.counter, `slot at ${v.number}`)
  }
  for (const r of receipts.slice(-20)) {
    const receipt = await ask(url, 'eth_getTransactionReceipt', [r.tx])
    equal(receipt?.blockHash, r.block, `receipt of ${r.tx}`)
  }
  return head
}

async function checkState(url, head, accounts) {
  let parent = null
  for (let n = counted + 1; n <= head; n++) {
    const block = await ask(url, 'eth_getBlockByNumber', [hex(n), true])
    if (parent) equal(block.parentHash, parent, `parent of ${n}`)
    parent = block.hash
    for (const tx of block.transactions) nonces.set(tx.from, (nonces.get(tx.from) ?? 0) + 1)
  }
  counted = head
  for (const a of accounts) {
    const nonce = Number(await ask(url, 'eth_getTransactionCount', [a, hex(head)]))
    equal(nonce, nonces.get(a.toLowerCase()) ?? 0, `nonce of ${a} at ${head}`)
  }
  let logs = 0 // in ranges: one reply holds 100,000 logs at most
  for (let n = 0; n <= head; n += 2000)
    logs += (await ask(url, 'eth_getLogs', [{ address: contract, fromBlock: hex(n),
      toBlock: hex(Math.min(n + 1999, head)) }])).length
  const slot = await ask(url, 'eth_getStorageAt', [contract, '0x0', hex(head)])
  equal(Number(slot), logs, 'counter in storage and number of logs')
}

async function round(i) {
  const sync = ['interval', 'off', 'block'][random(3)]
  const args = ['dev', ...network, '--datadir', dir, '--rpc.port', '0', '--db.sync', sync]
  if (random(6) === 0 && i > 0) { // killed while it starts
    const child = spawn(opt.bin, args, { stdio: 'ignore' })
    const gone = new Promise((r) => child.on('close', r))
    await sleep(random(15))
    child.kill('SIGKILL')
    await gone
  }
  const node = await startMetisd(opt.bin, args)
  try {
    const url = node.networks[0].http
    const accounts = await ask(url, 'eth_accounts', [])
    if (!contract) await deploy(url, accounts)
    const head = await checkViews(url)
    await checkState(url, head, accounts)
    await load(node, url, accounts, 20 + random(300))
  } finally {
    node.child.kill('SIGKILL')
    await node.exited
  }
}

async function executeAnew() {
  const node = await startMetisd(opt.bin, ['dev', ...network, '--datadir', dir, '--rpc.port', '0'])
  const url = node.networks[0].http
  const accounts = await ask(url, 'eth_accounts', [])
  await checkState(url, await checkViews(url), accounts)
  for (const words of [[], network]) { // next to the running node
    const stat = await run(opt.bin, ['db', 'stat', '--datadir', dir, ...words])
    equal(stat.status, 0, `db stat\n${stat.stderr}`)
    equal(stat.stdout.includes(`head ${counted} `), true, `the head in\n${stat.stdout}\n`)
  }
  equal(await node.stop(), 0, 'status of a clean stop')
  const file = join(dir, 'blocks.rlp')
  const out = await run(opt.bin, ['export', ...network, '--datadir', dir, file])
  equal(out.status, 0, `export\n${out.stderr}`)
  const anew = await run(opt.bin, ['import', ...network, '--datadir', join(dir, 'anew'), file])
  equal(anew.status, 0, `import\n${anew.stderr.slice(-2000)}`)
  const top = views.reduce((a, v) => (v.number > a.number ? v : a))
  const again = await startMetisd(opt.bin, ['dev', ...network, '--datadir', join(dir, 'anew'), '--rpc.port', '0'])
  const block = await ask(again.networks[0].http, 'eth_getBlockByNumber', [hex(top.number), false])
  equal(block.hash, top.hash, 'highest served block, executed anew')
  equal(Number(await ask(again.networks[0].http, 'eth_blockNumber', [])), counted, 'blocks executed anew')
  await again.stop()
}

console.log(`seed ${seed}`)
for (let i = 0; i < rounds; i++) await count.check(`round ${i}`, () => round(i))
await count.check('all blocks executed anew', executeAnew)
agent.destroy()
console.log(`${counted} blocks, ${views.length} views, ${receipts.length} receipts`)
process.exit(count.summary() ? 0 : 1)
