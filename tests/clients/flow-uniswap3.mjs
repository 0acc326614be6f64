// Uniswap v3's published contracts with ethers: a pool, a position, swaps whose amounts are
// computed here from the formulas of its white paper (6.2.3), fees collected.
import assert from 'node:assert/strict'
import { Contract, ContractFactory, HDNodeWallet, JsonRpcProvider, MaxUint256, Mnemonic,
  NonceManager } from 'ethers'
import { MNEMONIC } from './common.mjs'

const Q96 = 1n << 96n
const FEE = 3000n
const MAX_TICK = 887220n // the last usable one with a spacing of 60

// Of token 0 in, within one range: what comes out, and the price after it.
function swap0(amountIn, liquidity, sqrtPrice) {
  const net = (amountIn * (1_000_000n - FEE)) / 1_000_000n
  const top = liquidity << 96n
  const bottom = top + net * sqrtPrice
  const next = (top * sqrtPrice + bottom - 1n) / bottom
  return { out: (liquidity * (sqrtPrice - next)) / Q96, next }
}

export async function flow({ http, artifacts, check, account }) {
  const provider = new JsonRpcProvider(http, undefined, { cacheTimeout: -1 })
  provider.pollingInterval = 50
  const key = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${account}`)
  const signer = new NonceManager(key.connect(provider))
  const me = key.address
  const deploy = async (name, ...args) => {
    const { abi, bytecode } = artifacts[name]
    const c = await new ContractFactory(abi, bytecode, signer).deploy(...args)
    return c.waitForDeployment()
  }
  const write = async (c, method, ...args) => {
    const f = c[method]
    const gasLimit = ((await f.estimateGas(...args)) * 13n) / 10n
    const receipt = await (await f(...args, { gasLimit })).wait()
    assert.equal(receipt.status, 1, method)
    return receipt
  }
  const deadline = 1n << 40n
  let token0, token1, pool, positions, router, id

  await check('factory, position manager, router', async () => {
    const tokens = [await deploy('TestToken', 'A', 10n ** 30n), await deploy('TestToken', 'B', 10n ** 30n)]
    tokens.sort((a, b) => (BigInt(a.target) < BigInt(b.target) ? -1 : 1))
    ;[token0, token1] = tokens
    const weth = await deploy('Weth')
    const factory = await deploy('V3Factory')
    positions = await deploy('V3Positions', factory.target, weth.target, me)
    router = await deploy('V3Router', factory.target, weth.target)
    assert.equal(await factory.feeAmountTickSpacing(FEE), 60n)
    await write(positions, 'createAndInitializePoolIfNecessary', token0.target, token1.target, FEE, Q96)
    // The periphery computes where a pool is (CREATE2); the factory says where it is.
    pool = new Contract(await factory.getPool(token0.target, token1.target, FEE),
      artifacts.V3Pool.abi, signer)
    assert.equal((await pool.slot0()).sqrtPriceX96, Q96)
    for (const token of tokens)
      for (const spender of [positions, router]) await write(token, 'approve', spender.target, MaxUint256)
  })
  await check('a position over the whole range', async () => {
    const amount = 10n ** 24n
    const receipt = await write(positions, 'mint', [token0.target, token1.target, FEE, -MAX_TICK,
      MAX_TICK, amount, amount, 0n, 0n, me, deadline])
    const event = receipt.logs.filter((l) => l.address === positions.target)
      .map((l) => positions.interface.parseLog(l)).find((l) => l.name === 'IncreaseLiquidity')
    id = event.args.tokenId
    assert.equal(await positions.ownerOf(id), me)
    assert.equal((await positions.positions(id)).liquidity, await pool.liquidity())
    assert.equal(await token0.balanceOf(pool.target), event.args.amount0)
  })
  await check('swaps for an exact amount in and out', async () => {
    const amountIn = 10n ** 21n
    const { sqrtPriceX96 } = await pool.slot0()
    const want = swap0(amountIn, await pool.liquidity(), sqrtPriceX96)
    const before = await token1.balanceOf(me)
    await write(router, 'exactInputSingle', [token0.target, token1.target, FEE, me, deadline,
      amountIn, want.out, 0n])
    assert.equal((await token1.balanceOf(me)) - before, want.out)
    assert.equal((await pool.slot0()).sqrtPriceX96, want.next)
    const out = 10n ** 20n
    const had = await token0.balanceOf(me)
    await write(router, 'exactOutputSingle', [token1.target, token0.target, FEE, me, deadline, out,
      MaxUint256 >> 1n, 0n])
    assert.equal((await token0.balanceOf(me)) - had, out)
    const late = await router.exactInputSingle.staticCall([token0.target, token1.target, FEE, me,
      1n, amountIn, 0n, 0n]).catch((e) => e)
    assert.equal(late.reason, 'Transaction too old')
  })
  await check('its fees are collected, the position is taken out', async () => {
    const max = (1n << 128n) - 1n
    const [fee0] = await positions.collect.staticCall([id, me, max, max])
    // 0.3 % of the swap in, less the rounding of the fee's growth
    assert.ok(fee0 <= 3n * 10n ** 18n && fee0 >= 3n * 10n ** 18n - 2n, `${fee0}`)
    await write(positions, 'collect', [id, me, max, max])
    const { liquidity } = await positions.positions(id)
    await write(positions, 'decreaseLiquidity', [id, liquidity, 0n, 0n, deadline])
    await write(positions, 'collect', [id, me, max, max])
    await write(positions, 'burn', id)
    assert.equal(await pool.liquidity(), 0n)
    assert.ok((await token0.balanceOf(pool.target)) < 10n)
  })
  provider.destroy()
}
