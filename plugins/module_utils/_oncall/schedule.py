# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The embedded source: the rotation of the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from .._core import rotation
from .._core.oncall import Duty, Named
from .._ports import OncallError


class Schedule:
    """`section` is `oncall` of the configuration."""

    def __init__(self, name: str, section: Mapping[str, Any]) -> None:
        self.name, self._levels = name, rotation.levels(section)

    def on_call(self, when: datetime) -> list[Duty]:
        found = [duty for duty, dummy in self._looked_up(self._there(), when) if duty]
        if not found:
            raise OncallError("; ".join(self.uncovered(found, when)))
        return found

    def of_level(self, when: datetime, level: int) -> list[Duty]:
        asked = [each for each in self._there() if each.number == level]
        for duty, gap in self._looked_up(asked, when):
            if duty is None:
                raise OncallError(gap)
            return [duty]
        return self.on_call(when)

    def uncovered(self, found: Sequence[Duty], when: datetime) -> list[str]:
        return [gap for duty, gap in self._looked_up(self._there(), when) if duty is None]

    def _there(self) -> list[rotation.Level]:
        if not self._levels:
            raise OncallError("there is no rotation: write oncall.people and oncall.schedule into incident-response.yml")
        return self._levels

    def _looked_up(self, levels: Sequence[rotation.Level], when: datetime) -> Iterator[tuple[Duty | None, str]]:
        """Each level's duty; None and the gap if nobody is on call in it."""
        for each in levels:
            try:
                yield self._duty(each, when), ""
            except rotation.NoCover as gap:
                yield None, f"{gap}. Add an override for that time to oncall.schedule.overrides"

    @staticmethod
    def _duty(level: rotation.Level, when: datetime) -> Duty:
        layer, shift = level.at(when)
        return Duty(level.number, layer.name, Named(shift.person), shift.start, shift.end, Named(shift.then) if shift.then else None)
