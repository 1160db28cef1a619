# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Computes which part of a service can't answer while an action changes one host at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Burden:
    """The worst moment: `out` is the percentage of the service that can't answer while `host` changes and other hosts are already `down`. `unseen`:
    the number of hosts of the service that were not checked."""

    out: int
    host: str = ""
    down: tuple[str, ...] = ()
    unseen: int = 0


def burden(shares: Mapping[str, int | None], *, changing: Collection[str], unwell: Collection[str], everywhere: int) -> Burden:
    """`shares` has the hosts in their order, with the percentage that is out while each changes; None means one host's share. Each host is healthy
    before the next one is changed."""
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
    """The risk in words."""
    already = f"{', '.join(found.down)} {'is' if len(found.down) == 1 else 'are'} down already"
    if found.out >= 100:
        return f"high: {already}, so nobody is answered while {found.host} changes" if found.down else "high: nobody is answered meanwhile"
    if found.out >= 50 or found.down:
        return f"medium: {found.out} % of the service is out meanwhile{f' ({already})' if found.down else ''}, and the rest must bear it"
    return "medium: what runs becomes another" if stateful else "low"
