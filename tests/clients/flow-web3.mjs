// The same flow with web3.js 4.
import assert from 'node:assert/strict'
import { HDNodeWallet, Mnemonic } from 'ethers'
import { Web3 } from 'web3'
import { MNEMONIC, within } from './common.mjs'

export async function flow({ http, ws, chainId, artifacts, check, account }) {
  const web3 = new Web3(http)
  const socket = new Web3(ws)
  // Addresses as web3 writes them, in numbers as BigInt.
  web3.eth.transactionPollingInterval = 50
  web3.eth.contractDataInputFill = 'data'
  const key = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${account}`)
  const me = key.address
  web3.eth.accounts.wallet.add(key.privateKey)
  const friend = HDNodeWallet.createRandom().address
  const at = (name, address) => {
    const c = new web3.eth.Contract(artifacts[name].abi, address)
    c.transactionPollingInterval = 50
    return c
  }
  const deploy = async (name, args = []) => {
    const c = await at(name).deploy({ data: artifacts[name].bytecode, arguments: args })
      .send({ from: me })
    return at(name, c.options.address)
  }
  // With room: what Uniswap stores depends on the time of the block.
  const write = async (method) => {
    const gas = (await method.estimateGas({ from: me })) * 2n
    const receipt = await method.send({ from: me, gas })
    assert.equal(receipt.status, 1n)
    return receipt
  }
  let token

  await check('chain id', async () => {
    assert.equal(await web3.eth.getChainId(), BigInt(chainId))
    assert.equal(await web3.eth.net.getId(), BigInt(chainId))
    assert.equal(await socket.eth.getChainId(), BigInt(chainId))
    assert.ok((await web3.eth.getNodeInfo()).includes('/'))
    assert.equal(await web3.eth.isSyncing(), false)
    assert.equal(await web3.eth.net.isListening(), true)
  })
  await check('plain transfer', async () => {
    const before = await web3.eth.getBalance(me)
    const value = 15n * 10n ** 17n
    const receipt = await web3.eth.sendTransaction({ from: me, to: friend, value })
    assert.equal(receipt.status, 1n)
    assert.equal(await web3.eth.getBalance(friend), value)
    assert.equal(await web3.eth.getBalance(me),
      before - value - receipt.gasUsed * receipt.effectiveGasPrice)
    const seen = await web3.eth.getTransaction(receipt.transactionHash)
    assert.equal(web3.utils.toChecksumAddress(seen.from), me)
    assert.equal(seen.blockHash, receipt.blockHash)
  })
  await check('a transfer of a legacy transaction, and one with an access list', async () => {
    const gasPrice = await web3.eth.getGasPrice()
    const legacy = await web3.eth.sendTransaction({ from: me, to: friend, value: 1n, gasPrice })
    assert.equal(legacy.type, 0n)
    const accessList = [{ address: friend, storageKeys: ['0x' + '00'.repeat(32)] }]
    const listed = await web3.eth.sendTransaction({ from: me, to: friend, value: 1n, gasPrice,
      accessList, type: 1, gas: 60000n }) // its estimate leaves the list out
    assert.equal(listed.type, 1n)
    const seen = await web3.eth.getTransaction(listed.transactionHash)
    assert.equal(seen.accessList.length, 1)
  })
  await check('deploy an ERC-20', async () => {
    token = await deploy('TestToken', ['Test', 10n ** 24n])
    assert.equal(await token.methods.name().call(), 'Test')
    assert.equal(await token.methods.balanceOf(me).call(), 10n ** 24n)
    assert.notEqual(await web3.eth.getCode(token.options.address), '0x')
  })
  await check('ERC-20 transfer and its event over HTTP', async () => {
    const receipt = await write(token.methods.transfer(friend, 1234n))
    assert.equal(await token.methods.balanceOf(friend).call(), 1234n)
    assert.equal(receipt.events.Transfer.returnValues.value, 1234n)
    const events = await token.getPastEvents('Transfer',
      { filter: { to: friend }, fromBlock: receipt.blockNumber, toBlock: 'latest' })
    assert.equal(events.length, 1)
    assert.equal(events[0].returnValues.value, 1234n)
    assert.equal(events[0].transactionHash, receipt.transactionHash)
  })
  await check('events and heads over WebSocket', async () => {
    const live = new socket.eth.Contract(artifacts.TestToken.abi, token.options.address)
    const event = live.events.Transfer({ filter: { from: me } })
    const heads = await socket.eth.subscribe('newBlockHeaders')
    const head = new Promise((r) => heads.once('data', r))
    const seen = new Promise((r) => event.once('data', r))
    await within(10000, new Promise((r) => (event.id ? r() : event.once('connected', r))))
    const receipt = await write(token.methods.transfer(friend, 77n))
    assert.equal((await within(10000, seen)).returnValues.value, 77n)
    assert.equal(BigInt((await within(10000, head)).number), receipt.blockNumber)
  })
  await check('revert data: custom error, text, panic', async () => {
    const from = { from: me }
    const e = await token.methods.failWithError(42).call(from)
      .then(() => assert.fail('no revert'), (e) => e)
    assert.equal(e.cause.errorName, 'Refused')
    assert.deepEqual([e.cause.errorArgs.caller, e.cause.errorArgs.code], [me, 42n])
    const same = await token.methods.failWithError(42).estimateGas(from)
      .then(() => assert.fail('no revert'), (e) => e)
    assert.equal(same.cause.data, e.cause.data)
    const text = await token.methods.failWithText().call(from).catch((e) => e)
    assert.match(text.cause.message, /no such luck/)
    const panic = await token.methods.failWithPanic(0).call(from).catch((e) => e)
    assert.match(panic.cause.data, /^0x4e487b710{62}12$/)
  })
  await check('a reverted transaction is mined with status 0', async () => {
    const data = token.methods.failWithText().encodeABI()
    web3.eth.handleRevert = false
    const e = await web3.eth.sendTransaction({ from: me, to: token.options.address, data,
      gas: 100000n }, undefined, { checkRevertBeforeSending: false })
      .then(() => assert.fail('no revert'), (e) => e)
    assert.equal(e.receipt.status, 0n)
  })
  await check('a batch', async () => {
    const batch = new web3.BatchRequest()
    const number = batch.add({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] })
    const missing = batch.add({ jsonrpc: '2.0', id: 2, method: 'eth_noSuch', params: [] })
      .catch((e) => e)
    await batch.execute()
    assert.equal(BigInt(await number), await web3.eth.getBlockNumber())
    assert.match(JSON.stringify(await missing), /-32601/)
  })
  await check('Uniswap v2: pair, liquidity, swap', async () => {
    const other = await deploy('TestToken', ['Other', 10n ** 24n])
    const factory = await deploy('Factory', [me])
    const weth = await deploy('Weth')
    const [a, b] = [token.options.address, other.options.address]
    const router = await deploy('Router', [factory.options.address, weth.options.address])
    const r = router.options.address
    await write(factory.methods.createPair(a, b))
    const pair = at('Pair', await factory.methods.getPair(a, b).call())
    await write(token.methods.approve(r, 10n ** 24n))
    await write(other.methods.approve(r, 10n ** 24n))
    const later = Math.floor(Date.now() / 1000) + 100000
    await write(router.methods.addLiquidity(a, b, 10n ** 20n, 4n * 10n ** 20n, 0, 0, me, later))
    assert.equal(await pair.methods.balanceOf(me).call(), 2n * 10n ** 20n - 1000n)
    const before = await other.methods.balanceOf(me).call()
    const receipt = await write(
      router.methods.swapExactTokensForTokens(10n ** 18n, 0, [a, b], me, later))
    const want = (10n ** 18n * 997n * 4n * 10n ** 20n) / (10n ** 20n * 1000n + 10n ** 18n * 997n)
    assert.equal((await other.methods.balanceOf(me).call()) - before, want)
    const swaps = await pair.getPastEvents('Swap',
      { fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber })
    assert.equal(swaps.length, 1)
  })
  socket.provider.disconnect()
}
