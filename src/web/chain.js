// What the page knows of the chain: the head, the last blocks, and an hour of counts by
// second in ring buffers. Fed by newHeads; what a header does not say (transactions) is asked
// for in batches. Everything here is bounded, however fast blocks come.
const RECENT_MAX = 60
const FILL_BLOCKS = 240
const WAITING_MAX = 1000
const BATCH_MAX = 100
export const RING_SECONDS = 3600

// Counts a second, for the last hour; older seconds are overwritten.
export class Rates {
  constructor() {
    this.rows = { blocks: new Float64Array(RING_SECONDS), gas: new Float64Array(RING_SECONDS),
      txs: new Float64Array(RING_SECONDS) }
    this.now = 0
  }
  clear() {
    for (const row of Object.values(this.rows)) row.fill(0)
  }
  advance(second) {
    if (second <= this.now) return
    const from = Math.max(this.now + 1, second - RING_SECONDS + 1)
    for (let s = from; s <= second; s++)
      for (const row of Object.values(this.rows)) row[s % RING_SECONDS] = 0
    this.now = second
  }
  add(name, second, amount) {
    const s = Math.min(second, this.now)
    if (s > this.now - RING_SECONDS) this.rows[name][s % RING_SECONDS] += amount
  }
  // Sum over [from, to).
  sum(name, from, to) {
    let total = 0
    const row = this.rows[name]
    for (let s = Math.max(from, this.now - RING_SECONDS + 1, 0); s < to && s <= this.now; s++)
      total += row[s % RING_SECONDS]
    return total
  }
}

const nowSecond = () => Math.floor(Date.now() / 1000)

function blockOf(header, second) {
  return { number: Number(header.number), hash: header.hash, parent: header.parentHash,
    time: Number(header.timestamp), gasUsed: Number(header.gasUsed),
    gasLimit: Number(header.gasLimit), baseFee: header.baseFeePerGas, miner: header.miner,
    second, txs: null }
}

export class Chain extends EventTarget {
  constructor(client) {
    super()
    this.client = client
    this.rates = new Rates()
    this.recent = [] // newest first
    this.waiting = [] // blocks whose transactions are not counted yet
    this.head = null
    this.chainId = null
    this.missed = 0 // blocks of a burst whose transactions were never counted
    client.addEventListener('state', () => client.state === 'live' && this.start())
  }

  changed() {
    this.dispatchEvent(new Event('change'))
  }

  tick() {
    this.rates.advance(nowSecond())
  }

  async start() {
    try {
      this.early = []
      await this.client.subscribe('newHeads', (header) =>
        this.early ? this.early.length < WAITING_MAX && this.early.push(header) : this.take(header))
      const [id, head] = await this.client.batch(
        [['eth_chainId'], ['eth_getHeaderByNumber', ['latest']]])
      this.chainId = Number(id)
      await this.fill(blockOf(head, 0))
      for (const header of this.early) this.take(header)
      this.early = null
      this.changed()
    } catch (e) {
      if (e.code !== 'offline') setTimeout(() => this.client.state === 'live' && this.start(), 3000)
    }
  }

  again() {
    this.client.call('eth_getHeaderByNumber', 'latest')
      .then((head) => this.fill(blockOf(head, 0))).then(() => this.changed(), () => {})
  }

  // Blocks before the head, at the start and after a break. Their seconds are their
  // timestamps. A chain that is not the one we knew starts from nothing.
  async fill(head) {
    this.tick()
    const old = this.head
    let from = Math.max(0, head.number - FILL_BLOCKS + 1)
    const kept = old && old.number <= head.number &&
      (await this.client.call('eth_getHeaderByNumber', `0x${old.number.toString(16)}`))
    if (kept && kept.hash === old.hash) {
      from = Math.max(from, old.number + 1)
    } else {
      this.rates.clear()
      this.recent = []
      this.waiting = []
      this.head = null
    }
    for (let at = from; at <= head.number; at += BATCH_MAX) {
      const numbers = []
      for (let n = at; n <= head.number && n < at + BATCH_MAX; n++) numbers.push(`0x${n.toString(16)}`)
      const headers = await this.client.batch(numbers.map((n) => ['eth_getHeaderByNumber', [n]]))
      for (const header of headers)
        if (header?.number) this.add(blockOf(header, Number(header.timestamp)))
    }
    if (!this.head) this.add(head)
  }

  take(header) {
    this.tick()
    const block = blockOf(header, this.rates.now)
    if (this.recent[0]?.hash === block.hash) return
    this.add(block)
    this.changed()
  }

  add(block) {
    this.recent = this.recent.filter((b) => b.number < block.number) // a branch that lost
    this.recent.unshift(block)
    this.recent.length = Math.min(this.recent.length, RECENT_MAX)
    this.head = block
    if (block.number > 0) { // the genesis block is nobody's work
      this.rates.add('blocks', block.second, 1)
      this.rates.add('gas', block.second, block.gasUsed)
    }
    if (this.waiting.length >= WAITING_MAX) {
      this.waiting.shift()
      this.missed++
    }
    this.waiting.push(block)
    this.count()
  }

  async count() {
    if (this.counting) return
    this.counting = true
    await new Promise((r) => setTimeout(r, 30))
    while (this.waiting.length > 0 && this.client.state === 'live') {
      const blocks = this.waiting.splice(-BATCH_MAX)
      const counts = await this.client.batch(
        blocks.map((b) => ['eth_getBlockTransactionCountByHash', [b.hash]])).catch(() => [])
      blocks.forEach((b, i) => {
        if (typeof counts[i] !== 'string') return
        b.txs = Number(counts[i])
        this.rates.add('txs', b.second, b.txs)
      })
      this.changed()
    }
    this.counting = false
  }
}

// GET /status: what only the daemon knows. Asked for while the page is seen.
export class Status extends EventTarget {
  constructor(chain, everyMs) {
    super()
    this.chain = chain
    this.value = null
    const ask = async () => {
      if (!document.hidden) await this.ask()
      setTimeout(ask, everyMs)
    }
    ask()
  }
  async ask() {
    const before = this.chain.head?.number ?? 0
    try {
      const reply = await fetch('/status', { signal: AbortSignal.timeout(5000) })
      this.value = reply.ok ? await reply.json() : null
    } catch {
      return // the connection's state tells it
    }
    // A development network can be taken back without a new head to tell of it.
    const here = this.value?.networks.find((n) => n.name === this.value.network)
    if (here && here.head < before) this.chain.again()
    this.dispatchEvent(new Event('change'))
  }
}
