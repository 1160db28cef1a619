# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An incident, and several of them, as people read them on a terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import listing, showing
from ansible_collections.incident.response.plugins.module_utils._core.columns import fitted, plain, table, width
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.escalation import Clocks
from ansible_collections.incident.response.plugins.module_utils._core.incident import derive
from ansible_collections.incident.response.plugins.module_utils._core.showing import Shown, lasted, timeline

START = 1_800_000_000.0
CLOCKS = Clocks(ack=300, respond=900, mitigate=1800, resolve=7200, update=600)
OPENED = Entry("opened", utc(START), actor="ada", text="Opened: slow", data={"title": "slow", "service": "api", "severity": "P1"})
RUN = "20270115T080000-0a1b2c3d"


def at(minutes: float, kind: str = "note", text: str = "", **more: Any) -> Entry:
    return Entry(kind, utc(START + 60 * minutes), text=text, **more)


def status(minutes: float, to: str, *, inferred: bool = False, run: str = "") -> Entry:
    return at(minutes, "status", to.capitalize(), run=run, data={"to": to, "inferred": inferred})


def task(minutes: float, text: str, host: str = "web-1", state: str = "ok", **more: Any) -> Entry:
    return at(minutes, "task", text, run=RUN, host=host, state=state, **more)


def shown(*entries: Entry, minutes: float = 20, clocks: Clocks = CLOCKS, **more: Any) -> Shown:
    everything = [OPENED, *entries]
    return Shown({**derive("1", everything).public(), "verified": True, "pending": 0}, everything, clocks, START + 60 * minutes, **more)


def clock_texts(there: Shown) -> list[str]:
    return [each.text for each in showing.clocks(there)]


def test_each_clock_stands_against_its_target() -> None:
    assert clock_texts(shown(status(2, "acknowledged"))) == [
        "acknowledged after 2 min, target 5 min", "not mitigated yet, target 30 min, 10 min left", "not resolved yet, target 2 h, 1 h 40 min left",
    ]  # fmt: skip


def test_what_is_late_is_said_to_be_overdue() -> None:
    there = shown(status(7, "acknowledged"), minutes=45)
    assert clock_texts(there)[:2] == ["acknowledged after 7 min, target 5 min: 2 min late", "not mitigated: OVERDUE for 15 min, target 30 min"]
    assert [each.overdue for each in showing.clocks(there)] == [True, True, False]
    late = showing.overdue(there)
    assert late[0] == "not mitigated: OVERDUE for 15 min, target 30 min"
    assert any("no update for" in each for each in late)
    assert "acknowledged after" not in " ".join(late), "that is over"


def test_a_stage_that_was_left_out_has_no_time() -> None:
    entries = [status(5, "acknowledged", inferred=True), status(5, "mitigated", inferred=True), status(5, "resolved")]
    assert clock_texts(shown(*entries))[:2] == ["acknowledged: nobody said when, target 5 min", "mitigated: nobody said when, target 30 min"]


def test_without_a_target_nothing_is_late() -> None:
    assert clock_texts(shown(clocks=Clocks(), minutes=9999))[0] == "not acknowledged yet, no target"


def test_a_drill_is_never_overdue() -> None:
    drill = replace(OPENED, data={**OPENED.data, "drill": True})
    there = Shown(derive("1", [drill]).public(), [drill], CLOCKS, START + 99999)
    assert showing.overdue(there) == []


def test_detail_is_left_out_and_counted() -> None:
    entries = [
        task(1, "Validating arguments", action="ansible.builtin.validate_argument_spec"), task(1, "Look again", state="skipped"),
        task(1, "Remember that the change failed", data={"detail": True}), task(2, "Stop api", state="changed"),
    ]  # fmt: skip
    there = shown(*entries)
    assert timeline(there.entries) == ["08:00 - Opened: slow (ada)", "08:02 - Stop api on web-1: changed"]
    assert showing.lines(there)[-1] == "3 more entries of detail: -e detail=true"
    assert len(timeline(there.entries, detail=True)) == 5
    assert "detail=true" not in "".join(showing.lines(there, detail=True))


@pytest.mark.parametrize(("state", "mark"), [("failed", "❌ "), ("unreachable", "❌ "), ("interrupted", "")])
def test_what_failed_is_never_detail(state: str, mark: str) -> None:
    failed = task(1, "Validating arguments", state=state, action="ansible.builtin.validate_argument_spec", data={"detail": True})
    assert timeline([failed]) == [f"08:01 - {mark}Validating arguments on web-1: {state}"]


def test_one_task_on_several_hosts_is_one_line() -> None:
    assert timeline([task(1, "Stop api", "web-1"), task(2, "Stop api", "web-2"), task(2, "Stop api", "web-3", "failed")]) == [
        "08:01 - Stop api on web-1, web-2", "08:02 - ❌ Stop api on web-3: failed",
    ]  # fmt: skip


def test_an_inferred_stage_stands_where_the_run_began() -> None:
    """The journal has it behind the run's end, from which it was inferred."""
    entries = [
        at(1, "run_started", "Restart of api started", run=RUN), task(2, "Stop api"), at(3, "run_ended", "Ended", run=RUN, state="worked"),
        status(3, "investigating", inferred=True, run=RUN), status(3, "mitigated", run=RUN),
    ]  # fmt: skip
    assert [line[:25] for line in timeline(entries)] == [
        "08:01 - Restart of api st", "08:01 - Investigating", "08:02 - Stop api on web-1", "08:03 - Ended", "08:03 - Mitigated",
    ]  # fmt: skip


def test_what_was_carried_late_stands_at_its_time() -> None:
    assert timeline([at(5, text="second"), at(1, text="first")]) == ["08:01 - first", "08:05 - second"]


