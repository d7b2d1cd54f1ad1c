# shellcheck shell=bash
# lib.sh - sourced by the scripts of the lab: where it keeps things, what it needs of the machine, Debian packages
# unpacked privately. The lab's state is all under $GALLEY_LAB_DIR; no name of a mirror stands here, the machine says it.
export PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8
LAB=${GALLEY_LAB_DIR:-${HOME:-/root}/.cache/galley-lab}
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
REGISTRY_PORT=${LAB_REGISTRY_PORT:-5000}
export HERE REGISTRY_PORT

say() { echo "lab: $*" >&2; }
die() { echo "lab: $*" >&2; exit 3; }
# no script of the lab ends without a word: those with `set -e` that did not come to a `die` say where
loud() { trap '[ $? = 3 ] || say "${0##*/} failed in line $LINENO"' ERR; }

# unmet: the one sentence that says what this machine lacks for the lab; prints nothing when it lacks nothing.
unmet() {
  if [ "$(uname -s)" != Linux ]; then echo "the lab's Docker Engines need Debian 12; this is $(uname -s)"
  elif ! grep -qsx 'ID=debian' /etc/os-release || ! command -v apt-get dpkg > /dev/null; then echo "the lab's Docker Engines come from Debian's packages; this machine is not Debian"
  elif [ "$(id -u)" != 0 ]; then echo "the lab's Docker Engines need root; this is user $(id -un 2> /dev/null || id -u)"
  elif [ -z "$(debian_mirror)" ]; then echo "the lab needs a Debian mirror; /etc/apt names none for $(codename)"
  fi
}

codename() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }

