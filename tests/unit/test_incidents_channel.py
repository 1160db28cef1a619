# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What #incidents reads: the symptom at the opening, the all-clear at the end, and what an escalation is about."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import chat_text
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._core.incident import derive
from ansible_collections.incident.response.plugins.module_utils._ports import Projection
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_messages import Place, Planner, Settings

OPENED, LATER = "2025-11-10T10:05:00.000Z", "2025-11-10T10:47:10.000Z"
BLOCK = {"root_cause": "Pool too small", "fix": "Pool of 50", "monitoring": "Alert", "next": "Review"}


def opening(title: str = "Slow", **data: Any) -> Entry:
    return Entry("opened", OPENED, actor="ada", data={"title": title, "service": "api", "severity": "P1", **data})


def status(to: str, *, inferred: bool = False, **data: Any) -> Entry:
    return Entry("status", LATER, actor="ada", text=to.capitalize(), data={"to": to, "inferred": inferred, **data})


def announced(*entries: Entry) -> list[str]:
    """What the entries say in #incidents."""
    named = Entry("named", OPENED, data={"name": "incident-2025-11-10-001", "channel": "incident-2025-11-10-001"})
    told, all_entries = ("oncall", "alice"), [entries[0], named, *entries[1:]]
    planner = Planner(Place("i"), Projection(rid="r", oncall=("alice",)), all_entries, "0" * 12, Settings(), told)
    return [message.text for message in planner.messages(0) if message.channel == "incidents"]


def test_the_opening_says_what_was_seen_of_the_service() -> None:
    plan = Entry("task", OPENED, run="r", action="incident.response.action_plan", data={"health": {"web01": "down: connection refused"}})
    start = Entry("run_started", OPENED, actor="ada", run="r", action="restart", data={"service": "api"})
    (text,) = announced(opening("Restart of api"), start, plan)
    assert text == "@oncall @alice 🚨 *P1* api · down: connection refused on web01 · ada restarts it on web01 · #incident-2025-11-10-001"


def test_the_all_clear_says_how_long_it_took_and_what_helped() -> None:
    text = announced(opening(), status("mitigated"), status("resolved", block=BLOCK))[-1]
    assert text == "✅ *P1* api RESOLVED at 10:47, after 42 min: Slow · fix: Pool of 50 · by ada · #incident-2025-11-10-001"


def test_the_all_clear_is_said_once() -> None:
    assert len(announced(opening(), status("resolved", block=BLOCK), status("closed"))) == 2
    closed = announced(opening(), status("resolved", inferred=True), status("closed", block={"message": "It was the pool"}))
    assert closed[1:] == ["✅ *P1* api CLOSED at 10:47, after 42 min: Slow · It was the pool · by ada · #incident-2025-11-10-001"]


def test_a_drill_is_told_as_one_to_its_end() -> None:
    assert announced(opening(drill=True), status("resolved"))[-1].startswith("🧪 *DRILL* · ✅ *P1* api RESOLVED at ")


def test_a_long_title_hides_neither_the_symptom_nor_whom_and_why_an_escalation_calls() -> None:
    title = "The checkout is slow " * 14
    plan = Entry("task", OPENED, run="r", action="incident.response.action_plan", data={"health": {"web01": "down: connection refused"}})
    run = Entry("run_started", OPENED, run="r", action="restart", data={"service": "api"})
    entry = Entry("escalated", LATER, actor="ada", data={"name": "DevOps Lead", "notify": ["lead"], "reason": "the pool is exhausted"})
    opened, escalated = announced(opening(title), run, plan, entry)
    assert "*P1* api · down: connection refused on web01" in opened[:120]
    assert "Escalated to DevOps Lead* · *P1* api · The checkout is slow" in escalated[:120]
    assert "the pool is exhausted" in escalated[:160]


def test_a_reminder_says_what_it_is_about() -> None:
    entry = Entry("reminded", LATER, text="nobody has acknowledged for 10 min", data={"announced": True})
    assert announced(opening(), entry)[-1].startswith("@oncall @alice ⏰ *P1* api · Slow: nobody has acknowledged for 10 min · #incident-")


def test_an_escalation_says_what_it_is_about() -> None:
    entry = Entry("escalated", LATER, actor="ada", data={"name": "DevOps Lead", "notify": ["lead"], "reason": "stuck"})
    assert announced(opening(), entry)[-1] == "@lead ⏫ *Escalated to DevOps Lead* · *P1* api · Slow: stuck (ada) · #incident-2025-11-10-001"


def test_what_gets_worse_while_it_is_announced_is_announced_once() -> None:
    worse = Entry("changed", LATER, actor="ada", text="Severity is now P0 (was P1): nobody can pay", data={"severity": "P0"})
    assert announced(opening(), worse) == ["@oncall @alice 🚨 *P1 → P0* api · Slow: nobody can pay · by ada · #incident-2025-11-10-001"]


def said(*entries: Entry) -> list[str]:
    """What the entries say in the incident's own room, beside its first message."""
    planner = Planner(Place("i"), Projection(rid="r"), [opening(), *entries], "0" * 12, Settings(), ())
    return [message.text for message in planner.messages(0) if not message.channel][1:]


def test_each_message_names_severity_and_service_and_what_nobody_said_is_not_told() -> None:
    note = Entry("note", OPENED, actor="ada", text="The pool is full")
    first, last = said(note, status("investigating", inferred=True), status("mitigated", inferred=True), status("resolved", block=BLOCK))
    assert first == "10:05 - *P1* api · The pool is full (ada)"
    assert last.startswith("✅ *P1* api RESOLVED at 10:47, after 42 min: Slow · fix: Pool of 50 · by ada\n*Root cause:* Pool too small")


def test_a_run_that_is_over_when_it_is_told_is_one_message_and_one_that_is_watched_ends_with_another() -> None:
    start = Entry("run_started", OPENED, actor="ada", run="r", action="restart", data={"service": "api"})
    end = Entry("run_ended", LATER, run="r", state="worked", text="Ended", data={})
    in_room = list(Planner(Place("i"), Projection(), [opening(), start, end], "0" * 12, Settings(), ()).messages(1))
    assert [(bool(each.thread), each.in_channel) for each in in_room] == [(False, False), (True, False)]
    assert "restarted" in in_room[0].text
    assert "restarted" not in in_room[1].text
    (ending,) = Planner(Place("i"), Projection(), [opening(), start, end], "0" * 12, Settings(), ()).messages(2)
    assert ending.in_channel
    assert "restarted" in ending.text


def test_a_breach_is_told_with_its_service() -> None:
    breach = Entry("changed", OPENED, actor="ada", text="A security breach is suspected", data={"concerns": ["security"]})
    planner = Planner(Place("i"), Projection(rid="r"), [opening(), breach], "0" * 12, Settings(), ())
    (text,) = [message.text for message in planner.messages(0) if message.channel == "security"]
    assert text.startswith("🔒 *P1* api · Slow · A security breach is suspected · by ada · #")


@pytest.mark.parametrize("title", ["x" * 300, "@all #general `x` http://evil", "שירות\u202e", "👩\u200d👩\u200d👧" * 100])
def test_a_title_of_anybody_calls_nobody_and_leaves_the_rest_where_it_is(title: str) -> None:
    state = derive("i", [Entry("opened", OPENED, data={"severity": "P1", "title": title, "service": "api"})])
    for text in (chat_text.announcement(state, "room", "ada", ()), chat_text.all_clear(state, "room", status("resolved"))):
        assert chat_text.mentioned(text) == []
        assert text.endswith("#room")
        assert "http://" not in text
        assert len(text) < 500
