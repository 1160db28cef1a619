# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which words behind a text belong to it, and which are refused since they may mean something else."""

from __future__ import annotations

import pytest
from ansible_collections.incident.response.plugins.plugin_utils._variables import PLAYBOOKS, SENTENCES
from ansible_collections.incident.response.plugins.plugin_utils._words import cut_off, sentence

UPDATE, RESTART = PLAYBOOKS["incident_update"], PLAYBOOKS["restart_service"]


@pytest.mark.parametrize(
    ("typed", "name", "text"),
    [
        ("service=api message=we are on it", "message", "we are on it"),
        ("message=Root cause: pool exhausted", "message", "Root cause: pool exhausted"),
        ("service=api text=two  blanks and\ttabs\nand lines", "text", "two  blanks and\ttabs\nand lines"),
        ("message= we begin with a blank ", "message", "we begin with a blank"),
        ("message=the pool's limit isn't reached by now", "message", "the pool's limit isn't reached by now"),
        ('reason=the "pool" of C:\\temp is full', "reason", 'the "pool" of C:\\temp is full'),
        ("message=a=b is what it says", "message", "a=b is what it says"),
        ("message=we restart {{ nothing }} here", "message", "we restart {{ nothing }} here"),
        ("message=the plan is to wait", "message", "the plan is to wait"),
        ("message=über 日本 \u202ertl done", "message", "über 日本 \u202ertl done"),
    ],
)
def test_the_words_behind_a_text_are_its_own_to_the_letter(typed: str, name: str, text: str) -> None:
    assert sentence([typed], UPDATE) == (name, text)


@pytest.mark.parametrize(
    ("playbook", "typed"),
    [
        (UPDATE, ["message=we are on it service=api"]), (UPDATE, ["message=we set pool=50 and wait"]), (UPDATE, ["message=see http://x/?y=1 for it"]),
        (UPDATE, ["we are on it message=now"]), (UPDATE, ["service=api we are on it"]), (UPDATE, ["we are on it"]),
        (UPDATE, ["message=we are", "reason=on it"]), (UPDATE, ['message="we are" on it']), (UPDATE, ["message='we are' on it"]),
        (UPDATE, ["message=we lift the embargo"]), (UPDATE, ["incident=incident-1 of api"]), (UPDATE, ["message=it's not balanced"]),
        (RESTART, ["service=api host=web-1 plan"]), (RESTART, ["service=api reason=it is down plan"]), (RESTART, ["service=api reason=we drill"]),
        (RESTART, ["service=api host=web-1 web-2"]), (PLAYBOOKS["oncall_publish"], ["channel=devops and more"]),
        (UPDATE, ["message=word"]), (UPDATE, ['{"message": "we are on it"}']), (UPDATE, ["@file with blanks"]), (UPDATE, []),
    ],
)  # fmt: skip
def test_what_may_mean_something_else_stays_refused(playbook: dict[str, object], typed: list[str]) -> None:
    assert sentence(typed, playbook) is None  # type: ignore[arg-type]


def test_another_option_beside_the_text_changes_nothing() -> None:
    assert sentence(["severity=P1", "reason=half of it fails", '{"a": 1}'], PLAYBOOKS["incident_severity"]) == ("reason", "half of it fails")


def test_sentences_are_texts() -> None:
    kinds = {each.kind for variables in PLAYBOOKS.values() for name, each in variables.items() if name in SENTENCES}
    assert kinds <= {"text", "reason", "name"}


@pytest.mark.parametrize(
    ("typed", "name", "word"),
    [
        ("service=api message=pool size=50", "message", "size=50"), ("message=see http://x/y?a=b", "message", "http://x/y?a=b"),
        ("reason=pool full=yes service=api", "reason", "full=yes"), ("message=x servcie=api", "message", "servcie=api"),
        ("service=api message=x", "", ""), ("message='pool size=50' service=api", "", ""), ("message=x service=api env=prod", "", ""),
        ("message=x ansible_user=ada awx_job_id=1", "", ""), ("env=prod message=x", "", ""), ('{"message": "pool size=50"}', "", ""),
    ],
)  # fmt: skip
def test_a_text_that_would_be_cut_off_is_seen(typed: str, name: str, word: str) -> None:
    assert cut_off([typed], UPDATE) == (name, word)
