// The life of the daemon: health, stop in time, restart, refusals at start, options of one
// network, SIGHUP, the service manager. Commands and bad input are in tests/cli.
//   node tests/life/run.mjs [--bin build/metisd]
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { counter, options, rpc, run, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'

const opt = options({ bin: 'build/metisd' })
const count = counter()
const dir = tempDir()

function equal(got, want, what) {
  if (got !== want) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
}

function has(text, part) {
  if (!text.includes(part)) throw new Error(`"${part}" is not in: ${text.slice(0, 2000)}`)
}

const fetchPath = (url, path) => new Promise((resolve, reject) => {
  get(url + path, (res) => {
    let text = ''
    res.on('data', (d) => (text += d))
    res.on('end', () => resolve({ status: res.statusCode, type: res.headers['content-type'], text }))
  }).on('error', reject)
})

// A refusal is one line on stderr (wrong usage adds the usage), and a status.
async function refused(args, status, part, env) {
  const r = await run(opt.bin, args, { env: { ...process.env, ...env } })
  equal(r.status, status, `status of ${args.join(' ')}\n${r.stderr}`)
  has(r.stderr, part)
  if (status === 1) equal(r.stderr.trim().split('\n').length, 1, `lines of\n${r.stderr}`)
}

const file = (name, text) => {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

await count.check('refusals have their status and name the place', async () => {
  await refused(['dev', '--network', 'nowhere'], 1, 'nowhere is not a dev network')
  await refused(['dev', '--config', join(dir, 'none.conf')], 1, 'No such file')
  const conf = file('bad.conf', '[rpc]\nport = 1\nprot = 2\n')
  await refused(['dev', '--config', conf], 1, 'bad.conf:3: unknown key rpc.prot; did you mean rpc.port?')
  await refused(['config', 'check', conf], 1, 'bad.conf:3')
  await refused(['dev'], 1, 'METISD_RPC_PROT', { METISD_RPC_PROT: '1' })
  const broken = file('broken.json', '{"config": {"chainId": 5,')
  await refused(['init', '--network', broken, '--datadir', join(dir, 'b')], 1, 'broken.json')
  const wrong = file('wrong.json', '{"config": {"chainId": "x"}, "alloc": {}}')
  await refused(['init', '--network', wrong, '--datadir', join(dir, 'b')], 1, 'chainId')
  await refused(['db', 'stat', '--network', 'andromeda-dev', '--datadir', join(dir, 'none')], 1,
    'there is no database')
  await refused(['account', 'new', '--keystore', join(dir, 'k')], 2, '--password FILE is needed')
})

const devFlags = ['dev', '--rpc.port', '0']

await count.check('dev: ready line, health, stop in under a second, no folder left', async () => {
  const before = readdirSync(tmpdir()).filter((n) => n.startsWith('metisd-dev-')).length
  const node = await startMetisd(opt.bin, devFlags)
  equal(node.networks.map((n) => `${n.name} ${n.chainId}`).join(),
    'andromeda-dev 1088001,hyperion-dev 133717001', 'networks')
  for (const n of node.networks) {
    equal(BigInt(await rpc(n.http, 'eth_chainId')), BigInt(n.chainId), 'chain id')
    equal((await fetchPath(n.http, '/livez')).status, 200, 'livez')
    const ready = await fetchPath(n.http, '/readyz')
    equal(ready.status, 200, ready.text)
    equal(JSON.parse(ready.text).ready, true, ready.text)
    const metrics = await fetchPath(n.http, '/metrics')
    has(metrics.type, 'text/plain')
    has(metrics.text, '# TYPE metis_node_memory_bytes gauge')
    has(metrics.text, `metis_pool_pending{network="${n.name}"} 0`)
  }
  const t0 = performance.now()
  equal(await node.stop(), 0, 'status')
  const ms = performance.now() - t0
  if (ms > 1000) throw new Error(`the stop took ${ms} ms`)
  equal(readdirSync(tmpdir()).filter((n) => n.startsWith('metisd-dev-')).length, before, 'folders')
})

await count.check('dev: SIGINT stops too, even during the start', async () => {
  const node = await startMetisd(opt.bin, [...devFlags, '--network', 'hyperion-dev'])
  equal(node.networks.length, 1, 'networks')
  equal(await node.stop('SIGINT'), 0, 'status')
})

await count.check('a port in use is refused', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((r) => server.once('listening', r))
  const { port } = server.address()
  await refused(['dev', '--log.level', 'error', '--rpc.port', String(port)], 1, String(port))
  // the second network's port: what was already open is closed again
  await refused(['dev', '--log.level', 'error', '--rpc.port', String(port - 1000)], 1, String(port))
  server.close()
})

await count.check('run: restart keeps blocks; a second process and another network are refused', async () => {
  const datadir = join(dir, 'data')
  const flags = ['dev', '--rpc.port', '0', '--datadir', datadir, '--network', 'andromeda-dev']
  let node = await startMetisd(opt.bin, flags)
  let { http } = node.networks[0]
  const [from, to] = await rpc(http, 'eth_accounts')
  const hash = await rpc(http, 'eth_sendTransaction', [{ from, to, value: '0x5' }])
  for (let i = 0; i < 200 && !(await rpc(http, 'eth_getTransactionReceipt', [hash])); i++) await sleep(10)
  const receipt = await rpc(http, 'eth_getTransactionReceipt', [hash])
  equal(receipt.status, '0x1', 'receipt')
  await refused([...flags, '--log.level', 'error'], 1, 'andromeda-dev')
  equal(await node.stop(), 0, 'status')
  node = await startMetisd(opt.bin, flags)
  http = node.networks[0].http
  equal((await rpc(http, 'eth_getTransactionReceipt', [hash])).blockHash, receipt.blockHash, 'after restart')
  equal(await node.stop(), 0, 'status')
  const stat = await run(opt.bin, ['db', 'stat', '--network', 'andromeda-dev', '--datadir', datadir])
  equal(stat.status, 0, stat.stderr)
  has(stat.stdout, `head 1 ${receipt.blockHash}`)
  // the same folder under another genesis
  execFileSync('mv', [join(datadir, 'andromeda-dev'), join(datadir, 'hyperion-dev')])
  await refused(['init', '--network', 'hyperion-dev', '--datadir', datadir], 1, 'hyperion-dev')
  execFileSync('mv', [join(datadir, 'hyperion-dev'), join(datadir, 'andromeda-dev')])
  // export, import elsewhere, the same head
  const rlp = join(dir, 'blocks.rlp')
  const one = ['--network', 'andromeda-dev', '--datadir']
  const exported = await run(opt.bin, ['export', ...one, datadir, rlp])
  equal(exported.status, 0, exported.stderr)
  const imported = await run(opt.bin, ['import', ...one, join(dir, 'second'), rlp])
  equal(imported.status, 0, imported.stderr)
  has(imported.stdout, receipt.blockHash)
})

await count.check('options for one network, and a follower refuses to build', async () => {
  const conf = file('ports.conf', '[rpc]\nport = 0\n[andromeda-dev.rpc]\nmetrics = no\n')
  const node = await startMetisd(opt.bin, ['run', '--config', conf, '--network',
    'andromeda-dev,hyperion-dev', '--datadir', join(dir, 'follow')])
  equal((await fetchPath(node.networks[0].http, '/metrics')).status, 404, 'metrics off')
  equal((await fetchPath(node.networks[1].http, '/metrics')).status, 200, 'metrics on')
  // SIGHUP takes over what may change
  file('ports.conf', '[rpc]\nport = 0\n[andromeda-dev.rpc]\nmetrics = no\n[log]\nlevel = debug\n')
  node.child.kill('SIGHUP')
  for (let i = 0; i < 100 && !node.log().includes('option changed'); i++) await sleep(10)
  has(node.log(), 'option=log.level')
  file('ports.conf', '[rpc]\nprot = 0\n')
  node.child.kill('SIGHUP')
  for (let i = 0; i < 100 && !node.log().includes('not taken over'); i++) await sleep(10)
  has(node.log(), 'ports.conf:2: unknown key rpc.prot')
  equal(await node.stop(), 0, 'status')
})

process.exit(count.summary() ? 0 : 1)
