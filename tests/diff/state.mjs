// State tests compared: metis-evm says root and logs, they become the tests' `post`, and
// go-ethereum checks them; a transaction that one refuses the other must refuse.
import { writeFileSync } from 'node:fs'
import { encode, kindOfTransaction } from './gen.mjs'
import { output } from './oracle.mjs'
import { fork } from './opcodes.mjs'

const entryOf = (test) => Object.values(test.post)[0][0]

// Fills `post` with our results. What was not executed goes to found, refusals to refused.
async function fill(evm, file, tests, found, refused) {
  writeFileSync(file, JSON.stringify(tests))
  for (const line of (await output(evm, ['statetest', '--json', file])).split('\n')) {
    if (!line.startsWith('{')) continue
    const l = JSON.parse(line)
    const entry = entryOf(tests[l.name])
    if (l.stateRoot === null) found.set(l.name, l.error)
    else entry.hash = l.stateRoot
    const logs = /logs hash (0x[0-9a-f]{64})/.exec(l.error)
    if (logs) entry.logs = logs[1]
    if (/^refused/.test(l.error)) {
      refused.add(l.name)
      entry.expectException = 'refused'
    }
  }
  writeFileSync(file, JSON.stringify(tests))
}

// {found: name -> what was said, refused: how many by both}.
export async function compareStates(evm, geth, file, tests) {
  const found = new Map()
  const refused = new Set()
  await fill(evm, file, tests, found, refused)
  const seen = new Set()
  for (const s of await geth.run(file)) {
    seen.add(s.name)
    if (!s.pass) found.set(s.name, s.error ?? 'failed')
    else if (!refused.has(s.name) && s.stateRoot !== entryOf(tests[s.name]).hash) {
      found.set(s.name, `root ${s.stateRoot}`)
    }
  }
  for (const name of Object.keys(tests)) {
    if (!seen.has(name)) found.set(name, 'not run by the other')
  }
  return { found, refused: refused.size }
}

function resign(test) {
  const [name] = Object.keys(test.post)
  const t = test.transaction
  entryOf(test).txbytes = '0x' + encode(kindOfTransaction(t), t, fork(name), false).toString('hex')
}

// Makes a test smaller while `differs` stays true: accounts, storage, lists and values go,
// then code. A piece of code becomes JUMPDESTs first, so that the places of jumps stay.
export async function minimiseState(test, differs, until) {
  let best = test
  const attempt = async (change) => {
    const t = structuredClone(best)
    if (Date.now() > until || change(t) === false || !(await differs(t))) return false
    best = t
    return true
  }
  const addresses = Object.keys(best.pre)
  for (const a of addresses) {
    if (a !== best.transaction.sender) await attempt((t) => { delete t.pre[a] })
  }
  for (const a of Object.keys(best.pre)) {
    await attempt((t) => { t.pre[a].storage = {} })
  }
  const simpler = [(t) => { t.value = ['0x0'] }, (t) => { t.data = ['0x'] },
    (t) => { if (t.accessLists) t.accessLists = [[]] }, (t) => { t.authorizationList?.splice(1) }]
  for (const change of simpler) {
    await attempt((t) => {
      const before = JSON.stringify(t.transaction)
      change(t.transaction)
      if (JSON.stringify(t.transaction) === before) return false
      resign(t)
      return true
    })
  }
  for (const a of Object.keys(best.pre)) await minimiseCode(a, () => best, attempt)
  return best
}

async function minimiseCode(address, best, attempt) {
  const code = () => best().pre[address].code
  const cut = (at, size, by) => (t) => {
    const part = code().slice(at, at + 2 * size)
    if (part.length === 0 || part === by.repeat(part.length / 2)) return false
    t.pre[address].code = code().slice(0, at) + by.repeat(part.length / 2) + code().slice(at + part.length)
    return true
  }
  for (let size = 512; size >= 1; size >>= 1) {
    for (let at = 2; at < code().length; at += 2 * size) await attempt(cut(at, size, '5b'))
  }
  // the tail, then what stands still: jumps over it are lost only where nothing needs them
  for (let size = 512; size >= 1; size >>= 1) {
    while (code().length > 2 + 2 * size && await attempt((t) => {
      t.pre[address].code = code().slice(0, -2 * size)
    }));
  }
  for (let size = 256; size >= 1; size >>= 1) {
    for (let at = 2; at + 2 * size <= code().length;) {
      const still = code().slice(at, at + 2 * size) === '5b'.repeat(size)
      if (!still || !(await attempt((t) => {
        t.pre[address].code = code().slice(0, at) + code().slice(at + 2 * size)
      }))) at += 2
    }
  }
}