def test_days_are_named_where_there_are_several() -> None:
    assert timeline([at(0, text="a"), at(24 * 60, text="b")]) == ["2027-01-15", "08:00 - a", "2027-01-16", "08:00 - b"]


def planned(before: str, wanted: str) -> Entry:
    hosts = {"web-1": {"before": {"version": before}, "wanted": {"version": wanted}}}
    plan = {"name": "rollback", "service": "api", "role": "rollback", "backend": "release", "actor": "ada", "hosts": hosts}
    return task(1, "Plan", data={"plan": plan})


def test_a_run_that_can_be_undone_has_the_command_for_it() -> None:
    entries = [
        at(1, "run_started", "Rollback of api started by ada", run=RUN, action="rollback"), planned("1.4", "1.3"),
        task(2, "Switch", state="changed", data={"left": {"version": "1.3"}}), at(3, "run_ended", run=RUN, state="worked", duration_ms=31_000),
    ]  # fmt: skip
    (run,) = showing.runs(shown(*entries))
    assert run.text == f"Rollback of api started by ada: worked, 31 s (run {RUN})"
    assert run.undo == f"ansible-playbook incident.response.undo -e run={RUN}"
    assert f"    to undo it, with the same inventory: {run.undo}" in showing.lines(shown(*entries))
    back = replace(entries[2], data={"left": {"version": "1.4"}})
    assert showing.runs(shown(*entries[:2], back, entries[3]))[0].undo == "", "it left everything as it was"


def test_a_run_that_goes_on_says_so_and_offers_no_undo() -> None:
    (run,) = showing.runs(shown(at(1, "run_started", "Restart of api started", run=RUN)))
    assert (run.text, run.undo) == (f"Restart of api started: RUNNING for 19 min (run {RUN})", "")


def test_people_and_links_are_shown_where_they_are_known() -> None:
    entries = [at(1, "changed", data={"commander": "grace"}), at(1, "named", data={"name": "n", "channel": "c", "url": "https://chat/c"})]
    printed = showing.lines(shown(*entries, oncall="ada 555", links={"Runbook": "https://wiki/api", "Logs": ""}))
    assert {"  commander: grace", "  on call: ada 555", "  Chat: https://chat/c", "  Runbook: https://wiki/api"} <= set(printed)
    assert not any("Logs" in line for line in printed)


def test_a_record_that_was_tampered_with_says_so_at_the_head() -> None:
    there = shown()
    state = {**there.state, "verified": False, "first_bad": 2, "reason": "its seal is wrong", "opened_at": "never"}
    printed = showing.lines(replace(there, state=state))
    assert "THE RECORD IS NOT WHAT WAS WRITTEN, from entry 2 on: its seal is wrong" in printed


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "59 min"), (7500, "2 h 5 min"), (86400, "24 h"), (3 * 86400 + 4 * 3600, "3 days 4 h"),
        (-5, "0 s"),
    ],
)  # fmt: skip
def test_lengths_of_time_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert lasted(seconds) == words


def test_what_others_wrote_moves_no_cursor() -> None:
    assert plain("a\x1b[31mb\u202ec\r\nd\te") == "a [31mbc ⏎ d e"


@pytest.mark.parametrize(
    ("text", "columns", "cut"),
    [
        ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 5, "日本…"), ("日本語", 4, "日…"), ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("ab cd", 4, "ab…"),
    ],
)  # fmt: skip
def test_a_text_is_cut_between_whole_characters(text: str, columns: int, cut: str) -> None:
    assert fitted(text, columns) == cut
    assert width(cut) <= columns


def test_columns_stand_below_each_other_and_the_last_one_is_cut() -> None:
    lines = table([["a", "api", "x" * 300], ["bb", "日本", "short"]], 40)
    assert [width(line.rpartition("  ")[0]) for line in lines] == [10, 10]
    assert [width(line) for line in lines][0] == 40
    assert table([]) == []


def test_a_list_has_open_and_over_apart_and_says_what_is_late_and_who_acts() -> None:
    late = shown(at(1, "named", data={"name": "incident-2027-01-15-001"}), at(1, "run_started", "Restart of api started by ada", run=RUN), minutes=45)
    over = shown(at(1, "named", data={"name": "incident-2027-01-15-002"}), status(2, "closed"))
    printed = listing.lines([over, late])
    titles = [line for line in printed if line and not line.startswith((" ", "To read"))]
    assert titles == ["Open: 1", "Overdue", "Acting now", "Over: 1"]
    assert printed[1] == "  incident-2027-01-15-001  P1  open  api  slow"
    assert "  incident-2027-01-15-001  08:01Z  Restart of api started by ada" in printed
    assert all(width(line) <= 80 for line in printed[:-1]), printed
    assert printed[-1] == "To read one: ansible-playbook incident.response.incident_show -e incident=incident-2027-01-15-001"
    assert listing.lines([]) == ["There is none."]
    assert listing.lines([over])[0] == "Open: none"


def test_a_service_that_a_controller_holds_is_said_before_its_run_is_in_the_journal() -> None:
    there = shown(at(1, "named", data={"name": "n"}))
    assert ["n", "", "a run on bastion holds api"] in listing.acting([there], {"api": "a run on bastion holds api"})
    assert listing.acting([there], {"db": "x"}) == []


def test_several_incidents_are_listed_with_what_to_add() -> None:
    asked = listing.choice([shown(at(1, "named", data={"name": f"n-{number}"})).state for number in (1, 2)])
    assert asked.splitlines()[0] == "2 incidents are open, so say which one is meant. Add one of these to the command:"
    assert asked.splitlines()[1] == "  -e incident=n-1  P1  open  api  slow"
