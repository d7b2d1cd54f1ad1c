#!/bin/bash
# engine-up.sh 20|26|26c|28|28c [--name NAME] [--registry-mirror URL] [--insecure-registry HOST:PORT] [--iptables]
#              [--collect-mounts SECONDS] [--mark] [--debug]
# Brings up a Docker Engine (c: with the containerd image store) with a data-root, socket and bridge of its own, beside
# any other dockerd of the machine, and prints the `export` lines for it. One that is up already is used as it is.
#   --name NAME  a further instance; its name is otherwise that of the engine
#   --iptables   dockerd keeps the firewall rules itself (networks are isolated from each other). Only one dockerd of a
#                network namespace may: two rewrite each other's chains. Otherwise this script adds the rules that
#                published ports and outgoing traffic need, and networks are not isolated.
#   --collect-mounts SECONDS  BuildKit collects cache mounts by itself, of which it looks for those that were not used for so
#                long when it starts and after builds (its default: 48 hours)
#   --mark       the tests start it: stop-marked.sh may stop it when nobody uses it any more
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
loud
ENGINE=${1:-}; shift || true
case $ENGINE in 20 | 26 | 28) STORE=false;; 26c | 28c) STORE=true;; *) sed -n 2,13p "$0" >&2; exit 2;; esac
V=${ENGINE%c}; NAME=$ENGINE; IPTABLES=false; DEBUG=false; MARK=; UNUSED=; MIRRORS=(); INSECURE=()
while [ $# -gt 0 ]; do case $1 in
  --name) NAME=${2:?}; shift;; --iptables) IPTABLES=true;; --debug) DEBUG=true;; --mark) MARK=1;;
  --collect-mounts) UNUSED=${2:?}; shift;;
  --registry-mirror) MIRRORS+=("${2:?}"); shift;; --insecure-registry) INSECURE+=("${2:?}"); shift;;
  *) die "engine-up.sh: unknown option $1";; esac; shift; done
