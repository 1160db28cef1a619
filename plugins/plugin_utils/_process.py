# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Identifies a process: a process id alone is reused after a while."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat that follow the command's name. Raises OSError, IndexError."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def machine() -> str:
    """The scope in which process ids are valid: the host, and the container on it."""
    try:
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def started(pid: int) -> str:
    """The start of the process in a form that is only for comparison; empty if unknown."""
    try:
        return _stat(pid)[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return answer.stdout.strip()


def alive(pid: int, since: str = "") -> bool:
    """Whether the process runs and started at `since`. A zombie process does not run."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if since and started(pid) != since:
        return False
    try:
        return _stat(pid)[0] != "Z"
    except (OSError, IndexError):
        return not Path("/proc/self/stat").exists()


def ancestors(pid: int) -> list[str]:
    """The names of the parent processes of `pid`, the nearest first; empty without /proc."""
    names: list[str] = []
    try:
        while pid > 1 and len(names) < 20:
            text = Path(f"/proc/{pid}/stat").read_text()
            pid = int(text.rpartition(")")[2].split()[1])
            names.append(Path(f"/proc/{pid}/comm").read_text().strip())
    except (OSError, ValueError, IndexError):
        pass
    return names
