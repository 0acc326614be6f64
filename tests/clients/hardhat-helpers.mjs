// What @nomicfoundation/hardhat-network-helpers promises, checked on a contract (Lock) by
// what it sees and by what the node answers; the same for Hardhat 2 and 3.
import assert from 'node:assert/strict'
import { rpc } from '../lib/metisd.mjs'

const DAY = 86400

// The custom error that a call reverted with, however deep Hardhat packs its data.
export function revertName(contract, e) {
  for (let at = e; at; at = at.cause ?? at.error ?? at.parent)
    if (typeof at.data === 'string') return contract.interface.parseError(at.data).name
  throw e
}

export async function helperChecks({ ethers, helpers, check, provider, loadFixture,
  unlocked }) {
  const { time } = helpers
  const [me, other] = await ethers.getSigners()
  const ADDR = ethers.getAddress('0x00000000000000000000000000000000000a11ce')
  const ask = (method, ...params) => provider.request({ method, params })
  const mined = async (tx) => (await tx).wait()

  async function deployLock() {
    const unlock = (await time.latest()) + DAY
    const lock = await ethers.deployContract('Lock', [unlock], { value: 10n ** 18n })
    await lock.waitForDeployment()
    return { lock, unlock }
  }

  await check('deploy, and a refused deploy', async () => {
    const { lock, unlock } = await deployLock()
    assert.equal(await lock.unlockTime(), BigInt(unlock))
    assert.equal(await lock.owner(), me.address)
    const factory = await ethers.getContractFactory('Lock')
    const e = await factory.deploy(1).then(() => assert.fail('deployed'), (e) => e)
    assert.match(e.message, /unlock time is in the past/)
  })
  await check('loadFixture goes back to the same state', async () => {
    const first = await loadFixture(deployLock)
    await mined(first.lock.count())
    assert.equal(await first.lock.counter(), 1n)
    const head = await time.latestBlock()
    const second = await loadFixture(deployLock)
    assert.equal(await second.lock.getAddress(), await first.lock.getAddress())
    assert.equal(await second.lock.counter(), 0n)
    assert.equal(await time.latestBlock(), head - 1)
    await mined(second.lock.count()) // the nonce is the old one again
    assert.equal(await second.lock.counter(), 1n)
  })
  await check('takeSnapshot: restored twice, and invalid after an older one', async () => {
    const older = await helpers.takeSnapshot()
    await helpers.setBalance(ADDR, 1n)
    const snapshot = await helpers.takeSnapshot()
    for (const balance of [5n, 6n]) {
      await helpers.setBalance(ADDR, balance)
      assert.equal(await ethers.provider.getBalance(ADDR), balance)
      await snapshot.restore()
      assert.equal(await ethers.provider.getBalance(ADDR), 1n)
    }
    await older.restore()
    assert.equal(await ethers.provider.getBalance(ADDR), 0n)
    await assert.rejects(snapshot.restore())
  })
  await check('time: increase, increaseTo, setNextBlockTimestamp', async () => {
    const { lock, unlock } = await loadFixture(deployLock)
    const early = await lock.withdraw.staticCall().catch((e) => e)
    assert.equal(revertName(lock, early), 'TooEarly')
    const now = await time.latest()
    const then = await time.increase(100)
    assert.ok(then >= now + 100 && then <= now + 110, `${then - now}`)
    await time.setNextBlockTimestamp(unlock)
    const receipt = await mined(lock.withdraw())
    assert.equal((await receipt.getBlock()).timestamp, unlock)
    assert.equal(lock.interface.parseLog(receipt.logs[0]).args.when, BigInt(unlock))
    await time.increaseTo(unlock + 5 * DAY)
    assert.equal(await time.latest(), unlock + 5 * DAY)
    await assert.rejects(time.increaseTo(unlock))
  })
  await check('mine: number, interval; mineUpTo', async () => {
    const head = await time.latestBlock()
    const now = await time.latest()
    await helpers.mine()
    assert.equal(await time.latestBlock(), head + 1)
    await helpers.mine(10, { interval: 60 })
    assert.equal(await time.latestBlock(), head + 11)
    const took = (await time.latest()) - now
    // The first block is not 60 seconds later with Hardhat, with anvil it is.
    assert.ok(took >= 540 && took <= 610, `${took}`)
    await helpers.mineUpTo(head + 20)
    assert.equal(await time.latestBlock(), head + 20)
  })
  await check('setBalance, setNonce, setCode, setStorageAt', async () => {
    const { lock } = await loadFixture(deployLock)
    await helpers.setBalance(ADDR, 12345n * 10n ** 18n)
    assert.equal(await ethers.provider.getBalance(ADDR), 12345n * 10n ** 18n)
    await helpers.setNonce(ADDR, 7)
    assert.equal(await ethers.provider.getTransactionCount(ADDR), 7)
    await helpers.setCode(ADDR, await ethers.provider.getCode(await lock.getAddress()))
    const copy = lock.attach(ADDR)
    assert.equal(await copy.unlockTime(), await lock.unlockTime())
    assert.equal(await copy.counter(), 0n)
    await helpers.setStorageAt(ADDR, 1, 99)
    assert.equal(await copy.counter(), 99n)
    assert.equal(BigInt(await helpers.getStorageAt(ADDR, 1)), 99n)
    await mined(copy.count())
    assert.equal(await copy.counter(), 100n)
  })
  await check('impersonateAccount and stopImpersonatingAccount', async () => {
    await helpers.setBalance(ADDR, 10n ** 18n)
    await helpers.impersonateAccount(ADDR)
    const send = () => rpc(process.env.METISD_URL, 'eth_sendTransaction',
      [{ from: ADDR, to: other.address, value: '0x1' }])
    const before = await ethers.provider.getBalance(other.address)
    let hash
    if (unlocked) {
      const as = await ethers.getSigner(ADDR)
      hash = (await as.sendTransaction({ to: other.address, value: 1n })).hash
    } else { // Hardhat signs with keys of its own: the node is asked directly
      hash = await send()
    }
    let receipt = null
    while (!receipt) receipt = await ask('eth_getTransactionReceipt', hash)
    assert.equal(ethers.getAddress(receipt.from), ADDR)
    assert.equal(await ethers.provider.getBalance(other.address), before + 1n)
    await helpers.stopImpersonatingAccount(ADDR)
    await assert.rejects(send())
  })
  await check('setNextBlockBaseFeePerGas, setCoinbase, setBlockGasLimit', async () => {
    await helpers.setNextBlockBaseFeePerGas(3n * 10n ** 9n)
    await helpers.mine()
    const block = await ask('eth_getBlockByNumber', 'latest', false)
    assert.equal(BigInt(block.baseFeePerGas), 3n * 10n ** 9n)
    await helpers.setBlockGasLimit(12_345_678)
    await helpers.mine()
    assert.equal((await ethers.provider.getBlock('latest')).gasLimit, 12_345_678n)
    await helpers.setBlockGasLimit(1_500_000_000)
    await helpers.setCoinbase(ADDR)
    await helpers.mine()
    const { miner } = await ask('eth_getBlockByNumber', 'latest', false)
    assert.equal(ethers.getAddress(miner), ADDR)
  })
  await check('setPrevRandao', async () => {
    const { lock } = await loadFixture(deployLock)
    await helpers.setPrevRandao(123456789n)
    await helpers.mine()
    assert.equal((await lock.surroundings())[2], 123456789n)
    assert.equal(BigInt((await ask('eth_getBlockByNumber', 'latest', false)).mixHash), 123456789n)
  })
  await check('setAutomine, dropTransaction', async () => {
    const { lock } = await loadFixture(deployLock)
    await ask('evm_setAutomine', false)
    try {
      const kept = await lock.count()
      const dropped = await lock.connect(other).count()
      assert.equal(await lock.counter(), 0n)
      assert.ok(await helpers.dropTransaction(dropped.hash))
      await helpers.mine()
      assert.equal((await kept.wait()).status, 1)
      assert.equal(await ethers.provider.getTransactionReceipt(dropped.hash), null)
      assert.equal(await lock.counter(), 1n)
    } finally {
      await ask('evm_setAutomine', true)
    }
  })
}
