// Runs inside Hardhat 2: a governor from proposal to execution, and the network helpers.
const assert = require('node:assert/strict')
const hre = require('hardhat')
const helpers = require('@nomicfoundation/hardhat-network-helpers')

async function governor(ethers, revertName) {
  const [me] = await ethers.getSigners()
  const token = await ethers.deployContract('VoteToken')
  const dao = await ethers.deployContract('Dao', [await token.getAddress()])
  await (await token.delegate(me.address)).wait()
  const calls = [[await dao.getAddress()], [0n],
    [dao.interface.encodeFunctionData('setPurpose', [42n])]]
  const words = 'purpose is 42'
  const proposed = await (await dao.propose(...calls, words)).wait()
  const id = proposed.logs.map((l) => dao.interface.parseLog(l))
    .find((l) => l?.name === 'ProposalCreated').args.proposalId
  assert.equal(await dao.state(id), 0n) // pending
  await helpers.mine(6)
  assert.equal(await dao.state(id), 1n) // active
  await (await dao.castVoteWithReason(id, 1, 'because')).wait()
  assert.deepEqual([...(await dao.proposalVotes(id))], [0n, 10n ** 21n, 0n])
  await helpers.mine(20)
  assert.equal(await dao.state(id), 4n) // succeeded
  await (await dao.execute(...calls, ethers.id(words))).wait()
  assert.equal(await dao.purpose(), 42n)
  const again = await dao.execute.staticCall(...calls, ethers.id(words)).catch((e) => e)
  assert.equal(revertName(dao, again), 'GovernorUnexpectedProposalState')
}

async function main() {
  const { counter } = await import('../../../lib/metisd.mjs')
  const { helperChecks, revertName } = await import('../../hardhat-helpers.mjs')
  const count = counter()
  const { ethers } = hre
  await count.check('a governor: propose, vote, execute', () => governor(ethers, revertName))
  await helperChecks({ ethers, helpers, provider: hre.network.provider,
    check: (name, f) => count.check(name, f), loadFixture: helpers.loadFixture,
    unlocked: hre.network.name === 'unlocked' })
  process.exitCode = count.summary() ? 0 : 1
}
main()