[[ $NAME =~ ^[a-z0-9]{1,8}$ ]] || die "the name of an engine is 1 to 8 letters or digits, not $NAME"
lacks=$(unmet); [ -z "$lacks" ] || die "$lacks"
. "$HERE/engine.lib.sh"
[ ${#I} -le 64 ] || die "$LAB is too long a path for the sockets in it (set GALLEY_LAB_DIR)"

BIN=$LAB/$V
host_tools
"$HERE/binaries.sh" "$V"
mkdir -p "$I"
exec 9> "$I/.up.lock"; flock 9
export PATH=$BIN/root/usr/sbin:$BIN/root/usr/bin:$PATH
answers() { DOCKER_CONFIG=$BIN/config timeout 5 docker -H "unix://$I/docker.sock" version > /dev/null 2>&1; }
result() {
  # 20 takes its buildx from 26
  [ "$V" != 20 ] || "$HERE/binaries.sh" 26
  echo "export DOCKER_HOST=unix://$I/docker.sock"
  echo "export DOCKER_CONFIG=$BIN/config"
  echo "export PATH=$BIN/root/usr/bin:\$PATH"
}
if answers; then result; exit 0; fi
if alive; then
  # perhaps only starting, or very busy
  for _ in $(seq 1 150); do answers && { result; exit 0; }; alive || break; sleep 0.2; done
  ! alive || die "engine $NAME: dockerd (pid $(cat "$I/docker.pid")) runs but does not answer; see $I/dockerd.log, or engine-down.sh $NAME"
fi
sweep

# ---- the kernel's side
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || echo 1 > /proc/sys/net/ipv4/ip_forward
iptables -w -t nat -S > /dev/null 2>&1 || die "engine $NAME: iptables cannot be used here (this kernel or container does not allow it)"
mkdir -p /run/lock
BRIDGE=gl$(cksum <<< "$LAB" | awk '{printf "%04x", $1 % 65536}')-$NAME
# 10.O.0.0/24 for the bridge, 10.O.128.0/17 for other networks, with the O it had before, else the first that is free
(
  flock 7
  ip link del "$BRIDGE" 2> /dev/null || true          # left by a folder that was deleted
  used=$(ip -4 -o addr; ip -4 route)
  had=$(cat "$I/octet" 2> /dev/null || true); octet=${had:-$V}
  while grep "\b10\.$octet\." <<< "$used" > /dev/null; do octet=$((octet % 250 + 1)); done
  # dockerd remembers the networks it made, and would give the bridge its old address again
  [ "$octet" = "$had" ] || rm -f "$I/data/network/files/local-kv.db"
  ip link add "$BRIDGE" type bridge || die "engine $NAME: cannot make the bridge $BRIDGE"
  ip addr add "10.$octet.0.1/24" dev "$BRIDGE"
  echo "$octet" > "$I/octet"
  echo "$BRIDGE" > "$I/net"
) 7> /run/lock/galley-lab-net.lock
OCTET=$(cat "$I/octet")
# a network wider than the way out loses large packets
MTU=$(ip -o link show "$(ip -4 route show default | awk '{print $5; exit}')" 2> /dev/null | sed -n 's/.* mtu \([0-9]*\).*/\1/p') || true
MTU=${MTU:-1500}
ip link set "$BRIDGE" mtu "$MTU" up
if [ $IPTABLES = false ]; then
  rule() { # TABLE -A|-I CHAIN MATCH...
    local table=$1 how=$2; shift 2
    iptables -w -t "$table" "$how" "$@" -m comment --comment "galley-lab-$NAME"
    echo "$table $* -m comment --comment galley-lab-$NAME" >> "$I/rules"
  }
  rule nat -A POSTROUTING -s "10.$OCTET.0.0/16" ! -d "10.$OCTET.0.0/16" -j MASQUERADE
  rule filter -I FORWARD -s "10.$OCTET.0.0/16" -j ACCEPT
  rule filter -I FORWARD -d "10.$OCTET.0.0/16" -j ACCEPT
fi

# ---- the daemon
strings() { local s='' x; for x in "$@"; do s="$s${s:+, }\"$x\""; done; echo "[$s]"; }
ip6tables=false; [ $IPTABLES = false ] || [ "$V" != 28 ] || ip6tables=true       # older ones call it experimental
options=; [ "$V" = 20 ] || options="\"default-network-opts\": {\"bridge\": {\"com.docker.network.driver.mtu\": \"$MTU\"}},"
# BuildKit collects by itself where a fifth of the disk is not free: what a test has just built is then gone before it looks
gc='"enabled": true'; [ -z "$MARK" ] || gc='"enabled": false'
[ -z "$UNUSED" ] || gc="\"enabled\": true, \"policy\": [{\"keepStorage\": \"0\", \"filter\": [\"unused-for=${UNUSED}s\", \"type=exec.cachemount\"]}]"
cat > "$I/daemon.json" << CONF
{
  "builder": {"gc": {$gc}},
  "features": {"containerd-snapshotter": $STORE},
  "registry-mirrors": $(strings ${MIRRORS[@]+"${MIRRORS[@]}"}),
  "insecure-registries": $(strings ${INSECURE[@]+"${INSECURE[@]}"}),
  "iptables": $IPTABLES, "ip6tables": $ip6tables,
  "bridge": "$BRIDGE", "mtu": $MTU, $options
  "default-address-pools": [{"base": "10.$OCTET.128.0/17", "size": 24}],
  "debug": $DEBUG
}
CONF
if ldd "$(command -v dockerd)" 2> /dev/null | grep 'not found' > /dev/null; then
  LD_LIBRARY_PATH=$(dirname "$(find "$BIN/root" -name 'lib*.so.*' | sed -n 1p)"); export LD_LIBRARY_PATH
fi
detach "$I/dockerd.log" dockerd --config-file "$I/daemon.json" --data-root "$I/data" --exec-root "$I/exec" \
  --pidfile "$I/docker.pid" -H "unix://$I/docker.sock"
started=$!
for _ in $(seq 1 300); do
  answers && break
  kill -0 $started 2> /dev/null || { tail -5 "$I/dockerd.log" >&2; sweep; die "engine $NAME: dockerd ended; its last words are above, all of them in $I/dockerd.log"; }
  sleep 0.2
done
answers || { tail -5 "$I/dockerd.log" >&2; die "engine $NAME: dockerd did not answer within a minute, see $I/dockerd.log"; }
[ -z "$MARK" ] || touch "$I/by-tests"
say "engine $NAME is up"
result
