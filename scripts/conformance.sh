#!/usr/bin/env bash
# docs/CONFORMANCE.md, from real runs: every archive once with one engine (cases, CPU time),
# the project's own cases, the state of Amsterdam (docs/conformance-amsterdam.md), and the
# totals of differential fuzzing.
#   scripts/conformance.sh [--bin METIS-EVM] [--fuzz LOG]... [--fuzz-only yes]
# Each LOG is the output of tests/diff's run.mjs, blocks.mjs or coverage.mjs, or of
# scripts/fuzz.sh; what was recorded stays when none is given. --fuzz-only leaves the rest of
# the page as it is.
. "$(dirname "$0")/lib.sh"
bin=build/metis-evm
fuzz=()
only=
while [ $# -gt 0 ]; do
    case $1 in
    --bin) bin=$2 ;;
    --fuzz) fuzz+=("$2") ;;
    --fuzz-only) only=$2 ;;
    *)
        echo "usage: scripts/conformance.sh [--bin METIS-EVM] [--fuzz LOG]... [--fuzz-only yes]" >&2
        exit 2
        ;;
    esac
    shift 2
done
page=docs/CONFORMANCE.md
record=docs/conformance-fuzz.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
total_ms=0

# row NAME SOURCE COMMAND...: runs it, writes its line of the table.
row() {
    local name=$1 source=$2 last cpu
    shift 2
    TIMEFORMAT='%U %S'
    { time "$@" >"$work/out" 2>"$work/err"; } 2>"$work/time" || true
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$work/out" | tail -1 || true)
    [[ $last =~ ,\ 0\ failed(,\ [0-9]+\ excluded)?$ ]] || failed=1
    cpu=$(awk '{printf "%d", ($1 + $2) * 1000}' "$work/time")
    total_ms=$((total_ms + cpu))
    awk -v n="$name" -v s="$source" -v l="${last:-did not finish}" -v c="$cpu" \
        'BEGIN {printf "| %s | %s | %s | %.1f |\n", n, s, l, c / 1000}' >>"$work/table"
}

# archive NAME COMMAND SOURCE PATH...: one archive; absent ones are listed as such.
archive() {
    local name=$1 command=$2 source=$3 dir part paths=()
    shift 3
    if ! dir=$(scripts/fixtures.sh "$name" 2>/dev/null); then
        echo "| $name | $source | not there | |" >>"$work/table"
        failed=1
        return 0
    fi
    for part in "$@"; do paths+=("$dir"/$part); done
    # shellcheck disable=SC2086 # a command may have options
    row "$name, ${command%% *}" "$source" "$bin" $command "${paths[@]}"
}

# run_all: the table.
run_all() {
    eest="EEST v5.4.0, 2026-04-21"
    old="ethereum/tests 4c87ebbf, 2024-10-24"
    archive state statetest "$eest" eest/state_tests
    archive stress statetest "$eest" eest/state_tests
    archive stress blocktest "$eest" eest/blockchain_tests
    archive chain blocktest "$eest" eest/blockchain_tests
    archive chainstatic blocktest "$eest" eest/blockchain_tests
    archive bench blocktest "EEST benchmark v0.0.7, 2026-03" eest/benchmark
    archive amsterdam "blocktest --bal --draft-prices --exclude tests/amsterdam/excluded.txt" \
        "EEST devnet bal v5.7.0-alpha, 2026-04" eest/blockchain_tests_devnet
    archive basic txtest "$old" eth/TransactionTests
    archive basic trietest "$old" eth/TrieTests
    archive basic difficultytest "$old" eth/DifficultyTests
    archive mainnet suitetest "metis-sdk a3868c8, pevm 9cbd856" mainnet
    if [ -d tests/vectors/statetests ]; then
        row "own state tests" "tests/diff/cases.mjs" "$bin" statetest tests/vectors/statetests
    fi
}

if [ ${#fuzz[@]} -gt 0 ]; then
    {
        echo "oracle: go-ethereum evm 1.16.7" \
            "(go install github.com/ethereum/go-ethereum/cmd/evm@v1.16.7)"
        for log in "${fuzz[@]}"; do
            grep -E '^(seeds|chains|instructions|holes?|refused by both|[0-9]+ chains|\||[0-9]+ passed|[a-z]+ +[0-9]+ edges)' \
                "$log"
        done
    } >"$record"
fi

# The page without its last section, which is written anew.
upper_part() {
    if [ -n "$only" ]; then
        sed '/^## Differential fuzzing/,$d' "$page"
        return
    fi
    run_all
    echo "# Conformance"
    echo
    echo "Written by \`scripts/conformance.sh\` from runs of \`metis-evm\` ($("$bin" version))."
    echo
    echo "| suite | source | cases | CPU s |"
    echo "|---|---|---|---|"
    cat "$work/table"
    echo
    awk -v c="$total_ms" 'BEGIN {printf "One pass: %.1f s of CPU.\n", c / 1000}'
    echo
    echo "Of the archive basic, key files, genesis files and keys run as unit tests"
    echo "(\`test_accounts_keystore.c\`, \`test_chain_genesis.c\`, \`test_accounts_keys.c\`). Left out:"
    echo "PoWTests, since seals of proof-of-work headers are not checked here; crypto.json, whose"
    echo "ECIES belongs to a peer protocol that this node does not speak; hexencodetest.json, an"
    echo "encoding inside the trie, which the roots of the trie tests contain."
    echo
    cat docs/conformance-amsterdam.md
    echo
}

{
    upper_part
    echo "## Differential fuzzing"
    echo
    echo "Random tests of every fork from Frontier to Osaka; the other implementation is"
    echo "go-ethereum's \`evm\`."
    echo
    echo "- \`tests/diff/run.mjs\`: programs. State root (which holds the gas paid) and the hash of"
    echo "  the logs agree; a transaction that one refuses the other refuses."
    echo "- \`tests/diff/blocks.mjs\`: chains of blocks, also over transitions of forks, with"
    echo "  withdrawals, requests, blob gas and system contracts, imported by both. With"
    echo "  \`--fork Amsterdam\` the other is @ethereumjs/vm."
    echo "- \`tests/diff/coverage.mjs\`: what the programs and the cases of"
    echo "  \`tests/vectors/statetests\` reach in go-ethereum's trace. Columns: operations that"
    echo "  succeeded, that failed, that ran out of gas, found too few or too many items on the"
    echo "  stack, or wrote in a static call; bytes that are no operation; precompiles (pre) that"
    echo "  succeeded, failed, had too little gas, refused their input."
    echo "- \`scripts/fuzz.sh\`: the decoders, under libFuzzer, until ten CPU-minutes bring no new"
    echo "  edge."
    echo
    echo "What differs is saved, made smaller. The last recorded run:"
    echo
    echo '```'
    if [ -f "$record" ]; then cat "$record"; else echo "none recorded"; fi
    echo '```'
} >"$work/page"
mv "$work/page" "$page"
cat "$page"
exit "$failed"
