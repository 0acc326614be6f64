// The daemon's commands, life cycle and manners with bad input, from outside:
//   node tests/cli/run.mjs [--bin build/metisd] [--fixtures FOLDER] [--only REGEX]
// FOLDER is that of the RPC cases (genesis.json, chain.rlp); without it what needs a chain is
// left out and counted as skipped.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync, statSync,
  writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counter, options, post, rpc, run, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'

const opt = options({ bin: 'build/metisd', fixtures: '', only: '' })
const top = join(dirname(fileURLToPath(import.meta.url)), '../..')
const conf = (name) => join(top, 'conf', name + '.json')
const dev = JSON.parse(readFileSync(conf('hyperion-dev'), 'utf8'))
const dir = tempDir()
const count = counter()
let skipped = 0
const only = opt.only ? new RegExp(opt.only) : null
const check = (name, f) => (only && !only.test(name) ? undefined : count.check(name, f))

const metisd = (...args) => run(opt.bin, args)
const fresh = (() => {
  let n = 0
  return () => {
    const d = join(dir, `d${n++}`)
    mkdirSync(d)
    return d
  }
})()
function write(name, content) {
  const path = join(fresh(), name)
  writeFileSync(path, typeof content === 'object' && !Buffer.isBuffer(content) ? JSON.stringify(content) : content)
  return path
}
// Refused: the status, and one clear line (logs aside) that says what and where.
function refused(r, status, ...says) {
  const lines = r.stderr.split('\n').filter((l) => /^metisd: /.test(l))
  assert.equal(r.status, status, `status ${r.status}: ${r.stderr.slice(-600)}`)
  assert.equal(lines.length, 1, `want one line, got: ${r.stderr.slice(-600)}`)
  for (const s of says) assert.match(lines[0], s)
}
function done(r) {
  assert.equal(r.status, 0, `status ${r.status}: ${r.stderr.slice(-600)}`)
  return r.stdout
}

// ---- usage ----
await check('version and help', async () => {
  assert.match(done(await metisd('version')), /metisd \d+\.\d+\.\d+/)
  const help = done(await metisd('help'))
  for (const c of ['run', 'dev', 'init', 'import', 'export', 'account', 'config', 'db', 'version'])
    assert.match(help, new RegExp(`metisd ${c}\\b`))
})
await check('wrong usage is status 2', async () => {
  refused(await metisd(), 2, /command/)
  refused(await metisd('fly'), 2, /fly/)
  refused(await metisd('dev', '--rpc.prot', '1'), 2, /rpc\.prot/, /rpc\.port/)
  refused(await metisd('dev', '--rpc.port'), 2, /rpc\.port/)
  refused(await metisd('dev', '--rpc.port', '70000'), 2, /rpc\.port/)
  refused(await metisd('import', '--network', 'hyperion-dev'), 2)
  const g = ['--network', conf('hyperion-dev')]
  for (const command of [['init'], ['import', 'x.rlp'], ['export', 'x.rlp']])
    refused(await metisd(...command, ...g), 2, /--datadir/)
  refused(await metisd('init', '--datadir', fresh()), 2, /--network/)
  refused(await metisd('db', 'stat'), 2, /--datadir/)
  refused(await metisd('db', 'check', '--datadir', fresh()), 2, /there is no "check", only `metisd db stat`/)
  refused(await metisd('attach', '--exec', 'net_version'), 2, /URL.*--datadir/)
  refused(await metisd('account', 'new', '--keystore', fresh()), 2, /--password/)
  refused(await metisd('account', 'list'), 2, /--keystore/)
  refused(await metisd('account', 'fly'), 2, /new, list or import/)
  refused(await metisd('export', ...g, '--datadir', fresh(), 'x.rlp', 'x', 'y'), 2, /"x" is not a block number/)
  refused(await metisd('run', ...g), 2, /--datadir/)
})
await check('configuration: origin and precedence', async () => {
  const file = write('a.conf', '[rpc]\nport = 7000\nhost = 127.0.0.2\nbatch_max = 7\n')
  const env = { ...process.env, METISD_RPC_PORT: '7001', METISD_RPC_HOST: '127.0.0.3' }
  const r = await run(opt.bin, ['config', 'print', '--config', file, '--rpc.port', '7002'], { env })
  const out = done(r)
  assert.match(out, /port\s*=\s*7002.*flag/i)
  assert.match(out, /host\s*=\s*"?127\.0\.0\.3"?.*METISD_RPC_HOST/i)
  assert.match(out, /batch[-_]max\s*=\s*7\b.*a\.conf/i)
  assert.match(out, /idle[-_]timeout.*default/i)
})
await check('configuration: bad files name file, line and the nearest name', async () => {
  const bad = async (text, ...says) => {
    const file = write('bad.conf', text)
    refused(await metisd('config', 'check', '--config', file), 1, /bad\.conf/, ...says)
  }
  await bad('[rpc]\nprot = 1\n', /2/, /prot/, /port/)
  await bad('[rcp]\nport = 1\n', /rcp/)
  await bad('[rpc]\nport = abc\n', /2/, /abc/)
  await bad('[rpc]\nport = 1\nport = 2\n', /3/)
  await bad(`[rpc]\nhost = ${'x'.repeat(400)}\n`, /2/)
  await bad('[rpc]\nport\n', /2/)
  refused(await metisd('config', 'check', '--config', join(dir, 'none.conf')), 1, /none\.conf/)
  const r = await run(opt.bin, ['config', 'print'], { env: { ...process.env, METISD_RPC_PORT: 'x' } })
  refused(r, 1, /METISD_RPC_PORT/)
})

