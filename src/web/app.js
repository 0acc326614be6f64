// Start, routes, search, keys, theme. The route lives in the hash: #/block/12, #/tx/0x…,
// #/address/0x…; anything else is the overview.
import { h, byId, setText, setAttr, nextFrame, clean, icon } from './dom.js'
import { num, addr } from './format.js'
import { Client } from './client.js'
import { Chain, Status } from './chain.js'
import { heading, failure, card } from './parts.js'
import { homeView } from './home.js'
import { blockView } from './block.js'
import { txView } from './tx.js'
import { addressView } from './address.js'

const STATUS_MS = 2000
const ANNOUNCE_MS = 10000

const client = new Client(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/`)
const chain = new Chain(client)
const status = new Status(chain, STATUS_MS)
const context = { client, chain, status }

// ---- routes ----

const ROUTES = [
  [/^#\/block\/(0x[0-9a-f]{64}|\d{1,18}|latest|earliest|safe|finalized)$/i, blockView, 'Block'],
  [/^#\/tx\/(0x[0-9a-f]{64})$/i, txView, 'Transaction'],
  [/^#\/address\/(0x[0-9a-f]{40})$/i, addressView, 'Address'],
]
let view = { title: '' }
let turn = 0
let failedOffline = false

async function makeView() {
  const hash = location.hash
  for (const [pattern, make, kind] of ROUTES) {
    const m = pattern.exec(hash)
    if (!m) continue
    try {
      return await make(context, m[1])
    } catch (e) {
      failedOffline = e.code === 'offline'
      return { root: h('div', null, heading(kind, clean(m[1], 70)), card('Not shown', failure(e))), title: kind }
    }
  }
  if (hash === '' || hash === '#/' || hash === '#') return homeView(context)
  return { root: h('div', null, heading('Not found', ''), card('No such page', h('p', null, 'The address has no page. ', h('a', { href: '#/' }, 'Overview')))), title: 'Not found' }
}

async function show({ focus }) {
  const mine = ++turn
  byId('main').setAttribute('aria-busy', 'true')
  failedOffline = false
  const next = await makeView()
  if (mine !== turn) {
    next.close?.()
    return
  }
  view.close?.()
  view = next
  const main = byId('main')
  main.replaceChildren(next.root)
  main.removeAttribute('aria-busy')
  if (focus) {
    scrollTo(0, 0)
    byId('title')?.focus({ preventScroll: true })
  }
  nextFrame(frame)
}
addEventListener('hashchange', () => show({ focus: true }))

// ---- drawing ----

let announced = 0
function announce() {
  if (Date.now() - announced < ANNOUNCE_MS || !chain.head) return
  announced = Date.now()
  setText(byId('announce'), `Head is block ${num(chain.head.number)}`)
}

function frame() {
  view.draw?.()
  const name = status.value?.network ?? (chain.chainId ? `chain ${chain.chainId}` : '')
  setText(byId('network'), name || '\u00a0')
  const title = [view.title, chain.head && `#${num(chain.head.number)}`, name || 'metisd'].filter(Boolean).join(' · ')
  if (document.title !== title) document.title = title
  if (status.value) setText(byId('version'), `metisd ${status.value.version} (${status.value.commit})`)
  announce()
}

chain.addEventListener('change', () => {
  nextFrame(frame)
  if (view.waits) show({ focus: false })
})
status.addEventListener('change', () => nextFrame(frame))
setInterval(() => nextFrame(frame), 1000)

// ---- the connection ----

const STATES = { live: 'Live', connecting: 'Connecting', waiting: 'Disconnected' }
let wasLive = false
function drawState() {
  setAttr(byId('state'), 'data-state', client.state)
  setText(byId('state-text'), STATES[client.state])
  const lost = client.state !== 'live' && (wasLive || client.failures > 0)
  byId('notice').hidden = !lost
  if (!lost) return
  const wait = Math.max(0, Math.ceil((client.retryAt - Date.now()) / 1000))
  setText(byId('notice-text'), client.state === 'waiting'
    ? `The node does not answer. What you see is from before; next try in ${wait} s.` : 'The node does not answer. Trying again…')
}
client.addEventListener('state', () => {
  if (client.state === 'live') {
    wasLive = true
    if (failedOffline) show({ focus: false })
    status.ask()
  }
  nextFrame(drawState)
})
setInterval(() => client.state === 'waiting' && nextFrame(drawState), 1000)
byId('retry').addEventListener('click', () => client.retry())

