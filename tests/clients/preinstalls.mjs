// The preinstalls of the dev networks: their constructors, run again by the node on their own
// addresses, give the code that stands there; and each does its work.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { AbiCoder, Contract, HDNodeWallet, JsonRpcProvider, Mnemonic, NonceManager,
  TypedDataEncoder, concat, getCreate2Address, getCreateAddress, keccak256 } from 'ethers'
import { createPublicClient, defineChain, http as httpTransport } from 'viem'
import { rpc } from '../lib/metisd.mjs'
import { MNEMONIC } from './common.mjs'

const { deployer: DEPLOYER, contracts } = JSON.parse(
  readFileSync(new URL('../../src/contracts/preinstalls.json', import.meta.url), 'utf8'))
const address = (start) => contracts.find((p) => p.name.startsWith(start)).address
const MULTICALL3 = address('Multicall3')
const ENTRY_POINT = address('EntryPoint')
const PERMIT2 = address('Permit2')

export async function flow({ http, chainId, artifacts, check, account }) {
  const provider = new JsonRpcProvider(http, undefined, { cacheTimeout: -1 })
  provider.pollingInterval = 50
  const key = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${account}`)
  const signer = new NonceManager(key.connect(provider))
  const me = key.address
  const done = async (tx) => (await (await tx).wait())

  for (const p of contracts)
    await check(`${p.name}: its constructor gives the code`, async () => {
      const child = getCreateAddress({ from: p.address, nonce: 1 }) // EntryPoint makes one
      const overrides = { [p.address]: { code: p.initCode, nonce: '0x1' },
        [child]: { code: '0x', nonce: '0x0' } }
      const code = await rpc(http, 'eth_call', [{ to: p.address }, 'latest', overrides])
      assert.equal(await provider.getCode(p.address), code)
      assert.ok(code.length > 100)
    })
  await check('the published 69 bytes of the deployer', async () => {
    assert.equal(await provider.getCode(DEPLOYER), '0x7f' + 'ff'.repeat(31) +
      'e03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3')
  })
  let token
  await check('a deploy through the deployer', async () => {
    const init = concat([artifacts.TestToken.bytecode,
      AbiCoder.defaultAbiCoder().encode(['string', 'uint256'], ['Test', 10n ** 24n])])
    const salt = '0x' + '5a'.repeat(32)
    const at = getCreate2Address(DEPLOYER, salt, keccak256(init))
    await done(signer.sendTransaction({ to: DEPLOYER, data: concat([salt, init]) }))
    token = new Contract(at, artifacts.TestToken.abi, signer)
    assert.equal(await token.name(), 'Test')
    assert.equal(await token.balanceOf(DEPLOYER), 10n ** 24n)
  })
  await check('viem reads through Multicall3', async () => {
    const chain = defineChain({ id: chainId, name: 'devnet', rpcUrls: { default: { http: [http] } },
      nativeCurrency: { name: 'Metis', symbol: 'METIS', decimals: 18 },
      contracts: { multicall3: { address: MULTICALL3 } } })
    const client = createPublicClient({ chain, transport: httpTransport(http) })
    const c = { address: token.target, abi: artifacts.TestToken.abi }
    const [name, held, failed] = await client.multicall({ contracts: [
      { ...c, functionName: 'name' }, { ...c, functionName: 'balanceOf', args: [DEPLOYER] },
      { ...c, functionName: 'failWithText' }] })
    assert.equal(name.result, 'Test')
    assert.equal(held.result, 10n ** 24n)
    assert.equal(failed.status, 'failure')
    const balance = await client.readContract({ address: MULTICALL3,
      abi: [{ type: 'function', name: 'getEthBalance', stateMutability: 'view',
        inputs: [{ type: 'address' }], outputs: [{ type: 'uint256' }] }],
      functionName: 'getEthBalance', args: [me] })
    assert.equal(balance, await provider.getBalance(me))
  })
  await check('Permit2: the domain of this chain, a transfer by signature', async () => {
    const domain = { name: 'Permit2', chainId, verifyingContract: PERMIT2 }
    const permit2 = new Contract(PERMIT2, ['function DOMAIN_SEPARATOR() view returns (bytes32)',
      'function permitTransferFrom(((address token, uint256 amount) permitted, uint256 nonce, ' +
        'uint256 deadline) permit, (address to, uint256 requestedAmount) details, address owner, ' +
        'bytes signature)'], signer)
    assert.equal(await permit2.DOMAIN_SEPARATOR(), TypedDataEncoder.hashDomain(domain))
    const coin = new Contract('0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000',
      ['function approve(address, uint256) returns (bool)'], signer) // METIS as an ERC-20
    await done(coin.approve(PERMIT2, 10n ** 18n))
    const permit = { permitted: { token: coin.target, amount: 1000n }, nonce: 7n, deadline: 1n << 40n }
    const signature = await key.signTypedData(domain, {
      PermitTransferFrom: [{ name: 'permitted', type: 'TokenPermissions' },
        { name: 'spender', type: 'address' }, { name: 'nonce', type: 'uint256' },
        { name: 'deadline', type: 'uint256' }],
      TokenPermissions: [{ name: 'token', type: 'address' }, { name: 'amount', type: 'uint256' }],
    }, { ...permit, spender: me })
    const friend = HDNodeWallet.createRandom().address
    await done(permit2.permitTransferFrom(permit, [friend, 999n], me, signature))
    assert.equal(await provider.getBalance(friend), 999n)
    await assert.rejects(permit2.permitTransferFrom.staticCall(permit, [friend, 1n], me, signature))
  })
  await check('EntryPoint: the domain of this chain, its creator, a deposit', async () => {
    const entry = new Contract(ENTRY_POINT, [
      'function getDomainSeparatorV4() view returns (bytes32)',
      'function senderCreator() view returns (address)',
      'function depositTo(address) payable', 'function balanceOf(address) view returns (uint256)',
    ], signer)
    assert.equal(await entry.getDomainSeparatorV4(), TypedDataEncoder.hashDomain(
      { name: 'ERC4337', version: '1', chainId, verifyingContract: ENTRY_POINT }))
    assert.equal(await entry.senderCreator(), getCreateAddress({ from: ENTRY_POINT, nonce: 1 }))
    assert.notEqual(await provider.getCode(await entry.senderCreator()), '0x')
    assert.equal(await provider.getTransactionCount(ENTRY_POINT), 2)
    await done(entry.depositTo(me, { value: 12345n }))
    assert.equal(await entry.balanceOf(me), 12345n)
  })
  provider.destroy()
}
