// eth_getLogs against go-ethereum's log index, on one and the same chain: geth in its dev mode
// makes it (10,000 blocks of a transaction; every hundredth has a log, ten of them of the
// contract that is asked for), metisd imports its genesis and its export.
import { spawn } from 'node:child_process'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, rpc, run, sleep, startMetisd, tempDir } from '../tests/lib/metisd.mjs'

const BLOCKS = 10000
const BLOCK_WAIT_MS = 20000
const INDEX_WAIT_MS = 20000

async function startGeth(geth, datadir) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const child = spawn(geth, ['--dev', '--datadir', datadir, '--http', '--http.port', String(port),
    '--http.api', 'eth,net,web3,debug', '--port', '0', '--authrpc.port', '0', '--verbosity', '1',
    '--ipcdisable', '--nodiscover', '--maxpeers', '0'], { stdio: 'ignore' })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  for (let i = 0; i < 1000 && !(await rpc(url, 'eth_chainId').catch(() => null)); i++) await sleep(20)
  const stop = () => new Promise((done) => {
    process.off('exit', kill)
    child.on('close', done)
    child.kill('SIGTERM')
  })
  return { child, url, stop }
}

async function fill(url) {
  const [from] = await rpc(url, 'eth_accounts')
  const head = async () => Number(await rpc(url, 'eth_blockNumber'))
  const send = async (tx) => {
    const before = await head()
    const end = performance.now() + BLOCK_WAIT_MS
    let hash
    while (!hash) { // its pool may be a moment behind its head and give the last nonce again
      hash = await rpc(url, 'eth_sendTransaction', [{ from, gas: '0x186a0', ...tx }]).catch((e) => {
        if (e.message.includes('already known') && performance.now() < end) return sleep(2)
        throw e
      })
    }
    while (await head() === before && !(await sleep(1)))
      if (performance.now() > end) throw new Error('geth makes no block')
    return hash
  }
  const contracts = []
  for (let i = 0; i < 2; i++) { // returns PUSH1 7, PUSH0, PUSH0, LOG1, STOP
    const hash = await send({ data: '0x6560075f5fa1005f526006601af3' })
    contracts.push((await rpc(url, 'eth_getTransactionReceipt', [hash])).contractAddress)
  }
  const first = await head() + 1
  for (let i = 0; i < BLOCKS; i++) {
    const to = i % 100 !== 50 ? '0x' + '53'.repeat(20) : contracts[i % 1000 === 550 ? 0 : 1]
    await send({ to })
  }
  const hex = (n) => '0x' + n.toString(16)
  // geth may have made a block without a transaction in between.
  return { address: contracts[0], topics: ['0x' + '7'.padStart(64, '0')], fromBlock: hex(first),
    toBlock: hex(await head()) }
}

// Both nodes with the chain, and the query. The indexes are complete.
export async function gethAndMetisd(geth, metisd) {
  const dir = tempDir()
  const gethDir = join(dir, 'geth')
  const datadir = join(dir, 'metisd')
  const file = (name) => join(dir, name)
  const maker = await startGeth(geth, gethDir)
  const query = await fill(maker.url)
  await maker.stop()
  const genesis = await run(geth, ['--datadir', gethDir, 'dumpgenesis'])
  writeFileSync(file('genesis.json'), genesis.stdout)
  const exported = await run(geth, ['--datadir', gethDir, 'export', file('chain.rlp')])
  if (exported.status !== 0) throw new Error(`geth export: ${exported.stderr.slice(-2000)}`)
  if (statSync(file('chain.rlp')).size === 0) throw new Error('geth exported nothing')
  const network = file('genesis.json')
  const imported = await run(metisd, ['import', '--network', network, '--datadir', datadir, file('chain.rlp')])
  if (imported.status !== 0) throw new Error(`import: ${imported.stderr.slice(-2000)}`)
  const peer = await startGeth(geth, gethDir)
  const node = await startMetisd(metisd, ['run', '--network', network, '--datadir', datadir, '--rpc.port', '0'])
  await sleep(INDEX_WAIT_MS)
  const urls = [node.networks[0].http, peer.url]
  const found = []
  for (const url of urls) found.push(await rpc(url, 'eth_getLogs', [query]))
  const places = found.map((logs) => JSON.stringify(logs.map((l) => [l.blockHash, l.transactionHash, l.logIndex])))
  if (found[0].length !== BLOCKS / 1000 || places[0] !== places[1])
    throw new Error(`logs differ: ${found.map((l) => l.length).join(' and ')} of ${BLOCKS / 1000}\n` +
      places.join('\n'))
  return { node, peer, query, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
