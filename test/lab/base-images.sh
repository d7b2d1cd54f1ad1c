#!/bin/bash
# base-images.sh lacking [--push HOST:PORT] IMAGE...  prints what is still to be made
# base-images.sh prepare IMAGE...                     fetches what the images are made of (needs no engine)
# base-images.sh make [--push HOST:PORT] IMAGE...     makes them on the engine of $DOCKER_HOST; what exists is left alone
# Stand-ins of common Docker Hub images for machines that cannot reach Docker Hub, from Debian packages and npm alone:
# same tags, ports, users and main variables (images/NAME has the recipes). IMAGE is a name or a tag of the table below;
# none: all of them. --push puts them into a registry as library/NAME:TAG, so that it serves as a mirror of Docker Hub;
# what is there already is then left alone, unless the recipe has changed.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
#     name     parent  tags
TABLE='
      debian   -       debian:bookworm-slim debian:bookworm
      busybox  -       busybox:latest
      alpine   busybox alpine:3.20 alpine:latest
      node20   debian  node:20-bookworm-slim node:20-slim node:20
      node22   debian  node:22-bookworm-slim node:22-slim node:22 node:22-alpine
      python   debian  python:3.11-slim python:3.11 python:3-slim
      nginx    debian  nginx:latest nginx:alpine
      redis    debian  redis:7 redis:alpine redis:7-alpine
      postgres debian  postgres:15 postgres:16-alpine postgres:15-alpine
      nats     debian  nats:2 nats:2-alpine
