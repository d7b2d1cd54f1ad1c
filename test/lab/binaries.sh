#!/bin/bash
# binaries.sh 20|26|28: unpacks one Docker Engine version from Debian's packages under $GALLEY_LAB_DIR/VERSION, once:
# root/usr/{bin,sbin}, config/ (a DOCKER_CONFIG with buildx). 20.10 is Debian 12's, 26.1 Debian 13's, 28.5 of the suites
# after it. Installs nothing on the machine. Safe to call several times at once.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
V=${1:?20, 26 or 28}
case $V in 20) suites=bookworm;; 26) suites=trixie;; 28) suites='sid forky';; *) die "no engine $V: 20, 26 or 28";; esac
BIN=$LAB/$V
mkdir -p "$BIN"
exec 9> "$BIN/.lock"; flock 9
packages=(docker.io containerd runc)
# 26 and 28 are built against a newer libc than Debian 12's
# (20's dockerd wants libdevmapper, which a small installation lacks)
if [ "$V" = 20 ]; then packages+=(libdevmapper1.02.1); else packages+=(docker-cli docker-buildx libc6 libseccomp2 patchelf libstdc++6 libgcc-s1); fi
if [ "$V" = 28 ]; then packages+=(tini-static); else packages+=(tini); fi
[ "$(cat "$BIN/.ready" 2> /dev/null)" != "${packages[*]}" ] || exit 0

say "engine $V: fetching Debian's packages"
suite=
for s in $suites; do
  conf=$(private_apt "$s")
  have=$(APT_CONFIG=$conf apt-cache show docker.io 2> /dev/null | sed -n 's/^Version: \([0-9]*\).*/\1/p' | sed -n 1p) || true
  if [ "$have" = "$V" ]; then suite=$s; break; fi
done
[ -n "$suite" ] || die "Debian ($suites) has no Docker Engine $V any more (found: ${have:-none})"

debs "$suite" "$BIN/debs" "${packages[@]}"
NEXT=$BIN/next
rm -rf "$NEXT"; mkdir -p "$NEXT/root" "$NEXT/lib" "$BIN/config"
for deb in "$BIN"/debs/*.deb; do
  case ${deb##*/} in libc6_* | libseccomp2_* | libstdc++6_* | libgcc-s1_*) to=lib;; *) to=root;; esac
  dpkg -x "$deb" "$NEXT/$to"
done
if [ "$V" != 20 ]; then
  # runc alone needs the newer libc, and it executes /proc/self/exe again, so that a wrapper script does not do
  libc=$(dirname "$(find "$NEXT/lib" -name libc.so.6 | sed -n 1p)")
  loader=$(find "$NEXT/lib" -name 'ld-linux*.so.*' -type f | sed -n 1p)
  "$loader" --library-path "$libc" "$NEXT/root/usr/bin/patchelf" --set-interpreter "${loader/$NEXT/$BIN}" \
    --set-rpath "${libc/$NEXT/$BIN}" "$NEXT/root/usr/sbin/runc"
fi
rm -rf "$NEXT"/root/usr/share "$NEXT"/lib/usr/share "$NEXT"/lib/usr/lib/*/gconv "$NEXT/root/etc" "$BIN/debs"
# what was unpacked from other packages before may be in use: it is replaced in one step
rm -rf "$BIN/old"; mkdir "$BIN/old"
for part in root lib; do [ ! -e "$BIN/$part" ] || mv "$BIN/$part" "$BIN/old/"; mv "$NEXT/$part" "$BIN/"; done
rm -rf "$BIN/old" "$NEXT"
[ -e "$BIN/config/config.json" ] || echo '{}' > "$BIN/config/config.json"
# Debian 12 has no buildx: 20 borrows that of 26
plugins=$BIN; [ "$V" != 20 ] || plugins=$LAB/26
ln -sfn "$plugins/root/usr/libexec/docker/cli-plugins" "$BIN/config/cli-plugins"
PATH=$BIN/root/usr/sbin:$PATH runc --version > /dev/null || die "runc of engine $V does not run on this machine"
echo "${packages[*]}" > "$BIN/.ready"
