#!/usr/bin/env bash
# Installs what the build and the tests need: Debian packages, and pinned npm packages
# checked by hash. Idempotent; when nothing is missing it takes well under a second.
#   scripts/setup.sh            what the build needs
#   scripts/setup.sh --test     also what the tests need
#   scripts/setup.sh --package  only what the Debian package is made from
. "$(dirname "$0")/lib.sh"

PROGRAM_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config git ca-certificates
    openssl libuv1-dev liblmdb-dev libsecp256k1-dev libssl-dev libgmp-dev
    libjansson-dev libhttp-parser-dev libwslay-dev libcurl4-openssl-dev libinih-dev
    zlib1g-dev)
BUILD_PACKAGES=(ccache gcc-riscv64-unknown-elf)
TEST_PACKAGES=(zstd clang-14 clang-format-14 libclang-rt-14-dev libcriterion-dev curl
    util-linux procps qemu-user chromium fonts-dejavu-core systemd bsdutils perl-base dpkg
    binutils debootstrap)

CKZG_VERSION=4.1.0
CKZG_SHA512=eliOBB2GKoT5Nk4LwN418O8kWfXCwepHj3kd6z0zKrzIdJbry0Y8IDPYzE5Dxw/fs386PGO6zQRqy8LSVtR5tQ==

# The portable C of libsecp256k1, for the provable core: an old version, the one npm carries.
SECP_VERSION=5.0.1
SECP_SHA512=lDFs9AAIaWP9UCdtWrotXWWF9t8PWgQDcxqgAnpM9rMqxb3Oaq2J0thzPVSxBwdJgyQtkU/sYtFtbM1RSt/iYA==

want_test=0
packages=("${PROGRAM_PACKAGES[@]}" "${BUILD_PACKAGES[@]}")
for arg in "$@"; do
    case $arg in
    --test)
        want_test=1
        packages+=("${TEST_PACKAGES[@]}")
        ;;
    --package) packages=("${PROGRAM_PACKAGES[@]}") ;;
    *)
        echo "usage: scripts/setup.sh [--test | --package]" >&2
        exit 2
        ;;
    esac
done

missing_packages() {
    local have p
    have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null |
        awk '$1 == "ii" { print $2 }')
    for p in "${packages[@]}"; do
        grep -qxF "$p" <<<"$have" || echo "$p"
    done
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "$@"
}

# fetch NAME VERSION SHA512: an npm package into third_party/NAME, checked by its hash.
fetch() {
    local dir tgz sum
    dir=$(mktemp -d)
    tgz=$dir/$1-$2.tgz
    (cd "$dir" && npm pack --silent "$1@$2" >/dev/null)
    sum=$(openssl dgst -sha512 -binary "$tgz" | base64 -w0)
    if [ "$sum" != "$3" ]; then
        rm -rf "$dir"
        echo "$1@$2: the hash is $sum, not the pinned $3" >&2
        return 1
    fi
    tar -xzf "$tgz" -C "$dir"
    mkdir -p third_party
    rm -rf "third_party/$1"
    mv "$dir/package" "third_party/$1"
    echo "$3" >"third_party/$1/.pin"
    rm -rf "$dir"
}

if [ "$want_test" -eq 1 ] || [ ! -f third_party/c-kzg/.pin ] ||
    [ ! -f third_party/secp256k1/.pin ]; then
    command -v npm >/dev/null || packages+=(npm)
fi
missing=$(missing_packages)
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    step "debian packages" apt_install $missing
fi
while read -r name version sum; do
    if [ "$(cat "third_party/$name/.pin" 2>/dev/null)" != "$sum" ]; then
        step "$name $version (npm)" fetch "$name" "$version" "$sum" </dev/null
    fi
done <<EOF
c-kzg $CKZG_VERSION $CKZG_SHA512
secp256k1 $SECP_VERSION $SECP_SHA512
EOF
