# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What it takes to undo an action, as a play meets it: every refusal is an AnsibleError that names the way out."""

from __future__ import annotations

import sqlite3
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.module_utils._core.action import Action, actions
from ansible_collections.incident.response.plugins.module_utils._state import state_dir
from ansible_collections.incident.response.plugins.plugin_utils import _journal, _options, _run

_NOTHING = "Nothing was touched."


def record(run: str, incident: str) -> dict[str, Any]:
    """The action of that run, or the latest of that incident: what it was, and for each host the states wanted and expected."""
    if not run and not incident:
        raise AnsibleError(f"Name what to undo: -e run=… as the run told it at its end, or -e incident=… for its latest action. {_NOTHING}")
    try:
        found, drill = _find(run, incident)
    except (OSError, sqlite3.Error, ValueError) as error:
        raise AnsibleError(f"The journal can't be read: {error}. {_NOTHING}") from error
    return _record(found) | {"drill": drill}


def _find(run: str, incident: str) -> tuple[Action, bool]:
    """The action, and whether it was a drill."""
    options = _options.settings()
    folder = state_dir(options["state_dir"])
    with _journal.opened(options, folder) as journal:
        where = journal.incident_of(run) if run else journal.find(incident)
        if where is None:
            hint = "Look with: ansible localhost -m incident.response.incident_info."
            raise AnsibleError(f"{f'run={run}' if run else f'incident={incident}'} isn't known in this journal. {hint} {_NOTHING}")
        if not journal.verify(where).verified:
            raise AnsibleError(f"The record of {journal.info(where)['name']} was tampered with, so it says nothing to go by. {_NOTHING}")
        drill = bool(journal.info(where)["drill"])
        known = [each for each in actions(journal.entries(where)) if not _run.is_own(each.run)]  # its own plan is there already when it asks again
    found = [each for each in known if not run or each.run == run]
    if not found:
        there = f"It can be done for: {', '.join(f'{each.run} ({each.name})' for each in known[-5:])}." if known else "A restart can't be undone."
        raise AnsibleError(f"{f'run={run}' if run else f'incident={incident}'} changed nothing that can be undone. {there} {_NOTHING}")
    same = [each for each in known if each.run == found[-1].run]
    if len(same) > 1:
        did = ", ".join(f"{each.name} of {each.service}" for each in same)
        raise AnsibleError(f"The run {found[-1].run} did several things ({did}), so it can't be undone as one: go to exact versions. {_NOTHING}")
    return found[-1], drill


def _record(found: Action) -> dict[str, Any]:
    hosts = {
        host: {"wanted": dict(change.before), "expected": [dict(state) for state in change.may_be()]}
        for host, change in found.hosts.items() if change.undoable()
    }  # fmt: skip
    if not hosts:
        raise AnsibleError(f"The {found.name} {found.run} left everything as it was: there is nothing to undo. {_NOTHING}")
    return {"run": found.run, "name": found.name, "service": found.service, "role": found.role, "backend": found.backend, "hosts": hosts}
