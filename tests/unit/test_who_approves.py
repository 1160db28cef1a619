# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which actions need a second person, and what counts as an answer."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.approval import Answer, Facts, Said, answer, needed

FACTS = Facts("rollback", "api", "production", "P1", "release")


@pytest.mark.parametrize(
    ("rules", "asks"),
    [
        ([], False),
        ([{}], True),
        ([{"actions": ["rollback", "undo"]}], True),
        ([{"actions": ["restart"]}], False),
        ([{"actions": ["rollback"], "environments": ["staging"]}], False),
        ([{"actions": ["restart"]}, {"severities": ["P0", "P1"], "backends": ["release"]}], True),
        ([{"services": []}], False),
    ],
)
def test_an_action_needs_it_that_fits_any_rule_by_all_its_lists(rules: list[dict[str, Any]], asks: bool) -> None:
    assert needed(rules, FACTS) is asks


def asked(*said: Said) -> Answer | None:
    return answer(said, request="request", plan="1a2b3c", allowed=["ada", "Bob", "Requester"], requester="requester")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (Said("other", "ada", "!approve 1a2b3c"), Answer("ada", True, "!approve")),
        (Said("other", "bob", " `!APPROVE 1A2B3C` please"), Answer("bob", True, "!approve")),
        (Said("other", "ada", "!deny 1a2b3c"), Answer("ada", False, "!deny")),
        (Said("other", "requester", "!approve 1a2b3c"), None),
        (Said("other", "requester", "!deny 1a2b3c"), Answer("requester", False, "!deny")),
        (Said("other", "eve", "!approve 1a2b3c"), None),
        (Said("other", "ada", "!approve"), None),
        (Said("other", "ada", "!approve ffffff"), None),
        (Said("other", "ada", "don't !approve 1a2b3c"), None),
        (Said("request", "bot", "", {"white_check_mark": ["requester", "eve", "ada"]}), Answer("ada", True, ":white_check_mark:")),
        (Said("request", "bot", "", {"white_check_mark": ["ada"], "x": ["bob"]}), Answer("bob", False, ":x:")),
        (Said("request", "bot", "", {"tada": ["ada"]}), None),
        (Said("other", "bot", "", {"white_check_mark": ["ada"]}), None),
    ],
)
def test_only_somebody_else_who_may_answers_and_only_to_this_plan(said: Said, found: Answer | None) -> None:
    assert asked(said) == found


def test_the_first_word_counts() -> None:
    assert asked(Said("1", "ada", "!deny 1a2b3c"), Said("2", "bob", "!approve 1a2b3c")) == Answer("ada", False, "!deny")
