# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One incident as readable text for a terminal: head, people, clocks with targets, timeline, runs, links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import task_line
from .columns import plain
from .entry import Entry, unix_time, utc
from .escalation import Clocks, due, length
from .incident import ROLES, derive
from .status import Status
from .undo import actions, undoable

_DETAILS = {f"ansible.builtin.{name}" for name in ("validate_argument_spec", "include_role", "include_tasks", "include_vars")}
"""Unimportant tasks in records of versions that did not mark them."""
_STAGES = (
    (Status.ACKNOWLEDGED, "acknowledged_at", "ack"), (Status.MITIGATED, "mitigated_at", "mitigate"), (Status.RESOLVED, "resolved_at", "resolve"),
)  # fmt: skip
_SPOKEN = {"opened", "note", "status", "changed", "escalated"}
"""The kinds of entries that are shown with a person."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of the handbook. `after` is the time in seconds from the opening to the stage; None if the stage was not reached, or its time is
    unknown. `within` is the target; None for none."""

    stage: str
    after: float | None
    within: float | None
    overdue: bool
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an action. `undo` is the command that undoes it; empty if nothing is left to undo."""

    run: str
    text: str
    undo: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The data to show. `state` is the result of `derive`, with the journal's data about the record; `entries` are all entries in the journal's
    order."""

    state: Mapping[str, Any]
    entries: Sequence[Entry]
    clocks: Clocks
    now: float
    oncall: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


def lines(shown: Shown, *, detail: bool = False) -> list[str]:
    """The printed lines. `detail` shows the whole timeline."""
    found = [*_head(shown), *_people(shown)]
    for title, part in (
        ("Clocks", [each.text for each in clocks(shown)] + _late(shown)), ("Timeline", timeline(shown.entries, detail=detail)),
        ("Runs", _run_lines(shown)), ("Links", _links(shown)),
    ):  # fmt: skip
        found += ["", title, *(f"  {line}" for line in part)] if part else []
    hidden = 0 if detail else sum(is_detail(entry) for entry in shown.entries)
    if hidden:
        found += ["", f"{hidden} more entr{'y' if hidden == 1 else 'ies'} of detail: -e detail=true"]
    return found


