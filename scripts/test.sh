#!/usr/bin/env bash
# Sets up, then runs every test, or the suites named. Each suite prints a line; the last
# line is `N passed, N failed` (`, N skipped` may follow).
#   scripts/test.sh [--full] [--allow-skip] [--junit FILE] [SUITE...]
# Exit status 0 only when something ran, nothing failed, and nothing was skipped unless
# --allow-skip is given. --full: the long forms. --list: the suites.
# --junit FILE: a report in JUnit's form as well.
. "$(dirname "$0")/lib.sh"
. scripts/junit.sh

# The order of a whole run. Every name has a function suite_<name> below.
SUITES=(build clang tidy contracts unit fuzz conformance stf cli life ops package abuse rpc clients dev
    replica web crash asan tsan)
full=0
allow_skip=0
chosen=()
for arg in "$@"; do
    if [ "${last:-}" = --junit ]; then
        junit=$arg last=""
        continue
    fi
    last=$arg
    case $arg in
    --junit) ;;
    --full) full=1 ;;
    --allow-skip) allow_skip=1 ;;
    --list)
        printf '%s\n' "${SUITES[@]}"
        exit 0
        ;;
    -*)
        echo "usage: scripts/test.sh [--full] [--allow-skip] [--junit FILE] [SUITE...]" >&2
        exit 2
        ;;
    *)
        if ! printf '%s\n' "${SUITES[@]}" | grep -qxF "$arg"; then
            echo "no suite $arg; there are: ${SUITES[*]}" >&2
            exit 2
        fi
        chosen+=("$arg")
        ;;
    esac
