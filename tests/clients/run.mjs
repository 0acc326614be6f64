// Runs real clients against both dev networks, one client at a time on each network:
//   node tests/clients/run.mjs [--bin build/metisd] [--only ethers,viem,...]
// With --anvil the flows run against anvil instead, which tests the flows themselves.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counter, freePort, options, rpc, sleep, startMetisd } from '../lib/metisd.mjs'
import { loadArtifacts } from './artifacts.mjs'

// Hardhat last: its helpers move the time and the coinbase.
const CLIENTS = 'ethers,viem,web3,cast,forge,uniswap3,predeploys,preinstalls,hardhat2,hardhat3'
const opt = options({ bin: 'build/metisd', only: CLIENTS, anvil: false })
const OURS = ['predeploys', 'preinstalls']
const here = dirname(fileURLToPath(import.meta.url))

async function startAnvil(chainId) {
  const port = await freePort()
  const bin = join(here, 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil')
  const child = spawn(bin, ['--silent', '--port', String(port), '--chain-id', String(chainId)])
  process.on('exit', () => child.kill('SIGKILL'))
  const http = `http://127.0.0.1:${port}`
  for (let i = 0; i < 100; i++) {
    if (await rpc(http, 'eth_chainId').catch(() => null)) break
    await sleep(50)
  }
  return { name: `anvil-${chainId}`, chainId, http, ws: `ws://127.0.0.1:${port}` }
}

const count = counter()
const artifacts = loadArtifacts()
let node
let networks
if (opt.anvil) {
  networks = [await startAnvil(1088001), await startAnvil(133717001)]
} else {
  node = await startMetisd(opt.bin, ['dev', '--rpc.port', '0'])
  networks = node.networks
}
const clients = opt.only.split(',').filter((c) => !(opt.anvil && OURS.includes(c)))
// A client has folders of its own (what Hardhat and forge compile): never twice at once.
const busy = new Map()
async function turn(network, client, i) {
  while (busy.has(client)) await busy.get(client)
  let over
  busy.set(client, new Promise((r) => (over = r)))
  const file = OURS.includes(client) ? `./${client}.mjs` : `./flow-${client}.mjs`
  const { flow } = await import(file)
  const check = (name, f) => count.check(`${network.name} ${client}: ${name}`, f)
  try {
    await flow({ ...network, chainId: Number(network.chainId), artifacts, check, account: i + 1 })
  } catch (e) {
    count.fail(`${network.name} ${client}`, e)
  }
  busy.delete(client)
  over()
}

// The second network begins in the middle, the two Hardhats trade places.
await Promise.all(networks.map(async (network, n) => {
  const numbered = clients.map((client, i) => [client, i])
  const last = numbered.filter(([c]) => c.startsWith('hardhat'))
  const first = numbered.filter(([c]) => !c.startsWith('hardhat'))
  const half = n === 0 ? 0 : first.length >> 1
  if (n > 0) last.reverse()
  for (const [client, i] of [...first.slice(half), ...first.slice(0, half), ...last])
    await turn(network, client, i)
}))
if (node) {
  await count.check('clean stop', async () => {
    const status = await node.stop()
    if (status !== 0) throw new Error(`status ${status}\n${node.log().slice(-3000)}`)
  })
}
process.exit(count.summary() ? 0 : 1)
