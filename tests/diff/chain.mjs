// Random chains, the same for the same seed: a genesis and a few blocks of several
// transactions, with withdrawals, requests, blob gas and system contracts, under one fork
// or over a fork's transition. What the blocks result in is not known here; fill() puts it
// into their headers when an implementation has told it.
import { readFileSync } from 'node:fs'
import { COINBASE, encode, makeTransaction, makeWorld } from './gen.mjs'
import { EMPTY_REQUESTS, NO_OMMERS, baseFee, blobSchedule, difficulty, encodeHeader, excessBlobGas,
  headerHash, headerJson } from './header.mjs'
import { FORKS, fork as forkIndex } from './opcodes.mjs'
import { Random } from './program.mjs'
import { bytes, hex, keccak, key, rlp, word } from './sign.mjs'
import { EMPTY_ROOT, listRoot, stateRoot } from './trie.mjs'

const SENDERS = [5, 6, 7].map(key)
const h = (n) => '0x' + BigInt(n).toString(16)
const since = (f, name) => f >= forkIndex(name)
const zeros = (n) => '0x' + '00'.repeat(n)

// Networks over a transition, with what is before and after.
const TRANSITIONS = [['FrontierToHomesteadAt5', 'Frontier', 'Homestead'],
  ['HomesteadToEIP150At5', 'Homestead', 'EIP150'], ['EIP158ToByzantiumAt5', 'EIP158', 'Byzantium'],
  ['ByzantiumToConstantinopleFixAt5', 'Byzantium', 'ConstantinopleFix'],
  ['BerlinToLondonAt5', 'Berlin', 'London'], ['ParisToShanghaiAtTime15k', 'Paris', 'Shanghai'],
  ['ShanghaiToCancunAtTime15k', 'Shanghai', 'Cancun'], ['CancunToPragueAtTime15k', 'Cancun', 'Prague'],
  ['PragueToOsakaAtTime15k', 'Prague', 'Osaka']]

const SYSTEM = JSON.parse(readFileSync(new URL('../../src/contracts/system.json', import.meta.url)))
  .contracts
const DEPOSITS = '0x00000000219ab540356cbb839cbe05303d7705fa'
const DEPOSIT_TOPIC = '0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5'

// Emits a deposit's log as the deposit contract does, with its first 32 bytes of key from
// the call data.
function depositCode() {
  const data = Buffer.concat([160, 256, 320, 384, 512].map(word))
  const field = (n) => Buffer.concat([word(n), Buffer.alloc(Math.ceil(n / 32) * 32, n)])
  const log = Buffer.concat([data, ...[48, 32, 8, 96, 8].map(field)])
  const code = (at) => Buffer.from([0x61, log.length >> 8, log.length & 255, 0x61, at >> 8, at & 255, 0x60, 0,
    0x39, 0x60, 0, 0x35, 0x60, 192, 0x52, 0x7f, ...bytes(DEPOSIT_TOPIC), 0x61, log.length >> 8,
    log.length & 255, 0x60, 0, 0xa1, 0x00])
  return Buffer.concat([code(code(0).length), log])
}

function forkOf(chain, number, timestamp) {
  if (!chain.transition) return chain.first
  const before = chain.network.endsWith('15k') ? timestamp < 15000n : number < 5n
  return before ? chain.first : chain.last
}

function addSystem(pre, world) {
  for (const c of SYSTEM) {
    const address = c.address.toLowerCase()
    pre[address] = { nonce: '0x1', balance: '0x0', code: c.code, storage: {} }
    world.addresses.push(address)
  }
  pre[DEPOSITS] = { nonce: '0x1', balance: '0x0', code: hex(depositCode()), storage: {} }
  world.addresses.push(DEPOSITS)
}

function genesisHeader(chain, f) {
  const g = { parentHash: zeros(32), uncleHash: NO_OMMERS, coinbase: zeros(20),
    stateRoot: hex(stateRoot(chain.pre)), transactionsTrie: hex(EMPTY_ROOT), receiptTrie: hex(EMPTY_ROOT),
    bloom: zeros(256), difficulty: since(f, 'Paris') ? 0n : 131072n, number: 0n, gasLimit: 30000000n,
    gasUsed: 0n, timestamp: 0n, extraData: '0x', mixHash: zeros(32), nonce: zeros(8) }
  if (since(f, 'London')) g.baseFeePerGas = BigInt(chain.baseFee)
  if (since(f, 'Shanghai')) g.withdrawalsRoot = hex(EMPTY_ROOT)
  if (since(f, 'Cancun')) {
    Object.assign(g, { blobGasUsed: 0n, excessBlobGas: BigInt(chain.excess), parentBeaconBlockRoot: zeros(32) })
  }
  if (since(f, 'Prague')) g.requestsHash = EMPTY_REQUESTS
  if (since(f, 'Amsterdam')) Object.assign(g, { blockAccessListHash: NO_OMMERS, slotNumber: 0n })
  return g
}

