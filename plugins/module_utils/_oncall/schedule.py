# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The embedded source: the rotation of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
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
        return [self._duty(level, when) for level in self._there()]

    def of_level(self, when: datetime, level: int) -> list[Duty]:
        return [self._duty(each, when) for each in self._there() if each.number == level] or self.on_call(when)

    def _there(self) -> list[rotation.Level]:
        if not self._levels:
            raise OncallError("there is no rotation: write oncall.people and oncall.schedule into incident-response.yml")
        return self._levels

    @staticmethod
    def _duty(level: rotation.Level, when: datetime) -> Duty:
        try:
            layer, shift = level.at(when)
        except rotation.NoCover as error:
            raise OncallError(f"{error}. Add an override for that time to oncall.schedule.overrides") from None
        return Duty(level.number, layer.name, Named(shift.person), shift.start, shift.end, Named(shift.then) if shift.then else None)
