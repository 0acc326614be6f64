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

// Where the node indexes by address (ots), the last transactions.
function historyCard(found) {
  if (!found?.txs) return null
  if (found.txs.length === 0) return card('Transactions', empty('None sent or received.'))
  return card('Last transactions', txTable(h('tbody', null, found.txs.map((t, i) => txRow(t, found.receipts[i])))))
}

export async function addressView({ client }, text) {
  const address = text.toLowerCase()
  const [balance, nonce, code, head, content, found] = (await client.batch([
    ['eth_getBalance', [address, 'latest']], ['eth_getTransactionCount', [address, 'latest']],
    ['eth_getCode', [address, 'latest']], ['eth_blockNumber'], ['txpool_contentFrom', [address]],
    ['ots_searchTransactionsBefore', [address, 0, 25]]])).map(ok)
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
    poolCard(content), historyCard(found),
    (contract || delegate) && (await logsCard(client, address, Number(head))))
  return { root, title: `${kind} ${addr(address).slice(0, 10)}` }
}
