// See claims.sh. The table is here; the figures are kept in the page itself, so that a run of
// one claim leaves the others' figures as they are.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const top = join(dirname(fileURLToPath(import.meta.url)), '..')
const path = join(top, 'docs/CLAIMS.md')

// The figure of a suite is its own line, of a bench its median and ratio.
const suite = (name) => (out) => new RegExp(`^suite ${name} +(.*)$`, 'm').exec(out)?.[1]
const bench = (out) => {
  const line = out.trim().split('\n').filter((l) => l.startsWith('{')).at(-1)
  if (!line) return undefined
  const r = JSON.parse(line)
  return `${r.median} ${r.unit} (${r.min} - ${r.max})` +
    (r.other === undefined ? "" : `; ${r.peer} ${r.other}, ratio ${r.ratio}`)
}

const CLAIMS = [
  ['build', 'Builds without a warning with gcc 12 and clang 14', 'scripts/test.sh build clang', suite('clang')],
  ['tidy', 'The code keeps docs/STYLE.md: module order, banned calls, format', 'scripts/test.sh tidy', suite('tidy')],
  ['contracts', 'The bytecode in the genesis files is that of src/contracts', 'scripts/test.sh contracts', suite('contracts')],
  ['unit', 'Unit tests pass; each program links only what its module may use', 'scripts/test.sh unit', suite('unit')],
  ['fuzz', 'Decoders survive their fuzzing corpora', 'scripts/test.sh fuzz', suite('fuzz')],
  ['state-tests', 'Executes the public state and blockchain tests, Frontier to Osaka, to the exact root, logs and reason of refusal; Amsterdam as scheduled equals @ethereumjs/vm (docs/CONFORMANCE.md)', 'scripts/test.sh conformance', suite('conformance')],
  ['conformance-full', 'The same, and t8n gives every block of chain', 'scripts/test.sh --full conformance', suite('conformance')],
  ['stf', 'The state transition is a pure function: node, native core and rv64im program give the same roots, and a wrong witness is refused', 'scripts/test.sh stf', suite('stf')],
  ['stf-full', 'The same for every block of chain and chainstatic from Paris on', 'scripts/test.sh --full stf', suite('stf')],
  ['cli', 'Bad configuration, genesis, chain files, HTTP and JSON get a clear error that names the place; nothing half-done is kept', 'scripts/test.sh cli', suite('cli')],
  ['life', 'Starts, answers health checks, stops in time, refuses what it must', 'scripts/test.sh life', suite('life')],
  ['ops', 'Unix socket with admin methods, attach, health with a watchdog, notify, TLS, tokens, geth\'s metric names, package, drain and stop of the sequencer, one sequencer a key', 'scripts/test.sh ops', suite('ops')],
  ['package', 'The .deb has what it should and needs what it names; with --full it is installed and run in a new Debian 12, and the steps of the Dockerfile run there', 'scripts/test.sh package', suite('package')],
  ['abuse', 'Every limit has its documented error; under abuse memory stays in the budget printed at start and the head moves on', 'scripts/test.sh abuse', suite('abuse')],
  ['soak', 'The same for as long as asked for', 'node tests/abuse/soak.mjs --minutes 60', null],
  ['rpc', 'Imports a chain through every fork from Homestead to BPO2 with the right head, and answers all 164 execution-apis cases; debug_*, trace_*, ots_* and dev methods as anvil has them', 'scripts/test.sh rpc', suite('rpc')],
  ['clients', 'ethers, viem, web3.js, Hardhat 2 and 3, forge and cast work on both dev networks: ERC-20, ERC-721, Governor, Uniswap v2 and v3, events, revert data; forms of replies as anvil\'s', 'scripts/test.sh clients', suite('clients')],
  ['dev', 'What CI suites count on: ready line, free ports, chains that can be made again, many nodes at once, JUnit', 'scripts/test.sh dev', suite('dev')],
  ['replica', 'A follower executes and verifies every block through kill -9 of either side, forwards transactions, and halts with both roots when it disagrees', 'scripts/test.sh replica', suite('replica')],
  ['replica-full', 'The same, 50 kills', 'scripts/test.sh --full replica', suite('replica')],
  ['web', 'The page at / works in headless Chromium: live, by keyboard, light and dark, 360 to 1920 px, no foreign host, hostile strings are text', 'scripts/test.sh web', suite('web')],
  ['crash', 'kill -9 under load loses nothing that was served; the recomputed root equals the header\'s', 'scripts/test.sh crash', suite('crash')],
  ['crash-full', 'The same, 300 rounds', 'scripts/test.sh --full crash', suite('crash')],
  ['asan', 'No memory error or undefined behaviour in unit tests, state tests and RPC cases', 'scripts/test.sh asan', suite('asan')],
  ['asan-full', 'The same for every archive and the provable core', 'scripts/test.sh --full asan', suite('asan')],
  ['tsan', 'No data race in unit tests, import, RPC cases and the pool under load', 'scripts/test.sh tsan', suite('tsan')],
  ['fresh-build', 'From a bare Debian 12 to built programs with one command, in minutes', 'time scripts/run.sh --build-only (on a fresh machine)', null],
  ['fresh-test', 'From a bare Debian 12 through every test with one command', 'scripts/test.sh (on a fresh machine)', null],
  ['test-time', 'Every test in under 30 minutes on two cores', 'scripts/test.sh', (out) => /^all suites: .*$/m.exec(out)?.[0]],
  ['startup', 'Both networks answer at most 250 ms after the start', 'scripts/bench.sh startup', bench],
  ['stop', 'A clean stop takes under a second', 'scripts/bench.sh stop', bench],
  ['memory', 'Idle with both networks in at most 64 MB', 'scripts/bench.sh memory', bench],
  ['load', 'At least 4,000 transfers a second submitted and included on two cores', 'scripts/bench.sh load', bench],
  ['eth-call', 'One eth_call costs the server at most 1.5 times anvil\'s CPU time', 'scripts/bench.sh call', bench],
  ['trace', 'A call trace of a million gas costs the server at most half of what it costs anvil, and a tenth when it was asked for before', 'scripts/bench.sh trace', bench],
  ['erc20', '20,000 ERC-20 transfers are submitted and included at least twice as fast as by anvil', 'scripts/bench.sh erc20', bench],
  ['logs', 'A sparse log search over 10,000 blocks costs at most a tenth of anvil\'s', 'scripts/bench.sh logs', bench],
]

