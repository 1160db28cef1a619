#!/usr/bin/env bash
# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# ansible-test sanity on a copy of the files that git knows, since ansible-test wants its own place for a collection.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
collection=$work/ansible_collections/incident/response
mkdir -p "$collection"
git ls-files --cached --others --exclude-standard -z -- ':!collections' | while IFS= read -r -d '' file; do
  [[ ! -e $file ]] || cp --parents "$file" "$collection"
done
export HOME=$PWD/.cache/sanity # what ansible-test installs stays here
cache=$HOME/.ansible/test/cache
mkdir -p "$cache"

# ansible-test downloads the script that brings pip into its environments. Where that can't be reached, Python's own does it.
package=$(python -c 'import ansible_test, pathlib; print(pathlib.Path(ansible_test.__file__).parent)')
version=$(grep -rhoE "pip='[0-9.]+'|pip=\"[0-9.]+\"|pip==[0-9.]+" "$package/_internal/python_requirements.py" | head -n 1 | tr -d "pi=\"'")
script=$cache/get_pip_${version//./_}.py
url=https://ci-files.testing.ansible.com/ansible-test/get-pip-$version.py
if [[ ! -e $script ]] && ! python -c 'import sys, urllib.request as u; u.urlretrieve(*sys.argv[1:])' "$url" "$script" 2>/dev/null; then
  cat > "$script" <<END
import subprocess, sys
subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
packages = ["pip==$version", *(word for word in sys.argv[1:] if not word.startswith("-"))]
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
END
fi
cd "$collection"
ansible-test sanity --local --color no --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" "$@"
