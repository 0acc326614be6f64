// Pieces that every view is made of.
import { h, clean, icon } from './dom.js'
import { addr, cut, num, percent, age, time, UINT_MAX } from './format.js'
import { NAMES } from './signatures.js'

export const link = (href, text, props) => h('a', { href, ...props }, text)
export const blockLink = (n) => link(`#/block/${Number(n)}`, num(Number(n)), { class: 'n' })
export const hashLink = (kind, hash, full) =>
  link(`#/${kind}/${hash}`, full ? hash : cut(hash), { class: 'mono', title: full ? null : hash })

export function addressLink(address, full) {
  const text = addr(address)
  const name = NAMES[address.toLowerCase()]
  return h('span', { class: 'addr' },
    name && h('span', { class: 'tag' }, name), name && ' ',
    link(`#/address/${text}`, full ? text : cut(text), { class: 'mono', title: full ? null : text }))
}

export function copyButton(text, what) {
  const b = h('button', { class: 'copy', type: 'button', 'aria-label': `Copy ${what}`,
    title: `Copy ${what}` }, icon('copy'))
  b.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text)
      b.replaceChildren(icon('done'))
    } catch { // not a secure context
      b.replaceChildren(icon('failed'))
    }
    setTimeout(() => b.replaceChildren(icon('copy')), 1200)
  })
  return b
}
export const withCopy = (node, text, what) => h('span', { class: 'copyable' }, node, copyButton(text, what))
export const hashText = (hash, what) => withCopy(h('span', { class: 'mono' }, hash), hash, what)

export const badge = (kind, text) => h('span', { class: `badge ${kind}` }, text)

// A share of a whole as a bar; the text beside it says the numbers.
export function meter(part, all) {
  const m = h('span', { class: 'meter', 'aria-hidden': 'true' }, h('i'))
  setMeter(m, part, all)
  return m
}
export function setMeter(m, part, all) {
  const share = all > 0 ? Math.min(1, part / all) : 0
  m.firstChild.style.transform = `scaleX(${share.toFixed(4)})`
}
export const gasOf = (used, limit) =>
  h('span', { class: 'gas' }, `${num(used)} of ${num(limit)} gas · ${percent(used, limit)}`, meter(used, limit))

// Rows of [name, value]; without a value the row is left out.
export const facts = (rows) => h('dl', { class: 'facts' },
  rows.filter(([, v]) => v !== null && v !== undefined && v !== false)
    .map(([k, v]) => h('div', null, h('dt', null, k), h('dd', null, v))))

export const card = (title, ...children) =>
  h('section', { class: 'card', 'aria-label': title }, h('h2', null, title), children)

export const heading = (kind, text, ...extra) =>
  h('div', { class: 'title' }, h('h1', { tabindex: '-1', id: 'title' }, h('span', null, kind), ' ', text), extra)

export const moment = (seconds) =>
  `${time(seconds)} · ${age(Date.now() / 1000 - seconds)} ago`

export const empty = (text) => h('p', { class: 'empty' }, text)

export function failure(e) {
  const words = { '-32601': 'this node does not answer this method (rpc.api)', offline: 'not connected' }
  return h('p', { class: 'failed', role: 'alert' }, clean(words[e.code] ?? e.message, 300))
}

// Bytes: the first ones, and all on demand in a box that scrolls.
const DATA_MAX = 20000
export function data(hex, what) {
  if (!hex || hex === '0x') return h('span', { class: 'faint' }, 'none')
  const size = (hex.length - 2) / 2
  const label = `${num(size)} ${size === 1 ? 'byte' : 'bytes'}`
  if (size <= 36) return h('span', null, h('span', { class: 'mono' }, hex), ` (${label})`)
  return h('details', { class: 'data' }, h('summary', null, h('span', { class: 'mono' }, hex.slice(0, 26) + '…'), ` ${label}`),
    h('pre', { tabindex: '0', 'aria-label': what }, hex.length > DATA_MAX ? hex.slice(0, DATA_MAX) + '… (cut)' : hex),
    copyButton(hex, what))
}

// The object as it came.
export function raw(value) {
  const box = h('details', { class: 'card raw' }, h('summary', null, 'JSON'))
  box.addEventListener('toggle', () => {
    if (!box.open || box.childElementCount > 1) return
    const text = JSON.stringify(value, null, 2)
    box.append(h('pre', { tabindex: '0', 'aria-label': 'JSON' }, text.length > 200000 ? text.slice(0, 200000) + '\n… (cut)' : text))
  })
  return box
}

// A decoded value of abi.js as nodes; lists become lists.
export function value(v, type) {
  if (Array.isArray(v)) {
    if (v.length === 0) return h('span', { class: 'faint' }, 'empty')
    return h('ul', { class: 'values' }, v.map((x) =>
      h('li', null, x.name && h('span', { class: 'key' }, clean(x.name), ' '), value(x.value, x.type))))
  }
  if (type === 'address') return addressLink(v)
  if (typeof v === 'bigint') return h('span', { class: 'n' }, v === UINT_MAX ? '2^256 − 1' : num(v))
  if (type === 'string') return h('q', null, clean(v, 400))
  if (type === 'bytes') return data(v, 'bytes')
  return h('span', { class: 'mono' }, String(v))
}
export const args = (list) => (list.length === 0 ? null : h('dl', { class: 'args' }, list.map((a) =>
  h('div', null, h('dt', null, clean(a.name), h('span', { class: 'type' }, ` ${a.type.length > 24 ? 'tuple' : a.type}`)),
    h('dd', null, value(a.value, a.type))))))
