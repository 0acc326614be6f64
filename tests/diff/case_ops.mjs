// Deterministic cases of operations and precompiles: of every fork each operation in all
// the ways it can succeed and fail, what it costs, and each precompile with good input, bad
// input and too little gas.
import { FORKS, fork as forkIndex, opsOf, undefinedOf } from './opcodes.mjs'
import { GOOD_INPUTS, PRECOMPILE_SINCE } from './program.mjs'
import { makeSegments, waysOf } from './segments.mjs'
import { key, keccak, sign, word } from './sign.mjs'

export const PROBE = '0x00000000000000000000000000000000000bbbbb'
const OTHER = '0x00000000000000000000000000000000000aaaaa'

// A small assembler: names of operations, numbers as the shortest PUSH, `:label`, `@label`.
const OP = Object.fromEntries(opsOf(99).map((o) => [o.name, o.value]))
export function assemble(text) {
  const code = []
  const labels = {}
  const uses = []
  for (const t of text.trim().split(/\s+/)) {
    if (t[0] === ':') {
      labels[t.slice(1)] = code.length
      code.push(OP.JUMPDEST)
    } else if (t[0] === '@') {
      uses.push([code.length + 1, t.slice(1)])
      code.push(0x61, 0, 0)
    } else if (OP[t] !== undefined) code.push(OP[t])
    else {
      const digits = BigInt(t).toString(16)
      const b = Buffer.from(digits.length % 2 ? '0' + digits : digits, 'hex')
      code.push(0x5f + b.length, ...b)
    }
  }
  for (const [at, label] of uses) {
    code[at] = labels[label] >> 8
    code[at + 1] = labels[label] & 255
  }
  return Buffer.from(code)
}

// Calls the probe for every six bytes of the call data: static (1), segment (2), gas (3).
// Status, gas used and 32 bytes of output go into a running hash, which ends in slot 0.
const driver = (f) => assemble(`
  0 :next CALLDATASIZE DUP2 LT ISZERO @end JUMPI
  ${1n << 208n} DUP2 CALLDATALOAD DIV
  DUP1 ${1 << 24} SWAP1 DIV 0xffff AND 0 MSTORE
  0 0x80 MSTORE GAS
  ${f < forkIndex('Byzantium') ? '' : `DUP2 ${2 ** 40} SWAP1 DIV @static JUMPI`}
  32 0x80 32 0 0 ${PROBE} DUP8 0xffffff AND CALL @done JUMP
  :static 32 0x80 32 0 ${PROBE} DUP7 0xffffff AND STATICCALL
  :done 0x40 MSTORE GAS SWAP1 SUB 0x60 MSTORE POP
  128 32 KECCAK256 32 MSTORE 6 ADD @next JUMP
  :end 32 MLOAD 0 SSTORE STOP`)

const entry = (isStatic, at, gas) => Buffer.from([isStatic, at >> 8, at & 255, gas >> 16,
  (gas >> 8) & 255, gas & 255])

function segmentCalls(segments, f, withStatic) {
  return Buffer.concat(segments.flatMap((s) => [
    ...(s.least !== undefined ? [entry(0, s.at, s.least)] : []),
    entry(0, s.at, s.gas),
    ...(withStatic && s.way === 'ok' && f >= forkIndex('Byzantium') ? [entry(1, s.at, s.gas)] : []),
  ]))
}

const account = (code, storage = {}) => ({ nonce: '0x1', balance: '0x10000', storage,
  code: '0x' + code.toString('hex') })

