# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An on-call source of somebody else, asked in a process of its own: a calendar without an end, or a server that hangs, is killed with it.

    python _wiring/oncall_source.py < question > answer

Both are JSON. The token stays in the environment, and is in neither.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

_COLLECTION = Path(__file__).absolute().parents[3]
if __name__ == "__main__":
    _IN_TREE = _COLLECTION.parents[1].name == "ansible_collections"
    sys.path[0] = str(_COLLECTION.parents[2] if _IN_TREE else _COLLECTION / "collections")

from ansible_collections.incident.response.plugins.module_utils._core.oncall import Duty, Named  # noqa: E402 - after the path is set
from ansible_collections.incident.response.plugins.module_utils._core.rotation import NO_ZONES  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._http import HttpError  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._oncall.goalert import GoAlert  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._oncall.grafana import Grafana  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._oncall.ical import Calendars  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._oncall.incidentio import IncidentIo  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._oncall.jsm import Jsm, Opsgenie  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._oncall.pagerduty import PagerDuty  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._ports import OncallError, OncallSource, PartialSource  # noqa: E402

ICAL = "ical"
WITH_TOKEN: dict[str, tuple[Any, str]] = {
    "pagerduty": (PagerDuty, "PAGERDUTY_TOKEN"),
    "incidentio": (IncidentIo, "INCIDENT_IO_API_KEY"),
    "grafana": (Grafana, "GRAFANA_ONCALL_TOKEN"),
    "jsm": (Jsm, "JSM_TOKEN"),
    "opsgenie": (Opsgenie, "OPSGENIE_API_KEY"),
    "goalert": (GoAlert, "GOALERT_TOKEN"),
}
"""The adapter of each source type, and the default environment variable for its token."""
_MEMORY = 2**30
"""The memory limit of the process in bytes, if the system supports a limit."""


@dataclass
class Apart:
    """A source of the configuration's `oncall` section, with a timeout in seconds."""

    name: str
    settings: Mapping[str, Any]
    section: Mapping[str, Any]
    within: float
    _uncovered: list[str] = field(default_factory=list)

    def on_call(self, when: datetime) -> list[Duty]:
        question = {"settings": self.settings, "people": self.section["people"], "schedule": self.section["schedule"], "when": when.isoformat()}
        try:
            ran = subprocess.run(  # noqa: S603
                [sys.executable, __file__], input=json.dumps(question), capture_output=True, text=True, timeout=self.within, check=False,
                start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise OncallError(f"no answer within {self.within:g} s (oncall.timeout)") from None
        except (OSError, ValueError) as error:
            raise OncallError(f"it can't be asked: {error}") from None
        try:
            answer = json.loads(ran.stdout)
            if "error" in answer:
                raise OncallError(answer["error"])
            self._uncovered = answer["uncovered"]
            return [_duty(each) for each in answer["duties"]]
        except (ValueError, LookupError, TypeError):
            last = (ran.stderr.strip().splitlines() or [f"it ended with {ran.returncode}"])[-1].partition(":")[0]  # the rest may hold its address
            raise OncallError(f"it broke when it was asked ({last[:100]})") from None

    def uncovered(self, found: Sequence[Duty], when: datetime) -> list[str]:
        return self._uncovered


def usable(settings: Mapping[str, Any], people: Mapping[str, Any], schedule: Mapping[str, Any]) -> OncallSource:
    """The adapter. Raises OncallError if it can't be asked."""
    kind = settings["type"]
    if kind == ICAL:
        try:
            return Calendars(kind, settings, people, schedule.get("time_zone", "UTC"))
        except LookupError:  # zoneinfo's
            raise OncallError(f"it needs {NO_ZONES}") from None
    adapter, variable = WITH_TOKEN[kind]
    variable = settings.get("token_env", variable)
    token = os.environ.get(variable, "").strip()
    if not token:
        raise OncallError(f"the environment has no {variable}")
    try:
        found: OncallSource = adapter(kind, settings, token)
    except HttpError as error:
        raise OncallError(str(error)) from None
    return found


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """The duties and the texts about empty levels, or the `error`."""
    try:
        source = usable(question["settings"], question["people"], question["schedule"])
        when = datetime.fromisoformat(question["when"])
        found = source.on_call(when)
        gaps = source.uncovered(found, when) if isinstance(source, PartialSource) else []
    except OncallError as error:
        return {"error": str(error)}
    return {"duties": [asdict(each) for each in found], "uncovered": gaps}


def _duty(told: Mapping[str, Any]) -> Duty:
    start, end = (datetime.fromisoformat(told[name]) if told[name] else None for name in ("start", "end"))
    return Duty(told["level"], told["layer"], Named(**told["person"]), start, end, Named(**told["then"]) if told["then"] else None)


def _bound_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (ImportError, OSError, ValueError):
        return


if __name__ == "__main__":
    _bound_memory()
    json.dump(answer(json.load(sys.stdin)), sys.stdout, default=lambda each: each.isoformat())
