#!/bin/bash
# engine-down.sh NAME [--purge]: stops one instance that engine-up.sh brought up, and nothing else; --purge removes its
# images, containers and volumes too. The unpacked binaries stay.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
NAME=${1:?NAME}
. "$HERE/engine.lib.sh"
[ -d "$I" ] || die "there is no engine $NAME in $LAB"
exec 9> "$I/.up.lock"; flock 9
if alive; then
  pid=$(cat "$I/docker.pid")
  cli=$(readlink -f "/proc/$pid/exe"); cli=${cli%/sbin/dockerd}/bin/docker
  running=$(timeout 20 "$cli" -H "unix://$I/docker.sock" ps -q 2> /dev/null)
  # shellcheck disable=SC2086 # a list of ids
  [ -z "$running" ] || timeout 60 "$cli" -H "unix://$I/docker.sock" kill $running > /dev/null 2>&1
  kill "$pid" 2> /dev/null
  gone "$pid" || { say "engine $NAME does not end by itself: killed"; kill -9 "$pid"; gone "$pid"; }
fi
sweep
[ "${2:-}" != --purge ] || rm -rf --one-file-system "$I/data" "$I/dockerd.log" "$I/daemon.json" "$I/pulled" "$I/octet"
say "engine $NAME is stopped"
