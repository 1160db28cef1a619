# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several incidents as readable lines: open and ended ones separately, overdue clocks, and active runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import showing
from .columns import plain, table
from .showing import Shown
from .status import Status

NONE = "There is none."
_COMMAND = "ansible-playbook incident.response.incident_show -e incident="


def lines(incidents: Sequence[Shown], held: Mapping[str, str] | None = None) -> list[str]:
    """The printed lines. `held`: texts about machines that hold a service although the journal has no run yet, by service."""
    if not incidents:
        return [NONE]
    still_open = [each for each in incidents if not Status(each.state["status"]).is_over]
    over = [each for each in incidents if Status(each.state["status"]).is_over]
    late = [[plain(each.state["name"]), text] for each in incidents for text in showing.overdue(each)]
    found = list[str]()
    for title, rows in (
        (f"Open: {len(still_open) or 'none'}", [row(each.state) for each in still_open]), ("Overdue", late),
        ("Acting now", acting(still_open, held or {})), (f"Over: {len(over)}", [row(each.state) for each in over]),
    ):  # fmt: skip
        if rows or title.startswith("Open"):
            found += [*([""] if found else []), title, *table(rows)]
    first = (still_open or over)[0].state["name"]
    return [*found, "", f"To read one: {_COMMAND}{first}"]


def row(state: Mapping[str, Any]) -> list[str]:
    """The cells of one incident: name, severity, stage, service, title."""
    title = f"DRILL {state['title']}" if state["drill"] else state["title"]
    return [plain(state["name"]), state["severity"], state["status"], plain(state["service"]) or "-", plain(title)]


def acting(incidents: Iterable[Shown], held: Mapping[str, str]) -> list[list[str]]:
    """The active runs: the incident, the start, the person and the action."""
    found = []
    for each in incidents:
        runs = showing.acting(each.state)
        found += [[plain(each.state["name"]), showing.clock_time(run["started_at"]), plain(run.get("text") or run["action"])] for run in runs]
        holder = held.get(each.state["service"], "")
        if holder and not runs:
            found.append([plain(each.state["name"]), "", holder])
    return found


def choice(states: Sequence[Mapping[str, Any]], what: str = "open") -> str:
    """The question which of several incidents is meant, with the text to add to the command for each."""
    head = f"{len(states)} incidents are {what}, so say which one is meant. Add one of these to the command:"
    rows = [[f"-e incident={plain(state['name'])}", *row(state)[1:]] for state in states]
    return "\n".join([head, *table(rows)])
