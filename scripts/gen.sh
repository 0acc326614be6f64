#!/usr/bin/env bash
# Writes the documents that are made from the program's tables, or with --check says which
# are not current:
#   docs/OPTIONS.md, conf/metisd.conf   src/node/options.def
#   docs/METRICS.md                     include/metis/base/metrics.h
#   docs/RPC.md                         src/rpc/methods.def
# usage: scripts/gen.sh [--check] [PROGRAM]      PROGRAM: build/metisd
set -eu
cd "$(dirname "$0")/.."
check=0
if [ "${1-}" = --check ]; then
    check=1
    shift
fi
program=${1-build/metisd}
stale=0
text=$(mktemp)
trap 'rm -f "$text"' EXIT
while read -r what file; do
    "$program" config docs "$what" >"$text"
    cmp -s "$text" "$file" && continue
    if [ $check = 1 ]; then
        echo "$file is not current: run scripts/gen.sh"
        stale=1
    else
        cp "$text" "$file"
        chmod 644 "$file"
        echo "wrote $file"
    fi
done <<'LIST'
options docs/OPTIONS.md
file conf/metisd.conf
metrics docs/METRICS.md
rpc docs/RPC.md
LIST
exit $stale
