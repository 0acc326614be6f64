// The Debian package as it is made here: what is in it, what it depends on, whether apt can
// find that on a machine without anything, whether its unit and its programs are in order.
// tests/package/fresh.mjs installs it.
//   node tests/package/run.mjs [--build build]
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { counter, options, rpc, run, startMetisd, tempDir } from '../lib/metisd.mjs'

const opt = options({ build: 'build' })
const top = join(dirname(fileURLToPath(import.meta.url)), '../..')
const build = realpathSync(opt.build)
const dir = tempDir()
const count = counter()
const check = (name, f) => count.check(name, f)
const good = async (...command) => {
  const r = await run(command[0], command.slice(1))
  assert.equal(r.status, 0, `${command.join(' ')}: ${r.stdout}${r.stderr}`)
  return r.stdout
}

const deb = join(dir, 'deb', 'metisd.deb')
const root = join(dir, 'root')
const control = join(dir, 'control')
let files // of `dpkg-deb --contents`: { mode, owner, path }, without the folders' last `/`
let depends

await check('it is made', async () => {
  const made = await run('cpack', ['-G', 'DEB', '--config', join(build, 'CPackConfig.cmake'), '-B', join(dir, 'deb')],
    { cwd: build })
  assert.equal(made.status, 0, made.stdout + made.stderr)
  await good('dpkg-deb', '-x', deb, root)
  await good('dpkg-deb', '-e', deb, control)
  files = (await good('dpkg-deb', '--contents', deb)).trim().split('\n').map((l) => {
    const [mode, owner, , , , path] = l.split(/\s+/)
    return { mode, owner, path: path.replace(/^\./, '') }
  })
  depends = (await good('dpkg-deb', '--field', deb, 'Depends')).trim().split(', ')
})

await check('every file is in its place, of root, and not more open than it must be', async () => {
  const paths = files.map((f) => f.path)
  for (const path of ['/usr/bin/metisd', '/usr/bin/metis-evm', '/usr/bin/metis-bench', '/etc/metisd/metisd.conf',
    '/lib/systemd/system/metisd@.service', '/usr/share/metisd/alerts.yml', '/usr/share/metisd/overview.json',
    ...['andromeda', 'andromeda-sepolia', 'hyperion-testnet', 'andromeda-dev', 'hyperion-dev']
      .map((n) => `/usr/share/metisd/conf/${n}.json`),
    '/usr/share/bash-completion/completions/metisd', '/usr/share/doc/metisd/OPERATE.md',
    '/usr/share/doc/metisd/copyright', '/usr/share/doc/metisd/changelog.gz'])
    assert.ok(paths.includes(path), path)
  for (const { mode, owner, path } of files) {
    assert.equal(owner, 'root/root', path)
    assert.equal(mode, path.endsWith('/') ? 'drwxr-xr-x' : path.startsWith('/usr/bin/') ? '-rwxr-xr-x' : '-rw-r--r--', path)
    assert.match(path, /^\/(etc\/metisd|lib\/systemd\/system|usr\/(bin|share))(\/|$)|^\/(etc|lib|lib\/systemd|usr)?\/?$/)
  }
})

await check('the control file, the sums, the file that stays as the operator has it', async () => {
  const fields = Object.fromEntries(readFileSync(join(control, 'control'), 'utf8')
    .split('\n').filter((l) => /^\w/.test(l)).map((l) => l.split(/: (.*)/, 2)))
  assert.equal(fields.Package, 'metisd')
  await good('dpkg', '--validate-version', fields.Version)
  assert.equal(fields.Architecture, (await good('dpkg', '--print-architecture')).trim())
  assert.match(fields.Maintainer, /^[^<>]+ <[^<>@]+@[^<>@]+>$/)
  assert.match(fields.Description, /^\S.{5,58}[^.]$/)
  const size = files.filter((f) => !f.path.endsWith('/')).map((f) => lstatSync(root + f.path).size)
  const kib = size.reduce((a, b) => a + b, 0) / 1024
  assert.ok(Math.abs(Number(fields['Installed-Size']) - kib) < kib / 5, `${fields['Installed-Size']}, ${kib} KiB`)
  const version = JSON.stringify(fields.Version).slice(1, -1)
  assert.match((await good(join(root, 'usr/bin/metisd'), 'version')), new RegExp(`^metisd ${version.replace(/\./g, '\\.')} `))
  assert.equal(readFileSync(join(control, 'conffiles'), 'utf8'), '/etc/metisd/metisd.conf\n')
  const sums = new Map(readFileSync(join(control, 'md5sums'), 'utf8').trim().split('\n').map((l) => l.split('  ').reverse()))
  for (const { path } of files.filter((f) => !f.path.endsWith('/')))
    assert.equal(sums.get(path.slice(1)), createHash('md5').update(readFileSync(root + path)).digest('hex'), path)
  const text = gunzipSync(readFileSync(join(root, 'usr/share/doc/metisd/changelog.gz'))).toString()
  assert.ok(text.startsWith(`metisd (${fields.Version}) stable; urgency=`), text)
  const date = / -- .+ <.+>  (\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000)\n/.exec(text)[1]
  assert.equal(new Date(date).toUTCString().replace('GMT', '+0000'), date, 'the weekday is that of the date')
})

