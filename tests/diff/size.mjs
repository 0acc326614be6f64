// EIP-7934: a block of the largest size is valid, one byte more is not, before Osaka there
// is no limit. The blocks are made here, since they are too large for a file in the tree.
//   node tests/diff/size.mjs --evm METIS-EVM [--geth EVM]
// Last line: `N passed, N failed`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chainTest, fill, makeChain, prepare } from './chain.mjs'
import { encode } from './gen.mjs'
import { headerHash } from './header.mjs'
import { fork as forkIndex } from './opcodes.mjs'
import { options, output } from './oracle.mjs'
import { key } from './sign.mjs'

const MOST = 10 * 1048576 - 2 * 1048576 // what EIP-7934 leaves of 10 MiB
const o = options({})
const work = mkdtempSync(join(tmpdir(), 'metis-size-'))
const file = join(work, 'size.json')
const lines = (text) => text.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l))

const h = (n) => '0x' + n.toString(16)
const transaction = (f, nonce, zeros) => Object.assign(encode(2, { nonce: h(nonce), maxPriorityFeePerGas: '0x1',
  maxFeePerGas: '0x10000', gasLimit: [h(16000000)], to: '0x' + '11'.repeat(20), value: ['0x0'],
  data: ['0x' + '00'.repeat(zeros)] }, f, false, key(5)), { blobs: 0 })

// A chain of one block whose encoding has `size` bytes.
function chainOf(network, size) {
  const f = forkIndex(network)
  const c = makeChain(1, network)
  c.genesis.gasLimit = 400000000n
  c.blocks.splice(1)
  const b = c.blocks[0]
  delete b.make
  b.withdrawals = []
  let last = 1000000
  const put = () => {
    b.transactions = [0, 1, 2, 3, 4, 5].map((i) => transaction(f, i, i < 5 ? 1400000 : last))
    prepare(c, 0)
    return (chainTest(c).blocks[0].rlp.length - 2) / 2
  }
  // the header's length changes with the gas that is used, which fill() puts in
  last += size - put() - 5
  put()
  return c
}

async function check(network, size, valid) {
  const c = chainOf(network, size)
  writeFileSync(file, JSON.stringify({ size: chainTest(c) }))
  const [l] = lines(await output(o.evm, ['blockexec', '--jobs', '1', file]))
  if (l.error) return `blockexec: ${l.error}`
  fill(c, 0, l)
  const test = chainTest(c)
  const bytes = (test.blocks[0].rlp.length - 2) / 2
  if (bytes !== size) return `made ${bytes} bytes in place of ${size}`
  if (!valid) {
    delete test.blocks[0].blockHeader
    test.blocks[0].expectException = 'BlockException.RLP_BLOCK_LIMIT_EXCEEDED'
    test.lastblockhash = headerHash(c.genesis)
  }
  writeFileSync(file, JSON.stringify({ size: test }))
  const [mine] = lines(await output(o.evm, ['blocktest', '--json', '--jobs', '1', file]))
  if (!mine.pass) return mine.error
  if (!o.geth) return undefined
  const [other] = JSON.parse(await output(o.geth, ['blocktest', file], true))
  return other.pass ? undefined : `go-ethereum: ${other.error}`
}

let failed = 0
const cases = [['Osaka', MOST, true], ['Osaka', MOST + 1, false], ['Prague', MOST + 1, true]]
for (const [network, size, valid] of cases) {
  const why = await check(network, size, valid)
  if (why) {
    failed++
    console.log(`FAIL ${network}, ${size} bytes: ${why.slice(0, 300)}`)
  }
}
rmSync(work, { recursive: true })
console.log(`${cases.length - failed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
