// What Metis networks add, seen through ethers: the ERC-20 view of the native coin, the fee
// vault, the price oracle and the L1 data fee. Expected values come from docs/NETWORKS.md's
// formulas, recomputed here with BigInt.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AbiCoder, Contract, HDNodeWallet, JsonRpcProvider, MaxUint256, Mnemonic, Transaction,
  encodeRlp, getBytes, parseEther, toBeArray } from 'ethers'
import { MNEMONIC } from './common.mjs'

const top = join(dirname(fileURLToPath(import.meta.url)), '../..')
const abi = (name) =>
  JSON.parse(readFileSync(join(top, `src/contracts/build/${name}.json`), 'utf8')).abi
const TOKEN = '0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000'
const NATIVE_TRANSFER = '0x0000000000000000000000000000000000001088'
const ORACLE = '0x420000000000000000000000000000000000000F'
const VAULT = '0x4200000000000000000000000000000000000011'
const L1_BLOCK = '0x4200000000000000000000000000000000000013'

export async function flow({ name, http, check, account }) {
  const provider = new JsonRpcProvider(http, undefined, { cacheTimeout: -1 })
  provider.pollingInterval = 50
  const wallet = (i) => HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC),
    `m/44'/60'/0'/0/${i}`).connect(provider)
  const owner = wallet(0)
  const me = wallet(account)
  const token = new Contract(TOKEN, abi('MetisToken'), me)
  const oracle = new Contract(ORACLE, abi('GasPriceOracle'), owner)
  const balance = (a) => provider.getBalance(a)
  const done = async (tx) => (await tx).wait()
  const paid = (receipt) => receipt.gasUsed * receipt.gasPrice

  await check('METIS as an ERC-20', async () => {
    assert.equal(await token.name(), 'Metis Token')
    assert.equal(await token.symbol(), 'METIS')
    assert.equal(await token.decimals(), 18n)
    assert.equal(await token.totalSupply(), parseEther('100000'))
    assert.equal(await token.balanceOf(me.address), await balance(me.address))
  })
  await check('its transfer moves the native balance', async () => {
    const to = HDNodeWallet.createRandom().address
    const before = await balance(me.address)
    const receipt = await done(token.transfer(to, 12345n))
    assert.equal(await balance(to), 12345n)
    assert.equal(await token.balanceOf(to), 12345n)
    assert.equal(await balance(me.address), before - 12345n - paid(receipt))
    assert.equal(receipt.logs.length, 1)
    assert.deepEqual([...token.interface.parseLog(receipt.logs[0]).args], [me.address, to, 12345n])
    // No balance is kept in the contract's storage.
    const slot = AbiCoder.defaultAbiCoder().encode(['address', 'uint256'], [to, 0])
    assert.equal(BigInt(await provider.getStorage(TOKEN, slot.slice(0, 66))), 0n)
  })
  await check('to oneself, and of nothing', async () => {
    const before = await balance(me.address)
    const a = await done(token.transfer(me.address, parseEther('1')))
    const b = await done(token.transfer(me.address, 0n))
    assert.equal(await balance(me.address), before - paid(a) - paid(b))
  })
  await check('approve and transferFrom', async () => {
    const spender = wallet(9)
    const to = HDNodeWallet.createRandom().address
    const spend = token.connect(spender)
    await done(token.approve(spender.address, 1000n))
    await done(spend.transferFrom(me.address, to, 600n))
    assert.equal(await balance(to), 600n)
    assert.equal(await token.allowance(me.address, spender.address), 400n)
    const e = await spend.transferFrom.staticCall(me.address, to, 401n).catch((e) => e)
    assert.equal(e.revert.name, 'ERC20InsufficientAllowance')
    await done(token.approve(spender.address, MaxUint256))
    await done(spend.transferFrom(me.address, to, 1n))
    assert.equal(await token.allowance(me.address, spender.address), MaxUint256)
  })
  await check('more than the balance is refused', async () => {
    const have = await balance(me.address)
    const e = await token.transfer.staticCall(owner.address, have + 1n).catch((e) => e)
    assert.equal(e.revert.name, 'ERC20InsufficientBalance')
    assert.deepEqual([...e.revert.args], [me.address, have, have + 1n])
  })
  await check('the precompile obeys the token only', async () => {
    const data = AbiCoder.defaultAbiCoder().encode(['address', 'address', 'uint256'],
      [owner.address, me.address, 1n])
    const ask = (from) => provider.call({ from, to: NATIVE_TRANSFER, data })
    await assert.rejects(ask(me.address))
    await assert.rejects(ask(owner.address))
    const before = await balance(owner.address)
    const sent = await me.sendTransaction({ to: NATIVE_TRANSFER, data, gasLimit: 200000n })
    const receipt = await sent.wait().catch((e) => e.receipt)
    assert.equal(receipt.status, 0)
    assert.equal(await balance(owner.address), before)
  })
  await check('base fee and tip go to the vault', async () => {
    const before = await balance(VAULT)
    const receipt = await done(me.sendTransaction({ to: owner.address, value: 1n }))
    assert.equal((await balance(VAULT)) - before, paid(receipt))
    const block = await provider.getBlock(receipt.blockNumber)
    assert.equal(block.miner, VAULT)
  })
  await check('the vault pays its recipient', async () => {
    const vault = new Contract(VAULT, abi('SequencerFeeVault'), me)
    const to = HDNodeWallet.createRandom().address
    await done(vault.connect(owner).setRecipient(to))
    const held = await balance(VAULT)
    const receipt = await done(vault.withdraw())
    assert.equal(await balance(to), held)
    assert.equal(await balance(VAULT), paid(receipt))
  })
  await check('L1BlockNumber', async () => {
    const l1 = new Contract(L1_BLOCK, abi('L1BlockNumber'), owner)
    await done(l1.setL1BlockNumber(7n))
    assert.equal(await l1.getL1BlockNumber(), 7n)
    await assert.rejects(l1.setL1BlockNumber.staticCall(6n))
    await assert.rejects(l1.connect(me).setL1BlockNumber.staticCall(8n))
  })
  await check('the oracle obeys its owner', async () => {
    assert.equal(await oracle.l1BaseFee(), 0n)
    const e = await oracle.connect(me).setL1BaseFee.staticCall(1n).catch((e) => e)
    assert.equal(e.revert.name, 'NotOwner')
  })
  await check('L1 data fee', () => l1Fee())
  provider.destroy()

  // The bytes that are paid for: of a typed transaction the whole signed encoding, of a legacy
  // one the unsigned form with three empty signature fields, which are cut off at its end.
  function paidBytes(raw) {
    const tx = Transaction.from(raw)
    if (tx.type !== 0) return getBytes(raw)
    const list = [...[tx.nonce, tx.gasPrice, tx.gasLimit].map((v) => toBeArray(v)), tx.to,
      toBeArray(tx.value), tx.data, '0x', '0x', '0x']
    return getBytes(encodeRlp(list)).slice(0, -3)
  }

  // Charged as extra gas, rounded up twice.
  async function l1Fee() {
    const overhead = await oracle.overhead()
    const scalar = await oracle.scalar()
    const decimals = await oracle.decimals()
    const price = 20n * 10n ** 9n
    await done(oracle.setL1BaseFee(price))
    const fee = (bytes) => {
      let gas = 16n * 68n + overhead
      for (const b of bytes) gas += b === 0 ? 4n : 16n
      const unit = 10n ** decimals
      return { gas, fee: (gas * price * scalar + unit - 1n) / unit }
    }
    try {
      const net = await provider.getNetwork()
      const on = name.startsWith('andromeda')
      for (const type of [0, 1, 2]) {
        const fees = type === 2
          ? { maxFeePerGas: 3n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n }
          : { gasPrice: 3n * 10n ** 9n, ...(type === 1 ? { accessList: [] } : {}) }
        const tx = { type, chainId: net.chainId, to: owner.address, value: 1n, ...fees,
          nonce: await provider.getTransactionCount(me.address) }
        const estimate = await provider.estimateGas({ ...tx, from: me.address })
        const raw = await me.signTransaction({ ...tx, gasLimit: 1_000_000n })
        const { gas, fee: expected } = fee(paidBytes(raw))
        const before = await balance(me.address)
        const receipt = await done(provider.broadcastTransaction(raw))
        const wire = await provider.send('eth_getTransactionReceipt', [receipt.hash])
        const extra = on ? (expected + receipt.gasPrice - 1n) / receipt.gasPrice : 0n
        assert.equal(receipt.gasUsed, 21000n + extra, `type ${type}`)
        assert.equal(await balance(me.address), before - 1n - paid(receipt))
        if (!on) {
          assert.equal(wire.l1Fee, undefined)
          assert.equal(estimate, 21000n)
          continue
        }
        assert.equal(BigInt(wire.l1Fee), expected)
        assert.equal(BigInt(wire.l1GasUsed), gas)
        assert.equal(BigInt(wire.l1GasPrice), price)
        assert.equal(Number(wire.l1FeeScalar), Number(scalar) / 10 ** Number(decimals))
        assert.ok(estimate >= 21000n + (expected / receipt.gasPrice) * 9n / 10n, `type ${type}: estimate ${estimate}, extra ${extra}, price ${receipt.gasPrice}`)
        assert.equal(await oracle.getL1Fee(paidBytes(raw)), expected)
      }
      if (on) {
        // The gas limit must have room for it.
        const raw = await me.signTransaction({ type: 0, chainId: net.chainId, to: owner.address,
          gasPrice: 3n * 10n ** 9n, gasLimit: 21000n,
          nonce: await provider.getTransactionCount(me.address) })
        const e = await provider.broadcastTransaction(raw).catch((e) => e)
        assert.match(e.message, /too small for the L1 data fee/)
        // A transaction sent with the estimate goes through.
        const receipt = await done(me.sendTransaction({ to: owner.address, value: 1n }))
        assert.equal(receipt.status, 1)
      }
    } finally {
      await done(oracle.setL1BaseFee(0n))
    }
  }
}
