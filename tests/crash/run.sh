#!/usr/bin/env bash
# The daemon killed under load, ROUNDS times (default 60); see run.mjs.
#   tests/crash/run.sh [ROUNDS] [SEED]
cd "$(dirname "$0")/../.." || exit 2
exec node tests/crash/run.mjs --rounds "${1:-60}" --seed "${2:-0}"
