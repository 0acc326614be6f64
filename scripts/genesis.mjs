// Writes conf/<network>.json (genesis files in geth's form) and docs/NETWORKS.md, all from
// the one table below. With --check it compares with what is there instead.
//
// Sources of the system contracts' code: the EIPs named beside them; it is deployed there
// by a keyless transaction on Ethereum, here it stands in the genesis. Predeploys are our
// own Solidity (src/contracts, built by scripts/contracts.sh). Preinstalls, which the dev
// networks have, are made by scripts/preinstalls.mjs; their constructors run here, for the
// chain id of each network, in anvil.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, rpc, sleep } from '../tests/lib/metisd.mjs'

const top = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(join(top, 'tests/clients/package.json'))
const { HDNodeWallet, Mnemonic, getAddress, keccak256 } = require('ethers')
const check = process.argv.includes('--check')

const TOKEN = '0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000'
const NATIVE_TRANSFER = '0x0000000000000000000000000000000000001088'
const ORACLE = '0x420000000000000000000000000000000000000F'
const VAULT = '0x4200000000000000000000000000000000000011'
const L1_BLOCK = '0x4200000000000000000000000000000000000013'
const GENESIS_TIME = Date.UTC(2026, 0, 1) / 1000
const GWEI = 10n ** 9n
const METIS = 10n ** 18n
const MNEMONIC = 'test test test test test test test test test test test junk'

// ---- the table ----
const NETWORKS = [
  {
    file: 'andromeda', title: 'Metis Andromeda', chainId: 1088, forks: 'berlin',
    push0: true, periodMs: 12000, gasLimit: 1_100_000_000, l1Fee: true,
  },
  {
    file: 'andromeda-sepolia', title: 'Metis Sepolia', chainId: 59902, forks: 'berlin',
    push0: true, periodMs: 12000, gasLimit: 1_100_000_000, l1Fee: true,
  },
  {
    file: 'hyperion-testnet', title: 'Metis Hyperion testnet', chainId: 133717,
    forks: 'prague', push0: false, periodMs: 500, gasLimit: 30_000_000, l1Fee: false,
  },
  {
    file: 'andromeda-dev', title: 'Andromeda devnet', chainId: 1088001, forks: 'osaka',
    push0: false, periodMs: 0, gasLimit: 1_500_000_000, l1Fee: true, dev: true,
  },
  {
    file: 'hyperion-dev', title: 'Hyperion devnet', chainId: 133717001, forks: 'osaka',
    push0: false, periodMs: 0, gasLimit: 1_500_000_000, l1Fee: false, dev: true,
  },
]

// ---- forks in geth's words ----
const BLOCK_FORKS = ['homestead', 'eip150', 'eip155', 'eip158', 'byzantium',
  'constantinople', 'petersburg', 'istanbul', 'muirGlacier', 'berlin', 'london',
  'arrowGlacier', 'grayGlacier', 'mergeNetsplit']
const TIME_FORKS = ['shanghai', 'cancun', 'prague', 'osaka']
// EIP-4844, EIP-7691; Osaka keeps Prague's.
const BLOBS = {
  cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3338477 },
  prague: { target: 6, max: 9, baseFeeUpdateFraction: 5007716 },
  osaka: { target: 6, max: 9, baseFeeUpdateFraction: 5007716 },
}

function forkKeys(last) {
  const config = {}
  for (const f of BLOCK_FORKS) {
    config[f + 'Block'] = 0
    if (f === last) return config
  }
  config.terminalTotalDifficulty = 0
  for (const f of TIME_FORKS) {
    config[f + 'Time'] = 0
    if (BLOBS[f]) config.blobSchedule = { ...config.blobSchedule, [f]: BLOBS[f] }
    if (f === last) break
  }
  config.depositContractAddress = '0x' + '00'.repeat(20)
  return config
}
const reached = (n, fork) => TIME_FORKS.indexOf(n.forks) >= TIME_FORKS.indexOf(fork)
const london = (n) => n.forks !== 'berlin'

// ---- system contracts of the EIPs: [first fork, address, code, keccak-256 of the code] ----
const SYSTEM = JSON.parse(
  readFileSync(join(top, 'src/contracts/system.json'), 'utf8')).contracts
