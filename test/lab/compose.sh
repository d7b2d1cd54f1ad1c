#!/bin/bash
# compose.sh    prints the path of docker's compose plugin: that of Debian 13 (`docker-compose`, version 2), unpacked under
# $GALLEY_LAB_DIR/compose once. Needs no root. The benchmark compares with it, and the compose project is tried with it.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
BIN=$LAB/compose
mkdir -p "$BIN"
exec 9> "$BIN/.lock"; flock 9
if [ ! -x "$BIN/docker-compose" ]; then
  suite=
  for s in trixie forky sid; do
    conf=$(private_apt "$s") || continue
    have=$(APT_CONFIG=$conf apt-cache show docker-compose 2> /dev/null | sed -n 's/^Version: \([0-9]*\)\..*/\1/p' | sed -n 1p) || true
    if [ "$have" = 2 ]; then suite=$s; break; fi
  done
  [ -n "$suite" ] || die "Debian has no docker-compose 2 (found: ${have:-none})"
  say "docker compose: fetching Debian's package"
  debs "$suite" "$BIN/debs" docker-compose
  dpkg -x "$BIN"/debs/*.deb "$BIN/root"
  found=$(find "$BIN/root" -type f -name docker-compose -perm -u+x -size +1M | sed -n 1p)
  [ -n "$found" ] && "$found" version > /dev/null || die "docker compose does not run on this machine"
  mv "$found" "$BIN/docker-compose"                # last: what has this name is whole
  rm -rf "$BIN/root" "$BIN/debs"
fi
echo "$BIN/docker-compose"
