// RLP, keys and signatures for generated transactions. All signatures of a key share one
// nonce, so a signature costs no point multiplication: these keys guard nothing.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(join(here, '../clients/package.json'))
const { secp256k1 } = require('@noble/curves/secp256k1')
const { keccak_256 } = require('@noble/hashes/sha3')
const N = secp256k1.CURVE.n

export const keccak = (bytes) => Buffer.from(keccak_256(bytes))
export const hex = (bytes) => '0x' + Buffer.from(bytes).toString('hex')
export const bytes = (text) => Buffer.from(text.replace(/^0x/, ''), 'hex')

export function big(n) {
  const text = BigInt(n).toString(16)
  return n === 0n || n === 0 ? Buffer.alloc(0) : bytes(text.length % 2 ? '0' + text : text)
}

export const word = (n) => bytes(BigInt.asUintN(256, BigInt(n)).toString(16).padStart(64, '0'))

// Numbers and bigints are integers, strings hex, lists lists.
export function rlp(v) {
  if (v.raw) return v.raw // encoded already
  if (Array.isArray(v)) {
    const body = Buffer.concat(v.map(rlp))
    return Buffer.concat([head(0xc0, body.length), body])
  }
  const b = typeof v === 'string' ? bytes(v) : Buffer.isBuffer(v) ? v : big(v)
  return b.length === 1 && b[0] < 0x80 ? b : Buffer.concat([head(0x80, b.length), b])
}

function head(base, n) {
  if (n < 56) return Buffer.from([base + n])
  const len = big(n)
  return Buffer.concat([Buffer.from([base + 55 + len.length]), len])
}

function modInverse(a) {
  let [r0, r1, s0, s1] = [N, a, 0n, 1n]
  while (r1 !== 0n) {
    const q = r0 / r1
    ;[r0, r1, s0, s1] = [r1, r0 - q * r1, s1, s0 - q * s1]
  }
  return ((s0 % N) + N) % N
}

export function key(number) {
  const secret = BigInt('0x' + keccak(Buffer.from('key ' + number)).toString('hex')) % N
  const k = BigInt('0x' + keccak(Buffer.from('nonce ' + number)).toString('hex')) % N
  const point = secp256k1.ProjectivePoint.BASE.multiply(k).toAffine()
  const pub = secp256k1.getPublicKey(word(secret), false)
  return {
    secret, r: point.x, odd: Number(point.y & 1n), inverse: modInverse(k),
    address: hex(keccak(pub.slice(1)).subarray(12)),
  }
}

export function sign(who, digest) {
  let s = (who.inverse * ((BigInt(hex(digest)) + who.r * who.secret) % N)) % N
  let y = who.odd
  if (s > N / 2n) [s, y] = [N - s, 1 - y]
  return { r: who.r, s, y }
}
