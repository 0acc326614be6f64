// Checks the pinned npm packages of every folder that has some: exact versions, a lock file
// that agrees with them, and in it a SHA-512 for each package and no address to download
// it from (the registry is that of the machine). Prints findings, nothing when all is well.
//   node scripts/locks.mjs [FOLDER...]       the default: every package.json in git
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/
const KINDS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
const asked = (p) => JSON.stringify(KINDS.map((k) => Object.entries(p[k] ?? {}).sort()))

function check(folder, say) {
  const own = read(join(folder, 'package.json'))
  for (const kind of KINDS)
    for (const [name, version] of Object.entries(own[kind] ?? {}))
      if (!EXACT.test(version)) say(`package.json: ${name} ${version}: not one version`)
  if (!existsSync(join(folder, 'package-lock.json'))) return say('no package-lock.json')
  const text = readFileSync(join(folder, 'package-lock.json'), 'utf8')
  if (/"resolved"\s*:/.test(text)) say('lock: has download addresses ("resolved")')
  const lock = JSON.parse(text)
  if (lock.lockfileVersion !== 3) say(`lock: version ${lock.lockfileVersion}, not 3`)
  const { '': root = {}, ...packages } = lock.packages ?? {}
  if (asked(root) !== asked(own)) say('lock: asks for other packages than package.json')
  for (const kind of KINDS.slice(0, 3))
    for (const [name, version] of Object.entries(own[kind] ?? {}))
      if (packages[`node_modules/${name}`]?.version !== version) say(`lock: ${name} is not ${version}`)
  for (const [path, p] of Object.entries(packages)) {
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(p.integrity ?? '')) say(`lock: ${path}: no SHA-512`)
    if (!EXACT.test(p.version ?? '')) say(`lock: ${path}: version ${p.version}`)
    if (p.link) say(`lock: ${path}: a link`)
    for (const kind of KINDS)
      for (const [name, from] of Object.entries(p[kind] ?? {}))
        if (/:\/\/|^(git|file|github|https?):/.test(from)) say(`lock: ${path}: ${name} from ${from}`)
  }
}

const folders = process.argv.length > 2 ? process.argv.slice(2)
  : execFileSync('git', ['ls-files', '-z', '--', 'package.json', '*/package.json']).toString()
    .split('\0').filter(Boolean).map(dirname)
if (folders.length === 0) console.log('no package.json was found')
for (const folder of folders) check(folder, (what) => console.log(`${folder}/${what}`))
