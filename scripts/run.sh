#!/usr/bin/env bash
# From a fresh Debian 12 to a running devnet: installs what is missing, builds a release
# into build/, and runs both dev networks in the foreground until interrupted.
#   scripts/run.sh [--build-only] [options of metisd dev]
. "$(dirname "$0")/lib.sh"
build_only=0
if [ "${1:-}" = --build-only ]; then
    build_only=1
    shift
fi
scripts/setup.sh
scripts/build.sh release
[ "$build_only" -eq 1 ] && exit 0
exec build/metisd dev "$@"