// ---- genesis ----
await check('genesis files that are wrong are refused by place', async () => {
  const bad = async (content, ...says) => {
    const datadir = fresh()
    refused(await metisd('init', '--network', write('g.json', content), '--datadir', datadir), 1, ...says)
    // Nothing half-done is kept: the same folder takes a good one.
    done(await metisd('init', '--network', conf('hyperion-dev'), '--datadir', datadir))
  }
  const change = (f) => {
    const g = structuredClone(dev)
    f(g)
    return g
  }
  await bad('{"config": ', /json|line|g\.json/i)
  await bad('[1]')
  await bad(change((g) => { delete g.config }), /config/)
  await bad(change((g) => { g.config.chainId = 'x' }), /config\.chainId/)
  await bad(change((g) => { g.config.metis.specd = 1 }), /config\.metis\.specd/)
  await bad(change((g) => { g.config.metis.coinbase = '0x12' }), /config\.metis\.coinbase/)
  await bad(change((g) => { g.gasLimit = '0xzz' }), /gasLimit/)
  await bad(change((g) => { g.alloc['0x12'] = { balance: '0x1' } }), /alloc/)
  await bad(change((g) => { Object.values(g.alloc)[0].code = '0x123' }), /code/)
  await bad('{"a":'.repeat(5000), /./)
})
await check('init: again is fine, another genesis is refused', async () => {
  const datadir = fresh()
  const first = done(await metisd('init', '--network', 'hyperion-dev', '--datadir', datadir))
  assert.match(first, /head 0 0x[0-9a-f]{64}/)
  assert.equal(done(await metisd('init', '--network', conf('hyperion-dev'), '--datadir', datadir)), first)
  const other = structuredClone(dev)
  other.timestamp = '0x1'
  refused(await metisd('init', '--network', write('hyperion-dev.json', other), '--datadir', datadir), 1, /genesis|spec/)
  const rule = structuredClone(dev)
  rule.config.metis.periodMs = 777
  refused(await metisd('init', '--network', write('hyperion-dev.json', rule), '--datadir', datadir), 1)
  done(await metisd('db', 'stat', '--network', 'hyperion-dev', '--datadir', datadir))
  refused(await metisd('db', 'stat', '--network', 'hyperion-dev', '--datadir', fresh()), 1, /init/)
  refused(await metisd('init', '--network', 'no-such-net', '--datadir', datadir), 1, /no-such-net/)
})

