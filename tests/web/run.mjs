// The web page in headless Chromium against a dev node:
//   node tests/web/run.mjs [--bin build/metisd] [--chromium /usr/bin/chromium]
//     [--seed S]      of the random values that are decoded
//     [--shots DIR]   also writes screenshots, wide and narrow, light and dark
// What the page must show is computed here by ethers from the node's replies, not taken
// from the page's own code.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { counter, options, rpc, sleep, startMetisd, tempDir } from '../lib/metisd.mjs'
import { ethers, populate, sender, EVIL_NAME, EVIL_REASON } from './chain.mjs'
import { contrastProblems, focusProblems } from './inspect.mjs'
import { testDecoding } from './decode.mjs'

const opt = options({ bin: 'build/metisd', chromium: '/usr/bin/chromium', shots: '', seed: String(Date.now()) })
const ASSETS_MAX = 120 * 1024
const here = dirname(fileURLToPath(import.meta.url))
const count = counter()
const ok = (name, f) => count.check(name, f, 120000)

function get(url, headers = {}) {
  return new Promise((resolve, reject) => {
    const req = request(url, { headers }, (res) => {
      const parts = []
      res.on('data', (d) => parts.push(d))
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }))
    })
    req.on('error', reject)
    req.end()
  })
}

async function until(what, f, timeoutMs = 40000) {
  const end = Date.now() + timeoutMs
  let last
  while (Date.now() < end) {
    try {
      last = await f()
      if (last) return last
    } catch (e) {
      last = e
    }
    await sleep(50)
  }
  throw new Error(`${what}: not within ${timeoutMs} ms (last: ${last})`)
}

// ---- the server's side ----

