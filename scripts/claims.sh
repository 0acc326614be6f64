#!/usr/bin/env bash
# docs/CLAIMS.md: every technical claim the project makes, the command that proves it, and the
# last figure.
#   scripts/claims.sh [ID...]            runs the commands of these claims (none named: all)
#   scripts/claims.sh --from LOG         takes the figures from the output of scripts/test.sh
#   scripts/claims.sh --record ID TEXT [COMMIT]   notes the figure of a run made elsewhere
#   scripts/claims.sh --list             the claims, without running anything
. "$(dirname "$0")/lib.sh"
exec node scripts/claims.mjs "$@"
