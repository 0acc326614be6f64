// One transaction: outcome, fee, input, decoded logs and the trace of its calls. One that
// still waits is asked for again at each new block.
import { h, clean } from './dom.js'
import { num, big, coinExact, gwei, percent, cut } from './format.js'
import { addressLink, blockLink, hashText, facts, heading, moment, card, raw, empty, badge, failure,
  data, args } from './parts.js'
import { decodeCall, decodeLog, decodeRevert } from './abi.js'
import { tokenOf, amountOf } from './token.js'
import { traceTree } from './trace.js'

const LOGS_PAGE = 50
const TYPES = ['legacy', 'access list (EIP-2930)', 'dynamic fee (EIP-1559)', 'blob (EIP-4844)', 'set code (EIP-7702)']
const AMOUNTS = new Set(['value', 'wad', 'amount'])

// The sum of a token's log in its own unit.
async function logAmount(client, log, event) {
  if (!['ERC-20', 'WETH'].includes(event.family)) return null
  const a = event.args.find((x) => AMOUNTS.has(x.name) && typeof x.value === 'bigint')
  if (!a) return null
  return amountOf(await tokenOf(client, log.address).catch(() => null), a.value)
}

export async function logItem(client, log) {
  const event = decodeLog(log)
  const amount = event && (await logAmount(client, log, event))
  const place = h('span', { class: 'n faint' }, `log ${num(Number(log.logIndex))}`)
  if (!event)
    return h('li', { class: 'log' }, h('p', { class: 'log-top' }, badge('kind', log.topics.length > 0 ? 'unknown event' : 'anonymous'), addressLink(log.address), place),
      h('dl', { class: 'args' }, log.topics.map((t, i) => h('div', null, h('dt', null, `topic ${i}`), h('dd', { class: 'mono' }, t))),
        h('div', null, h('dt', null, 'data'), h('dd', null, data(log.data, 'data')))))
  return h('li', { class: 'log' }, h('p', { class: 'log-top' }, h('strong', null, event.name), badge('kind', event.family),
    amount && h('span', { class: 'n coin' }, amount), addressLink(log.address), place), args(event.args))
}

async function logsCard(client, logs) {
  if (logs.length === 0) return card('Logs', empty('No logs.'))
  const list = h('ol', { class: 'logs' })
  const more = h('button', { type: 'button' })
  const title = `Logs (${num(logs.length)})`
  let at = 0
  const next = async () => {
    for (const log of logs.slice(at, at + LOGS_PAGE)) list.append(await logItem(client, log))
    at += LOGS_PAGE
    more.hidden = at >= logs.length
    more.textContent = `${num(Math.min(LOGS_PAGE, logs.length - at))} more of ${num(logs.length - at)}`
  }
  more.addEventListener('click', next)
  await next()
  return card(title, list, more)
}

function inputOf(tx) {
  if (!tx.to) return card('Contract code', data(tx.input, 'code'))
  if (tx.input === '0x') return null
  const call = decodeCall(tx.input)
  return card('Input', call ? [h('p', { class: 'call' }, h('code', null, call.canonical)), args(call.args)] : empty('Not a known function.'),
    h('p', { class: 'sub' }, data(tx.input, 'input')))
}

function feeRows(tx, receipt) {
  if (!receipt) return [['Gas limit', `${num(big(tx.gas))} gas`], ['Most it pays', `${gwei(tx.maxFeePerGas ?? tx.gasPrice)} a gas`]]
  const used = big(receipt.gasUsed)
  const price = big(receipt.effectiveGasPrice)
  const blob = receipt.blobGasUsed ? big(receipt.blobGasUsed) * big(receipt.blobGasPrice) : 0n
  const l1 = receipt.l1Fee !== undefined
  return [
    ['Fee', h('span', null, h('strong', { class: 'n' }, coinExact(used * price + blob)),
      h('span', { class: 'faint' }, ` = ${num(used)} gas × ${gwei(price)}`))],
    ['Of which L1 data', l1 && h('span', { class: 'n' }, coinExact(receipt.l1Fee), h('span', { class: 'faint' },
      ` = ${num(big(receipt.l1GasUsed))} L1 gas × ${gwei(receipt.l1GasPrice)} × ${clean(receipt.l1FeeScalar, 24)}`))],
    ['Gas used', `${num(used)} of ${num(big(tx.gas))} · ${percent(Number(used), Number(tx.gas))}`],
    ['Offered', tx.maxFeePerGas && `at most ${gwei(tx.maxFeePerGas)}, tip ${gwei(tx.maxPriorityFeePerGas)}`],
  ]
}

