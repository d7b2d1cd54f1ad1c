#!/bin/bash
# Understands POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_HOST_AUTH_METHOD and
# /docker-entrypoint-initdb.d/*.{sh,sql,sql.gz}, as the official image does.
set -e
as() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
case ${1:-} in -*) set -- postgres "$@";; esac
[ "$1" = postgres ] || exec "$@"
mkdir -p "$PGDATA"; chown -R postgres "$PGDATA"; chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  export POSTGRES_USER=${POSTGRES_USER:-postgres}
  export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
    echo 'Error: Database is uninitialized and superuser password is not specified.' >&2; exit 1
  fi
  pw=$(mktemp); printf '%s\n' "${POSTGRES_PASSWORD:-x}" > "$pw"; chown postgres "$pw"
  as initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile="$pw" --auth-local=trust --auth-host=scram-sha-256
  rm -f "$pw"
  echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"
  as pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  [ "$POSTGRES_DB" = postgres ] || as createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  sql() { as psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"; }
  # shellcheck disable=SC1090 # whatever the image adds
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) echo "running $file"; . "$file";;
      *.sql) echo "running $file"; sql < "$file";;
      *.sql.gz) echo "running $file"; gunzip -c "$file" | sql;;
    esac
  done
  as pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@" -c listen_addresses='*'
