// The provable core against the node. For blocks of the public suites from Paris on: the roots
// that the node computed and stored, those of libmetis-stf (metis-evm stf), and those of
// build/stf.rv64 under qemu-riscv64 are the same lines; a part of them also in the
// interpreter, which counts instructions. Witnesses with a part taken out or
// changed are refused by both, with a reason. The programs hold no foreign symbol and only
// rv64im instructions.
// --evm: another metis-evm than the build's (one with sanitizers).
//   node tests/stf/run.mjs --build DIR [--evm FILE] [--every N] [--per-network N] FIXTURES...
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { tmpdir } from 'node:os'

const options = { build: 'build', every: '1', 'per-network': '1000000' }
const fixtures = []
for (let i = 2; i < process.argv.length; i++) {
  if (process.argv[i].startsWith('--')) options[process.argv[i].slice(2)] = process.argv[++i]
  else fixtures.push(process.argv[i])
}
const build = resolve(options.build)
const metisEvm = options.evm ? resolve(options.evm) : join(build, 'metis-evm')
const rv64 = join(build, 'stf.rv64')
const FORKS = ['Paris', 'Shanghai', 'Cancun', 'Prague', 'Osaka']
const BLOCKS_MIN = 500
const COUNTED = 300 // blocks whose instructions are counted
const TAMPERED = 24 // witnesses taken for tampering

let passed = 0
let failed = 0
function check(ok, name, detail = '') {
  if (ok) passed++
  else {
    failed++
    if (failed <= 40) console.log(`FAIL ${name} ${detail}`)
  }
}

function capture(program, args, cwd) {
  const r = spawnSync(program, args, { cwd, maxBuffer: 1 << 28, encoding: 'latin1' })
  if (r.error) throw r.error
  return r
}

const engines = [
  ['native', files => [metisEvm, ['stf', ...files]]],
  ['rv64', files => ['qemu-riscv64', [rv64, ...files]]],
]

// ---- what is in the programs ----

// Of third-party and own code only names; what a C library, OpenSSL, GMP or threads would bring.
const FOREIGN = new RegExp(
  '^_*(malloc|calloc|realloc|free|abort|exit|printf|fprintf|puts|write|read|open|mmap|' +
    'pthread_.*|thrd_.*|mtx_.*|__tls.*|errno|stderr|stdout|environ|__libc.*|' +
    'SHA\\d+_.*|RIPEMD160.*|EVP_.*|EC_.*|BN_.*|OPENSSL_.*|CRYPTO_.*|ERR_.*|' +
    'gmp.*|mpz_.*|mpn_.*|time|clock_gettime|rand|getrandom)$')

function symbols() {
  const undefinedOf = (nm, file) =>
    execFileSync(nm, ['-u', file], { encoding: 'latin1' }).split('\n')
      .map(l => l.trim().split(/\s+/)).filter(w => w[0] === 'U' || w[0] === 'w')
      .map(w => w[1])
  const allOf = file => execFileSync('riscv64-unknown-elf-nm', [file],
    { encoding: 'latin1' }).split('\n').filter(l => l).map(l => l.trim().split(/\s+/).pop())
  const missing = undefinedOf('riscv64-unknown-elf-nm', rv64)
  check(missing.length === 0, 'stf.rv64: undefined symbols', missing.join(' '))
  const all = allOf(rv64)
  const foreign = all.filter(s => FOREIGN.test(s))
  check(all.includes('metis_stf_run') && foreign.length === 0,
    'stf.rv64: foreign symbols', foreign.join(' '))

  const library = join(build, 'libmetis-stf.a')
  const allowed = /^(memcpy|memmove|memset|memcmp|strlen|_GLOBAL_OFFSET_TABLE_|__udivti3)$/
  const wanted = undefinedOf('nm', library).filter(s => !allowed.test(s))
  check(wanted.length === 0, 'libmetis-stf: undefined symbols', wanted.join(' '))
  const global = execFileSync('nm', ['-g', '--defined-only', library], { encoding: 'latin1' })
    .split('\n').filter(l => / [A-Z] /.test(l)).map(l => l.split(' ').pop()).sort()
  check(global.join(' ') === 'metis_stf_crypto metis_stf_run',
    'libmetis-stf: global symbols', global.join(' '))
}

