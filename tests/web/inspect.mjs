// What a machine can say about a page's looks: contrast by WCAG 2's formula, and whether the
// focus can be seen where it stands.

// Texts whose contrast is below `least`: [ratio, colours, text]. Disabled controls and what is
// hidden do not count.
export const contrastProblems = (page, least) => page.evaluate((least) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
  const ink = canvas.getContext('2d', { willReadFrequently: true })
  const parse = (colour) => {
    ink.clearRect(0, 0, 1, 1)
    ink.fillStyle = colour
    ink.fillRect(0, 0, 1, 1)
    const [r, g, b, a] = ink.getImageData(0, 0, 1, 1).data
    return { rgb: [r, g, b], a: a / 255 }
  }
  const over = (top, under) => top.rgb.map((v, i) => v * top.a + under[i] * (1 - top.a))
  const behind = (el) => {
    if (!el) return [255, 255, 255]
    const c = parse(getComputedStyle(el).backgroundColor)
    return c.a === 1 ? c.rgb : over(c, behind(el.parentElement))
  }
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => {
      const s = v / 255
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const found = []
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const el = n.parentElement
    const text = n.textContent.trim()
    if (!text || !el.checkVisibility({ visibilityProperty: true }) || el.closest('.hidden, :disabled, script, style')) continue
    const bg = behind(el)
    const fg = over(parse(getComputedStyle(el).color), bg)
    const [a, b] = [light(fg), light(bg)]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < least) found.push([Number(ratio.toFixed(2)), fg.join(), bg.join(), text.slice(0, 40)])
  }
  return found
}, least)

// Presses Tab `steps` times, on a page just loaded: each stop must be visible, show an outline, and come
// after the one before it in the page's reading order.
export async function focusProblems(page, steps) {
  const found = []
  await page.evaluate(() => (window.lastFocus = null))
  for (let i = 0; i < steps; i++) {
    await page.keyboard.press('Tab')
    const problem = await page.evaluate(() => {
      const el = document.activeElement
      if (el === document.body) return 'end'
      const name = `${el.tagName.toLowerCase()}#${el.id} ${el.textContent.trim().slice(0, 20)}`
      const ring = el.matches('[role=treeitem]') ? el.firstElementChild : el
      const style = getComputedStyle(ring)
      const before = window.lastFocus
      window.lastFocus = el
      if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) return `no outline: ${name}`
      if (ring.getBoundingClientRect().width === 0) return `not visible: ${name}`
      if (before && !(before.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING)) return `out of order: ${name}`
      return null
    })
    if (problem === 'end') break
    if (problem) found.push(problem)
  }
  return found
}
