// Roots of Merkle Patricia tries, for headers: of lists by index and of a state.
import { bytes, keccak, rlp } from './sign.mjs'

const nibbles = (b) => Array.from(b, (x) => [x >> 4, x & 15]).flat()

// The compact encoding of a part of a path.
function compact(path, isLeaf) {
  const flag = (isLeaf ? 2 : 0) + (path.length & 1)
  const all = path.length & 1 ? [flag, ...path] : [flag, 0, ...path]
  return Buffer.from(all.filter((_, i) => i % 2 === 0).map((n, i) => (n << 4) | all[2 * i + 1]))
}

// A node already encoded stays as it is inside its parent, unless it is long.
class Raw { constructor(b) { this.b = b } }
const encodeList = (items) => {
  const parts = items.map((i) => (i instanceof Raw ? i.b : rlp(i)))
  const body = Buffer.concat(parts)
  const n = body.length
  if (n < 56) return Buffer.concat([Buffer.from([0xc0 + n]), body])
  const length = bytes(n.toString(16).padStart(n > 0xffff ? 6 : n > 0xff ? 4 : 2, '0'))
  return Buffer.concat([Buffer.from([0xf7 + length.length]), length, body])
}
const reference = (node) => (node.length < 32 ? new Raw(node) : keccak(node))

// entries: [path, value], the paths different, none the start of another.
function node(entries, depth) {
  if (entries.length === 1) {
    return encodeList([compact(entries[0][0].slice(depth), true), entries[0][1]])
  }
  let end = depth
  while (entries.every(([p]) => p.length > end && p[end] === entries[0][0][end])) end++
  if (end > depth) {
    return encodeList([compact(entries[0][0].slice(depth, end), false), reference(node(entries, end))])
  }
  const items = Array.from({ length: 16 }, (_, n) => {
    const below = entries.filter(([p]) => p[depth] === n)
    return below.length === 0 ? Buffer.alloc(0) : reference(node(below, depth + 1))
  })
  const here = entries.find(([p]) => p.length === depth)
  return encodeList([...items, here ? here[1] : Buffer.alloc(0)])
}

export const EMPTY_ROOT = keccak(rlp(Buffer.alloc(0)))

export const trieRoot = (entries) =>
  entries.length === 0 ? EMPTY_ROOT : keccak(node(entries.map(([k, v]) => [nibbles(k), v]), 0))

export const listRoot = (items) => trieRoot(items.map((v, i) => [rlp(i), v]))

// The root of a `pre`.
export function stateRoot(pre) {
  return trieRoot(Object.entries(pre).map(([address, a]) => {
    const storage = Object.entries(a.storage).filter(([, v]) => BigInt(v) !== 0n)
      .map(([k, v]) => [keccak(bytes(k)), rlp(BigInt(v))])
    return [keccak(bytes(address)), rlp([BigInt(a.nonce), BigInt(a.balance), trieRoot(storage),
      keccak(bytes(a.code))])]
  }))
}
