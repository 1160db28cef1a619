# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much of a service can't answer while an action takes one of its hosts after the other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Burden:
    """The worst moment: `out` is how much of the service, in per cent, can't answer while `host` changes, since others are `down` already.

    `unseen`: how many hosts have the service beside those that were looked at.
    """

    out: int
    host: str = ""
    down: tuple[str, ...] = ()
    unseen: int = 0


def burden(shares: Mapping[str, int | None], *, changing: Collection[str], unwell: Collection[str], everywhere: int) -> Burden:
    """`shares` has the hosts in their order, with what is out while each changes, None for one host's share of the service.

    A host is healthy before the next one is taken, or there is no next one.
    """
    every = max(len(shares), everywhere)
    worst, down = Burden(0, unseen=every - len(shares) if changing and None in shares.values() else 0), list(unwell)
    for host in (each for each in shares if each in changing):
        others = tuple(each for each in down if each != host)
        own = shares[host]
        out = min(100, (100 // every if own is None else own) + len(others) * 100 // every)
        if own is None and len(others) + 1 == every:
            out = 100
        if out > worst.out:
            worst = Burden(out, host, others, worst.unseen)
        down = list(others)
    return worst


def risk(found: Burden, *, stateful: bool) -> str:
    """How much can go wrong, in words."""
    already = f"{', '.join(found.down)} {'is' if len(found.down) == 1 else 'are'} down already"
    if found.out >= 100:
        return f"high: {already}, so nobody is answered while {found.host} changes" if found.down else "high: nobody is answered meanwhile"
    if found.out >= 50 or found.down:
        return f"medium: {found.out} % of the service is out meanwhile{f' ({already})' if found.down else ''}, and the rest must bear it"
    return "medium: what runs becomes another" if stateful else "low"
