#!/usr/bin/env bash
# A minimal Debian 12 in a folder, which knows the network as this machine does: names,
# certificates, Debian's own package sources. A step that counts on something a new machine
# does not have fails there. As root:
#   scripts/debroot.sh check               status 0, or a line that says why it cannot be
#   scripts/debroot.sh make ROOT           makes it (the base is kept in the cache folder)
#   scripts/debroot.sh run ROOT COMMAND... runs a command in it, in the place of this script
. "$(dirname "$0")/lib.sh"

CA=/etc/ssl/machine-ca.crt

# `URI RELEASE COMPONENT` of the package lists of this machine that are Debian's own.
sources() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' | awk '$1 == "Debian" && $3 ~ /^bookworm/ { print $2, $3, $4 }'
}

check() {
    [ "$(id -u)" -eq 0 ] || { echo "not root"; return 1; }
    command -v debootstrap >/dev/null || { echo "debootstrap is not installed"; return 1; }
    unshare --mount true 2>/dev/null || { echo "no mount namespaces here"; return 1; }
    sources | grep -q ' bookworm ' || apt-get update -qq >/dev/null 2>&1 || true
    sources | grep -q ' bookworm ' || { echo "no package lists of Debian 12 here"; return 1; }
}

base() {
    local root=$1 mirror list
    list=$(sources)
    mirror=$(awk '$2 == "bookworm" { print $1; exit }' <<<"$list")
    debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
        tail -20 "$root.log" >&2
        return 1
    }
    rm -f "$root.log"
    sort -u <<<"$list" | sed 's/^/deb /' >"$root/etc/apt/sources.list"
}

make() {
    local root=$1 tar
    tar=$CACHE/debian12-$(sources | sha256sum | cut -c1-12).tar
    mkdir -p "$root" "$CACHE"
    if [ ! -f "$tar" ]; then
        base "$root"
        tar -C "$root" -cf "$tar.$$" . && mv "$tar.$$" "$tar"
    else
        tar -C "$root" -xf "$tar"
    fi
    apt-config dump | grep -E '^Acquire::(http|https|Check|Retries|ForceIPv)' \
        >"$root/etc/apt/apt.conf.d/99machine" || true
    mkdir -p "$root/etc/ssl"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
    cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root$CA" 2>/dev/null || true
    if command -v npm >/dev/null; then
        npm config get registry | sed 's/^/registry=/' >"$root/root/.npmrc"
    fi
}

run() {
    local root=$1 ca=()
    shift
    [ -f "$root$CA" ] && ca=(SSL_CERT_FILE="$CA" CURL_CA_BUNDLE="$CA" NODE_EXTRA_CA_CERTS="$CA")
    exec unshare --mount sh -c 'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" &&
        exec chroot "$0" /usr/bin/env -i "$@"' "$root" HOME=/root LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive "${ca[@]}" "$@"
}

case ${1:-} in
check) check ;;
make) make "${2:?ROOT}" ;;
run) run "${@:2}" ;;
*)
    echo "usage: scripts/debroot.sh check | make ROOT | run ROOT COMMAND..." >&2
    exit 2
    ;;
esac