async function testServer() {
  await ok('the page, its headers, 304 and gzip', async () => {
    const page = await get(`${http}/`)
    assert.equal(page.status, 200)
    assert.match(page.headers['content-type'], /^text\/html/)
    const policy = page.headers['content-security-policy']
    for (const rule of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"])
      assert.ok(policy.includes(rule), rule)
    assert.doesNotMatch(policy, /unsafe|https?:|\*/)
    assert.equal(page.headers['x-content-type-options'], 'nosniff')
    const again = await get(`${http}/`, { 'if-none-match': page.headers.etag })
    assert.deepEqual([again.status, again.body.length], [304, 0])
    const packed = await get(`${http}/`, { 'accept-encoding': 'br, gzip' })
    assert.equal(packed.headers['content-encoding'], 'gzip')
    assert.deepEqual(gunzipSync(packed.body), page.body)
    assert.ok(packed.body.length < page.body.length)
  })
  await ok('every file is served, and all are small', async () => {
    const dir = join(here, '../../src/web')
    let total = 0
    for (const name of readdirSync(dir)) {
      const file = await get(`${http}${name === 'index.html' ? '/' : `/web/${name}`}`)
      assert.equal(file.status, 200, name)
      assert.equal(file.body.length, statSync(join(dir, name)).size, name)
      total += file.body.length
    }
    assert.ok(total < ASSETS_MAX, `${total} bytes`)
    assert.equal((await get(`${http}/web/none.js`)).status, 404)
  })
  await ok('JSON-RPC by POST and /status as before', async () => {
    assert.equal(Number(await rpc(http, 'eth_chainId')), 1088001)
    const status = JSON.parse((await get(`${http}/status`)).body)
    assert.deepEqual(status.networks.map((n) => [n.name, n.chainId, `http://127.0.0.1:${n.port}`]),
      node.networks.map((n) => [n.name, Number(n.chainId), n.http]))
    assert.equal(status.networks[0].head, Number(await rpc(http, 'eth_blockNumber')))
  })
  await ok('rpc.web=false: an empty 200 at /, nothing else', async () => {
    const plain = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0', '--rpc.web=false'])
    const at = plain.networks[0].http
    const page = await get(`${at}/`)
    assert.deepEqual([page.status, page.body.length], [200, 0])
    assert.equal((await get(`${at}/status`)).status, 404)
    assert.equal((await get(`${at}/web/app.js`)).status, 404)
    assert.equal(await plain.stop(), 0)
  })
}

// ---- the overview ----

const text = (selector) => page.locator(selector).first().innerText()
const headShown = async () => Number((await text('.head .big')).replace(/,/g, ''))
const headNow = async () => Number(await rpc(http, 'eth_blockNumber'))

async function testHome() {
  await ok('the head is shown and moves', async () => {
    await page.goto(`${http}/`)
    await until('head', async () => (await headShown()) === (await headNow()))
    const before = await headShown()
    for (let i = 0; i < 3; i++) await me.send({ to: made.friend, value: '0x1' })
    await until('new head', async () => (await headShown()) === before + 3)
    assert.equal(await text('#state-text'), 'Live')
    assert.match(await page.title(), new RegExp(`#${before + 3} · andromeda-dev$`))
  })
  await ok('plots have points', async () => {
    for (const name of ['Block rate', 'Gas', 'Transactions']) {
      await until(name, async () => Number(await page.locator(`section.plot[aria-label="${name}"] .plot-svg`).getAttribute('data-bars')) > 0)
      assert.match(await page.locator(`section.plot[aria-label="${name}"] .bars`).getAttribute('d'), /^M/)
    }
    await page.getByRole('button', { name: '10 min' }).click()
    await until('mean', async () => (await text('.plot-note')).startsWith('mean of 100 s'))
    await page.getByRole('button', { name: '1 min' }).click()
  })
  await ok('recent blocks say what the node says', async () => {
    await page.mouse.move(0, 0)
    await until('rows', async () => {
      const head = await rpc(http, 'eth_getBlockByNumber', ['latest', false])
      const cells = await page.locator('.blocks tbody tr').first().locator('td').allInnerTexts()
      return Number(cells[0].replace(/,/g, '')) === Number(head.number) && Number(cells[2]) === head.transactions.length
    })
    assert.equal(await page.locator('.blocks tbody tr:not(.void)').count(), Math.min(17, (await headNow()) + 1))
  })
  await ok('pool, database and networks', async () => {
    await rpc(http, 'evm_setAutomine', [false])
    await rpc(http, 'eth_sendTransaction', [{ from: made.from, to: made.friend, value: '0x1' }])
    const pool = page.getByRole('region', { name: 'Pool' })
    await until('pending', async () => /Pending\s+1 tx/.test(await pool.innerText()))
    await rpc(http, 'evm_setAutomine', [true])
    await rpc(http, 'evm_mine')
    await until('none pending', async () => /Pending\s+0 tx/.test(await pool.innerText()))
    assert.match(await page.getByRole('region', { name: 'Database' }).innerText(), /Size\s+[\d.]+ [KMG]iB/)
    const other = page.getByRole('region', { name: 'Networks' }).getByRole('link', { name: 'hyperion-dev' })
    assert.equal(await other.getAttribute('href'), `${node.networks[1].http}/`)
  })
  await ok('a burst: no layout shift, at most one drawing a frame', async () => {
    await page.mouse.move(0, 0)
    await page.evaluate(() => {
      window.seen = { shift: 0, draws: 0, frames: 0, on: true }
      new PerformanceObserver((list) => {
        for (const e of list.getEntries()) window.seen.shift += e.value
      }).observe({ type: 'layout-shift' })
      new MutationObserver(() => window.seen.draws++).observe(document.querySelector('.head .big'),
        { characterData: true, childList: true, subtree: true })
      const frame = () => {
        window.seen.frames++
        if (window.seen.on) requestAnimationFrame(frame)
      }
      requestAnimationFrame(frame)
    })
    const mined = rpc(http, 'anvil_mine', ['0x12c', '0x0'])
    for (let i = 0; i < 20; i++) await me.send({ to: made.friend, value: '0x1' })
    await mined
    await until('head', async () => (await headShown()) === (await headNow()))
    await sleep(300)
    const seen = await page.evaluate(() => {
      window.seen.on = false
      return window.seen
    })
    assert.ok(seen.shift < 0.01, `layout shift ${seen.shift}`)
    assert.ok(seen.draws > 0 && seen.draws <= seen.frames + 1, `${seen.draws} drawings in ${seen.frames} frames`)
  })
  await ok('the list holds still under the pointer', async () => {
    await page.locator('.blocks tbody tr').nth(2).hover()
    const before = await text('.blocks tbody tr')
    await me.send({ to: made.friend, value: '0x1' })
    await until('note', async () => /held while you are here · \d+ new/.test(await text('.blocks .note')))
    assert.equal((await text('.blocks tbody tr')).split(/\s/)[0], before.split(/\s/)[0])
    await page.mouse.move(0, 0)
    await until('moves again', async () => (await text('.blocks .note')) === '')
  })
  await ok('a chain that is taken back', async () => {
    const snapshot = await rpc(http, 'evm_snapshot')
    const before = await headNow()
    for (let i = 0; i < 3; i++) await me.send({ to: made.friend, value: '0x1' })
    await until('ahead', async () => (await headShown()) === before + 3)
    await rpc(http, 'evm_revert', [snapshot])
    await until('back', async () => (await headShown()) === before)
  })
}

// ---- search and the pages behind it ----

const hashNow = () => page.evaluate(() => location.hash)
async function search(what) {
  await page.keyboard.press('/')
  await page.keyboard.type(what)
  await page.keyboard.press('Enter')
}
const fact = (name) => page.locator('.facts > div', { has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) }).locator(':scope > dd').innerText()
const open = async (hash) => {
  await page.goto(`${http}/${hash}`)
  await until(hash, async () => (await page.locator('#main[aria-busy]').count()) === 0 && (await page.locator('#main .card').count()) > 0)
}

