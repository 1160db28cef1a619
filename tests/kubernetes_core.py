# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection kubernetes.core for the tests: from the package `ansible`, which holds it, fetched once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from sites import ROOT

PLACE = ROOT / ".cache" / "kubernetes.core"
INSIDE = "ansible_collections/kubernetes/core/"


def collections() -> Path:
    """The folder to add to Ansible's path of collections."""
    if not (PLACE / "done").exists():
        shutil.rmtree(PLACE, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, "ansible"]
            subprocess.run(fetch, check=True)
            (wheel,) = Path(folder).glob("ansible-*.whl")
            with zipfile.ZipFile(wheel) as package:
                package.extractall(PLACE, [name for name in package.namelist() if name.startswith(INSIDE)])
        (PLACE / "done").touch()
    return PLACE
