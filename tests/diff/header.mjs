// Headers of a chain: what follows from the parent (base fee, blob gas, difficulty) and
// the encoding, by the rules of each fork.
import { fork as forkIndex } from './opcodes.mjs'
import { bytes, hex, keccak, rlp } from './sign.mjs'

const since = (f, name) => f >= forkIndex(name)
const max = (a, b) => (a > b ? a : b)

export function baseFee(parent) {
  const target = parent.gasLimit / 2n
  const used = parent.gasUsed
  const base = parent.baseFeePerGas
  if (base === undefined) return 1000000000n
  if (used === target) return base
  if (used > target) return base + max(1n, (base * (used - target)) / target / 8n)
  return base - (base * (target - used)) / target / 8n
}

// EIP-4844's price: factor * e^(numerator / denominator).
function fakeExponential(factor, numerator, denominator) {
  let sum = 0n
  let term = factor * denominator
  for (let i = 1n; term > 0n; i++) {
    sum += term
    term = (term * numerator) / (denominator * i)
  }
  return sum / denominator
}

const BLOB_GAS = 131072n
// [target, most, update fraction]
export const blobSchedule = (f) => (since(f, 'Prague') ? [6n, 9n, 5007716n] : [3n, 6n, 3338477n])

// EIP-7918 keeps the price of blobs from falling far below that of execution.
export function excessBlobGas(parent, f) {
  if (parent.excessBlobGas === undefined) return 0n
  const [target, most, fraction] = blobSchedule(f)
  const sum = parent.excessBlobGas + parent.blobGasUsed
  if (sum < target * BLOB_GAS) return 0n
  const price = fakeExponential(1n, parent.excessBlobGas, fraction)
  if (since(f, 'Osaka') && 8192n * parent.baseFeePerGas > price * BLOB_GAS) {
    return parent.excessBlobGas + (parent.blobGasUsed * (most - target)) / most
  }
  return sum - target * BLOB_GAS
}

// Without ommers and far below the bomb.
export function difficulty(parent, timestamp, f) {
  if (since(f, 'Paris')) return 0n
  const step = parent.difficulty / 2048n
  const dt = timestamp - parent.timestamp
  let by
  if (since(f, 'Byzantium')) by = 1n - dt / 9n
  else if (since(f, 'Homestead')) by = 1n - dt / 10n
  else return max(131072n, parent.difficulty + (dt < 13n ? step : -step))
  return max(131072n, parent.difficulty + step * max(by, -99n))
}

// The fields in their order; those that a fork lacks are undefined.
const FIELDS = ['parentHash', 'uncleHash', 'coinbase', 'stateRoot', 'transactionsTrie',
  'receiptTrie', 'bloom', 'difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp',
  'extraData', 'mixHash', 'nonce', 'baseFeePerGas', 'withdrawalsRoot', 'blobGasUsed',
  'excessBlobGas', 'parentBeaconBlockRoot', 'requestsHash', 'blockAccessListHash', 'slotNumber']

export const encodeHeader = (h) => FIELDS.map((k) => h[k]).filter((v) => v !== undefined)

export const headerHash = (h) => hex(keccak(rlp(encodeHeader(h))))

export function headerJson(h) {
  const out = { hash: headerHash(h) }
  for (const k of FIELDS) {
    if (h[k] !== undefined) out[k] = typeof h[k] === 'bigint' ? '0x' + h[k].toString(16) : h[k]
  }
  return out
}

export const EMPTY_REQUESTS = '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
export const NO_OMMERS = hex(keccak(bytes('c0')))
