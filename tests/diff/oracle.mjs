// The two implementations that are compared. go-ethereum's evm (get it with
// `go install github.com/ethereum/go-ethereum/cmd/evm@v1.16.7`) runs state tests in one
// process that is told the files through standard input; else a program is started for
// each file.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

// What a program prints, whatever its status; a signal is an error.
export function output(program, args, quiet) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', quiet ? 'ignore' : 'inherit'] })
    const parts = []
    child.stdout.on('data', (b) => parts.push(b))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (signal) reject(new Error(`${program} ended by ${signal}`))
      else resolve(Buffer.concat(parts).toString())
    })
  })
}

export class Geth {
  constructor(program) {
    const env = { ...process.env, GOGC: '400' }
    this.child = spawn(program, ['statetest'], { stdio: ['pipe', 'pipe', 'ignore'], env })
    this.waiting = []
    this.lines = []
    createInterface({ input: this.child.stdout }).on('line', (line) => this.take(line))
    this.child.on('error', (err) => this.end(err))
    this.child.on('close', () => this.end(new Error(`${program} ended`)))
  }

  // The results are an indented JSON array, closed by a line of its own.
  take(line) {
    this.lines.push(line)
    if (line !== ']' && line !== '[]' && line !== 'null') return
    const text = this.lines.join('\n')
    this.lines = []
    this.waiting.shift().resolve(JSON.parse(text) ?? [])
  }

  end(err) {
    this.dead = err
    for (const w of this.waiting.splice(0)) w.reject(err)
  }

  // [{name, pass, stateRoot, error}] of a file.
  run(path) {
    if (this.dead) return Promise.reject(this.dead)
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.child.stdin.write(path + '\n')
    })
  }

  close() { this.child.stdin.end() }
}

// Options `--name VALUE` over defaults.
export function options(defaults) {
  const o = { ...defaults }
  for (let i = 2; i + 1 < process.argv.length; i += 2) o[process.argv[i].slice(2)] = process.argv[i + 1]
  return o
}