// Operand lists at which prices change: the operation, then lists with the top last.
const PRICES = {
  EXP: [[0, 2], [255, 2], [256, 2], [2n ** 128n, 2], [2n ** 255n, 3]],
  KECCAK256: [[0, 0], [1, 0], [33, 0], [32, 3000]],
  MLOAD: [[1], [1000], [30000], [2n ** 64n], [2n ** 255n]],
  MSTORE8: [[1, 31], [1, 32], [1, 22000]],
  CALLDATACOPY: [[0, 0, 5000], [1, 0, 0], [33, 2n ** 70n, 0], [2n ** 70n, 0, 0]],
  CODECOPY: [[65, 0, 0], [0, 0, 2n ** 200n]], MCOPY: [[65, 7, 3], [0, 2n ** 200n, 0], [64, 0, 900]],
  EXTCODECOPY: [[33, 0, 0, BigInt(OTHER)], [0, 0, 0, 0xabc]],
  RETURNDATACOPY: [[0, 0, 0], [1, 0, 0], [0, 1, 0], [2n ** 64n, 0, 0]],
  LOG0: [[0, 0], [1, 0], [100, 500]], LOG4: [[4, 3, 2, 1, 100, 0]],
  BALANCE: [[BigInt(OTHER)], [0xabc], [2n ** 160n + 4n], [4]],
  EXTCODESIZE: [[BigInt(OTHER)], [0xabc]], EXTCODEHASH: [[BigInt(OTHER)], [0xabc], [4], [0xdead]],
  SLOAD: [[1], [2], [1]], BLOCKHASH: [[0], [1], [2], [2n ** 64n]],
  CALL: [[0, 0, 0, 0, 0, 0xabc, 0], [0, 0, 0, 0, 1, 0xabd, 0], [0, 0, 0, 0, 1, BigInt(OTHER), 0],
    [0, 0, 0, 0, 0, BigInt(OTHER), 5000], [32, 64, 32, 900, 0, 4, 100], [0, 0, 0, 0, 2n ** 70n, 4, 0],
    [0, 0, 0, 0, 0, 4, 2n ** 70n]],
  CALLCODE: [[0, 0, 0, 0, 1, BigInt(OTHER), 0], [0, 0, 0, 0, 0, 0xabc, 0]],
  DELEGATECALL: [[0, 0, 0, 0, BigInt(OTHER), 9000]], STATICCALL: [[0, 0, 0, 0, BigInt(OTHER), 9000]],
  CREATE: [[1, 0, 0], [33, 0, 0], [0, 0, 1], [0, 0, 2n ** 70n], [49153, 0, 0]],
  CREATE2: [[1, 33, 0, 0], [1, 33, 0, 0], [2, 0, 0, 1]], SELFDESTRUCT: [[0xabe], [BigInt(OTHER)]],
  SHL: [[1, 255], [1, 256], [1, 2n ** 64n]], SAR: [[2n ** 255n, 255], [2n ** 255n, 256]],
  SIGNEXTEND: [[0x80, 0], [0xffff, 30], [5, 31], [5, 2n ** 64n]], BYTE: [[255, 31], [255, 32]],
  SDIV: [[2n ** 256n - 1n, 2n ** 255n], [0, 1]], SMOD: [[3, 2n ** 256n - 8n], [2n ** 256n - 3n, 8]],
  BLOBHASH: [[0], [2n ** 64n]], CLZ: [[0], [1], [2n ** 255n]],
}

// Writing three values after another to a slot that held 0 or 1: EIPs 1283, 2200, 2929, 3529.
function storagePrograms() {
  const out = []
  for (let i = 0; i < 54; i++) {
    const values = [i % 3, ((i / 3) | 0) % 3, ((i / 9) | 0) % 3]
    const slot = 100 + i
    out.push({ original: (i / 27) | 0, slot, code: assemble(values.map((v) => `${v} ${slot} SSTORE`).join(' ')) })
  }
  return out
}

function priceSegments(f) {
  const wanted = opsOf(f).filter((op) => PRICES[op.name]).flatMap((op) =>
    PRICES[op.name].map((operands) => ({ op, way: 'ok', operands })))
  const storage = storagePrograms().map((s) => ({ op: { name: 'storage' }, way: 'raw', code: s.code }))
  return makeSegments([...wanted, ...storage])
}

// makeTest(fork, code of the target, transactions, more accounts) of cases.mjs
export function operationCases(makeTest) {
  const tests = {}
  FORKS.forEach((name, f) => {
    const all = makeSegments([...opsOf(f).flatMap((op) => waysOf(op).map((way) => ({ op, way }))),
      ...undefinedOf(f).map((op) => ({ op, way: 'undefined' }))])
    tests[`operations ${name}`] = makeTest(name, driver(f),
      [{ data: '0x' + segmentCalls(all.segments, f, true).toString('hex') }], { [PROBE]: account(all.code) })
    const prices = priceSegments(f)
    const held = Object.fromEntries(storagePrograms().filter((s) => s.original)
      .map((s) => ['0x' + word(s.slot).toString('hex'), '0x01']))
    tests[`prices ${name}`] = makeTest(name, driver(f),
      [{ data: '0x' + segmentCalls(prices.segments, f, false).toString('hex') }],
      { [PROBE]: account(prices.code, held), [OTHER]: account(assemble('1 2 ADD POP STOP')) })
  })
  return tests
}

