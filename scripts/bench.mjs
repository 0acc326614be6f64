// See bench.sh. Every figure is the median of several runs, metisd and anvil by turns; the
// spread is the least and the greatest.
import { spawn, execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rpc, run, sleep, startMetisd } from '../tests/lib/metisd.mjs'

const top = join(dirname(fileURLToPath(import.meta.url)), '..')
const METISD = process.env.METISD ?? join(top, 'build/metisd')
const BENCH = process.env.METIS_BENCH ?? join(top, 'build/metis-bench')
const LOAD = join(top, 'tests/clients/load.mjs')
const ANVIL = join(top, 'tests/clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil')
const args = process.argv.slice(2)
const write = args.includes('--write')
const chosen = args.filter((a) => !a.startsWith('--'))
const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: top }).toString().trim()
const results = []

const sorted = (v) => [...v].sort((a, b) => a - b)
const median = (v) => sorted(v)[Math.floor((v.length - 1) / 2)]
const round = (x) => (Math.abs(x) >= 100 ? Math.round(x) : Math.round(x * 10) / 10)

function report(bench, unit, own, peer, more = {}) {
  const line = { bench, unit, runs: own.length, median: round(median(own)),
    min: round(Math.min(...own)), max: round(Math.max(...own)), ...more, commit }
  if (peer?.length) {
    line.anvil = round(median(peer))
    line.ratio = Math.round((median(own) / median(peer)) * 100) / 100
  }
  results.push(line)
  console.log(JSON.stringify(line))
}

// Silent, it does not print a line for each request; then readiness is asked for.
async function startAnvil(silent) {
  const t0 = performance.now()
  const url = 'http://127.0.0.1:18575'
  const child = spawn(ANVIL, ['--port', '18575', ...(silent ? ['--silent'] : [])],
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
}

// CPU time of the server for one request, by metis-bench's load generator.
async function rpcCpu(method, params) {
  const own = []
  const peer = []
  const rate = []
  const node = await startMetisd(METISD, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0'])
  const anvil = await startAnvil(true)
  for (let i = 0; i < 5; i++) {
    for (const [list, url, pid] of [[own, node.networks[0].http, node.child.pid],
      [peer, anvil.url, anvil.child.pid]]) {
      const { status, stdout, stderr } = await run(BENCH, ['rpc', '--url', url, '--method', method,
        '--params', params, '--connections', '8', '--requests', '20000', '--pid', String(pid)])
      if (status !== 0) throw new Error(`metis-bench: ${stdout}${stderr}`)
      const line = JSON.parse(stdout.trim().split('\n').at(-1))
      list.push(line.server_cpu_us.median ?? line.server_cpu_us)
      if (list === own) rate.push(line.requests_per_s.median ?? line.requests_per_s)
    }
  }
  await node.stop()
  await anvil.stop()
  report(`server CPU of one ${method}`, 'us', own, peer, { requests_per_s: Math.round(median(rate)) })
}

for (const name of chosen.length ? chosen : Object.keys(benches)) {
  if (!benches[name]) {
    console.error(`no bench ${name}; there are: ${Object.keys(benches).join(', ')}`)
    process.exit(2)
  }
  await benches[name]()
}

if (write) {
  const path = join(top, 'docs/PERFORMANCE.md')
  const begin = '<!-- figures: scripts/bench.sh --write -->'
  const end = '<!-- end of figures -->'
  const cell = (r) => `| ${r.bench} | ${r.median} ${r.unit} | ${r.min} - ${r.max} | ` +
    `${r.anvil === undefined ? '' : `${r.anvil} ${r.unit}`} | ${r.ratio ?? ''} |`
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
process.exit(0)
