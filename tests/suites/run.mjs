// The runners of the public suites refuse what does not agree: each fixture here passes, and
// with one thing changed it fails with a line that names the case. A runner that looked away
// would pass both.
//   node tests/suites/run.mjs [--evm build/metis-evm]
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counter, options, run, tempDir } from '../lib/metisd.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const vectors = join(here, '../vectors')
const opt = options({ evm: 'build/metis-evm' })
const count = counter()
const dir = tempDir()
const hex = (byte, n) => '0x' + byte.repeat(n)

// [name, change(fixture), what the failed line says]; the first test of the file is changed.
async function changed(command, fixture, changes) {
  const file = join(dir, `${command}.json`)
  const go = async (doc) => {
    writeFileSync(file, JSON.stringify(doc))
    return run(opt.evm, [command, '--jobs', '1', file])
  }
  await count.check(`${command}: passes as it is`, async () => {
    const r = await go(fixture)
    assert.equal(r.status, 0, r.stdout)
    assert.match(r.stdout, new RegExp(`^${Object.keys(fixture).length} passed, 0 failed$`, 'm'))
  })
  for (const [name, change, says] of changes) {
    await count.check(`${command}: ${name}`, async () => {
      const doc = structuredClone(fixture)
      change(Object.values(doc)[0], doc)
      const r = await go(doc)
      assert.equal(r.status, 1, r.stdout + r.stderr)
      assert.match(r.stdout + r.stderr, says)
    })
  }
}
const first = (file, pick = () => true) => {
  const [name, test] = Object.entries(JSON.parse(readFileSync(join(vectors, file)))).find(([, t]) => pick(t))
  return { [name]: test }
}

// ---- blocks ----
// A chain of two blocks and one that must be refused: the first block once more, cut short.
const chain = first('blocktests/chains.json')
const [chainName] = Object.keys(chain)
const test = chain[chainName]
const head = test.blocks.at(-1).blockHeader
test.postStateHash = head.stateRoot
test.blocks.push({ rlp: test.blocks[0].rlp.slice(0, -2), expectException: 'BlockException.RLP_STRUCTURES_ENCODING' })
await changed('blocktest', chain, [
  ['another chain id that is none', (t) => { t.config.chainid = 'junk' }, /chainid/],
  ['no network', (t) => { delete t.network }, /no network/],
  ['an unknown network', (t) => { t.network = 'Nowhere' }, /config/],
  ['another last block', (t) => { t.lastblockhash = hex('11', 32) }, /head 0x/],
  ['another genesis hash', (t) => { t.genesisBlockHeader.hash = hex('11', 32) }, /genesisBlockHeader: hash/],
  ['another genesis root', (t) => { t.genesisBlockHeader.stateRoot = hex('11', 32) }, /genesisBlockHeader: stateRoot/],
  ['no genesis header', (t) => { delete t.genesisBlockHeader }, /genesisBlockHeader/],
  ['another balance before', (t) => { Object.values(t.pre)[0].balance = '0x7' }, /FAIL/],
  ['another gas used', (t) => { t.blocks[0].blockHeader.gasUsed = '0x1' }, /blockHeader: gasUsed/],
  ['another block hash', (t) => { t.blocks[0].blockHeader.hash = hex('11', 32) }, /blockHeader: hash/],
  ['no blocks at all', (t) => { t.blocks = [] }, /head 0x/],
  ['another root after', (t) => { t.postStateHash = hex('11', 32) }, /postStateHash/],
  ['a state after that is another', (t) => { t.postState = t.pre }, /postState/],
  ['a good block that should be refused', (t) => { t.blocks[0].expectException = 'BlockException.INVALID_GASLIMIT' }, /accepted/],
  ['a refused block that should be good', (t) => { delete t.blocks.at(-1).expectException }, /refused/],
  ['refused for another reason', (t) => { t.blocks.at(-1).expectException = 'BlockException.INVALID_GASLIMIT' }, /another reason/],
  ['refused for a reason of a transaction', (t) => {
    t.blocks.at(-1).expectException = 'TransactionException.TYPE_4_TX_CONTRACT_CREATION' }, /another reason/],
  ['an exception that is a number', (t) => { t.blocks.at(-1).expectException = 5 }, /malformed/],
])

