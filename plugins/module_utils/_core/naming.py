# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of incidents: `incident-YYYY-MM-DD-NNN`, and a provisional name before there is a number. Names of drills begin with `drill`."""

from __future__ import annotations

import re
from datetime import date

_NUMBERED = re.compile(r"^(?:incident|drill)-(\d{4}-\d{2}-\d{2})-(\d{3,})$")


def numbered(day: date, number: int, *, drill: bool = False) -> str:
    """The name of the `number`th incident (from 1), or drill, of the UTC day `day`."""
    return f"{_kind(drill)}-{day.isoformat()}-{number:03d}"


def number_of(name: str) -> tuple[str, int] | None:
    """The day (ISO) and number in a name, or None where it has none."""
    match = _NUMBERED.match(name)
    return (match[1], int(match[2])) if match else None


def provisional(day: date, incident_id: str, *, drill: bool = False) -> str:
    """The provisional name, derived from the incident's id."""
    return f"{_kind(drill)}-{day.isoformat()}-p{incident_id[:4]}"


def is_drill(name: str) -> bool:
    return name.startswith(f"{_kind(True)}-")


def _kind(drill: bool) -> str:
    return "drill" if drill else "incident"


def normal(name: str) -> str:
    """Normalize a pasted name (`#incident-…`, with blanks around it)."""
    return name.strip().removeprefix("#")
