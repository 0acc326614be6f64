// The tests' ERC-20 on any node with unlocked accounts: its creation, and calldata for it.
import { AbiCoder, Interface } from 'ethers'
import { loadArtifacts } from './artifacts.mjs'
import { rpc, sleep } from '../lib/metisd.mjs'

export const token = new Interface([
  'function transfer(address to, uint256 amount) returns (bool)',
  'function balanceOf(address owner) view returns (uint256)',
])

async function send(url, tx) {
  const hash = await rpc(url, 'eth_sendTransaction', [{ gas: '0x2dc6c0', ...tx }])
  for (;;) {
    await rpc(url, 'evm_mine')
    const receipt = await rpc(url, 'eth_getTransactionReceipt', [hash])
    if (receipt) return receipt
    await sleep(10)
  }
}

// Deploys it and gives each holder a part; the address.
export async function deployToken(url, from, holders = []) {
  const code = loadArtifacts().TestToken.bytecode.replace(/^0x/, '')
  const args = AbiCoder.defaultAbiCoder().encode(['string', 'uint256'], ['Bench', 10n ** 24n])
  const { contractAddress, status } = await send(url, { from, data: '0x' + code + args.slice(2) })
  if (status !== '0x1') throw new Error('the token was not deployed')
  for (const to of holders)
    await send(url, { from, to: contractAddress, data: token.encodeFunctionData('transfer', [to, 10n ** 20n]) })
  return contractAddress
}
