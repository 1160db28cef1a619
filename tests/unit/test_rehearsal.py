# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a step would be refused for is refused before its play begins, in one sentence, and nothing is written."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError
from ansible.module_utils.common.collections import ImmutableDict
from ansible_collections.incident.response.plugins.module_utils._core.argument import Variable, Wrong, value
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident
from ansible_collections.incident.response.plugins.plugin_utils import _arguments, _catalogue, _journal, _rehearsal

AT = utc(1_800_000_000)


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    """The settings of a site with one open incident, a P1 of api."""
    options = {"journal": "", "journal_key_file": "", "state_dir": str(tmp_path / "state"), "config": "/dev/null", "incident": ""}
    (tmp_path / "state").mkdir()
    with _journal.opened(options, tmp_path / "state") as journal, journal.transaction():
        open_incident(journal, title="slow", service="api", severity=Severity.P1, at=AT, actor="ada", chat=False)
    return options


NAME = "the one that is open"
MAINTENANCE = {"state": "scheduled", "incident": "maintenance-db", "message": "x"}


def name_of(options: dict[str, Any]) -> str:
    with _journal.opened(options, Path(options["state_dir"])) as journal:
        (name,) = (str(journal.info(each)["name"]) for each in journal.ids())
    return name


@pytest.mark.parametrize(
    ("playbook", "given", "said"),
    [
        ("incident_acknowledge", {}, "which incident? Name it by `incident`, INCIDENT_ID or `service`. Open now: "),
        ("incident_acknowledge", {"service": "web"}, "there is no incident of web. Open now: "),
        ("incident_update", {"incident": "incident-2025-11-10-001", "message": "x"}, "no incident is called incident-2025-11-10-001. Open now: "),
        ("incident_severity", {"severity": "P0", "reason": "x"}, "which incident?"),
        ("incident_handoff", {"to": "grace", "message": "x"}, "which incident?"),
        ("incident_open", {}, "to open an incident, say what is wrong (title) or with what (service)"),
        ("incident_open", {"title": "  "}, "to open an incident, say what is wrong (title) or with what (service)"),
        ("incident_resolve", {"service": "api", "fix": " "}, "to resolve a P1 incident, also give root_cause, fix, monitoring, next"),
        ("incident_review", {"service": "api"}, ""),
        ("incident_escalate", {"reason": "x"}, "which incident?"),
        ("incident_communicate", {"service": "api", "approve": "zzz"}, "there is no draft zzz that waits"),
        ("incident_communicate", {}, "which incident?"),
        ("status_page", {}, "say what is to be shown: a `state` with a `message`, or `components`"),
        ("status_page", {"components": {"api": "bad"}}, "api can't be bad: its state is one of"),
        ("status_page", {"service": "api", "state": "identified"}, "say something with a `message`"),
        ("status_page", {**MAINTENANCE, "starts": "2030-01-02T00:00:00Z", "ends": "2030-01-01T00:00:00Z"}, "the maintenance would end ("),
    ],
)
def test_what_a_step_would_be_refused_for_is_found_before(options: dict[str, Any], playbook: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleError) as refused:
        _rehearsal.refuse(playbook, given, options)
    text = str(refused.value)
    assert text.startswith(f"{playbook}: {said}")
    assert text.count("Nothing was") == 1
    assert ".." not in text
    assert text.endswith(" Look with: ansible-playbook incident.response.incident_list") is ("Open now: " in text)


@pytest.mark.parametrize(
    ("playbook", "given"),
    [
        ("incident_open", {"service": "web"}), ("incident_acknowledge", {"service": "api"}), ("incident_resolve", {"service": "api", "force": True}),
        ("incident_assign", {"service": "api", "commander": "grace"}), ("incident_escalate", {"service": "api", "reason": "x", "level": "2"}),
        ("incident_communicate", {"service": "api"}), ("status_page", {"components": {"api": "operational"}}),
        ("status_page", {**MAINTENANCE, "starts": "2030-01-01T00:00:00Z", "ends": "2030-01-02T00:00:00Z"}),
        ("status_page", {"components": "api=operational"}),
        ("status_page", {**MAINTENANCE, "service": "api", "state": "identified", "incident": NAME}),
        ("incident_list", {}), ("deliver", {}), ("restart_service", {}),
    ],
)  # fmt: skip
def test_what_can_be_done_goes_on_and_nothing_is_written(options: dict[str, Any], playbook: str, given: dict[str, Any]) -> None:
    given = {**given, "incident": name_of(options)} if given.get("incident") == NAME else given
    _rehearsal.refuse(playbook, given, options)
    with _journal.opened(options, Path(options["state_dir"])) as journal:
        assert [len(journal.entries(each)) for each in journal.ids()] == [2]  # that it is opened, and its name


@pytest.mark.parametrize("playbook", ["incident_resolve", "incident_close"])
def test_what_lacks_texts_gets_one_command_to_fill_in(options: dict[str, Any], playbook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shell it is one word behind -e, whatever was written; what was given is in it."""
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(inventory=("/etc/my hosts", *(C.DEFAULT_HOST_LIST or ()))))
    with pytest.raises(AnsibleError) as refused:
        _rehearsal.refuse(playbook, {"service": "api", "message": "it's $HOME", "fix": " "}, options)
    head, command = str(refused.value).split("\n")
    assert head.endswith("Nothing was recorded. Fill in and run:")
    *words, texts = shlex.split(command)
    assert words == ["ansible-playbook", "-i", "/etc/my hosts", f"incident.response.{playbook}", "-e"]
    assert json.loads(texts) == {"service": "api", "message": "it's $HOME", **dict.fromkeys(("root_cause", "fix", "monitoring", "next"), "…")}
    _rehearsal.refuse(playbook, json.loads(texts), options)


def test_a_journal_that_cannot_be_read_is_left_to_the_step(options: dict[str, Any]) -> None:
    (Path(options["state_dir"]) / "journal.db").write_bytes(b"no database" * 99)
    _rehearsal.refuse("incident_acknowledge", {}, options)


def test_the_incident_of_the_environment_counts(options: dict[str, Any]) -> None:
    _rehearsal.refuse("incident_acknowledge", {}, {**options, "incident": name_of(options)})


@pytest.mark.parametrize(
    ("name", "said"), [("bobb", "Did you mean bob?"), ("alise", "Did you mean alice.l?"), ("bob", ""), ("Bob", ""), ("alice.l", ""), ("carla", "")]
)
def test_a_name_that_is_nearly_one_of_the_people_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    people = {"bob": {}, "alice": {"username": "alice.l", "name": "Alice"}}
    monkeypatch.setattr(_catalogue, "configuration", lambda _path: {"oncall": {"people": people}})
    if not said:
        _arguments._refuse_person("to", name, {"config": ""})
        return
    with pytest.raises(AnsibleError, match=f"to={name} is nobody of oncall.people. {said.replace('?', '[?]')} Nothing was touched."):
        _arguments._refuse_person("to", name, {"config": ""})


def test_a_name_is_taken_as_chat_writes_it() -> None:
    assert value(Variable("", "person"), " @bob ") == "bob"
    with pytest.raises(Wrong, match="is empty"):
        value(Variable("", "person"), " ")


def test_a_question_is_a_sentence_of_its_own() -> None:
    with pytest.raises(AnsibleError, match="did you mean customers[?] Nothing was touched"):
        _arguments._value("audience", Variable("", "choice", choices=("customers", "internal")), "custmers")
