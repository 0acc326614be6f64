// Random EVM programs: the stack's height is known at every place, jumps go to real
// JUMPDESTs and loops count down, so that most programs run long; a few have a defect.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OPS, SINCE, undefinedOf } from './opcodes.mjs'
import { overflow } from './segments.mjs'
import { word } from './sign.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const read = (name) => readFileSync(join(here, '..', name), 'utf8')

// A generator of numbers by seed (splitmix of 32 bits).
export class Random {
  constructor(seed) { this.s = seed >>> 0 }
  next() {
    this.s = (this.s + 0x9e3779b9) >>> 0
    let z = this.s
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return (z ^ (z >>> 16)) >>> 0
  }
  to(n) { return this.next() % n }
  in(a, b) { return a + this.to(b - a + 1) }
  of(list) { return list[this.to(list.length)] }
  chance(percent) { return this.to(100) < percent }
  buffer(n) { return Buffer.from(Array.from({ length: n }, () => this.to(256))) }
}

// Inputs of precompiles, well-formed and malformed, from the published vectors.
const ADDRESS_OF = { modexp: 5, add: 6, mul: 7, pair: 8, pairing: 8, kzg: 10, g1_add: 11,
  g1_msm: 12, g2_add: 13, g2_msm: 14, map_g1: 16, map_g2: 17,
  p256: 256 }
export const INPUTS = new Map()
export const GOOD_INPUTS = new Map() // those that are not refused
for (const name of ['bls', 'bn254', 'kzg', 'modexp', 'p256']) {
  for (const line of read(`vectors/crypto/${name}.txt`).split('\n')) {
    const [op, input, result] = line.split(' ')
    let at = ADDRESS_OF[op]
    if (name === 'bls' && op === 'pairing') at = 15
    if (at === undefined || input === undefined || input.length > 5000) continue
    if (!INPUTS.has(at)) INPUTS.set(at, [])
    const bytes = Buffer.from(input === '-' ? '' : input, 'hex')
    INPUTS.get(at).push(bytes)
    if (result === 'fail') continue
    if (!GOOD_INPUTS.has(at)) GOOD_INPUTS.set(at, [])
    GOOD_INPUTS.get(at).push(bytes)
  }
}
export const PRECOMPILE_SINCE = { 1: 0, 2: 0, 3: 0, 4: 0, 5: 4, 6: 4, 7: 4, 8: 4, 9: 7, 10: 12,
  11: 13, 12: 13, 13: 13, 14: 13, 15: 13, 16: 13, 17: 13, 256: 14 }

// The shorter of two, mostly: long inputs cost time and add little.
function publishedInput(r, at) {
  const [a, b] = [r.of(INPUTS.get(at)), r.of(INPUTS.get(at))]
  return Buffer.from(a.length < b.length || r.chance(15) ? a : b)
}

export function precompileInput(r, at) {
  let b
  if (INPUTS.has(at) && r.chance(90)) b = publishedInput(r, at)
  else if (at === 1) b = ecrecoverInput(r)
  else if (at === 9) b = blakeInput(r)
  else if (at === 5) b = modexpInput(r)
  else b = r.buffer(r.in(0, 200))
  if (r.chance(6) && b.length > 0) b[r.to(b.length)] ^= 1 << r.to(8)
  if (r.chance(4)) b = b.subarray(0, r.to(b.length + 1))
  if (r.chance(3)) b = Buffer.concat([b, r.buffer(r.in(1, 40))])
  return b
}

function ecrecoverInput(r) {
  const v = Buffer.alloc(32)
  v[31] = r.chance(85) ? 27 + r.to(2) : r.to(256)
  const s = r.buffer(32)
  if (r.chance(50)) s[0] &= 0x7f
  return Buffer.concat([r.buffer(32), v, r.buffer(32), s])
}

function blakeInput(r) {
  const b = r.buffer(213)
  b.writeUInt32BE(r.chance(95) ? r.to(40) : r.to(100000), 0)
  b[212] = r.chance(92) ? r.to(2) : r.to(256)
  return b
}

function modexpInput(r) {
  const [x, y, z] = [r.to(70), r.to(50), r.to(70)]
  return Buffer.concat([word(x), word(y), word(z), r.buffer(x + y + z)])
}

const OP = Object.fromEntries(OPS.map((o) => [o.name, o]))
const EDGES = [0n, 1n, 2n, 31n, 32n, 255n, 256n, 1n << 128n, (1n << 255n), (1n << 255n) - 1n,
  (1n << 256n) - 1n, (1n << 64n) - 1n, (1n << 256n) - 2n, 0xffffffffn]
