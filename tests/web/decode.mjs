// The page's own reading of hashes and of the ABI, held against ethers: the tables name what
// they say, random values come back as they were encoded, and bytes that mean nothing are
// refused without an exception. The modules run in the page, where they belong.
import assert from 'node:assert/strict'
import { ethers } from './chain.mjs'

// A stream of random bytes from a seed that is printed when a test fails.
function randomness(seed) {
  let n = 0
  const bytes = (size) => {
    let out = ''
    while (out.length < 2 * size) out += ethers.id(`${seed}/${n++}`).slice(2)
    return '0x' + out.slice(0, 2 * size)
  }
  const below = (most) => Number(BigInt(bytes(6)) % BigInt(most))
  return { bytes, below }
}

// A random value of a type, as ethers takes it; sometimes an extreme one.
function valueOf(type, r) {
  if (type.isArray()) {
    const count = type.arrayLength === -1 ? r.below(4) : type.arrayLength
    return Array.from({ length: count }, () => valueOf(type.arrayChildren, r))
  }
  if (type.isTuple()) return type.components.map((c) => valueOf(c, r))
  const t = type.type
  if (t === 'address') return ethers.getAddress(r.bytes(20))
  if (t === 'bool') return r.below(2) === 1
  if (t === 'string') return ['', 'a', 'čeština ❤ 你好', 'x'.repeat(100)][r.below(4)]
  if (t === 'bytes') return r.bytes(r.below(70))
  if (t.startsWith('bytes')) return r.bytes(Number(t.slice(5)))
  const bits = BigInt(/\d+/.exec(t)[0])
  const v = [0n, 2n ** bits - 1n, BigInt(r.bytes(32))][r.below(3)]
  return t.startsWith('u') ? BigInt.asUintN(Number(bits), v) : BigInt.asIntN(Number(bits), v)
}

const printed = (v) => JSON.stringify(v, (k, x) => (typeof x === 'bigint' ? `${x}n` : x))

// "(address target,bytes data)[] calls" is "tuple(address target,bytes data)[] calls" there.
function fragment(kind, text) {
  const at = text.indexOf('(') + 1
  return ethers.Fragment.from(`${kind} ${text.slice(0, at)}${text.slice(at).replace(/\(/g, 'tuple(')}`)
}

const tables = (page) => page.evaluate(async () => {
  const s = await import('/web/signatures.js')
  const { parseSignature } = await import('/web/abi.js')
  const lines = (text) => text.trim().split('\n').map((line) => {
    const signature = line.slice(line.indexOf('|') + 1)
    return { signature, canonical: parseSignature(signature).canonical }
  })
  return { event: lines(s.EVENTS), function: lines(s.FUNCTIONS), error: lines(s.ERRORS) }
})