// A call of one of the contracts that collect requests.
function requestData(r, t) {
  const pick = r.to(3)
  if (pick === 0) Object.assign(t, { to: SYSTEM[2].address, data: [hex(r.buffer(r.chance(90) ? 56 : 55))], value: ['0x1'] })
  else if (pick === 1) Object.assign(t, { to: SYSTEM[3].address, data: [hex(r.buffer(r.chance(90) ? 96 : 95))], value: ['0x1'] })
  else Object.assign(t, { to: DEPOSITS, data: [hex(r.buffer(32))], value: ['0x0'] })
}

// A transaction that is valid whatever ran before it: of a sender who does nothing else.
function blockTransaction(r, f, env, chain, state) {
  const { kind, t } = makeTransaction(r, f, env, { world: chain.world, pre: chain.pre }, true)
  const who = r.of(SENDERS)
  t.nonce = h(state.nonces.get(who.address) ?? 0)
  t.gasLimit = [h(r.in(500000, 1500000))]
  const base = BigInt(env.currentBaseFee ?? 0)
  if (t.gasPrice) t.gasPrice = h(base + BigInt(r.in(1, 100)))
  else {
    t.maxPriorityFeePerGas = h(r.to(50))
    t.maxFeePerGas = h(base + BigInt(r.in(50, 100)))
  }
  if (kind === 3) {
    const room = Math.min(6, Number(blobSchedule(f)[1]) - state.blobs)
    if (room < 1) return undefined
    t.maxFeePerBlobGas = h(10n ** 12n)
    t.blobVersionedHashes = Array.from({ length: r.in(1, room) }, () => '0x01' + hex(r.buffer(31)).slice(2))
    state.blobs += t.blobVersionedHashes.length
  }
  if (t.to !== '' && since(f, 'Prague') && r.chance(25)) requestData(r, t)
  state.nonces.set(who.address, Number(t.nonce) + 1)
  const tx = encode(kind, t, f, since(f, 'EIP158') && r.chance(50), who)
  tx.blobs = t.blobVersionedHashes?.length ?? 0
  return tx
}

function makeBlock(r, chain, number, timestamp, nonces) {
  const f = forkOf(chain, number, timestamp)
  const b = { number, timestamp, transactions: [], withdrawals: undefined, mixHash: hex(r.buffer(32)),
    beacon: hex(r.buffer(32)), coinbase: r.chance(80) ? COINBASE : r.of(chain.world.addresses.slice(0, 8)),
    make: (env) => {
      const state = { nonces, blobs: 0 }
      const out = Array.from({ length: chain.counts[Number(number) - 1] }, () =>
        blockTransaction(r, f, env, chain, state))
      return out.filter((x) => x !== undefined)
    } }
  b.coinbase = '0x' + BigInt(b.coinbase).toString(16).padStart(40, '0')
  if (since(f, 'Shanghai')) {
    b.withdrawals = Array.from({ length: r.to(4) }, () => [chain.withdrawn++, r.to(1000),
      '0x' + BigInt(r.of(chain.world.addresses)).toString(16).padStart(40, '0'), r.chance(15) ? 0 : r.to(100000)])
  }
  return b
}

// forkName: one of FORKS, a transition's network, or undefined for any.
export function makeChain(seed, forkName) {
  const r = new Random(seed ^ 0x5eed)
  const any = r.chance(25) ? r.of(TRANSITIONS)[0] : r.chance(50) ? r.of(FORKS.slice(12)) : r.of(FORKS)
  const network = forkName ?? any
  const transition = TRANSITIONS.find(([name]) => name === network)
  const chain = { network, transition: transition !== undefined, withdrawn: 0,
    first: forkIndex(transition ? transition[1] : network), last: forkIndex(transition ? transition[2] : network) }
  Object.assign(chain, makeWorld(r, chain.first))
  for (const s of SENDERS) {
    chain.pre[s.address] = { nonce: '0x0', balance: '0x56bc75e2d63100000', code: '0x', storage: {} }
  }
  if (since(chain.last, 'Cancun')) addSystem(chain.pre, chain.world)
  for (const a of Object.values(chain.pre)) {
    for (const [k, v] of Object.entries(a.storage)) if (BigInt(v) === 0n) delete a.storage[k]
  }
  chain.baseFee = r.in(7, 1000)
  chain.excess = r.to(40) * 131072
  const count = transition && !network.endsWith('15k') ? r.in(6, 7) : r.in(2, 4)
  chain.counts = Array.from({ length: count }, () => r.to(5))
  chain.blocks = []
  const nonces = new Map()
  for (let i = 1, time = 0n; i <= count; i++) {
    time += network.endsWith('15k') ? BigInt(r.in(4000, 9000)) : BigInt(r.in(1, 40))
    chain.blocks.push(makeBlock(r, chain, BigInt(i), time, nonces))
  }
  chain.genesis = genesisHeader(chain, forkOf(chain, 0n, 0n))
  return chain
}

