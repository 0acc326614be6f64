#!/usr/bin/env bash
# The part of docs/STYLE.md that a machine can check. Each check prints `ok` or `FAIL` and
# its findings; the last line is `N passed, N failed`.
. "$(dirname "$0")/lib.sh"

passed=0
failed=0
check() {
    local name=$1 found
    shift
    found=$("$@" 2>&1 || true)
    if [ -z "$found" ]; then
        echo "ok   $name"
        passed=$((passed + 1))
    else
        echo "FAIL $name"
        printf '%s\n' "$found" | head -40 | sed 's/^/     /'
        failed=$((failed + 1))
    fi
}

mapfile -t SOURCES < <(find src include -name '*.[ch]' -o -path 'src/*.def' | sort)
mapfile -t CODE < <(find src -name '*.c' | sort)
mapfile -t HEADERS < <(find include src -name '*.h' | sort)
mapfile -t FORMATTED < <(find src include tests -name node_modules -prune -o \
    -name '*.[ch]' -print | sort)
mapfile -t SCRIPTS < <(find scripts .ci tests -name node_modules -prune -o \
    \( -name '*.sh' -o -path '.ci/run' \) -print | sort)

# Comments and string literals removed, lines kept, so that banned words in prose are fine.
strip_c() {
    awk '{
        line = $0; out = ""
        while (length(line) > 0) {
            if (block) {
                p = index(line, "*/")
                if (p == 0) { line = ""; break }
                line = substr(line, p + 2); block = 0; continue
            }
            c = substr(line, 1, 1); d = substr(line, 1, 2)
            if (d == "/*") { block = 1; line = substr(line, 3) }
            else if (d == "//") line = ""
            else if (c == "\"") {
                line = substr(line, 2); out = out "\"\""
                while (length(line) > 0 && substr(line, 1, 1) != "\"")
                    line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
                line = substr(line, 2)
            } else { out = out c; line = substr(line, 2) }
        }
        print FILENAME ":" FNR ":" out
    }' "$@"
}

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
[ ${#CODE[@]} -gt 0 ] && for f in "${CODE[@]}" "${HEADERS[@]}"; do strip_c "$f"; done >"$stripped"

banned() {
    grep -E '[^A-Za-z0-9_.>](strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|strtok|rand|srand|tmpnam|alloca)[ ]*\(' \
        "$stripped"
}
only_base() {
    # stf/rv64/include says what a C library would, without one.
    grep -vE '^src/(base|stf/rv64/include)/' "$stripped" |
        grep -E '[^A-Za-z0-9_.>](malloc|calloc|realloc|free|strdup|strndup|asprintf)[ ]*\('
    # metis-bench measures the CPU time of a thread, which base has no name for.
    grep -vE '^src/(base|tools)/' "$stripped" |
        grep -E '[^A-Za-z0-9_.>](time|gettimeofday|clock_gettime)[ ]*\('
}
mutex_only_base() {
    grep -vE '^(src/base/|include/metis/base/)' "$stripped" | grep -E 'pthread_(mutex|cond|rwlock)_'
}
printf_only_tools() {
    grep -vE '^src/(tools|node|stf/rv64/include)/' "$stripped" | grep -E '[^A-Za-z0-9_](printf|puts|putchar|fprintf)[ ]*\('
}
# Columns, not bytes, whatever the locale of the caller.
long_lines() { LC_ALL=C.UTF-8 grep -nE '^.{91,}' "${SOURCES[@]}"; }
# A function begins at a line `{` in column 1 and ends at `}` in column 1.
long_functions() {
    awk '
    FNR == 1 { start = 0 }
    /^\{/ { start = FNR }
    /^\}/ { if (start && FNR - start - 1 > 70)
                print FILENAME ":" start ": a function of " FNR - start - 1 " lines"
            start = 0 }' "${CODE[@]}"
}
long_files() {
    wc -l "${CODE[@]}" | awk '$2 != "total" && $1 > 850 { print $2 ": " $1 " lines" }'
}
# include/metis/base/u256.h -> METIS_BASE_U256_H
guards() {
    local f want
    for f in "${HEADERS[@]}"; do
        want=$(sed -e 's|^include/metis/||' -e 's|^src/[a-z0-9]*/||' <<<"$f" |
            tr 'a-z/.-' 'A-Z___')
        grep -qE "^#ifndef METIS_(${want}|[A-Z0-9_]*${want})\$" "$f" ||
            echo "$f: no guard METIS_$want"
    done
}
file_comments() {
    local f
    for f in "${CODE[@]}" "${HEADERS[@]}"; do
        head -1 "$f" | grep -qE '^/[*/]' || echo "$f: does not begin with what it is"
    done
}
todos() { grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "${SOURCES[@]}"; }
machine_paths() { git grep -nE '(^|[^A-Za-z0-9_.])/(work|home)/[a-z]' -- . ':!*package-lock.json'; }
format() {
    local bin
    bin=$(command -v clang-format-14) || { echo "clang-format-14 is not installed"; return; }
    printf '%s\0' "${FORMATTED[@]}" |
        xargs -0 -n 8 -P "$(nproc)" "$bin" --dry-run -Werror 2>&1 |
        grep -E 'error:' | sort -u -t: -k1,1
}
shell_syntax() {
    local f
    for f in "${SCRIPTS[@]}"; do bash -n "$f"; done
}
lock_files() { node scripts/locks.mjs; }

check "layers" scripts/layers.sh
check "banned calls" banned
check "heap and clock only in base" only_base
check "mutexes only in base" mutex_only_base
check "printf only in tools and node" printf_only_tools
check "lines up to 90 columns" long_lines
check "functions up to 70 lines" long_functions
check "files up to 850 lines" long_files
check "header guards" guards
check "files say what they are" file_comments
check "no TODO" todos
check "no machine paths" machine_paths
check "clang-format" format
check "shell syntax" shell_syntax
check "lock files: pinned, hashed, no addresses" lock_files
if [ -x "${METISD:-build/metisd}" ]; then
    check "generated pages" scripts/gen.sh --check "${METISD:-build/metisd}"
else
    echo "     left out: generated pages (no build/metisd yet)"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
