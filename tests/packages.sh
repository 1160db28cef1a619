#!/usr/bin/env bash
# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Install what the tests need beside Python's packages: as root with apt. Elsewhere say in one block what is missing and how to get it.
#
#   packages.sh            for all tests; what is missing in the end is told again by the tests that it keeps from running
#   packages.sh python     a Python that can make a virtual environment; 1 where there is none
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A programs=(
  [debootstrap]=debootstrap [systemd-container]=systemd-nspawn [iproute2]=ip [openssh-client]=ssh
  [docker.io]=dockerd [docker-compose]=docker-compose [iptables]=iptables [chromium]=chromium
)
declare -A reasons=(
  [debootstrap]="test hosts" [systemd-container]="test hosts" [iproute2]="test hosts" [openssh-client]="test hosts"
  [docker.io]="tests on containers" [docker-compose]="tests on containers" [iptables]="tests on containers"
  [chromium]="tests of the status page in a browser" [python3-venv]="everything: Python 3.11 or newer that can make a virtual environment"
)

# The packages whose program isn't there.
missing() {
  local package
  tests/python.sh >/dev/null || echo python3-venv
  [[ $1 == all ]] || return 0
  for package in "${!programs[@]}"; do
    command -v "${programs[$package]}" >/dev/null || echo "$package"
  done | sort
}

mapfile -t packages < <(missing "${1:-all}")
((${#packages[@]})) || exit 0
if ((EUID == 0)) && command -v apt-get >/dev/null; then
  echo "Installing with apt: ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update && apt-get install --yes --no-install-recommends "${packages[@]}"; } || echo "apt could not install all of it."
  mapfile -t packages < <(missing "${1:-all}")
  ((${#packages[@]})) || exit 0
fi
{
  echo "This machine lacks:"
  for package in "${packages[@]}"; do echo "  - $package, for ${reasons[$package]}"; done
  echo "On Debian: sudo apt-get install --no-install-recommends ${packages[*]}"
} >&2
[[ " ${packages[*]} " != *" python3-venv "* ]]
