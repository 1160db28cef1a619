# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds the chain of on-call sources from the configuration, and keeps their last answer."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from ansible_collections.incident.response.plugins.module_utils import _gate, _owned
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.oncall import Duty
from ansible_collections.incident.response.plugins.module_utils._core.rotation import NO_ZONES
from ansible_collections.incident.response.plugins.module_utils._oncall.chat_topic import ChatTopic
from ansible_collections.incident.response.plugins.module_utils._oncall.schedule import Schedule
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError, OncallError, OncallSource
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from ansible_collections.incident.response.plugins.module_utils._usecases import oncall
from ansible_collections.incident.response.plugins.plugin_utils import _options
from ansible_collections.incident.response.plugins.plugin_utils._wiring.oncall_source import ICAL, WITH_TOKEN, Apart

_EMPTY = {"level": 1, "name": "", "email": "", "username": "", "phone": ""}
EMBEDDED = [{"type": "schedule"}]


@dataclass(frozen=True, slots=True)
class Unusable:
    """A source that can't be asked. It raises the reason, so that the next source is asked."""

    name: str
    why: str

    def on_call(self, when: datetime) -> list[Duty]:
        raise OncallError(self.why)


class LastAnswer:
    """Keep the last answer of the sources in a file of the state folder. It counts as long as the sources are the same."""

    def __init__(self, folder: Path, sources: list[dict[str, Any]]) -> None:
        self._path = folder / "oncall.json"
        self._key = hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest()

    def recall(self) -> tuple[list[dict[str, Any]], str] | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(_owned.text(self._path))
            if kept["key"] == self._key:
                return [dict(each) for each in kept["oncall"]], str(kept["at"])
        return None

    def keep(self, answer: list[dict[str, Any]]) -> None:
        """Write the answer atomically. Errors such as a full disk are ignored, because the answer itself is more important."""
        with suppress(OSError):
            _owned.write_text(self._path, json.dumps({"key": self._key, "at": utc(time.time()), "oncall": _gate.clean_data(answer)}))


def sources(section: Mapping[str, Any], options: Mapping[str, Any]) -> list[OncallSource]:
    """The sources in `oncall.sources`, in that order. `options` are the collection's settings."""
    return [_source(settings, section, options) for settings in section["sources"] or EMBEDDED]


def memory(section: Mapping[str, Any], folder: Path) -> LastAnswer | None:
    """Build the store of the last answer; None if only the configuration answers."""
    named = section["sources"] or EMBEDDED
    return LastAnswer(folder, named) if named != EMBEDDED else None


def first_level(section: Mapping[str, Any], folder: Path, options: Mapping[str, Any]) -> oncall.Answer:
    """The first level that is on call now, for everything that calls people: chat and paging ask the same. Raises OncallError."""
    answer = oncall.ask(sources(section, options), section["people"], datetime.now(UTC), memory(section, folder), level=1)
    return replace(answer, oncall=[_EMPTY | each for each in answer.oncall])  # an old file of the last answer may lack something


def _source(settings: dict[str, Any], section: Mapping[str, Any], options: Mapping[str, Any]) -> OncallSource:
    kind = settings["type"]
    try:
        return _usable(kind, settings, section, options)
    except (connect.Misconfigured, ChatError) as error:
        return Unusable(kind, str(error))
    except ZoneInfoNotFoundError:
        return Unusable(kind, f"it needs {NO_ZONES}")


def _usable(kind: str, settings: dict[str, Any], section: Mapping[str, Any], options: Mapping[str, Any]) -> OncallSource:
    if kind == "schedule":
        return Schedule(kind, section)
    if kind == "chat_topic":
        connection = _options.connection(options)
        return ChatTopic(kind, settings, RocketChat.of(connection, timeout=5)) if connection else Unusable(kind, "no Rocket.Chat is configured")
    variable = settings.get("token_env", WITH_TOKEN[kind][1]) if kind != ICAL else ""
    if variable and not os.environ.get(variable, "").strip():
        return Unusable(kind, f"the environment has no {variable}")
    return Apart(kind, settings, section, float(section["timeout"]))
