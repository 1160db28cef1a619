# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run in one sentence: who has never seen the project knows what happened from its first 120 characters."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import chat_text
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._core.summary import next_steps, plan_line, sentence, spoken, symptom

AT, RUN = "2025-11-10T10:05:00.000Z", "20251110T100500-1a2b3c4d"
DOWN = "down: connection refused"
REFUSED = "Starting api...\nlisten tcp :8080: bind: address already in use\napi.service: Failed with result 'exit-code'.\n"


def started(action: str = "restart", service: str = "api", actor: str = "ada", drill: str = "", **arguments: str) -> Entry:
    data = {"service": service, "arguments": arguments, "drill": drill}
    return Entry("run_started", AT, actor=actor, run=RUN, action=action, data=data, text=f"{action.capitalize()} of {service} started by {actor}")


def planned(health: Mapping[str, str], hosts: Mapping[str, Any] | None = None, **more: Any) -> Entry:
    data = {"health": dict(health), "hosts": list(hosts or health), "scope": "1 of its 2 hosts (production)", "risk": "low"}
    plan = {"plan": {"name": "x", "service": "api", "role": "r", "backend": "b", "hosts": hosts}} if hosts else {}
    return Entry("task", AT, run=RUN, action="incident.response.action_plan", state="ok", host="web01", data=data | plan | more)


def judged(host: str, verdict: str = "worked", seen: str = "HTTP 200", **more: Any) -> Entry:
    state = "ok" if verdict in {"worked", "nothing_to_do"} else "failed"
    data = {"verdict": verdict, "seen": seen, **more}
    return Entry("task", AT, run=RUN, action="incident.response.action_verdict", state=state, host=host, data=data, text=f"Judge: verdict {verdict}")


def bad(host: str, text: str, state: str = "failed", **data: Any) -> Entry:
    return Entry("task", AT, run=RUN, action="incident.response.service_command", state=state, host=host, text=text, data=data)


def ended(verdict: str = "worked", took: int = 30_800, **data: Any) -> Entry:
    return Entry("run_ended", AT, run=RUN, state=verdict, duration_ms=took, data=data, text="✅ Ended after 30.8 s: verdict worked")


def failing(*entries: Entry, verdict: str = "no_effect", **data: Any) -> Entry:
    return ended(verdict, 12_000, failed=True, **data)


def change(before: str, after: str, text: str = "") -> dict[str, Any]:
    return {"before": {"release": before}, "wanted": {"release": after}, "text": text or f"{before} to {after} (folder changed yesterday)"}