// null: no reply yet; asked only for transactions in blocks.
async function traceOf(client, hash) {
  try {
    return await client.call('debug_traceTransaction', hash, { tracer: 'callTracer' })
  } catch (e) {
    return e
  }
}

function reasonRow(trace) {
  if (!trace || trace instanceof Error || !trace.error) return null
  const revert = decodeRevert(trace.output)
  if (!revert) return h('span', { class: 'bad-text' }, clean(trace.error, 200))
  return h('div', null, h('span', { class: 'bad-text' }, clean(revert.text, 400)), ' ',
    revert.name !== revert.text && h('span', { class: 'faint' }, clean(revert.name)), args(revert.args))
}

async function missing(client, hash) {
  const why = await client.call('metis_poolWhy', hash).catch(() => null)
  return { root: h('div', null, heading('Transaction', cut(hash)), card('Not found', facts([['Hash', hashText(hash, 'hash')],
    ['What the pool says', why?.reason && clean(why.reason, 200)]]),
  empty('Neither the chain nor the pool has this transaction.'))), title: 'No transaction', waits: true }
}

const statusOf = (receipt) => (receipt === null ? badge('wait', 'waiting in the pool')
  : receipt.status === '0x0' ? badge('bad', 'failed') : badge('good', 'succeeded'))

export async function txView({ client }, hash) {
  const [tx, reply] = await client.batch([['eth_getTransactionByHash', [hash]], ['eth_getTransactionReceipt', [hash]]])
  if (tx instanceof Error) throw tx
  if (!tx) return missing(client, hash)
  const receipt = reply instanceof Error ? null : reply
  const [trace, block] = receipt ? await Promise.all([traceOf(client, hash),
    client.call('eth_getHeaderByHash', receipt.blockHash).catch(() => null)]) : [null, null]
  const root = h('div', null,
    heading('Transaction', cut(tx.hash), statusOf(receipt)),
    card('Summary', facts([
      ['Hash', hashText(tx.hash, 'hash')],
      ['Reason', receipt?.status === '0x0' && reasonRow(trace)],
      ['Block', receipt && h('span', null, blockLink(receipt.blockNumber), h('span', { class: 'faint' }, ` at place ${num(Number(receipt.transactionIndex))}`))],
      ['Time', block && moment(Number(block.timestamp))],
      ['From', addressLink(tx.from, true)],
      ['To', tx.to ? addressLink(tx.to, true) : 'new contract'],
      ['Contract made', receipt?.contractAddress && addressLink(receipt.contractAddress, true)],
      ['Value', h('strong', { class: 'n' }, coinExact(tx.value))],
      ...feeRows(tx, receipt),
      ['Nonce', num(big(tx.nonce))],
      ['Type', TYPES[Number(tx.type)] ?? `type ${Number(tx.type)}`],
      ['Access list', tx.accessList?.length > 0 && `${num(tx.accessList.length)} accounts`],
      ['Blobs', tx.blobVersionedHashes && num(tx.blobVersionedHashes.length)],
      ['Authorizations', tx.authorizationList && h('ul', { class: 'values' }, tx.authorizationList.map((a) => h('li', null, addressLink(a.address))))],
    ])),
    inputOf(tx),
    receipt && (await logsCard(client, receipt.logs)),
    receipt && card('Call trace', trace instanceof Error ? failure(trace) : traceTree(trace)),
    raw({ transaction: tx, receipt }))
  return { root, title: `Transaction ${tx.hash.slice(0, 10)}`, waits: receipt === null }
}
