# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core import rotation
from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused


class ActionModule(ControllerAction):
    """Answers from the rotation of the configuration."""

    SPEC: ClassVar = {"level": {"type": "int"}, "at": {"type": "str"}}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        section = _catalogue.configuration(self.options["config"])["oncall"]
        layers = rotation.layers(section)
        if not layers:
            raise Refused("Nobody is on call: there is no rotation. Write oncall.people and oncall.schedule into incident-response.yml.")
        level, when = params["level"], _instant(params["at"])
        if level is not None and not 1 <= level <= len(layers):
            raise Refused(f"level={level} is not on call: the rotation has the levels 1 to {len(layers)}.")
        try:
            shifts = {number: layer.at(when) for number, layer in enumerate(layers, start=1) if level in {None, number}}
        except rotation.NoCover as error:
            raise Refused(f"{error}. Add an override for that time to oncall.schedule.overrides.") from None
        people = section["people"]
        return {"oncall": [_answer(number, layers[number - 1].name, shift, people) for number, shift in shifts.items()]}


def _instant(text: str | None) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"at={text} is no time such as 2026-11-25T10:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _answer(level: int, layer: str, shift: rotation.Shift, people: Mapping[str, Any]) -> dict[str, Any]:
    person = people[shift.person]
    return {
        "level": level, "layer": layer, "name": person.get("name", shift.person), "username": person.get("username", shift.person),
        "email": person.get("email", ""), "phone": person.get("phone", ""), "from": utc(shift.start.timestamp()),
        "until": utc(shift.end.timestamp()), "next": people[shift.then].get("name", shift.then) if shift.then else "", "source": "schedule",
    }  # fmt: skip