// Emitted by functions of their own, with operands that make sense.
const SPECIAL = new Set(['STOP', 'JUMP', 'JUMPI', 'JUMPDEST', 'RETURN', 'REVERT', 'INVALID',
  'SELFDESTRUCT', 'CALL', 'CALLCODE', 'DELEGATECALL', 'STATICCALL', 'CREATE', 'CREATE2'])
const MEMORY = { MLOAD: [1, 0], MSTORE: [1, 1], MSTORE8: [1, 1], KECCAK256: [2, 0],
  CALLDATACOPY: [3, 0], CODECOPY: [3, 0], RETURNDATACOPY: [3, 0], MCOPY: [3, 0],
  LOG0: [2, 0], LOG1: [2, 1], LOG2: [2, 2], LOG3: [2, 3], LOG4: [2, 4] }
const CALLS = [['CALL', 0], ['CALLCODE', 0], ['DELEGATECALL', 1], ['STATICCALL', 4]]

export class Program {
  // world: {fork, addresses: what may be called}
  constructor(r, world, depth) {
    Object.assign(this, { r, world, depth, code: [], height: 0, data: [], patches: [] })
    this.plain = OPS.filter((o) => o.since <= world.fork && !SPECIAL.has(o.name) &&
      !/^(PUSH|DUP|SWAP|EXCHANGE)/.test(o.name))
  }

  raw(...b) { this.code.push(...b) }
  op(name) {
    this.raw(OP[name].value)
    this.height += OP[name].out - OP[name].in
  }
  push(v) {
    const n = BigInt.asUintN(256, BigInt(v))
    if (n === 0n && this.world.fork >= SINCE.SHANGHAI && this.r.chance(80)) this.raw(0x5f)
    else {
      let text = n.toString(16)
      if (text.length % 2) text = '0' + text
      let b = Buffer.from(text, 'hex')
      const wide = this.r.chance(10) ? Math.min(32, b.length + this.r.to(6)) : b.length
      b = Buffer.concat([Buffer.alloc(wide - b.length), b])
      this.raw(0x5f + b.length, ...b)
    }
    this.height++
  }

  value() {
    const r = this.r
    switch (r.to(9)) {
    case 6: case 7: return -BigInt(1 + r.to(300)) // push() takes it modulo 2^256
    case 8: return (1n << BigInt(r.to(256))) + BigInt(r.to(3)) - 1n
    case 0: return r.of(EDGES)
    case 1: return BigInt('0x' + r.buffer(32).toString('hex'))
    case 2: return BigInt('0x' + r.buffer(r.in(1, 31)).toString('hex'))
    case 3: return BigInt(r.of(this.world.addresses))
    default: return BigInt(r.to(300))
    }
  }
  offset() { return this.r.chance(99) ? this.r.to(700) : this.r.of(EDGES) }
  size() { return this.r.chance(99) ? this.r.to(120) : this.r.of(EDGES) }

  // Puts the bytes into memory at 0 from the code's own end.
  bring(b) {
    this.push(b.length)
    this.raw(0x62, 0, 0, 0)
    this.patches.push([this.code.length - 3, this.data.length])
    this.data.push(b)
    this.raw(0x60, 0)
    this.height += 2
    this.op('CODECOPY')
  }

  // What was computed before, or a value.
  operand(base) {
    if (this.height === base || this.r.chance(40)) this.push(this.value())
  }

  // All items above base become one: what was computed is not lost.
  fold(base) {
    while (this.height > base + 1) this.op('XOR')
  }

  // What was computed since base goes to a slot.
  observe(base) {
    if (this.height === base) return
    this.fold(base)
    this.push(this.r.in(40, 48))
    this.op('SSTORE')
  }

  plainOp(base) {
    const r = this.r
    const o = r.of(this.plain)
    if (MEMORY[o.name]) {
      const [spots, words] = MEMORY[o.name]
      for (let i = 0; i < words; i++) this.operand(base)
      if (o.name === 'RETURNDATACOPY' && r.chance(90)) {
        this.op('RETURNDATASIZE')
        this.push(0)
        this.push(this.offset())
      } else {
        if (spots > 1) this.push(this.size())
        if (spots > 2) this.push(this.offset())
        this.push(this.offset())
      }
    } else if (o.name === 'EXTCODECOPY') {
      this.push(this.size())
      this.push(this.offset())
      this.push(this.offset())
      this.push(r.of(this.world.addresses))
    } else if (/^(SLOAD|SSTORE|TLOAD|TSTORE)$/.test(o.name)) {
      if (o.in === 2) r.chance(35) ? this.push(0) : this.operand(base)
      this.push(r.chance(90) ? r.to(6) : this.value())
    } else if (/^(BALANCE|EXTCODESIZE|EXTCODEHASH)$/.test(o.name)) {
      this.push(r.of(this.world.addresses))
    } else if (o.name === 'BLOCKHASH') {
      this.push(r.chance(60) ? 1000 - r.to(300) : this.value())
    } else if (o.name === 'POP' && this.height <= base) {
      this.push(this.value())
    } else {
      while (this.height - base < o.in) this.push(this.value())
    }
    this.op(o.name)
  }

