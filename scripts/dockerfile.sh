#!/usr/bin/env bash
# Runs the steps of the Dockerfile without a container engine.
#   scripts/dockerfile.sh --check        reads them: only what the runner knows, exec forms
#   scripts/dockerfile.sh --run ROOT...  runs them, stage by stage, each in a Debian 12 root
#                                        (one ROOT a stage, as debootstrap makes it), then
#                                        starts the entrypoint's program in the last one
. "$(dirname "$0")/lib.sh"

# in_root ROOT COMMAND: with the kernel's file systems there for as long as it runs.
in_root() {
    unshare --mount sh -c 'mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" &&
        exec chroot "$1" /bin/sh -c "$2"' sh "$1" "$2"
}

# copy_step ROOT ARGS: `COPY . DIR` or `COPY --from=build FILE DEST`.
copy_step() {
    local root=$1 from=${2#--from=build }
    local source=${from% *} dest=${from##* }
    if [ "$from" != "$2" ]; then
        cp "${roots[0]}$source" "$root$dest"
    else
        mkdir -p "$root$dest"
        git ls-files -z | xargs -0 cp --parents -t "$root$dest"
        [ -d third_party ] && cp -r third_party "$root$dest/"
    fi
}

mode=${1---check}
shift || true
roots=("$@")
stage=-1
entry=
while IFS= read -r line; do
    word=${line%% *}
    rest=${line#* }
    case $word in
    '' | \#) ;;
    FROM)
        [ "${rest%% *}" = debian:12-slim ] || { echo "base image: $rest" >&2; exit 1; }
        stage=$((stage + 1))
        ;;
    RUN)
        [ "$mode" = --run ] && { echo "RUN $rest"; in_root "${roots[stage]}" "$rest"; }
        ;;
    COPY)
        [ "$mode" = --run ] && { echo "COPY $rest"; copy_step "${roots[stage]}" "$rest"; }
        ;;
    ENTRYPOINT | CMD)
        # a shell around it would keep SIGTERM from the node
        [ "${rest:0:1}" = '[' ] || { echo "$word must have the exec form" >&2; exit 1; }
        [ "$word" = ENTRYPOINT ] && entry=$(sed -E 's/^\["([^"]+)".*/\1/' <<<"$rest")
        ;;
    EXPOSE | VOLUME | STOPSIGNAL) ;;
    *)
        echo "a step this script does not know: $line" >&2
        exit 1
        ;;
    esac
done <Dockerfile
[ -n "$entry" ] || { echo "no ENTRYPOINT" >&2; exit 1; }
if [ "$mode" = --run ]; then
    in_root "${roots[stage]}" "$entry version"
fi
echo "$((stage + 1)) stages, entrypoint $entry"