// ---- chain files ----
if (!opt.fixtures) {
  skipped++
  console.log('     skipped: import and export, the fixtures are not there')
} else {
  const genesis = join(opt.fixtures, 'genesis.json')
  const chain = readFileSync(join(opt.fixtures, 'chain.rlp'))
  const head = JSON.parse(readFileSync(join(opt.fixtures, 'headfcu.json'))).params[0].headBlockHash
  await check('export writes what import read', async () => {
    const datadir = fresh()
    const g = ['--network', genesis, '--datadir', datadir]
    const out = done(await metisd('import', ...g, join(opt.fixtures, 'chain.rlp')))
    assert.match(out, new RegExp(`head 54 ${head} stateRoot 0x[0-9a-f]{64}`))
    const file = join(fresh(), 'out.rlp')
    done(await metisd('export', ...g, file))
    assert.ok(readFileSync(file).equals(chain), 'the bytes differ')
    // Importing it again changes nothing.
    assert.match(done(await metisd('import', ...g, file)), new RegExp(head))
    const part = join(fresh(), 'part.rlp')
    done(await metisd('export', ...g, part, '1', '10'))
    const again = ['--network', genesis, '--datadir', fresh()]
    assert.match(done(await metisd('import', ...again, part)), /head 10 /)
    assert.match(done(await metisd('import', ...again, file)), new RegExp(head))
    // What was there stays when nothing comes in its place.
    const before = readFileSync(part)
    refused(await metisd('export', ...g, part, '60', '70'), 1, /no block 70: the head is 54/)
    refused(await metisd('export', ...g, part, '50', '70'), 1, /no block 70/)
    refused(await metisd('export', ...g, part, '9', '8'), 1, /from 9 to 8/)
    assert.ok(readFileSync(part).equals(before))
    done(await metisd('export', ...g, part, '11', '20'))
    assert.ok(!readFileSync(part).equals(before))
    assert.deepEqual(readdirSync(dirname(part)), ['part.rlp'])
    done(await metisd('export', ...g, '/dev/null')) // is no file to be replaced
    assert.ok(statSync('/dev/null').isCharacterDevice())
  })
  await check('chain files that are wrong: what was good is kept', async () => {
    const g = ['--network', genesis, '--datadir', fresh()]
    const cut = await metisd('import', ...g, write('cut.rlp', chain.subarray(0, chain.length - 100)))
    refused(cut, 1, /53|54|RLP|end/i)
    assert.match(cut.stdout, /head 53 /)
    const flipped = Buffer.from(chain)
    flipped[flipped.length >> 1] ^= 0x40
    const h = ['--network', genesis, '--datadir', fresh()]
    const r = await metisd('import', ...h, write('flip.rlp', flipped))
    refused(r, 1, /block|header|RLP|transaction|byte/i)
    assert.match(done(await metisd('import', ...h, join(opt.fixtures, 'chain.rlp'))), new RegExp(head))
    refused(await metisd('import', ...h, write('junk.rlp', Buffer.from('hello'))), 1)
    refused(await metisd('import', ...h, join(dir, 'none.rlp')), 1, /none\.rlp/)
  })
}

