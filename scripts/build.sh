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
# Configured anew when Criterion, the RISC-V compiler or the core's portable C came after the last
# time, so that the unit tests, libmetis-stf and stf.rv64 appear.
cached() { grep -q "$1" "$dir/CMakeCache.txt"; }
if [ ! -f "$dir/build.ninja" ] ||
    { pkg-config --exists criterion && ! cached '^CRITERION_FOUND:INTERNAL=1'; } ||
    { command -v riscv64-unknown-elf-gcc >/dev/null && ! cached '^RV64_GCC:FILEPATH=/'; }; then
    step "configure $preset" cmake --preset "$preset"
fi
step "build $preset" ninja -C "$dir" "$@"
