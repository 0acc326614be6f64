// forge as its users run it (foundry.toml, the sources in forge/): build, `script --broadcast`, and tests on
// a fork of the node.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HDNodeWallet, Interface, Mnemonic } from 'ethers'
import { rpc, run, tempDir } from '../lib/metisd.mjs'
import { MNEMONIC } from './common.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const FORGE = join(here, 'node_modules/@foundry-rs/forge-linux-amd64/bin/forge')
const out = tempDir()

export async function flow({ http, chainId, check, account }) {
  const key = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${account}`)
  const env = { ...process.env, FOUNDRY_OUT: join(out, 'out'), FOUNDRY_CACHE_PATH: join(out, 'cache'),
    FOUNDRY_BROADCAST: join(out, 'broadcast'), FOUNDRY_DISABLE_NIGHTLY_WARNING: '1', NO_COLOR: '1' }
  const forge = async (more, ...args) => {
    const r = await run(FORGE, args, { cwd: here, env: { ...env, ...more } })
    assert.equal(r.status, 0, r.stdout + r.stderr)
    return r.stdout
  }
  let contracts, before, balance

  await check('build', () => forge({}, 'build'))
  await check('script --broadcast', async () => {
    before = await rpc(http, 'eth_blockNumber')
    balance = await rpc(http, 'eth_getBalance', [key.address, before])
    await forge({}, 'script', 'forge/script/Deploy.s.sol', '--rpc-url', http, '--broadcast',
      '--private-key', key.privateKey)
    const file = join(out, `broadcast/Deploy.s.sol/${chainId}/run-latest.json`)
    const { transactions, receipts } = JSON.parse(readFileSync(file, 'utf8'))
    assert.equal(receipts.length, 5)
    assert.deepEqual(receipts.map((r) => BigInt(r.status)), Array(5).fill(1n))
    contracts = Object.fromEntries(transactions.filter((t) => t.transactionType === 'CREATE')
      .map((t) => [t.contractName, t.contractAddress]))
    for (const t of transactions)
      assert.equal((await rpc(http, 'eth_getTransactionByHash', [t.hash])).from, key.address.toLowerCase())
    const shop = new Interface(['function paid(address) view returns (uint256)'])
    const data = shop.encodeFunctionData('paid', [key.address])
    assert.equal(BigInt(await rpc(http, 'eth_call', [{ to: contracts.Shop, data }, 'latest'])),
      7n * 10n ** 18n)
  })
  await check('test --fork-url', async () => {
    const HEAD = String(Number(await rpc(http, 'eth_blockNumber')))
    const text = await forge({ SHOP: contracts.Shop, PAYER: key.address, CHAIN_ID: String(chainId),
      HEAD, BEFORE: String(Number(before)), BALANCE_BEFORE: String(BigInt(balance)) }, 'test', '--fork-url', http, '--json')
    const results = Object.values(JSON.parse(text.trim().split('\n').at(-1)))[0].test_results
    assert.equal(Object.keys(results).length, 4)
    for (const [name, r] of Object.entries(results)) assert.equal(r.status, 'Success', name)
  })
}
