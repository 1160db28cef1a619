# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads from the timeline what each emergency action changed on each host, and tells what of it an undo can put back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .entry import Entry
from .left_out import BALANCER, left_out
from .verdict import GOOD

State = Mapping[str, Any]
PLANNED = "incident.response.action_plan"
_LOST = {"failed", "unreachable", "interrupted"}

_TOUCHES_NOTHING = {
    *(f"ansible.builtin.{name}" for name in ("include_role", "include_tasks", "fail", "assert", "set_fact", "debug")),
    "incident.response.action_approve", "incident.response.service_health_info", BALANCER,
}  # fmt: skip
"""Tasks after the plan that never change a host, such as waiting for an approval."""


@dataclass(slots=True)
class Change:
    """The change of one host. `touched`: something was done there. `after` is None if the run did not record the final state. `out`: the run took the
    host out of the load balancer, and did not put it back."""

    before: State
    wanted: State
    text: str = ""
    touched: bool = False
    after: State | None = None
    out: bool = False

    def may_be(self) -> list[State]:
        """The possible states of the host, if nobody else has touched it since."""
        if not self.touched:
            return [self.before]
        return [self.before, self.wanted] if self.after is None else [self.after]

    def undoable(self) -> bool:
        """Whether the host may have another state than before, or gets no requests."""
        return (self.touched and self.after != self.before) or self.out


@dataclass(slots=True)
class Action:
    """A run with an undoable change. `role` and `backend` name the task file that makes the change."""

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
        """The hosts that may be half-way: the controller vanished during their turn, or the host became unreachable."""
        return {host: change for host, change in self.hosts.items() if self.over and change.touched and change.after is None}


def actions(entries: Iterable[Entry]) -> list[Action]:
    """The actions of an incident with a plan for an undo, oldest first. A run may have several."""
    found: list[Action] = []
    current: dict[str, Action] = {}
    balanced: list[Entry] = []
    outlines = set[str]()
    """Runs whose tasks are not recorded: a host may have been touched without a record."""
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
            for host, given in _mapping(plan.get("hosts")).items():
                its = _mapping(given)
                before, wanted = _mapping(its.get("before")), _mapping(its.get("wanted"))
                action.hosts[host] = Change(before, wanted, str(its.get("text", "")), touched=entry.run in outlines)
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


def _mapping(given: object) -> Mapping[str, Any]:
    """The value if it is a mapping; empty otherwise, because an older or a damaged record may lack it."""
    return given if isinstance(given, Mapping) else {}


def half_way(incidents: Iterable[Iterable[Action]]) -> dict[str, Action]:
    """The hosts that may be half-way, each with the last action that touched it. `incidents` are of one service, newest first."""
    last: dict[str, Action] = {}
    for each in incidents:
        for action in reversed(list(each)):
            for host, change in action.hosts.items():
                if change.touched:
                    last.setdefault(host, action)
    return {host: action for host, action in last.items() if host in action.interrupted()}


def gone_back(known: Iterable[Action], hosts: Collection[str]) -> dict[str, tuple[Action, Change]]:
    """The hosts with another version than before the first of these actions (oldest first), each with the action that changed it. For these hosts
    `previous` would mean two versions back."""
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


def undone(known: Sequence[Action], action: Action) -> dict[str, Action]:
    """The hosts that are again in their state before `action`, each with the later action that restored it. `known` are all actions, oldest first."""
    found = {}
    for host, change in action.hosts.items():
        after = [each for each in known[known.index(action) + 1 :] if host in each.hosts and each.hosts[host].touched]
        if change.undoable() and after and _puts_back(after[-1].hosts[host], change):
            found[host] = after[-1]
    return found


def undoable(known: Sequence[Action], action: Action) -> list[str]:
    """The hosts that `action` changed, and that no later action restored."""
    gone = undone(known, action)
    return [host for host, change in action.hosts.items() if change.undoable() and host not in gone]


def standing(known: Sequence[Action]) -> dict[str, list[Action]]:
    """For each host, the actions (oldest first) that are still in effect. An action that restored an earlier state is not included."""
    found: dict[str, list[Action]] = {}
    for action in known:
        for host, change in action.hosts.items():
            if not change.touched:
                continue
            stack = found.setdefault(host, [])
            first = next((place for place, each in enumerate(stack) if _puts_back(change, each.hosts[host])), None)
            if first is not None:
                del stack[first:]
            elif change.undoable():
                stack.append(action)
    return found


def _puts_back(change: Change, earlier: Change) -> bool:
    """Whether the host has its state before the earlier action again, and gets requests."""
    return change.after is not None and change.after == earlier.before and not change.out


def _whose(entry: Entry) -> str:
    """The host of the turn. A delegated task is done on another host."""
    return str(entry.data.get("for") or entry.host)


def _touches(entry: Entry) -> bool:
    """Whether the entry may have changed the host. A task that was done elsewhere for the host only counts if it changed something, or may have."""
    if "left" in entry.data:
        return True
    if entry.action == BALANCER:  # this is stored separately: `out`
        return False
    if entry.data.get("for"):
        return bool(entry.changed) or entry.state == "interrupted"
    return entry.action not in _TOUCHES_NOTHING and entry.state != "skipped"


def _fold(action: Action, entry: Entry, *, stopped: bool) -> None:
    """Apply an entry to a host. `stopped`: the hosts after it were not touched, although an outline assumes so."""
    change, left = action.hosts[_whose(entry)], entry.data.get("left")
    change.touched, change.after = True, left if isinstance(left, Mapping) else change.after
    if stopped:
        for other in action.hosts.values():
            other.touched &= other is change or other.after is not None


def failed(entries: Iterable[Entry], run: str) -> bool:
    """Whether a finished run has acted and failed. A plan, or a refusal before anything was touched, does not count."""
    mine = [each for each in entries if each.run == run]
    end = next((each for each in reversed(mine) if each.kind in {"run_ended", "run_vanished"}), None)
    start = next((each for each in mine if each.kind == "run_started"), None)
    if end is None or end.state in GOOD or (end.kind == "run_ended" and not end.data.get("failed")):
        return False
    if (start and start.data.get("check")) or end.data.get("check"):
        return False
    return _acted(mine, outline=bool(start and start.data.get("recorder") == "task"))


def _acted(entries: Sequence[Entry], *, outline: bool) -> bool:
    """Whether a run has touched anything, or leaves an unhealthy service. `outline`: its tasks are not recorded."""
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
    """The version or number of instances of each host after the action; empty if the action changes no state."""
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
    """The readable names of the states, from the plan's text: `1.4 to 1.3 (folder changed …)`, `1 to 2 instances, of 2 to 4`, or `1.4 already`."""
    before, has, after = change.text.partition(" to ")
    if not has:
        name = change.text.removesuffix(" already") or "as planned"
        return name, name
    wanted = re.split(r" \(|, ", after, maxsplit=1)[0]
    return before + (" instances" if wanted.endswith(" instances") else ""), wanted