// The header before execution.
function startHeader(chain, parent, b) {
  const f = forkOf(chain, b.number, b.timestamp)
  const head = { parentHash: headerHash(parent), uncleHash: NO_OMMERS, coinbase: b.coinbase, stateRoot: zeros(32),
    transactionsTrie: zeros(32), receiptTrie: zeros(32), bloom: zeros(256),
    difficulty: difficulty(parent, b.timestamp, f), number: b.number, gasLimit: parent.gasLimit, gasUsed: 0n,
    timestamp: b.timestamp, extraData: '0x', mixHash: since(f, 'Paris') ? b.mixHash : zeros(32), nonce: zeros(8) }
  if (since(f, 'London')) {
    if (parent.baseFeePerGas === undefined) head.gasLimit = parent.gasLimit * 2n
    head.baseFeePerGas = baseFee(parent)
  }
  if (since(f, 'Shanghai')) {
    head.withdrawalsRoot = hex(listRoot(b.withdrawals.map((w) => rlp(w))))
  }
  if (since(f, 'Cancun')) {
    head.excessBlobGas = excessBlobGas(parent, f)
    head.parentBeaconBlockRoot = b.beacon
    head.blobGasUsed = 0n
  }
  if (since(f, 'Prague')) head.requestsHash = EMPTY_REQUESTS
  if (since(f, 'Amsterdam')) Object.assign(head, { blockAccessListHash: NO_OMMERS, slotNumber: b.number * 3n })
  return head
}

// Block i made to follow its parent: its transactions, and the header but for the results.
export function prepare(chain, i) {
  const b = chain.blocks[i]
  const parent = i === 0 ? chain.genesis : chain.blocks[i - 1].header
  b.header = startHeader(chain, parent, b)
  const env = b.header.baseFeePerGas === undefined ? {} : { currentBaseFee: h(b.header.baseFeePerGas) }
  if (b.make) {
    b.transactions = b.make(env)
    delete b.make
  }
  b.header.transactionsTrie = hex(listRoot(b.transactions))
  if (b.header.blobGasUsed !== undefined) {
    b.header.blobGasUsed = BigInt(b.transactions.reduce((n, tx) => n + tx.blobs, 0)) * 131072n
  }
}

// What execution gave goes into the header.
export function fill(chain, i, result) {
  const { header } = chain.blocks[i]
  Object.assign(header, { stateRoot: result.stateRoot, receiptTrie: result.receiptsRoot, bloom: result.logsBloom,
    gasUsed: BigInt(result.gasUsed) })
  if (header.requestsHash) header.requestsHash = result.requestsHash
  if (header.blockAccessListHash) header.blockAccessListHash = result.accessListHash
}

function blockRlp(b) {
  const txs = b.transactions.map((tx) => (tx[0] >= 0xc0 ? { raw: tx } : tx)) // a list is no string
  const parts = [encodeHeader(b.header), txs, []]
  if (b.withdrawals && b.header.withdrawalsRoot) parts.push(b.withdrawals)
  return rlp(parts)
}

// The chain as a blockchain test of the blocks before `end`.
export function chainTest(chain, end) {
  const blocks = chain.blocks.slice(0, end).map((b) => ({ rlp: hex(blockRlp(b)), blockHeader: headerJson(b.header) }))
  return { network: chain.network, sealEngine: 'NoProof', config: { chainid: '0x01', network: chain.network },
    genesisBlockHeader: headerJson(chain.genesis), genesisRLP: hex(rlp([encodeHeader(chain.genesis), [], [],
      ...(chain.genesis.withdrawalsRoot ? [[]] : [])])),
    pre: chain.pre, blocks, lastblockhash: blocks.at(-1)?.blockHeader.hash ?? headerHash(chain.genesis) }
}
