// Compiles src/contracts/*.sol with the pinned solc (npm) into src/contracts/build/*.json
// (abi and runtime bytecode, which the genesis files hold). With --check it compares with
// what is there instead of writing.
// evmVersion paris has no PUSH0, and nothing here uses what London and Paris added, so the
// same bytecode is valid on every fork a network may start with.
import { createRequire } from 'node:module'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const top = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(join(top, 'tests/clients/package.json'))
const solc = require('solc')
const check = process.argv.includes('--check')
const folder = join(top, 'src/contracts')

const sources = {}
for (const file of readdirSync(folder).filter((f) => f.endsWith('.sol')).sort())
  sources[file] = { content: readFileSync(join(folder, file), 'utf8') }

const output = JSON.parse(solc.compile(JSON.stringify({
  language: 'Solidity',
  sources,
  settings: {
    evmVersion: 'paris',
    optimizer: { enabled: true, runs: 10000 },
    metadata: { appendCBOR: false, bytecodeHash: 'none' },
    outputSelection: { '*': { '*': ['abi', 'evm.deployedBytecode.object', 'storageLayout'] } },
  },
})))
let bad = 0
for (const e of output.errors ?? []) {
  console.error(e.formattedMessage)
  bad++
}
if (bad) process.exit(1)

mkdirSync(join(folder, 'build'), { recursive: true })
for (const [file, contracts] of Object.entries(output.contracts)) {
  for (const [name, c] of Object.entries(contracts)) {
    const text = JSON.stringify({
      contract: name,
      source: file,
      compiler: solc.version(),
      slots: Object.fromEntries(c.storageLayout.storage.map((s) => [s.label, Number(s.slot)])),
      abi: c.abi,
      runtime: '0x' + c.evm.deployedBytecode.object,
    }, null, 1) + '\n'
    const path = join(folder, 'build', name + '.json')
    if (check) {
      const same = existsSync(path) && readFileSync(path, 'utf8') === text
      console.log(`${same ? 'ok  ' : 'FAIL'} ${name}: build/${name}.json ${same ? 'matches' : 'differs from'} its source`)
      if (!same) bad++
    } else {
      writeFileSync(path, text)
      console.log(`${name}: ${c.evm.deployedBytecode.object.length / 2} bytes`)
    }
  }
}
process.exit(bad ? 1 : 0)
