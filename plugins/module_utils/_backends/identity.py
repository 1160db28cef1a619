# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Identifies the running process, to tell whether it is the same as before. Runs on the managed host, so it only uses the standard library. Unknown
values are empty, for example without Linux's /proc, or for processes of other users."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

_PROC = Path("/proc")
_LISTEN = "0A"
_INIT = 1


def process(pid: int) -> str:
    """A live process with its start, because a process id alone is reused. Empty if there is none."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{pid}@{fields[19]}" if fields[0] != "Z" else ""


def of_answer(text: str) -> str:
    """The identity in the output of a command: its words. A number counts as a process id, and that process must be alive."""
    words = "_".join(text.split())[:200]
    return process(int(words)) if words.isdigit() else words


@cache
def port_of(address: str) -> int:
    """The port of an `http://…` or a `host:port` on this host; 0 for another host."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        there = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, ValueError):
        return 0
    return port if any(_is_here(each[0], str(each[4][0])) for each in there) else 0


def listening(port: int) -> frozenset[str]:
    """The inodes of the sockets that listen on this port. They change when another process binds the port."""
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            if words[3] == _LISTEN and int(words[1].rpartition(":")[2], 16) == port:
                found.add(words[9])
    return frozenset(found)


def owners(inodes: Iterable[str]) -> str:
    """The oldest process that has each of these sockets open; empty if one is not found. PID 1 is ignored, because it only holds sockets for other
    processes."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    oldest: dict[str, tuple[int, str]] = {}
    for folder in _PROC.glob("[0-9]*"):
        pid = int(folder.name)
        for link in _links(folder / "fd") if pid != _INIT else ():
            who = process(pid) if link in wanted else ""
            if who:
                oldest[link] = min(oldest.get(link, (1 << 62, "")), (int(who.partition("@")[2]), who))
    return " ".join(sorted({who for dummy, who in oldest.values()})) if set(oldest) == wanted else ""


def _links(folder: Path) -> Iterator[str]:
    try:
        files = list(folder.iterdir())
    except OSError:  # it belongs to another user, or has ended
        return
    for each in files:
        try:
            yield str(each.readlink())
        except OSError:
            continue


def _is_here(family: int, address: str) -> bool:
    """Whether an address belongs to this host: only then it can be bound."""
    try:
        if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            return True
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.bind((address, 0))
    except (OSError, ValueError):
        return False
    return True
