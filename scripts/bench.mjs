// See bench.sh. Every figure is the median of several runs, metisd and anvil by turns; the
// spread is the least and the greatest.
import { spawn, execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, rpc, run, sleep, startMetisd } from '../tests/lib/metisd.mjs'
import { deployToken, token } from '../tests/clients/token.mjs'

const top = join(dirname(fileURLToPath(import.meta.url)), '..')
const METISD = process.env.METISD ?? join(top, 'build/metisd')
const BENCH = process.env.METIS_BENCH ?? join(top, 'build/metis-bench')
const LOAD = join(top, 'tests/clients/load.mjs')
const ANVIL = join(top, 'tests/clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil')
const args = process.argv.slice(2)
const write = args.includes('--write')
const from = args.includes('--from') ? args.splice(args.indexOf('--from'), 2)[1] : null
const chosen = args.filter((a) => !a.startsWith('--'))
const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: top }).toString().trim()
// What an earlier run measured at this commit comes first in the table.
const results = from === null ? [] : readFileSync(from, 'utf8').split('\n')
  .filter((line) => line.startsWith('{"bench"') && line.includes('"unit"')).map((line) => JSON.parse(line))
if (results.some((r) => r.commit !== commit)) throw new Error(`${from} is of another commit than ${commit}`)
let failed = 0

const sorted = (v) => [...v].sort((a, b) => a - b)
const median = (v) => sorted(v)[Math.floor((v.length - 1) / 2)]
const round = (x) => (Math.abs(x) >= 100 ? Math.round(x) : Math.round(x * 10) / 10)

// more.peer: the other program, when it is not anvil.
function report(bench, unit, own, peer, more = {}) {
  const line = { bench, unit, runs: own.length, median: round(median(own)),
    min: round(Math.min(...own)), max: round(Math.max(...own)), ...more, commit }
  if (peer?.length) {
    line.peer ??= 'anvil'
    line.other = round(median(peer))
    line.ratio = Math.round((median(own) / median(peer)) * 100) / 100
  }
  results.push(line)
  console.log(JSON.stringify(line))
}

// Silent, it does not print a line for each request; then readiness is asked for.
async function startAnvil(silent, extra = []) {
  const port = String(await freePort())
  const url = `http://127.0.0.1:${port}`
  const t0 = performance.now()
  const child = spawn(ANVIL, ['--port', port, ...(silent ? ['--silent'] : []), ...extra],
    { stdio: ['ignore', 'pipe', 'ignore'] })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = () => new Promise((r) => {
    process.off('exit', kill)
    child.on('close', r)
    kill()
  })
  if (silent) {
    while (!(await rpc(url, 'eth_chainId').catch(() => null))) await sleep(20)
  } else {
    await new Promise((resolve) => {
      let text = ''
      child.stdout.on('data', (d) => { text += d; if (text.includes('Listening on')) resolve() })
    })
  }
  return { child, stop, url, readyMs: performance.now() - t0 }
}

// User and system time of a process; ticks are 10 ms.
const cpuMs = (pid) => {
  const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return 10 * (Number(f[11]) + Number(f[12]))
}

const rssMb = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024