// Call data: gas, precompile, input. Slots: status, gas it took, hash of 256 bytes of output;
// from Byzantium length and hash of all of it.
const caller = (f) => assemble(`
  64 CALLDATASIZE SUB 64 0 CALLDATACOPY GAS
  256 0x1000 64 CALLDATASIZE SUB 0 0 32 CALLDATALOAD 0 CALLDATALOAD CALL 0 SSTORE
  GAS SWAP1 SUB 1 SSTORE 256 0x1000 KECCAK256 2 SSTORE
  ${f < forkIndex('Byzantium') ? '' : `RETURNDATASIZE 3 SSTORE RETURNDATASIZE 0 0x1000 RETURNDATACOPY
  RETURNDATASIZE 0x1000 KECCAK256 4 SSTORE`} STOP`)

function goodInputs(at) {
  const me = key(0)
  const digest = keccak(Buffer.from('signed'))
  const s = sign(me, digest)
  switch (at) {
  case 1: return [Buffer.concat([digest, word(27 + s.y), word(s.r), word(s.s)]), Buffer.alloc(0),
    Buffer.concat([digest, word(29), word(s.r), word(s.s)])]
  case 2: case 3: case 4: return [0, 1, 33, 300].map((n) => Buffer.alloc(n, n))
  case 9: return [0, 1, 20].map((rounds) => {
    const b = Buffer.from(Array.from({ length: 213 }, (_, i) => (i * 7) & 255))
    b.writeUInt32BE(rounds, 0)
    b[212] = rounds & 1
    return b
  })
  case 5: return [Buffer.concat([word(1), word(1), word(1), Buffer.from([3, 5, 7])]),
    Buffer.concat([word(32), word(32), word(32), Buffer.alloc(96, 0xff)])]
  default: {
    const known = GOOD_INPUTS.get(at).filter((b) => b.length > 0).sort((a, b) => a.length - b.length)
    return [known[0], known[known.length >> 2]]
  }
  }
}

function badInputs(good, at) {
  const last = good.at(-1)
  if (at === 9) return [Buffer.concat([last.subarray(0, 212), Buffer.from([2])]), last.subarray(1)]
  if (at === 5) return [Buffer.concat([word(1025), word(1), word(1)]), Buffer.concat([word(1), word(1n << 70n), word(1)])]
  const flipped = Buffer.from(last)
  if (flipped.length > 0) flipped[Math.min(20, (flipped.length / 2) | 0)] ^= 1
  return [flipped, last.subarray(0, last.length - 1), Buffer.concat([last, Buffer.from([0])]),
    Buffer.alloc(last.length, 0xff)]
}

// Where a price or a limit moved; other forks have fewer cases.
const CHANGED = new Set(['6 Istanbul', '7 Istanbul', '8 Istanbul', '5 Berlin', '5 Osaka'])

export function precompileCases(makeTest) {
  const tests = {}
  FORKS.forEach((name, f) => {
    const rows = []
    for (const at of Object.keys(PRECOMPILE_SINCE).map(Number)) {
      if (PRECOMPILE_SINCE[at] > f) continue
      const changed = PRECOMPILE_SINCE[at] === f || CHANGED.has(`${at} ${name}`) || name === 'Osaka'
      const good = goodInputs(at).slice(changed ? 0 : -1)
      const row = (gas, input) => rows.push({ data: '0x' + Buffer.concat([word(gas), word(at), input]).toString('hex') })
      for (const g of good) row(2000000, g)
      for (const b of badInputs(good, at).slice(0, changed ? 4 : 1)) row(2000000, b)
      row(14, good.at(-1))
      row(0, good[0])
    }
    tests[`precompiles ${name}`] = makeTest(name, caller(f), rows, {})
  })
  return tests
}
