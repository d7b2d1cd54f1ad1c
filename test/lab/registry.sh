#!/bin/bash
# registry.sh up [--mark]    two registries on the loopback: an open one on $LAB_REGISTRY_PORT (5000), and one with a
#                            password (tester / s3cret, for tests only) on $LAB_REGISTRY_AUTH_PORT (5001)
# registry.sh down [--purge] stops both; --purge removes their content
# They are Debian's docker-registry, unpacked under $GALLEY_LAB_DIR. --mark: as in engine-up.sh.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
R=$LAB/registry
ACTION=${1:-}; OPTION=${2:-}
mkdir -p "$R"
exec 9> "$R/.lock"; flock 9

start() { # NAME PORT [MORE CONFIGURATION]
  if runs "$R/$1.pid" "$R/$1.yml"; then
    grep -qF "addr: \"127.0.0.1:$2\"" "$R/$1.yml" && return
    die "the $1 registry of $LAB is up on another port than $2: registry.sh down first"
  fi
  [ "$(http_status "$2" /v2/)" = 000 ] ||
    die "port $2 is taken by something else (set LAB_REGISTRY_PORT or LAB_REGISTRY_AUTH_PORT)"
  mkdir -p "$R/$1"
  cat > "$R/$1.yml" << CONF
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: "$R/$1"}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$2"}
${3:-}
CONF
  detach "$R/$1.log" "$tools/usr/bin/docker-registry" serve "$R/$1.yml"
  echo $! > "$R/$1.pid"
  [ -z "$OPTION" ] || touch "$R/by-tests"
  for _ in $(seq 1 200); do
    case $(http_status "$2" /v2/) in 200 | 401) return;; esac
    kill -0 "$(cat "$R/$1.pid")" 2> /dev/null || break
    sleep 0.1
  done
  tail -3 "$R/$1.log" >&2; die "the $1 registry did not come up on port $2"
}

case $ACTION in
  up)
    lacks=$(unmet); [ -z "$lacks" ] || die "$lacks"
    tools=$(tool registry docker-registry)
    start open "$REGISTRY_PORT"
    # bcrypt of s3cret, so that no htpasswd program is needed
    # shellcheck disable=SC2016
    echo 'tester:$2y$05$EIyGvEMsxQfd2CutqK6Wmu.a50W24BmMRhBWxAdQbxeabk3J99s8W' > "$R/htpasswd"
    start auth "${LAB_REGISTRY_AUTH_PORT:-5001}" "auth: {htpasswd: {realm: lab, path: \"$R/htpasswd\"}}";;
  down)
    for name in open auth; do
      if runs "$R/$name.pid" "$R/$name.yml"; then
        pid=$(cat "$R/$name.pid"); kill "$pid"; gone "$pid" || kill -9 "$pid"
      fi
      rm -f "$R/$name.pid"
    done
    rm -f "$R/by-tests"
    if [ "$OPTION" = --purge ]; then rm -rf "$R/open" "$R/auth" "$R"/*.{log,yml} "$R/htpasswd" "$LAB/images"; fi;;
  *) sed -n 2,6p "$0" >&2; exit 2;;
esac
