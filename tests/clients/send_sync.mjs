// Signed transfers as requests of eth_sendRawTransactionSync, a line each, for metis-bench.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HDNodeWallet, Mnemonic } from 'ethers'
import { rpc } from '../lib/metisd.mjs'
import { MNEMONIC } from './common.mjs'

export async function sendSyncBodies(url, n) {
  const wallet = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), "m/44'/60'/0'/0/0")
  const chainId = Number(await rpc(url, 'eth_chainId'))
  const lines = []
  for (let nonce = 0; nonce < n; nonce++) {
    const raw = await wallet.signTransaction({ type: 2, chainId, nonce, value: 1n, gasLimit: 21000n,
      to: '0x00000000000000000000000000000000000000aa', maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n })
    lines.push(JSON.stringify({ jsonrpc: '2.0', id: nonce, method: 'eth_sendRawTransactionSync', params: [raw] }))
  }
  const folder = mkdtempSync(join(tmpdir(), 'metis-sync-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'bodies'), lines.join('\n') + '\n')
  return join(folder, 'bodies')
}