ONE = "prod-api-01"
TWO = ("web01", "web02")
TWENTY = [f"web{number:02}" for number in range(1, 21)]
STORIES: dict[str, tuple[Sequence[Entry], str]] = {
    "begins": ([started(host=ONE)], "⏳ ada restarts api on prod-api-01 …"),
    "runs": ([started(host=ONE), planned({ONE: DOWN})], "⏳ ada restarts api on prod-api-01 … · it is down: connection refused"),
    "worked": (
        [started(host=ONE), planned({ONE: DOWN}), judged(ONE), ended()],
        "✅ api restarted on prod-api-01: healthy again (HTTP 200), was down: connection refused · by ada · 31 s",
    ),
    "was healthy": (
        [started(host=ONE), planned({ONE: "healthy: HTTP 200"}), judged(ONE), ended()],
        "✅ api restarted on prod-api-01: healthy (HTTP 200) · by ada · 31 s",
    ),
    "no health check": ([started(host=ONE), planned({}, {ONE: change("a", "a")}), judged(ONE, seen=""), ended()],
                        "✅ api restarted on prod-api-01: healthy · by ada · 31 s"),
    "rollback": (
        [started("rollback"), planned(dict.fromkeys(TWO, "healthy: HTTP 200"), {host: change("1.4.2", "1.4.1") for host in TWO}),
         *(judged(host) for host in TWO), ended()],
        "✅ api rolled back 1.4.2 → 1.4.1 on web01, web02: healthy (HTTP 200) · by ada · 31 s",
    ),
    "scale-up": (
        [started("scale-up"), planned({}, {ONE: change("a", "b", "1 to 2 instances, of 2 to 3"), "b": change("a", "a", "1 to 1, of 2 to 3")}),
         judged(ONE, seen="2 of 2 instances run"), judged("b"), ended()],
        "✅ api scaled 2 → 3 on prod-api-01, b: healthy (2 of 2 instances run) · by ada · 31 s",
    ),
    "failed": (
        [started(host=ONE), planned({ONE: DOWN}), bad(ONE, "Start api", "rescued", evidence=REFUSED, why="x"),
         judged(ONE, "no_effect", "connection refused", evidence="connection refused"), failing()],
        "❌ P1 api restart on prod-api-01 FAILED: listen tcp :8080: bind: address already in use · by ada · 12 s",
    ),
    "why": (
        [started(host=ONE), planned({ONE: DOWN}), judged(ONE, "no_effect", "HTTP 503", evidence=REFUSED), failing()],
        "❌ P1 api restart on prod-api-01 FAILED: listen tcp :8080: bind: address already in use · by ada · 12 s",
    ),
    "failed and is down": (
        [started(host=ONE), planned({ONE: "healthy"}), judged(ONE, "made_worse", "HTTP 503", evidence=REFUSED, healthy=False), failing()],
        "❌ P1 api restart on prod-api-01 FAILED, api is DOWN there: listen tcp :8080: bind: address already in use · by ada · 12 s",
    ),
    "failed and was put back": (
        [started("rollback"), planned({ONE: "healthy"}), judged(ONE, "made_worse", "HTTP 503", evidence=REFUSED, healthy=True), failing()],
        "❌ P1 api rollback on prod-api-01 FAILED, it is healthy: listen tcp :8080: bind: address already in use · by ada · 12 s",
    ),
    "taken back": (
        [started("rollback"), planned({ONE: "healthy"}, {ONE: None, "b": None}), Entry("task", AT, run=RUN, host=ONE, text="Switch", changed=True),
         judged(ONE, "made_worse", "command ended with 1; it was put back as it was before, and is healthy (HTTP 200)", healthy=True), failing()],
        "❌ P1 api rollback on prod-api-01 FAILED: its check failed with 1; it is back as it was, and healthy (1 other not touched) · by ada · 12 s",
    ),
    "nginx's host was lost": (
        [started(host=ONE), planned({ONE: "healthy"}), bad("lb1", "Tell nginx", "rescued", why="nginx on lb1 can't be reached", **{"for": ONE}),
         judged(ONE, "no_effect", "the change failed; HTTP 200", healthy=True), failing()],
        "❌ P1 api restart on prod-api-01 FAILED, it is healthy: nginx on lb1 can't be reached · by ada · 12 s",
    ),
    "drill": (
        [started(drill="drill", host=ONE), planned({ONE: "healthy"}), judged(ONE), ended()],
        "✅ api restarted for real on prod-api-01: healthy (HTTP 200) · by ada · 31 s",
    ),
    "instances of two hosts": (
        [started("scale-up"), planned({}, {"web01": change("a", "b", "1 to 2, of 2 to 3"), "web02": change("a", "a", "1 to 1, of 2 to 3")}),
         judged("web01", seen="2 of 2 instances run"), judged("web02", seen="1 of 1 instances run"), ended()],
        "✅ api scaled 2 → 3 on web01, web02: healthy (3 of 3 instances run in all) · by ada · 31 s",
    ),
    "one of two is down": (
        [started(), planned(dict.fromkeys(TWO, "healthy")), judged("web01", "made_worse", evidence=REFUSED, healthy=True),
         judged("web02", "made_worse", evidence=REFUSED, healthy=False), failing()],
        "❌ P1 api restart on web01, web02 FAILED, api is DOWN on web02: listen tcp :8080: bind: address already in use · by ada · 12 s",
    ),
    "not approved": (
        [started(host=ONE), planned({ONE: "healthy"}), Entry(
            "task", AT, run=RUN, action="incident.response.action_approve", state="failed", host=ONE, text="x", data={"why": "alice says no"}),
         failing(verdict="unknown")],
        "❌ P1 api restart on prod-api-01 NOT DONE: alice says no · by ada · 12 s",
    ),
    "no plan": (
        [started(host=ONE), planned({ONE: "healthy"}, only=True), bad(ONE, "x", why="no systemd"), failing(verdict="unknown", check=True)],
        "❌ P1 api restart on prod-api-01 can't be planned: no systemd; nothing was touched · by ada · 12 s",
    ),
    "three of twenty": (
        [started(), planned(dict.fromkeys(TWENTY, "healthy")), *(judged(host) for host in TWENTY if host not in {"web03", "web07", "web11"}),
         *(judged(host, "made_worse", evidence=REFUSED) for host in ("web03", "web07", "web11")), failing()],
        "❌ P1 api restart on web03, web07, web11 FAILED (17 others worked): listen tcp :8080: bind: address already in use · by ada · 12 s",
    ),
    "lost": (
        [started(), planned(dict.fromkeys(TWO, "healthy")), bad("web01", "Stop api: Connection timed out", "unreachable", why="Connection timed out"),
         failing(verdict="unknown")],
        "❌ P1 api restart on web01 FAILED (1 other not touched): Connection timed out · by ada · 12 s",
    ),
    "refused": (
        [started(host=ONE), bad(ONE, "x", why="prod-api-01 has no unit api.service. Nothing was touched."), failing(verdict="unknown", refused=True)],
        "❌ P1 api restart on prod-api-01 REFUSED: prod-api-01 has no unit api.service. Nothing was touched. · by ada · 12 s",
    ),
    "killed": (
        [started(host=ONE), planned({ONE: DOWN}), Entry("run_vanished", AT, run=RUN, state="unknown", text="The controller vanished")],
        "⚠️ P1 api restart on prod-api-01 BROKE OFF: its controller was killed, and nobody knows how the service is now · by ada",
    ),
    "plan": ([started(host=ONE), planned({ONE: DOWN}, only=True), ended("unknown", check=True)],
             "📋 P1 api restart on prod-api-01 planned only: nothing was touched · by ada · 31 s"),
    "idle": (
        [started("rollback"), planned({ONE: "healthy"}), judged(ONE, "nothing_to_do"), ended("nothing_to_do")],
        "⚠️ P1 api rollback on prod-api-01: nothing to do, it was so already; look for another cause · by ada · 31 s",
    ),
    "own action": ([started("drain"), bad("lb1", "x", "ok"), ended("unknown")],
                   "⚠️ P1 api drain on lb1 ended, and nothing verified the outcome · by ada · 31 s"),
    "dry drill": (
        [started(drill="dry", host=ONE), planned({ONE: "healthy"}), judged(ONE), ended()],
        "✅ api restart rehearsed (nothing was changed) on prod-api-01: healthy (HTTP 200) · by ada · 31 s",
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_a_run_in_one_sentence(story: str) -> None:
    entries, words = STORIES[story]
    assert sentence(entries, severity="P1") == words
    assert chat_text.root(entries, "P1").splitlines()[0].replace("`", "").replace(chat_text._BLOCK, "") == words


@pytest.mark.parametrize("story", STORIES)
def test_the_first_120_characters_say_the_service_the_host_and_what_became_of_it(story: str) -> None:
    shown = sentence(STORIES[story][0], severity="P1")[:120]
    assert "api" in shown
    assert any(host in shown for host in (ONE, *TWENTY, "lb1"))


def test_what_is_not_ours_calls_nobody_and_breaks_nothing() -> None:
    name = "@all `x` *b* שירות\u202e #general http://evil"
    entries = [started(service=name, actor=name, host=name), planned({name: f"down: {name}"})]
    over = [*entries, judged(name, "no_effect", name, evidence=f"Error {name}"), failing()]
    for text in (chat_text.root(entries, "P1"), chat_text.root(over, "P1"), chat_text.closing(over, "0" * 12, 3, "P1")):
        assert chat_text.mentioned(text) == []
        assert "#general" not in text
        assert "http://" not in text
        assert "\u202e" not in text
        assert all(row.count("`") % 2 == 0 for row in text.splitlines() if not row.startswith("```"))


def test_what_was_seen_is_what_says_most() -> None:
    before = {ONE: "down: command ended with 0, HTTP: [Errno 111] Connection refused"}
    entries = [started(), planned(before), judged(ONE, "worked", "command ended with 0, HTTP 200"), ended("worked")]
    assert ": healthy again (HTTP 200), was down: HTTP: Connection refused" in sentence(entries)
    entries = [started(), planned({ONE: "healthy"}), judged(ONE, "worked", "command ended with 0"), ended("worked")]
    assert ": healthy (its check passes)" in sentence(entries)


def test_a_run_that_failed_says_what_to_do_next_with_a_command_that_can_be_pasted() -> None:
    words, command = next_steps([started(host=ONE, app="api"), planned({ONE: DOWN}), judged(ONE, "no_effect"), failing()])
    assert words == "next: mend that on prod-api-01, then run it again:"
    assert shlex.split(command) == ["ansible-playbook", "incident.response.restart_service", "-e", f"app=api host={ONE}"]


@pytest.mark.parametrize(("kind", "again"), [("drill", " drill=true"), ("dry", " drill=dry"), ("", "")])
def test_the_command_that_does_it_again_has_what_allowed_it_and_of_a_drill_it_is_one(kind: str, again: str) -> None:
    start = started(drill=kind, app="api", host="api", max_hosts="3", reason="a reason")
    dummy, command = next_steps([start, planned({ONE: DOWN}), judged(ONE, "no_effect"), failing()])
    assert shlex.split(command)[-1] == f"app=api host=api max_hosts=3{again}"


def test_what_was_changed_by_a_run_that_failed_is_undone_by_the_command_that_is_shown() -> None:
    entries = [started("rollback"), planned({ONE: "healthy"}, {ONE: change("1.4.2", "1.4.1")}), bad(ONE, "Switch the release", "changed"),
               judged(ONE, "made_worse", left={"release": "1.4.1"}), failing()]  # fmt: skip
    assert next_steps(entries)[1] == f"ansible-playbook incident.response.undo -e run={RUN}"
    assert f"`ansible-playbook incident.response.undo -e run={RUN}`" in chat_text.root(entries)


@pytest.mark.parametrize("value", ["x y", "a'b", "{{ lookup('pipe', 'id') }}", "a=b", "a\\b"])
def test_a_command_is_not_shown_where_it_would_be_another(value: str) -> None:
    words = next_steps([started(host=value), judged("web01", "no_effect"), failing()])
    assert words == ["next: mend that on web01, then run it again"]


@pytest.mark.parametrize("story", ["runs", "worked", "plan", "refused", "idle", "no plan"])
def test_nothing_is_to_be_done_after_a_run_that_did_what_it_should_or_that_says_so_itself(story: str) -> None:
    assert next_steps(STORIES[story][0]) == []


def test_the_plan_stands_in_the_channel_and_has_no_hash() -> None:
    entries = [started("rollback"), planned({ONE: DOWN}, {ONE: change("1.4.2", "1.4.1")})]
    scope = "plan: 1 of its 2 hosts (production) · risk low"
    assert plan_line(entries) == scope  # from what to what stands in the sentence
    several = [started("rollback"), planned({ONE: DOWN}, {ONE: change("1.4.2", "1.4.1"), "b": change("1.4.1", "1.4.0", "1.4.1 to 1.4.0")})]
    assert plan_line(several) == f"{scope} · 1.4.2 to 1.4.1 (folder changed yesterday); 1.4.1 to 1.4.0"
    assert chat_text.root(entries).splitlines()[1].startswith("plan: ")
    assert plan_line([started()]) == ""


def test_the_symptom_is_that_of_the_first_host_that_was_not_well() -> None:
    assert symptom([started(), planned({"web01": "healthy: HTTP 200", "web02": DOWN})]) == "down: connection refused on web02"
    assert symptom([started(), planned({"web01": "healthy: HTTP 200"})]) == ""


def test_there_is_one_tick_for_a_run_and_its_last_reply_is_the_witness() -> None:
    entries = STORIES["worked"][0]
    closing = chat_text.closing(entries, "0123456789ab", 12)
    assert "✅" not in closing
    assert closing.splitlines()[0] == "api restarted on prod-api-01: healthy again (HTTP 200), was down: connection refused · by ada · 31 s"
    assert closing.splitlines()[-1] == "record: 12 entries, head `0123456789ab`"


def test_detail_is_left_out_of_the_thread() -> None:
    steps = [
        Entry("task", AT, text="Begin", host="web01", state="ok", data={"detail": True}),
        Entry("task", AT, text="Start api", host="web01", state="changed"),
        Entry("task", AT, text=f"Plan the restart of api: plan {'0' * 12}: web01: now healthy", host="web01", action="incident.response.action_plan"),
    ]
    assert chat_text.lines_of(steps) == ["10:05 - Start api on web01: changed", "10:05 - Plan the restart of api: web01: now healthy"]


@pytest.mark.parametrize("damaged", [{"health": "x"}, {"health": None, "plan": {"hosts": [1]}}, {"plan": "x", "hosts": {"a": 1}}, {"verdict": ["x"]}])
def test_an_entry_that_was_tampered_with_breaks_no_sentence(damaged: dict[str, Any]) -> None:
    entry = Entry("task", AT, run=RUN, action="incident.response.action_plan", state="ok", host="web01", data=damaged)
    assert sentence([started(), entry, ended()]).startswith("✅ api restarted on ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.3, "1 s"), (30.8, "31 s"), (60, "1 min"), (125, "2 min 5 s"), (2530, "42 min"), (4800, "1 h 20 min"), (7200, "2 h")],
)
def test_a_time_as_people_say_it(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
