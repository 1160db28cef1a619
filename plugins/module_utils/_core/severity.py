# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Severity levels, with the handbook's table as their default policy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MINUTE = 60
HOUR = 60 * MINUTE


class Severity(StrEnum):
    """P0 (complete outage, data breach) to P3 (cosmetic)."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"

    @classmethod
    def parse(cls, text: str) -> Severity:
        """Read a severity as people type it (`p1`, ` P1 `). Raises ValueError with the choices."""
        try:
            return cls(text.strip().upper())
        except ValueError:
            msg = f"'{text}' is not a severity: choose one of {', '.join(cls)}"
            raise ValueError(msg) from None


DEFAULT_SEVERITY = Severity.P1
"""What an emergency run opens with when nobody named a severity: the handbook gives these commands
in its P0/P1 flow, and P1 is the level that calls the on-call engineer."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The clocks of one severity, in seconds from the opening; None where the handbook sets none."""

    description: str
    ack_within: int | None
    respond_within: int | None
    mitigate_within: int | None
    resolve_within: int | None
    update_every: int | None


HANDBOOK: dict[Severity, Policy] = {
    Severity.P0: Policy("Complete outage, data breach", 5 * MINUTE, 0, 30 * MINUTE, 2 * HOUR, 10 * MINUTE),
    Severity.P1: Policy("Major degradation", 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, 2 * HOUR, 10 * MINUTE),
    Severity.P2: Policy("Minor issue", None, 2 * HOUR, None, None, None),
    Severity.P3: Policy("Cosmetic", None, None, None, None, None),
}
"""The handbook's "Severity Levels", "P0/P1 Incident Flow" and "Metrics"."""
