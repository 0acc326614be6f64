// The Debian package and the Dockerfile on machines that have nothing: minimal Debian 12
// roots (scripts/debroot.sh, needs root). The package is installed with what it depends on,
// started, installed again over an operator's changes, removed and purged; the Dockerfile's
// steps are run and its command started.
//   node tests/package/fresh.mjs [--deb build/metisd.deb] [--only REGEX]
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counter, options, rpc, run, startMetisd } from '../lib/metisd.mjs'

const opt = options({ deb: 'build/metisd.deb', only: '' })
const top = join(dirname(fileURLToPath(import.meta.url)), '../..')
const debroot = join(top, 'scripts/debroot.sh')
const count = counter()
const only = opt.only ? new RegExp(opt.only) : null
const check = (name, f) => (only && !only.test(name) ? undefined : count.check(name, f, 3000000))

// Not in /tmp, which may be memory.
const dir = mkdtempSync('/var/tmp/metisd-package-')
process.on('exit', () => spawnSync('rm', ['-rf', '--one-file-system', dir]))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

const ok = (r, what) => {
  assert.equal(r.status, 0, `${what}: status ${r.status}\n${r.stdout.slice(-3000)}${r.stderr.slice(-3000)}`)
  return r.stdout
}
const make = async (name) => {
  const root = join(dir, name)
  ok(await run(debroot, ['make', root]), `the root ${name}`)
  return {
    root,
    run: (...command) => run(debroot, ['run', root, ...command]),
    good: async (...command) => ok(await run(debroot, ['run', root, ...command]), command.join(' ')),
    start: (...args) => startMetisd(debroot, ['run', root, ...args]),
  }
}

// What an answer of EIP-4844's and EIP-2537's precompiles needs is linked in: a build
// without it would start and run, and then part from its network.
async function curves(http) {
  const call = (to, data) => rpc(http, 'eth_call', [{ to: `0x${to.padStart(40, '0')}`, data: `0x${data}` }, 'latest'])
  const point = 'c0'.padEnd(96, '0') // infinity: the commitment to 0, and the proof of it
  const hash = `01${createHash('sha256').update(Buffer.from(point, 'hex')).digest('hex').slice(2)}`
  assert.equal(await call('0a', hash + '00'.repeat(64) + point + point), `0x${'1000'.padStart(64, '0')}` +
    '73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001')
  assert.equal(await call('0b', '00'.repeat(256)), `0x${'00'.repeat(128)}`)
}

const CONF = '/etc/metisd/metisd.conf'
let machine

await check('dpkg names what it lacks, apt brings it', async () => {
  machine = await make('package')
  copyFileSync(opt.deb, join(machine.root, 'tmp/metisd.deb'))
  const r = await machine.run('dpkg', '-i', '/tmp/metisd.deb')
  assert.equal(r.status, 1)
  assert.match(r.stderr, /metisd depends on libuv1; however:/)
  await machine.good('apt-get', 'update', '-qq')
  await machine.good('apt-get', 'install', '-y', '--no-install-recommends', '--fix-broken')
  assert.equal(await machine.good('dpkg-query', '-W', '-f', '${db:Status-Abbrev}', 'metisd'), 'ii ')
  assert.equal(await machine.good('dpkg', '--verify', 'metisd'), '')
})

await check('its programs run there', async () => {
  const version = await machine.good('dpkg-query', '-W', '-f', '${Version}', 'metisd')
  assert.ok((await machine.good('metisd', 'version')).startsWith(`metisd ${version} (`))
  assert.equal(await machine.good('metisd', 'config', 'check', CONF), 'ok\n')
  // PUSH1 2 PUSH1 3 ADD PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
  assert.match(await machine.good('metis-evm', 'run', '--code', '600260030160005260206000f3'), /0{63}5\b/)
  assert.equal((await machine.run('metis-bench', 'help')).stderr.includes('error while loading'), false)
})

