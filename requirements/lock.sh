#!/usr/bin/env bash
# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Refresh all locks: the newest releases that the ranges allow, for Python 3.11 and all later ones, with the hashes of their files.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {
  uv pip compile --quiet --upgrade --universal --python-version 3.11 --only-binary :all: --generate-hashes --no-emit-index-url \
    --custom-compile-command 'make lock' --output-file "requirements/$1.lock" "${@:2}"
}
lock dev requirements/dev.in
lock run --constraints requirements/dev.lock requirements.txt # what `make demo` takes is what the tests ran with
lock oldest-core requirements/oldest-core.in
lock status-page-exporter requirements/status-page-exporter.in