def lasted(duration: float) -> str:
    """A rounded, readable duration: 45 s, 12 min, 2 h 5 min, 3 days 4 h."""
    whole = max(round(duration), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    size, part, words = (3600, 60, ("h", "min")) if whole < 2 * 86400 else (86400, 3600, ("days", "h"))
    rest = whole % size // part
    return f"{whole // size} {words[0]}{f' {rest} {words[1]}' if rest else ''}"


def is_detail(entry: Entry) -> bool:
    """Whether the entry is only useful for debugging. Failed or interrupted entries are never detail."""
    if entry.state in {"failed", "unreachable", "interrupted"}:
        return False
    unmarked = entry.kind == "task" and (entry.state == "skipped" or entry.action in _DETAILS)
    return unmarked or entry.kind == "named" or bool(entry.data.get("detail"))


def ordered(entries: Sequence[Entry]) -> list[Entry]:
    """The entries by their times. A stage that was inferred from a run has the start of the run."""
    began = {entry.run: entry.at for entry in reversed(entries) if entry.kind == "run_started"}
    places = {id(entry): began.get(entry.run, entry.at) if entry.run and entry.data.get("inferred") else entry.at for entry in entries}
    return sorted(entries, key=lambda entry: places[id(entry)])


def timeline(entries: Sequence[Entry], *, detail: bool = False) -> list[str]:
    """One line for each entry, grouped by day if there are several days. The same task with the same outcome is one line for all hosts."""
    told = [entry for entry in ordered(entries) if detail or not is_detail(entry)]
    hosts: dict[object, list[str]] = {}
    first: dict[object, Entry] = {}
    for entry in told:
        key: object = (entry.run, entry.text, entry.state) if entry.kind == "task" and entry.state != "retry" else id(entry)
        first.setdefault(key, entry)
        hosts.setdefault(key, []).append(entry.host)
    began = {entry.run: entry.at for entry in reversed(entries) if entry.kind == "run_started"}
    days = len({entry.at[:10] for entry in first.values()}) > 1
    found, day = list[str](), ""
    for key, entry in first.items():
        at = began.get(entry.run, entry.at) if entry.run and entry.data.get("inferred") else entry.at
        if days and at[:10] != day:
            day = at[:10]
            found.append(day)
        found.append(_line(entry, at, hosts[key]))
    return found


def clocks(shown: Shown) -> list[Clock]:
    """The clocks with their targets. A drill is never overdue."""
    state = shown.state
    opened = _instant(state["opened_at"])
    if opened is None:
        return []
    found = []
    for stage, stamp, name in _STAGES:
        at, within = _instant(state[stamp]), getattr(shown.clocks, name)
        passed = list(Status).index(Status(state["status"])) >= list(Status).index(stage)
        found.append(_clock(str(stage), opened, at, within, passed=passed, drill=bool(state["drill"]), now=shown.now))
    return found


def runs(shown: Shown) -> list[Run]:
    """The runs with their verdicts, and the commands that undo them."""
    known = actions(shown.entries)
    found = []
    for each in shown.state["runs"]:
        mine = [action for action in known if action.run == each["run"]]
        hosts = undoable(known, mine[0]) if len(mine) == 1 and each.get("ended_at") else []
        undo = f"ansible-playbook incident.response.undo -e run={each['run']}" if hosts else ""
        end = next((entry.data for entry in shown.entries if entry.kind == "run_ended" and entry.run == each["run"]), {})
        found.append(Run(each["run"], _outcome(each, end, shown.now), undo))
    return found


def _head(shown: Shown) -> list[str]:
    state, opened = shown.state, _instant(shown.state["opened_at"])
    facts = [state["name"], state["severity"], state["status"], state["service"], "DRILL" if state["drill"] else ""]
    found = [" · ".join(plain(each) for each in facts if each), plain(state["title"])]
    if opened is not None:
        found.append(f"opened {utc(opened)[:16].replace('T', ' ')}Z, {lasted(shown.now - opened)} ago")
    found += [f"{name.replace('_', ' ').capitalize()}: {plain(text)}" for name, text in state["resolution"].items()]
    found += ["Under embargo: nothing of it goes to customers"] if state["embargo"] else []
    if not state.get("verified", True):
        where = f", from entry {state['first_bad']} on" if state.get("first_bad") else ""
        found.append(f"THE RECORD IS NOT WHAT WAS WRITTEN{where}: {plain(state.get('reason', ''))}")
    return found


def _people(shown: Shown) -> list[str]:
    roles = {role: shown.state["roles"].get(role, "") for role in ROLES} | {"on call": shown.oncall}
    said = [f"{role}: {plain(name)}" for role, name in roles.items() if name]
    return ["", "People", *(f"  {line}" for line in said)] if said else []


def _clock(stage: str, opened: float, at: float | None, within: float | None, *, passed: bool, drill: bool, now: float) -> Clock:
    after = None if at is None else max(at - opened, 0.0)
    target = f"target {length(within) if within else 'at once'}" if within is not None else "no target"
    late = (after if after is not None else 0.0 if passed else now - opened) - (within if within is not None else float("inf"))
    overdue = late > 0 and not drill
    if after is not None:
        text = f"{stage} after {lasted(after)}, {target}{f': {lasted(late)} late' if overdue else ''}"
    elif passed:
        text = f"{stage}: nobody said when, {target}"
    elif overdue:
        text = f"not {stage}: OVERDUE for {lasted(late)}, {target}"
    else:
        left = f", {lasted(-late)} left" if within is not None and not drill else ""
        text = f"not {stage} yet, {target}{left}"
    return Clock(stage, after, within, overdue, text)


def _late(shown: Shown) -> list[str]:
    """The other late clocks, in the words of the reminders."""
    try:
        reminders = due(derive(shown.state["id"], shown.entries), shown.entries, shown.clocks, shown.now)
    except (KeyError, TypeError, ValueError):  # an entry that was tampered with is ignored here; the head reports it
        return []
    stages = {"ack", "mitigate", "resolve"}
    last = {each.group: each for each in reminders if each.group not in stages and not each.key.startswith("concern ")}
    return [f"OVERDUE: {each.text}" for each in last.values()]


def overdue(shown: Shown) -> list[str]:
    """The late clocks, with a text for each."""
    late = [each.text for each in clocks(shown) if each.overdue and each.after is None]
    return [*late, *_late(shown)]


def _line(entry: Entry, at: str, hosts: Iterable[str]) -> str:
    if entry.kind == "task":
        return plain(f"{at[11:16]} - {task_line.line(entry, hosts)}")
    there = [host for host in dict.fromkeys(hosts) if host]
    where = "" if not there or (len(there) == 1 and there[0] in entry.text) else f" on {', '.join(there)}"
    failed = entry.state in {"failed", "unreachable"}
    who = f" ({entry.actor})" if entry.kind in _SPOKEN and entry.actor and entry.actor not in entry.text and not entry.data.get("inferred") else ""
    return plain(f"{at[11:16]} - {'❌ ' if failed else ''}{entry.text or entry.action or entry.kind}{where}{who}")


def _run_lines(shown: Shown) -> list[str]:
    found = []
    for each in runs(shown):
        found.append(each.text)
        found += [f"  to undo it, with the same inventory: {each.undo}"] if each.undo else []
    return found


def _outcome(run: Mapping[str, Any], end: Mapping[str, Any], now: float) -> str:
    what = plain(run.get("text") or run.get("action") or "a run")
    if not run.get("ended_at"):
        begun = _instant(run.get("started_at"))
        return f"{what}: RUNNING{f' for {lasted(now - begun)}' if begun is not None else ''} (run {run['run']})"
    verdict = plain(run.get("verdict") or "the controller vanished").replace("_", " ")
    if end.get("refused") or end.get("check"):
        verdict = f"{'refused' if end.get('refused') else 'planned only'}, nothing was touched"
    took = f", {lasted(run['duration_ms'] / 1000)}" if run.get("duration_ms") is not None else ""
    return f"{what}: {verdict}{took} (run {run['run']})"


def _links(shown: Shown) -> list[str]:
    behind = shown.state.get("pending") or 0
    pending = f" ({behind} entr{'y is' if behind == 1 else 'ies are'} not there yet)" if behind else ""
    where = shown.state["url"] or (f"#{shown.state['channel']}" if shown.state["channel"] else "")
    there = {"Chat": f"{where}{pending}" if where else "", **shown.links}
    return [f"{plain(name)}: {plain(link)}" for name, link in there.items() if link]


def _instant(at: Any) -> float | None:
    """The Unix time; None if there is none, or if an entry was tampered with."""
    try:
        return unix_time(at) if at else None
    except (TypeError, ValueError):
        return None


def acting(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The active runs of an incident."""
    return [run for run in state["runs"] if run.get("started_at") and not run.get("ended_at")]


def clock_time(at: str) -> str:
    """A readable time for a list."""
    try:
        return f"{datetime.fromisoformat(at):%H:%M}Z"
    except ValueError:
        return at
