#!/usr/bin/env bash
# Unpacks a fixture archive outside the source tree, once for each content of the archive,
# and prints the folder: scripts/fixtures.sh NAME (state, rpc, chain, ...)
# Archives come from $METIS_FIXTURES, else ../shared/fixtures. Status 77: it is in neither.
. "$(dirname "$0")/lib.sh"
name=${1:?usage: scripts/fixtures.sh NAME}
archive=
for dir in "${METIS_FIXTURES:-}" "$TOP/../shared/fixtures"; do
    if [ -n "$dir" ] && [ -f "$dir/$name.tar.zst" ]; then
        archive=$dir/$name.tar.zst
        break
    fi
done
if [ -z "$archive" ]; then
    echo "no $name.tar.zst in \$METIS_FIXTURES or ../shared/fixtures" >&2
    exit 77
fi
key=$(sha256sum "$archive" | cut -c1-16)
out=$CACHE/fixtures/$name-$key
if [ ! -d "$out" ]; then
    mkdir -p "$CACHE/fixtures"
    part=$(mktemp -d "$CACHE/fixtures/.part-XXXXXX")
    zstd -dcq --long=27 "$archive" | tar -x -C "$part"
    chmod 755 "$part"
    mv -T "$part" "$out" 2>/dev/null || rm -rf "$part"
fi
echo "$out"
