// The overview: head, rates, the last blocks, pool, database, networks, node. Cells are made
// once and only their text changes, so nothing on the page moves when blocks come.
import { h, setText, setAttr, nextFrame } from './dom.js'
import { num, bytes, gwei, age, ageShort, cut, percent, si, addr } from './format.js'
import { card, meter, setMeter } from './parts.js'
import { Plot, SPANS } from './plot.js'

const ROWS = 17

const secondsSince = (t) => Date.now() / 1000 - t

function headCard() {
  const number = h('a', { class: 'big', href: '#/block/latest' }, '–')
  const hash = h('a', { class: 'mono', href: '#/block/latest' }, '–')
  const cells = {}
  const row = (key, label) => h('div', null, h('dt', null, label), h('dd', null, cells[key] = h('span', { class: 'n' }, '–')))
  const bar = meter(0, 1)
  const root = h('section', { class: 'card head', 'aria-label': 'Head' }, h('h2', null, 'Head'),
    h('p', { class: 'figure' }, number, ' ', h('span', { class: 'unit' }, 'block')),
    h('dl', { class: 'pairs' }, row('age', 'Age'), row('txs', 'Transactions'), row('gas', 'Gas used'),
      h('div', { class: 'wide' }, bar), row('fee', 'Base fee'),
      h('div', null, h('dt', null, 'Hash'), h('dd', null, hash))))
  return { root, draw(head) {
    if (!head) return
    setText(number, num(head.number))
    setAttr(number, 'href', `#/block/${head.number}`)
    setText(hash, cut(head.hash))
    setAttr(hash, 'href', `#/block/${head.hash}`)
    setText(cells.age, age(secondsSince(head.time)))
    setText(cells.txs, head.txs === null ? '…' : num(head.txs))
    setText(cells.gas, `${si(head.gasUsed)} · ${percent(head.gasUsed, head.gasLimit)}`)
    setText(cells.fee, head.baseFee ? gwei(head.baseFee) : 'none')
    setMeter(bar, head.gasUsed, head.gasLimit)
  } }
}

// The list holds still while someone points at it or has the focus in it.
function blockList(chain) {
  const body = h('tbody')
  const rows = []
  for (let i = 0; i < ROWS; i++) {
    const r = { link: h('a', { class: 'n' }), time: h('span'), txs: h('span'), gas: h('span'),
      fee: h('span'), hash: h('span', { class: 'mono' }), bar: meter(0, 1), miner: h('span', { class: 'mono' }) }
    r.root = h('tr', { class: 'void' }, h('td', null, r.link), h('td', { class: 'n' }, r.time),
      h('td', { class: 'n' }, r.txs), h('td', { class: 'n gas-cell' }, r.gas, r.bar),
      h('td', { class: 'n wide-only' }, r.fee), h('td', { class: 'wide-only' }, r.hash),
      h('td', { class: 'wider-only' }, r.miner))
    rows.push(r)
    body.append(r.root)
  }
  const note = h('span', { class: 'note' })
  const root = h('section', { class: 'card blocks', 'aria-label': 'Recent blocks' },
    h('div', { class: 'card-top' }, h('h2', null, 'Recent blocks'), note),
    h('div', { class: 'scroll' }, h('table', { class: 'list' },
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Block'), h('th', { scope: 'col', class: 'n' }, 'Age'),
        h('th', { scope: 'col', class: 'n' }, h('span', { class: 'full' }, 'Transactions'), h('span', { class: 'brief' }, 'Txs')),
        h('th', { scope: 'col', class: 'n' }, 'Gas used'),
        h('th', { scope: 'col', class: 'n wide-only' }, 'Base fee'), h('th', { scope: 'col', class: 'wide-only' }, 'Hash'),
        h('th', { scope: 'col', class: 'wider-only' }, 'Builder'))), body)))
  let shown = []
  const held = () => body.matches(':hover') || body.contains(document.activeElement)
  const calm = matchMedia('(prefers-reduced-motion: reduce)')
  return { root, draw() {
    const still = held() && shown.length > 0
    const newest = shown[0]?.hash
    if (!still) shown = chain.recent.slice(0, ROWS)
    const behind = still ? (chain.head?.number ?? 0) - shown[0].number : 0
    setText(note, still ? `held while you are here${behind > 0 ? ` · ${num(behind)} new` : ''}` : '')
    rows.forEach((r, i) => {
      const b = shown[i]
      setAttr(r.root, 'class', b ? '' : 'void')
      if (!b) {
        r.link.removeAttribute('href')
        for (const cell of [r.link, r.time, r.txs, r.gas, r.fee, r.hash, r.miner]) setText(cell, '\u00a0')
        return
      }
      setText(r.link, num(b.number))
      setAttr(r.link, 'href', `#/block/${b.number}`)
      setText(r.time, ageShort(secondsSince(b.time)))
      setText(r.txs, b.txs === null ? '…' : num(b.txs))
      setText(r.gas, si(b.gasUsed))
      setMeter(r.bar, b.gasUsed, b.gasLimit)
      setText(r.fee, b.baseFee ? gwei(b.baseFee) : '–')
      setText(r.hash, cut(b.hash))
      setText(r.miner, cut(addr(b.miner)))
    })
    if (shown[0] && newest && shown[0].hash !== newest && !calm.matches)
      rows[0].root.animate([{ backgroundColor: 'var(--flash)' }, { backgroundColor: 'transparent' }],
        { duration: 700, easing: 'ease-out' })
  } }
}

