# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which actions need other people, and what counts as their yes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.approval import Ballot, Facts, Person, Said, Tally, named, needed, tally

FACTS = Facts("rollback", "api", "production", "P1", "release")
PEOPLE = {name: Person(f"{name}-id", name) for name in ("ada", "Bob", "Requester", "requester-admin", "eve")}
PEOPLE |= {"gus": Person("gus-id", "gus", roles=frozenset({"guest"})), "robot": Person("robot-id", "robot", "bot")}
PEOPLE |= {"gone": Person("gone-id", "gone", active=False)}
MAY = [person.id for name, person in PEOPLE.items() if name != "eve"]
BALLOT = Ballot("request", "1a2b3c", MAY, {"requester"}, ["Requester-id"], {"requester-admin": "requester"})
YES = "white_check_mark"


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


def who(user_id: str, name: str) -> Person | None:
    """As chat knows people: ids are exact, names in any case."""
    return next((each for each in PEOPLE.values() if each.id == user_id or (not user_id and each.name.lower() == name.lower())), None)


def by(name: str, text: str, **more: Any) -> Said:
    return Said("other", name, text, user_id=PEOPLE[name].id, **more)


def asked(*said: Said, **changes: Any) -> Tally:
    return tally(said, replace(BALLOT, **changes), who)


@pytest.mark.parametrize(
    ("said", "yes", "no"),
    [
        (by("ada", "!approve 1a2b3c"), ["ada"], ""),
        (by("Bob", " `!APPROVE 1A2B3C` "), ["bob"], ""),
        (by("ada", "!approve 1a2b3c\u200b"), ["ada"], ""),
        (by("ada", "!deny 1a2b3c"), [], "ada"),
        (by("ada", "!deny 1a2b3c, the disk is full"), [], "ada"),
        (by("ada", "!deny 1a2b3c the disk is full", edited=True), [], "ada"),
        (by("Requester", "!deny 1a2b3c"), [], "Requester"),
        (by("ada", "!approve"), [], ""),
        (by("ada", "!deny"), [], ""),
        (by("ada", "!approve"), [], ""),
        (by("ada", "!approve ffffff"), [], ""),
        (by("ada", "don't !approve 1a2b3c"), [], ""),
        (Said("request", "bot", "", {YES: ["Requester", "eve", "ada"]}), ["ada"], ""),
        (Said("request", "bot", "", {YES: ["ada"], "x": ["bob"]}), ["ada"], "bob"),
        (Said("request", "bot", "", {"tada": ["ada"]}), [], ""),
        (Said("other", "bot", "", {YES: ["ada"]}), [], ""),
    ],
)
def test_only_somebody_else_who_may_answers_and_only_to_this_plan(said: Said, yes: list[str], no: str) -> None:
    found = asked(said)
    assert (list(found.yes), found.no.user if found.no else "") == (yes, no)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (by("ada", "!approve 1a2b3c NOT, wait"), "more than the command"),
        (by("ada", "!approve 1a2b3c please"), "more than the command"),
        (by("ada", "!approve 1a2b3c, or rather not"), "more than the command"),
        (by("ada", "!approve 1a2b3c?"), "more than the command"),
        (by("ada", "!approve 1a2b3c", edited=True), "was edited"),
        (by("ada", "!approve 1a2b3c", automatic=True), "no person has written it"),
        (by("ada", "!deny 1a2b3c", automatic=True), "no person has written it"),
        (by("robot", "!approve 1a2b3c"), "guests and bots"),
        (by("gus", "!approve 1a2b3c"), "guests and bots"),
        (by("gone", "!approve 1a2b3c"), "deactivated"),
        (by("Requester", "!approve 1a2b3c"), "asked for himself"),
        (by("requester-admin", "!approve 1a2b3c"), "asked for himself"),
        (by("eve", "!approve 1a2b3c"), "not one of those who may"),
        (by("eve", "!deny 1a2b3c"), "not one of those who may"),
        (Said("other", "ada", "!approve 1a2b3c", user_id="eve-id"), "not one of those who may"),
        (Said("other", "ada", "!approve 1a2b3c", user_id="no-id"), "no such user"),
        (Said("request", "bot", "", {YES: ["nobody"]}), "no such user"),
        (Said("request", "bot", "another text", {YES: ["ada"]}, edited=True), "the question was edited"),
        (Said("request", "bot", "", {YES: ["gus"]}), "guests and bots"),
        (by("ada", "!approve"), "does not name this plan"),
        (by("ada", "!approve 1a2b3d"), "does not name this plan"),
        (by("ada", "!deny"), "does not name this plan"),
    ],
)
def test_what_counts_for_nothing_is_told_with_why(said: Said, why: str) -> None:
    found = asked(said)
    assert (found.yes, found.no) == ({}, None)
    assert [why in each.void for each in found.void] == [True]


def test_another_plan_is_no_business_of_this_one() -> None:
    assert asked(by("ada", "!approve 9f8e7d")).void == []


def test_who_reacts_in_vain_is_known_and_a_program_is_not_answered() -> None:
    people, programs = asked(Said("request", "bot", "", {YES: ["requester"]})), asked(Said("request", "bot", "", {YES: ["robot"]}))
    assert [each.user_id for each in (*people.void, *programs.void)] == ["Requester-id", ""]


def test_who_has_taken_the_name_of_one_who_may_is_not_that_one() -> None:
    """ada is ada.l now, and eve has taken the name that was free."""
    people = [Person("ada-id", "ada.l"), Person("eve-id", "ada")]

    def now(user_id: str, name: str) -> Person | None:
        return next((each for each in people if each.id == user_id or (not user_id and each.name == name)), None)

    said = [Said("other", "ada", "!approve 1a2b3c", user_id="eve-id"), Said("request", "bot", "", {YES: ["ada"]})]
    assert tally(said, BALLOT, now).yes == {}
    said.append(Said("other", "ada.l", "!approve 1a2b3c", user_id="ada-id"))
    assert list(tally(said, BALLOT, now).yes) == ["ada.l"]


def test_where_chat_shows_no_roles_only_those_count_whom_the_configuration_names() -> None:
    assert list(asked(by("ada", "!approve 1a2b3c"), vouched=True).yes) == ["ada"]
    (void,) = asked(by("ada", "!approve 1a2b3c"), vouched=False).void
    assert "view-full-other-user-info" in void.void


def test_one_person_counts_once_under_all_names_and_by_all_ways() -> None:
    logins = {**BALLOT.logins, "bob": "ada"}
    said = [by("ada", "!approve 1a2b3c"), by("ada", "!approve 1a2b3c"), by("Bob", "!approve 1a2b3c"), Said("request", "bot", "", {YES: ["ada"]})]
    assert list(asked(*said, logins=logins).yes) == ["ada"]
    assert list(asked(*said).yes) == ["ada", "bob"]


def test_a_no_counts_whatever_else_is_said() -> None:
    for said in ([by("ada", "!deny 1a2b3c"), by("Bob", "!approve 1a2b3c")], [by("Bob", "!approve 1a2b3c"), by("ada", "!deny 1a2b3c")]):
        found = asked(*said).no
        assert found and found.user == "ada"


def test_names_are_the_same_in_any_case_and_a_name_that_nobody_knows_is_its_own() -> None:
    assert named("Ada.L", {"ada.l": "Ada"}) == named("ADA", {"ada.l": "Ada"}) == "ada"