async function testSearch() {
  const block = await rpc(http, 'eth_getBlockByNumber', [made.swap.blockNumber, false])
  await ok('search: block by number and by hash', async () => {
    await search(String(Number(block.number)))
    await until('block', async () => (await text('h1')) === `Block ${Number(block.number)}`)
    assert.match(await fact('Hash'), new RegExp(block.hash))
    assert.equal(await fact('State root'), block.stateRoot)
    assert.match(await fact('Size'), new RegExp(`^${ethers.toNumber(block.size).toLocaleString('en-US')} bytes$`))
    await search(block.parentHash)
    await until('parent', async () => (await text('h1')) === `Block ${Number(block.number) - 1}`)
    await page.keyboard.press(']')
    await until('next', async () => (await text('h1')) === `Block ${Number(block.number)}`)
    assert.equal(await page.locator('table.list tbody tr').count(), block.transactions.length)
  })
  await ok('a block of many transactions has pages', async () => {
    await rpc(http, 'evm_setAutomine', [false])
    for (let i = 0; i < 60; i++)
      await rpc(http, 'eth_sendTransaction', [{ from: made.from, to: made.friend, value: '0x1' }])
    await rpc(http, 'evm_mine')
    await rpc(http, 'evm_setAutomine', [true])
    const big = await rpc(http, 'eth_getBlockByNumber', ['latest', false])
    assert.equal(big.transactions.length, 60)
    await open(`#/block/${big.hash}`)
    const rows = page.locator('table.list tbody tr')
    const hashes = () => rows.locator('td:nth-child(2) a').evaluateAll((all) => all.map((a) => a.hash.slice(5)))
    assert.deepEqual(await hashes(), big.transactions.slice(0, 25))
    await page.getByRole('button', { name: 'Later' }).click()
    await until('second page', async () => (await text('.pager')).includes('26–50 of 60'))
    await page.getByRole('button', { name: 'Later' }).click()
    await until('last page', async () => (await rows.count()) === 10)
    assert.deepEqual(await hashes(), big.transactions.slice(50))
    assert.ok(await page.getByRole('button', { name: 'Later' }).isDisabled())
  })
  await ok('search: transaction and address', async () => {
    await search(made.transfer.transactionHash)
    await until('tx', async () => (await hashNow()) === `#/tx/${made.transfer.transactionHash}` && (await text('h1')).startsWith('Transaction'))
    await search(made.friend)
    await until('address', async () => (await text('h1')).startsWith('Account'))
    assert.equal(await hashNow(), `#/address/${ethers.getAddress(made.friend)}`)
    assert.equal((await fact('Address')).trim(), ethers.getAddress(made.friend))
    const balance = await rpc(http, 'eth_getBalance', [made.friend, 'latest'])
    assert.equal((await fact('Balance')).replace(/,/g, ''), `${ethers.formatEther(balance).replace(/\.0$/, '')} METIS`)
  })
  await ok('the last transactions of an address', async () => {
    for (let i = 0; i < 3; i++) await made.token.call('transfer', [made.friend, 1n])
    await open(`#/address/${made.token.address}`)
    const want = []
    const head = await headNow()
    for (let n = head; n > head - 50 && n >= 0; n--) {
      const b = await rpc(http, 'eth_getBlockByNumber', [ethers.toQuantity(n), true])
      want.push(...b.transactions.reverse().filter((t) => t.to === made.token.address).map((t) => t.hash))
    }
    assert.ok(want.length >= 3)
    const list = page.getByRole('region', { name: /^Transactions of the last/ })
    assert.deepEqual(await list.locator('td:nth-child(2) a').evaluateAll((all) => all.map((x) => x.hash.slice(5))), want)
    await open(`#/address/${made.friend}`)
    assert.equal(await list.locator('tbody tr').count(), 25)
  })
  await ok('search: what is not there and what is not anything', async () => {
    await search(ethers.id('nothing'))
    await until('none', async () => (await text('#search-error')).startsWith('No block and no transaction'))
    await page.keyboard.press('Escape')
    await search('hello')
    await until('error', async () => (await text('#search-error')).startsWith('A block number'))
    await page.keyboard.press('Escape')
    await open(`#/tx/${ethers.id('nothing')}`)
    assert.match(await text('main'), /Neither the chain nor the pool/)
    await open('#/block/99999999')
    assert.match(await text('main'), /no such block/)
    await open('#/nowhere/1')
    assert.match(await text('main'), /Not found/)
  })
}

