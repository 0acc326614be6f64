// Makes src/contracts/preinstalls.json: what projects expect at the same address of every
// chain, as init code with the way it gets to its address. With --check it compares instead.
// The code comes from its publishers' npm packages (Permit2 is compiled with the compiler and
// the settings of its repository). Addresses are derived here from the code, so that a wrong
// byte anywhere gives another one:
//   keyless  a transaction with a made-up signature: the sender is recovered from it, and the
//            contract's address is the sender's first (Nick's method)
//   create2  keccak(0xff, deployer, salt, keccak(init code))
// but for Multicall3: viem's build of it is not the one that stands on Ethereum byte by byte.
import { createRequire } from 'node:module'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const top = join(dirname(fileURLToPath(import.meta.url)), '..')
const packages = join(top, 'scripts/preinstalls/node_modules')
const require = createRequire(join(top, 'scripts/preinstalls/package.json'))
const { Transaction, getAddress, getCreate2Address, getCreateAddress, keccak256 } =
  require('ethers')
const { multicall3Bytecode } = require(join(packages, 'viem/_cjs/constants/contracts.js'))
const check = process.argv.includes('--check')
const DEPLOYER = '0x4e59b44847b379578588920cA78FbF26c0B4956C'

function permit2() {
  const solc = require('solc')
  const root = join(packages, '@uniswap/v4-periphery/lib/permit2')
  const sources = {}
  const read = (key) => {
    if (sources[key]) return
    const content = readFileSync(join(root, key.startsWith('solmate/') ? 'lib' : '', key), 'utf8')
    sources[key] = { content }
    for (const [, path] of content.matchAll(/from "([^"]+)"/g))
      read(path.startsWith('.') ? posix.join(posix.dirname(key), path) : path)
  }
  read('src/Permit2.sol')
  // foundry.toml of the repository: via_ir, 1,000,000 runs, no hash of the metadata.
  const out = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources,
    settings: {
      viaIR: true,
      optimizer: { enabled: true, runs: 1_000_000 },
      metadata: { bytecodeHash: 'none' },
      outputSelection: { '*': { Permit2: ['evm.bytecode.object'] } },
    },
  })))
  const errors = (out.errors ?? []).filter((e) => e.severity === 'error')
  if (errors.length) throw new Error(errors.map((e) => e.formattedMessage).join('\n'))
  return '0x' + out.contracts['src/Permit2.sol'].Permit2.evm.bytecode.object
}

const word = (nibble) => '0x' + nibble.repeat(64)
const PREINSTALLS = [
  {
    name: 'deterministic CREATE2 deployer', source: 'its published 69 bytes', address: DEPLOYER,
    keyless: { gasPrice: '0x174876e800', gas: '0x186a0', v: 27, r: word('2'), s: word('2') },
    // init code: copy what follows and return it
    initCode: '0x604580600e600039806000f350fe' + '7f' + 'ff'.repeat(31) + 'e0' +
      '3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3',
  },
  {
    name: 'Multicall3', source: 'viem', address: '0xcA11bde05977b3631167028862bE2a173976CA11',
    initCode: multicall3Bytecode,
  },
  {
    name: 'EntryPoint 0.8', source: '@account-abstraction/contracts 0.8.0',
    address: '0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108',
    salt: '0x0a59dbff790c23c976a548690c27297883cc66b4c67024f9117b0238995e35e9',
    initCode: require('@account-abstraction/contracts/artifacts/EntryPoint.json').bytecode,
  },
  {
    name: 'Permit2', source: '@uniswap/v4-periphery 1.0.3, solc 0.8.17',
    address: '0x000000000022D473030F116dDEE9F6B43aC78BA3',
    salt: '0x0000000000000000000000000000000000000000d3af2663da51c10215000000',
    initCode: permit2(),
  },
]

function derived(p) {
  if (p.salt) return getCreate2Address(DEPLOYER, p.salt, keccak256(p.initCode))
  const { v, r, s, gas, gasPrice } = p.keyless
  const tx = Transaction.from({ type: 0, nonce: 0, gasPrice, gasLimit: gas, value: 0,
    data: p.initCode, signature: { v, r, s } })
  return getCreateAddress({ from: tx.from, nonce: 0 })
}

let good = 0
let bad = 0
const say = (fine, text) => {
  console.log(`${fine ? 'ok  ' : 'FAIL'} ${text}`)
  if (fine) good++
  else bad++
}
for (const p of PREINSTALLS)
  if (p.salt || p.keyless)
    say(derived(p) === getAddress(p.address), `${p.name}: its code gives ${p.address}`)
const path = join(top, 'src/contracts/preinstalls.json')
const text = JSON.stringify({
  note: 'Made by scripts/preinstalls.mjs, which says where the code is from.',
  deployer: DEPLOYER,
  contracts: PREINSTALLS,
}, null, 1) + '\n'
if (!check && !bad) writeFileSync(path, text)
say(existsSync(path) && readFileSync(path, 'utf8') === text, 'preinstalls.json is what was made')
console.log(`${good} passed, ${bad} failed`)
process.exit(bad ? 1 : 0)
