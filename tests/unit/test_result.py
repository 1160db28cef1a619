# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a result says, in the shapes that ansible-core 2.16 to 2.21 give it to a callback. Real runs are in integration/test_results.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.incident.response.plugins.plugin_utils._result import Part, parts, reason

DONE = "All items completed"


def item(**more: Any) -> dict[str, Any]:
    return {"ansible_loop_var": "item", "item": "the item's content", "_ansible_item_label": "the item's label", "changed": False, **more}


@pytest.mark.parametrize(
    "bad",
    [{"failed": True}, {"unreachable": True}, {"exception": "(traceback unavailable)"}, {"failed_when_result": True}, {"rc": 1}],
    ids=str,
)
def test_a_loops_reason_is_that_of_its_failed_items_and_never_what_they_are(bad: dict[str, Any]) -> None:
    details = {"msg": DONE, "results": [item(msg="all is well", failed_when_result=False, rc=1), item(msg="the pool is exhausted", **bad)]}
    assert reason([details], ()).text == "the pool is exhausted"


def test_many_items_that_failed_alike_say_it_once_and_many_reasons_are_counted() -> None:
    assert reason([{"results": [item(msg="full", failed=True)] * 9}], ()).text == "full"
    many = [item(msg=f"reason {number}", failed=True) for number in range(5)]
    assert reason([{"results": many}], ()).text == "reason 0; reason 1; reason 2; and 2 more reasons"


@pytest.mark.parametrize("hidden", [{"_ansible_no_log": True}, {"censored": "hidden"}], ids=str)
def test_an_item_that_is_not_logged_says_nothing(hidden: dict[str, Any]) -> None:
    details = {"results": [item(msg="hunter2", evidence="hunter2", failed=True, **hidden), item(msg="plain", failed=True)]}
    why = reason([details], ())
    assert (why.text, why.evidence) == ("plain", "")


def test_known_secrets_are_taken_out_of_reasons_and_evidence() -> None:
    why = reason([{"results": [item(msg="no opensesame", evidence="opensesame", failed=True)]}], {"opensesame"})
    assert "opensesame" not in why.text + why.evidence


def test_a_module_that_returns_a_list_called_results_is_no_loop() -> None:
    details = {"msg": "could not install", "results": ["a package", {"name": "b"}]}
    assert reason([details], ()).text == "could not install"
    assert parts("web1", details, changed=True, bad=True, delegated=lambda _: "") == [Part("web1", True, True, [details])]


def test_a_loop_over_two_hosts_is_told_of_each() -> None:
    good, lost, left = item(on="lb1", changed=True), item(on="lb2", unreachable=True), item(on="lb3", skipped=True)
    found = parts("web1", {"results": [good, lost, left]}, changed=True, bad=True, delegated=lambda each: str(each.get("on", "")))
    assert found == [Part("lb1", True, False, [good]), Part("lb2", False, True, [lost])]
