# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Virtual environments beside .venv, for programs whose libraries ours need not agree with. They are kept in .cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def locked(name: str, python: str) -> Path:
    """The folder of the programs that `requirements/<name>.lock` pins, installed for this Python unless they are already."""
    lock, folder = ROOT / "requirements" / f"{name}.lock", ROOT / ".cache" / name
    installed = folder / "installed.lock"
    if not installed.exists() or installed.read_text() != lock.read_text():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)], check=True)
        shutil.copy(lock, installed)
    return folder / "bin"