async function testTx() {
  await ok('a receipt: status, fee, decoded logs', async () => {
    await open(`#/tx/${made.swap.transactionHash}`)
    assert.equal(await text('.title .badge'), 'succeeded')
    const fee = BigInt(made.swap.gasUsed) * BigInt(made.swap.effectiveGasPrice)
    assert.ok((await fact('Fee')).startsWith(`${ethers.formatEther(fee)} METIS`))
    const logs = await page.locator('.log').allInnerTexts()
    assert.equal(logs.length, made.swap.logs.length)
    assert.match(logs[0], /^Transfer\s+ERC-20\s+5 TST/)
    const pair = new ethers.Interface(['event Swap(address indexed sender,uint256 amount0In,uint256 amount1In,uint256 amount0Out,uint256 amount1Out,address indexed to)'])
    const at = made.swap.logs.findIndex((l) => l.topics[0] === pair.getEvent('Swap').topicHash)
    assert.match(logs[at], /^Swap\s+Uniswap v2/)
    const swap = pair.parseLog(made.swap.logs[at])
    for (const name of ['amount0In', 'amount1In', 'amount0Out', 'amount1Out'])
      assert.ok(logs[at].replace(/,/g, '').match(new RegExp(`${name} uint256\\s+${swap.args[name]}\\b`)), name)
  })
  await ok('an approval without limit', async () => {
    const approval = (await rpc(http, 'eth_getLogs', [{ address: made.token.address, fromBlock: '0x0',
      topics: [ethers.id('Approval(address,address,uint256)')] }]))[0]
    assert.equal(BigInt(approval.data), ethers.MaxUint256)
    await open(`#/tx/${approval.transactionHash}`)
    assert.match(await text('.log'), /^Approval\s+ERC-20\s+unlimited TST[\s\S]*value uint256\s+2\^256 − 1/)
  })
  await ok('the L1 data fee', async () => {
    const oracle = '0x420000000000000000000000000000000000000F'
    const base = await rpc(http, 'eth_getStorageAt', [oracle, '0x2', 'latest'])
    await rpc(http, 'anvil_setStorageAt', [oracle, '0x2', ethers.toBeHex(30000000000n, 32)])
    const receipt = await me.send({ to: made.friend, value: '0x1' })
    await rpc(http, 'anvil_setStorageAt', [oracle, '0x2', base])
    assert.ok(BigInt(receipt.l1Fee) > 0n)
    await open(`#/tx/${receipt.transactionHash}`)
    const row = await fact('Of which L1 data')
    assert.ok(row.startsWith(`${ethers.formatEther(receipt.l1Fee)} METIS`), row)
    assert.ok(row.replace(/,/g, '').includes(`${BigInt(receipt.l1GasUsed)} L1 gas × 30 gwei × ${receipt.l1FeeScalar}`), row)
  })
  await ok('the call trace is the whole tree, and collapses', async () => {
    await open(`#/tx/${made.liquidity.transactionHash}`)
    const trace = await rpc(http, 'debug_traceTransaction', [made.liquidity.transactionHash, { tracer: 'callTracer' }])
    const size = (f) => 1 + (f.calls ?? []).reduce((n, c) => n + size(c), 0)
    assert.ok(size(trace) > 5)
    await page.getByRole('button', { name: 'Open all' }).click()
    assert.equal(await page.locator('[role=treeitem]:visible').count(), size(trace))
    assert.match(await text('[role=treeitem]'), /addLiquidityETH\(token: 0x/)
    await page.getByRole('button', { name: 'Close all' }).click()
    assert.equal(await page.locator('[role=treeitem]:visible').count(), 1)
  })
  await ok('a trace of many calls is shown a part at a time', async () => {
    await open(`#/tx/${made.many.transactionHash}`)
    const { calls } = await rpc(http, 'debug_traceTransaction', [made.many.transactionHash, { tracer: 'callTracer' }])
    const items = page.locator('[role=treeitem][aria-level="2"]:not(.more):visible')
    assert.equal(calls.length, 250)
    assert.equal(await items.count(), 100)
    await page.locator('.more').click()
    assert.equal(await items.count(), 200)
    assert.match(await text('.more'), /^50 more of 50$/)
    await page.locator('.more').focus()
    await page.keyboard.press('Enter')
    assert.equal(await items.count(), 250)
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-level')), '2')
  })
  await ok('a known custom error, a revert text', async () => {
    await open(`#/tx/${made.refused.transactionHash}`)
    assert.equal(await text('.title .badge'), 'failed')
    assert.match(await fact('Reason'), /^ERC20InsufficientAllowance[\s\S]*needed uint256\s+1,000,000,000,000,000,000,000,000/)
    await open(`#/tx/${made.reverted.transactionHash}`)
    assert.ok((await fact('Reason')).startsWith(EVIL_REASON.replace('\u202e', '\ufffd')))
  })
  await ok('a transaction that waits, then is in a block', async () => {
    await rpc(http, 'evm_setAutomine', [false])
    const hash = await rpc(http, 'eth_sendTransaction', [{ from: made.from, to: made.friend, value: '0x1' }])
    await open(`#/tx/${hash}`)
    assert.equal(await text('.title .badge'), 'waiting in the pool')
    await rpc(http, 'evm_mine')
    await rpc(http, 'evm_setAutomine', [true])
    await until('in a block', async () => (await text('.title .badge')) === 'succeeded')
  })
  await ok('what contracts say is never run', async () => {
    await open(`#/address/${made.evil.address}`)
    assert.ok((await fact('Name')).startsWith(EVIL_NAME.slice(0, 30)))
    await open(`#/tx/${made.evil.receipt.transactionHash}`)
    await open(`#/tx/${made.reverted.transactionHash}`)
    assert.equal(await page.evaluate(() => window.hacked), undefined)
    assert.equal(await page.locator('main img, main script, main b, main [onload], main [onerror]').count(), 0)
    const refused = await page.evaluate(() => {
      try {
        document.body.innerHTML += ''
        return false
      } catch {
        return true
      }
    })
    assert.ok(refused, 'the policy lets text become HTML')
  })
}

// ---- keyboard, contrast, width ----

const routes = () => ['#/', `#/block/${Number(made.swap.blockNumber)}`, `#/tx/${made.swap.transactionHash}`,
  `#/tx/${made.refused.transactionHash}`, `#/address/${made.evil.address}`, `#/address/${made.from}`]

async function testKeyboard() {
  await ok('skip link, order and sight of the focus', async () => {
    await open('#/')
    await page.reload()
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => document.activeElement.id), 'skip')
    await page.keyboard.press('Enter')
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main')
    await open(`#/tx/${made.swap.transactionHash}`)
    await page.reload()
    await until('trace', () => page.locator('[role=tree]').isVisible())
    assert.deepEqual(await focusProblems(page, 45), [])
  })
  await ok('shortcuts', async () => {
    await open('#/')
    await page.keyboard.press('?')
    assert.ok(await page.locator('dialog').isVisible())
    await page.keyboard.press('Escape')
    assert.ok(!(await page.locator('dialog').isVisible()))
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    const second = await page.locator('.blocks tbody tr').nth(1).locator('a').getAttribute('href')
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), second)
    await page.keyboard.press('Enter')
    await until('block', async () => (await hashNow()) === second)
    await until('focus', async () => (await page.evaluate(() => document.activeElement.id)) === 'title')
    await page.keyboard.press('[')
    await until('before', async () => (await hashNow()) !== second)
    await page.keyboard.press('h')
    await until('home', async () => (await text('h1')) === 'Overview')
    for (const theme of ['light', 'dark', undefined]) {
      await page.keyboard.press('t')
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme)
    }
  })
  await ok('the tree by arrows', async () => {
    await open(`#/tx/${made.swap.transactionHash}`)
    await page.locator('[role=treeitem][tabindex="0"]').focus()
    const focused = (f) => page.evaluate(f)
    assert.equal(await focused(() => document.activeElement.getAttribute('aria-level')), '1')
    await page.keyboard.press('ArrowRight')
    assert.equal(await focused(() => document.activeElement.getAttribute('aria-level')), '2')
    await page.keyboard.press('Enter')
    assert.equal(await focused(() => document.activeElement.getAttribute('aria-expanded')), 'true')
    await page.keyboard.press('ArrowLeft')
    assert.equal(await focused(() => document.activeElement.getAttribute('aria-expanded')), 'false')
    await page.keyboard.press('ArrowLeft')
    assert.equal(await focused(() => document.activeElement.getAttribute('aria-level')), '1')
    await page.keyboard.press('End')
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowLeft')
    assert.equal(await page.locator('[role=treeitem]:visible').count(), 1)
  })
}