  shuffle(base) {
    const have = this.height - base
    if (have < 2) return this.push(this.value())
    if (this.world.fork >= SINCE.AMSTERDAM && have > 20 && this.r.chance(50)) return this.shuffleDeep(have)
    if (this.r.chance(50)) {
      this.raw(0x80 + this.r.to(Math.min(16, have)))
      this.height++
    } else {
      this.raw(0x90 + this.r.to(Math.min(16, have - 1)))
    }
  }

  // EIP-8024: immediates 128 and more reach from the 17th item on; some are not valid.
  shuffleDeep(have) {
    const pick = this.r.to(10)
    const immediate = 128 + this.r.to(Math.min(have, 100) - 18)
    if (pick < 5) {
      this.raw(0xe6, immediate)
      this.height++
    } else if (pick < 9) this.raw(0xe7, immediate)
    else this.raw(0xe8, this.r.chance(80) ? 0x8e : this.r.to(256))
  }

  // What a call left: its status, or a hash of what it returned, goes to a slot.
  keep() {
    const r = this.r
    if (r.chance(60)) {
      this.push(r.in(16, 24))
      this.op('SSTORE')
    }
    if (this.world.fork >= SINCE.BYZANTIUM && r.chance(40)) {
      this.op('RETURNDATASIZE')
      this.push(0)
      this.push(0)
      this.op('RETURNDATACOPY')
      this.op('RETURNDATASIZE')
      this.push(0)
      this.op('KECCAK256')
      this.push(r.in(24, 32))
      this.op('SSTORE')
    }
  }

  callOp(to, inSize, exactGas) {
    const r = this.r
    const [name] = r.of(CALLS.filter(([, since]) => since <= this.world.fork))
    this.push(r.to(120))
    this.push(r.to(500))
    this.push(inSize)
    this.push(inSize > 0 ? 0 : this.offset())
    if (name === 'CALL' || name === 'CALLCODE') this.push(r.chance(75) ? 0 : r.to(40))
    this.push(to)
    const gas = r.to(10)
    if (exactGas !== undefined) this.push(exactGas)
    else if (gas < 3 && this.world.fork >= 2) this.op('GAS')
    else this.push(gas < 8 ? r.in(60000, 500000) : r.to(gas < 9 ? 40 : 6000))
    this.op(name)
    this.keep()
  }

  callPrecompile() {
    const r = this.r
    const list = Object.keys(PRECOMPILE_SINCE)
      .filter((p) => PRECOMPILE_SINCE[p] <= this.world.fork || r.chance(5))
    const at = +r.of(list)
    const input = precompileInput(r, at)
    this.bring(input)
    this.callOp(at, input.length)
  }

  // One of the single operations of the world's probe, some with just too little gas.
  probe() {
    const r = this.r
    for (let i = r.in(1, 4); i > 0; i--) {
      const s = r.of(this.world.probe.segments)
      this.push(s.at)
      this.push(0)
      this.op('MSTORE')
      const gas = s.least && r.chance(50) ? s.least + r.to(3) : s.gas
      this.callOp(this.world.probe.address, 32, gas)
    }
  }

  create() {
    const r = this.r
    const inner = new Program(r, this.world, this.depth - 1)
    const init = inner.init()
    this.bring(init)
    const two = this.world.fork >= SINCE.CONSTANTINOPLE && r.chance(50)
    if (two) this.push(r.to(3))
    this.push(r.chance(98) ? init.length : 50000)
    this.push(0)
    this.push(r.chance(70) ? 0 : r.to(30))
    this.op(two ? 'CREATE2' : 'CREATE')
    if (r.chance(50)) {
      for (let i = 0; i < 5; i++) this.push(0)
      this.raw(0x85, 0x61, 0xff, 0xff, 0xf1, 0x50) // DUP6 PUSH2 CALL POP
      this.height -= 5
    }
    this.push(r.in(32, 40))
    this.op('SSTORE')
  }

