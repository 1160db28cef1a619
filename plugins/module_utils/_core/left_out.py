# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds the hosts that a run has taken out of the load balancer and not put back, from its tasks' results about each server on each balancer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .entry import Entry

BALANCER = "incident.response.nginx_upstream"
_UNSURE = ""
"""The balancer of an interrupted task with an unknown result."""

Told = Mapping[str, Mapping[str, str]]
"""For each balancer, its servers, each with `serving`, `drained`, `present`, `absent` or `unknown`."""


class LeftOut:
    """The servers that are out now."""

    def __init__(self) -> None:
        self._out: dict[tuple[str, str], str] = {}

    def see(self, host: str, told: Told) -> None:
        """The result of a task for this host."""
        for on, servers in told.items():
            for server, state in servers.items():
                if state in {"drained", "unknown"}:
                    self._out[on, server] = host
                else:
                    self._out.pop((on, server), None)
                    self._out.pop((_UNSURE, host), None)

    def cut_off(self, host: str) -> None:
        """A task for this host began, and has no result."""
        self._out[_UNSURE, host] = host

    def hosts(self) -> dict[str, list[str]]:
        """The balancers that send no requests to a host, for each host."""
        found: dict[str, set[str]] = {}
        for (on, _server), host in self._out.items():
            found.setdefault(host, set()).add(on)
        return {host: sorted(on) for host, on in found.items()}


def left_out(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """The same, from the entries of a run."""
    out = LeftOut()
    for entry in entries:
        host, told = str(entry.data.get("for") or entry.host), entry.data.get("balancer")
        if entry.action == BALANCER and isinstance(told, Mapping):
            out.see(host, told)
        elif entry.action == BALANCER and entry.state == "interrupted":
            out.cut_off(host)
    return out.hosts()


def words(host: str, balancers: Iterable[str]) -> str:
    """The text at the end of a run about a host that gets no requests."""
    known = [each for each in balancers if each != _UNSURE]
    return f"{host} is still out of nginx on {' and '.join(known)}" if known else f"{host} may be out of nginx, since the task was cut off"
