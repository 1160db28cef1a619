#!/usr/bin/env bash
# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Make the virtual environment .venv, or bring it up to date, with what a lock in requirements/ pins: venv.sh run|dev
set -euo pipefail
cd "$(dirname "$0")/.."
lock=requirements/$1.lock

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  tests/packages.sh python
  "$(tests/python.sh)" -m venv --clear .venv
fi
echo "Installing Python packages into .venv, for $(.venv/bin/python --version), as $lock pins them:"
log=.venv/$1.log
.venv/bin/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes --only-binary :all: --requirement "$lock" 2>&1 |
  tee "$log" | sed -un 's/^Collecting \([^ ]*\).*/  \1/p; s/^Installing collected.*/Unpacking them, which takes half a minute at most on most machines/p' || {
  grep -vE '^(Collecting|Using cached|Downloading|Looking|Ignoring|Requirement already)' "$log" >&2
  echo "Not installed: $lock. pip's output is in $log; where a package can't be reached, set a proxy or an index for pip, and run it again." >&2
  exit 1
}
touch ".venv/.$1"
