# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the question who is on call, asked by a real `ansible` command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sites import Site

ONCALL = """oncall:
  people:
    ada: {name: Ada, phone: '+49 30 123456'}
    grace: {username: grace.hopper, email: grace@example.com}
  schedule:
    time_zone: Europe/Berlin
    layers:
      - {name: primary, people: [ada, grace], start: '2026-01-05T09:00'}
      - {name: secondary, people: [grace, ada], start: '2026-01-05T09:00'}
"""
ADA = {
    "level": 1, "layer": "primary", "name": "Ada", "username": "ada", "email": "", "phone": "+49 30 123456",
    "from": "2026-03-30T07:00:00.000Z", "until": "2026-04-06T07:00:00.000Z", "next": "grace", "source": "schedule",
}  # fmt: skip
GRACE = {
    "level": 2, "layer": "secondary", "name": "grace", "username": "grace.hopper", "email": "grace@example.com", "phone": "",
    "from": "2026-03-30T07:00:00.000Z", "until": "2026-04-06T07:00:00.000Z", "next": "Ada", "source": "schedule",
}  # fmt: skip


@pytest.fixture
def ask(site: Site, tmp_path: Path) -> Any:
    """The question, by its arguments and the configuration."""
    path = tmp_path / "incident-response.yml"
    site.environment |= {"INCIDENT_CONFIG": str(path), "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true", "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal"}

    def ask(arguments: str, config: str = ONCALL) -> tuple[int, str]:
        path.write_text(config)
        return site.ad_hoc("oncall_lookup", arguments)

    return ask


def answer(output: str) -> list[dict[str, Any]]:
    found = json.loads(output[output.index("{") : output.rindex("}") + 1])["oncall"]
    assert isinstance(found, list)
    return found


def test_it_says_who_until_when_and_who_follows(ask: Any) -> None:
    code, output = ask("at=2026-04-01T03:00:00Z")
    assert code == 0, output
    assert answer(output) == [ADA, GRACE]
    code, output = ask("level=2 at='2026-04-01 05:00+02:00'")
    assert code == 0, output
    assert answer(output) == [GRACE]
    code, output = ask("level=1")
    assert code == 0, output
    assert [each["layer"] for each in answer(output)] == ["primary"]


@pytest.mark.parametrize(
    ("arguments", "config", "said"),
    [
        ("", "{}\n", "there is no rotation"),
        ("level=3", ONCALL, "the rotation has the levels 1 to 2"),
        ("level=0", ONCALL, "the rotation has the levels 1 to 2"),
        ("level=first", ONCALL, "level"),
        ("at=tomorrow", ONCALL, "at=tomorrow is no time such as"),
        ("at=2026-01-05T07:59:59Z", ONCALL, "it begins at 2026-01-05T08:00:00Z"),
        ("", ONCALL.replace("[ada, grace]", "[ada, joan]"), "is nobody of oncall.people: joan"),
        ("", ONCALL.replace("Europe/Berlin", "Europe/Bonn"), "must be a time zone such as Europe/Berlin"),
    ],
)
def test_what_can_not_be_answered_fails_and_says_why(ask: Any, arguments: str, config: str, said: str) -> None:
    code, output = ask(arguments, config)
    assert code != 0
    assert said in output
    assert "Traceback" not in output