// ---- accounts ----
await check('accounts: new, list, import, wrong password', async () => {
  const store = join(fresh(), 'keys')
  const password = write('pw', 'correct horse\n')
  const at = ['--keystore', store, '--password', password]
  const made = done(await metisd('account', 'new', ...at)).match(/0x[0-9a-fA-F]{40}/)[0]
  assert.match(done(await metisd('account', 'list', ...at)).toLowerCase(), new RegExp(made.toLowerCase()))
  const file = join(store, readdirSync(store)[0])
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const second = join(fresh(), 'keys')
  const key = write('key', '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80\n')
  const out = done(await metisd('account', 'import', key, '--keystore', second, '--password', password))
  assert.match(out, /0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266/i)
  refused(await metisd('account', 'import', write('key', '0x12'), '--keystore', second, '--password', password), 1)
  refused(await metisd('account', 'new', '--keystore', second, '--password', join(dir, 'nopw')), 1, /nopw/)
})

// ---- the daemon ----
await check('dev: ready line, health, a clean stop', async () => {
  const node = await startMetisd(opt.bin, ['dev', '--rpc.port', '0'])
  assert.deepEqual(node.networks.map((n) => [n.name, n.chainId]),
    [['andromeda-dev', 1088001], ['hyperion-dev', 133717001]])
  for (const n of node.networks) {
    assert.equal(Number(await rpc(n.http, 'eth_chainId')), n.chainId)
    assert.equal((await rpc(n.http, 'eth_accounts')).length, 10)
    for (const path of ['/livez', '/readyz', '/metrics', '/']) {
      const r = await fetch(n.http + path)
      assert.equal(r.status, 200, path)
    }
    assert.match(await (await fetch(n.http + '/metrics')).text(), /^metis_\w+/m)
    assert.match(n.ws, /^ws:\/\//)
  }
  const t0 = Date.now()
  assert.equal(await node.stop('SIGINT'), 0)
  assert.ok(Date.now() - t0 < 5000)
})
await check('dev: one network, a kept folder, the port asked for', async () => {
  const datadir = fresh()
  const args = ['dev', '--network', 'hyperion-dev', '--datadir', datadir, '--rpc.port', '18645']
  const node = await startMetisd(opt.bin, args)
  assert.equal(node.networks.length, 1)
  assert.match(node.networks[0].http, /:18645$/)
  const [from, to] = await rpc(node.networks[0].http, 'eth_accounts')
  const hash = await rpc(node.networks[0].http, 'eth_sendTransaction', [{ from, to, value: '0x1' }])
  for (let i = 0; i < 100; i++) {
    if (await rpc(node.networks[0].http, 'eth_getTransactionReceipt', [hash])) break
    await sleep(20)
  }
  refused(await metisd(...args), 1, /lock|use|port/i)
  assert.equal(await node.stop(), 0)
  const again = await startMetisd(opt.bin, args)
  assert.equal(await rpc(again.networks[0].http, 'eth_blockNumber'), '0x1')
  assert.equal((await rpc(again.networks[0].http, 'eth_getTransactionByHash', [hash])).blockNumber, '0x1')
  assert.equal(await again.stop(), 0)
})
await check('run: follows without --sequencer, the genesis is that of dev', async () => {
  const node = await startMetisd(opt.bin, ['run', '--network', 'andromeda-dev', '--network',
    'hyperion-dev', '--datadir', fresh(), '--rpc.port', '0'])
  const twin = await startMetisd(opt.bin, ['dev', '--rpc.port', '0'])
  for (const [i, n] of node.networks.entries()) {
    const genesis = await rpc(n.http, 'eth_getBlockByNumber', ['0x0', false])
    assert.deepEqual(genesis, await rpc(twin.networks[i].http, 'eth_getBlockByNumber', ['0x0', false]))
    await assert.rejects(rpc(n.http, 'evm_mine'), (e) => e.code === -32601)
  }
  assert.equal(await twin.stop(), 0)
  assert.equal(await node.stop(), 0)
})
await check('dev: a public network is refused', async () => {
  refused(await metisd('dev', '--network', 'andromeda'), 1, /andromeda is not a dev network/)
})
await check('every network in conf/ starts', async () => {
  const names = ['andromeda', 'andromeda-sepolia', 'hyperion-testnet']
  const node = await startMetisd(opt.bin, ['run', ...names.flatMap((n) => ['--network', n]),
    '--datadir', fresh(), '--rpc.port', '0'])
  const ids = await Promise.all(node.networks.map((n) => rpc(n.http, 'eth_chainId')))
  assert.deepEqual(ids.map(Number), [1088, 59902, 133717])
  assert.equal(await node.stop(), 0)
})

// ---- bad requests ----
await check('bad requests get an error each, and the node goes on', async () => {
  const node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0'])
  const { http } = node.networks[0]
  const { hostname, port } = new URL(http)
  const raw = (text) => new Promise((resolve, reject) => {
    const s = connect(Number(port), hostname, () => s.write(text))
    let out = ''
    s.setTimeout(15000, () => s.destroy(new Error('no answer')))
    s.on('data', (d) => {
      out += d
      if (/\r\n\r\n/.test(out)) s.end()
    })
    s.on('close', () => resolve(out))
    s.on('error', (e) => (out ? resolve(out) : reject(e)))
  })
  const status = (text) => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
  const head = `Host: ${hostname}\r\n`
  assert.equal(status(await raw('garbage\r\n\r\n')), 400)
  assert.equal(status(await raw(`GET / HTTP/1.1\r\n${head}\r\n`)), 200)
  assert.equal(status(await raw(`POST / HTTP/1.1\r\nHost: evil.example\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`)), 403)
  assert.equal(status(await raw(`POST / HTTP/1.1\r\n${head}content-type: text/plain\r\ncontent-length: 2\r\n\r\n{}`)), 415)
  assert.equal(status(await raw(`POST / HTTP/1.1\r\n${head}content-type: application/json\r\ncontent-length: 99999999\r\n\r\n`)), 413)
  assert.ok([400, 431].includes(status(await raw(`GET / HTTP/1.1\r\n${head}x: ${'y'.repeat(200000)}\r\n\r\n`))))
  const code = async (body) => JSON.parse((await post(http, body)).text).error?.code
  assert.equal(await code('{"jsonrpc"'), -32700)
  assert.equal(await code('[]'), -32600)
  assert.equal(await code('1'), -32600)
  assert.equal(await code('['.repeat(100000)), -32700)
  assert.equal(await code('{"jsonrpc":"2.0","id":1,"method":"eth_nope"}'), -32601)
  for (const params of ['[]', '["0x12"]', '["zz","latest"]', '[{}]', '{}', '[1,2,3,4,5]'])
    assert.equal(await code(`{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":${params}}`), -32602, params)
  for (const tx of ['0x', '0xzz', '0x00', '0xc0', '0x02c0', '0x7f00', '0xf8ff'])
    assert.ok(await code(`{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["${tx}"]}`) < 0, tx)
  const many = JSON.stringify(Array.from({ length: 1001 }, (_, id) =>
    ({ jsonrpc: '2.0', id, method: 'eth_chainId' })))
  const tooMany = JSON.parse((await post(http, many)).text)
  assert.ok((Array.isArray(tooMany) ? tooMany[0] : tooMany).error)
  const cors = await fetch(http, { method: 'OPTIONS', headers: { origin: 'http://a.example',
    'access-control-request-method': 'POST' } })
  assert.equal(cors.headers.get('access-control-allow-origin'), null)
  assert.equal(Number(await rpc(http, 'eth_chainId')), 1088001)
  assert.equal(await node.stop(), 0)
})
await check('CORS for the origins asked for', async () => {
  const node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0',
    '--rpc.cors', 'http://a.example'])
  const ask = async (origin) => (await fetch(node.networks[0].http, { method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST' } })).headers.get('access-control-allow-origin')
  assert.equal(await ask('http://a.example'), 'http://a.example')
  assert.equal(await ask('http://b.example'), null)
  assert.equal(await node.stop(), 0)
})

const good = count.summary(skipped)
process.exit(good ? 0 : 1)
