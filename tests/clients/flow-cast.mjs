// The same flow with cast, as a person would type it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AbiCoder, HDNodeWallet, Interface, Mnemonic } from 'ethers'
import { run, sleep } from '../lib/metisd.mjs'
import { MNEMONIC } from './common.mjs'

const CAST = join(dirname(fileURLToPath(import.meta.url)),
  'node_modules/@foundry-rs/cast-linux-amd64/bin/cast')
const ENV = { ...process.env, FOUNDRY_DISABLE_NIGHTLY_WARNING: '1', NO_COLOR: '1' }

export async function flow({ http, ws, chainId, artifacts, check, account }) {
  const key = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${account}`)
  const me = key.address
  const friend = HDNodeWallet.createRandom().address
  const raw = (args) => run(CAST, args, { env: ENV })
  const cast = async (...args) => {
    const r = await raw(args)
    assert.equal(r.status, 0, `cast ${args[0]}: ${r.stderr}`)
    return r.stdout.trim()
  }
  const url = ['--rpc-url', http]
  const sign = [...url, '--private-key', key.privateKey, '--json']
  const send = async (...args) => {
    const receipt = JSON.parse(await cast('send', ...sign, ...args))
    assert.equal(BigInt(receipt.status), 1n)
    return receipt
  }
  const deploy = async (name, types = [], args = []) => {
    const data = artifacts[name].bytecode + AbiCoder.defaultAbiCoder().encode(types, args).slice(2)
    return (await send('--create', data)).contractAddress
  }
  const call = async (...args) => (await cast('call', ...url, ...args)).split(' ')[0]
  let token

  await check('chain id', async () => {
    assert.equal(await cast('chain-id', ...url), String(chainId))
    assert.equal(await cast('chain-id', '--rpc-url', ws), String(chainId))
  })
  await check('plain transfer', async () => {
    const receipt = await send(friend, '--value', '1.5ether')
    assert.equal(await cast('balance', friend, ...url), '1500000000000000000')
    assert.equal(await cast('tx', receipt.transactionHash, 'from', ...url), me)
    assert.equal(await cast('nonce', me, ...url), '1')
  })
  await check('deploy an ERC-20', async () => {
    token = await deploy('TestToken', ['string', 'uint256'], ['Test', 10n ** 24n])
    assert.equal(await cast('call', ...url, token, 'name()(string)'), '"Test"')
    assert.equal(await call(token, 'balanceOf(address)(uint256)', me), String(10n ** 24n))
  })
  await check('ERC-20 transfer and its event over HTTP', async () => {
    const receipt = await send(token, 'transfer(address,uint256)', friend, '1234')
    assert.equal(await call(token, 'balanceOf(address)(uint256)', friend), '1234')
    const logs = JSON.parse(await cast('logs', ...url, '--json', '--address', token,
      '--from-block', String(BigInt(receipt.blockNumber)),
      'Transfer(address indexed,address indexed,uint256)', me))
    assert.equal(logs.length, 1)
    assert.equal(BigInt(logs[0].data), 1234n)
  })
  await check('events over WebSocket', async () => {
    const child = spawn(CAST, ['logs', '--subscribe', '--rpc-url', ws, '--address', token,
      'Transfer(address indexed,address indexed,uint256)'], { env: ENV })
    let out = ''
    let err = ''
    child.stdout.on('data', (d) => (out += d))
    child.stderr.on('data', (d) => (err += d))
    await sleep(1000)
    const receipt = await send(token, 'transfer(address,uint256)', friend, '77')
    for (let i = 0; i < 100 && !out.includes(receipt.transactionHash); i++) await sleep(50)
    child.kill('SIGKILL')
    assert.ok(out.includes(receipt.transactionHash), `no event: ${out} ${err}`)
  })
  await check('revert data: custom error, text', async () => {
    const custom = await raw(['call', ...url, '--from', me, token, 'failWithError(uint256)', '42'])
    assert.notEqual(custom.status, 0)
    const data = new Interface(artifacts.TestToken.abi).encodeErrorResult('Refused', [me, 42])
    assert.ok(custom.stderr.includes(data), custom.stderr)
    const text = await raw(['estimate', ...url, '--from', me, token, 'failWithText()'])
    assert.notEqual(text.status, 0)
    assert.match(text.stderr, /no such luck/)
  })
  await check('a reverted transaction is mined with status 0', async () => {
    const r = await raw(['send', ...sign, '--gas-limit', '100000', token, 'failWithText()'])
    const receipt = JSON.parse(r.stdout)
    assert.equal(BigInt(receipt.status), 0n)
  })
  await check('Uniswap v2: pair, liquidity, swap', async () => {
    const other = await deploy('TestToken', ['string', 'uint256'], ['Other', 10n ** 24n])
    const factory = await deploy('Factory', ['address'], [me])
    await send(factory, 'createPair(address,address)', token, other)
    const pair = await call(factory, 'getPair(address,address)(address)', token, other)
    await send(token, 'transfer(address,uint256)', pair, String(10n ** 20n))
    await send(other, 'transfer(address,uint256)', pair, String(4n * 10n ** 20n))
    await send(pair, 'mint(address)', me)
    assert.equal(await call(pair, 'balanceOf(address)(uint256)', me), String(2n * 10n ** 20n - 1000n))
    await send(token, 'transfer(address,uint256)', pair, String(10n ** 18n))
    const want = (10n ** 18n * 997n * 4n * 10n ** 20n) / (10n ** 20n * 1000n + 10n ** 18n * 997n)
    const first = (await call(pair, 'token0()(address)')).toLowerCase() === token.toLowerCase()
    const before = BigInt(await call(other, 'balanceOf(address)(uint256)', me))
    await send(pair, 'swap(uint256,uint256,address,bytes)', first ? '0' : String(want),
      first ? String(want) : '0', me, '0x')
    assert.equal(BigInt(await call(other, 'balanceOf(address)(uint256)', me)) - before, want)
  })
}