async function testLooks() {
  // A colour that is still on its way from the other scheme is not the page's.
  await page.emulateMedia({ reducedMotion: 'reduce' })
  for (const scheme of ['light', 'dark']) {
    await ok(`contrast of at least 4.5, ${scheme}`, async () => {
      await page.emulateMedia({ colorScheme: scheme })
      for (const route of routes()) {
        await open(route)
        assert.deepEqual(await contrastProblems(page, 4.5), [], route)
      }
    })
  }
  await ok('no horizontal scrolling from 360 to 1920 px', async () => {
    for (const route of routes()) {
      await open(route)
      for (const width of [360, 390, 768, 1024, 1440, 1920]) {
        await page.setViewportSize({ width, height: 800 })
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        assert.ok(over <= 0, `${route} at ${width} px: ${over} px too wide`)
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 })
  })
  if (!opt.shots) return
  mkdirSync(opt.shots, { recursive: true })
  for (const [width, scheme] of [[1440, 'light'], [1440, 'dark'], [390, 'light'], [390, 'dark']]) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.setViewportSize({ width, height: 900 })
    for (const [i, route] of routes().entries()) {
      await open(route)
      await page.screenshot({ path: join(opt.shots, `${i}-${width}-${scheme}.png`), fullPage: true })
    }
  }
}

