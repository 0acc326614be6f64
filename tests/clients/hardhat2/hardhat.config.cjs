// Hardhat 2 on a node that runs elsewhere (METISD_URL); the compiler is npm's solc, so that
// nothing is downloaded.
require('@nomicfoundation/hardhat-ethers')
const { subtask } = require('hardhat/config')
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require('hardhat/builtin-tasks/task-names')
const { version, longVersion } = { version: '0.8.37', longVersion: '0.8.37' }

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({
  compilerPath: require.resolve('solc/soljson.js'), isSolcJs: true, version, longVersion,
}))

const mnemonic = 'test test test test test test test test test test test junk'
module.exports = {
  solidity: { version, settings: { optimizer: { enabled: true }, evmVersion: 'cancun' } },
  networks: {
    metis: { url: process.env.METISD_URL ?? 'http://127.0.0.1:8545', accounts: { mnemonic } },
    unlocked: { url: process.env.METISD_URL ?? 'http://127.0.0.1:8545' },
  },
}
