// One block: its header and its transactions, a page of them at a time.
import { h, clean } from './dom.js'
import { num, gwei, big, coin, printable } from './format.js'
import { addressLink, blockLink, hashLink, hashText, facts, heading, gasOf, moment, card, raw, empty, badge,
  failure, data } from './parts.js'
import { decodeCall } from './abi.js'

const PAGE = 25
const SIZE_TXS_MAX = 2000 // more make the whole block too long a reply for one number

export const methodOf = (tx) => {
  if (!tx.to) return 'create'
  if (!tx.input || tx.input === '0x') return 'transfer'
  return decodeCall(tx.input)?.name ?? tx.input.slice(0, 10)
}

// The first column is the place in the block, or the block where a list goes over several.
export function txRow(tx, receipt, several) {
  const failed = receipt?.status === '0x0'
  return h('tr', null,
    h('td', { class: 'n' }, several ? blockLink(tx.blockNumber) : tx.transactionIndex ? num(Number(tx.transactionIndex)) : '–'),
    h('td', null, hashLink('tx', tx.hash)),
    h('td', null, receipt?.status ? badge(failed ? 'bad' : 'good', failed ? 'failed' : 'ok') : '–'),
    h('td', null, h('code', null, clean(methodOf(tx), 32))),
    h('td', { class: 'wide-only' }, addressLink(tx.from)),
    h('td', null, tx.to ? addressLink(tx.to) : receipt?.contractAddress ? addressLink(receipt.contractAddress) : 'new contract'),
    h('td', { class: 'n' }, coin(tx.value)),
    h('td', { class: 'n wide-only' }, receipt ? num(big(receipt.gasUsed)) : '–'))
}

export const txTable = (body, several) => h('div', { class: 'scroll' }, h('table', { class: 'list' }, h('thead', null, h('tr', null,
  h('th', { scope: 'col', class: 'n' }, several ? 'Block' : 'No'), h('th', { scope: 'col' }, 'Hash'), h('th', { scope: 'col' }, 'Status'),
  h('th', { scope: 'col' }, 'Method'), h('th', { scope: 'col', class: 'wide-only' }, 'From'), h('th', { scope: 'col' }, 'To'),
  h('th', { scope: 'col', class: 'n' }, 'Value'), h('th', { scope: 'col', class: 'n wide-only' }, 'Gas used'))), body))

async function txPage(client, hash, from, count) {
  const calls = []
  for (let i = from; i < Math.min(count, from + PAGE); i++)
    calls.push(['eth_getTransactionByBlockHashAndIndex', [hash, `0x${i.toString(16)}`]])
  const txs = (await client.batch(calls)).filter((t) => t?.hash)
  const receipts = await client.batch(txs.map((t) => ['eth_getTransactionReceipt', [t.hash]]))
  return txs.map((t, i) => txRow(t, receipts[i]?.status !== undefined ? receipts[i] : null))
}

function transactions(client, hash, count) {
  const body = h('tbody')
  const where = h('span', { class: 'note' })
  let from = 0
  const back = h('button', { type: 'button', onclick: () => show(from - PAGE) }, '← Earlier')
  const on = h('button', { type: 'button', onclick: () => show(from + PAGE) }, 'Later →')
  async function show(at) {
    from = Math.max(0, Math.min(at, count - 1))
    where.textContent = `${num(from + 1)}–${num(Math.min(count, from + PAGE))} of ${num(count)}`
    back.disabled = from === 0
    on.disabled = from + PAGE >= count
    try {
      body.replaceChildren(...await txPage(client, hash, from, count))
    } catch (e) {
      body.replaceChildren(h('tr', null, h('td', { colspan: 8 }, failure(e))))
    }
  }
  const root = card('Transactions', count === 0 ? empty('No transactions in this block.') : txTable(body),
    count > PAGE && h('div', { class: 'pager' }, back, on, where))
  return { root, ready: count > 0 ? show(0) : null }
}

const toTag = (id) => (/^\d+$/.test(id) ? `0x${BigInt(id).toString(16)}` : id)

export async function blockView({ client }, id) {
  const byHash = /^0x[0-9a-f]{64}$/i.test(id)
  const kind = byHash ? 'Hash' : 'Number'
  const tag = byHash ? id : toTag(id)
  const [b, txCount] = await client.batch([[`eth_getHeaderBy${kind}`, [tag]],
    [`eth_getBlockTransactionCountBy${kind}`, [tag]]])
  if (b instanceof Error) throw b
  if (!b) return { root: h('div', null, heading('Block', clean(id, 70)), card('Not found', empty('The chain has no such block.'))), title: 'No block' }
  const number = Number(b.number)
  const count = Number(txCount)
  const whole = count <= SIZE_TXS_MAX ? await client.call('eth_getBlockByHash', b.hash, false).catch(() => null) : null
  const text = printable(b.extraData)
  const list = transactions(client, b.hash, count)
  await list.ready
  const prev = number > 0 ? `#/block/${number - 1}` : null
  const next = `#/block/${number + 1}`
  const root = h('div', null,
    heading('Block', num(number), h('nav', { class: 'steps', 'aria-label': 'Blocks beside this one' },
      prev && h('a', { href: prev, title: 'Block before ([)' }, '← ', num(number - 1)),
      h('a', { href: next, title: 'Block after (])' }, num(number + 1), ' →'))),
    card('Header', facts([
      ['Time', moment(Number(b.timestamp))],
      ['Transactions', h('span', { class: 'n' }, num(count))],
      ['Gas used', gasOf(Number(b.gasUsed), Number(b.gasLimit))],
      ['Base fee', b.baseFeePerGas && gwei(b.baseFeePerGas)],
      ['Blob gas used', b.blobGasUsed && Number(b.blobGasUsed) > 0 && `${num(Number(b.blobGasUsed))} gas`],
      ['Size', whole?.size && `${num(Number(whole.size))} bytes`],
      ['Builder', addressLink(b.miner, true)],
      ['Hash', hashText(b.hash, 'hash')],
      ['Parent', number > 0 ? hashLink('block', b.parentHash, true) : 'none: the genesis block'],
      ['State root', h('span', { class: 'mono' }, b.stateRoot)],
      ['Transactions root', h('span', { class: 'mono' }, b.transactionsRoot)],
      ['Receipts root', h('span', { class: 'mono' }, b.receiptsRoot)],
      ['Extra data', b.extraData !== '0x' && (text ? h('q', null, clean(text)) : data(b.extraData, 'extra data'))],
    ])), list.root, raw(whole ?? b))
  return { root, title: `Block ${num(number)}`, prev, next }
}