// ---- the page ----
function oldFigures() {
  const out = new Map()
  if (!existsSync(path)) return out
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const cells = line.split('|').map((c) => c.trim())
    if (cells.length === 7 && CLAIMS.some(([id]) => '`' + id + '`' === cells[1]))
      out.set(cells[1].slice(1, -1), [cells[4], cells[5]])
  }
  return out
}
function write(figures) {
  const rows = CLAIMS.map(([id, claim, command]) => {
    const [figure, where] = figures.get(id) ?? ['not measured yet', '']
    return `| \`${id}\` | ${claim} | \`${command}\` | ${figure} | ${where} |`
  })
  writeFileSync(path, [
    '# Claims', '',
    'Every technical claim that the project makes, with the command that proves it and the',
    'figure of its last run. Made by `scripts/claims.sh`; do not edit. Speed is as measured on',
    'a shared machine with two cores; more in [PERFORMANCE.md](PERFORMANCE.md).', '',
    '| id | claim | command | last figure | day, commit |', '|---|---|---|---|---|', ...rows, '',
  ].join('\n'))
}

const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: top }).toString().trim()
const stamp = (at = commit) => `${new Date().toISOString().slice(0, 10)}, ${at}`
const figures = oldFigures()
const args = process.argv.slice(2)
const known = (id) => {
  const c = CLAIMS.find(([name]) => name === id)
  if (!c) {
    console.error(`no claim ${id}; there are: ${CLAIMS.map(([name]) => name).join(', ')}`)
    process.exit(2)
  }
  return c
}

if (args[0] === '--list') {
  for (const [id, claim, command] of CLAIMS) console.log(`${id}: ${claim} [${command}]`)
} else if (args[0] === '--record') {
  if (args.length < 3 || args.length > 4)
    throw new Error('usage: claims.sh --record ID TEXT [COMMIT]')
  figures.set(known(args[1])[0], [args[2].replaceAll('|', '/'), stamp(args[3])])
  write(figures)
} else if (args[0] === '--from') {
  // One whole run of scripts/test.sh gives the figure of every suite in it.
  const log = readFileSync(args[1], 'utf8')
  for (const [id, , command, take] of CLAIMS) {
    if (!take || take === bench || command.includes('--full')) continue
    const figure = take(log)
    if (figure) figures.set(id, [figure, stamp()])
  }
  write(figures)
} else {
  let bad = 0
  const chosen = args.length ? args.map(known) : CLAIMS.filter(([, , , take]) => take)
  for (const [id, , command, take] of chosen) {
    if (!take) {
      console.error(`${id}: run it yourself, then --record`)
      continue
    }
    const r = spawnSync('bash', ['-c', command], { cwd: top, maxBuffer: 1 << 28 })
    const figure = take(r.stdout.toString())
    const text = r.status === 0 && figure ? figure : `FAILED: ${figure ?? `status ${r.status}`}`
    if (r.status !== 0 || !figure) bad++
    figures.set(id, [text.replaceAll('|', '/'), stamp()])
    console.log(`${id}: ${text}`)
    write(figures)
  }
  process.exit(bad ? 1 : 0)
}
