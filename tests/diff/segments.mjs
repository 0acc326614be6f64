// One operation at a time, made to succeed or to fail in a chosen way. A segment is a piece
// of a contract that its call data jumps to:
//
//   PUSH1 0 CALLDATALOAD JUMP   JUMPDEST operands OPERATION STOP   JUMPDEST ...
//
// Ways: `ok`; `underflow`, one operand too few; `overflow`, the stack full; `undefined` in
// the fork. A call with `least` gas runs out exactly at the operation, one with `gas` does
// not; a static call fails at what writes.
import { OPS } from './opcodes.mjs'

const DISPATCH = [0x60, 0, 0x35, 0x56] // PUSH1 0 CALLDATALOAD JUMP
const DISPATCH_GAS = 3 + 3 + 8 + 1 // with the JUMPDEST
const STACK_MAX = 1024
const PUSH2 = 0x61

// Operands, the top last, where zeros would not do.
const OPERANDS = {
  CREATE: [0, 0, 0], CREATE2: [0, 0, 0, 0], EXP: [3, 7], KECCAK256: [32, 0],
  CALL: [0, 0, 0, 0, 1, 0xdead, 0], CALLCODE: [0, 0, 0, 0, 0, 4, 0],
  DELEGATECALL: [0, 0, 0, 0, 4, 0], STATICCALL: [0, 0, 0, 0, 4, 0],
  RETURN: [32, 0], REVERT: [32, 0], SELFDESTRUCT: [0xdead], SSTORE: [5, 7], TSTORE: [5, 7],
  CALLDATACOPY: [32, 0, 0], CODECOPY: [32, 0, 0], MCOPY: [32, 0, 0], EXTCODECOPY: [32, 0, 0, 4],
  LOG0: [32, 0], LOG1: [1, 32, 0], LOG2: [2, 1, 32, 0], LOG3: [3, 2, 1, 32, 0],
  LOG4: [4, 3, 2, 1, 32, 0], DUPN: Array(20).fill(1), SWAPN: Array(20).fill(2),
  EXCHANGE: Array(20).fill(3),
}
const IMMEDIATE = { DUPN: 0x80, SWAPN: 0x80, EXCHANGE: 0x8e }

const pushed = (values) => values.flatMap((v) => {
  if (v <= 0xff) return [0x60, v]
  if (v <= 0xffff) return [PUSH2, v >> 8, v & 255]
  const text = BigInt(v).toString(16).padStart(64, '0')
  return [0x7f, ...Buffer.from(text, 'hex')]
})

const bare = (o) => (o.name in IMMEDIATE ? [o.value, IMMEDIATE[o.name]] : [o.value])

// With what PUSH takes behind it.
function whole(o) {
  if (/^PUSH\d/.test(o.name)) return [o.value, ...Array(o.value - 0x5f).fill(0xa5)]
  return bare(o)
}

// Jumps land on the JUMPDEST right behind.
function jump(o, start) {
  const condition = o.name === 'JUMPI' ? [0x60, 1] : []
  const to = start + condition.length + 3 + 1
  return [...condition, PUSH2, to >> 8, to & 255, o.value, 0x5b]
}

// `operands` in place of those that make it succeed.
function ok(o, start, operands) {
  if (/^JUMPI?$/.test(o.name)) return { code: jump(o, start), pushes: o.in }
  const values = operands ?? OPERANDS[o.name] ?? Array(o.in).fill(0)
  return { code: [...pushed(values), ...whole(o)], pushes: values.length }
}

// Fills the stack, where `height` items are already, and does the operation: a loop leaves
// 32 copies of its counter each time, the rest is DUP1. It starts at `start`.
export function overflow(o, start, height = 0) {
  const rounds = ((STACK_MAX - height - 1 - 4) / 32) | 0 // the loop itself takes 4 at most
  const loop = start + 2
  const rest = STACK_MAX - height - 1 - 32 * rounds
  return [0x60, rounds, 0x5b, ...Array(32).fill(0x80), 0x60, 1, 0x90, 0x03, 0x80,
    PUSH2, loop >> 8, loop & 255, 0x57, ...Array(rest).fill(0x80), ...whole(o)]
}

function body(o, way, start, operands) {
  switch (way) {
  case 'overflow': return { code: overflow(o, start) }
  case 'underflow': return { code: [...pushed(Array(o.in - 1).fill(0)), ...bare(o)] }
  case 'undefined': return { code: [o.value] }
  default: return ok(o, start, operands)
  }
}

const GAS = { ok: 120000, raw: 120000, overflow: 20000, underflow: 2000, undefined: 2000 }

// A contract of segments and where each starts: [{op, way, at, gas, least}]. wanted:
// [{op, way, operands}], or way `raw` with the code itself
export function makeSegments(wanted) {
  const code = [...DISPATCH]
  const segments = wanted.map(({ op, way, operands, code: raw }) => {
    const at = code.length
    code.push(0x5b)
    const b = raw ? { code: [...raw] } : body(op, way, code.length, operands)
    code.push(...b.code, 0)
    const s = { op, way, at, gas: GAS[way] }
    if (way === 'ok') s.least = DISPATCH_GAS + 3 * b.pushes
    return s
  })
  return { code: Buffer.from(code), segments }
}

// All that an operation of a fork can be made to do.
export function waysOf(op) {
  const ways = []
  if (op.name !== 'INVALID') ways.push('ok')
  if (op.name === 'INVALID') ways.push('undefined')
  if (op.in > 0) ways.push('underflow')
  if (op.out > op.in) ways.push('overflow')
  return ways
}
