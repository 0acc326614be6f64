#!/usr/bin/env bash
# Makes the Debian package build/metisd.deb from the release build.
#   scripts/package.sh
. "$(dirname "$0")/lib.sh"
scripts/build.sh release >/dev/null
(cd build && cpack -G DEB --config CPackConfig.cmake >cpack.log 2>&1) || {
    tail -20 build/cpack.log >&2
    exit 1
}
echo build/metisd.deb
