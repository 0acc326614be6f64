// Keccak-256 (FIPS 202's permutation with the padding of Ethereum), for topics, selectors
// and the capitals of addresses (EIP-55). Lanes are pairs of 32-bit words, low word first.
import { Cache } from './dom.js'

const ROUND = []
const ROTATE = new Uint8Array(25)
{
  let bits = 1
  for (let round = 0; round < 24; round++) {
    const word = [0, 0]
    for (let j = 0; j < 7; j++) {
      const at = (1 << j) - 1
      if (bits & 1) word[at >> 5] |= 1 << (at & 31)
      bits = (bits << 1) ^ (bits & 128 ? 0x171 : 0)
    }
    ROUND.push(word)
  }
  for (let t = 0, x = 1, y = 0; t < 24; t++) {
    ROTATE[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64
    const next = (2 * x + 3 * y) % 5
    x = y
    y = next
  }
}

function permute(a) {
  const c = new Uint32Array(10)
  const b = new Uint32Array(50)
  for (const [lo, hi] of ROUND) {
    for (let i = 0; i < 10; i++) c[i] = a[i] ^ a[i + 10] ^ a[i + 20] ^ a[i + 30] ^ a[i + 40]
    for (let x = 0; x < 5; x++) {
      const from = 2 * ((x + 1) % 5)
      const left = 2 * ((x + 4) % 5)
      const dl = c[left] ^ ((c[from] << 1) | (c[from + 1] >>> 31))
      const dh = c[left + 1] ^ ((c[from + 1] << 1) | (c[from] >>> 31))
      for (let y = 0; y < 50; y += 10) {
        a[2 * x + y] ^= dl
        a[2 * x + y + 1] ^= dh
      }
    }
    for (let x = 0; x < 5; x++) {
      for (let y = 0; y < 5; y++) {
        const from = x + 5 * y
        const to = y + 5 * ((2 * x + 3 * y) % 5)
        let l = a[2 * from]
        let u = a[2 * from + 1]
        const r = ROTATE[from]
        if (r >= 32) [l, u] = [u, l]
        const n = r & 31
        b[2 * to] = n ? (l << n) | (u >>> (32 - n)) : l
        b[2 * to + 1] = n ? (u << n) | (l >>> (32 - n)) : u
      }
    }
    for (let y = 0; y < 50; y += 10)
      for (let x = 0; x < 10; x++)
        a[y + x] = b[y + x] ^ (~b[y + ((x + 2) % 10)] & b[y + ((x + 4) % 10)])
    a[0] ^= lo
    a[1] ^= hi
  }
}

// Bytes in, 64 hex digits out.
export function keccak(data) {
  const rate = 136
  const padded = new Uint8Array(Math.floor(data.length / rate) * rate + rate)
  padded.set(data)
  padded[data.length] = 1
  padded[padded.length - 1] |= 128
  const words = new DataView(padded.buffer)
  const state = new Uint32Array(50)
  for (let at = 0; at < padded.length; at += rate) {
    for (let i = 0; i < rate / 4; i++) state[i] ^= words.getUint32(at + 4 * i, true)
    permute(state)
  }
  let out = ''
  for (let i = 0; i < 32; i++)
    out += ((state[i >> 2] >>> (8 * (i & 3))) & 255).toString(16).padStart(2, '0')
  return out
}
export const keccakText = (text) => keccak(new TextEncoder().encode(text))

const known = new Cache(500)
export function checksum(address) {
  const digits = address.slice(2).toLowerCase()
  const hit = known.get(digits)
  if (hit) return hit
  const hash = keccakText(digits)
  let out = '0x'
  for (let i = 0; i < 40; i++) out += hash[i] >= '8' ? digits[i].toUpperCase() : digits[i]
  return known.set(digits, out)
}
