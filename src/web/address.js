// One address: balance, nonce, code, what it says of itself as a token, its waiting
// transactions, and the last logs it wrote.
import { h, clean } from './dom.js'
import { num, big, coinExact, fixed, addr, cut } from './format.js'
import { addressLink, hashLink, facts, heading, card, empty, data, failure, withCopy, blockLink } from './parts.js'
import { tokenOf } from './token.js'
import { txRow, txTable } from './block.js'
import { logItem } from './tx.js'
import { NAMES } from './signatures.js'

const LOG_BLOCKS = 1000
const LOGS_MAX = 20
const POOL_MAX = 25
const TX_BLOCKS = 50
const TXS_LOOKED_AT = 2000
const TXS_MAX = 25

const ok = (x) => (x instanceof Error ? null : x)

// An account that runs another's code (EIP-7702) has 0xef0100 and its address as code.
const delegateOf = (code) => (/^0xef0100.{40}$/i.test(code) ? `0x${code.slice(8)}` : null)

function tokenCard(token) {
  return token && card('Token', facts([['Name', token.name && clean(token.name)], ['Symbol', token.symbol && clean(token.symbol)],
    ['Decimals', token.decimals !== null && num(token.decimals)],
    ['Supply', token.supply !== null && (token.decimals !== null ? `${fixed(token.supply, token.decimals)} ${token.symbol ?? ''}` : num(token.supply))]]))
}

async function logsCard(client, address, head) {
  const from = Math.max(0, head - LOG_BLOCKS + 1)
  const title = `Logs of the last ${num(Math.min(LOG_BLOCKS, head + 1))} blocks`
  let logs
  try {
    logs = await client.call('eth_getLogs', { address, fromBlock: `0x${from.toString(16)}`, toBlock: 'latest' })
  } catch (e) {
    return card(title, failure(e))
  }
  if (logs.length === 0) return card(title, empty('It wrote none.'))
  const list = h('ol', { class: 'logs' })
  for (const log of logs.slice(-LOGS_MAX).reverse()) {
    const item = await logItem(client, log)
    item.firstChild.append(h('span', { class: 'faint' }, 'block ', blockLink(log.blockNumber), ' · ', hashLink('tx', log.transactionHash)))
    list.append(item)
  }
  return card(title, list, logs.length > LOGS_MAX && h('p', { class: 'note' }, `the last ${LOGS_MAX} of ${num(logs.length)}`))
}

function poolCard(content) {
  const all = content ? [...Object.values(content.pending ?? {}), ...Object.values(content.queued ?? {})] : []
  if (all.length === 0) return null
  return card(`Waiting in the pool (${num(all.length)})`, txTable(h('tbody', null, all.slice(0, POOL_MAX).map((t) => txRow(t, null)))))
}

// There is no index of transactions by address: the last blocks are looked through, fewer of
// them where they are full.
async function recentCard(client, address, head) {
  const numbers = []
  for (let n = head; n >= 0 && numbers.length < TX_BLOCKS; n--) numbers.push(`0x${n.toString(16)}`)
  const counts = await client.batch(numbers.map((n) => ['eth_getBlockTransactionCountByNumber', [n]]))
  let sum = 0
  const end = counts.findIndex((c) => c instanceof Error || (sum += Number(c)) > TXS_LOOKED_AT)
  const seen = numbers.slice(0, end < 0 ? numbers.length : Math.max(1, end))
  const blocks = await client.batch(seen.filter((n, i) => Number(counts[i]) > 0).map((n) => ['eth_getBlockByNumber', [n, true]]))
  const mine = blocks.flatMap((b) => b?.transactions?.toReversed() ?? [])
    .filter((t) => t.from.toLowerCase() === address || t.to?.toLowerCase() === address).slice(0, TXS_MAX)
  const receipts = await client.batch(mine.map((t) => ['eth_getTransactionReceipt', [t.hash]]))
  const title = `Transactions of the last ${num(seen.length)} blocks`
  if (mine.length === 0) return card(title, empty('None was sent or received.'))
  return card(title, txTable(h('tbody', null, mine.map((t, i) => txRow(t, ok(receipts[i]), true))), true),
    mine.length === TXS_MAX && h('p', { class: 'note' }, `the last ${TXS_MAX}`))
}

export async function addressView({ client }, text) {
  const address = text.toLowerCase()
  const [balance, nonce, code, head, content] = (await client.batch([
    ['eth_getBalance', [address, 'latest']], ['eth_getTransactionCount', [address, 'latest']],
    ['eth_getCode', [address, 'latest']], ['eth_blockNumber'], ['txpool_contentFrom', [address]]])).map(ok)
  if (balance === null) throw new Error('the node did not tell the balance')
  const delegate = delegateOf(code ?? '0x')
  const contract = code && code !== '0x' && !delegate
  const kind = contract ? 'Contract' : delegate ? 'Delegated account' : 'Account'
  const name = NAMES[address]
  const root = h('div', null,
    heading(kind, name ?? cut(addr(address))),
    card('Summary', facts([
      ['Address', withCopy(h('span', { class: 'mono' }, addr(address)), addr(address), 'address')],
      ['Balance', h('strong', { class: 'n' }, coinExact(balance))],
      ['Nonce', nonce && num(big(nonce))],
      ['Runs the code of', delegate && addressLink(delegate, true)],
      ['Code', contract && data(code, 'code')],
    ])),
    contract && tokenCard(await tokenOf(client, address).catch(() => null)),
    poolCard(content), await recentCard(client, address, Number(head)).catch((e) => card('Transactions', failure(e))),
    (contract || delegate) && (await logsCard(client, address, Number(head))))
  return { root, title: `${kind} ${addr(address).slice(0, 10)}` }
}