done
[ ${#chosen[@]} -eq 0 ] && chosen=("${SUITES[@]}")
export METIS_FULL=$full

passed=0
failed=0
skipped=0
ran_p=0
ran_f=0
ran_s=0
LOGS=$(mktemp -d)
JUNIT_CASES=$LOGS/junit
: >"$JUNIT_CASES"
trap 'rm -rf "$LOGS"' EXIT

# ---- what suites call ----
pass() { ran_p=$((ran_p + ${1:-1})); }
fail() { ran_f=$((ran_f + ${1:-1})); }
skip() {
    ran_s=$((ran_s + 1))
    junit_case "$*" skip
    echo "     skipped: $*"
}

# one NAME COMMAND...: a single test that passes when the command does.
one() {
    local name=$1 log="$LOGS/out" rc=0
    shift
    "$@" >"$log" 2>&1 || rc=$?
    if [ "$rc" -eq 0 ]; then
        pass
        junit_case "$name" ok
    else
        fail
        junit_case "$name" fail "$log"
        echo "     FAILED $name (status $rc)"
        { grep -A6 -E '^FAILED|error:' "$log" || tail -40 "$log"; } | head -60 |
            sed 's/^/     | /'
    fi
}

# Hundredths of CPU seconds of all that this shell has waited for.
cpu_cs() { awk '{ print $16 + $17 }' "/proc/$$/stat"; }

# tally NAME COMMAND...: a runner whose last line is `N passed, N failed[, N skipped]`. Its
# status must agree with it. In a suite that sets `show` each one is printed with its CPU time,
# which is added up in `spent_cs`.
tally() {
    local name=$1 log="$LOGS/out" last rc=0 p f s cs
    shift
    cs=$(cpu_cs)
    timeout -k 5 $((full ? 5400 : 1500)) "$@" >"$log" 2>&1 || rc=$?
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
    p=$(sed -nE 's/^([0-9]+) passed.*/\1/p' <<<"$last")
    f=$(sed -nE 's/^[0-9]+ passed, ([0-9]+) failed.*/\1/p' <<<"$last")
    s=$(sed -nE 's/.*, ([0-9]+) skipped.*/\1/p' <<<"$last")
    if [ -z "$last" ] || { [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; }; then
        echo "     FAILED $name: status $rc, '${last:-no summary}'"
        tail -40 "$log" | sed 's/^/     | /'
        fail
    fi
    junit_tally "$name" "$log" "${p:-0}" "${f:-0}" "$rc"
    if [ -n "${show:-}" ]; then
        cs=$(($(cpu_cs) - cs))
        spent_cs=$((${spent_cs:-0} + cs))
        printf '     %-44s %s (%d.%d s of CPU)\n' "$name" "${last:-no summary}" $((cs / 100)) \
            $((cs % 100 / 10))
    fi
    pass "${p:-0}"
    fail "${f:-0}"
    ran_s=$((ran_s + ${s:-0}))
    if [ "${f:-0}" -gt 0 ]; then
        echo "     FAILED $name: $last"
        { grep -A4 -E '^FAIL|"pass":false' "$log" | head -40; tail -1 "$log"; } |
            cut -c1-400 | sed 's/^/     | /'
    fi
}

# fixtures NAME: sets $dir; status 1 after recording a skip when the archive is not there.
fixtures() {
    if ! dir=$(scripts/fixtures.sh "$1" 2>"$LOGS/fx"); then
        skip "$(cat "$LOGS/fx")"
        return 1
    fi
}

# criterion FOLDER [MODULE...]: the unit-test programs of a build; every test counts.
criterion() {
    local folder=$1 program log="$LOGS/unit" line p f c
    shift
    for program in "$folder"/test_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        if [ $# -gt 0 ] && ! printf '%s\n' "$@" | grep -qxF "${program##*/test_}"; then
            continue
        fi
        rm -f "$LOGS/unit.xml"
        timeout 900 "$program" --jobs "$(nproc)" ${junit:+--xml="$LOGS/unit.xml"} >"$log" 2>&1
        junit_criterion "${program##*/}" "$LOGS/unit.xml"
        line=$(grep -E 'Synthesis: Tested' "$log" | sed 's/\x1b\[[0-9;]*m//g' | tail -1)
        if [ -z "$line" ]; then
            echo "     FAILED ${program##*/}: it did not finish"
            junit_case "${program##*/}" fail "$log"
            tail -20 "$log" | sed 's/^/     | /'
            fail
            continue
        fi
        p=$(sed -E 's/.*Passing: ([0-9]+).*/\1/' <<<"$line")
        f=$(sed -E 's/.*Failing: ([0-9]+).*/\1/' <<<"$line")
        c=$(sed -E 's/.*Crashing: ([0-9]+).*/\1/' <<<"$line")
        pass "$p"
        fail $((f + c))
        if [ $((f + c)) -gt 0 ]; then
            echo "     FAILED ${program##*/}: $line"
            grep -vE '^\[====\]|^$' "$log" | head -40 | sed 's/^/     | /'
        fi
    done
}

# ---- the suites ----
suite_build() { one "gcc release build" scripts/build.sh release; }

suite_clang() { one "clang build" scripts/build.sh clang; }

suite_tidy() {
    need release
    tally tidy scripts/tidy.sh
}

suite_contracts() {
    npm_packages
    one "bytecode of the contracts" node scripts/contracts.mjs --check
    preinstall_packages
    tally "preinstalls" node scripts/preinstalls.mjs --check
    one "genesis files and NETWORKS.md" node scripts/genesis.mjs --check
}

suite_unit() {
    need release
    criterion build
}

# Each decoder's corpus and seeded mutations of it; the same under the sanitizers in asan.
fuzz_targets() {
    local target
    for target in "$1"/tests/fuzz/fuzz_*; do
        [ -f "$target" ] && [ -x "$target" ] || continue
        one "${target##*/}" "$target" "tests/fuzz/corpus/${target##*/fuzz_}"
    done
}

suite_fuzz() {
    need release
    fuzz_targets build
}

suite_conformance() {
    need release
    local show=1 spent_cs=0
    conformance_archives build
    printf '     one pass of the archives: %d s of CPU\n' $((spent_cs / 100))
    if fixtures amsterdam; then
        oracle_packages
        tally "amsterdam as scheduled, against @ethereumjs/vm" \
            node tests/amsterdam/oracle.mjs build/metis-evm "$dir/eest/blockchain_tests_devnet"
    fi
    conformance_own build
    if fixtures chain; then
        tally "chain t8n" node tests/t8n/run.mjs --bin build/metis-evm \
            --every $((full ? 1 : 20)) "$dir/eest/blockchain_tests"
    fi
    if fixtures state; then
        tally "state t8n" node tests/t8n/run.mjs --bin build/metis-evm \
            --every $((full ? 5 : 50)) "$dir/eest/state_tests"
    fi
}

# conformance_archives FOLDER: one pass of every public archive with the programs of a build.
conformance_archives() {
    local evm=$1/metis-evm archive command part
    for archive in state:statetest stress:statetest stress:blocktest chain:blocktest \
        chainstatic:blocktest bench:blocktest; do
        command=${archive#*:}
        archive=${archive%:*}
        fixtures "$archive" || continue
        part="$dir/eest"
        case $command in
        statetest) part+="/state_tests" ;;
        blocktest) [ "$archive" = bench ] && part+="/benchmark" || part+="/blockchain_tests" ;;
        esac
        tally "$archive $command" "$evm" "$command" "$part"
    done
    conformance_basic "$1"
    if fixtures amsterdam; then
        tally "amsterdam blocktest" "$evm" blocktest --bal --draft-prices \
            --exclude tests/amsterdam/excluded.txt "$dir/eest/blockchain_tests_devnet"
        echo "     amsterdam: $(grep -oE '[0-9]+ excluded' "$LOGS/out"), listed with reasons in" \
            "tests/amsterdam/excluded.txt"
    fi
}

# conformance_own FOLDER: the cases of our own (expected results from other implementations).
conformance_own() {
    tally "own state tests" "$1/metis-evm" statetest tests/vectors/statetests
    tally "own chains" "$1/metis-evm" blocktest tests/vectors/blocktests
    tally "changed fixtures fail" node tests/suites/run.mjs --evm "$1/metis-evm"
    npm_packages
    tally "largest block (EIP-7934)" node tests/diff/size.mjs --evm "$1/metis-evm"
}

# conformance_basic FOLDER: the small archives with the programs of a build.
conformance_basic() {
    local evm=$1/metis-evm
    tally "rlp" "$evm" rlptest tests/vectors/rlp
    tally "own state tests" "$evm" statetest tests/vectors/state
    if fixtures basic; then
        tally "transactions" "$evm" txtest "$dir/eth/TransactionTests"
        tally "tries" "$evm" trietest "$dir/eth/TrieTests"
        tally "difficulty" "$evm" difficultytest "$dir/eth/DifficultyTests" \
            "$dir"/eth/BasicTests/difficulty*.json
    fi
    if fixtures mainnet; then
        tally "mainnet" "$evm" suitetest "$dir/mainnet"
    fi
}

# The provable core: the node, libmetis-stf and build/stf.rv64 under qemu agree on the blocks of
# chain and chainstatic from Paris on (a part of them, at least 500; all with --full), what is
# tampered with is refused, and nothing foreign is in the program.
suite_stf() {
    need release
    local dirs=() archive every=5 show=1
    for archive in chain chainstatic; do
        fixtures "$archive" || return 0
        dirs+=("$dir/eest/blockchain_tests")
    done
    [ "$full" -eq 1 ] && every=1
    tally stf node tests/stf/run.mjs --build build --every "$every" "${dirs[@]}"
}

suite_cli() {
    need release
    local chain=()
    fixtures rpc && chain=(--fixtures "$dir/rpc/tests")
    tally cli node tests/cli/run.mjs --bin build/metisd "${chain[@]}"
}

suite_life() {
    need release
    tally life node tests/life/run.mjs --bin build/metisd
}

suite_ops() {
    need release
    tally ops node tests/ops/run.mjs --bin build/metisd
}

# The Debian package; with --full also installed in a Debian 12 that has nothing, and the
# Dockerfile's steps.
suite_package() {
    need release
    local why
    [ -n "$(apt-get indextargets 'Created-By: Packages')" ] || as_root apt-get update -qq
    tally package node tests/package/run.mjs --build build
    [ "$full" -eq 1 ] || return 0
    if why=$(scripts/debroot.sh check); then
        one "the package is made" scripts/package.sh
        tally "package and Dockerfile in a new Debian 12" node tests/package/fresh.mjs
    else
        skip "package and Dockerfile in a new Debian 12: $why"
    fi
}

suite_rpc() {
    need release
    npm_packages
    tally traces node tests/rpc/trace.mjs --bin build/metisd
    tally "traces of trace_*" node tests/rpc/parity.mjs --bin build/metisd
    tally "methods" node tests/rpc/methods.mjs --bin build/metisd
    tally "access lists" node tests/rpc/access_lists.mjs --bin build/metisd
    tally "what Otterscan asks" node tests/rpc/ots.mjs --bin build/metisd
    tally "dev methods" node tests/rpc/dev.mjs --bin build/metisd
    tally "state dumps" node tests/rpc/dump.mjs --bin build/metisd
    tally "replies in parts and in gzip" node tests/rpc/stream.mjs --bin build/metisd
    fixtures rpc || return 0
    tally "rpc cases" node tests/rpc/run.mjs --bin build/metisd "$dir/rpc/tests"
    tally "ranges, bad blocks, many calls" node tests/rpc/debug.mjs --bin build/metisd "$dir/rpc/tests"
}

suite_abuse() {
    need release
    tally abuse node tests/abuse/run.mjs --bin build/metisd $([ "$full" -eq 1 ] && echo --full)
    # An hour of it, the goal of docs/PERFORMANCE.md, is run by hand: --minutes 60.
    [ "$full" -eq 1 ] && tally soak node tests/abuse/soak.mjs --bin build/metisd --minutes 5
    return 0
}

suite_clients() {
    need release
    npm_packages
    hardhat_packages
    tally clients node tests/clients/run.mjs --bin build/metisd
    tally "forms of replies" node tests/clients/shapes.mjs --bin build/metisd
}

suite_web() {
    need release
    npm_packages
    web_packages
    tally web node tests/web/run.mjs --bin build/metisd
}

# Followers of a sequencer: kills of either side, disagreement, rewinds, forwarding.
suite_replica() {
    need release
    npm_packages
    local kills=12
    [ "$full" -eq 1 ] && kills=50
    tally replica node tests/replica/run.mjs --bin build/metisd --kills "$kills"
}

# What CI suites count on: the ready line, ports, chains that can be made again, many nodes at
# once, the JUnit report.
suite_dev() {
    need release
    tally dev node tests/dev/run.mjs --bin build/metisd
}

suite_crash() {
    need release
    local rounds=60
    [ "$full" -eq 1 ] && rounds=300
    tally crash tests/crash/run.sh "$rounds"
}

# Everything once more under the address and undefined-behaviour sanitizers. With --full all
# archives and the provable core, otherwise the newer state tests (by EIP), without `static`.
suite_asan() {
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=0
    export UBSAN_OPTIONS=print_stacktrace=1
    need asan
    criterion build-asan
    fuzz_targets build-asan
    if [ "$full" -eq 1 ]; then
        asan_full
    elif fixtures state; then
        local part=() each
        for each in "$dir"/eest/state_tests/*; do
            [ "${each##*/}" = static ] || part+=("$each")
        done
        tally "state tests" build-asan/metis-evm statetest "${part[@]}"
        conformance_basic build-asan
    fi
    tally "t8n statuses" node tests/t8n/run.mjs --bin build-asan/metis-evm
    if fixtures rpc; then
        tally "rpc cases" node tests/rpc/run.mjs --bin build-asan/metisd "$dir/rpc/tests"
    fi
    unset ASAN_OPTIONS UBSAN_OPTIONS
}

asan_full() {
    local show=1
    conformance_archives build-asan
    conformance_own build-asan
    need release
    if fixtures chain; then
        tally "stf" node tests/stf/run.mjs --build build --evm build-asan/metis-evm --every 5 \
            "$dir/eest/blockchain_tests"
    fi
}

# Data races: the unit tests of what has threads, import and the RPC cases, transactions from
# many connections at once.
suite_tsan() {
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    export METISD_DB_SIZE_MAX=16gb # the sanitizer leaves little address space
    need tsan
    criterion build-tsan base metisdb chain pool builder net rpc node
    if fixtures rpc; then
        tally "rpc cases" node tests/rpc/run.mjs --bin build-tsan/metisd "$dir/rpc/tests"
    fi
    npm_packages
    tally "pool under load" node tests/clients/load.mjs --bin build-tsan/metisd --check
    unset TSAN_OPTIONS METISD_DB_SIZE_MAX
}

# need PRESET: builds it once in this run; a failing build ends the run.
declare -A built=()
need() {
    [ -n "${built[$1]:-}" ] && return 0
    if ! scripts/build.sh "$1" >"$LOGS/build" 2>&1; then
        grep -A20 -E '^FAILED|error:' "$LOGS/build" | head -80
        echo "the $1 build failed" >&2
        echo "$passed passed, $((failed + 1)) failed"
        exit 1
    fi
    built[$1]=1
}

# ---- the run ----
scripts/setup.sh --test
all=$(now_ms)
for suite in "${chosen[@]}"; do
    t0=$(now_ms)
    ran_p=0
    ran_f=0
    ran_s=0
    set +e
    "suite_$suite"
    set -e
    if [ $((ran_p + ran_f + ran_s)) -eq 0 ]; then
        echo "     FAILED $suite: nothing ran"
        fail
        junit_case "$suite: nothing ran" fail
    fi
    passed=$((passed + ran_p))
    failed=$((failed + ran_f))
    skipped=$((skipped + ran_s))
    line="$ran_p passed, $ran_f failed"
    [ "$ran_s" -gt 0 ] && line+=", $ran_s skipped"
    junit_suite "$suite" $(($(now_ms) - t0))
    printf 'suite %-12s %s (%d s)\n' "$suite" "$line" $((($(now_ms) - t0 + 500) / 1000))
done
junit_write
printf 'all suites: %d s\n' $((($(now_ms) - all + 500) / 1000))
line="$passed passed, $failed failed"
[ "$skipped" -gt 0 ] && line+=", $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] && { [ "$skipped" -eq 0 ] || [ "$allow_skip" -eq 1 ]; }
