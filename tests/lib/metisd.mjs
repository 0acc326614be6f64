// Starting and stopping a node (or anvil) from test scripts. No dependencies.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms))

// A port that was free a moment ago, for programs that cannot take port 0.
export function freePort() {
  return new Promise((resolve) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address()
      s.close(() => resolve(port))
    })
  })
}

export function tempDir() {
  const dir = mkdtempSync(join(tmpdir(), 'metisd-test-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  return dir
}

// Runs a command to its end: { status, stdout, stderr }.
export function run(bin, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(bin, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (d) => (stdout += d))
    child.stderr.on('data', (d) => (stderr += d))
    child.on('error', reject)
    child.on('close', (status, signal) =>
      resolve({ status: status ?? signal, stdout, stderr }))
  })
}

// Starts metisd and waits for its line of readiness. Returns { child, networks, readyMs,
// log(), stop() }; stop resolves to the exit status.
export async function startMetisd(bin, args, { readyTimeoutMs = 60000, env } = {}) {
  const t0 = performance.now()
  const child = spawn(bin, args, { stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env } })
  let stderr = ''
  child.stderr.on('data', (d) => {
    stderr += d
    if (stderr.length > 1 << 20) stderr = stderr.slice(-(1 << 19))
  })
  const exited = new Promise((r) => child.on('close', (code, signal) => r(code ?? signal)))
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  exited.then(() => process.off('exit', kill))

  const ready = await new Promise((resolve, reject) => {
    let stdout = ''
    const timer = setTimeout(() => {
      kill()
      reject(new Error(`not ready after ${readyTimeoutMs} ms\n${stderr.slice(-4000)}`))
    }, readyTimeoutMs)
    child.on('error', reject)
    exited.then((status) => {
      clearTimeout(timer)
      reject(new Error(`${bin} ${args.join(' ')} ended (${status})\n${stderr.slice(-4000)}`))
    })
    child.stdout.on('data', (d) => {
      stdout += d
      for (const line of stdout.split('\n').slice(0, -1)) {
        if (!line.startsWith('{"ready"')) continue
        clearTimeout(timer)
        resolve(JSON.parse(line))
        return
      }
    })
  })
  return {
    child,
    networks: ready.networks,
    readyMs: performance.now() - t0,
    log: () => stderr,
    exited,
    async stop(signal = 'SIGTERM', timeoutMs = 20000) {
      child.kill(signal)
      const late = sleep(timeoutMs).then(() => 'late')
      const status = await Promise.race([exited, late])
      if (status === 'late') kill()
      return status
    },
  }
}

// One JSON-RPC connection with keep-alive and raw access; agents are the caller's.
export function post(url, body, { agent, timeoutMs = 60000 } = {}) {
  return new Promise((resolve, reject) => {
    const req = request(url, {
      method: 'POST',
      agent,
      timeout: timeoutMs,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    }, (res) => {
      const parts = []
      res.on('data', (d) => parts.push(d))
      res.on('end', () => resolve({ status: res.statusCode, text: Buffer.concat(parts).toString() }))
      res.on('error', reject)
    })
    req.on('timeout', () => req.destroy(new Error(`no answer in ${timeoutMs} ms`)))
    req.on('error', reject)
    req.end(body)
  })
}

let id = 0
export async function rpc(url, method, params = [], options) {
  const { text } = await post(url, JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }), options)
  const reply = JSON.parse(text)
  if (reply.error) {
    const e = new Error(`${method}: ${reply.error.message}`)
    Object.assign(e, { code: reply.error.code, data: reply.error.data })
    throw e
  }
  return reply.result
}

// Counts checks and prints each; summary() is the runners' last line.
export function counter({ quiet = false } = {}) {
  let passed = 0
  let failed = 0
  return {
    ok(name) {
      passed++
      if (!quiet) console.log(`ok   ${name}`)
    },
    fail(name, why) {
      failed++
      console.log(`FAIL ${name}: ${String(why?.stack ?? why).slice(0, 2000)}`)
    },
    async check(name, f, timeoutMs = 120000) {
      let timer
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no end after ${timeoutMs} ms`)), timeoutMs)
      })
      try {
        await Promise.race([f(), late])
        this.ok(name)
      } catch (e) {
        this.fail(name, e)
      } finally {
        clearTimeout(timer)
      }
    },
    summary(skipped = 0) {
      console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`)
      return failed === 0 && passed > 0
    },
  }
}

// --name value options.
export function options(defaults) {
  const out = { ...defaults, rest: [] }
  const argv = process.argv.slice(2)
  for (let i = 0; i < argv.length; i++) {
    if (!argv[i].startsWith('--')) out.rest.push(argv[i])
    else {
      const name = argv[i].slice(2)
      if (!(name in defaults)) throw new Error(`unknown option --${name}`)
      out[name] = typeof defaults[name] === 'boolean' ? true : argv[++i]
    }
  }
  return out
}
