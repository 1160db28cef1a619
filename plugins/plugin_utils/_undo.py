# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data that a play needs to undo an action. Every refusal is an AnsibleError that says what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.module_utils import _owned
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact
from ansible_collections.incident.response.plugins.module_utils._core.undo import Action, actions, standing, undoable, undone
from ansible_collections.incident.response.plugins.module_utils._journal.location import unverified_journal
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.module_utils._state import state_dir, state_path
from ansible_collections.incident.response.plugins.plugin_utils import _journal, _options, _run
from ansible_collections.incident.response.plugins.plugin_utils._terminal import Terminal

_NOTHING = "Nothing was touched."
_FORCE = 'Name the exact version to go to instead; or to believe it all the same: -e force_unverified="reason".'
_MOST = 600


def record(run: str, incident: str, reason: str = "") -> dict[str, Any]:
    """The action of that run, or the latest action of that incident that is still in effect, with the wanted and expected states of each host.
    `reason` is the reason to use an unverified record."""
    if not run and not incident:
        raise AnsibleError(f"Name what to undo: -e run=… as the run told it at its end, or -e incident=… for its latest action. {_NOTHING}")
    try:
        with _journal_of(reason) as journal:
            where = _incident(journal, run, incident)
            info, entries, doubt = journal.info(where), journal.entries(where), _doubt(journal, where)
    except _owned.NotOurs as error:
        raise AnsibleError(f"The record can't be trusted: {error}. {_NOTHING} {_FORCE}") from error
    except (OSError, JournalError, ValueError) as error:
        raise AnsibleError(f"The journal can't be read: {error}. {_NOTHING}") from error
    known = [each for each in actions(entries) if not _run.is_own(each.run)]  # its own plan is already recorded when it asks again
    found = _record(run, str(info["name"]), known)
    if doubt and not reason:
        raise AnsibleError(f"{doubt}, so it says nothing to go by. {_NOTHING} {_FORCE} That would take from it: {_taken(found)}")
    if doubt:
        Terminal().warning(f"incident.response: {doubt}. It is believed all the same ({redact(reason)}): {_taken(found)}")
    return found | {"drill": bool(info["drill"]), "unverified": reason if doubt else ""}


def _journal_of(reason: str) -> SqliteJournal:
    """The journal. With a `reason`, also a journal that somebody else may have written. Raises OSError, JournalError, ValueError."""
    options = _options.settings()
    try:
        return _journal.opened(options, state_dir(options["state_dir"]))
    except _owned.NotOurs:
        if not reason:
            raise
        return unverified_journal(state_path(options["state_dir"]), url=options["journal"])


def _incident(journal: SqliteJournal, run: str, incident: str) -> str:
    where = journal.incident_of(run) if run else journal.find(incident)
    if where is None:
        hint = "incident.response.incident_list names the incidents, and incident_show -e incident=… its runs with their undo commands."
        raise AnsibleError(f"{f'run={run}' if run else f'incident={incident}'} isn't known in this journal. {_NOTHING} {hint}")
    return where


def _doubt(journal: SqliteJournal, incident: str) -> str:
    """The reason why the record can't be verified; empty if it is verified."""
    report = journal.verify(incident)
    return "" if report.verified else f"The record of {journal.info(incident)['name'] or incident} was tampered with: {report.reason}"


def _taken(found: Mapping[str, Any]) -> str:
    """A description of the data that an undo uses."""
    states = "; ".join(f"{host} to {json.dumps(each['wanted'], ensure_ascii=False)}" for host, each in found["hosts"].items())
    return f"{found['name']} of {found['service']}, run {found['run']}: back {redact(cut(states, _MOST))}"


def _record(run: str, incident: str, known: list[Action]) -> dict[str, Any]:
    """The action, and the states to restore on its hosts. Raises AnsibleError if nothing is left to undo."""
    found, hosts = _of_run(run, known) if run else _latest(incident, known)
    _refuse_several(found, known)
    changes = {host: found.hosts[host] for host in hosts}
    return {
        "run": found.run, "name": found.name, "service": found.service, "role": found.role, "backend": found.backend,
        "hosts": {
            host: {"wanted": dict(change.before), "expected": [dict(state) for state in change.may_be()]} for host, change in changes.items()
        },
    }  # fmt: skip


def _of_run(run: str, known: list[Action]) -> tuple[Action, list[str]]:
    """The action, and its hosts that were not restored yet."""
    found = next((each for each in reversed(known) if each.run == run), None)
    if found is None:
        raise AnsibleError(f"run={run} changed nothing that can be undone. {_NOTHING}{_can_be(known)}")
    hosts, gone = undoable(known, found), undone(known, found)
    if gone and not hosts:
        raise AnsibleError(f"{_undone_by(found, gone)} already: there is nothing to do. {_NOTHING}{_can_be(known)}")
    if not hosts:
        raise AnsibleError(f"The {found.name} {run} left everything as it was: there is nothing to undo. {_NOTHING}{_can_be(known)}")
    return found, hosts


def _latest(incident: str, known: list[Action]) -> tuple[Action, list[str]]:
    """The latest action that is still in effect on at least one host, and these hosts."""
    stands = standing(known)
    found = next((each for each in reversed(known) if any(each in stack for stack in stands.values())), None)
    if found is None:
        why = next((_undone_by(each, gone) for each in reversed(known) if (gone := undone(known, each))), "")
        raise AnsibleError(f"Nothing of {incident} is left to undo{f': {why[0].lower()}{why[1:]}' if why else ''}. {_NOTHING}{_can_be(known)}")
    return found, [host for host, stack in stands.items() if found in stack]


def _undone_by(action: Action, gone: dict[str, Action]) -> str:
    return f"The {action.name} {action.run} was undone by {' and '.join(dict.fromkeys(each.run for each in gone.values()))}"


def _can_be(known: list[Action]) -> str:
    """The incident's runs that can be undone, for the end of a refusal."""
    if not known:
        return " An action that keeps no state, such as a restart, can't be undone."
    can = [f"{each.run} ({each.name})" for each in known if undoable(known, each)]
    return f" It can be done for: {', '.join(can[-5:])}." if can else ""


def _refuse_several(found: Action, known: list[Action]) -> None:
    same = [each for each in known if each.run == found.run]
    if len(same) > 1:
        did = ", ".join(f"{each.name} of {each.service}" for each in same)
        raise AnsibleError(f"The run {found.run} did several things ({did}), so it can't be undone as one: go to exact versions. {_NOTHING}")
