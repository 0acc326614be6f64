// Bytes on a socket, as no decent client would send them: raw HTTP and raw WebSocket frames.
import { connect } from 'node:net'
import { randomBytes } from 'node:crypto'

// An open connection: write(), got (all bytes so far), until(test), closed (a promise).
export function dial(url, { read = true } = {}) {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  const c = { socket, got: Buffer.alloc(0), ended: false, host: `${hostname}:${port}` }
  let wake = () => {}
  socket.on('data', (d) => {
    c.got = Buffer.concat([c.got, d])
    wake()
  })
  if (!read) socket.pause()
  socket.on('error', () => {})
  c.closed = new Promise((r) => socket.on('close', () => {
    c.ended = true
    wake()
    r()
  }))
  socket.on('end', () => {
    c.ended = true
    wake()
  })
  c.open = new Promise((resolve, reject) => {
    socket.on('connect', resolve)
    socket.on('error', reject)
  })
  c.write = (bytes) => socket.write(bytes)
  // Resolves when test(got) gives something, or when the connection is closed.
  c.until = async (test) => {
    for (;;) {
      const found = test(c.got)
      if (found || c.ended) return found
      await new Promise((r) => (wake = r))
    }
  }
  return c
}

export const head = (c, length, more = '') =>
  `POST / HTTP/1.1\r\nHost: ${c.host}\r\nContent-Type: application/json\r\n` +
  `Content-Length: ${length}\r\n${more}\r\n`

// The chunks of a body from `at` on: { body, end }, or undefined when they are not all there.
function parseChunks(got, at) {
  const parts = []
  for (;;) {
    const eol = got.indexOf('\r\n', at)
    if (eol < 0) return undefined
    const line = got.subarray(at, eol).toString('latin1')
    if (!/^[0-9a-f]+$/.test(line)) throw new Error(`not the size of a chunk: ${line.slice(0, 40)}`)
    const size = parseInt(line, 16)
    if (got.length < eol + 2 + size + 2) return undefined
    const part = got.subarray(eol + 2, eol + 2 + size)
    at = eol + 2 + size + 2
    if (got.subarray(at - 2, at).toString('latin1') !== '\r\n') throw new Error('a chunk without its end')
    if (size === 0) return { body: Buffer.concat(parts), end: at }
    parts.push(part)
  }
}

// The first reply in the bytes: { status, top, body, text, rest }, or undefined when it is not
// complete.
export function parseReply(got) {
  const end = got.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const top = got.subarray(0, end).toString('latin1')
  const status = Number(top.slice(9, 12))
  if (/transfer-encoding: chunked/i.test(top)) {
    if (/content-length/i.test(top)) throw new Error(`a length and chunks: ${top}`)
    const all = parseChunks(got, end + 4)
    return all && { status, top, body: all.body, text: all.body.toString(), rest: got.subarray(all.end) }
  }
  const length = Number(/content-length: (\d+)/i.exec(top)?.[1] ?? 0)
  if (got.length < end + 4 + length) return undefined
  const body = got.subarray(end + 4, end + 4 + length)
  return { status, top, body, text: body.toString(), rest: got.subarray(end + 4 + length) }
}

// One request in raw bytes on a connection of its own: its reply, or undefined when the
// connection was closed without one.
export async function raw(url, bytes) {
  const c = dial(url)
  await c.open
  c.write(typeof bytes === 'function' ? bytes(c) : bytes)
  const reply = await c.until(parseReply)
  c.socket.destroy()
  return reply || undefined
}

export async function body(url, bytes) {
  const b = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)
  return raw(url, (c) => Buffer.concat([Buffer.from(head(c, b.length)), b]))
}

// A WebSocket frame of a client.
export function frame(payload, { op = 1, fin = true, mask = true, rsv = 0, length } = {}) {
  const p = Buffer.from(payload)
  const n = length ?? p.length
  const first = (fin ? 0x80 : 0) | (rsv << 4) | op
  const bit = mask ? 0x80 : 0
  let top
  if (n < 126) top = Buffer.from([first, bit | n])
  else if (n < 65536) top = Buffer.from([first, bit | 126, n >> 8, n & 255])
  else {
    top = Buffer.alloc(10)
    top[0] = first
    top[1] = bit | 127
    top.writeBigUInt64BE(BigInt(n), 2)
  }
  if (!mask) return Buffer.concat([top, p])
  const key = randomBytes(4)
  const masked = Buffer.alloc(p.length)
  for (let i = 0; i < p.length; i++) masked[i] = p[i] ^ key[i & 3]
  return Buffer.concat([top, key, masked])
}

// Frames that a server sent: [{ op, payload }], as far as they are complete.
export function frames(bytes) {
  const out = []
  for (let at = 0; bytes.length - at >= 2;) {
    const op = bytes[at] & 15
    let n = bytes[at + 1] & 127
    let from = at + 2
    if (n === 126) {
      if (bytes.length < at + 4) break
      n = bytes.readUInt16BE(at + 2)
      from = at + 4
    } else if (n === 127) {
      if (bytes.length < at + 10) break
      n = Number(bytes.readBigUInt64BE(at + 2))
      from = at + 10
    }
    if (bytes.length < from + n) break
    out.push({ op, payload: bytes.subarray(from, from + n) })
    at = from + n
  }
  return out
}

// An upgraded connection; frames() are those received so far.
export async function webSocket(url, options) {
  const c = dial(url, options)
  await c.open
  c.write(`GET / HTTP/1.1\r\nHost: ${c.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`)
  let start = 0
  c.frames = () => frames(c.got.subarray(start))
  c.upgraded = async () => {
    const r = await c.until(parseReply)
    if (r?.status !== 101) throw new Error(`no upgrade: ${r?.top}`)
    start = c.got.indexOf('\r\n\r\n') + 4
  }
  if (options?.read !== false) await c.upgraded()
  // The nth text message as JSON.
  c.message = async (n = 0) => {
    const text = () => c.frames().filter((f) => f.op === 1)
    await c.until(() => text().length > n)
    return JSON.parse(text()[n].payload.toString())
  }
  // The code of the close frame; undefined when there was none.
  c.closeCode = async () => {
    await c.until(() => c.frames().some((f) => f.op === 8))
    return c.frames().find((f) => f.op === 8)?.payload.readUInt16BE(0)
  }
  return c
}
