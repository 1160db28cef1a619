# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds which actions of a timeline are still in effect, and which were already undone."""

from __future__ import annotations

from collections.abc import Sequence

from .action import Action, Change


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
