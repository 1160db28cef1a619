# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One emergency action on a service at a time; a dead run holds nothing."""

from __future__ import annotations

from collections.abc import Callable

from .._ports import Journal, Lease


def acquire(journal: Journal, wanted: Lease, *, now: float, alive: Callable[[int, str], bool]) -> Lease | None:
    """Take the lock of the service for `wanted.holder`. Returns the lease of another holder, or None if it was taken. A holder on this machine keeps
    the lock while its process lives (`alive(pid, started)`). A holder on another machine can't be checked, and keeps it until the lease expires (Unix
    time)."""
    with journal.transaction():
        there = holds(journal, wanted, now=now, alive=alive)
        if there is None:
            journal.take(wanted)
        return there


def holds(journal: Journal, wanted: Lease, *, now: float, alive: Callable[[int, str], bool]) -> Lease | None:
    """The lease of another run that holds the service now."""
    there = journal.lease(wanted.service)
    if there is None or there.holder == wanted.holder or forged(journal, wanted.service):
        return None
    if (there.machine, there.pid, there.started) == (wanted.machine, wanted.pid, wanted.started):
        return None  # an earlier run of the same controller: it is over, even if its end was not carried yet
    lives = alive(there.pid, there.started) if there.machine == wanted.machine else there.expires > now
    return there if lives else None


def forged(journal: Journal, service: str) -> Lease | None:
    """The lease of the service if it is forged: it has no valid seal, and the record has no such open run. (An older version does not seal
    leases.)"""
    there = journal.lease(service)
    if there is None or there.sealed:
        return None
    incident = journal.incident_of(there.holder)
    kinds = {entry.kind for entry in journal.entries(incident) if entry.run == there.holder} if incident else set()
    return None if kinds and not kinds & {"run_ended", "run_vanished"} else there
