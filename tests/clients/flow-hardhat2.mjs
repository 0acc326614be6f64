// Hardhat 2: see hardhat2/scripts/flow.cjs.
import { hardhat } from './hardhat.mjs'

export const flow = (o) => hardhat('hardhat2', 'scripts/flow.cjs', 'hardhat.config.cjs', o)
