// Numbers, amounts, times and hashes as people read them. Every number has its unit, or a
// heading that names it.
import { checksum } from './keccak.js'

const whole = new Intl.NumberFormat('en-US')
export const COIN = 'METIS'

export const num = (n) => whole.format(n)
export const UINT_MAX = 2n ** 256n - 1n // how contracts say "without limit"
export const big = (hex) => BigInt(hex ?? 0)

// 1234567 -> "1.23 M"; three digits that count.
export function si(n) {
  if (!Number.isFinite(n)) return '–'
  const units = ['', ' k', ' M', ' G', ' T']
  let i = 0
  while (Math.abs(n) >= 999.5 && i < units.length - 1) {
    n /= 1000
    i++
  }
  const digits = n === 0 ? 0 : Math.abs(n) < 9.995 ? 2 : Math.abs(n) < 99.95 ? 1 : 0
  const text = n.toFixed(digits)
  return (digits > 0 ? text.replace(/\.?0+$/, '') : text) + units[i]
}

export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let i = 0
  while (n >= 1023.5 && i < units.length - 1) {
    n /= 1024
    i++
  }
  return `${i === 0 || n >= 99.95 ? Math.round(n) : n.toFixed(1)} ${units[i]}`
}

// An integer amount with a point before its last `decimals` digits, exact.
export function fixed(value, decimals) {
  const v = BigInt(value)
  const text = (v < 0n ? -v : v).toString().padStart(decimals + 1, '0')
  const at = text.length - decimals
  const fraction = text.slice(at).replace(/0+$/, '')
  return (v < 0n ? '-' : '') + whole.format(BigInt(text.slice(0, at))) + (fraction ? '.' + fraction : '')
}

// The same with at most `digits` after the point; "<0.000001" rather than a false zero.
export function short(value, decimals, digits = 6) {
  const v = BigInt(value)
  if (decimals <= digits) return fixed(v, decimals)
  const step = 10n ** BigInt(decimals - digits)
  if (v !== 0n && v < step && v > -step) return `<0.${'0'.repeat(digits - 1)}1`
  return fixed(v / step, digits)
}

export const coin = (wei) => {
  const v = BigInt(wei)
  return v > 0n && v < 1000000n ? `${num(v)} wei` : `${short(v, 18)} ${COIN}`
}
export const coinExact = (wei) => `${fixed(wei, 18)} ${COIN}`
// Prices of gas; the small ones of quiet networks in wei.
export const gwei = (wei) => (BigInt(wei) < 1000000n ? `${num(BigInt(wei))} wei` : `${short(wei, 9, 4)} gwei`)

export function percent(part, all) {
  if (!all) return '0 %'
  const p = (100 * part) / all
  return `${p > 0 && p < 0.1 ? '<0.1' : p.toFixed(p < 9.95 ? 1 : 0)} %`
}

export function age(seconds) {
  const s = Math.max(0, Math.floor(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
  return `${num(Math.floor(s / 86400))} d ${Math.floor((s % 86400) / 3600)} h`
}
// For columns: one unit.
export function ageShort(seconds) {
  const s = Math.max(0, Math.floor(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min`
  if (s < 86400) return `${Math.floor(s / 3600)} h`
  return `${num(Math.floor(s / 86400))} d`
}

export function time(seconds) {
  const d = new Date(seconds * 1000)
  if (Number.isNaN(d.getTime())) return `${num(seconds)} s`
  return d.toISOString().replace('T', ' ').replace('.000Z', ' UTC')
}
export const clock = (seconds) => new Date(seconds * 1000).toTimeString().slice(0, 8)

export const cut = (hash) => (hash.length > 14 ? `${hash.slice(0, 8)}…${hash.slice(-6)}` : hash)
export const addr = (a) => checksum(a)

// The printable text of bytes, or null.
export function printable(hex) {
  const raw = hex.slice(2).match(/../g)
  if (!raw) return null
  try {
    const text = new TextDecoder('utf-8', { fatal: true })
      .decode(Uint8Array.from(raw, (b) => parseInt(b, 16)))
    return /^[\p{L}\p{N}\p{P}\p{S} ]+$/u.test(text) ? text : null
  } catch {
    return null
  }
}
