#!/usr/bin/env bash
# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Real systemd hosts for tests, on one machine: systemd-nspawn over an overlay of one debootstrapped root,
# each host in a network namespace of its own on a bridge, reachable by SSH with a generated key.
#
#   hosts.sh check                 say what this machine lacks for that (1 where something is missing)
#   hosts.sh build                 make the root, or reuse it
#   hosts.sh root                  the same, and print where it is
#   hosts.sh up N [FOLDER]         start prod-api-01 to prod-api-0N and wait until each is reachable
#   hosts.sh inventory [FOLDER]    print an Ansible inventory: the last host is the group balancer, the others are api
#   hosts.sh stop NAME [FOLDER]    switch one host off; its disk is kept
#   hosts.sh cut NAME [FOLDER]     take the power from one host: nothing on it ends properly, and nobody is told; its disk is kept
#   hosts.sh start NAME [FOLDER]   switch it on again
#   hosts.sh down [FOLDER]         stop them all and remove everything of them
#
# FOLDER holds a fleet's keys and disks, and tells one fleet from another: several may be up at once.
# INCIDENT_HOSTS_DIR holds the root; it defaults to /var/tmp/incident-response-hosts.
set -euo pipefail

self=$(realpath "$0")
cache=$(realpath -m "${INCIDENT_HOSTS_DIR:-/var/tmp/incident-response-hosts}")
include=systemd,systemd-sysv,dbus,openssh-server,python3,iproute2,procps,nginx-light
recipe=2 # another number makes a new root

die() {
  echo "hosts.sh: $*" >&2
  exit 1
}

# --- What this machine must have