for (const s of SYSTEM)
  if (keccak256(s.code) !== s.codeHash) throw new Error(`${s.name}: code and hash differ`)

// ---- accounts ----
const hex = (v) => '0x' + BigInt(v).toString(16)
const word = (v) => '0x' + BigInt(v).toString(16).padStart(64, '0')
const build = (name) =>
  JSON.parse(readFileSync(join(top, 'src/contracts/build', name + '.json'), 'utf8'))
const accounts = Array.from({ length: 10 }, (_, i) => HDNodeWallet.fromMnemonic(
  Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${i}`).address)

function predeploy(name, values) {
  const { runtime, slots } = build(name)
  const storage = {}
  for (const [label, value] of Object.entries(values)) {
    if (!(label in slots)) throw new Error(`${name} has no variable ${label}`)
    if (BigInt(value) !== 0n) storage[word(slots[label])] = word(value)
  }
  return { balance: '0x0', nonce: '0x1', code: runtime, ...(Object.keys(storage).length ? { storage } : {}) }
}

// ---- preinstalls ----
const PREINSTALLS = JSON.parse(
  readFileSync(join(top, 'src/contracts/preinstalls.json'), 'utf8'))

// What their deployment leaves behind: accounts with code, by address; contracts that
// constructors made are among them.
async function preinstalled(chainId) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const anvil = spawn(
    join(top, 'tests/clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil'),
    ['--silent', '--port', String(port), '--chain-id', String(chainId)])
  process.on('exit', () => anvil.kill('SIGKILL'))
  for (let i = 0; i < 500 && !(await rpc(url, 'eth_chainId').catch(() => null)); i++) await sleep(20)
  const runtime = async (p) => { // the constructor as a call to the address itself
    await rpc(url, 'anvil_setCode', [p.address, p.initCode])
    return rpc(url, 'eth_call', [{ to: p.address }, 'latest'])
  }
  const out = {}
  for (const p of PREINSTALLS.contracts) {
    if (!p.salt) {
      const code = await runtime(p)
      out[p.address.toLowerCase()] = { balance: '0x0', nonce: '0x1', code }
      await rpc(url, 'anvil_setCode', [p.address, code])
      continue
    }
    const hash = await rpc(url, 'eth_sendTransaction', [{ from: accounts[0], gas: '0xf00000',
      to: PREINSTALLS.deployer, data: p.salt + p.initCode.slice(2) }])
    while (!(await rpc(url, 'eth_getTransactionReceipt', [hash]))) await sleep(10)
    const { post } = await rpc(url, 'debug_traceTransaction',
      [hash, { tracer: 'prestateTracer', tracerConfig: { diffMode: true } }])
    for (const [address, a] of Object.entries(post))
      if (a.code) out[address] = { balance: '0x0', nonce: hex(a.nonce), code: a.code,
        ...(a.storage ? { storage: a.storage } : {}) }
    if (!out[p.address.toLowerCase()]) throw new Error(`${p.name}: it was not deployed`)
  }
  anvil.kill()
  return out
}

async function alloc(n) {
  const out = {}
  // No keys of the public networks are ours: their predeploys have no owner here.
  const owner = n.dev ? accounts[0] : '0x' + '00'.repeat(20)
  const supply = n.dev ? BigInt(accounts.length) * 10000n * METIS : 0n
  if (n.dev) for (const a of accounts) out[a] = { balance: hex(10000n * METIS) }
  out[TOKEN] = predeploy('MetisToken', { totalSupply: supply })
  out[ORACLE] = predeploy('GasPriceOracle', {
    owner, l1BaseFee: 0, overhead: 2750, scalar: 1_500_000, decimals: 6,
  })
  out[VAULT] = predeploy('SequencerFeeVault', { owner, recipient: owner })
  out[L1_BLOCK] = predeploy('L1BlockNumber', { owner })
  for (const s of SYSTEM)
    if (reached(n, s.fork)) out[s.address] = { balance: '0x0', nonce: '0x1', code: s.code }
  if (n.dev) Object.assign(out, await preinstalled(n.chainId))
  const sorted = Object.entries(out).sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
  return Object.fromEntries(sorted.map(([a, v]) => [getAddress(a.toLowerCase()), v]))
}

async function genesis(n) {
  return {
    config: {
      chainId: n.chainId,
      ...forkKeys(n.forks),
      metis: {
        name: n.file,
        periodMs: n.periodMs,
        gasLimit: n.gasLimit,
        equalTime: true,
        blobTransactions: false,
        ...(n.dev ? { codeSenders: true } : {}),
        push0: n.push0,
        l1Fee: n.l1Fee,
        gasPriceOracle: ORACLE,
        baseFeeVault: VAULT,
        nativeToken: TOKEN,
        nativeTransfer: NATIVE_TRANSFER,
        ...(n.dev ? {} : { coinbase: VAULT }),
      },
    },
    nonce: '0x0',
    timestamp: hex(GENESIS_TIME),
    extraData: '0x',
    gasLimit: hex(n.gasLimit),
    difficulty: '0x0',
    mixHash: '0x' + '00'.repeat(32),
    coinbase: VAULT,
    ...(london(n) ? { baseFeePerGas: hex(GWEI) } : {}),
    ...(reached(n, 'cancun') ? { excessBlobGas: '0x0', blobGasUsed: '0x0' } : {}),
    alloc: await alloc(n),
  }
}

// ---- docs/NETWORKS.md ----
function networksPage() {
  const row = (cells) => `| ${cells.join(' | ')} |`
  const fork = (n) => (n.forks === 'berlin' ? 'Berlin + PUSH0'
    : n.forks[0].toUpperCase() + n.forks.slice(1)) + ', from genesis'
  const lines = [
    '# Networks', '',
    'Made by `scripts/genesis.mjs`, which also writes the genesis files in `conf/`; do not edit.', '',
    'A network is a genesis file in geth\'s form. Its `config.metis{}` holds every rule beyond',
    'Ethereum\'s that can change a hash; the code never asks for a network by name.', '',
    row(['', ...NETWORKS.map((n) => '`' + n.file + '`')]),
    row(['---', ...NETWORKS.map(() => '---')]),
    row(['title', ...NETWORKS.map((n) => n.title)]),
    row(['chain id', ...NETWORKS.map((n) => n.chainId)]),
    row(['forks', ...NETWORKS.map(fork)]),
    row(['block period', ...NETWORKS.map((n) => n.periodMs ? n.periodMs + ' ms' : 'on demand')]),
    row(['block gas limit', ...NETWORKS.map((n) => n.gasLimit.toLocaleString('en-US'))]),
    row(['base fee', ...NETWORKS.map((n) => london(n) ? 'EIP-1559 from 1 gwei, credited to the fee vault' : 'none (no EIP-1559)')]),
    row(['coinbase', ...NETWORKS.map((n) => n.dev ? 'the fee vault, or what is asked for' : 'the fee vault')]),
    row(['time rule', ...NETWORKS.map(() => 'a child may have its parent\'s timestamp')]),
    row(['L1 data fee', ...NETWORKS.map((n) => n.l1Fee ? 'yes (starts with l1BaseFee 0)' : 'no')]),
    row(['blob transactions', ...NETWORKS.map(() => 'refused')]),
    row(['funded accounts', ...NETWORKS.map((n) => n.dev ? 'ten, 10,000 METIS each' : 'none')]),
    '', '## What is claimed and what is not', '',
    'These are networks with Metis\'s parameters. Syncing Metis\'s own public history is not',
    'claimed: the real Andromeda keeps METIS balances in the storage of an ERC-20, has rules',
    'at fixed heights, and its genesis is not reproduced here; so the genesis hashes differ',
    'from the public networks\'. On the three public profiles no account is funded and the',
    'predeploys have no owner, because their keys are not ours.', '',
    '- Andromeda\'s EVM is Berlin plus PUSH0, which no schedule of geth\'s can say: the',
    '  schedule ends with Berlin, and the rule `push0` adds the opcode. Blocks have',
    '  difficulty 0, no block reward and no base fee.',
    '- Andromeda\'s gas limit is published in two values (1.1e9 in the sequencer\'s set-up, 30M',
    '  in its consensus layer); the first is used. The period was about 12 s for years and is',
    '  17-18 s in 2026; 12 s is used.',
    '- Hyperion\'s period is published only as "sub-second"; 500 ms is our choice. The gas limit',
    '  is the default of its client.', '',
    '## The rules in `config.metis{}`', '',
    row(['key', 'meaning']), row(['---', '---']),
    row(['`name`', 'name of the network']),
    row(['`periodMs`', 'block period of the sequencer in milliseconds; 0: a block when a transaction arrives']),
    row(['`gasLimit`', 'gas limit of built blocks']),
    row(['`equalTime`', 'a block may have the timestamp of its parent (blocks faster than a second)']),
    row(['`blobTransactions`', 'false: transactions of type 3 are invalid']),
    row(['`codeSenders`', 'accounts with code may send transactions: no EIP-3607, for impersonated contracts']),
    row(['`push0`', 'PUSH0 exists before Shanghai']),
    row(['`l1Fee`', 'the L1 data fee is charged as extra gas: ceil(l1Fee / effective gas price)']),
    row(['`gasPriceOracle`', 'where its prices stand (slots 0-6)']),
    row(['`baseFeeVault`', 'the base fee is credited to this account instead of burnt']),
    row(['`nativeToken`', 'the ERC-20 view of the native coin: the only caller that `nativeTransfer` obeys']),
    row(['`nativeTransfer`', 'stateful precompile: abi.encode(from, to, amount), 96 bytes; moves native value']),
    row(['`coinbase`', 'the coinbase that every block must have']),
    '', '## The L1 data fee', '', '```',
    'l1Gas = 4 * zeros + 16 * (nonzeros + 68) + overhead',
    'l1Fee = ceil(l1Gas * l1BaseFee * scalar / 10^decimals)',
    'extra gas = ceil(l1Fee / effective gas price)', '```', '',
    'Zeros and nonzeros are counted in the whole signed encoding; of a legacy transaction in',
    'the unsigned form with three empty signature fields, which are cut off at its end. The',
    'extra gas counts in `gasUsed` and in the block\'s gas, not for EIP-7825\'s cap and',
    'EIP-7623\'s floor. A gas limit too small for it is refused by the pool and invalid in a',
    'block. Receipts carry `l1Fee`, `l1GasPrice`, `l1GasUsed` and `l1FeeScalar`.',
    '', '## Predeploys', '',
    row(['address', 'contract', 'networks']), row(['---', '---', '---']),
    row(['`' + TOKEN + '`', '`MetisToken`: METIS as an ERC-20; `balanceOf` is the account\'s balance, `totalSupply` the sum at genesis', 'all']),
    row(['`' + ORACLE + '`', '`GasPriceOracle`: overhead 2750, scalar 1,500,000, 6 decimals', 'all']),
    row(['`' + VAULT + '`', '`SequencerFeeVault`', 'all']),
    row(['`' + L1_BLOCK + '`', '`L1BlockNumber`', 'all']),
    ...SYSTEM.map((s) => row(['`' + s.address + '`', `${s.eip}: ${s.name}`,
      NETWORKS.filter((n) => reached(n, s.fork)).map((n) => '`' + n.file + '`').join(', ')])),
    '', '## Preinstalls of the dev networks', '',
    'What projects expect at the same address everywhere; constructors were run for the chain id.', '',
    row(['address', 'contract', 'from']), row(['---', '---', '---']),
    ...PREINSTALLS.contracts.map((p) => row(['`' + p.address + '`', p.name, p.source])),
    '', '## Accounts of the dev networks', '',
    'Of the public mnemonic `' + MNEMONIC + '`: never use them elsewhere. Account 0 owns the',
    'predeploys.', '',
    ...accounts.map((a, i) => `${i}. \`${a}\``), '',
  ]
  return lines.join('\n')
}

// ---- output ----
let bad = 0
function put(path, text) {
  const full = join(top, path)
  if (!check) {
    mkdirSync(dirname(full), { recursive: true })
    writeFileSync(full, text)
    console.log(`${path}: ${text.length} bytes`)
    return
  }
  const same = existsSync(full) && readFileSync(full, 'utf8') === text
  console.log(`${same ? 'ok  ' : 'FAIL'} ${path} ${same ? 'matches' : 'differs from'} the table`)
  if (!same) bad++
}
for (const n of NETWORKS) put(`conf/${n.file}.json`, JSON.stringify(await genesis(n), null, 2) + '\n')
put('docs/NETWORKS.md', networksPage())
process.exit(bad ? 1 : 0)
