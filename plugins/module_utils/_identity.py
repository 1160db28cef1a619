# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which process it is that runs: the same one as before, or another. Runs on the managed host, so: the standard library alone.

What it can't find out, on hosts without Linux's /proc or of processes of other users, it leaves empty.
"""

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
    """A process that lives, and when it began: a number alone is used again. Empty where there is none."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{pid}@{fields[19]}" if fields[0] != "Z" else ""


def of_answer(text: str) -> str:
    """The identity in what a command prints: its words, of which a number is that of a process, which has to live."""
    words = "_".join(text.split())[:200]
    return process(int(words)) if words.isdigit() else words


@cache
def port_of(address: str) -> int:
    """The port of an `http://…` or a `host:port` that is this host's own; 0 for that of another host."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        there = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, ValueError):
        return 0
    return port if any(_is_here(each[0], str(each[4][0])) for each in there) else 0


def listening(port: int) -> frozenset[str]:
    """The inodes of the sockets that listen on this port: others once something else has bound it."""
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
    """The oldest process that has each of these sockets open; empty where one can't be found. PID 1 only holds sockets for others."""
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
    except OSError:  # of another user, or gone
        return
    for each in files:
        try:
            yield str(each.readlink())
        except OSError:
            continue


def _is_here(family: int, address: str) -> bool:
    """Whether an address is one of this host's: only such a one can be bound."""
    try:
        if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            return True
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.bind((address, 0))
    except (OSError, ValueError):
        return False
    return True
