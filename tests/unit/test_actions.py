# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which actions a timeline has, and which hosts they left half-way."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._core.undo import actions, gone_back, half_way

AT = "2025-11-10T10:00:00Z"


def plan(run: str, service: str, *hosts: str) -> Entry:
    about = {"name": "rollback", "service": service, "role": "r", "backend": "release", "actor": "alice"}
    return Entry("task", AT, run=run, data={"plan": {**about, "hosts": {host: {"before": {"v": 2}, "wanted": {"v": 1}} for host in hosts}}})


def told(run: str, host: str, **data: Any) -> Entry:
    return Entry("task", AT, run=run, host=host, data=data)


def over(run: str) -> Entry:
    return Entry("run_vanished", AT, run=run)


def test_a_run_with_two_plans_is_two_actions() -> None:
    entries = [plan("a", "api", "h1"), told("a", "h1", left={"v": 1}), plan("a", "web", "h1"), told("a", "h1", left={"v": 2}), over("a")]
    first, second = actions(entries)
    assert (first.service, first.hosts["h1"].after, second.service, second.hosts["h1"].after) == ("api", {"v": 1}, "web", {"v": 2})
    assert first.over
    assert second.over


def test_a_host_stays_half_way_though_another_was_acted_on_since() -> None:
    killed = [plan("a", "api", "h1", "h2"), told("a", "h1"), over("a")]
    other = [plan("b", "api", "h2"), told("b", "h2", left={"v": 1}), over("b")]
    assert set(half_way([actions(killed + other)])) == {"h1"}
    assert set(half_way([actions(other), actions(killed)])) == {"h1"}


def test_a_host_that_was_brought_about_since_is_not_half_way() -> None:
    killed = [plan("a", "api", "h1"), told("a", "h1"), over("a")]
    healed = [plan("b", "api", "h1"), told("b", "h1", left={"v": 1}), over("b")]
    assert half_way([actions(killed + healed)]) == {}
    assert half_way([actions(healed), actions(killed)]) == {}
    assert set(half_way([actions(killed), actions(healed)])) == {"h1"}


def test_a_run_that_was_refused_after_its_plan_left_no_host_half_way() -> None:
    refused = [
        plan("a", "api", "h1", "h2"), Entry("task", AT, run="a", host="h1", action="incident.response.action_approve", state="failed"),
        Entry("task", AT, run="a", host="h2", action="ansible.builtin.include_role", state="failed"), over("a"),
    ]  # fmt: skip
    assert half_way([actions(refused)]) == {}
    assert not any(change.undoable() for change in actions(refused)[0].hosts.values())


def moved(run: str, *hosts: str, to: int, before: int) -> list[Entry]:
    """A whole action that took these hosts from one version to another."""
    about = {"name": "rollback", "service": "api", "role": "r", "backend": "release", "actor": "alice"}
    states = {host: {"before": {"v": before}, "wanted": {"v": to}} for host in hosts}
    return [Entry("task", AT, run=run, data={"plan": {**about, "hosts": states}}), *(told(run, host, left={"v": to}) for host in hosts), over(run)]


def test_who_went_back_already_is_known_until_that_is_undone() -> None:
    back = moved("a", "h1", "h2", to=2, before=3)
    assert set(gone_back(actions(back), ["h1", "h3"])) == {"h1"}
    assert gone_back(actions(back + moved("b", "h1", "h2", to=3, before=2)), ["h1", "h2"]) == {}
    assert gone_back(actions(moved("a", "h1", to=3, before=3)), ["h1"]) == {}
    assert gone_back(actions([plan("a", "api", "h1"), told("a", "h1", left={"v": 2}), over("a")]), ["h1"]) == {}  # it was put back
    twice = gone_back(actions(back + moved("b", "h1", to=1, before=2)), ["h1", "h2"])
    assert {host: action.run for host, (action, dummy) in twice.items()} == {"h1": "b", "h2": "a"}


def test_a_killed_action_that_was_healed_is_one_back_or_none() -> None:
    killed = [plan("a", "api", "h1"), told("a", "h1"), over("a")]
    assert gone_back(actions(killed + moved("b", "h1", to=2, before=1)), ["h1"]) == {}
    assert gone_back(actions(killed + moved("b", "h1", to=2, before=2)), ["h1"]) == {}
    healed = gone_back(actions(killed + moved("b", "h1", to=1, before=1)), ["h1"])
    assert healed["h1"][0].run == "a"


@pytest.mark.parametrize("plan", [{}, {"hosts": "h1"}, {"hosts": {"h1": "x"}}, {"hosts": {"h1": {"before": 1}}}])
def test_a_plan_that_can_not_be_read_undoes_nothing_and_stops_nothing(plan: dict[str, Any]) -> None:
    (action,) = actions([Entry("task", AT, run="a", host="h1", action="incident.response.action_plan", data={"plan": plan})])
    assert [change.undoable() for change in action.hosts.values()] in ([], [False])
