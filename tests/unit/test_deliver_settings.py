# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whom a delivery mentions as on call: nobody by a stale answer or a configuration with mistakes, without a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._ports import OncallError
from ansible_collections.incident.response.plugins.module_utils._usecases import oncall
from ansible_collections.incident.response.plugins.module_utils._usecases.oncall import Answer
from ansible_collections.incident.response.plugins.plugin_utils._wiring import chat as chat_wiring
from ansible_collections.incident.response.plugins.plugin_utils._wiring import oncall as oncall_wiring
from ansible_collections.incident.response.plugins.plugin_utils._wiring.chat import Deliverer

SECTION: dict[str, Any] = {"timeout": 20, "sources": [{"type": "ical", "calendars": ["a.ics"]}], "people": {}}


def answers(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    monkeypatch.setattr(oncall_wiring, "first_level", lambda *_: answer)


def test_it_is_whom_the_sources_name_and_chat_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, Answer([{"username": "ada"}, {"username": ""}]))
    assert chat_wiring._on_call(SECTION, tmp_path) == ["ada"]


def test_a_stale_answer_names_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, Answer([{"username": "ada"}], ["ical: it can't be reached"], "2025-11-10T10:05:00.000Z"))
    with pytest.raises(OncallError, match=r"ical: it can't be reached; the last known answer is of 2025-11-10T10:05:00.000Z"):
        chat_wiring._on_call(SECTION, tmp_path)


def test_a_configuration_with_mistakes_names_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "incident-response.yml"
    path.write_text("servcies: {}\n")
    monkeypatch.setenv("INCIDENT_CONFIG", str(path))
    deliverer = Deliverer.__new__(Deliverer)
    deliverer.notes = []
    settings = deliverer._settings(tmp_path, "http://chat")
    assert settings.on_call is not None
    with pytest.raises(OncallError, match="the configuration has mistakes"):
        settings.on_call()


def test_a_last_answer_that_lacks_what_it_should_have_names_nobody_in_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oncall, "ask", lambda *_, **_more: Answer([{"level": 1, "name": "Ada"}]))
    assert chat_wiring._on_call(SECTION, tmp_path) == []
    assert oncall_wiring.first_level(SECTION, tmp_path, {}).oncall == [{"level": 1, "name": "Ada", "email": "", "username": "", "phone": ""}]
