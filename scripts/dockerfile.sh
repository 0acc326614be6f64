#!/usr/bin/env bash
# Runs the steps of the Dockerfile without a container engine.
#   scripts/dockerfile.sh --check        reads them: only what the runner knows, exec forms
#   scripts/dockerfile.sh --run ROOT...  runs them as root, stage by stage, each in a Debian 12
#                                        that scripts/debroot.sh has made (one ROOT a stage)
. "$(dirname "$0")/lib.sh"

# copy_step ROOT ARGS: `COPY . DIR`, `COPY FILE... DIR/` or `COPY --from=build FILE DEST`.
copy_step() {
    local root=$1 words
    read -ra words <<<"$2"
    local dest=$root${words[-1]}
    unset 'words[-1]'
    if [ "${words[0]}" = --from=build ]; then
        cp "${roots[0]}${words[1]}" "$dest"
    elif [ "${words[0]}" = . ]; then
        mkdir -p "$dest"
        git ls-files -z | xargs -0 cp --parents -t "$dest"
    else
        mkdir -p "$dest"
        cp -t "$dest" "${words[@]}"
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
        [ "$mode" = --run ] && { echo "RUN $rest"
            scripts/debroot.sh run "${roots[stage]}" /bin/sh -c "$rest" </dev/null; }
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
    scripts/debroot.sh run "${roots[stage]}" "$entry" version </dev/null
fi
echo "$((stage + 1)) stages, entrypoint $entry"
