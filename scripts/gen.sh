#!/usr/bin/env bash
# Writes the pages that come from tables in the code: docs/OPTIONS.md, docs/METRICS.md,
# conf/metisd.conf, docs/RPC.md. --check compares only and prints what differs.
. "$(dirname "$0")/lib.sh"
bin=${METISD:-build/metisd}
check=0
[ "${1:-}" = --check ] && check=1
if [ ! -x "$bin" ]; then
    echo "$bin is not there: scripts/build.sh first"
    exit 1
fi
text=$(mktemp)
trap 'rm -f "$text"' EXIT
bad=0
while read -r page what; do
    if ! "$bin" config docs "$what" >"$text" 2>&1; then
        echo "metisd config docs $what: $(head -3 "$text")"
        bad=1
    elif cmp -s "$text" "$page"; then
        continue
    elif [ "$check" -eq 1 ]; then
        echo "$page differs from its table: scripts/gen.sh"
        bad=1
    else
        cp "$text" "$page"
        echo "wrote $page"
    fi
done <<PAGES
docs/OPTIONS.md options
docs/METRICS.md metrics
conf/metisd.conf file
docs/RPC.md rpc
PAGES
exit "$bad"
