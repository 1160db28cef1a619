# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Computes the order in which an action changes the hosts behind a load balancer, so that one always answers, and the hosts for which this is
impossible."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

_WHY = {"drained": "was left out by an earlier run", "down": "is down by somebody's hand", "serving": "does not answer or is not healthy"}


@dataclass(frozen=True)
class Place:
    """A server on one balancer. `state` is serving, drained (by an earlier run), or down (by a person)."""

    on: str
    upstream: str
    address: str
    state: str
    backup: bool = False
    answers: bool = True

    @property
    def pool(self) -> tuple[str, str]:
        """The servers that can replace each other."""
        return self.on, self.upstream


@dataclass
class Turns:
    """`order` has all hosts. `restore`: hosts whose servers are put back before the first turn. `alone`: hosts that stay in, because no other one
    serves. `stuck`: for a host in `alone`, addresses that an earlier run has left out and that belong to none of the hosts."""

    order: list[str]
    restore: list[str] = field(default_factory=list)
    alone: dict[str, Place] = field(default_factory=dict)
    stuck: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """The hosts that an earlier run has left out. Each is put back in its turn."""


@dataclass(frozen=True)
class Situation:
    """`hosts` maps the hosts to their addresses, in the order of the inventory; `changing` are the hosts to change. If a host has several addresses,
    they are taken out one at a time."""

    hosts: Mapping[str, Collection[str]]
    places: Sequence[Place]
    changing: Collection[str]
    unwell: Collection[str] = ()
    half_way: Collection[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """The readable names of the addresses."""

    def named(self, address: str) -> str:
        """The host of an address, if it is known."""
        return self.names.get(address, address)

    def of(self, host: str) -> list[Place]:
        """The servers of a host on the balancers."""
        return [each for each in self.places if each.address in self.hosts[host]]

    def left_out(self, host: str) -> bool:
        """Whether an earlier run took the host out of a balancer."""
        return any(each.state == "drained" for each in self.of(host))


def turns(now: Situation) -> Turns:
    """The order: first the hosts whose turn reduces no capacity: half-way, out of a balancer, or unhealthy."""
    first = {host for host in now.hosts if host in now.half_way or host in now.unwell or now.left_out(host)}
    order = sorted(now.hosts, key=lambda host: (host not in now.half_way, host not in first))
    alone, restore = _walk(now, order, []), []
    if any(host not in now.unwell for host in alone):
        restore = [host for host in order if now.left_out(host) and host not in now.unwell and host not in now.half_way]
        restored = _walk(now, order, restore)
        restore = restore if restored != alone else []
        alone = restored
    found = Turns(order, restore, alone)
    ours = {address for addresses in now.hosts.values() for address in addresses}
    for host, place in alone.items():
        left = [each.address for each in now.places if each.pool == place.pool and each.state == "drained" and each.address not in ours]
        if left and host not in now.unwell:
            found.stuck[host] = left
    found.notes, found.left_out = _notes(now, found), [host for host in now.hosts if now.left_out(host)]
    return found


def _walk(now: Situation, order: list[str], restored: Collection[str]) -> dict[str, Place]:
    """The hosts whose turn would leave no serving server, and where. A host serves after its turn, unless a person has set it down."""
    names = {address: host for host, addresses in now.hosts.items() for address in addresses}
    serving: dict[tuple[str, str], set[str]] = {each.pool: set() for each in now.places}
    for each in now.places:
        host = names.get(each.address, "")
        back = each.state == "drained" and host in restored
        if back or (each.state == "serving" and each.answers and host not in now.unwell):
            serving[each.pool].add(each.address)
    alone: dict[str, Place] = {}
    for host in order:
        for place in now.of(host):
            in_use = place.state == "serving" or host in restored
            if host in now.changing and in_use and not serving[place.pool] - {place.address}:
                alone.setdefault(host, place)
            if place.state != "down":
                serving[place.pool].add(place.address)
    return alone


def _notes(now: Situation, found: Turns) -> list[str]:
    """Notes for people before the start."""
    notes = []
    for host in found.order:
        for place in now.of(host):
            if place.state == "drained":
                how = "is put back before anything else" if host in found.restore else "comes first, and is put back once it is healthy"
                notes.append(f"{host} is out of nginx on {place.on}, where an earlier run left it: it {how}")
            elif place.state == "down":
                notes.append(f"{host} is down in nginx on {place.on} by somebody's hand, and stays so")
    for host, place in found.alone.items():
        others = [each for each in now.places if each.pool == place.pool and each.address != place.address]
        why = "; ".join(f"{now.named(each.address)} {_WHY[each.state]}" for each in others)
        only = f"{host} is the only server {where(place)} that serves{f' ({why})' if why else ''}"
        notes.append(f"{only}: it stays in nginx, and nobody is answered while it changes")
    return [*dict.fromkeys(notes), *dict.fromkeys(_backups(now, found))]


def where(place: Place) -> str:
    """The upstream of a server, and its balancer."""
    return f"of upstream {place.upstream} on {place.on}" if place.upstream else f"on {place.on}"


def _backups(now: Situation, found: Turns) -> list[str]:
    """The upstreams in which only backups answer meanwhile."""
    notes = []
    for host in found.order:
        for place in now.of(host) if host in now.changing and host not in found.alone else []:
            serve = [each for each in now.places if each.pool == place.pool and each.address != place.address and each.state == "serving"]
            if place.state == "serving" and not place.backup and serve and all(each.backup for each in serve):
                notes.append(f"only the backup {now.named(serve[0].address)} answers on {place.on} while {host} is out")
    return notes