async function testOther() {
  await ok('the other network has a page of its own', async () => {
    await page.goto(`${http}/`)
    await page.getByRole('region', { name: 'Networks' }).getByRole('link', { name: 'hyperion-dev' }).click()
    await until('its name', async () => (await text('#network')) === 'hyperion-dev')
    const there = node.networks[1].http
    await until('its head', async () => (await headShown()) === Number(await rpc(there, 'eth_blockNumber')))
    const [from, to] = await rpc(there, 'eth_accounts')
    const receipt = await sender(there, from).send({ to, value: '0x1' })
    await page.goto(`${there}/#/tx/${receipt.transactionHash}`)
    await until('its transaction', async () => (await page.locator('.title .badge').count()) === 1)
    assert.equal(await page.locator('dt', { hasText: 'Of which L1 data' }).count(), 0)
  })
}

async function testNarrowed() {
  await ok('a node that answers less (rpc.api) still has its page', async () => {
    const less = await startMetisd(opt.bin, ['dev', '--network', 'hyperion-dev', '--rpc.port', '0', '--rpc.api', 'eth'])
    const there = less.networks[0].http
    hosts.push(new URL(there).host)
    const [from, to] = await rpc(there, 'eth_accounts')
    const receipt = await sender(there, from).send({ to, value: '0x1' })
    await page.goto(`${there}/`)
    await until('head', async () => (await headShown()) === 1)
    await page.goto(`${there}/#/tx/${receipt.transactionHash}`)
    await until('trace', async () => /does not answer this method/.test(await page.getByRole('region', { name: 'Call trace' }).innerText()))
    assert.equal(await text('.title .badge'), 'succeeded')
    await page.goto(`${there}/#/address/${to}`)
    await until('address', async () => (await text('h1')).startsWith('Account'))
    assert.equal(await page.locator('.failed').count(), 0)
    await page.goto(`${http}/`)
    assert.equal(await less.stop(), 0)
  })
}