check() {
  local need tool reasons=() apt=()
  ((EUID == 0)) || reasons+=("it must run as root")
  for need in debootstrap:debootstrap systemd-nspawn:systemd-container ip:iproute2 ssh:openssh-client ssh-keygen:openssh-client; do
    tool=${need%%:*}
    command -v "$tool" >/dev/null && continue
    reasons+=("$tool is missing")
    [[ " ${apt[*]-} " == *" ${need##*:} "* ]] || apt+=("${need##*:}")
  done
  if ((EUID == 0)) && ! unshare --mount --net true 2>/dev/null; then
    reasons+=("root may not make namespaces here (a container without privileges?)")
  fi
  ((${#reasons[@]})) || return 0
  echo "no test hosts on this machine:"
  printf '  - %s\n' "${reasons[@]}"
  ((${#apt[@]} == 0)) || echo "  apt-get install --no-install-recommends ${apt[*]}"
  return 1
}

# --- The root that all hosts share

# The suite and mirror that this machine's own apt uses, whatever the format of its sources.
apt_source() {
  local codename uri release component found=''
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  if command -v apt-get >/dev/null && [[ -n $codename && -e /usr/share/debootstrap/scripts/$codename ]]; then
    # shellcheck disable=SC2016 # apt fills these in
    while read -r uri release component; do
      case $release in "$codename" | stable | testing | oldstable) ;; *) continue ;; esac
      [[ $component == main ]] || continue
      if [[ $uri == mirror+file:* ]]; then # a list of mirrors: the first one
        uri=/${uri#mirror+file:} uri=/${uri##+(/)}
        uri=$(grep -oEm1 '^(https?|file):[^[:space:]]+' "${uri%/}" 2>/dev/null) || continue
      fi
      case $uri in http:* | https:* | file:*) found=$uri && break ;; esac
    done < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null)
  fi
  if [[ -n $found ]]; then echo "$codename ${found%/}"; else echo "bookworm http://deb.debian.org/debian"; fi
}

# apt's proxy for a URI: one for the host wins, and https falls back on http, as in apt itself.
apt_proxy() {
  local scheme=${1%%:*} host key value
  command -v apt-config >/dev/null || return 0
  host=${1#*://} host=${host%%/*} host=${host##*@} host=${host%%:*}
  for key in "$scheme::Proxy::$host" "$scheme::Proxy" "http::Proxy::$host" http::Proxy; do
    value=''
    eval "$(apt-config shell value "Acquire::$key")"
    [[ -z $value ]] || break
  done
  echo "$value"
}

# Under /var/tmp, old files are cleaned away one by one, so a root is used for 20 days at most.
usable() { [[ -d $1 && -n $(find "$1" -maxdepth 0 -newermt '-20 days') ]]; }

build() {
  local suite mirror
  check >&2 || exit 1
  [[ $cache =~ ^[A-Za-z0-9/._-]+$ ]] || die "INCIDENT_HOSTS_DIR may have letters, digits and /._- only: $cache"
  read -r suite mirror < <(apt_source)
  root=$cache/root-$suite-$(sha256sum <<<"$recipe $include $mirror" | cut -c1-8)
  usable "$root" && return
  mkdir -p "$cache"
  (
    # debootstrap inherits the lock: it holds even where this script is killed and debootstrap goes on
    exec 9>"$cache/build.lock"
    flock -n 9 || { echo "hosts.sh: another build is running, waiting for it" >&2 && flock 9; }
    usable "$root" && exit
    grep -q "lowerdir=$root," /proc/mounts && die "the root is too old, and hosts that run use it: take them down first"
    rm -rf --one-file-system "$cache"/build.?????? "$root"
    bootstrap "$suite" "$mirror"
  )
}

bootstrap() { # SUITE MIRROR: made in a temporary folder and renamed at the end
  local made proxy start=$SECONDS
  made=$(mktemp -d "$cache/build.XXXXXX")
  # shellcheck disable=SC2064 # its value now
  trap "rm -rf --one-file-system '$made'" EXIT
  trap 'exit 130' INT TERM HUP
  proxy=$(apt_proxy "$2")
  case $proxy in
    '') ;;
    DIRECT) unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ;;
    *) export http_proxy=$proxy https_proxy=$proxy ;;
  esac
  echo "hosts.sh: building the root from $2 ($1), this takes minutes" >&2
  # what debootstrap mounts goes away with its mount namespace, however it ends
  unshare --mount --propagation private \
    debootstrap --variant=minbase --include="$include" "$1" "$made/root" "$2" >"$cache/build.log" 2>&1 </dev/null ||
    { tail -n 20 "$cache/build.log" >&2 && die "debootstrap failed: see $cache/build.log"; }
  rm -f "$made"/root/var/cache/apt/archives/*.deb "$made"/root/var/lib/apt/lists/*_*
  : >"$made/root/etc/machine-id"
  printf 'MaxSessions 100\nMaxStartups 100\nUseDNS no\n' >"$made/root/etc/ssh/sshd_config.d/tests.conf"
  systemctl --root="$made/root" --quiet mask getty.target console-getty.service \
    systemd-networkd.service systemd-networkd-wait-online.service systemd-resolved.service systemd-timesyncd.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer motd-news.timer
  systemctl --root="$made/root" --quiet enable ssh.service
  systemctl --root="$made/root" --quiet disable nginx.service
  touch "$made/root"
  mv -T "$made/root" "$root"
  echo "hosts.sh: $root is ready after $((SECONDS - start)) s" >&2
}

# --- A fleet

fleet() { # [FOLDER]
  folder=$(realpath -m "${1:-$cache/fleet}")
  [[ $folder =~ ^[A-Za-z0-9/._-]+$ ]] || die "a fleet's folder may have letters, digits and /._- only: $folder"
  id=$(sha256sum <<<"$folder" | cut -c1-6)
  bridge=ir$id
  sockets=/run/incident-hosts-$id # short: a socket's path must be
}

known() { # NAME: of this fleet
  [[ -e $folder/hosts/$1/address ]] || die "there is no host $1 in $folder"
}

names() {
  local path
  for path in "$folder"/hosts/prod-api-*/ /run/netns/"ir-$id"-*; do
    [[ -e $path ]] && path=${path%/} && echo "prod-api-${path##*-}"
  done | sort -u
}

# Prints the pid in a pid file where that very process is alive: a pid alone may have been given to another.
alive() { # NAME
  local pid started
  read -r pid started 2>/dev/null <"$folder/hosts/$1/pid" || return 1
  [[ $(started_at "$pid") == "$started" ]] && echo "$pid"
}

started_at() { # PID
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # shellcheck disable=SC2086 # the 20th word after the command's name
  set -- ${stat##*) }
  [[ $1 == Z ]] || echo "${20}"
}

# A cgroup of its own for each host: without, all hosts' systemd would share one and see each other's services.
# Where systemd runs the machine, it makes a scope for each.
cgroups() { # NAME
  local parent
  [[ ! -d /run/systemd/system ]] || return 0
  if unified; then
    echo "/sys/fs/cgroup/ir-$id-${1##*-}"
  else
    for parent in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
      [[ ! -d $parent ]] || echo "$parent/ir-$id-${1##*-}"
    done
  fi
}

unified() { [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]]; }

make_network() { # a bridge with a subnet that nothing else here has; the caller holds the lock
  local attempt sum
  if ip link show "$bridge" >/dev/null 2>&1 && [[ -s $folder/net ]]; then
    net=$(<"$folder/net")
    return
  fi
  for attempt in {0..31}; do
    # a fleet that was up here before keeps its subnet
    if ((attempt == 0)) && [[ -s $folder/net ]]; then net=$(<"$folder/net"); else
      sum=$(sha256sum <<<"$folder $attempt")
      net=10.$((16#${sum:0:2} % 128 + 100)).$((16#${sum:2:2}))
    fi
    [[ -z $(ip -4 route show table all root "$net.0/24" && ip -4 route show match "$net.0/24" | grep -vE '^(default|10\.0\.0\.0/8) ') ]] || continue
    [[ ! -s $folder/net || $(<"$folder/net") == "$net" ]] || die "the subnet $(<"$folder/net").0/24 of this fleet is taken: down, then up"
    ip link add "$bridge" type bridge
    ip addr add "$net.1/24" dev "$bridge"
    ip link set "$bridge" up
    echo "$net" >"$folder/net"
    return
  done
  die "no free subnet was found for the bridge"
}

start_host() { # NAME
  local at=$folder/hosts/$1 number=${1##*-} ns pid
  ns=ir-$id-$number
  ! alive "$1" >/dev/null || return 0
  clear_host "$1" # what a killed one may have left
  mkdir -p "$at"/{upper,work,merged}
  if [[ ! -e $at/copied ]] &&
    ! mount -t overlay overlay -o "lowerdir=$root,upperdir=$at/upper,workdir=$at/work" "$at/merged" 2>"$at/mount.log"; then
    # this file system can't be the upper layer (it is an overlay itself, as in a container): a copy
    [[ ! -e $at/address ]] || die "the disk of $1 can't be mounted again: $(<"$at/mount.log")"
    cp -a --reflink=auto "$root/." "$at/merged/"
    touch "$at/copied"
  fi
  if [[ ! -e $at/address ]]; then
    echo "$1" >"$at/merged/etc/hostname"
    tr -d - </proc/sys/kernel/random/uuid >"$at/merged/etc/machine-id"
    install -d -m 700 "$at/merged/root/.ssh"
    install -m 600 "$folder/key.pub" "$at/merged/root/.ssh/authorized_keys"
    echo "$net.$((10 + 10#$number))" >"$at/address"
  fi
  ip netns add "$ns"
  # the same hardware address each time it is switched on: the others remember the one they have seen
  ip link add "$bridge-$number" type veth peer name host0 address "02:${id:0:2}:${id:2:2}:${id:4:2}:00:$number" netns "$ns"
  ip link set "$bridge-$number" master "$bridge" up
  ip -n "$ns" addr add "$(<"$at/address")/24" dev host0
  ip -n "$ns" link set host0 up
  ip -n "$ns" link set lo up
  ip -n "$ns" route add default via "$net.1"
  setsid "$self" _run "$1" "$folder" </dev/null >>"$at/console.log" 2>&1 9>&- &
  pid=$!
  echo "$pid $(started_at "$pid")" >"$at/pid"
}

run() { # NAME: the process in the pid file, as long as the host is switched on
  local at=$folder/hosts/$1 ns child='' stopping='' code=133 group arguments=(--register=no)
  ns=ir-$id-${1##*-}
  if [[ ! -d /run/systemd/system ]]; then
    arguments+=(--keep-unit)
    for group in $(cgroups "$1"); do
      mkdir -p "$group"
      echo $$ >"$group/cgroup.procs"
    done
  fi
  unified || export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=0
  trap 'stopping=1; [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || true' TERM
  while ((code == 133)) && [[ -z $stopping ]]; do # 133: the host rebooted itself
    systemd-nspawn --quiet --boot --directory="$at/merged" --machine="$ns" --hostname="$1" "${arguments[@]}" \
      --network-namespace-path="/run/netns/$ns" --capability=CAP_NET_ADMIN \
      --resolv-conf=off --timezone=off --link-journal=no &
    child=$!
    [[ -z $stopping ]] || kill -TERM "$child" 2>/dev/null || true
    while code=0 && { wait "$child" || code=$?; } && kill -0 "$child" 2>/dev/null; do :; done
  done
}

wait_for() { # NAME
  local at=$folder/hosts/$1 deadline=$((SECONDS + 60)) state
  until state=$(ssh -n -i "$folder/key" -o BatchMode=yes -o ConnectTimeout=2 -o ControlPath=none -o LogLevel=ERROR \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "root@$(<"$at/address")" \
    'timeout 30 systemctl is-system-running --wait || true' 2>"$at/ssh.log"); do
    if ((SECONDS >= deadline)) || ! alive "$1" >/dev/null; then
      tail -n 20 "$at/console.log" "$at/ssh.log" >&2 || true
      die "$1 did not come up: see $at/console.log"
    fi
    sleep 0.1
  done
  echo "$1 $(<"$at/address") $state"
}

close_connections() { # ADDRESS: ends what SSH clients have kept open
  local socket
  for socket in "$sockets"/*@"$1"; do
    [[ ! -S $socket ]] || ssh -O exit -o ControlPath="$socket" "$1" 2>/dev/null || true
    rm -f "$socket"
  done
}

signal() { # SIGNAL NAME
  local pid
  if pid=$(alive "$2"); then kill -"$1" "$pid" 2>/dev/null || true; fi
}

gone() { # NAME SECONDS: whether it ends in that time
  local deadline=$((SECONDS + $2))
  while alive "$1" >/dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

stop_host() { # NAME, which has been asked (TERM) to power off
  # nspawn ends the host at once when it is asked again
  gone "$1" 10 || { signal TERM "$1" && gone "$1" 3; } || { signal KILL "$1" && gone "$1" 3; } || die "$1 can't be stopped"
  [[ ! -s $folder/hosts/$1/address ]] || close_connections "$(<"$folder/hosts/$1/address")"
  clear_host "$1"
}

cut_host() { # NAME
  local pid
  ip link set "$bridge-${1##*-}" down
  if pid=$(alive "$1"); then pkill -KILL -P "$pid" || true; fi
  signal KILL "$1"
  stop_host "$1"
}

clear_host() { # NAME: removes all that a host that is off has left, but its disk
  local ns group path tries
  ns=ir-$id-${1##*-}
  for group in $(cgroups "$1"); do
    for tries in {1..50}; do
      [[ -d $group ]] || break
      if ((tries % 10 == 0)); then # only processes of this host are in it
        find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | xargs --no-run-if-empty kill -KILL 2>/dev/null || true
      fi
      find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
      [[ ! -d $group ]] || sleep 0.1
    done
  done
  path=$folder/hosts/$1/merged
  if mountpoint -q "$path"; then umount "$path" 2>/dev/null || { sleep 0.5 && umount "$path"; } || umount -l "$path"; fi
  if ip link show "$bridge-${1##*-}" >/dev/null 2>&1; then ip link del "$bridge-${1##*-}"; fi
  if [[ -e /run/netns/$ns ]]; then ip netns del "$ns"; fi
  for path in /run/systemd/nspawn/{propagate,unix-export}/"$ns"; do # left where nspawn was killed
    if mountpoint -q "$path"; then umount "$path"; fi
    rm -rf --one-file-system "$path"
  done
  rm -f "$folder/hosts/$1/pid"
}

up() { # N
  local name start=$EPOCHREALTIME list=()
  [[ $1 =~ ^[1-9][0-9]?$ ]] || die "how many hosts? From 1 to 99"
  mapfile -t list < <(seq -f 'prod-api-%02g' "$1")
  mkdir -p "$folder/hosts" "$sockets"
  chmod 700 "$folder" "$sockets"
  [[ -e $folder/key ]] || ssh-keygen -q -t ed25519 -N '' -C tests -f "$folder/key"
  {
    flock 9
    make_network
  } 9>"$cache/network.lock"
  for name in "${list[@]}"; do start_host "$name"; done
  for name in "${list[@]}"; do wait_for "$name"; done
  awk -v start="$start" -v end="$EPOCHREALTIME" -v count="$1" 'BEGIN { printf "%d hosts are up after %.1f s\n", count, end - start }'
}

down() {
  local name hosts
  hosts=$(names)
  for name in $hosts; do signal TERM "$name"; done
  for name in $hosts; do stop_host "$name"; done
  if ip link show "$bridge" >/dev/null 2>&1; then ip link del "$bridge"; fi
  rm -rf --one-file-system "$sockets" "$folder/hosts"
  rm -f "$folder"/{key,key.pub,net}
  rmdir "$folder" 2>/dev/null || true
}

inventory() {
  local path paths=("$folder"/hosts/*/address)
  [[ -s $folder/net ]] || die "no hosts are up in $folder"
  echo ---
  group api
  for path in "${paths[@]}"; do
    ((${#paths[@]} == 1)) || [[ $path != "${paths[-1]}" ]] || group balancer
    printf '    %s:\n      ansible_host: %s\n' "$(basename "$(dirname "$path")")" "$(<"$path")"
  done
}

group() { # NAME: the head of a group of the inventory
  cat <<END
$1:
  vars:
    ansible_user: root
    ansible_ssh_private_key_file: $folder/key
    ansible_python_interpreter: /usr/bin/python3
    ansible_ssh_args: >-
      -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=$sockets/%r@%h
      -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ServerAliveInterval=2
  hosts:
END
}

shopt -s extglob
case ${1:-} in
  check) check ;;
  build) build ;;
  root)
    build
    echo "$root"
    ;;
  up)
    fleet "${3:-}"
    build
    up "${2:-}"
    ;;
  inventory)
    fleet "${2:-}"
    inventory
    ;;
  stop)
    fleet "${3:-}"
    known "${2:-}"
    signal TERM "$2"
    stop_host "$2"
    ;;
  cut)
    fleet "${3:-}"
    known "${2:-}"
    cut_host "$2"
    ;;
  start)
    fleet "${3:-}"
    known "${2:-}"
    build
    net=$(<"$folder/net")
    start_host "$2"
    wait_for "$2"
    ;;
  down)
    fleet "${2:-}"
    down
    ;;
  _run)
    fleet "$3"
    run "$2"
    ;;
  *)
    sed -n '/^# Real systemd/,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$self" >&2
    exit 2
    ;;
esac