const benches = {
  // From spawn to the ready line, both networks.
  async startup() {
    const own = []
    const peer = []
    for (let i = 0; i < 9; i++) {
      const node = await startMetisd(METISD, ['dev', '--rpc.port', '0'])
      own.push(node.readyMs)
      await node.stop()
      const anvil = await startAnvil()
      peer.push(anvil.readyMs)
      await anvil.stop()
    }
    report('start to ready, two networks', 'ms', own, peer)
  },
  async memory() {
    const own = []
    const peer = []
    for (let i = 0; i < 3; i++) {
      const node = await startMetisd(METISD, ['dev', '--rpc.port', '0'])
      const anvil = await startAnvil(true)
      await sleep(2000)
      own.push(rssMb(node.child.pid))
      peer.push(rssMb(anvil.child.pid))
      await node.stop()
      await anvil.stop()
    }
    report('idle memory, two networks', 'MB', own, peer)
  },
  async stop() {
    const own = []
    for (let i = 0; i < 5; i++) {
      const node = await startMetisd(METISD, ['dev', '--rpc.port', '0'])
      const t0 = performance.now()
      await node.stop()
      own.push(performance.now() - t0)
    }
    report('clean stop', 'ms', own)
  },
  async load() {
    const own = []
    const peer = []
    for (let i = 0; i < 5; i++) {
      for (const [list, extra] of [[own, ['--bin', METISD]], [peer, ['--anvil']]]) {
        const { status, stdout, stderr } = await run('node', [LOAD, ...extra])
        if (status !== 0) throw new Error(`load: ${stdout}${stderr}`)
        const line = JSON.parse(stdout.trim().split('\n').at(-1))
        if (line.included !== line.transactions) throw new Error(`load: ${stdout}`)
        list.push(line.per_second)
      }
    }
    report('2,000 transfers, 8 connections, then one mine', 'tx/s', own, peer)
  },
  // Pre-signed, submitted over 8 connections, then one mine.
  async erc20() {
    const own = []
    const peer = []
    for (let i = 0; i < 3; i++) {
      for (const [list, extra] of [[own, ['--bin', METISD]], [peer, ['--anvil']]]) {
        const { status, stdout, stderr } = await run('node', [LOAD, '--erc20', '--n', '20000', ...extra])
        if (status !== 0) throw new Error(`erc20: ${stdout}${stderr}`)
        const line = JSON.parse(stdout.trim().split('\n').at(-1))
        if (line.included !== line.transactions) throw new Error(`erc20: ${stdout}`)
        list.push(line.per_second)
      }
    }
    report('20,000 ERC-20 transfers, 8 senders, then one mine', 'tx/s', own, peer)
  },
  call: () => rpcCpu('eth_call',
    '[{"to":"0x00000000000000000000000000000000000000aa","data":"0x70a08231"},"latest"]'),
  // A transaction of about a million gas: Uniswap v2 swaps over and over. The same one asked
  // for again and again, and the first time: then every request says another timeout, which
  // neither server has seen. anvil keeps the traces of what it has mined, metisd runs it again.
  async trace() {
    const { flows } = await import('../tests/rpc/flows.mjs')
    const node = await startMetisd(METISD, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0'])
    const anvil = await startAnvil(true)
    const figures = { again: [[], []], first: [[], []] }
    const servers = []
    for (const [url, pid] of [[node.networks[0].http, node.child.pid], [anvil.url, anvil.child.pid]])
      servers.push({ url, pid, hash: (await flows(url))['many swaps'] })
    let number = 0
    for (let run = 0; run < 5; run++) {
      for (const what of ['again', 'first']) {
        for (const [i, { url, pid, hash }] of servers.entries()) {
          const ask = () => rpc(url, 'debug_traceTransaction', [hash, { tracer: 'callTracer',
            timeout: what === 'again' ? '5s' : `${5000 + ++number}ms` }])
          await ask()
          const before = cpuMs(pid)
          for (let n = 0; n < 40; n++) await Promise.all([1, 2, 3, 4, 5].map(ask))
          figures[what][i].push((cpuMs(pid) - before) * 1000 / 200)
        }
      }
    }
    await node.stop()
    await anvil.stop()
    report('server CPU of one callTracer, 1M gas, first time', 'us', ...figures.first)
    report('server CPU of one callTracer, 1M gas, again', 'us', ...figures.again)
  },
  blocknumber: () => rpcCpu('eth_blockNumber', '[]'),
  balanceof: () => rpcCpu('eth_call', async (url) => {
    const [owner] = await rpc(url, 'eth_accounts')
    const to = await deployToken(url, owner)
    return JSON.stringify([{ to, data: token.encodeFunctionData('balanceOf', [owner]) }, 'latest'])
  }, { name: 'eth_call balanceOf of an ERC-20' }),
  // anvil without the states of old blocks: with them it needs minutes for so many.
  logs: () => rpcCpu('eth_getLogs', sparseLogs, { name: 'eth_getLogs, 10 hits in 10,000 blocks',
    requests: 200, anvil: ['--prune-history'] }),
  // With GETH, the path of a geth (1.16.7 was used): the same query on the same chain.
  async gethlogs() {
    if (!process.env.GETH) return console.error('gethlogs: left out, GETH names no geth')
    const { gethAndMetisd } = await import('./bench_geth.mjs')
    const { node, peer, query, remove } = await gethAndMetisd(process.env.GETH, METISD)
    const own = []
    const theirs = []
    for (let i = 0; i < 5; i++)
      for (const [list, url, pid] of [[own, node.networks[0].http, node.child.pid], [theirs, peer.url, peer.child.pid]])
        list.push((await metisBench(['--url', url, '--method', 'eth_getLogs', '--params', JSON.stringify([query]),
          '--connections', '8', '--requests', '2000', '--pid', String(pid)])).server_cpu_us.median)
    await node.stop()
    await peer.stop()
    remove()
    report('server CPU of one eth_getLogs, 10 hits in 10,000 blocks', 'us', own, theirs, { peer: 'geth' })
  },
  // One after another into a node that mines at once and has nothing else to do.
  async sendsync() {
    const { sendSyncBodies } = await import('../tests/clients/send_sync.mjs')
    const p50 = []
    const p99 = []
    for (let i = 0; i < 5; i++) {
      const node = await startMetisd(METISD, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0'])
      const file = await sendSyncBodies(node.networks[0].http, 1000)
      const line = await metisBench(['--url', node.networks[0].http, '--bodies', file, '--connections', '1'])
      await node.stop()
      if (line.errors) throw new Error(`sendsync: ${line.errors} errors`)
      p50.push(line.p50_us.median / 1000)
      p99.push(line.p99_us.median / 1000)
    }
    report('eth_sendRawTransactionSync, p50', 'ms', p50)
    report('eth_sendRawTransactionSync, p99', 'ms', p99)
  },
  // What readers at half load cost the executor, for one block of 100 transfers.
  async isolation() {
    const node = await startMetisd(METISD, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0',
      '--dev.no-mining'])
    const { http } = node.networks[0]
    const [from, to] = await rpc(http, 'eth_accounts')
    const blocks = async () => {
      const before = executorNs(node.child.pid)
      for (let b = 0; b < 20; b++) {
        const sent = Array.from({ length: 100 }, () =>
          rpc(http, 'eth_sendTransaction', [{ from, to, gas: '0x5208', value: '0x1' }]))
        await Promise.all(sent)
        await rpc(http, 'evm_mine')
      }
      return (executorNs(node.child.pid) - before) / 20 / 1000
    }
    await blocks()
    const idle = []
    const busy = []
    for (let i = 0; i < 5; i++) {
      idle.push(await blocks())
      const load = spawn(BENCH, ['rpc', '--url', http, '--method', 'eth_call', '--params',
        '[{"to":"0x00000000000000000000000000000000000000aa","data":"0x70a08231"},"latest"]',
        '--connections', '1', '--requests', '100000000'], { stdio: 'ignore' })
      busy.push(await blocks())
      load.kill()
    }
    await node.stop()
    report('executor CPU of a block of 100 transfers, calls at half load', 'us', busy,
      idle, { peer: 'idle' })
  },
  // SIGTERM while 8 connections call without pause.
  async busystop() {
    const own = []
    for (let i = 0; i < 5; i++) {
      const node = await startMetisd(METISD, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0'])
      const load = spawn(BENCH, ['rpc', '--url', node.networks[0].http, '--method', 'eth_estimateGas',
        '--params', '[{}]', '--connections', '8', '--requests', '100000000'], { stdio: 'ignore' })
      await sleep(500)
      const t0 = performance.now()
      await node.stop()
      own.push(performance.now() - t0)
      load.kill()
    }
    report('clean stop under calls of 8 connections', 'ms', own)
  },
}

// CPU time of the executor's thread.
function executorNs(pid) {
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    const task = `/proc/${pid}/task/${tid}`
    if (readFileSync(`${task}/comm`, 'utf8').trim() === 'executor')
      return Number(readFileSync(`${task}/schedstat`, 'utf8').split(' ')[0])
  }
  throw new Error('no thread is named executor')
}

// 10,000 blocks; every hundredth has a log: ten of the contract that is asked for, ninety of
// another.
async function sparseLogs(url) {
  const [from] = await rpc(url, 'eth_accounts')
  const [wanted, other] = ['0x' + '51'.repeat(20), '0x' + '52'.repeat(20)]
  for (const at of [wanted, other]) // PUSH1 7, PUSH0, PUSH0, LOG1
    await rpc(url, 'hardhat_setCode', [at, '0x60075f5fa100'])
  const first = Number(await rpc(url, 'eth_blockNumber')) + 1
  for (let i = 0; i < 100; i++) {
    await rpc(url, 'eth_sendTransaction', [{ from, to: i % 10 === 5 ? wanted : other, gas: '0x186a0' }])
    await rpc(url, 'hardhat_mine', ['0x63'], { timeoutMs: 600000 })
  }
  const query = { address: wanted, topics: ['0x' + '7'.padStart(64, '0')],
    fromBlock: '0x' + first.toString(16), toBlock: '0x' + (first + 9999).toString(16) }
  const found = await rpc(url, 'eth_getLogs', [query])
  if (found.length !== 10) throw new Error(`${found.length} logs of 10`)
  return JSON.stringify([query])
}

// The line of metis-bench rpc.
async function metisBench(options) {
  const { status, stdout, stderr } = await run(BENCH, ['rpc', ...options])
  if (status !== 0) throw new Error(`metis-bench: ${stdout}${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

// CPU time of the server for one request, by metis-bench's load generator.
// params: text, or a function that prepares a node and gives it.
async function rpcCpu(method, params, { name = method, requests = 20000, anvil: extra } = {}) {
  const own = []
  const peer = []
  const rate = []
  const node = await startMetisd(METISD, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0'])
  const anvil = await startAnvil(true, extra)
  const prepared = new Map()
  for (const url of [node.networks[0].http, anvil.url])
    prepared.set(url, typeof params === 'string' ? params : await params(url))
  for (let i = 0; i < 5; i++) {
    for (const [list, url, pid] of [[own, node.networks[0].http, node.child.pid],
      [peer, anvil.url, anvil.child.pid]]) {
      const line = await metisBench(['--url', url, '--method', method, '--params', prepared.get(url),
        '--connections', '8', '--requests', String(requests), '--pid', String(pid)])
      list.push(line.server_cpu_us.median ?? line.server_cpu_us)
      if (list === own) rate.push(line.requests_per_s.median ?? line.requests_per_s)
    }
  }
  await node.stop()
  await anvil.stop()
  report(`server CPU of one ${name}`, 'us', own, peer, { requests_per_s: Math.round(median(rate)) })
}

for (const name of chosen.length || from !== null ? chosen : Object.keys(benches)) {
  if (!benches[name]) {
    console.error(`no bench ${name}; there are: ${Object.keys(benches).join(', ')}`)
    process.exit(2)
  }
  await benches[name]().catch((e) => {
    console.error(`${name}: ${e.stack}`)
    failed++
  })
}

if (write) {
  const path = join(top, 'docs/PERFORMANCE.md')
  const begin = '<!-- figures: scripts/bench.sh --write -->'
  const end = '<!-- end of figures -->'
  const cell = (r) => `| ${r.bench} | ${r.median} ${r.unit} | ${r.min} - ${r.max} | ` +
    `${r.other === undefined ? '' : `${r.peer === 'anvil' ? '' : `${r.peer} `}${r.other} ${r.unit}`} | ${r.ratio ?? ''} |`
  const table = [begin,
    `Commit ${commit}, ${cpus().length} cores (${cpus()[0].model.trim()}), ${new Date().toISOString().slice(0, 10)}.`,
    '', '| what | median | least - greatest | anvil 1.7.1, same run | ratio |', '|---|---|---|---|---|',
    ...results.map(cell), end].join('\n')
  const old = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const page = old.includes(begin)
    ? old.slice(0, old.indexOf(begin)) + table + old.slice(old.indexOf(end) + end.length)
    : '# Performance\n\nMeasured from outside by `scripts/bench.sh` (client scripts and `metis-bench`),\n' +
      'metisd and anvil by turns in one run. Wall-clock figures move with the machine; the ratio\n' +
      'is what to look at. No test depends on a timing.\n\n' + table + '\n'
  writeFileSync(path, page)
}
process.exit(failed === 0 ? 0 : 1)