export async function testDecoding(page, ok, seed) {
  const table = await tables(page)
  const named = Object.entries(table).flatMap(([kind, list]) => list.map((x) => ({ kind, ...x })))
  await ok('each signature is what ethers reads in it', async () => {
    assert.ok(named.length > 100)
    for (const { kind, signature, canonical } of named)
      assert.equal(canonical, fragment(kind, signature).format('sighash'))
  })
  await ok('hashes and capitals of addresses', async () => {
    const r = randomness(seed)
    const texts = Array.from({ length: 300 }, (_, i) => r.bytes(i))
    const addresses = Array.from({ length: 100 }, () => r.bytes(20))
    const got = await page.evaluate(async ({ texts, addresses }) => {
      const { keccak, checksum } = await import('/web/keccak.js')
      const bytes = (hex) => Uint8Array.from(hex.slice(2).match(/../g) ?? [], (b) => parseInt(b, 16))
      return [texts.map((t) => `0x${keccak(bytes(t))}`), addresses.map(checksum)]
    }, { texts, addresses })
    assert.deepEqual(got[0], texts.map((t) => ethers.keccak256(t)), `seed ${seed}`)
    assert.deepEqual(got[1], addresses.map((a) => ethers.getAddress(a)), `seed ${seed}`)
  })
  await ok('values come back as they were encoded', async () => {
    const r = randomness(seed)
    const coder = ethers.AbiCoder.defaultAbiCoder()
    const cases = named.flatMap(({ kind, signature }) => Array.from({ length: 8 }, () => {
      const { inputs } = fragment(kind, signature)
      const values = inputs.map((t) => valueOf(t, r))
      return { kind, signature, hex: coder.encode(inputs, values), values: printed(values) }
    }))
    const got = await page.evaluate(async (cases) => {
      const { parseSignature, decode } = await import('/web/abi.js')
      const plain = (v) => (Array.isArray(v) ? v.map((x) => plain(x.value)) : v)
      return cases.map((c) => JSON.stringify(plain(decode(c.hex, parseSignature(c.signature).params)?.map((x) => ({ value: x.value })) ?? null),
        (k, x) => (typeof x === 'bigint' ? `${x}n` : x)))
    }, cases)
    cases.forEach((c, i) => assert.equal(got[i], c.values, `seed ${seed}: ${c.signature}`))
  })
  await ok('bytes that mean nothing are refused', async () => {
    const r = randomness(seed)
    const coder = ethers.AbiCoder.defaultAbiCoder()
    const hostile = []
    for (const { kind, signature } of named) {
      const f = fragment(kind, signature)
      const head = kind === 'event' ? '0x' : f.selector
      const whole = coder.encode(f.inputs, f.inputs.map((t) => valueOf(t, r)))
      for (let i = 0; i < 12; i++) {
        const at = 2 + 2 * r.below(Math.max(1, (whole.length - 2) / 2))
        const cut = whole.slice(0, at)
        const bent = whole.slice(0, at) + 'ff' + whole.slice(at + 2)
        hostile.push(head + cut.slice(2), head + bent.slice(2), head + r.bytes(r.below(200)).slice(2))
      }
    }
    const thrown = await page.evaluate(async (hostile) => {
      const { decodeCall, decodeRevert, decodeLog, decodeString } = await import('/web/abi.js')
      const { keccakText } = await import('/web/keccak.js')
      const topic = `0x${keccakText('Transfer(address,address,uint256)')}`
      const out = []
      for (const hex of hostile) {
        try {
          decodeCall(hex)
          decodeRevert(hex)
          decodeString(hex)
          decodeLog({ topics: [topic, `0x${'ff'.repeat(32)}`, topic], data: hex })
          decodeLog({ topics: [], data: hex })
        } catch (e) {
          out.push(`${hex}: ${e.message}`)
        }
      }
      return out
    }, hostile)
    assert.deepEqual(thrown, [], `seed ${seed}`)
  })
  await ok('rates by second against a plain list', async () => {
    const differing = await page.evaluate(async (seed) => {
      const { Rates, RING_SECONDS } = await import('/web/chain.js')
      const { keccakText } = await import('/web/keccak.js')
      let n = 0
      const below = (most) => parseInt(keccakText(`${seed}/${n++}`).slice(0, 8), 16) % most
      const rates = new Rates()
      const all = []
      const out = []
      let now = 1000000
      for (let i = 0; i < 3000; i++) {
        now += below(20) === 0 ? below(2 * RING_SECONDS) : below(3)
        rates.advance(now)
        const second = now - (below(4) === 0 ? below(RING_SECONDS + 100) : 0)
        const amount = below(1000)
        rates.add('gas', second, amount)
        all.push([second, amount])
        if (i % 20) continue
        const from = now - below(RING_SECONDS)
        const to = from + below(RING_SECONDS)
        const want = all.filter(([s]) => s >= from && s < to).reduce((sum, [, a]) => sum + a, 0)
        if (rates.sum('gas', from, to) !== want) out.push([i, from - now, to - now, rates.sum('gas', from, to), want])
      }
      return out
    }, seed)
    assert.deepEqual(differing, [], `seed ${seed}`)
  })
}
