#!/bin/bash
# nats.sh [2.9|2.10|2.15]    prints the path of a nats-server: the one on the PATH, else Debian 12's (2.9), or the named
# version of the Debian suite that has it, unpacked under $GALLEY_LAB_DIR/nats/VERSION once. Needs no root.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
V=${1:-}
if [ -z "$V" ]; then
  command -v nats-server && exit
  V=2.9
fi
case $V in 2.9) suites=bookworm;; 2.10) suites=trixie;; 2.15) suites='sid forky';; *) die "no nats-server $V: 2.9, 2.10 or 2.15";; esac
BIN=$LAB/nats/$V
mkdir -p "$BIN"
exec 9> "$BIN/.lock"; flock 9
if [ ! -x "$BIN/nats-server" ]; then
  command -v apt-get dpkg > /dev/null || die "there is no nats-server on the PATH, and it is fetched from Debian's packages: this machine is not Debian"
  suite=
  for s in $suites; do
    conf=$(private_apt "$s") || continue
    have=$(APT_CONFIG=$conf apt-cache show nats-server 2> /dev/null | sed -n 's/^Version: \([0-9]*\.[0-9]*\).*/\1/p' | sed -n 1p) || true
    if [ "$have" = "$V" ]; then suite=$s; break; fi
  done
  [ -n "$suite" ] || die "Debian ($suites) has no nats-server $V (found: ${have:-none})"
  say "nats-server $V: fetching Debian's package"
  debs "$suite" "$BIN/debs" nats-server
  dpkg -x "$BIN"/debs/*.deb "$BIN/root"
  found=$(find "$BIN/root" -type f -name nats-server -perm -u+x | sed -n 1p)
  "$found" --version > /dev/null || die "nats-server $V does not run on this machine"
  mv "$found" "$BIN/nats-server"                # last: what has this name is whole
  rm -rf "$BIN/root" "$BIN/debs"
fi
echo "$BIN/nats-server"