// The base integer set for 64 bits, multiplication and division; ecall to leave, ebreak for a
// failed assertion. Anything else (c.*, amo*, lr, sc, f*, csr*, fence) is not there.
const RV64IM = new Set(('lui auipc jal jalr beq bne blt bge bltu bgeu lb lh lw lbu lhu lwu ld ' +
  'sb sh sw sd addi slti sltiu xori ori andi slli srli srai add sub sll slt sltu xor srl sra ' +
  'or and addiw slliw srliw sraiw addw subw sllw srlw sraw ecall ebreak mul mulh mulhsu mulhu ' +
  'div divu rem remu mulw divw divuw remw remuw').split(' '))

function instructions() {
  const text = execFileSync('riscv64-unknown-elf-objdump',
    ['-d', '-M', 'no-aliases', rv64], { maxBuffer: 1 << 28, encoding: 'latin1' })
  let n = 0
  const odd = new Set()
  for (const line of text.split('\n')) {
    const m = /^\s*[0-9a-f]+:\s+([0-9a-f ]+?)\s*\t(\S+)/.exec(line)
    if (!m) continue
    n++
    if (m[1].length !== 8 || !RV64IM.has(m[2])) odd.add(m[2])
  }
  check(n > 10000 && odd.size === 0, 'stf.rv64: rv64im only', [...odd].join(' '))
}

// ---- the same roots ----

function compare(dir) {
  const rows = readFileSync(join(dir, 'expected'), 'latin1').trim().split('\n')
    .map(l => l.split(' '))
  const seen = {}
  for (const [name, how] of engines) {
    const [program, args] = how(rows.map(r => r[0]))
    const r = capture(program, args, dir)
    const lines = r.stdout.trim().split('\n')
    check(r.status === 0 && lines.length === rows.length, `${name}: all blocks taken`,
      r.stderr.split('\n')[0])
    if (lines.length !== rows.length) continue
    rows.forEach((row, i) => check(lines[i] === `${row[1]} ${row[2]} ${row[3]} 0`,
      `${name}: ${row[0]}`, lines[i]))
  }
  for (const row of rows) {
    const network = row[0].replace(/-\d+\.stf$/, '')
    seen[network] = (seen[network] ?? 0) + 1
  }
  console.log('blocks ' + Object.entries(seen).map(([k, v]) => `${k} ${v}`).join(', '))
  check(rows.length >= BLOCKS_MIN, `at least ${BLOCKS_MIN} blocks`, rows.length)
  for (const fork of FORKS) check(seen[fork] > 0, `blocks of ${fork}`)
  return rows
}

// ---- instructions ----

// build/stf.rv64 in the interpreter: the same roots once more, and how long a proof would be.
function count(dir, rows) {
  const step = Math.max(1, Math.floor(rows.length / COUNTED))
  const chosen = rows.filter((_, i) => i % step === 0)
  const run = some => capture(metisEvm, ['stf', '--rv64', rv64, ...some.map(r => r[0])], dir)
    .stdout.split('\n').filter(l => l)
  const lines = run(chosen)
  check(lines.length === chosen.length, 'interpreter: all blocks taken',
    `${lines.length} of ${chosen.length}`)
  const by = {}
  chosen.forEach((row, i) => {
    const words = (lines[i] ?? '').split(' ')
    check(words.slice(0, 3).join(' ') === row.slice(1, 4).join(' ') && Number(words[3]) > 1000,
      `interpreter: ${row[0]}`, lines[i])
    const fork = row[0].replace(/-\d+\.stf$/, '')
    ;(by[fork] ??= []).push(Number(words[3]))
  })
  const again = chosen.slice(0, 10)
  check(run(again).join() === lines.slice(0, 10).join(), 'interpreter: the same count twice')
  for (const [fork, counts] of Object.entries(by)) {
    counts.sort((a, b) => a - b)
    console.log(`instructions ${fork}: ${counts.length} blocks, ` +
      `median ${counts[counts.length >> 1]}, most ${counts[counts.length - 1]}`)
  }
}

// ---- tampering ----

// One item at `at`: where its payload begins and ends.
function item(b, at) {
  const k = b[at]
  if (k < 0x80) return { head: at, from: at, to: at + 1 }
  const long = (k < 0xc0 ? k >= 0xb8 : k >= 0xf8) ? (k & 0x3f) - 0x37 : 0
  let len = k & 0x3f
  if (long > 0) {
    len = 0
    for (let i = 1; i <= long; i++) len = len * 256 + b[at + i]
  }
  const from = at + 1 + long
  return { head: at, from, to: from + len }
}

