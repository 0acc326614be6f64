#!/usr/bin/env bash
# Speed and memory, measured from outside and against anvil in the same run.
#   scripts/bench.sh [startup] [memory] [stop] [load] [erc20] [call] [trace] [blocknumber]
#       [balanceof] [logs] [gethlogs] [sendsync] [isolation] [busystop]
# (all when none is named).
# One line of JSON a figure; --write puts the table into docs/PERFORMANCE.md, --from LOG with the
# figures of an earlier run of this commit before the new ones.
. "$(dirname "$0")/lib.sh"
scripts/setup.sh --test
npm_packages
[ -x build/metisd ] || scripts/build.sh release
exec node scripts/bench.mjs "$@"
