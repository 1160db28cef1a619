# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a run is a drill: the same code, marked as one everywhere, paging nobody, and left out of all figures."""

from __future__ import annotations

from enum import StrEnum


class Drill(StrEnum):
    """`DONE` changes what a real run would change; `DRY` leaves the change out and does all the rest."""

    NO = ""
    DONE = "drill"
    DRY = "dry"


_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1", "drill"), Drill.DONE),
    **dict.fromkeys(("", "false", "no", "off", "0", "none"), Drill.NO),
    "dry": Drill.DRY,
}


def parse(given: object) -> Drill:
    """What `-e drill=…` says. Raises ValueError for what is neither true, false nor dry."""
    try:
        return _WORDS[str(given).strip().lower()]
    except KeyError:
        raise ValueError(f"drill={str(given)[:40]!r} is neither true, false nor dry") from None
