// JSON-RPC over one WebSocket to the node that sent the page. It connects again by itself,
// waiting longer each time; calls made meanwhile wait for the connection, up to a limit.
const WAIT_MIN_MS = 500
const WAIT_MAX_MS = 15000
const CALL_TIMEOUT_MS = 30000
const OPEN_TIMEOUT_MS = 10000
const CALLS_MAX = 256

export class RpcError extends Error {
  constructor({ code, message, data }) {
    super(message ?? 'error')
    this.code = code
    this.data = data
  }
}

export class Client extends EventTarget {
  constructor(url) {
    super()
    this.url = url
    this.state = 'connecting' // live: open; waiting: until retryAt; connecting
    this.failures = 0
    this.id = 0
    this.calls = new Map() // id -> { resolve, reject, timer }
    this.queue = [] // texts for when it opens
    this.handlers = new Map() // subscription -> function
    addEventListener('online', () => this.retry())
    document.addEventListener('visibilitychange', () => document.hidden || this.retry())
    this.connect()
  }

  connect() {
    this.setState('connecting')
    const socket = new WebSocket(this.url)
    this.socket = socket
    const late = setTimeout(() => socket.close(), OPEN_TIMEOUT_MS)
    socket.onopen = () => {
      clearTimeout(late)
      this.failures = 0
      for (const text of this.queue.splice(0)) socket.send(text)
      this.setState('live')
    }
    socket.onmessage = (event) => this.take(event.data)
    socket.onclose = () => {
      clearTimeout(late)
      if (this.socket === socket) this.lost()
    }
  }

  lost() {
    this.handlers.clear()
    this.queue = []
    for (const call of this.calls.values()) {
      clearTimeout(call.timer)
      call.reject(new RpcError({ code: 'offline', message: 'the connection was lost' }))
    }
    this.calls.clear()
    const most = Math.min(WAIT_MAX_MS, WAIT_MIN_MS * 2 ** this.failures++)
    const wait = most * (0.75 + Math.random() / 4)
    this.retryAt = Date.now() + wait
    this.timer = setTimeout(() => this.connect(), wait)
    this.setState('waiting')
  }

  retry() {
    if (this.state !== 'waiting') return
    clearTimeout(this.timer)
    this.connect()
  }

  setState(state) {
    this.state = state
    this.dispatchEvent(new Event('state'))
  }

  take(text) {
    let reply
    try {
      reply = JSON.parse(text)
    } catch {
      return
    }
    if (reply.method === 'eth_subscription') {
      this.handlers.get(reply.params.subscription)?.(reply.params.result)
      return
    }
    const id = Array.isArray(reply) ? reply[0]?.id : reply.id
    const call = this.calls.get(this.batchOf(id))
    if (!call) return
    this.calls.delete(call.id)
    clearTimeout(call.timer)
    if (!Array.isArray(reply) && call.size > 1) call.reject(new RpcError(reply.error ?? {}))
    else call.resolve(reply)
  }

  // The calls of a batch have consecutive ids and are kept under the first.
  batchOf(id) {
    if (this.calls.has(id)) return id
    for (const call of this.calls.values()) if (id > call.id && id < call.id + call.size) return call.id
    // An error about a whole batch has no id: the oldest batch is meant.
    if (id === null) for (const call of this.calls.values()) if (call.size > 1) return call.id
    return undefined
  }

  post(requests) {
    return new Promise((resolve, reject) => {
      if (this.calls.size >= CALLS_MAX) {
        reject(new RpcError({ code: 'busy', message: 'too many calls are waiting' }))
        return
      }
      const id = this.id + 1
      const list = requests.map(([method, params = []]) =>
        ({ jsonrpc: '2.0', id: ++this.id, method, params }))
      const timer = setTimeout(() => {
        this.calls.delete(id)
        reject(new RpcError({ code: 'timeout', message: 'no answer within 30 s' }))
      }, CALL_TIMEOUT_MS)
      this.calls.set(id, { id, size: list.length, resolve, reject, timer })
      const text = JSON.stringify(list.length > 1 ? list : list[0])
      if (this.state === 'live') this.socket.send(text)
      else this.queue.push(text)
    })
  }

  // One call: its result, or an RpcError.
  async call(method, ...params) {
    const reply = await this.post([[method, params]])
    if (reply.error) throw new RpcError(reply.error)
    return reply.result
  }

  // Several calls in one message: results in their order; an RpcError in place of one that
  // failed.
  async batch(requests) {
    if (requests.length === 0) return []
    const reply = await this.post(requests)
    const list = Array.isArray(reply) ? reply : [reply]
    const sorted = list.sort((a, b) => a.id - b.id)
    return sorted.map((r) => (r.error ? new RpcError(r.error) : r.result))
  }

  // Until the connection ends.
  async subscribe(kind, handler) {
    this.handlers.set(await this.call('eth_subscribe', kind), handler)
  }
}
