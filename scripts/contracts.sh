#!/usr/bin/env bash
# Compiles the system contracts: src/contracts/*.sol -> src/contracts/build/*.json.
#   scripts/contracts.sh            writes
#   scripts/contracts.sh --check    compares only; a difference is an error
. "$(dirname "$0")/lib.sh"
npm_packages
node scripts/contracts.mjs "$@"
