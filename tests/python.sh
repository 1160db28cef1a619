#!/usr/bin/env bash
# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Print the Python that makes the virtual environment: the one that PYTHON names, else the newest from 3.11 on that can make one.
shopt -s nullglob
candidates=("$PYTHON")
[[ $PYTHON ]] || for version in 3.13 3.12 3.11; do candidates+=("python$version" ~/.pyenv/versions/"$version".*/bin/python); done
[[ $PYTHON ]] || candidates+=(python3)
for candidate in "${candidates[@]}"; do
  "$candidate" -c 'import ensurepip, sys, venv; sys.version_info < (3, 11) or print(sys.executable)' 2>/dev/null | grep . && exit
done
exit 1