'
W=$LAB/images                     # KEY/: the context of a build; KEY.pushed: the recipe of what the registry has
parent() { awk -v k="$1" '$1 == k { print $2 }' <<< "$TABLE"; }
tags() { awk -v k="$1" '$1 == k { for (i = 3; i <= NF; i++) print $i }' <<< "$TABLE"; }
# A recipe changes with its files, its parent and the certificates it carries.
recipe() {
  case $1 in -) ;; *)
    { recipe "$(parent "$1")"; declare -f "prepare_$1" prepare_node; cat "$HERE/images/${1%2[02]}"/* "$CA"; } 2> /dev/null | sha256sum || true;; esac
}
CA=/etc/ssl/certs/ca-certificates.crt

# ---- what the images are made of; each runs in its own empty folder
# (mmdebstrap's own way of leaving documentation out needs Python.)
prepare_debian() {
  local kit; kit=$(tool mmdebstrap mmdebstrap)
  cat > trim.sh << 'HOOK'
set -e
cd "$1"
printf 'path-exclude=%s\n' '/usr/share/man/*' '/usr/share/locale/*' '/usr/share/doc/*' > etc/dpkg/dpkg.cfg.d/docker
printf 'path-include=/usr/share/doc/*/copyright\nforce-unsafe-io\n' >> etc/dpkg/dpkg.cfg.d/docker
echo 'Acquire::Languages "none";' > etc/apt/apt.conf.d/docker-no-languages
find usr/share/doc ! -type d ! -name copyright -delete
rm -rf usr/share/man/* usr/share/locale/* var/lib/apt/lists/* var/cache/apt/*
HOOK
  PATH=$kit/usr/bin:$PATH mmdebstrap --quiet --mode=root --variant=apt --include=usr-is-merged \
    --hook-dir="$kit/usr/share/mmdebstrap/hooks/merged-usr" --dpkgopt=force-unsafe-io --customize-hook="sh $PWD/trim.sh \"\$1\"" \
    bookworm root.tar "deb $(debian_mirror) bookworm main"
}
prepare_busybox() { cp "$(tool busybox busybox-static)/bin/busybox" .; }
prepare_node20() { prepare_node 20; }
prepare_node22() { prepare_node 22; }
prepare_node() { # MAJOR
  local cpu; cpu=$(node -p process.arch)
  npm install -g --no-audit --no-fund --loglevel=error --prefix "$PWD/usr" npm@10 yarn@1
  npm install --no-audit --no-fund --loglevel=error --prefix "$PWD/n" "node-linux-$cpu@$1"
  mv "n/node_modules/node-linux-$cpu/bin/node" usr/bin/node; rm -rf n
}
prepare() { # KEY, once per recipe
  local key=$1 dir=$W/$1 want
  want=$(recipe "$key")
  [ "$(cat "$dir/.prepared" 2> /dev/null)" != "$want" ] || return 0
  rm -rf "$dir"; mkdir -p "$dir"; cd "$dir"
  if declare -f "prepare_$key" > /dev/null; then "prepare_$key" > "$W/$key.log" 2>&1; fi
  if [ -d "$HERE/images/${key%2[02]}" ]; then cp "$HERE/images/${key%2[02]}"/* .; fi
  # Where TLS needs this machine's own certificates, npm and pip in a container need them, too.
  if [ -e $CA ]; then cp $CA ca.crt; else node -p 'require("tls").rootCertificates.join("\n")' > ca.crt; fi
  printf 'n\n.prepared\n' > .dockerignore
  echo "$want" > .prepared
}

# ---- making and pushing
has() { docker image inspect "$1" > /dev/null 2>&1; }
pushed() { # KEY: the registry has all its tags, made by today's recipe
  local tag
  [ "$(cat "$W/$1.pushed" 2> /dev/null)" = "$PUSH $(recipe "$1")" ] || return 1
  for tag in $(tags "$1"); do [ "$(http_status "${PUSH##*:}" "/v2/library/${tag%%:*}/manifests/${tag#*:}")" = 200 ] || return 1; done
}
present() { if [ -n "$PUSH" ]; then pushed "$1"; else has "$(tags "$1" | sed -n 1p)"; fi; }
make_image() { # KEY
  local key=$1 first tag repository args=() variable since=$SECONDS
  first=$(tags "$key" | sed -n 1p)
  prepare "$key"
  cd "$W/$key"
  for variable in http_proxy https_proxy no_proxy; do [ -z "${!variable:-}" ] || args+=(--build-arg "$variable"); done
  if [ "$key" = debian ]; then
    docker import -c 'CMD ["bash"]' -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' root.tar "$first"
  else
    docker build --progress plain --label sh.galley.lab=stand-in ${args[@]+"${args[@]}"} -t "$first" .
  fi >> "$W/$key.log" 2>&1
  for tag in $(tags "$key"); do docker tag "$first" "$tag"; done
  if [ -n "$PUSH" ]; then
    for tag in $(tags "$key"); do docker tag "$first" "$PUSH/library/$tag"; done
    repository=$PUSH/library/${first%%:*}
    for tag in $(tags "$key"); do docker push -q "$PUSH/library/$tag" >> "$W/$key.log" 2>&1; done
    for tag in $(tags "$key"); do docker rmi "$repository:${tag#*:}" > /dev/null; done
    echo "$PUSH $(recipe "$key")" > "$W/$key.pushed"
  fi
  rm -rf "${W:?}/$key"
  say "made $first in $((SECONDS - since)) s"
}

# side FUNCTION KEY...: runs it for all keys side by side; ends the script when one fails
side() {
  local do=$1 key pids=() failed=; shift
  for key in "$@"; do ( set -e; "$do" "$key" ) & pids+=("$!:$key"); done
  for key in ${pids[@]+"${pids[@]}"}; do wait "${key%%:*}" || { failed=${key#*:}; tail -5 "$W/$failed.log" >&2 || true; }; done
  [ -z "$failed" ] || die "the base image $failed cannot be made, see $W/$failed.log"
}

ACTION=${1:-}; shift || true
PUSH=; ASKED=()
while [ $# -gt 0 ]; do case $1 in
  --push) PUSH=${2:?HOST:PORT}; shift;;
  *) key=$(awk -v n="$1" '{ for (i = 1; i <= NF; i++) if (i != 2 && ($i == n || $i == n ":latest")) { print $1; exit } }' <<< "$TABLE")
     [ -n "$key" ] || die "there is no stand-in for the image $1"; ASKED+=("$key");; esac; shift; done
[ ${#ASKED[@]} -gt 0 ] || mapfile -t ASKED < <(awk 'NF { print $1 }' <<< "$TABLE")
lacks=$(unmet); [ -z "$lacks" ] || die "$lacks"
mkdir -p "$W"
exec 9> "$W/.lock"; flock 9
BASES=(); DERIVED=()
for key in "${ASKED[@]}"; do
  case $(parent "$key") in -) BASES+=("$key");; *) BASES+=("$(parent "$key")"); DERIVED+=("$key");; esac
done
mapfile -t BASES < <(printf '%s\n' "${BASES[@]}" | sort -u)
[ ${#DERIVED[@]} = 0 ] || mapfile -t DERIVED < <(printf '%s\n' "${DERIVED[@]}" | sort -u)
case $ACTION in
  lacking)
    for key in "${BASES[@]}" ${DERIVED[@]+"${DERIVED[@]}"}; do present "$key" || echo "$key"; done;;
  prepare)
    host_tools
    wanted=(); for key in "${BASES[@]}" ${DERIVED[@]+"${DERIVED[@]}"}; do [ -e "$W/$key.pushed" ] || wanted+=("$key"); done
    side prepare ${wanted[@]+"${wanted[@]}"};;
  make)
    [ -n "${DOCKER_HOST:-}" ] || die "base-images.sh make: DOCKER_HOST does not say which engine"
    host_tools
    export DOCKER_BUILDKIT=1 BUILDX_NO_DEFAULT_ATTESTATIONS=1
    for list in BASES DERIVED; do
      declare -n keys=$list; wanted=()
      for key in ${keys[@]+"${keys[@]}"}; do present "$key" || wanted+=("$key"); done
      side make_image ${wanted[@]+"${wanted[@]}"}
    done;;
  *) sed -n 2,9p "$0" >&2; exit 2;;
esac