function pairs(title, keys) {
  const cells = {}
  const root = card(title, h('dl', { class: 'pairs' }, keys.map(([key, label]) =>
    key === '-' ? h('div', { class: 'wide' }, cells.bar = meter(0, 1))
      : h('div', null, h('dt', null, label), h('dd', { class: 'n' }, cells[key] = h('span', null, '–'))))))
  return { root, cells }
}

function networkList() {
  const body = h('tbody')
  const root = card('Networks', h('div', { class: 'scroll' }, h('table', { class: 'list' }, h('thead', null, h('tr', null,
    h('th', { scope: 'col' }, 'Name'), h('th', { scope: 'col', class: 'n chain-id' }, 'Chain id'),
    h('th', { scope: 'col', class: 'n' }, 'Port'), h('th', { scope: 'col', class: 'n' }, 'Head'))), body)))
  const rows = new Map()
  return { root, draw(status) {
    for (const [name, r] of rows) {
      const now = status.networks.find((n) => n.name === name)
      if (now && String(now.port) === r.port.textContent) continue
      r.root.remove()
      rows.delete(name)
    }
    for (const n of status.networks) {
      let r = rows.get(n.name)
      if (!r) {
        const here = n.name === status.network
        const url = `${location.protocol}//${location.hostname}:${n.port}/`
        r = { head: h('span'), port: h('span') }
        r.root = h('tr', null, h('td', null, here ? h('span', { 'aria-current': 'true', class: 'here' }, n.name)
          : h('a', { href: url }, n.name)), h('td', { class: 'n chain-id' }, String(n.chainId)),
          h('td', { class: 'n' }, r.port), h('td', { class: 'n' }, r.head))
        body.append(r.root)
        rows.set(n.name, r)
      }
      setText(r.head, num(n.head))
      setText(r.port, String(n.port))
    }
  } }
}

const ROLES = { dev: 'development', sequences: 'sequencer', follows: 'follower' }

export function homeView({ chain, status }) {
  const head = headCard()
  const plots = [new Plot(chain.rates, 'blocks', 'Block rate', 'blocks/s'),
    new Plot(chain.rates, 'gas', 'Gas', 'gas/s'), new Plot(chain.rates, 'txs', 'Transactions', 'tx/s')]
  const list = blockList(chain)
  const pool = pairs('Pool', [['pending', 'Pending'], ['queued', 'Queued'], ['-'], ['max', 'Limit']])
  const db = pairs('Database', [['size', 'Size'], ['free', 'Free inside'], ['-'], ['cap', 'Cap'], ['state', 'State kept']])
  const node = pairs('Node', [['role', 'Role'], ['up', 'Running for'], ['memory', 'Memory'],
    ['connections', 'Connections'], ['jobs', 'Executor jobs']])
  const nets = networkList()
  const spans = h('div', { class: 'spans', role: 'group', 'aria-label': 'Time span of the plots' },
    SPANS.map((s, i) => h('button', { type: 'button', 'aria-pressed': String(i === 0), onclick: (e) => {
      for (const b of spans.children) b.setAttribute('aria-pressed', String(b === e.currentTarget))
      for (const p of plots) p.span = s
      nextFrame(draw)
    } }, s.label)))
  const root = h('div', { class: 'home' },
    h('div', { class: 'title' }, h('h1', { tabindex: '-1', id: 'title' }, 'Overview'), spans),
    h('div', { class: 'tiles' }, head.root, plots.map((p) => p.root)),
    h('div', { class: 'columns' }, list.root,
      h('div', { class: 'side' }, pool.root, db.root, nets.root, node.root)))

  function drawStatus() {
    const s = status.value
    const n = s?.networks.find((x) => x.name === s.network)
    if (!n) return
    setText(pool.cells.pending, `${num(n.pending)} tx`)
    setText(pool.cells.queued, `${num(n.queued)} tx`)
    setText(pool.cells.max, `${num(n.poolMax)} tx`)
    setMeter(pool.cells.bar, n.pending + n.queued, n.poolMax)
    if (n.dbBytes !== undefined) {
      setText(db.cells.size, bytes(n.dbBytes))
      setText(db.cells.free, bytes(n.dbFreeBytes))
      setText(db.cells.cap, bytes(n.dbMaxBytes))
      setText(db.cells.state, `from block ${num(n.stateFrom)}`)
      setMeter(db.cells.bar, n.dbBytes, n.dbMaxBytes)
    }
    setText(node.cells.role, ROLES[n.role] ?? n.role)
    setText(node.cells.up, age(s.uptimeMs / 1000))
    setText(node.cells.memory, bytes(s.memoryBytes))
    setText(node.cells.connections, num(n.connections))
    setText(node.cells.jobs, num(n.jobs))
    nets.draw(s)
  }
  function draw() {
    chain.tick()
    head.draw(chain.head)
    for (const p of plots) p.draw()
    list.draw()
    drawStatus()
  }
  draw()
  return { root, title: 'Overview', draw, close: () => plots.forEach((p) => p.remove()) }
}
