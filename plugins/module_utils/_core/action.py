# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an emergency action meant to change on each host, and what it left behind: read from the timeline."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .incident import Entry
from .left_out import BALANCER, left_out
from .verdict import GOOD

State = Mapping[str, Any]
PLANNED = "incident.response.action_plan"
_LOST = {"failed", "unreachable", "interrupted"}

_TOUCHES_NOTHING = {
    *(f"ansible.builtin.{name}" for name in ("include_role", "include_tasks", "fail", "assert", "set_fact", "debug")),
    "incident.response.action_approve", "incident.response.service_health", BALANCER,
}  # fmt: skip
"""Tasks after the plan that leave a host as it is, whether they work or fail: such as the wait for an approval that never comes."""


@dataclass(slots=True)
class Change:
    """One host's. `touched` once anything was done there; `after` is None where the run never said what it left.

    `out`: the run took it out of the load balancer, and never put it back.
    """

    before: State
    wanted: State
    text: str = ""
    touched: bool = False
    after: State | None = None
    out: bool = False

    def may_be(self) -> list[State]:
        """The states that the host is in, if nobody else has touched it since."""
        if not self.touched:
            return [self.before]
        return [self.before, self.wanted] if self.after is None else [self.after]

    def undoable(self) -> bool:
        """Whether it may be in another state than before, or gets no requests."""
        return (self.touched and self.after != self.before) or self.out


@dataclass(slots=True)
class Action:
    """A run that changed something which can be undone. `role` and `backend` say which task file brings a state about."""

    run: str
    name: str
    service: str
    role: str
    backend: str
    at: str
    actor: str
    over: bool = False
    hosts: dict[str, Change] = field(default_factory=dict)

    def interrupted(self) -> dict[str, Change]:
        """The hosts that may be half-way: the controller vanished while it was there, or the host couldn't be reached any more."""
        return {host: change for host, change in self.hosts.items() if self.over and change.touched and change.after is None}


def actions(entries: Iterable[Entry]) -> list[Action]:
    """The actions of an incident that have a plan to undo them by, oldest first. A run may have several, one after the other."""
    found: list[Action] = []
    current: dict[str, Action] = {}
    balanced: list[Entry] = []
    outlines = set[str]()
    """Runs whose tasks are not recorded: a host may have been touched though nothing says so."""
    for entry in entries:
        if entry.action == BALANCER:
            balanced.append(entry)
        if entry.kind == "run_started" and entry.data.get("recorder") == "task":
            outlines.add(entry.run)
        plan, action = entry.data.get("plan"), current.get(entry.run)
        if isinstance(plan, Mapping):
            name, service, role, backend, actor = (str(plan.get(key, "")) for key in ("name", "service", "role", "backend", "actor"))
            action = current[entry.run] = Action(entry.run, name, service, role, backend, entry.at, actor)
            found.append(action)
            for host, each in plan["hosts"].items():
                action.hosts[host] = Change(each["before"], each["wanted"], str(each.get("text", "")), touched=entry.run in outlines)
        elif action and _whose(entry) in action.hosts and _touches(entry):
            _fold(action, entry, stopped=entry.run in outlines and entry.data.get("verdict", "worked") not in GOOD)
        elif action and entry.kind in {"run_vanished", "run_ended"}:
            for each in found:
                each.over |= each.run == entry.run
    for each in found if balanced else []:
        out = left_out(entry for entry in balanced if entry.run == each.run)
        for host, change in each.hosts.items():
            change.out = host in out
    return found


def half_way(incidents: Iterable[Iterable[Action]]) -> dict[str, Action]:
    """For each host that may be half-way, the action that left it so: the last that touched it. Incidents of one service, newest first."""
    last: dict[str, Action] = {}
    for each in incidents:
        for action in reversed(list(each)):
            for host, change in action.hosts.items():
                if change.touched:
                    last.setdefault(host, action)
    return {host: action for host, action in last.items() if host in action.interrupted()}


