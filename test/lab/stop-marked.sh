#!/bin/bash
# stop-marked.sh [--keep]: what tests do at their end. Stops the registry and the engines that tests have started (those with
# a mark) unless another run still uses them: every run holds a shared lock on $GALLEY_LAB_DIR/in-use. --keep takes the
# marks away instead, so that no later run stops them either.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
exec 6> "$LAB/in-use"
flock -n -x 6 || exit 0
for mark in "$LAB"/*/by-tests; do
  [ -e "$mark" ] || continue
  name=$(basename "$(dirname "$mark")")
  if [ "${1:-}" = --keep ]; then rm -f "$mark"
  elif [ "$name" = registry ]; then "$HERE/registry.sh" down 6>&-
  else "$HERE/engine-down.sh" "$name" 6>&- & fi
done
wait