  loop(budget) {
    const base = this.height
    this.push(this.r.in(2, 6))
    const start = this.code.length
    this.op('JUMPDEST')
    this.statements(Math.min(budget, 10), this.height, false)
    this.observe(base + 1)
    this.push(1)
    this.raw(0x90, 0x03, 0x80, 0x61, start >> 8, start & 255, 0x57, 0x50)
    this.height = base
  }

  // Jumps over something, always or by a value.
  skip() {
    const always = this.r.chance(40)
    if (!always) this.push(this.value())
    this.raw(0x61, 0, 0)
    const at = this.code.length - 2
    this.raw(always ? 0x56 : 0x57)
    if (!always) this.height--
    const base = this.height
    this.statements(3, base, false)
    this.observe(base)
    this.code[at] = this.code.length >> 8
    this.code[at + 1] = this.code.length & 255
    this.op('JUMPDEST')
  }

  defect() {
    const r = this.r
    switch (r.to(9)) {
    case 0: return this.raw(0xfe)
    case 1: return this.raw(r.of(undefinedOf(this.world.fork)).value)
    case 6: return this.underflow()
    case 7:
    case 8: return this.overflow()
    case 2: return this.raw(0x61, r.to(4), r.to(256), 0x56)
    case 3: return this.raw(...Array(20).fill(0x50))
    case 4: return this.raw(0x5b, 0x58, 0x80, 0x60, 0, 0x56)
    default: return this.raw(...r.buffer(r.in(1, 8)))
    }
  }

  // Takes all from the stack but one item less than the operation needs.
  underflow() {
    const o = this.r.of(OPS.filter((x) => x.since <= this.world.fork && x.in > 0))
    while (this.height >= o.in) this.op('POP')
    while (this.height < o.in - 1) this.push(this.value())
    this.raw(o.value)
  }

  overflow() {
    const o = this.r.of(OPS.filter((x) => x.since <= this.world.fork && x.out > x.in))
    this.raw(...overflow(o, this.code.length, this.height))
  }

  statements(n, base, outer) {
    const r = this.r
    for (let i = 0; i < n; i++) {
      const pick = r.to(200)
      if (pick < 110) this.plainOp(base)
      else if (pick < 150) this.push(this.value())
      else if (pick < 165) this.shuffle(base)
      else if (pick < 171) this.skip()
      else if (pick < 180) this.callPrecompile()
      else if (pick < 190) this.callOp(r.of(this.world.addresses), r.to(100))
      else if (pick < 192 && this.world.probe) this.probe()
      else if (pick < 195 && outer) this.loop(8)
      else if (pick < 198 && this.depth > 0) this.create()
      else if (pick === 199 && r.chance(50)) this.defect()
      if (this.height - base > 40) this.fold(base)
    }
  }

  finish() {
    const r = this.r
    if (r.chance(90)) this.observe(0)
    const pick = r.to(20)
    if (pick < 6) this.raw(0)
    else if (pick < 12 || (pick < 16 && this.world.fork < SINCE.BYZANTIUM)) {
      this.push(this.size())
      this.push(this.offset())
      this.raw(0xf3)
    } else if (pick < 14) {
      this.push(this.size())
      this.push(this.offset())
      this.raw(0xfd)
    } else if (pick < 17) {
      this.push(r.of(this.world.addresses))
      this.raw(0xff)
    } else if (pick < 18) this.raw(0xfe)
    return this.bytes()
  }

  bytes() {
    this.raw(0)
    let at = this.code.length
    const places = this.data.map((b) => {
      const here = at
      at += b.length
      return here
    })
    for (const [where, i] of this.patches) {
      this.code[where] = places[i] >> 16
      this.code[where + 1] = (places[i] >> 8) & 255
      this.code[where + 2] = places[i] & 255
    }
    return Buffer.concat([Buffer.from(this.code), ...this.data])
  }

  body() {
    this.statements(this.r.in(15, 60), 0, true)
    return this.finish()
  }

  // Code of a creation: a few statements, then a small program is returned.
  init() {
    const r = this.r
    this.statements(r.in(0, 8), 0, false)
    if (r.chance(15)) return this.finish()
    const small = new Program(r, this.world, 0)
    small.statements(r.in(1, 12), 0, false)
    let code = small.finish()
    if (r.chance(4)) code = Buffer.concat([Buffer.from([0xef]), code])
    this.bring(code)
    this.push(code.length)
    this.push(0)
    this.raw(0xf3)
    return this.bytes()
  }
}