await check('both dev networks: the ready line, calls, a transaction, attach, a clean stop', async () => {
  const node = await machine.start('metisd', 'dev', '--rpc.port', '0')
  assert.deepEqual(node.networks.map((n) => [n.name, Number(n.chainId)]),
    [['andromeda-dev', 1088001], ['hyperion-dev', 133717001]])
  for (const { http, chainId } of node.networks) {
    assert.equal(Number(await rpc(http, 'eth_chainId')), Number(chainId))
    const [from, to] = await rpc(http, 'eth_accounts')
    const hash = await rpc(http, 'eth_sendTransaction', [{ from, to, value: '0x1' }])
    let receipt
    while (!receipt) receipt = await rpc(http, 'eth_getTransactionReceipt', [hash])
    assert.equal(receipt.status, '0x1')
    await curves(http)
    assert.equal(await machine.good('metisd', 'attach', http, '--exec', 'eth_chainId'), `"${await rpc(http, 'eth_chainId')}"\n`)
  }
  assert.equal(await node.stop(), 0)
})

await check('the command of the unit, in the folders that systemd makes for it', async () => {
  const unit = readFileSync(join(machine.root, 'lib/systemd/system/metisd@.service'), 'utf8')
  const command = /^ExecStart=(.+)$/m.exec(unit)[1].replaceAll('%i', 'andromeda').split(' ')
  for (const folder of ['var/lib/metisd/andromeda', 'run/metisd-andromeda'])
    mkdirSync(join(machine.root, folder), { recursive: true, mode: 0o700 })
  const node = await machine.start(...command, '--rpc.port', '0')
  const ipc = command[command.indexOf('--rpc.ipc') + 1]
  assert.equal(await machine.good('metisd', 'attach', '--ipc', ipc, '--exec', 'net_version'), '"1088"\n')
  assert.equal(await node.stop(), 0)
})

await check('installed again it keeps the operator\'s file; removed, purged, nothing stays', async () => {
  const conf = join(machine.root, CONF)
  const mine = `${readFileSync(conf, 'utf8')}# by the operator\n`
  writeFileSync(conf, mine)
  await machine.good('dpkg', '-i', '/tmp/metisd.deb')
  assert.equal(readFileSync(conf, 'utf8'), mine)
  const files = (await machine.good('dpkg', '-L', 'metisd')).trim().split('\n').filter((f) => /metis/.test(f))
  assert.ok(files.length > 15)
  await machine.good('dpkg', '--remove', 'metisd')
  assert.deepEqual(files.filter((f) => existsSync(machine.root + f)), ['/etc/metisd', CONF])
  await machine.good('dpkg', '--purge', 'metisd')
  assert.deepEqual(files.filter((f) => existsSync(machine.root + f)), [])
  assert.ok(existsSync(join(machine.root, 'var/lib/metisd/andromeda')), 'the data is the operator\'s to remove')
})

await check('lintian finds no errors', async () => {
  await machine.good('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'lintian')
  const r = await machine.run('lintian', '--allow-root', '--fail-on', 'error', '/tmp/metisd.deb')
  assert.equal(r.status, 0, r.stdout + r.stderr)
  for (const line of r.stdout.trim().split('\n')) console.log(`     ${line}`)
})

await check('the Dockerfile: its steps from nothing, its command, a stop by its signal', async () => {
  const [builder, image] = [await make('builder'), await make('image')]
  const r = await run(join(top, 'scripts/dockerfile.sh'), ['--run', builder.root, image.root], { cwd: top })
  ok(r, 'dockerfile.sh')
  const text = readFileSync(join(top, 'Dockerfile'), 'utf8')
  const [entry, command] = ['ENTRYPOINT', 'CMD'].map((w) => JSON.parse(new RegExp(`^${w} (\\[.+\\])$`, 'm').exec(text)[1]))
  mkdirSync(join(image.root, /^VOLUME (\S+)$/m.exec(text)[1]), { recursive: true })
  const node = await image.start(...entry, ...command, '--rpc.port', '0')
  assert.equal(node.networks.length, 1)
  assert.equal(await image.good('metisd', 'attach', node.networks[0].http.replace('0.0.0.0', '127.0.0.1'),
    '--exec', 'eth_chainId'), '"0x440"\n')
  assert.equal(await node.stop(/^STOPSIGNAL (\S+)$/m.exec(text)[1]), 0)
  // what was built there answers what the networks of today ask
  const dev = await image.start(...entry, 'dev', '--rpc.port', '0', '--network', 'hyperion-dev')
  await curves(dev.networks[0].http)
  assert.equal(await dev.stop(), 0)
})

process.exit(count.summary() ? 0 : 1)