// ---- search ----

async function find(text) {
  const t = text.trim().replace(/^#/, '')
  const digits = t.replace(/[,_\s']/g, '')
  if (/^(latest|earliest|safe|finalized)$/i.test(t)) return `#/block/${t.toLowerCase()}`
  if (/^\d{1,18}$/.test(digits)) return `#/block/${digits}`
  if (/^(0x)?[0-9a-f]{40}$/i.test(t)) return `#/address/${addr(t.startsWith('0x') ? t : `0x${t}`)}`
  if (/^(0x)?[0-9a-f]{64}$/i.test(t)) {
    const hash = (t.startsWith('0x') ? t : `0x${t}`).toLowerCase()
    const [tx, block] = await client.batch([['eth_getTransactionByHash', [hash]], ['eth_getHeaderByHash', [hash]]])
    if (block?.hash) return `#/block/${hash}`
    return tx?.hash ? `#/tx/${hash}` : null
  }
  if (/^0x[0-9a-f]{1,15}$/i.test(t)) return `#/block/${Number(t)}`
  throw new Error('A block number or hash, a transaction hash, or an address')
}

const query = byId('query')
byId('search').addEventListener('submit', async (event) => {
  event.preventDefault()
  const text = query.value
  if (text.trim() === '') return
  try {
    const to = await find(text)
    setText(byId('search-error'), to ? '' : 'No block and no transaction has this hash')
    if (!to) return
    query.value = ''
    if (location.hash === to) show({ focus: true })
    else location.hash = to
  } catch (e) {
    setText(byId('search-error'), clean(e.message, 120))
  }
})
query.addEventListener('input', () => setText(byId('search-error'), ''))
query.addEventListener('blur', () => setText(byId('search-error'), ''))

// ---- theme ----

const THEMES = ['', 'light', 'dark']
const THEME_WORDS = { '': 'Theme: as the system', light: 'Theme: light', dark: 'Theme: dark' }
function setTheme(theme) {
  const root = document.documentElement
  if (theme) root.dataset.theme = theme
  else delete root.dataset.theme
  const words = THEME_WORDS[theme]
  byId('theme-icon').replaceChildren(icon(theme || 'system'))
  setText(byId('theme-text'), words)
  byId('theme').title = `${words} (t)`
  try {
    localStorage.setItem('theme', theme)
  } catch { /* storage is off: it lasts as long as the page */ }
}
const theme = () => document.documentElement.dataset.theme ?? ''
const nextTheme = () => setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length])
byId('theme').addEventListener('click', nextTheme)
setTheme(theme())

// ---- keys ----

// j and k go through the first links of the rows of lists.
function moveRow(step) {
  const rows = [...document.querySelectorAll('table.list tbody tr:not(.void), .logs > li')]
    .map((r) => r.querySelector('a[href]')).filter(Boolean)
  if (rows.length === 0) return
  const at = rows.findIndex((a) => a === document.activeElement)
  rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))].focus()
}
const go = (hash) => {
  if (hash) location.hash = hash
}
const KEYS = {
  '/': () => { query.focus(); query.select() },
  h: () => go('#/'),
  l: () => go(`#/block/${chain.head ? chain.head.number : 'latest'}`),
  j: () => moveRow(1),
  k: () => moveRow(-1),
  '[': () => go(view.prev),
  ']': () => go(view.next),
  t: nextTheme,
  '?': () => byId('keys').showModal(),
}
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
  if (event.target.matches('input, textarea, select')) {
    if (event.key === 'Escape') byId('title')?.focus()
    return
  }
  if (byId('keys').open || !KEYS[event.key]) return
  event.preventDefault()
  KEYS[event.key]()
})
byId('help').addEventListener('click', () => byId('keys').showModal())
// The hash is the route, so the skip link moves the focus itself.
byId('skip').addEventListener('click', (event) => {
  event.preventDefault()
  byId('main').focus()
})

show({ focus: false })
nextFrame(drawState)
