// What the comparisons with anvil share: both nodes, started, and contracts by hand on the
// same accounts of both.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rpc, sleep, startMetisd } from '../lib/metisd.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const anvilBin = join(here, '../clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil')
const CHAIN = 1088001
export const FROM = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'

function freePort() {
  return new Promise((resolve) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address()
      s.close(() => resolve(port))
    })
  })
}

export async function startAnvil(args = ['--steps-tracing']) {
  const port = await freePort()
  const child = spawn(anvilBin, ['--silent', '--port', String(port), '--chain-id', String(CHAIN),
    ...args])
  process.on('exit', () => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < 500 && !(await rpc(url, 'eth_chainId').catch(() => null)); i++) await sleep(20)
  return { url, child }
}

// ---- contracts, by hand ----
export const A = (n) => '0x' + n.toString(16).padStart(40, '0')
const pushA = (n) => '73' + A(n).slice(2)
const word = (n) => n.toString(16).padStart(64, '0')
// Error("no"): selector, 0x20, 2, "no"
const error = '08c379a0' + word(32) + word(2) + '6e6f'.padEnd(64, '0')
const store = (hex) => hex.match(/.{1,64}/g).map((w, i) =>
  '7f' + w.padEnd(64, '0') + '60' + (32 * i).toString(16).padStart(2, '0') + '52').join('')
export const CODE = {
  // s[1] = s[0] + 1; log1(topic 7, "32 bytes of 5")
  0x1001: '60005460010160015560056000526007602060' + '00a100',
  // reverts with Error("no")
  0x1002: store(error) + '60646000fd',
  // CALL 1001; STATICCALL the identity; DELEGATECALL 1001; CALL 1002 (reverts); returns s[1]
  0x1003: '600060006000600060' + '00' + pushA(0x1001) + '62030d40f150' +
    '60006000602060006004' + '62030d40fa50' +
    '6000600060006000' + pushA(0x1001) + '62030d40f450' +
    '600060006004600060' + '00' + pushA(0x1002) + '62030d40f150' +
    '60015460005260206000f3',
  0x1004: 'fe', // the invalid opcode
  0x1005: '5b600056', // runs out of gas
  // CREATE of the code 00 (init 600160005360016000f3 stores 0x01)
  0x1006: '69600160005360016000f3600052600a60166000f000',
  0x1007: '01', // stack underflow
  0x1008: '34600055' + '3031' + '60015500', // s[0] = value; s[1] = balance(this)
  0x1009: pushA(0xdead) + 'ff', // gives itself to dead
  // CALL 1009 with the value that came
  0x100a: '60006000600060003' + '4' + pushA(0x1009) + '62030d40f100',
  // CREATE of code that reverts; CREATE2 of the code 00
  0x100b: '6460006000fd600052' + '6005601b6000f050' +
    '69600160005360016000f3600052' + '6007600a60166000f500',
  // CALL 1009 that runs out of gas inside, CALLCODE and CALL 1002 (reverts) with value 1
  0x100c: '600060006000600060' + '00' + pushA(0x1005) + '610100f150' +
    '600060006000600060' + '00' + pushA(0x1001) + '62030d40f250' +
    '600060006000600060' + '01' + pushA(0x1002) + '62030d40f100',
}

export const TXS = [
  ['transfer', { to: A(0xbeef), value: '0x1' }],
  ['call', { to: A(0x1001) }],
  ['revert', { to: A(0x1002), gas: '0x30000' }],
  ['nested', { to: A(0x1003), data: '0x12345678' }],
  ['invalid opcode', { to: A(0x1004), gas: '0x30000' }],
  ['out of gas', { to: A(0x1005), gas: '0x7530' }],
  ['create inside', { to: A(0x1006) }],
  ['stack underflow', { to: A(0x1007), gas: '0x30000' }],
  ['value', { to: A(0x1008), value: '0x5' }],
  ['deploy', { data: '0x600160005360016000f3' }],
  ['selfdestruct', { to: A(0x1009), value: '0x7' }],
  ['selfdestruct inside', { to: A(0x100a), value: '0x7' }],
  ['create that reverts, create2', { to: A(0x100b) }],
  ['failures inside', { to: A(0x100c), value: '0x1' }],
  ['deploy that reverts', { data: '0x60006000fd', gas: '0x30000' }],
]

// Sends and waits until it is mined.
export async function send(url, tx) {
  const full = { from: FROM, gas: '0x100000', gasPrice: '0x77359400', type: '0x0', ...tx }
  const hash = await rpc(url, 'eth_sendTransaction', [full])
  for (let i = 0; i < 500; i++) {
    if (await rpc(url, 'eth_getTransactionReceipt', [hash])) return hash
    await sleep(10)
  }
  throw new Error('not mined')
}

// Both nodes with the contracts. Returns { anvil, node, ours }; ours: the URL.
export async function startBoth(bin) {
  const anvil = await startAnvil()
  const node = await startMetisd(bin, ['dev', '--network', 'andromeda-dev', '--rpc.port', '0'])
  const ours = node.networks[0].http
  for (const url of [anvil.url, ours])
    for (const [n, code] of Object.entries(CODE))
      await rpc(url, 'anvil_setCode', [A(Number(n)), '0x' + code])
  return { anvil, node, ours }
}

// The first place where two values differ, or null.
export function difference(want, got, path = '$') {
  if (want === null || typeof want !== 'object' || got === null || typeof got !== 'object')
    return want === got ? null : `${path}: anvil ${JSON.stringify(want)}, here ${JSON.stringify(got)}`
  for (const key of new Set([...Object.keys(want), ...Object.keys(got)])) {
    const d = difference(want[key], got[key], `${path}.${key}`)
    if (d) return d
  }
  return null
}
