# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core import rotation
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._ports import OncallError
from ansible_collections.incident.response.plugins.module_utils._usecases import oncall
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._wiring import oncall as oncall_wiring

_MOST_DAYS = 3660


class ActionModule(ControllerAction):
    """Asks the sources of the configuration, in their order."""

    SPEC: ClassVar = {"level": {"type": "int"}, "at": {"type": "str"}, "cover_days": {"type": "int", "default": 0}}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        section, level = _catalogue.configuration(self.options["config"])["oncall"], params["level"]
        if level is not None and level < 1:
            raise Refused(f"level={level} is no level: the first is 1.")
        when = _instant(params["at"])
        gaps = [
            f"level {each.number}: nobody from {utc(start.timestamp())} until {utc(end.timestamp())}"
            for each in rotation.levels(section)
            if level in {None, each.number}
            for start, end in each.gaps(when, when + timedelta(days=min(params["cover_days"], _MOST_DAYS)))
        ]
        if gaps:
            raise Refused(f"The rotation has gaps. {'; '.join(gaps)}. Close them with oncall.schedule.overrides, or other hours.", gaps=gaps)
        try:
            memory = None if params["at"] else oncall_wiring.memory(section, self.folder())
            answer = oncall.ask(oncall_wiring.sources(section, self.options), section["people"], when, memory, level=level)
        except (OncallError, OSError) as error:
            raise Refused(f"Nobody can say who is on call. {error}.") from None
        for problem in [*answer.problems, *answer.uncovered]:
            self._display.warning(f"incident.response: {problem}")
        if answer.as_of:
            self._display.warning(f"incident.response: NO SOURCE ANSWERS: this is who was on call at {answer.as_of}")
        stale = {"stale": bool(answer.as_of), "as_of": answer.as_of}
        return {"oncall": answer.oncall, "problems": answer.problems, "uncovered": answer.uncovered, **stale}


def _instant(text: str | None) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"at={text} is no time such as 2026-11-25T10:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
