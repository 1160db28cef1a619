# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables that each playbook declares are those that it, and its role, really read; and what counts as a typing mistake."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.argument import KINDS, WORDS, Variable, Wrong, meant, switch, value
from ansible_collections.incident.response.plugins.plugin_utils._variables import PLAYBOOKS

ROOT = Path(__file__).parents[2]
ROLES = {
    "restart_service": ["action", "service_restart"], "rollback": ["action", "service_rollback"], "scale_up": ["action", "service_scale"],
    "undo": ["action", "service_rollback", "service_scale"],
}  # fmt: skip
INCLUDED = {"incident_close": ["tasks/look_at_service.yml", "vars/service_health.yml"], "incident_resolve": ["tasks/look_at_service.yml"]}
ELSEWHERE = {"severity", "title", "reason", "incident", "drill", "host", "max_hosts", "force", "run", "force_unverified"}
"""Read by plugins: what the recorder takes, and what the lookups that give a play its hosts, or the record of an undo, take."""
ENGINE = "emergency_action"
"""Imported by others, which say what it acts on."""
WORD = re.compile(r"(?<![\w.'/-])[a-z][a-z_]*(?![\w'(=.])")
QUOTED = re.compile(r"'[^']*'")
JINJA = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def texts(name: str) -> str:
    files = [ROOT / "playbooks" / f"{name}.yml", *(ROOT / "playbooks" / each for each in INCLUDED.get(name, []))]
    for role in ROLES.get(name, []):
        files += [*(ROOT / "roles" / role / "defaults").glob("*.yml"), *(ROOT / "roles" / role / "vars").glob("*.yml")]
    return "\n".join(path.read_text() for path in files)


def read_by(name: str) -> set[str]:
    """The words in the templates of a playbook and of its role's defaults; a `when` or `that` line counts as one."""
    found = texts(name)
    lines = [*JINJA.findall(found), *re.findall(r"^\s*(?:that|when): .*$", found, re.MULTILINE)]
    return {word for line in lines for word in WORD.findall(QUOTED.sub("''", line))}


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml") if path.stem != ENGINE))
def test_a_playbook_declares_the_variables_that_it_reads_and_no_others(name: str) -> None:
    every = {variable for variables in PLAYBOOKS.values() for variable in variables}
    read = read_by(name) & every - {"action", "service_health"}
    own = set(PLAYBOOKS[name])
    if name == "undo":  # it sets these itself
        read -= {"app", "version", "replicas", "allow_scale_down"}
    assert read - own - {"action"} == set(), "read and not declared"
    assert own - read - ELSEWHERE == set(), "declared and not read"


def test_each_playbook_passes_its_own_name() -> None:
    for path in (ROOT / "playbooks").glob("*.yml"):
        named = re.findall(r"playbook='(\w+)'", path.read_text())
        assert set(named) == {path.stem} - {ENGINE}


def test_each_kind_has_its_words_or_its_choices() -> None:
    assert set(KINDS) - set(WORDS) == {"choice", "choices"}
    for variables in PLAYBOOKS.values():
        assert all(each.choices for each in variables.values() if each.kind in {"choice", "choices"})
        assert all(each.example for each in variables.values() if each.required)
        names = [other for name, each in variables.items() for other in (name, *each.same)]
        assert len(set(names)) == len(names), "one name for two variables"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("servcie", "service"), ("hots", "host"), ("rnu", "run"), ("max-hosts", "max_hosts"), ("Host", "host"), ("relicas", "replicas"),
        ("sevrity", "severity"), ("region", ""), ("my_team_var", ""), ("environment", ""), ("hostname", ""), ("port", ""), ("user", ""), ("env", ""),
        ("release", ""), ("x", ""),
    ],
)  # fmt: skip
def test_a_typing_mistake_is_told_from_somebodys_own_variable(typed: str, name: str) -> None:
    assert meant(typed, {**PLAYBOOKS["restart_service"], **PLAYBOOKS["undo"], **PLAYBOOKS["scale_up"]}) == name


@pytest.mark.parametrize("word", ["true", "Yes", "ON", 1, True, " true "])
def test_true_words_are_true(word: object) -> None:
    assert switch(word)


@pytest.mark.parametrize("word", ["false", "No", "off", 0, False])
def test_false_words_are_false(word: object) -> None:
    assert not switch(word)


@pytest.mark.parametrize("word", ["ture", "", None, "y", "2", "none", []])
def test_all_other_words_are_neither(word: object) -> None:
    with pytest.raises(Wrong):
        switch(word)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("count", True), ("count", "1.5"), ("count", "\u0663"), ("count", None), ("seconds", "nan"), ("seconds", "inf"), ("time", ""),
        ("since", "7w"),
    ],
)  # fmt: skip
def test_what_only_looks_right_is_refused(kind: str, given: object) -> None:
    with pytest.raises(Wrong):
        value(Variable("", kind), given)


def test_a_severity_is_taken_as_people_type_it() -> None:
    assert value(Variable("", "severity"), "p1") == "P1"


@pytest.mark.parametrize("given", [True, False, 1.1, float("nan"), datetime(2026, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("kind", ["service", "name", "incident", "hosts"])
def test_a_name_that_was_read_as_something_else_is_refused(given: object, kind: str) -> None:
    """-e '{"version": 1.10}' is 1.1 by the time that anybody sees it, which may be there as well."""
    with pytest.raises(Wrong, match="put it in quotes"):
        value(Variable("", kind), given)


@pytest.mark.parametrize("given", [8080, 20251101100500, date(2026, 1, 1), "1.10"])
def test_a_name_that_is_still_as_it_was_typed_is_taken(given: object) -> None:
    assert value(Variable("", "service"), given) == given
