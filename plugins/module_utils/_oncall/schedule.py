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
        if not self._levels:
            raise OncallError("there is no rotation: write oncall.people and oncall.schedule into incident-response.yml")
        found = []
        for level in self._levels:
            try:
                layer, shift = level.at(when)
            except rotation.NoCover as error:
                raise OncallError(f"{error}. Add an override for that time to oncall.schedule.overrides") from None
            then = Named(shift.then) if shift.then else None
            found.append(Duty(level.number, layer.name, Named(shift.person), shift.start, shift.end, then))
        return found