// ---- states ----
const state = first('statetests/sample.json', (t) => Object.values(t.post)[0].length === 1)
const entry = (t) => Object.values(t.post)[0][0]
await changed('statetest', state, [
  ['another root', (t) => { entry(t).hash = hex('11', 32) }, /state root/],
  ['other logs', (t) => { entry(t).logs = hex('11', 32) }, /logs hash/],
  ['no post', (t) => { delete t.post }, /no post/],
  ['an unknown fork', (t) => { t.post = { Nowhere: Object.values(t.post)[0] } }, /unknown fork/],
  ['a good transaction that should be refused', (t) => { entry(t).expectException = 'TransactionException.NONCE_IS_MAX' }, /accepted/],
  ['bytes that are none', (t) => { entry(t).txbytes = '0x' }, /refused/],
  ['refused for another reason', (t) => {
    Object.assign(entry(t), { txbytes: '0x', expectException: 'TransactionException.NONCE_IS_MAX' }) }, /another reason/],
  ['a name that is none', (t) => { Object.assign(entry(t), { txbytes: '0x', expectException: 'FOO' }) }, /another reason/],
  ['an exception that is a number', (t) => { entry(t).expectException = 5 }, /malformed/],
])

// ---- the small ones ----
await changed('rlptest', { dog: { in: 'dog', out: '0x83646f67' } }, [
  ['other bytes', (t) => { t.out = '0x83646f68' }, /written otherwise/],
  ['no value', (t) => { delete t.in }, /not a value/],
  ['no encoding', (t) => { delete t.out }, /not hex/],
])
await changed('trietest', { one: { in: { A: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' },
  root: '0xd23786fb4a010da3ce639d66d5e904a11dbc02746d1ce25029e53290cabf28ab' } }, [
  ['another root', (t) => { t.root = hex('11', 32) }, /root 0x/],
  ['no pairs', (t) => { delete t.in }, /not built/],
])
await changed('txtest', { none: { txbytes: '0x', result: { London: { exception: 'TransactionException.RLP_ERROR_EOF', intrinsicGas: '0x00' } } } }, [
  ['for another reason', (t) => { t.result.London.exception = 'TransactionException.NONCE_IS_MAX' }, /another reason/],
  ['no exception', (t) => { delete t.result.London.exception }, /refused/],
  ['an exception that is a number', (t) => { t.result.London.exception = 5 }, /no text/],
  ['no result', (t) => { delete t.result }, /no result/],
])
await changed('difficultytest', { one: { Frontier: { a: { parentTimestamp: '0x1', parentDifficulty: '0x20000', parentUncles: '0x00',
  currentTimestamp: '0x2', currentBlockNumber: '0x1', currentDifficulty: '0x20040' } } } }, [ // 2^17 + 2^17 / 2048
  ['another difficulty', (t) => { t.Frontier.a.currentDifficulty = '0x20041' }, /difficulty 0x20040/],
  ['no difficulty', (t) => { delete t.Frontier.a.currentDifficulty }, /malformed/],
  ['an unknown network', (t) => { t.Nowhere = t.Frontier; delete t.Frontier }, /unknown network/],
  ['no test', (t, doc) => { doc.one = 5 }, /malformed/],
])
await count.check('nothing to run is said', async () => {
  const file = join(dir, 'none.json')
  writeFileSync(file, '{}')
  for (const command of ['statetest', 'blocktest', 'txtest', 'trietest', 'rlptest', 'difficultytest', 'suitetest']) {
    const r = await run(opt.evm, [command, file])
    assert.equal(r.status, 1, command)
    assert.match(r.stderr, /no case was run/)
  }
})
process.exit(count.summary() ? 0 : 1)
