// Hardhat 3: see hardhat3/scripts/flow.ts.
import { hardhat } from './hardhat.mjs'

export const flow = (o) => hardhat('hardhat3', 'scripts/flow.ts', 'hardhat.config.ts', o)
