// A call trace as a tree (WAI-ARIA's tree pattern: arrows move, open and close). Calls are
// made into elements when their parent is opened, a hundred at a time, so that a trace of
// thousands of calls costs only what is looked at.
import { h, clean } from './dom.js'
import { num, coin, big, cut } from './format.js'
import { addressLink, args, badge, data } from './parts.js'
import { decodeCall, decodeRevert } from './abi.js'

const PART = 100
const OPEN_AT_START = 40
const OPEN_MAX = 500

// Arguments in a line, as a reader of code would write them.
function plain(v) {
  if (Array.isArray(v)) return `[${v.slice(0, 4).map((x) => plain(x.value)).join(', ')}${v.length > 4 ? ', …' : ''}]`
  if (typeof v === 'string' && /^0x[0-9a-f]{20,}$/i.test(v)) return cut(v)
  return clean(v, 40)
}
const argLine = (call) => clean(`(${call.args.map((a) => `${a.name ? `${a.name}: ` : ''}${plain(a.value)}`).join(', ')})`, 110)

function callName(frame) {
  if (/^CREATE/.test(frame.type)) return 'constructor'
  if (frame.type === 'SELFDESTRUCT') return 'self-destruct'
  const call = decodeCall(frame.input)
  if (call) return [call.name, h('span', { class: 'faint' }, argLine(call))]
  if (!frame.input || frame.input === '0x') return frame.value && big(frame.value) > 0n ? 'transfer of value' : 'no input'
  return frame.input.slice(0, 10)
}

function reasonOf(frame) {
  if (!frame.error) return null
  const revert = decodeRevert(frame.output)
  return revert ? revert.text : frame.revertReason ?? frame.error
}

function detailsOf(frame) {
  const call = /^CREATE/.test(frame.type) ? null : decodeCall(frame.input)
  const revert = frame.error && decodeRevert(frame.output)
  return h('div', { class: 'frame-more' },
    call ? args(call.args) : h('dl', { class: 'args' }, h('div', null, h('dt', null, 'input'), h('dd', null, data(frame.input, 'input')))),
    h('dl', { class: 'args' },
      revert && h('div', null, h('dt', null, 'error'), h('dd', null, clean(revert.text, 400), args(revert.args))),
      h('div', null, h('dt', null, 'caller'), h('dd', null, addressLink(frame.from))),
      frame.output && !frame.error && h('div', null, h('dt', null, 'output'), h('dd', null, data(frame.output, 'output'))),
      h('div', null, h('dt', null, 'gas'), h('dd', { class: 'n' }, `${num(big(frame.gasUsed))} of ${num(big(frame.gas))}`))))
}

function makeItem(frame, level) {
  const children = frame.calls ?? []
  const reason = reasonOf(frame)
  const caret = h('span', { class: 'caret', 'aria-hidden': 'true' })
  const row = h('div', { class: 'frame' }, caret, badge('kind', frame.type.toLowerCase()),
    frame.to && addressLink(frame.to), h('code', null, callName(frame)),
    frame.value && big(frame.value) > 0n && h('span', { class: 'n coin' }, coin(frame.value)),
    h('span', { class: 'n faint' }, `${num(big(frame.gasUsed))} gas`),
    children.length > 0 && h('span', { class: 'faint' }, `${num(children.length)} ${children.length === 1 ? 'call' : 'calls'}`),
    reason && h('span', { class: 'bad-text' }, clean(reason, 200)))
  const item = h('li', { role: 'treeitem', 'aria-expanded': 'false', 'aria-level': level, tabindex: '-1' }, row)
  item.frame = frame
  return item
}