def gone_back(known: Iterable[Action], hosts: Collection[str]) -> dict[str, tuple[Action, Change]]:
    """Which of the hosts are already at another version than at the first of these actions, oldest first; with the one that took them there.

    For these the previous version is the one before the version that somebody went back to: two back, where one was meant.
    """
    began: dict[str, State] = {}
    moved: dict[str, tuple[Action, Change]] = {}
    for action in known:
        for host, change in action.hosts.items():
            if host not in hosts or not change.touched:
                continue
            began.setdefault(host, change.before)
            if change.undoable():
                moved[host] = action, change
            if change.after == began[host]:
                del began[host]
                moved.pop(host, None)
    return moved


def _whose(entry: Entry) -> str:
    """The host whose turn it was: a task that was delegated is done on another."""
    return str(entry.data.get("for") or entry.host)


def _touches(entry: Entry) -> bool:
    """Whether the host may be another afterwards. What was done elsewhere for it counts only where something was changed, or may have been."""
    if "left" in entry.data:
        return True
    if entry.action == BALANCER:  # that is kept apart: `out`
        return False
    if entry.data.get("for"):
        return bool(entry.changed) or entry.state == "interrupted"
    return entry.action not in _TOUCHES_NOTHING and entry.state != "skipped"


def _fold(action: Action, entry: Entry, *, stopped: bool) -> None:
    """What an entry says of a host. `stopped`: the hosts after it, which an outline takes for touched, are not."""
    change, left = action.hosts[_whose(entry)], entry.data.get("left")
    change.touched, change.after = True, left if isinstance(left, Mapping) else change.after
    if stopped:
        for other in action.hosts.values():
            other.touched &= other is change or other.after is not None


def failed(entries: Iterable[Entry], run: str) -> bool:
    """Whether a run that is over has acted, and not done what it should: no plan, and nothing that was refused before anything was touched."""
    mine = [each for each in entries if each.run == run]
    end = next((each for each in reversed(mine) if each.kind in {"run_ended", "run_vanished"}), None)
    start = next((each for each in mine if each.kind == "run_started"), None)
    if end is None or end.state in GOOD or (end.kind == "run_ended" and not end.data.get("failed")):
        return False
    if (start and start.data.get("check")) or end.data.get("check"):
        return False
    return _acted(mine, outline=bool(start and start.data.get("recorder") == "task"))


def _acted(entries: Sequence[Entry], *, outline: bool) -> bool:
    """Whether a run has touched anything, or leaves a service that isn't healthy. `outline`: its tasks are not recorded."""
    planned = judged = False
    for entry in entries:
        verdict = entry.data.get("verdict")
        judged |= verdict is not None
        if entry.changed or (verdict not in {None, *GOOD} and not entry.data.get("healthy")):
            return True
        if planned and verdict is None and entry.state in _LOST and _touches(entry):
            return True
        planned |= entry.action == PLANNED and "plan" in entry.data if outline else entry.action == PLANNED
    return outline and planned and not judged


def versions(action: Action) -> str:
    """Which host has what after an action that changes versions, or how many instances; empty where it changes no state."""
    words = [f"{host} {_has(change)}" for host, change in action.hosts.items() if change.wanted]
    return f"now: {'; '.join(words)}" if words else ""


def _has(change: Change) -> str:
    before, wanted = _names(change)
    if not change.touched:
        return f"{before} (not touched)"
    if change.after is None:
        return f"{before} or {wanted}, nobody knows which" if before != wanted else f"{before}, which nobody has seen since"
    if change.after == change.wanted:
        return wanted
    return f"{before} (as before)" if change.after == change.before else f"neither {before} nor {wanted}"


def _names(change: Change) -> tuple[str, str]:
    """What people call the states: the plan says `1.4 to 1.3 (folder changed …)`, `1 to 2 instances, of 2 to 4`, or `1.4 already`."""
    before, has, after = change.text.partition(" to ")
    if not has:
        name = change.text.removesuffix(" already") or "as planned"
        return name, name
    wanted = re.split(r" \(|, ", after, maxsplit=1)[0]
    return before + (" instances" if wanted.endswith(" instances") else ""), wanted
