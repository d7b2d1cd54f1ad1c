# shellcheck shell=bash
# engine.lib.sh - sourced by engine-up.sh and engine-down.sh: one instance of an engine, its folder and what is left of it
# when it was killed. Needs NAME.
I=$LAB/$NAME                      # data/, exec/, docker.sock, docker.pid, octet (of its subnets), net (its bridge), rules
export I

# alive: the dockerd of this instance's pid file runs
alive() { local pid; pid=$(cat "$I/docker.pid" 2> /dev/null) && [ -n "$pid" ] && grep -qsz -F -- "$I/docker.pid" "/proc/$pid/cmdline"; }

# sweep: after this instance's dockerd has ended: ends what it left running, unmounts, takes its rules and bridge away.
# Everything is found by this instance's own folder, so nothing of another engine is touched.
sweep() (
  set +e
  for init in "$I"/exec/containerd/daemon/io.containerd.runtime.v2.task/moby/*/init.pid; do
    [ -e "$init" ] || continue
    pid=$(cat "$init")
    grep -qs "$(basename "$(dirname "$init")")" "/proc/$pid/cgroup" && kill -9 "$pid" 2> /dev/null
  done
  for pid in /proc/[0-9]*; do
    case $(readlink "$pid/exe" 2> /dev/null) in
      "$LAB"/*/containerd | "$LAB"/*/containerd-shim* | "$LAB"/*/docker-proxy | "$LAB"/*/runc)
        if tr '\0' '\n' < "$pid/cmdline" 2> /dev/null | grep -F -- "$I/" > /dev/null; then kill -9 "${pid#/proc/}" 2> /dev/null; fi;;
    esac
  done
  awk -v p="$I/" 'index($2, p) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do umount -l "$(printf '%b' "$mount")"; done
  if [ -e "$I/rules" ]; then
    # shellcheck disable=SC2086 # a rule is stored as the words it is made of
    while read -r table rest; do iptables -w -t "$table" -D $rest 2> /dev/null; done < "$I/rules"
    rm -f "$I/rules"
  fi
  # an instance without this file does not own a bridge of that name
  if [ -s "$I/net" ]; then ip link del "$(cut -d" " -f1 "$I/net")" 2> /dev/null; fi
  rm -rf --one-file-system "$I/net" "$I/docker.sock" "$I/docker.pid" "$I/exec" "$I/by-tests"
)
