# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selects incidents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .._core import listing, showing
from .._core.escalation import Clocks, Waiting
from .._core.status import Status
from .._ports import Journal

_AGO = re.compile(r"^(\d+)([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


_LIST = "Look with: ansible-playbook incident.response.incident_list"
_WAITING = {
    "incident_close": ({Status.RESOLVED}, "open, or resolved and not closed"), "incident_review": ({Status.CLOSED}, "closed and not reviewed"),
}  # fmt: skip
"""For each playbook: the stages in which an ended incident still waits for this step, and their name in texts."""


class NotFound(LookupError):
    """No incident has that name."""


class Several(NotFound):
    """Several incidents match."""


def instant(text: str, *, now: float) -> float:
    """`2025-11-10`, `2025-11-10T10:00:00Z` (UTC where no zone is given), or `7d` for seven days ago, as Unix time. Raises ValueError."""
    ago = _AGO.match(text.strip())
    if ago:
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time: write 2025-11-10, 2025-11-10T10:00:00Z, or 7d for seven days ago") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def select(journal: Journal, *, incident: str = "", service: str = "", status: str = "", since: float | None = None) -> list[dict[str, Any]]:
    """The incidents that match all given filters, newest first. Raises NotFound for an unknown `incident`."""
    if incident:
        found = journal.find(incident)
        if found is None:
            raise NotFound(f"no incident is called {incident}; without `incident`, all are shown")
        chosen = [found]
    else:
        chosen = journal.ids()
    shown = [journal.info(each) for each in chosen]
    return [
        info for info in shown
        if (not service or info["service"] == service) and (not status or info["status"] == status) and (since is None or _opened(info) >= since)
    ]  # fmt: skip


def _opened(info: dict[str, Any]) -> float:
    try:
        return datetime.fromisoformat(info["opened_at"]).timestamp()
    except (TypeError, ValueError):
        return 0.0


def meant(journal: Journal, step: str = "") -> str | None:
    """The default incident: the only one that is open, or that waits for the `step` (a playbook). None if there is none. Raises Several with a
    list."""
    stages, called = _WAITING.get(step, (set[Status](), "open"))
    found = [] if step == "incident_review" else journal.open_incidents()
    found += [each for each in journal.ids() if journal.info(each)["status"] in stages] if stages else []
    states = [journal.incident(each) for each in found]
    real = [state for state in states if not state.drill] or states
    if len(real) > 1:
        raise Several(listing.choice([state.public() for state in real], called))
    return real[0].id if real else None


def located(journal: Journal, incident: str, service: str) -> str:
    """The incident to show: by its name, otherwise the open or newest incident of the service, otherwise the only open incident. Raises NotFound."""
    if incident:
        found = journal.find(incident)
        if found is None:
            raise NotFound(f"no incident is called {incident}. {_LIST}")
        return found
    if service:
        found = journal.open_for(service) or journal.newest_of(service) or journal.newest_of(service, drill=True)
        if found is None:
            raise NotFound(f"there is no incident of {service}. {_LIST}")
        return found
    found = meant(journal)
    if found is None:
        newest = next(iter(journal.ids()), None)
        last = f"The last one: -e incident={journal.info(newest)['name']}" if newest else "There never was one."
        raise NotFound(f"no incident is open. {last}")
    return found


def shown(journal: Journal, incident: str, *, clocks: Waiting | None = None, now: float, **more: Any) -> showing.Shown:
    """The incident with all shown data. The times of its entries are corrected to this machine's clock."""
    return compact(journal, journal.info(incident), clocks=clocks, now=now, **more)


def compact(journal: Journal, info: Mapping[str, Any], *, clocks: Waiting | None = None, now: float, **more: Any) -> showing.Shown:
    """The same, for an incident whose `info` is already known."""
    return showing.Shown(info, journal.reckoned(info["id"]), clocks(info["severity"]) if clocks else Clocks(), now, **more)
