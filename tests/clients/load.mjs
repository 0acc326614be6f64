// 2,000 pre-signed transfers (with --erc20 of a token) of 8 senders over 8 connections into a
// node that does not mine, sent by metis-bench, then one evm_mine; with --check only the outcome counts (for sanitizer builds), otherwise
// one line of JSON with the rates.
//   node tests/clients/load.mjs --bin build/metisd [--check] [--n 2000] [--erc20] | --anvil
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HDNodeWallet, Mnemonic } from 'ethers'
import { MNEMONIC } from './common.mjs'
import { deployToken, token } from './token.mjs'
import { counter, options, rpc, run, sleep, startMetisd } from '../lib/metisd.mjs'

const SENDERS = 8
const opt = options({ bin: 'build/metisd', check: false, n: '2000', anvil: false, bench: '', erc20: false })
const here = dirname(fileURLToPath(import.meta.url))
const n = Number(opt.n)
const chainId = 1088001

let url
let pid
let stop
if (opt.anvil) {
  const child = spawn(join(here, 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil'),
    ['--silent', '--no-mining', '--port', '18565', '--chain-id', String(chainId),
      '--gas-limit', '1500000000'])
  process.on('exit', () => child.kill('SIGKILL'))
  url = 'http://127.0.0.1:18565'
  pid = child.pid
  while (!(await rpc(url, 'eth_chainId').catch(() => null))) await sleep(20)
  stop = async () => child.kill('SIGKILL')
} else {
  const node = await startMetisd(opt.bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0',
    '--dev.no-mining'])
  url = node.networks[0].http
  pid = node.child.pid
  stop = async () => {
    const status = await node.stop()
    if (status !== 0) throw new Error(`stop: status ${status}\n${node.log().slice(-3000)}`)
  }
}

const receiver = (s) => '0x' + (0xabc0 + s).toString(16).padStart(40, '0')

// Signed before the clock starts.
const wallets = Array.from({ length: SENDERS }, (_, i) => HDNodeWallet.fromMnemonic(
  Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${i}`))
const contract = opt.erc20
  ? await deployToken(url, wallets[0].address, wallets.map((w) => w.address)) : undefined
const first = await Promise.all(wallets.map(async (w) =>
  Number(await rpc(url, 'eth_getTransactionCount', [w.address, 'latest']))))
const bodies = await Promise.all(wallets.map(async (w, s) => {
  const out = []
  for (let i = 0; i < n / SENDERS; i++) {
    const what = contract
      ? { to: contract, data: token.encodeFunctionData('transfer', [receiver(s), 1n]), gasLimit: 60000n }
      : { to: receiver(s), value: 1n, gasLimit: 21000n }
    const raw = await w.signTransaction({ type: 2, chainId, nonce: first[s] + i, ...what,
      maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n })
    out.push(JSON.stringify({ jsonrpc: '2.0', id: i, method: 'eth_sendRawTransaction', params: [raw] }))
  }
  return out
}))

// The load generator costs little beside the server: line i goes over connection i mod 8.
const work = mkdtempSync(join(tmpdir(), 'metis-load-'))
const file = join(work, 'bodies')
writeFileSync(file, bodies[0].map((_, i) => bodies.map((list) => list[i] + '\n').join('')).join(''))
const bench = await run(opt.bench || join(dirname(opt.bin), 'metis-bench'), ['rpc', '--url', url,
  '--bodies', file, '--connections', String(SENDERS), '--pid', String(pid)])
rmSync(work, { recursive: true })
if (bench.status !== 0) throw new Error(`metis-bench: ${bench.stdout}${bench.stderr}`)
const sent = JSON.parse(bench.stdout.trim().split('\n').at(-1))
const submitMs = sent.wall_s.median * 1000
const refused = sent.errors
const t1 = performance.now()
await rpc(url, 'evm_mine')
const block = await rpc(url, 'eth_getBlockByNumber', ['latest', false])
const t2 = performance.now()
const balances = await Promise.all(wallets.map((_, s) => (contract
  ? rpc(url, 'eth_call', [{ to: contract, data: token.encodeFunctionData('balanceOf', [receiver(s)]) }, 'latest'])
  : rpc(url, 'eth_getBalance', [receiver(s), 'latest']))))

if (opt.check) {
  const count = counter()
  await count.check(`${n} transactions accepted`, () => {
    if (refused) throw new Error(`${refused} refused`)
  })
  await count.check('all of them in one block', () => {
    if (block.transactions.length !== n) throw new Error(`${block.transactions.length} in it`)
    for (const b of balances)
      if (BigInt(b) !== BigInt(n / SENDERS)) throw new Error(`a balance is ${b}`)
  })
  await count.check('clean stop', stop)
  process.exit(count.summary() ? 0 : 1)
}
console.log(JSON.stringify({
  bench: 'load', case: opt.anvil ? 'anvil' : 'metisd', transactions: n, senders: SENDERS,
  refused, included: block.transactions.length,
  submit_ms: Math.round(submitMs), mine_ms: Math.round(t2 - t1), submit_cpu_us: sent.server_cpu_us.median,
  per_second: Math.round(block.transactions.length / ((t2 - t1 + submitMs) / 1000)),
}))
await stop()
process.exit(0)
