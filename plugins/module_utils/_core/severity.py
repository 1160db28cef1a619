# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Severity levels. Their clocks are in the configuration's schema, with the handbook's table as defaults."""

from __future__ import annotations

from enum import StrEnum


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
"""The default severity of an emergency run: the handbook has these commands in its P0/P1 flow, and P1 calls the on-call engineer."""
