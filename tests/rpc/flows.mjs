// Transactions as they are on chains: an OpenZeppelin ERC-20 and Uniswap v2, from a node's
// first account; the last one swaps until it has used about a million gas.
import { createRequire } from 'node:module'
import { rpc } from '../lib/metisd.mjs'
import { A, FROM, send } from './peers.mjs'
import { loadArtifacts } from '../clients/artifacts.mjs'

const { AbiCoder, Interface } = createRequire(new URL('../clients/run.mjs', import.meta.url))('ethers')
const artifacts = loadArtifacts()

// (target, count, data): calls target with data, count times; reverts when one fails
const REPEAT = A(0xba7c4)
const REPEAT_CODE = '0x604036036040600037602035' + '5b8015602e57' +
  '6000600060403603600060006000355af1' + '15603057' + '6001900360' + '0c56' + '5b00' + '5b60006000fd'
const SWAPS = 34
export const E18 = 10n ** 18n

const TIME = 4000000000 // of the first block: Uniswap's pair remembers the time
// Returns { name: hash }, in order.
export async function flows(url) {
  const hashes = {}
  const faces = {}
  const encode = (name, fn, args) => (faces[name] ??= new Interface(artifacts[name].abi)).encodeFunctionData(fn, args)
  let time = TIME
  const mined = async (name, tx) => {
    await rpc(url, 'evm_setNextBlockTimestamp', [time++])
    hashes[name] = await send(url, { gas: '0x500000', ...tx })
    const r = await rpc(url, 'eth_getTransactionReceipt', [hashes[name]])
    if (r.status !== '0x1' && !name.startsWith('failing')) throw new Error(`${name}: status ${r.status}`)
    return r
  }
  const deploy = async (name, what, types = [], args = []) =>
    (await mined(`deploy ${name}`, { data: artifacts[what].bytecode + AbiCoder.defaultAbiCoder().encode(types, args).slice(2) })).contractAddress
  const call = (name, to, what, fn, args, more) => mined(name, { to, data: encode(what, fn, args), ...more })
  const repeat = (name, to, count, data) => mined(name, { to: REPEAT,
    data: AbiCoder.defaultAbiCoder().encode(['address', 'uint256'], [to, count]) + data.slice(2) })

  await rpc(url, 'anvil_setCode', [REPEAT, REPEAT_CODE])
  const one = await deploy('token one', 'TestToken', ['string', 'uint256'], ['One', 1000000n * E18])
  const two = await deploy('token two', 'TestToken', ['string', 'uint256'], ['Two', 1000000n * E18])
  const weth = await deploy('weth', 'Weth')
  const factory = await deploy('factory', 'Factory', ['address'], [FROM])
  const router = await deploy('router', 'Router', ['address', 'address'], [factory, weth])
  await call('transfer', one, 'TestToken', 'transfer', [A(0xbeef), 5n])
  await call('failing transfer', one, 'TestToken', 'transferFrom', [A(0xbeef), FROM, 5n], { gas: '0x30000' })
  await call('create a pair', factory, 'Factory', 'createPair', [one, two])
  await call('approve one', one, 'TestToken', 'approve', [router, 2n ** 255n])
  await call('approve two', two, 'TestToken', 'approve', [router, 2n ** 255n])
  const later = 4102444800n
  await call('add liquidity', router, 'Router', 'addLiquidity', [one, two, 1000n * E18, 4000n * E18, 0n, 0n, FROM, later])
  await call('swap', router, 'Router', 'swapExactTokensForTokens', [E18, 0n, [one, two], FROM, later])
  await call('deposit', weth, 'Weth', 'deposit', [], { value: '0x64' })
  await call('withdraw', weth, 'Weth', 'withdraw', [60n])
  await call('give to the repeater', one, 'TestToken', 'transfer', [REPEAT, 100n * E18])
  await repeat('approve as the repeater', one, 1, encode('TestToken', 'approve', [router, 2n ** 255n]))
  await repeat('many swaps', router, SWAPS, encode('Router', 'swapExactTokensForTokens', [E18, 0n, [one, two], FROM, later]))
  return hashes
}
