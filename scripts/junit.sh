# JUnit report of scripts/test.sh: a testsuite for each suite, a testcase for each check that
# has a name. Checks are collected as lines `suite TAB name TAB status TAB text` while the
# suites run and written as XML at the end. Sourced, never run.
# shellcheck shell=bash
junit=""
JUNIT_CASES=""

# junit_case NAME ok|fail|skip [FILE with what it said]
junit_case() {
    [ -n "$junit" ] || return 0
    local text=""
    [ -n "${3:-}" ] && text=$(tail -c 4000 "$3" | tr '\t\n' ' \036')
    printf '%s\t%s\t%s\t%s\n' "$suite" "${1//[$'\t\n']/ }" "$2" "$text" >>"$JUNIT_CASES"
}

# junit_tally NAME LOG PASSED FAILED STATUS: the lines `ok   name` and `FAIL name: why` of a
# runner; one case for all of it where it names none, or died.
junit_tally() {
    [ -n "$junit" ] || return 0
    local named
    named=$(grep -cE '^(ok   |FAIL )' "$2" || true)
    awk -v suite="$suite" -v OFS='\t' '
        function flush() { if (name != "") print suite, name, status, text; name = "" }
        /^ok   / { flush(); name = substr($0, 6); status = "ok"; text = ""; gsub(/\t/, " ", name); next }
        /^FAIL / { flush(); name = substr($0, 6); status = "fail"; text = name
                   sub(/: [A-Za-z]*Error.*/, "", name); gsub(/\t/, " ", name)
                   gsub(/\t/, " ", text); lines = 0; next }
        /^[0-9]+ passed/ { flush() }
        name != "" && status == "fail" && lines++ < 12 { gsub(/\t/, " "); text = text "\036" $0 }
        END { flush() }' "$2" >>"$JUNIT_CASES"
    if [ "$4" -gt 0 ] && ! grep -q '^FAIL ' "$2" || [ "$5" -ne 0 ] && [ "$4" -eq 0 ]; then
        junit_case "$1" fail "$2"
    elif [ "$named" -eq 0 ]; then
        junit_case "$1" ok
    fi
}

# junit_criterion PROGRAM XML: the tests of a Criterion program, from its own report.
junit_criterion() {
    [ -n "$junit" ] || return 0
    [ -f "$2" ] || return 0
    sed -nE 's/.*<testcase name="([^"]*)".*status="([A-Z]*)".*/\1\t\2/p' "$2" |
        awk -F'\t' -v suite="$suite" -v program="$1" -v OFS='\t' '{
            status = $2 == "PASSED" ? "ok" : $2 == "SKIPPED" ? "skip" : "fail"
            print suite, program ": " $1, status, "" }' >>"$JUNIT_CASES"
}

# junit_suite NAME MILLISECONDS: a suite has ended.
junit_suite() {
    [ -n "$junit" ] || return 0
    printf '%s\t\ttime\t%s\n' "$1" "$2" >>"$JUNIT_CASES"
}

junit_write() {
    [ -n "$junit" ] || return 0
    LC_ALL=C awk -F'\t' '
        function xml(s) {
            gsub(/\033\[[0-9;]*[A-Za-z]/, "", s)
            gsub(/[\001-\010\013\014\016-\035\037\177]/, "?", s)
            gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s)
            gsub(/"/, "\\&quot;", s); gsub(/\036/, "\n", s)
            return s
        }
        $3 == "time" { seconds[$1] = $4 / 1000; if (!($1 in num)) order[n++] = $1; num[$1] += 0; next }
        {
            if (!($1 in num)) order[n++] = $1
            num[$1]++; if ($3 == "fail") bad[$1]++; if ($3 == "skip") skips[$1]++
            c = sprintf("    <testcase classname=\"%s\" name=\"%s\"", xml($1), xml($2))
            if ($3 == "fail") c = c sprintf("><failure message=\"failed\">%s</failure></testcase>", xml($4))
            else if ($3 == "skip") c = c "><skipped/></testcase>"
            else c = c "/>"
            cases[$1] = cases[$1] c "\n"
        }
        END {
            print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
            print "<testsuites name=\"metisd\">"
            for (i = 0; i < n; i++) {
                s = order[i]
                printf "  <testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" time=\"%.3f\">\n%s  </testsuite>\n",
                    xml(s), num[s], bad[s], skips[s], seconds[s], cases[s]
            }
            print "</testsuites>"
        }' "$JUNIT_CASES" | iconv -c -f UTF-8 -t UTF-8 >"$junit"
}
