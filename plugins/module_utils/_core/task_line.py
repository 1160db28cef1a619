# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One line about a task and its hosts, for chat's threads and the timeline on the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .entry import Entry
from .undo import PLANNED

_BAD = {"failed", "unreachable", "rescued"}
_PLAN = re.compile(r": plan [0-9a-f]{12}: ")
"""The hash of a plan, which readers of the plan do not need."""
_JUDGED = re.compile(r"(?:Judge the )?(?P<what>.*?): verdict (?P<verdict>\w+): (?P<seen>.*)", re.DOTALL)


def line(entry: Entry, hosts: Iterable[str]) -> str:
    """The line of a task's entry for all its hosts. A failure has its mark, even if the run continued."""
    there = ", ".join(dict.fromkeys(filter(None, hosts)))
    text = _PLAN.sub(": ", entry.text, count=1) if entry.action == PLANNED else entry.text or entry.action
    where = f" on {there}" if there and there not in text else ""
    mark = "❌ " if entry.state in _BAD else ""
    judged = _JUDGED.fullmatch(text) if "verdict" in entry.data else None
    if judged:
        return f"{mark}{judged['what']}{where}: {judged['verdict'].replace('_', ' ')}: {judged['seen']}"
    known = not entry.state or entry.state == "ok" or (mark and ": " in text)
    return f"{mark}{text}{where}{'' if known else f': {_state(entry)}'}"


def _state(entry: Entry) -> str:
    return "failed, and was dealt with" if entry.state == "rescued" else entry.state
