// Writes tests/vectors/rlp/*.json: RLP cases {name: {in, out}} for `metis-evm rlptest`.
// The encodings are ethers' (an independent implementation, from tests/clients); those that
// must be refused are written by hand, one for each rule of the yellow paper's appendix B.
//   node tests/vectors/rlp.mjs          (in tests/clients: npm ci, first)
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(join(here, '../clients/package.json'))
const { encodeRlp, toBeHex, hexlify, toUtf8Bytes } = require('ethers')

// The value as ethers takes it: bytes in hex, lists.
function plain(v) {
  if (Array.isArray(v)) return v.map(plain)
  if (typeof v === 'number' || (typeof v === 'string' && v.startsWith('#'))) {
    const n = BigInt(String(v).replace('#', ''))
    return n === 0n ? '0x' : toBeHex(n)
  }
  return /^0x([0-9a-f]{2})*$/.test(v) ? v : hexlify(toUtf8Bytes(v))
}

const values = {
  emptyString: '', oneByte: 'a', byteZero: '\u0001', byte7f: '\u007f', twoBytes: 'ab', dog: 'dog',
  emptyList: [], listOfEmptyString: [''], listOfEmptyList: [[]], twoEmptyLists: [[], []],
  zero: 0, one: 1, n127: 127, n128: 128, n255: 255, n256: 256, n1000: 1000, n65535: 65535,
  n65536: 65536, n16777215: 16777215, n100000: 100000,
  setOfThree: [[], [[]], [[], [[]]]],
  mixed: ['zw', [4], 1], catDog: ['cat', 'dog'], deeper: [1, [2, [3, [4, ['five', []]]]], ''],
}
for (const bits of [8, 16, 31, 32, 53, 63, 64, 65, 96, 128, 160, 192, 248, 255])
  for (const by of [-1n, 0n, 1n])
    values[`power${bits}${by < 0n ? 'Minus1' : by > 0n ? 'Plus1' : ''}`] = `#${(1n << BigInt(bits)) + by}`
values.most = `#${(1n << 256n) - 1n}`
values.beyond256 = `#${1n << 256n}`
values.beyond512 = `#${(1n << 512n) + 1n}`
values.nul = '\u0000'
values.nulInside = 'a\u0000b'
values.hex = '0x1234'
values.hexLeadingZero = '0x0001'
values.hexEmpty = '0x'
values.likeHex = '0xyz'
for (const len of [1, 2, 54, 55, 56, 57, 127, 128, 255, 256, 257, 1023, 65536])
  values[`string${len}`] = 'x'.repeat(len)
for (const n of [1, 54, 55, 56, 57, 255, 256, 1000]) {
  values[`listOf${n}Bytes`] = Array(n).fill(5)
  values[`listOf${n}Strings`] = Array.from({ length: n }, (_, i) => `item ${i}`)
}
let nested = []
for (let depth = 1; depth <= 50; depth++) {
  nested = [nested]
  if (depth % 7 === 0) nested.push('at ' + depth)
}
values.nested50 = nested

const valid = {}
for (const [name, v] of Object.entries(values)) valid[name] = { in: v, out: encodeRlp(plain(v)) }
// deeper than the reader of JSON goes
let deep = '0xc0'
for (let i = 0; i < 500; i++) deep = wrap(deep)
function wrap(hex) {
  const len = hex.length / 2 - 1
  if (len <= 55) return '0x' + (0xc0 + len).toString(16) + hex.slice(2)
  let size = len.toString(16)
  if (size.length % 2) size = '0' + size
  return '0x' + (0xf7 + size.length / 2).toString(16) + size + hex.slice(2)
}
valid.nested500 = { in: 'VALID', out: deep }
valid.byteZeroAsItself = { in: 'VALID', out: '0x00' }

const bytes = (n) => '61'.repeat(n)
const refused = {
  nothing: '0x',
  singleByteWithHeader00: '0x8100',
  singleByteWithHeader7f: '0x817f',
  longFormOf55: '0xb837' + bytes(55),
  longFormOf0: '0xb800',
  longFormOf1: '0xb80161',
  lengthWithLeadingZero: '0xb90038' + bytes(56),
  lengthOfZeros: '0xb90000',
  eightByteLengthWithLeadingZeros: '0xbf0000000000000038' + bytes(56),
  stringCutShort: '0x83646f',
  stringWithoutPayload: '0xb7' + bytes(54),
  longStringCutShort: '0xb838' + bytes(55),
  lengthCutShort1: '0xb8',
  lengthCutShort2: '0xb901',
  lengthOf2To64Minus1: '0xbfffffffffffffffff' + bytes(10),
  lengthOf2To63: '0xbf8000000000000000' + bytes(10),
  listLongFormOf55: '0xf837' + bytes(55),
  listLongFormOf0: '0xf800',
  listLengthWithLeadingZero: '0xf90038' + bytes(56),
  listCutShort: '0xc26f',
  longListCutShort: '0xf83861',
  listLengthCutShort: '0xf8',
  listLengthOf2To64Minus1: '0xffffffffffffffffff' + bytes(10),
  itemBeyondItsList: '0xc283646f67',
  itemBeyondItsListWithin: '0xc7c283646f67c0c0',
  innerListBeyondOuter: '0xc1c161',
  innerSingleByteWithHeader: '0xc28100',
  innerLengthCutShort: '0xc1b8',
  innerLengthWithLeadingZero: '0xf83bb90038' + bytes(56),
  bytesAfterTheString: '0x83646f6700',
  bytesAfterTheList: '0xc000',
  twoItems: '0xc0c0',
  byteAndMore: '0x0101',
}
const invalid = Object.fromEntries(Object.entries(refused).map(([k, out]) => [k, { in: 'INVALID', out }]))

writeFileSync(join(here, 'rlp/valid.json'), JSON.stringify(valid, null, 1) + '\n')
writeFileSync(join(here, 'rlp/invalid.json'), JSON.stringify(invalid, null, 1) + '\n')
