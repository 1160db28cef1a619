# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One emergency action on a service at a time; a dead run holds nothing."""

from __future__ import annotations

from collections.abc import Callable

from .._ports import Journal, Lease


def acquire(journal: Journal, wanted: Lease, *, now: float, alive: Callable[[int, str], bool]) -> Lease | None:
    """Take the service for `wanted.holder`. The lease of another that holds it, None where it was taken.

    A holder on this machine holds it as long as its process lives, `alive(pid, started)`; one on another machine,
    that can't be asked, until its lease expires (Unix time).
    """
    with journal.transaction():
        there = holds(journal, wanted, now=now, alive=alive)
        if there is None:
            journal.take(wanted)
        return there


def holds(journal: Journal, wanted: Lease, *, now: float, alive: Callable[[int, str], bool]) -> Lease | None:
    """The lease of another that holds the service now."""
    there = journal.lease(wanted.service)
    if there is None or there.holder == wanted.holder or forged(journal, wanted.service):
        return None
    if (there.machine, there.pid, there.started) == (wanted.machine, wanted.pid, wanted.started):
        return None  # an earlier run of the same controller: it is over, though its end may not have been carried yet
    lives = alive(there.pid, there.started) if there.machine == wanted.machine else there.expires > now
    return there if lives else None


def forged(journal: Journal, service: str) -> Lease | None:
    """The lease of the service that is not believed: nobody of ours wrote it, and the record knows no such run that goes on. (A version before
    this one seals no lease.)"""
    there = journal.lease(service)
    if there is None or there.sealed:
        return None
    incident = journal.incident_of(there.holder)
    kinds = {entry.kind for entry in journal.entries(incident) if entry.run == there.holder} if incident else set()
    return None if kinds and not kinds & {"run_ended", "run_vanished"} else there