function items(b, list) {
  const out = []
  for (let at = list.from; at < list.to; at = out[out.length - 1].to) out.push(item(b, at))
  return out
}

function header(base, len) {
  if (len < 56) return Buffer.from([base + len])
  const bytes = []
  for (let n = len; n > 0; n = Math.floor(n / 256)) bytes.unshift(n % 256)
  return Buffer.from([base + 0x37 + bytes.length, ...bytes])
}

function list(parts) {
  const body = Buffer.concat(parts)
  return Buffer.concat([header(0xc0, body.length), body])
}

// Every way to break one witness: [name, bytes, must be refused].
function* broken(bytes, random) {
  const fields = items(bytes, item(bytes, 0))
  const raw = fields.map(f => bytes.subarray(f.head, f.to))
  const whole = (i, field) => list(raw.map((r, k) => (k === i ? field : r)))
  for (const [index, what] of [[3, 'header'], [4, 'node'], [5, 'code']]) {
    const parts = items(bytes, fields[index])
    const cut = parts.map(p => bytes.subarray(p.head, p.to))
    if (cut.length > 0) yield [`no ${what}s`, whole(index, Buffer.from([0xc0])), true]
    const some = new Set()
    while (some.size < Math.min(cut.length, 6)) some.add(random(cut.length))
    for (const k of some) {
      yield [`without ${what} ${k}`, whole(index, list(cut.filter((_, i) => i !== k))), true]
      const flipped = Buffer.from(cut[k])
      flipped[parts[k].from - parts[k].head + random(parts[k].to - parts[k].from)] ^=
        1 << random(8)
      yield [`${what} ${k} changed`,
        whole(index, list(cut.map((c, i) => (i === k ? flipped : c)))), true]
    }
  }
  yield ['no block', whole(2, Buffer.from([0xc0])), true]
  yield ['cut short', bytes.subarray(0, random(bytes.length)), true]
  yield ['one byte more', Buffer.concat([bytes, Buffer.from([0])]), true]
  // Anywhere: the rules are not bound to the block, so some changes there have no effect.
  for (let i = 0; i < 12; i++) {
    const flipped = Buffer.from(bytes)
    flipped[random(bytes.length)] ^= 1 << random(8)
    yield [`bit flip ${i}`, flipped, false]
  }
}

function tamper(dir, rows) {
  let state = 0x9e3779b9
  const random = n => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 4294967296) * n)
  }
  const cases = []
  const step = Math.max(1, Math.floor(rows.length / TAMPERED))
  for (let i = 0; i < rows.length; i += step) {
    for (const [what, bytes, must] of broken(readFileSync(join(dir, rows[i][0])), random)) {
      const file = `broken-${cases.length}.stf`
      writeFileSync(join(dir, file), bytes)
      cases.push({ file, what: `${rows[i][0]}: ${what}`, must,
        line: `${rows[i][1]} ${rows[i][2]} ${rows[i][3]} 0` })
    }
  }
  for (const [name, how] of engines) {
    const [program, args] = how(cases.map(c => c.file))
    const r = capture(program, args, dir)
    check(r.status === 1, `${name}: status after refusals`, r.status)
    const refused = new Map(r.stderr.split('\n').filter(l => l.includes(': refused: '))
      .map(l => l.split(': refused: ')))
    const lines = r.stdout.split('\n').filter(l => l)
    check(lines.length + refused.size === cases.length, `${name}: one answer each`,
      `${lines.length} + ${refused.size} of ${cases.length}`)
    for (const c of cases) {
      const why = refused.get(c.file)
      if (why !== undefined) check(why.length > 0, `${name}: ${c.what}`, 'no reason')
      else check(!c.must && lines.shift() === c.line, `${name}: ${c.what}`, 'accepted')
    }
  }
}

const dir = mkdtempSync(join(tmpdir(), 'metis-stf-'))
try {
  symbols()
  instructions()
  const r = capture(metisEvm, ['witness', '--out', dir, '--every', options.every,
    '--per-network', options['per-network'], ...fixtures], dir)
  check(r.status === 0, 'witnesses written', r.stdout.trim().split('\n').pop() + r.stderr)
  if (r.status === 0) {
    const rows = compare(dir)
    count(dir, rows)
    tamper(dir, rows)
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
