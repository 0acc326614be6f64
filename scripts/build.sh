#!/usr/bin/env bash
# Builds a preset: scripts/build.sh [release|debug|asan|tsan|clang] [TARGET...]
# The default is release, into build/; the others go to build-<preset>/.
. "$(dirname "$0")/lib.sh"
preset=${1:-release}
[ $# -gt 0 ] && shift
case $preset in
release) dir=build ;;
debug | asan | tsan | clang) dir=build-$preset ;;
*)
    echo "usage: scripts/build.sh [release|debug|asan|tsan|clang] [TARGET...]" >&2
    exit 2
    ;;
esac
# Configured anew when Criterion came after the last time, so that the unit tests appear.
if [ ! -f "$dir/build.ninja" ] || { pkg-config --exists criterion &&
    ! grep -q '^CRITERION_FOUND:INTERNAL=1' "$dir/CMakeCache.txt"; }; then
    step "configure $preset" cmake --preset "$preset"
fi
step "build $preset" ninja -C "$dir" "$@"
