# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which incidents are asked for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from .._ports import Journal

_AGO = re.compile(r"^(\d+)([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class NotFound(LookupError):
    """No incident has that name."""


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
    """The incidents, newest first, that all given filters let through. Raises NotFound for an `incident` that isn't there."""
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