// ---- restart of the node ----

async function testReconnect() {
  await ok('says so when the node is away, and comes back by itself', async () => {
    await page.setViewportSize({ width: 1280, height: 800 })
    await open('#/')
    const before = await headNow()
    await until('head', async () => (await headShown()) === before)
    assert.equal(await node.stop(), 0)
    await until('disconnected', async () => (await page.locator('#notice').isVisible()) && /not answer/.test(await text('#notice')))
    assert.match(await text('#state-text'), /Disconnected|Connecting/)
    offline = true
    await sleep(1500)
    const port = new URL(http).port
    node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', port, '--datadir', datadir])
    await until('live', async () => (await text('#state-text')) === 'Live')
    assert.ok(!(await page.locator('#notice').isVisible()))
    await me.send({ to: made.friend, value: '0x1' })
    await until('head moves', async () => (await headShown()) === before + 1)
    offline = false
    await until('networks', async () => (await page.getByRole('region', { name: 'Networks' }).locator('tbody tr').count()) === 1)
  })
}

// ---- the run ----

const datadir = tempDir()
let node = await startMetisd(opt.bin, ['dev', '--rpc.port', '0', '--datadir', datadir])
const http = node.networks[0].http
const made = await populate(http)
const me = sender(http, made.from)
await testServer()

const context = await chromium.launchPersistentContext(tempDir(), { executablePath: opt.chromium, headless: true,
  viewport: { width: 1280, height: 800 },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'] })
context.setDefaultTimeout(40000)
const page = await context.newPage()
let offline = false // a connection that is refused is then no surprise
const hosts = node.networks.map((n) => new URL(n.http).host)
const ours = (url) => hosts.includes(new URL(url).host) || url === 'about:blank'
const noise = []
const foreign = []
page.on('console', (m) => {
  const refused = /ERR_CONNECTION_(REFUSED|RESET|CLOSED)|WebSocket connection/.test(m.text())
  const mine = /requires 'TrustedHTML'/.test(m.text()) // the attempt of the test
  if (['error', 'warning'].includes(m.type()) && !mine && !refused) noise.push(m.text())
  else if (refused && !offline && !stopping()) noise.push(m.text())
})
page.on('pageerror', (e) => noise.push(e.message))
page.on('request', (r) => {
  if (!ours(r.url())) foreign.push(r.url())
})
page.on('websocket', (w) => {
  if (!ours(w.url())) foreign.push(w.url())
})
const stopping = () => node.child.killed || node.child.exitCode !== null

await testHome()
await testSearch()
await testTx()
await testKeyboard()
await testLooks()
await testDecoding(page, ok, opt.seed)
await testOther()
await testNarrowed()
await testReconnect()
await ok('nothing in the console, no request to another host', async () => {
  assert.deepEqual(noise, [])
  assert.deepEqual(foreign, [])
})
await context.close()
await ok('clean stop', async () => assert.equal(await node.stop(), 0))
process.exit(count.summary() ? 0 : 1)
