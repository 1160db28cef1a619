# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stages of an incident, and the legal steps between them."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The stages, in the handbook's order: Alert → Acknowledge → Investigate → Mitigate → Resolve → Review."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REVIEWED = "reviewed"

    @property
    def is_over(self) -> bool:
        """Whether a new emergency run must open another incident instead of updating this one."""
        return _ORDER.index(self) >= _ORDER.index(Status.RESOLVED)


_ORDER = list(Status)


_INSTEAD = {
    Status.INVESTIGATING: "somebody is at it already; say that you are, too, with the playbook incident.response.incident_update",
    Status.MITIGATED: "stages only go forward; if it came back, take it back to investigating: the playbook incident.response.incident_investigate, "
    "or open it again, does",
}
"""The advice for a step back, by the incident's stage."""


class IllegalTransition(ValueError):
    """A step that is not allowed."""

    def __init__(self, current: Status, wanted: Status, why: str) -> None:
        super().__init__(f"an incident that is {current} can't become {wanted}: {why}")
        self.current = current
        self.wanted = wanted


def is_back(current: Status, wanted: Status) -> bool:
    """Whether this is the only allowed step back: from mitigated to investigating."""
    return (current, wanted) == (Status.MITIGATED, Status.INVESTIGATING)


def steps(current: Status, wanted: Status) -> list[Status]:
    """The stages from `current` to `wanted`, with `wanted` last. Empty if there is nothing to do. All but the last are skipped stages, which the
    caller records as inferred. Raises IllegalTransition for a step back (except the allowed one), and for a review of an incident that isn't
    closed."""
    here, there = _ORDER.index(current), _ORDER.index(wanted)
    if here == there:
        return []
    if is_back(current, wanted):
        return [wanted]
    if there < here:
        raise IllegalTransition(current, wanted, _INSTEAD.get(current, "stages only go forward; open a new incident if it came back"))
    if wanted is Status.REVIEWED and current is not Status.CLOSED:
        raise IllegalTransition(current, wanted, "close it first; a review looks back on a closed incident")
    return _ORDER[here + 1 : there + 1]
