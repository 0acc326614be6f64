// Elements and frames. Text only ever becomes text nodes and attributes: there is no way
// here, and by the page's policy nowhere, to make markup out of a string.
const SVG = 'http://www.w3.org/2000/svg'

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value)
    else node.setAttribute(name, value === true ? '' : String(value))
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false))
  return node
}
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children)
export const svg = (tag, props, ...children) =>
  fill(document.createElementNS(SVG, tag), props, children)
export const byId = (id) => document.getElementById(id)

// Icons are paths in a box of 16, in the colour of the text.
const ICONS = {
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  done: 'M3 8.5l3.5 3.5L13 4.5',
  failed: 'M4 4l8 8M12 4l-8 8',
  system: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 2.5v11M10 3.2v9.6M12 4.5v7',
  light: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7',
  dark: 'M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z',
}
export const icon = (name) => svg('svg', { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true' },
  svg('path', { d: ICONS[name] }))

// Writes only what differs, so that an unchanged cell costs no layout.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}
export function setAttr(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

// Runs each given function once in the next animation frame, however often it is asked for.
// A hidden tab has no frames and so draws nothing.
const due = new Set()
let asked = false
export function nextFrame(f) {
  due.add(f)
  if (asked) return
  asked = true
  requestAnimationFrame(() => {
    asked = false
    const now = [...due]
    due.clear()
    for (const each of now) each()
  })
}

// Text that others chose: no control or direction characters, of bounded length.
export function clean(text, max = 80) {
  const safe = String(text).replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, '\ufffd').trim()
  const chars = [...safe.slice(0, max * 2)]
  return chars.length > max ? chars.slice(0, max).join('') + '…' : chars.join('')
}

// A map that forgets what was used longest ago.
export class Cache {
  constructor(max) {
    this.max = max
    this.map = new Map()
  }
  get(key) {
    const value = this.map.get(key)
    if (value !== undefined) {
      this.map.delete(key)
      this.map.set(key, value)
    }
    return value
  }
  set(key, value) {
    this.map.delete(key)
    this.map.set(key, value)
    if (this.map.size > this.max) this.map.delete(this.map.keys().next().value)
    return value
  }
}