await check('the programs: stripped, position independent, read-only relocations, no search path', async () => {
  for (const name of ['metisd', 'metis-evm', 'metis-bench']) {
    const bin = join(root, 'usr/bin', name)
    const dynamic = await good('readelf', '-dW', bin)
    assert.match(dynamic, /FLAGS_1\).*NOW.*PIE/, name)
    assert.doesNotMatch(dynamic, /RPATH|RUNPATH|TEXTREL/, name)
    const segments = await good('readelf', '-lW', bin)
    assert.match(segments, /GNU_RELRO/)
    assert.match(segments, /GNU_STACK.* RW {2}/)
    assert.doesNotMatch(await good('readelf', '-SW', bin), /\.debug_info|\.symtab/)
    assert.equal(readFileSync(bin).includes(`${realpathSync(top)}/`), false, `${name} has paths of the machine that built it`)
  }
})

await check('dependencies: all that the programs are linked to, and nothing else', async () => {
  const owners = new Set()
  let glibc = '2.0'
  const newer = (a, b) => a.localeCompare(b, 'en', { numeric: true }) > 0
  for (const name of ['metisd', 'metis-evm', 'metis-bench']) {
    const bin = join(root, 'usr/bin', name)
    const where = await good('ldd', bin)
    const needed = [...(await good('readelf', '-dW', bin)).matchAll(/NEEDED.*\[(.+)\]/g)].map((m) => m[1])
    assert.ok(needed.length > 5, name)
    for (const library of needed) {
      const path = where.split('\n').find((l) => l.trim().startsWith(`${library} =>`))?.match(/=> (\S+)/)[1]
      assert.ok(path, `${library}: ${where}`)
      // dpkg knows a file by the path it was unpacked to: /lib or /usr/lib
      const real = realpathSync(path)
      let owner = await run('dpkg', ['-S', real])
      if (owner.status !== 0) owner = await run('dpkg', ['-S', real.replace(/^\/usr/, '')])
      assert.equal(owner.status, 0, owner.stderr)
      owners.add(owner.stdout.split(':')[0])
    }
    for (const [, v] of (await good('readelf', '-VW', bin)).matchAll(/Name: GLIBC_([0-9.]+)/g))
      if (newer(v, glibc)) glibc = v
  }
  assert.deepEqual(depends.map((d) => d.split(' ')[0]).sort(), [...owners].sort())
  const stated = /^libc6 \(>= ([0-9.]+)\)$/.exec(depends.find((d) => d.startsWith('libc6 ')))[1]
  assert.ok(!newer(glibc, stated), `symbols of glibc ${glibc}, stated ${stated}`)
})

await check('apt finds all of it for a machine on which nothing is installed', async () => {
  // Needs no root: nothing is installed or fetched, the list of what is there is an empty one.
  const empty = join(dir, 'status')
  writeFileSync(empty, '')
  const plan = await good('apt-get', '-s', '--no-install-recommends', '-o', `Dir::State::status=${empty}`, 'install', deb)
  for (const name of ['metisd', ...depends.map((d) => d.split(' ')[0])])
    assert.match(plan, new RegExp(`^Inst ${name.replace(/[.+]/g, '\\$&')} `, 'm'), plan.slice(-2000))
})

await check('what it installs runs: configuration, both networks, every genesis file', async () => {
  const bin = join(root, 'usr/bin/metisd')
  assert.equal(await good(bin, 'config', 'check', join(root, 'etc/metisd/metisd.conf')), 'ok\n')
  const node = await startMetisd(bin, ['dev', '--rpc.port', '0'])
  assert.deepEqual(node.networks.map((n) => [n.name, Number(n.chainId)]),
    [['andromeda-dev', 1088001], ['hyperion-dev', 133717001]])
  for (const { http, chainId } of node.networks)
    assert.equal(Number(await rpc(http, 'eth_chainId')), Number(chainId))
  assert.equal(await node.stop(), 0)
  for (const network of ['andromeda', 'andromeda-sepolia', 'hyperion-testnet'])
    await good(bin, 'init', '--network', network, '--datadir', join(dir, network), '--log.level', 'error')
})

await check('bash completion', async () => {
  const completion = join(root, 'usr/share/bash-completion/completions/metisd')
  const complete = async (...words) => (await good('bash', '-c',
    '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _metisd; echo "${COMPREPLY[*]}"', 'bash', completion, ...words)).trim()
  assert.equal(await complete('metisd', 'att'), 'attach')
  assert.equal(await complete('metisd', 'run', '--rpc.tls-c'), '--rpc.tls-cert')
  assert.equal(await complete('metisd', 'attach', '--ip'), '--ipcpath --ipc')
  assert.equal(await complete('metisd', 'version', '--rpc'), '')
})

await check('the unit passes systemd-analyze verify', async () => {
  const unit = readFileSync(join(root, 'lib/systemd/system/metisd@.service'), 'utf8')
  for (const line of ['Type=notify', 'WatchdogSec=60', 'ExecReload=/bin/kill -HUP $MAINPID', 'NoNewPrivileges=yes'])
    assert.ok(unit.split('\n').includes(line), line)
  // the paths it names are where they will be only once it is installed
  const path = join(dir, 'metisd@andromeda.service')
  writeFileSync(path, unit.replace('ExecStart=/usr/bin/metisd', `ExecStart=${root}/usr/bin/metisd`)
    .replace('Documentation=file://', `Documentation=file://${root}`))
  const r = await run('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', path])
  assert.equal(r.status, 0, r.stderr)
  assert.doesNotMatch(r.stderr, /metisd@/)
})

await check('the Dockerfile has only steps that its runner knows, in exec form', async () => {
  const r = await run(join(top, 'scripts/dockerfile.sh'), ['--check'], { cwd: top })
  assert.equal(r.status, 0, r.stderr)
  assert.equal(r.stdout, '2 stages, entrypoint /usr/bin/metisd\n')
})

process.exit(count.summary() ? 0 : 1)
