#!/usr/bin/env bash
# Checks the order of modules: a file of src/<module>/ or include/metis/ includes only
# headers of its own module and of modules before it. Prints each breach; status 1 if any.
. "$(dirname "$0")/lib.sh"

order=$(sed -n 's/^metis_module(\([a-z]*\).*/\1/p' CMakeLists.txt | tr '\n' ' ')
find src include -name '*.[ch]' | sort | xargs awk -v order="$order" '
BEGIN {
    n = split(order, names, " ")
    for (i = 1; i <= n; i++) rank[names[i]] = i
    rank["trie"] = rank["metisdb"] # the trie is a part of metisdb with a header of its own
    rank["sequencer"] = rank["consensus"] # its driver, likewise
    rank["http_client"] = rank["net"]
    rank["tools"] = n + 1
}
FNR == 1 {
    own = FILENAME
    sub(/^src\//, "", own)
    sub(/^include\/metis\//, "", own)
    sub(/\/.*/, "", own)
    sub(/\.h$/, "", own)
    if (!(own in rank)) {
        printf "%s: no module of this name in CMakeLists.txt\n", FILENAME
        bad = 1
    }
}
/^#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    file = part[2]
    if (file ~ /^metis\//) {
        sub(/^metis\//, "", file)
        sub(/\/.*/, "", file)
        sub(/\.h$/, "", file)
        if (file == "version") next
        if (!(file in rank)) {
            printf "%s:%d: unknown module %s\n", FILENAME, FNR, file
            bad = 1
        } else if (rank[file] > rank[own]) {
            printf "%s:%d: %s may not include %s, which comes after it\n", \
                FILENAME, FNR, own, file
            bad = 1
        }
    } else if (file ~ /_int\.h$/ && own != "tools") {
        owner = file
        sub(/_int\.h$/, "", owner)
        if ((owner in rank) && owner != own) {
            printf "%s:%d: %s is private to %s\n", FILENAME, FNR, file, owner
            bad = 1
        }
    } else if (file ~ /^\.\.\//) {
        printf "%s:%d: include by relative path: %s\n", FILENAME, FNR, file
        bad = 1
    }
}
END { exit bad }'
