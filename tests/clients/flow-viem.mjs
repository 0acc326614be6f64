// The same flow with viem.
import assert from 'node:assert/strict'
import { BaseError, ContractFunctionRevertedError, createPublicClient, createWalletClient,
  defineChain, http as httpTransport, maxUint256, parseEther, webSocket } from 'viem'
import { generatePrivateKey, mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'
import { MNEMONIC, within } from './common.mjs'

export async function flow({ http, ws, chainId, artifacts, check, account }) {
  const chain = defineChain({ id: chainId, name: 'devnet',
    nativeCurrency: { name: 'Metis', symbol: 'METIS', decimals: 18 },
    rpcUrls: { default: { http: [http], webSocket: [ws] } } })
  const me = mnemonicToAccount(MNEMONIC, { addressIndex: account })
  const friend = privateKeyToAccount(generatePrivateKey()).address
  const common = { chain, pollingInterval: 50, cacheTime: 0 }
  const reader = createPublicClient({ ...common, transport: httpTransport(http, { batch: true }) })
  const wallet = createWalletClient({ ...common, account: me, transport: httpTransport(http) })
  const socket = createPublicClient({ ...common, transport: webSocket(ws) })
  const done = (hash) => reader.waitForTransactionReceipt({ hash, timeout: 20000 })
  const deploy = async (name, args = []) => {
    const { abi, bytecode } = artifacts[name]
    const receipt = await done(await wallet.deployContract({ abi, bytecode, args }))
    assert.equal(receipt.status, 'success')
    return { abi, address: receipt.contractAddress }
  }
  const read = (c, functionName, args = []) => reader.readContract({ ...c, functionName, args })
  const write = async (c, functionName, args = [], gas) => {
    const receipt = await done(await wallet.writeContract({ ...c, functionName, args, gas }))
    assert.equal(receipt.status, 'success', functionName)
    return receipt
  }
  let token

  await check('chain id', async () => {
    assert.equal(await reader.getChainId(), chainId)
    assert.equal(await socket.getChainId(), chainId)
  })
  await check('plain transfer', async () => {
    const before = await reader.getBalance({ address: me.address })
    const receipt = await done(await wallet.sendTransaction({ to: friend, value: parseEther('1.5') }))
    assert.equal(receipt.status, 'success')
    assert.equal(await reader.getBalance({ address: friend }), parseEther('1.5'))
    assert.equal(await reader.getBalance({ address: me.address }),
      before - parseEther('1.5') - receipt.gasUsed * receipt.effectiveGasPrice)
  })
  await check('deploy an ERC-20', async () => {
    token = await deploy('TestToken', ['Test', parseEther('1000000')])
    assert.equal(await read(token, 'name'), 'Test')
    assert.equal(await read(token, 'balanceOf', [me.address]), parseEther('1000000'))
  })
  await check('ERC-20 transfer and its event over HTTP', async () => {
    const seen = new Promise((resolve, reject) => {
      const stop = reader.watchContractEvent({ ...token, eventName: 'Transfer', poll: true,
        args: { from: me.address }, onError: reject,
        onLogs: (logs) => { stop(); resolve(logs) } })
    })
    await new Promise((r) => setTimeout(r, 300))
    const receipt = await write(token, 'transfer', [friend, 1234n])
    assert.equal(await read(token, 'balanceOf', [friend]), 1234n)
    const logs = await within(10000, seen)
    assert.equal(logs[0].args.value, 1234n)
    const again = await reader.getContractEvents({ ...token, eventName: 'Transfer',
      args: { to: friend }, fromBlock: receipt.blockNumber })
    assert.equal(again.length, 1)
    assert.equal(again[0].transactionHash, receipt.transactionHash)
  })
  await check('events and heads over WebSocket', async () => {
    const head = new Promise((resolve, reject) => {
      const stop = socket.watchBlocks({ onError: reject, onBlock: (b) => { stop(); resolve(b) } })
    })
    const seen = new Promise((resolve, reject) => {
      const stop = socket.watchContractEvent({ ...token, eventName: 'Transfer', onError: reject,
        onLogs: (logs) => { stop(); resolve(logs) } })
    })
    await new Promise((r) => setTimeout(r, 300))
    const receipt = await write(token, 'transfer', [friend, 77n])
    const logs = await within(10000, seen)
    assert.equal(logs[0].args.value, 77n)
    assert.equal((await within(10000, head)).number, receipt.blockNumber)
  })
  await check('revert data: custom error, text, panic', async () => {
    const revert = async (promise) => {
      const e = await promise.then(() => assert.fail('no revert'), (e) => e)
      assert.ok(e instanceof BaseError, e)
      const inner = e.walk((x) => x instanceof ContractFunctionRevertedError)
      assert.ok(inner, e.message)
      return inner
    }
    const simulate = (functionName, args = []) =>
      reader.simulateContract({ ...token, account: me, functionName, args })
    const custom = (await revert(simulate('failWithError', [42n]))).data
    assert.deepEqual([custom.errorName, ...custom.args], ['Refused', me.address, 42n])
    assert.equal((await revert(simulate('failWithText'))).reason, 'no such luck')
    assert.deepEqual((await revert(simulate('failWithPanic', [0n]))).data.args, [18n])
    const poor = await revert(reader.estimateContractGas({ ...token, account: me,
      functionName: 'transfer', args: [friend, maxUint256] }))
    assert.equal(poor.data.errorName, 'ERC20InsufficientBalance')
  })
  await check('a reverted transaction is mined with status 0', async () => {
    const hash = await wallet.writeContract({ ...token, functionName: 'failWithText', gas: 100000n })
    assert.equal((await done(hash)).status, 'reverted')
  })
  await check('Uniswap v2: pair, liquidity, swap', async () => {
    const other = await deploy('TestToken', ['Other', parseEther('1000000')])
    const factory = await deploy('Factory', [me.address])
    const weth = await deploy('Weth')
    const router = await deploy('Router', [factory.address, weth.address])
    await write(factory, 'createPair', [token.address, other.address])
    const pair = { abi: artifacts.Pair.abi,
      address: await read(factory, 'getPair', [token.address, other.address]) }
    await write(token, 'approve', [router.address, maxUint256])
    await write(other, 'approve', [router.address, maxUint256])
    const later = BigInt(Math.floor(Date.now() / 1000) + 100000)
    await write(router, 'addLiquidity', [token.address, other.address, 10n ** 20n,
      4n * 10n ** 20n, 0n, 0n, me.address, later])
    assert.equal(await read(pair, 'balanceOf', [me.address]), 2n * 10n ** 20n - 1000n)
    const before = await read(other, 'balanceOf', [me.address])
    const receipt = await write(router, 'swapExactTokensForTokens', [10n ** 18n, 0n,
      [token.address, other.address], me.address, later], 500000n) // with room, as time goes by
    const want = (10n ** 18n * 997n * 4n * 10n ** 20n) / (10n ** 20n * 1000n + 10n ** 18n * 997n)
    assert.equal((await read(other, 'balanceOf', [me.address])) - before, want)
    const swaps = await reader.getContractEvents({ ...pair, eventName: 'Swap',
      fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber })
    assert.equal(swaps.length, 1)
  })
  const { socket: raw } = await socket.transport.getRpcClient()
  raw.close()
}
