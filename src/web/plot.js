// A plot of one rate: bars over the last minute, ten minutes or hour, the mean of the recent
// part as a number, and a reading under the pointer. One path element, redrawn whole: sixty
// bars cost less than keeping track of them.
import { h, svg, setText, setAttr } from './dom.js'
import { si, clock } from './format.js'

export const SPANS = [
  { label: '1 min', bar: 1, mean: '10 s' },
  { label: '10 min', bar: 10, mean: '100 s' },
  { label: '1 h', bar: 60, mean: '10 min' },
]
const BARS = 60
const HEIGHT = 109
const MEAN_BARS = 10

// The least of 1, 2, 5, 10, … that is not below.
function roundUp(x) {
  if (x <= 0) return 1
  const p = 10 ** Math.floor(Math.log10(x))
  for (const m of [1, 2, 5, 10]) if (x <= m * p * (1 + 1e-9)) return m * p
  return 10 * p
}

export class Plot {
  constructor(rates, name, title, unit) {
    Object.assign(this, { rates, name, unit, width: 300, at: null })
    this.value = h('span', { class: 'big' }, '0')
    this.note = h('p', { class: 'plot-note' }, '\u00a0')
    this.max = h('span', { class: 'plot-max' })
    this.bars = svg('path', { class: 'bars' })
    this.cursor = svg('path', { class: 'cursor' })
    this.svg = svg('svg', { class: 'plot-svg', role: 'img', height: HEIGHT,
      width: '100%' }, svg('path', { class: 'grid' }), this.bars, this.cursor)
    this.svg.addEventListener('pointermove', (e) => this.point(e))
    this.svg.addEventListener('pointerleave', () => { this.at = null; this.draw() })
    this.root = h('section', { class: 'card plot', 'aria-label': title },
      h('h2', null, title),
      h('p', { class: 'figure' }, this.value, ' ', h('span', { class: 'unit' }, unit)),
      h('div', { class: 'plot-box' }, this.svg, this.max),
      this.note)
    this.title = title
    this.span = SPANS[0]
    this.sizes = new ResizeObserver(([entry]) => {
      this.width = Math.max(60, Math.floor(entry.contentRect.width))
      this.svg.firstChild.setAttribute('d', `M0 .5H${this.width}M0 ${HEIGHT / 2}H${this.width}` +
        `M0 ${HEIGHT - 0.5}H${this.width}`)
      this.draw()
    })
    this.sizes.observe(this.svg)
  }

  point(event) {
    const box = this.svg.getBoundingClientRect()
    this.at = Math.min(BARS - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * BARS)))
    this.draw()
  }

  draw() {
    const { bar, mean } = this.span
    const last = Math.floor(this.rates.now / bar)
    const values = []
    for (let i = 0; i < BARS; i++) {
      const from = (last - BARS + 1 + i) * bar
      values.push(this.rates.sum(this.name, from, from + bar) / bar)
    }
    const peak = Math.max(...values)
    const top = roundUp(peak)
    const step = this.width / BARS
    const gap = step > 4 ? 1.5 : 0.5
    let d = ''
    values.forEach((v, i) => {
      if (v <= 0) return
      const tall = Math.max(1.5, (v / top) * (HEIGHT - 2))
      d += `M${(i * step + gap / 2).toFixed(1)} ${HEIGHT - 0.5}v${-tall.toFixed(1)}h${(step - gap).toFixed(1)}v${tall.toFixed(1)}z`
    })
    setAttr(this.bars, 'd', d)
    setAttr(this.cursor, 'd', this.at === null ? ''
      : `M${((this.at + 0.5) * step).toFixed(1)} 0V${HEIGHT}`)
    // The bar under way is not a whole one and does not count.
    const recent = values.slice(-MEAN_BARS - 1, -1)
    const now = recent.reduce((a, b) => a + b, 0) / MEAN_BARS
    setText(this.value, si(now))
    setText(this.max, `${si(top)} ${this.unit}`)
    if (this.at === null) {
      setText(this.note, `mean of ${mean} · peak ${si(peak)} ${this.unit}`)
    } else {
      const from = (last - BARS + 1 + this.at) * bar
      setText(this.note, `${clock(from)} · ${si(values[this.at])} ${this.unit}`)
    }
    setAttr(this.svg, 'aria-label', `${this.title}: ${si(now)} ${this.unit}, ` +
      `peak ${si(peak)} in the last ${this.span.label}`)
    setAttr(this.svg, 'data-bars', String(values.filter((v) => v > 0).length))
  }

  remove() {
    this.sizes.disconnect()
  }
}
