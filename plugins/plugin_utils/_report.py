# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text block at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.left_out import words
from ansible_collections.incident.response.plugins.module_utils._core.step_line import entries, lacking
from ansible_collections.incident.response.plugins.plugin_utils._recording import Ended, Recording


def lines(ended: Ended, answer: Mapping[str, Any]) -> list[str]:
    """The lines about the result of a run. `answer` is the courier's status of it."""
    if not answer.get("carried") and answer.get("problem"):
        name = "is not known: nothing of this run is in the journal yet"
    elif not answer.get("carried"):
        name = "is not known yet: the courier is still carrying this run's entries to the journal"
    elif not answer.get("incident"):
        name = f"none: {'what is refused before it has a plan' if ended.refused else 'a plan'} opens none"
    else:
        name = f"{answer['incident']} ({answer.get('status')})"
    from ansible_collections.incident.response.plugins.module_utils._core.summary import next_steps, sentence, spoken  # only at the end of a run

    told = [f"incident.response: {sentence(ended.told)}", f"incident.response: incident {name}"]
    told.append(f"  {ended.about}: {ended.outcome}, {spoken(ended.seconds)}, {entries(ended.recorded)} recorded")
    if ended.lost:
        told.append(f"  lost: {', '.join(ended.lost)} could not be reached any more")
    if ended.versions:
        told.append(f"  {ended.versions}")
    if ended.undoable:
        told.append(f"  to undo it, with the same inventory: ansible-playbook incident.response.undo -e run={ended.run.name}")
    elif not ended.left_out:  # otherwise the command that puts these back comes first
        told += [f"  {step}" for step in next_steps(ended.told, undoable=False)]
    for host, balancers in ended.left_out.items():
        puts = "the undo puts it back, and so does a restart" if ended.undoable else "a restart with the same inventory puts it back"
        told.append(f"  {words(host, balancers)}, and gets no requests. Once it is up, {puts}:")
        told.append(f"  ansible-playbook incident.response.restart_service -e 'service={ended.service} host={host}'")
    if answer.get("url"):
        told.append(f"  {answer['url']}")
    if answer.get("pending"):
        held = f" ({answer['chat_problem']})" if answer.get("chat_problem") else ""
        told.append(f"  {lacking(answer['pending'])} yet{held}: the courier goes on; else the next run brings them there, or:")
        told.append("  ansible-playbook incident.response.deliver")
    return told


def interrupted(recording: Recording) -> list[str]:
    """The lines about an interrupted run: its changes stay, and it has no verdict."""
    name = recording.run.name
    return [
        f"incident.response: {recording.about} was interrupted (run {name}): what was done so far stays, and nothing verified the outcome",
        "  Look at the service, then run the command again. What can be undone of it is, with the same inventory:",
        f"  ansible-playbook incident.response.undo -e run={name}",
    ]
