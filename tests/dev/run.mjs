// What CI suites count on when they start dev networks: the line of readiness, free ports, one
// network by flag, chains that can be made again to the same hashes, many nodes at once; that
// npm packages stay pinned; and the JUnit report of scripts/test.sh.
//   node tests/dev/run.mjs [--bin build/metisd]
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { counter, options, rpc, run, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'

const opt = options({ bin: 'build/metisd' })
const count = counter()
const check = (name, f) => count.check(name, f)
const FROM = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'
const T0 = 1800000000

const start = (...args) => startMetisd(opt.bin, ['dev', '--rpc.port', '0', ...args])
async function send(url, tx) {
  const hash = await rpc(url, 'eth_sendTransaction', [{ from: FROM, ...tx }])
  for (;;) {
    const receipt = await rpc(url, 'eth_getTransactionReceipt', [hash])
    if (receipt) return receipt
    await sleep(5)
  }
}

// The same things on a chain: transfers, a contract (it stores NUMBER, TIMESTAMP and
// PREVRANDAO), time, empty blocks, a snapshot. Gives the hashes of all blocks.
async function story(url) {
  await send(url, { to: '0x' + '11'.repeat(20), value: '0x5' })
  const { contractAddress } = await send(url, { data: '0x600d80600b6000396000f3' +
    '43600055426001554460025500' })
  await send(url, { to: contractAddress })
  await rpc(url, 'evm_increaseTime', [1000])
  await send(url, { to: contractAddress })
  await rpc(url, 'hardhat_mine', ['0x3', '0x3c'])
  await rpc(url, 'evm_setNextBlockTimestamp', [T0 + 100000])
  await rpc(url, 'evm_mine')
  const id = await rpc(url, 'evm_snapshot')
  await send(url, { to: contractAddress, value: '0x0' })
  await rpc(url, 'evm_revert', [id])
  await rpc(url, 'anvil_setBalance', [contractAddress, '0x77'])
  await rpc(url, 'evm_mine', [T0 + 200000])
  await send(url, { to: contractAddress })
  const head = Number(await rpc(url, 'eth_blockNumber'))
  const blocks = []
  for (let n = 0; n <= head; n++)
    blocks.push(await rpc(url, 'eth_getBlockByNumber', ['0x' + n.toString(16), false]))
  return { blocks, contractAddress }
}

await check('the line of readiness names what answers, on free ports', async () => {
  const node = await start()
  assert.deepEqual(node.networks.map((n) => [n.name, Number(n.chainId)]),
    [['andromeda-dev', 1088001], ['hyperion-dev', 133717001]])
  for (const n of node.networks) {
    assert.equal(Number(await rpc(n.http, 'eth_chainId')), Number(n.chainId))
    assert.match(n.ws, /^ws:\/\/127\.0\.0\.1:\d+$/)
  }
  assert.notEqual(node.networks[0].http, node.networks[1].http)
  assert.equal(await node.stop(), 0)
})
await check('one network by flag', async () => {
  const node = await start('--network', 'hyperion-dev')
  assert.deepEqual(node.networks.map((n) => n.name), ['hyperion-dev'])
  assert.equal(await node.stop(), 0)
})
await check('four nodes at once, each its own', async () => {
  const nodes = await Promise.all([1, 2, 3, 4].map(() => start()))
  const urls = nodes.flatMap((n) => n.networks.map((x) => x.http))
  assert.equal(new Set(urls).size, 8)
  await Promise.all(urls.map((url, i) => send(url, { to: '0x' + '22'.repeat(20), value: '0x' + (i + 1) })))
  for (const [i, url] of urls.entries())
    assert.equal(await rpc(url, 'eth_getBalance', ['0x' + '22'.repeat(20), 'latest']), '0x' + (i + 1))
  assert.deepEqual(await Promise.all(nodes.map((n) => n.stop())), [0, 0, 0, 0])
})

const FIXED = ['--dev.timestamp', String(T0), '--dev.time-step', '7']
const stories = {}
for (const name of ['andromeda-dev', 'hyperion-dev'])
  await check(`${name}: the same story gives the same hashes`, async () => {
    const hashes = []
    for (let i = 0; i < 2; i++) {
      const node = await start('--network', name, ...FIXED, '--dev.seed', '5')
      const { blocks } = await story(node.networks[0].http)
      stories[name] = blocks
      hashes.push(blocks.map((b) => b.hash))
      await node.stop()
      await sleep(1100) // another second of the clock
    }
    assert.deepEqual(hashes[0], hashes[1])
    assert.equal(new Set(hashes[0]).size, hashes[0].length)
  })
await check('times go by the step, and by what is asked for', () => {
  const t = stories['hyperion-dev'].slice(1).map((b) => Number(b.timestamp) - T0)
  assert.deepEqual(t, [0, 7, 14, 1021, 1028, 1088, 1148, 100000, 200000, 200007])
})
await check('another seed: other prevRandao, the same times', async () => {
  const node = await start('--network', 'hyperion-dev', ...FIXED, '--dev.seed', '6')
  const { blocks, contractAddress } = await story(node.networks[0].http)
  const before = stories['hyperion-dev']
  assert.deepEqual(blocks.map((b) => b.timestamp), before.map((b) => b.timestamp))
  for (let i = 1; i < blocks.length; i++) assert.notEqual(blocks[i].mixHash, before[i].mixHash)
  assert.equal(new Set(blocks.map((b) => b.mixHash)).size, blocks.length)
  const stored = await rpc(node.networks[0].http, 'eth_getStorageAt', [contractAddress, '0x2', 'latest'])
  assert.equal(stored, blocks.at(-1).mixHash)
  await node.stop()
})

// ---- JUnit ----

// A strict reader of the XML that reports use: elements, attributes, text, no comments.
function parse(xml) {
  const root = { name: '', children: [], attributes: {} }
  const stack = [root]
  const text = (s) => {
    assert.ok(!/[<>]|&(?!(amp|lt|gt|quot|apos|#\d+);)/.test(s), `bad text: ${s.slice(0, 80)}`)
    // eslint-disable-next-line no-control-regex
    assert.ok(!/[\x00-\x08\x0b\x0c\x0e-\x1f]/.test(s), 'a control character')
    return s
  }
  let at = xml.startsWith('<?xml version="1.0" encoding="UTF-8"?>') ? 38 : assert.fail('no declaration')
  while (at < xml.length) {
    const open = xml.indexOf('<', at)
    text(xml.slice(at, open < 0 ? xml.length : open))
    if (open < 0) break
    const close = xml.indexOf('>', open)
    const tag = xml.slice(open + 1, close)
    at = close + 1
    if (tag.startsWith('/')) {
      assert.equal(stack.pop().name, tag.slice(1))
      continue
    }
    const m = /^([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)$/.exec(tag)
    assert.ok(m, `bad tag ${tag}`)
    const element = { name: m[1], children: [], attributes: {} }
    for (const [, k, v] of m[2].matchAll(/ ([a-z]+)="([^"]*)"/g)) element.attributes[k] = text(v)
    stack.at(-1).children.push(element)
    if (!m[3]) stack.push(element)
  }
  assert.equal(stack.length, 1, 'an element is open')
  assert.equal(root.children.length, 1)
  return root.children[0]
}

await check('npm packages: what is not pinned by version and hash is found', async () => {
  const dir = tempDir()
  const hash = `sha512-${'A'.repeat(86)}==`
  const found = async (own, packages, lock = {}) => {
    writeFileSync(join(dir, 'package.json'), JSON.stringify({ dependencies: own }))
    writeFileSync(join(dir, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages, ...lock }))
    const r = await run('node', ['scripts/locks.mjs', dir])
    assert.equal(r.status, 0, r.stderr)
    return r.stdout.replaceAll(`${dir}/`, '').trim()
  }
  const own = { a: '1.2.3' }
  const one = (more, root = own) => ({ '': { dependencies: root },
    'node_modules/a': { version: '1.2.3', integrity: hash, ...more } })
  assert.equal(await found(own, one({ dependencies: { b: '^1.0.0' } })), '')
  for (const [what, ...args] of [
    ['package.json: a ^1.2.3: not one version', { a: '^1.2.3' }, one({}, { a: '^1.2.3' })],
    ['lock: asks for other packages than package.json', own, one({}, { a: '1.2.3', b: '1.0.0' })],
    ['lock: a is not 1.2.3', own, one({ version: '1.2.4' })],
    ['lock: a is not 1.2.3', own, { '': { dependencies: own } }],
    ['lock: node_modules/a: no SHA-512', own, one({ integrity: undefined })],
    ['lock: node_modules/a: no SHA-512', own, one({ integrity: 'sha1-AAAA' })],
    ['lock: has download addresses ("resolved")', own, one({ resolved: 'https://example.org/a.tgz' })],
    ['lock: node_modules/a: b from github:x/b', own, one({ dependencies: { b: 'github:x/b' } })],
    ['lock: node_modules/a: a link', own, one({ link: true })],
    ['lock: version 2, not 3', own, one({}), { lockfileVersion: 2 }],
  ]) assert.equal((await found(...args)).split('\n')[0], what)
})

await check('JUnit: suites and named checks, failures with their text, well-formed', async () => {
  // The functions that test.sh uses, on runners made for this.
  const dir = tempDir()
  const runner = join(dir, 'runner.sh')
  writeFileSync(runner, `#!/bin/sh
echo 'ok   a check with <brackets> & "quotes"'
printf 'FAIL another: Error: \\033[31mred\\033[0m \\001 <why>\\n    at line 5 & so on\\n'
echo '1 passed, 1 failed'
exit 1
`)
  chmodSync(runner, 0o755)
  const report = join(dir, 'report.xml')
  const script = join(dir, 'suites.sh')
  writeFileSync(script, `
set -eu
. scripts/junit.sh
junit=${report} JUNIT_CASES=${dir}/cases
: >"$JUNIT_CASES"
suite=first
${runner} >${dir}/log || true
junit_tally runner ${dir}/log 1 1 1
junit_suite first 1500
suite=second
junit_case 'a build' ok
junit_case 'left out' skip
echo 'it died' >${dir}/log
junit_tally 'a runner without a summary' ${dir}/log 0 0 139
junit_suite second 10
junit_write
`)
  const r = await run('bash', [script])
  assert.equal(r.status, 0, r.stderr)
  const root = parse(readFileSync(report, 'utf8'))
  assert.equal(root.name, 'testsuites')
  const [first, second] = root.children
  assert.deepEqual(first.attributes, { name: 'first', tests: '2', failures: '1', skipped: '0', time: '1.500' })
  assert.deepEqual(first.children.map((c) => [c.name, c.attributes.name, c.children.length]),
    [['testcase', 'a check with &lt;brackets&gt; &amp; &quot;quotes&quot;', 0], ['testcase', 'another', 1]])
  assert.equal(first.children[1].children[0].name, 'failure')
  assert.deepEqual([second.attributes.tests, second.attributes.failures, second.attributes.skipped],
    ['3', '1', '1'])
})
await count.check('JUnit: test.sh writes one', async () => {
  const report = join(tempDir(), 'report.xml')
  const r = await run('scripts/test.sh', ['--junit', report, 'tidy'])
  assert.equal(r.status, 0, r.stdout + r.stderr)
  const [tidy] = parse(readFileSync(report, 'utf8')).children
  assert.equal(tidy.attributes.name, 'tidy')
  assert.equal(Number(tidy.attributes.tests), Number(/(\d+) passed/.exec(r.stdout)[1]))
  assert.equal(tidy.attributes.failures, '0')
}, 900000) // it may have to build
process.exit(count.summary() ? 0 : 1)
