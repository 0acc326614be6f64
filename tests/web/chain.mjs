// What the tests of the page look at: contracts of tests/clients, and transactions of every
// kind that the page shows. Sent with the dev network's unlocked accounts.
import { createRequire } from 'node:module'
import { rpc, sleep } from '../lib/metisd.mjs'
import { loadArtifacts } from '../clients/artifacts.mjs'

const require = createRequire(new URL('../clients/', import.meta.url))
export const { ethers } = require('ethers')

// Names that a page which makes HTML of text would run.
export const EVIL_NAME = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
export const EVIL_REASON = '"><svg onload=window.hacked=1>\u202etxt.exe<b>bold</b>'

// Code that reverts with its calldata: CALLDATACOPY(0, 0, size), REVERT(0, size).
const revertsCode = () => {
  const runtime = '365f5f37365ffd'
  // PUSH7 runtime, PUSH0, MSTORE, PUSH1 7, PUSH1 25, RETURN: the word's last seven bytes.
  return `0x66${runtime}5f5260076019f3`
}

// Calls the identity precompile 250 times: a counter, STATICCALL(gas, 4, 0, 0, 0, 0), a jump.
const MANY_CALLS_AT = '0x00000000000000000000000000000000000ca115'
const MANY_CALLS = '0x60fa5b5f5f5f5f60045afa50600190038060025700'

export function sender(http, from) {
  const send = async (tx) => {
    const hash = await rpc(http, 'eth_sendTransaction', [{ from, gas: '0x4c4b40', ...tx }])
    for (let i = 0; i < 500; i++) {
      const receipt = await rpc(http, 'eth_getTransactionReceipt', [hash])
      if (receipt) return receipt
      await sleep(10)
    }
    throw new Error(`no receipt for ${hash}`)
  }
  const deploy = async ({ abi, bytecode }, ...args) => {
    const factory = new ethers.ContractFactory(abi, bytecode)
    const receipt = await send({ data: (await factory.getDeployTransaction(...args)).data })
    const face = new ethers.Interface(abi)
    return { address: receipt.contractAddress, receipt,
      call: (name, params, value) => send({ to: receipt.contractAddress, data: face.encodeFunctionData(name, params), value }) }
  }
  return { from, send, deploy }
}

// Deploys and does everything once.
export async function populate(http) {
  const [from, friend] = await rpc(http, 'eth_accounts')
  const me = sender(http, from)
  const a = loadArtifacts()
  const million = ethers.parseEther('1000000')
  const hex = (v) => ethers.toQuantity(v)
  const out = { from, friend }
  out.plain = await me.send({ to: friend, value: hex(ethers.parseEther('1.5')) })
  out.token = await me.deploy(a.TestToken, 'Plain Token', million)
  out.evil = await me.deploy(a.TestToken, EVIL_NAME, million)
  out.weth = await me.deploy(a.Weth)
  const factory = await me.deploy(a.Factory, from)
  const router = await me.deploy(a.Router, factory.address, out.weth.address)
  out.transfer = await out.token.call('transfer', [friend, ethers.parseEther('12.5')])
  await out.token.call('approve', [router.address, ethers.MaxUint256])
  const late = 4102444800n
  out.liquidity = await router.call('addLiquidityETH', [out.token.address, ethers.parseEther('1000'), 0, 0, from, late], hex(ethers.parseEther('10')))
  out.swap = await router.call('swapExactTokensForETH', [ethers.parseEther('5'), 0, [out.token.address, out.weth.address], from, late])
  out.refused = await out.token.call('transferFrom', [friend, from, million])
  await rpc(http, 'anvil_setCode', [MANY_CALLS_AT, MANY_CALLS])
  out.many = await me.send({ to: MANY_CALLS_AT })
  const reverts = await me.send({ data: revertsCode() })
  const reason = new ethers.Interface(['error Error(string)']).encodeErrorResult('Error', [EVIL_REASON])
  out.reverted = await me.send({ to: reverts.contractAddress, data: reason })
  return out
}
