// Runs inside Hardhat 3: an ERC-721, and the network helpers.
import assert from 'node:assert/strict'
import { network } from 'hardhat'
import { counter } from '../../../lib/metisd.mjs'
import { helperChecks, revertName } from '../../hardhat-helpers.mjs'

const { ethers, networkHelpers, networkName, provider } = await network.create()
const count = counter()

await count.check('an ERC-721: mint, transfer, enumerate, refuse', async () => {
  const [me, other] = await ethers.getSigners()
  const deed = await ethers.deployContract('Deed')
  const safe = await ethers.deployContract('Safe')
  for (const id of [7n, 8n, 9n]) await (await deed.mint(me.address, id)).wait()
  assert.equal(await deed.balanceOf(me.address), 3n)
  const safely = deed['safeTransferFrom(address,address,uint256)']
  await (await safely(me.address, await safe.getAddress(), 8n)).wait()
  assert.equal(await deed.ownerOf(8n), await safe.getAddress())
  await (await deed.approve(other.address, 7n)).wait()
  const moved = await (await deed.connect(other).transferFrom(me.address, other.address, 7n)).wait()
  const events = await deed.queryFilter(deed.filters.Transfer(me.address), moved.blockNumber)
  assert.deepEqual([...events[0].args], [me.address, other.address, 7n])
  assert.equal(await deed.totalSupply(), 3n)
  assert.equal(await deed.tokenOfOwnerByIndex(me.address, 0), 9n)
  const refused = await safely.staticCall(me.address, await deed.getAddress(), 9n)
    .catch((e) => e)
  assert.equal(revertName(deed, refused), 'ERC721InvalidReceiver')
  assert.equal(await deed.supportsInterface('0x780e9d63'), true)
})
await helperChecks({ ethers, helpers: networkHelpers, provider,
  check: (name, f) => count.check(name, f), loadFixture: (f) => networkHelpers.loadFixture(f),
  unlocked: networkName === 'unlocked' })
process.exitCode = count.summary() ? 0 : 1
