# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a timeline says of the hosts that get no requests any more, and what an undo does about it."""

from __future__ import annotations

from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._core.left_out import BALANCER, left_out, words
from ansible_collections.incident.response.plugins.module_utils._core.undo import actions, half_way

PLAN = {"name": "rollback", "hosts": {host: {"before": {"at": "2"}, "wanted": {"at": "1"}} for host in ("one", "two")}}


def entry(host: str, state: str, told: dict[str, dict[str, str]] | None = None, **more: Any) -> Entry:
    data = {} if told is None else {"balancer": told}
    return Entry(kind="task", at="", text="", run="r", host=host, action=BALANCER, state=state, data=data | more)


def test_what_is_put_back_is_not_out() -> None:
    out, back = entry("one", "changed", {"lb": {"1:80": "drained"}}), entry("one", "changed", {"lb": {"1:80": "serving"}})
    assert left_out([out]) == {"one": ["lb"]}
    assert left_out([out, back]) == {}
    assert left_out([out, back, out]) == {"one": ["lb"]}
    assert left_out([out, entry("one", "failed", {})]) == {"one": ["lb"]}


def test_each_balancer_counts() -> None:
    out = entry("one", "changed", {"lb1": {"1:80": "drained"}, "lb2": {"1:80": "unknown"}})
    assert left_out([out]) == {"one": ["lb1", "lb2"]}
    assert left_out([out, entry("one", "failed", {"lb1": {"1:80": "serving"}})]) == {"one": ["lb2"]}
    assert words("one", ["lb1", "lb2"]) == "one is still out of nginx on lb1 and lb2"


def test_a_task_that_was_cut_off_leaves_it_unsure() -> None:
    assert left_out([entry("one", "interrupted")]) == {"one": [""]}
    assert "may be out" in words("one", [""])
    assert left_out([entry("one", "interrupted"), entry("one", "changed", {"lb": {"1:80": "serving"}})]) == {}


def test_a_task_for_a_host_that_was_done_elsewhere_counts_for_the_host() -> None:
    assert left_out([entry("lb", "changed", {"lb": {"1:80": "drained"}}, **{"for": "one"})]) == {"one": ["lb"]}


def test_a_host_that_was_only_taken_out_is_undone_but_is_not_half_way() -> None:
    """`previous` still means what it meant; and the undo puts it back."""
    plan = Entry(kind="task", at="", text="", run="r", data={"plan": PLAN})
    over = Entry(kind="run_ended", at="", text="", run="r")
    (action,) = actions([plan, entry("one", "changed", {"lb": {"1:80": "drained"}}), over])
    assert half_way([[action]]) == {}
    assert [host for host, change in action.hosts.items() if change.undoable()] == ["one"]
    assert action.hosts["one"].may_be() == [{"at": "2"}]
