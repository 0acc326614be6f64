// Runs the request/response cases of ethereum/execution-apis against a node:
//   node tests/rpc/run.mjs --bin build/metisd FOLDER [--only REGEX]
// FOLDER holds genesis.json, chain.rlp, headfcu.json and <method>/<case>.io. The chain is
// imported, the head compared, a node started on it, and each case replayed in order: `>>` is
// sent, `<<` is what must come back. All of a reply is compared but the text of an error; in
// cases marked `speconly` only the shape.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { counter, options, post, run, startMetisd, tempDir } from '../lib/metisd.mjs'

const opt = options({ bin: 'build/metisd', only: '' })
const [folder] = opt.rest
if (!folder) {
  console.error('usage: run.mjs [--bin METISD] [--only REGEX] FOLDER')
  process.exit(2)
}

// ---- comparing ----
const kind = (v) => (v === null ? 'null' : Array.isArray(v) ? 'array' : typeof v)

// An object whose names are data (accounts, nonces): each value has the shape of one of the
// wanted (transactions of different types stand in one map).
const isMap = (v) => Object.keys(v).length > 0 &&
  Object.keys(v).every((k) => /^(0x[0-9a-fA-F]{40}|[0-9]+)$/.test(k))

// The first difference as a path, or null. With shape, values of the same kind are equal.
function difference(want, got, shape, path = '$') {
  if (kind(want) !== kind(got)) return `${path}: want ${JSON.stringify(want)}, got ${JSON.stringify(got)}`
  if (kind(want) === 'object' && shape && (isMap(want) || isMap(got)))
    return mapDifference(Object.values(want), Object.values(got), path)
  if (kind(want) === 'object') {
    for (const key of new Set([...Object.keys(want), ...Object.keys(got)])) {
      if (path === '$.error' && key === 'message') continue
      if (shape && path === '$.error') continue
      if (!(key in got)) return `${path}.${key}: missing`
      if (!(key in want)) return `${path}.${key}: unexpected ${JSON.stringify(got[key])}`
      const d = difference(want[key], got[key], shape, `${path}.${key}`)
      if (d) return d
    }
    return null
  }
  if (kind(want) === 'array') {
    if (!shape && want.length !== got.length)
      return `${path}: want ${want.length} items, got ${got.length}`
    const n = shape ? Math.min(want.length, got.length, 1) : want.length
    for (let i = 0; i < n; i++) {
      const d = difference(want[i], got[i], shape, `${path}[${i}]`)
      if (d) return d
    }
    return null
  }
  if (shape) {
    const hex = (v) => typeof v === 'string' && /^0x[0-9a-f]*$/.test(v)
    return hex(want) === hex(got) ? null : `${path}: want a value like ${want}, got ${got}`
  }
  return want === got ? null : `${path}: want ${JSON.stringify(want)}, got ${JSON.stringify(got)}`
}

function mapDifference(want, got, path) {
  for (const value of got) {
    const like = want.filter((w) => w.type === value.type)
    const all = like.map((w) => difference(w, value, true, `${path}.*`))
    if (all.length > 0 && !all.includes(null)) return all[0]
  }
  return null
}

function parseCase(file) {
  const steps = []
  let shape = false
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('//')) shape ||= /^\/\/\s*speconly/.test(line)
    else if (line.startsWith('>>')) steps.push({ send: line.slice(2).trim(), replies: [] })
    else if (line.startsWith('<<')) steps.at(-1).replies.push(line.slice(2).trim())
    else if (line.trim()) throw new Error(`${file}: a line that is neither //, >> nor <<`)
  }
  return { steps, shape }
}

// ---- the run ----
const count = counter({ quiet: true })
const only = opt.only ? new RegExp(opt.only) : null
const datadir = tempDir()
const network = join(folder, 'genesis.json')
const wantHead = JSON.parse(readFileSync(join(folder, 'headfcu.json'))).params[0].headBlockHash

const imported = await run(opt.bin, ['import', '--network', network, '--datadir', datadir,
  join(folder, 'chain.rlp')])
await count.check('import', () => {
  if (imported.status !== 0) throw new Error(`status ${imported.status}\n${imported.stderr.slice(-3000)}`)
  if (!imported.stdout.includes(wantHead))
    throw new Error(`the head is not ${wantHead}: ${imported.stdout}`)
})

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
let node
await count.check('start', async () => {
  node = await startMetisd(opt.bin, ['run', '--network', network, '--datadir', datadir,
    '--rpc.port', '0'])
})
if (node) {
  const url = node.networks[0].http
  const methods = readdirSync(folder).filter((m) => statSync(join(folder, m)).isDirectory())
  for (const method of methods.sort()) {
    for (const file of readdirSync(join(folder, method)).filter((f) => f.endsWith('.io')).sort()) {
      const name = `${method}/${file.replace(/\.io$/, '')}`
      if (only && !only.test(name)) continue
      await count.check(name, async () => {
        const { steps, shape } = parseCase(join(folder, method, file))
        if (steps.length === 0) throw new Error('no request in it')
        for (const { send, replies } of steps) {
          const { status, text } = await post(url, send, { agent })
          if (status !== 200) throw new Error(`HTTP status ${status}: ${text}`)
          const got = JSON.parse(text)
          for (const reply of replies) {
            const d = difference(JSON.parse(reply), got, shape)
            if (d) throw d
          }
        }
      })
    }
  }
  agent.destroy()
  await count.check('stop', async () => {
    const t0 = Date.now()
    const status = await node.stop()
    if (status !== 0) throw new Error(`status ${status}\n${node.log().slice(-3000)}`)
    if (Date.now() - t0 > 10000) throw new Error(`took ${Date.now() - t0} ms`)
  })
}
process.exit(count.summary() ? 0 : 1)
