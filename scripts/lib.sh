# Shared by the scripts: where things are, step timing, and one line of output a step.
# Sourced, never run.
# shellcheck shell=bash
set -euo pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${METIS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/metisd}
export TOP CACHE
cd "$TOP"

now_ms() { date +%s%3N; }

# step NAME COMMAND...: runs it, prints how long it took; output only when it fails.
step() {
    local name=$1 t0 log rc=0
    shift
    t0=$(now_ms)
    log=$(mktemp)
    "$@" >"$log" 2>&1 || rc=$?
    if [ "$rc" -ne 0 ]; then
        cat "$log" >&2
        rm -f "$log"
        printf '%-28s FAILED (status %d) after %d ms\n' "$name" "$rc" $(($(now_ms) - t0)) >&2
        return "$rc"
    fi
    rm -f "$log"
    printf '%-28s %6d ms\n' "$name" $(($(now_ms) - t0)) >&2
}

# as_root COMMAND...: directly as root, else with sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "need root or sudo for: $*" >&2
        return 1
    fi
}

jobs_max() { nproc; }

# The pinned npm packages of a folder, installed once for each state of its lock file.
pinned_packages() {
    local dir=$1 sum
    sum=$(sha256sum "$dir/package-lock.json" | cut -c1-64)
    [ "$(cat "$dir/node_modules/.pin" 2>/dev/null)" = "$sum" ] && return 0
    step "npm packages" npm --prefix "$dir" ci --ignore-scripts --no-audit --no-fund
    echo "$sum" >"$dir/node_modules/.pin"
}
npm_packages() { pinned_packages tests/clients; }
# What the preinstalls of the dev networks are made from.
preinstall_packages() { pinned_packages scripts/preinstalls; }
# Hardhat of two generations, with the Node that each wants.
hardhat_packages() {
    pinned_packages tests/clients/hardhat2
    pinned_packages tests/clients/hardhat3
}
web_packages() { pinned_packages tests/web; }
oracle_packages() { pinned_packages tests/amsterdam; }
