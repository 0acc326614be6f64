// Hardhat 3 on a node that runs elsewhere (METISD_URL); the compiler is npm's solc, so that
// nothing is downloaded.
import { createRequire } from 'node:module'
import hardhatEthers from '@nomicfoundation/hardhat-ethers'
import hardhatNetworkHelpers from '@nomicfoundation/hardhat-network-helpers'
import { defineConfig } from 'hardhat/config'

const require = createRequire(import.meta.url)
const mnemonic = 'test test test test test test test test test test test junk'
const url = process.env.METISD_URL ?? 'http://127.0.0.1:8545'

export default defineConfig({
  plugins: [hardhatEthers, hardhatNetworkHelpers],
  solidity: {
    version: '0.8.37',
    path: require.resolve('solc/soljson.js'),
    settings: { optimizer: { enabled: true }, evmVersion: 'cancun' },
  },
  networks: {
    metis: { type: 'http', url, accounts: { mnemonic } },
    unlocked: { type: 'http', url },
  },
})
