# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a run ended: good only where a verdict says so, and nothing is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._core.outcome import Seen, outcome_of
from ansible_collections.incident.response.plugins.module_utils._core.undo import actions
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict, mark

WORKED = {"web1": Verdict.WORKED}
LEFT_OUT = "were its tasks left out, by --tags, --skip-tags or --start-at-task?"
LOST = Seen(failures=1, failed=["Drain on web2"], lost=["web2"])


@pytest.mark.parametrize(
    ("seen", "verdict", "shown", "failed", "words"),
    [
        (Seen(), "unknown", "⚠️", False, "nothing verified the outcome"),
        (Seen(changed=True), "unknown", "⚠️", False, "nothing verified the outcome"),
        (Seen(ours=True), "unknown", "❌", True, f"nothing verified the outcome; NO HOST WAS JUDGED: {LEFT_OUT}"),
        (Seen(ours=True, empty=["Restart api"]), "unknown", "❌", True, "nothing verified the outcome; NO HOST WAS JUDGED: no hosts for Restart api"),
        (Seen(ours=True, check=True), "unknown", "📋", False, "planned only, nothing was touched"),
        (Seen(ours=True, verdicts=WORKED, planned={"web1"}), "worked", "✅", False, "verdict worked"),
        (Seen(verdicts=WORKED), "worked", "✅", False, "verdict worked"),
        (Seen(verdicts=WORKED, planned={"web1", "web2"}), "unknown", "❌", True, "verdict unknown; NOT JUDGED: web2"),
        (Seen(verdicts={"web1": Verdict.MADE_WORSE}), "made_worse", "❌", True, "verdict made_worse"),
        (LOST, "unknown", "❌", True, "nothing was changed"),
        (replace(LOST, changed=True), "unknown", "❌", True, "nothing verified the outcome"),
        (replace(LOST, half_way=["web2"]), "unknown", "❌", True, "nothing verified the outcome; nobody knows how web2 was left"),
        (replace(LOST, verdicts=WORKED, planned={"web1", "web2"}), "unknown", "❌", True, "verdict unknown"),
        (replace(LOST, check=True), "unknown", "❌", True, "planned only, nothing was touched"),
    ],
)  # fmt: skip
def test_a_run_ends_well_only_where_a_verdict_says_so(seen: Seen, verdict: str, shown: str, failed: bool, words: str) -> None:
    outcome = outcome_of(seen)
    assert (outcome.verdict, outcome.mark, outcome.failed, outcome.words) == (verdict, shown, failed, words)


def test_the_worst_verdict_of_a_host_that_is_judged_twice_counts() -> None:
    for first, second in ((Verdict.WORKED, Verdict.MADE_WORSE), (Verdict.MADE_WORSE, Verdict.WORKED)):
        seen = Seen()
        seen.judge("web1", first)
        seen.judge("web1", second)
        assert outcome_of(seen).verdict is Verdict.MADE_WORSE


def test_an_end_of_another_version_gets_no_good_mark() -> None:
    assert mark("splendid", failed=False) == "⚠️"
    assert mark("worked", failed=True) == "❌"


PLAN = {"name": "rollback", "service": "api", "role": "r", "backend": "b", "hosts": {"web1": {"before": {"r": 2}, "wanted": {"r": 1}}}}
AT = "2025-11-10T10:05:00.000Z"


def touched(*entries: Entry) -> bool:
    """Whether the host of the plan may be another afterwards."""
    start = Entry("task", AT, run="r", host="web1", action="incident.response.action_plan", data={"plan": PLAN})
    (action,) = actions([start, *entries])
    return action.hosts["web1"].touched


@pytest.mark.parametrize(
    ("state", "changed", "whose", "may_be_another"),
    [
        ("changed", True, "web1", True),
        ("ok", False, "web1", False),
        ("unreachable", False, "web1", False),
        ("failed", True, "web1", True),
        ("interrupted", None, "web1", True),
        ("changed", True, "web2", False),
    ],
)
def test_what_is_done_elsewhere_touches_the_host_it_is_for_only_where_it_changed_something(
    state: str, changed: bool | None, whose: str, may_be_another: bool
) -> None:
    drain = Entry("task", AT, run="r", host="lb1", action="ansible.builtin.command", state=state, changed=changed, data={"for": whose})
    assert touched(drain) is may_be_another


@pytest.mark.parametrize(("state", "may_be_another"), [("skipped", False), ("ok", True), ("unreachable", True), ("failed", True)])
def test_a_task_that_was_skipped_touches_nothing(state: str, may_be_another: bool) -> None:
    assert touched(Entry("task", AT, run="r", host="web1", action="incident.response.service_release", state=state)) is may_be_another
