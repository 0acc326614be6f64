// The flow with ethers: deploy an ERC-20 and a Uniswap v2 pair, transfer, read events over
// HTTP and WebSocket, hit a revert and get its data.
import assert from 'node:assert/strict'
import { Contract, ContractFactory, HDNodeWallet, Interface, JsonRpcProvider, MaxUint256,
  Mnemonic, NonceManager, WebSocketProvider, isError, parseEther } from 'ethers'
import { WebSocket } from 'ws'
import { MNEMONIC, within } from './common.mjs'

export async function flow({ http, ws, chainId, artifacts, check, account }) {
  const provider = new JsonRpcProvider(http, undefined, { cacheTimeout: -1 })
  provider.pollingInterval = 50
  const socket = new WebSocketProvider(new WebSocket(ws))
  const key = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${account}`)
  const signer = new NonceManager(key.connect(provider))
  const me = key.address
  const friend = HDNodeWallet.createRandom().address
  const deploy = async (name, ...args) => {
    const { abi, bytecode } = artifacts[name]
    const c = await new ContractFactory(abi, bytecode, signer).deploy(...args)
    await c.waitForDeployment()
    return c
  }
  let token

  await check('chain id', async () => {
    assert.equal((await provider.getNetwork()).chainId, BigInt(chainId))
    assert.equal((await socket.getNetwork()).chainId, BigInt(chainId))
  })
  await check('plain transfer', async () => {
    const before = await provider.getBalance(me)
    const tx = await signer.sendTransaction({ to: friend, value: parseEther('1.5') })
    const receipt = await tx.wait()
    assert.equal(receipt.status, 1)
    assert.equal(await provider.getBalance(friend), parseEther('1.5'))
    assert.equal(await provider.getBalance(me),
      before - parseEther('1.5') - receipt.gasUsed * receipt.gasPrice)
    const seen = await provider.getTransaction(tx.hash)
    assert.equal(seen.from, me)
    assert.equal(seen.blockHash, receipt.blockHash)
  })
  await check('deploy an ERC-20', async () => {
    token = await deploy('TestToken', 'Test', parseEther('1000000'))
    assert.equal(await token.name(), 'Test')
    assert.equal(await token.balanceOf(me), parseEther('1000000'))
    assert.notEqual(await provider.getCode(await token.getAddress()), '0x')
  })
  await check('ERC-20 transfer and its event over HTTP', async () => {
    const receipt = await (await token.transfer(friend, 1234n)).wait()
    assert.equal(await token.balanceOf(friend), 1234n)
    const events = await token.queryFilter(token.filters.Transfer(me, friend), receipt.blockNumber)
    assert.equal(events.length, 1)
    assert.equal(events[0].args.value, 1234n)
    assert.equal(events[0].transactionHash, receipt.hash)
  })
  await check('events and heads over WebSocket', async () => {
    const live = new Contract(await token.getAddress(), artifacts.TestToken.abi, socket)
    const event = new Promise((r) => live.once('Transfer', (from, to, value) => r({ from, to, value })))
    const head = new Promise((r) => socket.once('block', r))
    await within(1000, live.listenerCount('Transfer')) // the subscription is on its way
    await new Promise((r) => setTimeout(r, 200))
    const receipt = await (await token.transfer(friend, 77n)).wait()
    const got = await within(10000, event)
    assert.deepEqual([got.from, got.to, got.value], [me, friend, 77n])
    assert.equal(await within(10000, head), receipt.blockNumber)
    await live.removeAllListeners()
  })
  await check('revert data: custom error, text, panic', async () => {
    for (const call of [() => token.failWithError.staticCall(42), () => token.failWithError.estimateGas(42)]) {
      const e = await call().then(() => assert.fail('no revert'), (e) => e)
      assert.ok(isError(e, 'CALL_EXCEPTION'), e.message)
      const parsed = new Interface(artifacts.TestToken.abi).parseError(e.data)
      assert.deepEqual([parsed.name, ...parsed.args], ['Refused', me, 42n])
    }
    const text = await token.failWithText.staticCall().catch((e) => e)
    assert.equal(text.reason, 'no such luck')
    const panic = await token.failWithPanic.staticCall(0).catch((e) => e)
    assert.equal(panic.revert.name, 'Panic')
    assert.equal(Number(panic.revert.args[0]), 18)
    const poor = await token.transfer.staticCall(friend, MaxUint256).catch((e) => e)
    assert.equal(poor.revert.name, 'ERC20InsufficientBalance')
  })
  await check('a reverted transaction is mined with status 0', async () => {
    const tx = await token.failWithText.populateTransaction()
    const sent = await signer.sendTransaction({ ...tx, gasLimit: 100000n })
    const e = await sent.wait().then(() => assert.fail('no revert'), (e) => e)
    assert.equal(e.receipt.status, 0)
  })
  await check('Uniswap v2: pair, liquidity, swap', async () => {
    const other = await deploy('TestToken', 'Other', parseEther('1000000'))
    const factory = await deploy('Factory', me)
    const weth = await deploy('Weth')
    const router = await deploy('Router', await factory.getAddress(), await weth.getAddress())
    const [a, b, r] = await Promise.all([token, other, router].map((c) => c.getAddress()))
    await (await factory.createPair(a, b)).wait()
    const pair = new Contract(await factory.getPair(a, b), artifacts.Pair.abi, signer)
    await (await token.approve(r, MaxUint256)).wait()
    await (await other.approve(r, MaxUint256)).wait()
    const later = Math.floor(Date.now() / 1000) + 100000
    await (await router.addLiquidity(a, b, 10n ** 20n, 4n * 10n ** 20n, 0, 0, me, later)).wait()
    assert.equal(await pair.balanceOf(me), 2n * 10n ** 20n - 1000n)
    const before = await other.balanceOf(me)
    const receipt = await (await router.swapExactTokensForTokens(10n ** 18n, 0, [a, b], me, later,
      { gasLimit: 500000n })).wait() // with room: what it stores depends on the time
    // out = in * 997 * reserveOut / (reserveIn * 1000 + in * 997)
    const want = (10n ** 18n * 997n * 4n * 10n ** 20n) / (10n ** 20n * 1000n + 10n ** 18n * 997n)
    assert.equal((await other.balanceOf(me)) - before, want)
    const swaps = await pair.queryFilter('Swap', receipt.blockNumber, receipt.blockNumber)
    assert.equal(swaps.length, 1)
    assert.equal(swaps[0].args.to, me)
  })
  provider.destroy()
  await socket.destroy()
}
