#!/bin/bash
# for-up.sh IMAGE...: an engine for `npm run up`, with these base images at hand. Prints `export` lines alone on its standard
# output (none when the engine that the environment or the default socket names is there); progress goes to stderr.
# An engine that is there is used. Otherwise Debian 12 with root gets one from Debian's packages: an instance of its own
# named `up`, with the containerd image store, which stays running; `engine-down.sh up` stops it.
# A base image that cannot be pulled is replaced by a stand-in made by base-images.sh.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
SOCKET=${DOCKER_HOST:-unix:///var/run/docker.sock}

# there: an engine answers at $SOCKET. Node asks, since there need not be a docker CLI.
there() {
  case $SOCKET in
    unix://*)
      node -e 'const get = require("node:http").get({ socketPath: process.argv[1], path: "/_ping", timeout: 10000 });
        get.on("response", (answer) => process.exit(answer.statusCode === 200 ? 0 : 1));
        get.on("error", () => process.exit(1)); get.on("timeout", () => process.exit(1));' "${SOCKET#unix://}";;
    *) command -v docker > /dev/null && timeout 20 docker version > /dev/null 2>&1;;
  esac
}
# another_dockerd: one runs in this network namespace, and may keep the firewall's rules
another_dockerd() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(cat "$process/comm" 2> /dev/null)" = dockerd ] || continue
    [ "$(readlink "$process/ns/net")" != "$(readlink /proc/self/ns/net)" ] || return 0
  done
  return 1
}
# reachable: Docker Hub, without the minutes that a pull waits for a network that drops packets
reachable() { [ -n "${https_proxy:-}${HTTPS_PROXY:-}" ] || timeout 5 bash -c ': < /dev/tcp/registry-1.docker.io/443' 2> /dev/null; }
# provide IMAGE...: pulls them or makes stand-ins, on the engine of $DOCKER_HOST
provide() {
  local image hub='' missing=()
  for image in "$@"; do
    docker image inspect "$image" > /dev/null 2>&1 && continue
    [ -n "$hub" ] || { if reachable; then hub=yes; else hub=no; fi; }
    if [ $hub = yes ]; then
      say "pulling $image"
      timeout 600 docker pull -q "$image" > /dev/null 2>&1 && continue
    fi
    missing+=("$image")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "cannot pull ${missing[*]} from Docker Hub: making stand-ins from Debian's packages and npm"
  "$HERE/base-images.sh" make "${missing[@]}"
}

if there; then
  say "using the Docker Engine at $SOCKET"
  lacks=$(unmet)
  if ! command -v docker > /dev/null; then
    # Without a CLI nothing can be made ready; BuildKit pulls the images itself, or says that it cannot.
    [ -z "$lacks" ] || exit 0
    "$HERE/binaries.sh" 28
    export PATH=$PATH:$LAB/28/root/usr/bin DOCKER_CONFIG=${DOCKER_CONFIG:-$LAB/28/config}
  fi
  case $SOCKET in unix://*) ;; *) exit 0;; esac
  export DOCKER_HOST=$SOCKET
  if [ -z "$lacks" ]; then provide "$@"; fi
  exit 0
fi
[ -z "${DOCKER_HOST:-}" ] || die "no Docker Engine answers at DOCKER_HOST=$DOCKER_HOST: start it, or unset DOCKER_HOST"
lacks=$(unmet)
[ -z "$lacks" ] || die "no Docker Engine answers at /var/run/docker.sock. Install Docker Engine 20.10 or newer and start it, or set DOCKER_HOST. (On Debian 12, root gets one by this command; here $lacks.)"
firewall=(--iptables)
if another_dockerd; then firewall=(); fi
# What stand-ins are made of can come while the engine is still on its way.
if ! reachable; then "$HERE/base-images.sh" prepare "$@" & fi
lines=$("$HERE/engine-up.sh" 28c --name up ${firewall[@]+"${firewall[@]}"})
wait
(eval "$lines"; provide "$@")
echo "$lines"