function addChildren(group, calls, level, from) {
  for (const call of calls.slice(from, from + PART)) group.append(makeItem(call, level))
  const left = calls.length - from - PART
  if (left <= 0) return
  const more = h('li', { role: 'treeitem', class: 'more', 'aria-level': level, tabindex: '-1' }, h('div', { class: 'frame' }, `${num(Math.min(PART, left))} more of ${num(left)}`))
  more.more = () => {
    const focused = more.contains(document.activeElement)
    const before = more.previousElementSibling
    more.remove()
    addChildren(group, calls, level, from + PART)
    if (focused) before.nextElementSibling.focus()
  }
  group.append(more)
}

// Opened by hand a call also shows its details; opened with others only the calls below it.
function setOpen(item, open, details) {
  const calls = item.frame?.calls ?? []
  if (!item.frame || (open && !details && calls.length === 0)) return
  item.setAttribute('aria-expanded', String(open))
  if (open && details && !item.querySelector(':scope > .frame-more'))
    item.firstChild.after(detailsOf(item.frame))
  if (open && calls.length > 0 && !item.querySelector(':scope > ul')) {
    const group = h('ul', { role: 'group' })
    addChildren(group, calls, Number(item.getAttribute('aria-level')) + 1, 0)
    item.append(group)
  }
  for (const part of [...item.children].slice(1)) part.hidden = !open
}

// Breadth first, so that the top of a large trace is opened before its depths.
function openFrom(root, max) {
  const queue = [root]
  for (let n = 0; queue.length > 0 && n < max; n++) {
    const item = queue.shift()
    setOpen(item, true)
    queue.push(...(item.querySelector(':scope > ul')?.children ?? []))
  }
}

const shown = (tree) => [...tree.querySelectorAll('[role=treeitem]')].filter((x) => !x.closest('[hidden]'))

function focusItem(tree, item) {
  if (!item) return
  for (const x of tree.querySelectorAll('[tabindex="0"][role=treeitem]')) x.tabIndex = -1
  item.tabIndex = 0
  item.focus()
}

function onKey(tree, event) {
  const item = event.target.closest('[role=treeitem]')
  if (!item || event.target !== item || event.ctrlKey || event.metaKey || event.altKey) return
  const list = shown(tree)
  const at = list.indexOf(item)
  const open = item.getAttribute('aria-expanded') === 'true'
  const parent = item.parentElement.closest('[role=treeitem]')
  const keys = {
    ArrowDown: () => focusItem(tree, list[at + 1]),
    ArrowUp: () => focusItem(tree, list[at - 1]),
    Home: () => focusItem(tree, list[0]),
    End: () => focusItem(tree, list.at(-1)),
    ArrowRight: () => (open ? focusItem(tree, item.querySelector('[role=treeitem]')) : toggle(item, true)),
    ArrowLeft: () => (open ? setOpen(item, false) : focusItem(tree, parent)),
    Enter: () => toggle(item, !open),
    ' ': () => toggle(item, !open),
  }
  if (!keys[event.key]) return
  event.preventDefault()
  keys[event.key]()
}

function toggle(item, open) {
  if (item.more) item.more()
  else setOpen(item, open, true)
}

export function traceTree(frame) {
  const root = makeItem(frame, 1)
  root.tabIndex = 0
  const tree = h('ul', { role: 'tree', class: 'tree', 'aria-label': 'Call trace' }, root)
  tree.addEventListener('keydown', (e) => onKey(tree, e))
  tree.addEventListener('click', (e) => {
    const row = e.target.closest('.frame')
    if (!row || e.target.closest('a')) return
    const item = row.parentElement
    toggle(item, item.getAttribute('aria-expanded') !== 'true')
    if (item.isConnected) focusItem(tree, item)
  })
  if (frame.calls?.length > 0) openFrom(root, OPEN_AT_START)
  else setOpen(root, true, true)
  const button = (text, f) => h('button', { type: 'button', onclick: f }, text)
  return h('div', null, h('div', { class: 'tree-tools' }, button('Open all', () => openFrom(root, OPEN_MAX)),
    button('Close all', () => { for (const x of shown(tree).reverse()) setOpen(x, false) })), h('div', { class: 'scroll' }, tree))
}
