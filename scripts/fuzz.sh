#!/usr/bin/env bash
# Runs libFuzzer targets (tests/fuzz, clang, address and undefined-behaviour sanitizers) until
# ten CPU-minutes bring no new edge, and prints a line a target:
#   scripts/fuzz.sh [--quiet MINUTES] [--most MINUTES] [TARGET...]
# quiet: CPU-minutes without a new edge that end a target (10); most: CPU-minutes a target may
# take in all (120). What was found is kept in the cache folder, so that a later run goes on. A
# run is cut into slices of a minute; one that brings an edge counts as none of the quiet time.
# A finding ends the script with status 1 and the path of the input.
. "$(dirname "$0")/lib.sh"
quiet_s=600
most_s=7200
targets=()
while [ $# -gt 0 ]; do
    case $1 in
    --quiet) quiet_s=$(($2 * 60)) && shift ;;
    --most) most_s=$(($2 * 60)) && shift ;;
    -*)
        echo "usage: scripts/fuzz.sh [--quiet MINUTES] [--most MINUTES] [TARGET...]" >&2
        exit 2
        ;;
    *) targets+=("$1") ;;
    esac
    shift
done
if [ ${#targets[@]} -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        source=${source##*/fuzz_}
        targets+=("${source%.c}")
    done
fi

dir=build-fuzz
if [ ! -f $dir/build.ninja ]; then
    step "configure fuzz" cmake -B $dir -G Ninja -D CMAKE_BUILD_TYPE=RelWithDebInfo \
        -D CMAKE_C_COMPILER=clang-14 -D METIS_FUZZ=ON \
        -D METIS_SANITIZE=address,undefined,fuzzer-no-link
fi
step "build fuzz" ninja -C $dir "${targets[@]/#/tests/fuzz/fuzz_}"

# words TARGET: the words that a format with long names knows, from its source, as a
# dictionary of libFuzzer.
words() {
    case $1 in
    genesis)
        grep -ohE '"[a-zA-Z][A-Za-z0-9_]+"' src/chain/genesis.c include/metis/types.h |
            sed 's/"\(.*\)"/"\\"\1\\":"/'
        ;;
    config) sed -nE 's/^X\((\w+), (\w+),.*/"\1"\n"\2"/p' src/node/options.def ;;
    *) echo '" "' ;;
    esac | sort -u
}

# slice TARGET: one minute of it; sets edges, runs, and cpu_s.
slice() {
    local name=$1 home=$CACHE/fuzz/$1 rc=0 t0 t1
    mkdir -p "$home/corpus" "$home/findings"
    words "$name" >"$home/words"
    t0=$(cpu_of_children)
    "$dir/tests/fuzz/fuzz_$name" -max_total_time=60 -timeout=20 -rss_limit_mb=2048 \
        -dict="$home/words" -artifact_prefix="$home/findings/" "$home/corpus" \
        "tests/fuzz/corpus/$name" >"$home/log" 2>&1 </dev/null || rc=$?
    t1=$(cpu_of_children)
    cpu_s=$((t1 - t0))
    if [ "$rc" -ne 0 ]; then
        tail -40 "$home/log"
        echo "$name: a finding, status $rc; inputs in $home/findings" >&2
        return 1
    fi
    edges=$(grep -oE ' cov: [0-9]+' "$home/log" | tail -1 | tr -dc 0-9)
    runs=$(grep -oE '^#[0-9]+' "$home/log" | tail -1 | tr -dc 0-9)
}

# CPU seconds of what this shell has waited for.
cpu_of_children() {
    awk '{ printf "%d\n", ($16 + $17) / 100 }' "/proc/$$/stat"
}

passed=0
failed=0
for name in "${targets[@]}"; do
    most=0 total=0 quiet=0 all_runs=0
    while [ "$quiet" -lt "$quiet_s" ] && [ "$total" -lt "$most_s" ]; do
        slice "$name" || { failed=$((failed + 1)) && break; }
        total=$((total + cpu_s))
        all_runs=$((all_runs + runs))
        if [ "${edges:-0}" -gt "$most" ]; then
            most=$edges
            quiet=0
        else
            quiet=$((quiet + cpu_s))
        fi
    done
    printf '%-9s %6d edges, %11d runs in %4d CPU-min, the last %d without a new edge\n' \
        "$name" "$most" "$all_runs" $((total / 60)) $((quiet / 60))
    [ "$quiet" -ge "$quiet_s" ] && passed=$((passed + 1))
done
echo "$passed passed, $failed failed, $((${#targets[@]} - passed - failed)) not quiet yet"
[ "$passed" -eq ${#targets[@]} ]
