// What the client tests deploy: an OpenZeppelin ERC-20 compiled here by the pinned solc, and
// the published Uniswap v2 bytecode. { abi, bytecode } by name.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)

function compileToken() {
  const solc = require('solc')
  const input = {
    language: 'Solidity',
    sources: { 'TestToken.sol': { content: readFileSync(join(here, 'TestToken.sol'), 'utf8') } },
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: 'cancun',
      outputSelection: { '*': { TestToken: ['abi', 'evm.bytecode.object'] } },
    },
  }
  const find = (path) => ({ contents: readFileSync(join(here, 'node_modules', path), 'utf8') })
  const out = JSON.parse(solc.compile(JSON.stringify(input), { import: find }))
  const errors = (out.errors ?? []).filter((e) => e.severity === 'error')
  if (errors.length) throw new Error(errors.map((e) => e.formattedMessage).join('\n'))
  const c = out.contracts['TestToken.sol'].TestToken
  return { abi: c.abi, bytecode: '0x' + c.evm.bytecode.object }
}

function published(path) {
  const j = JSON.parse(readFileSync(join(here, 'node_modules', path), 'utf8'))
  const code = j.bytecode ?? j.evm.bytecode.object
  return { abi: j.abi, bytecode: code.startsWith('0x') ? code : '0x' + code }
}

const V3 = '@uniswap/v3-periphery/artifacts/contracts/'

export function loadArtifacts() {
  return {
    TestToken: compileToken(),
    Factory: published('@uniswap/v2-core/build/UniswapV2Factory.json'),
    Pair: published('@uniswap/v2-core/build/UniswapV2Pair.json'),
    Router: published('@uniswap/v2-periphery/build/UniswapV2Router02.json'),
    V3Factory: published('@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json'),
    V3Pool: published('@uniswap/v3-core/artifacts/contracts/UniswapV3Pool.sol/UniswapV3Pool.json'),
    V3Positions: published(V3 + 'NonfungiblePositionManager.sol/NonfungiblePositionManager.json'),
    V3Router: published(V3 + 'SwapRouter.sol/SwapRouter.json'),
    Weth: published('@uniswap/v2-periphery/build/WETH9.json'),
  }
}
