#!/bin/bash
# postgres.sh [--unpack]    prints the folder of postgres and initdb, and on a second line the LD_LIBRARY_PATH they need (empty: none):
# the newest that this machine has installed, else Debian 12's, unpacked once. --unpack: as if none were installed.
# Postgres refuses to run as root, so what is unpacked lies where another user may read it, not under $GALLEY_LAB_DIR.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
if [ "${1:-}" != --unpack ]; then
  found=$(find /usr/lib/postgresql /usr/pgsql-* -maxdepth 3 -path '*/bin/postgres' 2> /dev/null | sort -V | tail -1) || true
  [ -z "$found" ] || { printf '%s\n\n' "${found%/postgres}"; exit; }
fi
TREE=/var/tmp/galley-lab-postgres-$(id -u)
if [ ! -e "$TREE" ]; then
  command -v apt-get dpkg > /dev/null || die "there is no Postgres in /usr/lib/postgresql, and it is fetched from Debian's packages: this machine is not Debian"
  say "postgres: fetching Debian's packages"
  # what a small Debian 12 lacks of its libraries is among them
  from=$(tool postgres postgresql-15 libpq5 libicu72 libxml2 libxslt1.1 libldap-2.5-0 libsasl2-2 libgssapi-krb5-2 libkrb5-3 \
    libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libssl3 postgresql-client-15)
  next=$(mktemp -d "$TREE.XXXXXX")
  cp -a "$from/usr" "$next/"
  chmod 755 "$next"
  # another one may have been quicker
  mv -T "$next" "$TREE" 2> /dev/null || rm -rf "$next"
fi
[ -O "$TREE" ] || die "$TREE is not ours"
libraries=$(find "$TREE/usr/lib" -maxdepth 2 -name 'libpq.so.5' | sed -n 1p)
LD_LIBRARY_PATH=${libraries%/*} "$TREE/usr/lib/postgresql/15/bin/postgres" --version > /dev/null || die "the unpacked postgres does not run on this machine"
printf '%s\n%s\n' "$TREE/usr/lib/postgresql/15/bin" "${libraries%/*}"