# The mirror this machine installs its own packages from: the first source that has its own release.
debian_mirror() {
  if [ -n "${DEBIAN_MIRROR:-}" ]; then echo "$DEBIAN_MIRROR"; return; fi
  local name; name=$(codename)
  {
    cat /etc/apt/sources.list.d/*.sources 2> /dev/null | awk -v suite="$name" '
      function flush() { if (uri != "" && suites ~ (" " suite " ")) print uri; uri = ""; suites = "" }
      /^[[:space:]]*$/ { flush() }
      /^Types:/ { flush() }
      /^URIs:/ { uri = $2 }
      /^Suites:/ { suites = " "; for (i = 2; i <= NF; i++) suites = suites $i " " }
      END { flush() }'
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null |
      sed -n 's/^deb[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}//p' | awk -v suite="$name" '$2 == suite { print $1 }'
  } | awk 'NR == 1'
}

# host_tools: installs the few small distribution packages that the engines and tests need and a bare machine lacks.
host_tools() {
  local missing=()
  command -v iptables > /dev/null || missing+=(iptables)
  command -v ip > /dev/null || missing+=(iproute2)
  command -v perl > /dev/null || missing+=(perl)          # mmdebstrap, which makes the Debian base image
  command -v jq > /dev/null || missing+=(jq)             # documented commands pipe into it
  command -v flock > /dev/null || missing+=(util-linux)
  command -v ps > /dev/null || missing+=(procps)         # tests look for processes left behind
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]} from Debian"
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3) out
  export DEBIAN_FRONTEND=noninteractive
  if ! out=$("${apt[@]}" install -y --no-install-recommends "${missing[@]}" 2>&1 < /dev/null); then
    out=$("${apt[@]}" update 2>&1 < /dev/null && "${apt[@]}" install -y --no-install-recommends "${missing[@]}" 2>&1 < /dev/null) ||
      { tail -3 <<< "$out" >&2; die "cannot install ${missing[*]}: is the Debian mirror in /etc/apt reachable?"; }
  fi
}

# private_apt SUITE: brings an apt directory of our own for that suite up to date and prints its apt.conf.
private_apt() (
  dir=$LAB/apt/$1
  mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,etc/sources.list.d}
  exec 8> "$dir/.lock"; flock 8
  : > "$dir/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) $1 main" > "$dir/etc/sources.list"
  {
    apt-config dump 2> /dev/null | grep -E '^Acquire::(https?::Proxy|https::(CaInfo|CaPath|Verify))' || true
    cat << CONF
Dir::Etc "$dir/etc"; Dir::Etc::main "/dev/null"; Dir::Etc::parts "$dir/etc/apt.conf.d";
Dir::Etc::sourcelist "$dir/etc/sources.list"; Dir::Etc::sourceparts "$dir/etc/sources.list.d";
Dir::State "$dir/state"; Dir::State::status "$dir/status"; Dir::Cache "$dir/cache";
APT::Architecture "$(dpkg --print-architecture)"; APT::Sandbox::User "root";
Acquire::Languages "none"; Acquire::Check-Valid-Until "false"; Acquire::Check-Date "false"; Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11 { DefaultEnabled "false"; };
Acquire::GzipIndexes "true";
CONF
  } > "$dir/apt.conf"
  # Lists of a rolling suite grow stale: packages they name are then gone from the mirror.
  if [ -z "$(find "$dir/.updated" -mmin -720 2> /dev/null)" ]; then
    out=$(APT_CONFIG=$dir/apt.conf apt-get -qq -o APT::Update::Error-Mode=any update 2>&1 < /dev/null) ||
      { tail -3 <<< "$out" >&2; die "cannot read the package lists of Debian $1: is the mirror in /etc/apt reachable?"; }
    touch "$dir/.updated"
  fi
  echo "$dir/apt.conf"
)

# debs SUITE DIR PACKAGE...: downloads the packages into DIR (made anew), does not unpack or follow dependencies.
debs() (
  suite=$1 dir=$2; shift 2
  conf=$(private_apt "$suite") || exit
  rm -rf "$dir"; mkdir -p "$dir"; cd "$dir" || exit
  for try in 1 2; do
    out=$(APT_CONFIG=$conf apt-get -qq download "$@" 2>&1 < /dev/null) && exit 0
    [ "$try" = 1 ] || break
    rm -f "$(dirname "$conf")/.updated"; private_apt "$suite" > /dev/null || exit
  done
  tail -3 <<< "$out" >&2; die "cannot download $* from Debian $suite"
)

# tool NAME PACKAGE...: unpacks packages of Debian 12 into $LAB/tools/NAME, once, and prints that folder.
tool() (
  dir=$LAB/tools/$1; shift
  mkdir -p "$LAB/tools"
  exec 9> "$dir.lock"; flock 9
  # another list than the one it was unpacked for: anew
  if [ "$(cat "$dir/.ready" 2> /dev/null)" != "$*" ]; then
    debs bookworm "$dir.debs" "$@" || exit
    rm -rf "$dir"; mkdir -p "$dir"
    for deb in "$dir.debs"/*.deb; do dpkg -x "$deb" "$dir" || exit; done
    rm -rf "$dir.debs"; echo "$*" > "$dir/.ready"
  fi
  echo "$dir"
)

# http_status PORT PATH: the status code of a GET on the loopback, 000 when nobody answers. No curl needed.
http_status() (
  exec 3<> "/dev/tcp/127.0.0.1/$1" || { echo 000; exit; }
  accept='application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json'
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\nAccept: %s\r\n\r\n' "$2" "$1" "$accept" >&3
  if read -r -t 5 _ code _ <&3; then echo "$code"; else echo 000; fi
) 2> /dev/null

# runs PIDFILE WORD: is the process of that file alive, and the one that has WORD among its arguments? (Pids are used again.)
runs() {
  local pid; pid=$(cat "$1" 2> /dev/null) || return 1
  [ -n "$pid" ] && grep -qsz -xF -- "$2" "/proc/$pid/cmdline"
}

# gone PID: waits up to 20 s for its end.
gone() { local _; for _ in $(seq 1 200); do kill -0 "$1" 2> /dev/null || return 0; sleep 0.1; done; return 1; }

# detach LOG COMMAND...: starts a daemon ($!) that holds nothing of its caller: no stream, no terminal, and no lock that
# somebody up the line holds by an open file.
detach() {
  local log=$1 fd; shift
  (
    for fd in /proc/self/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done
    exec setsid nohup "$@" > "$log" 2>&1 < /dev/null
  ) &
}
