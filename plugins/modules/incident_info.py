# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_info
short_description: Show incidents with their timelines
version_added: 0.1.0
description:
  - Reads the journal, and verifies that nobody has changed it.
  - In a play, the action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  incident:
    description: The name or id of one incident. Default is all incidents.
    type: str
  service:
    description: Only incidents of this service.
    type: str
  status:
    description: Only incidents in this stage.
    type: str
    choices: [open, acknowledged, investigating, mitigated, resolved, closed, reviewed]
  since:
    description: Only incidents opened since then, as V(2025-11-10), V(2025-11-10T10:00:00Z), or V(7d) for seven days ago.
    type: str
  print:
    version_added: 0.2.0
    description:
      - Also print one readable line for each incident. Open incidents and ended ones are separate, with overdue clocks and the people who are
        acting now.
      - Without the action plugin of the same name it prints nothing.
    type: bool
    default: false
  state_dir:
    description: Folder of the journal. Defaults to E(INCIDENT_STATE_DIR), then to C($XDG_STATE_HOME/incident-response).
    type: path
attributes:
  check_mode: {support: full, description: Only reads.}
  diff_mode: {support: none, description: Only reads.}
  idempotent: {support: full, description: Only reads.}
"""
EXAMPLES = r"""
- name: Show one incident
  incident.response.incident_info:
    incident: incident-2025-11-10-001

- name: Show what happened to api this week
  incident.response.incident_info:
    service: api
    since: 7d
"""
RETURN = r"""
incidents:
  description: The incidents, newest first. Times are UTC, ISO 8601.
  type: list
  elements: dict
  returned: success
  contains:
    id: {description: The identifier. It stays the same when the name changes., type: str, returned: success}
    name: {description: "C(incident-YYYY-MM-DD-NNN), or a provisional name until the incident has a number.", type: str, returned: success}
    names: {description: All names that the incident ever had., type: list, elements: str, returned: success}
    title: {description: What is wrong., type: str, returned: success}
    service: {description: The service., type: str, returned: success}
    severity: {description: P0 to P3., type: str, returned: success}
    status: {description: The stage., type: str, returned: success}
    roles: {description: "The assigned people: C(commander), C(communications), C(scribe).", type: dict, returned: success}
    concerns: {description: "The concerns: C(security), C(data_loss), C(trade_off).", type: list, elements: str, returned: success}
    embargo: {description: "Whether nothing about it may be published, for example because a breach is suspected.", type: bool, returned: success}
    healthy: {description: "Whether the service was healthy at the resolution, if it was checked.", type: bool, returned: success}
    drill: {description: Whether it is a drill., type: bool, returned: success}
    opened_at: {description: When it was opened., type: str, returned: success}
    acknowledged_at: {description: When a person acknowledged it., type: str, returned: success}
    mitigated_at: {description: When its effect was gone; empty again if that was wrong., type: str, returned: success}
    resolved_at: {description: When its cause was gone., type: str, returned: success}
    closed_at: {description: When it was closed., type: str, returned: success}
    channel: {description: Its chat channel., type: str, returned: success}
    url: {description: The address of its channel., type: str, returned: success}
    resolution: {description: "The known texts of C(root_cause), C(fix), C(monitoring), C(next).", type: dict, returned: success}
    links: {description: "The addresses from C(links) of the configuration, by their names.", type: dict, returned: success}
    runbook: {description: "The runbook of the service in the configuration; empty if there is none.", type: str, returned: success}
    pending: {description: "The number of entries that are not in chat yet, or that chat refused.", type: int, returned: success}
    entries:
      description: >-
        The timeline, each with C(seq), C(at), C(kind), C(actor), C(text), C(run), C(host), C(action), C(state), C(changed), C(duration_ms),
        and C(arrived_at), when the journal got it, which isn't sealed, and is null for what a version before this one wrote.
        C(host) is the one on which it was done, also where a task was delegated.
      type: list
      elements: dict
      returned: success
    runs:
      description: The runs, each with C(run), C(action), C(actor), C(started_at), C(ended_at), C(verdict), C(duration_ms).
      type: list
      elements: dict
      returned: success
    verified:
      description: Whether the record is unchanged. For a single incident that is in chat, also whether it has all entries that chat has seen.
      type: bool
      returned: success
    first_bad: {description: The C(seq) of the first wrong entry; null if all are right., type: int, returned: success}
    reason: {description: What is wrong with that entry., type: str, returned: success}
    head: {description: "Short hash of the newest entry's seal, as chat has it.", type: str, returned: success}
lines:
  description: The lines that O(print) prints.
  type: list
  elements: str
  returned: success
  version_added: 0.2.0
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
"""

import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import listing
from ..module_utils._core.status import Status
from ..module_utils._journal.location import open_journal
from ..module_utils._ports import Journal, JournalError
from ..module_utils._state import state_dir
from ..module_utils._usecases.query import NotFound, compact, instant, select

SPEC: dict[str, dict[str, Any]] = {
    "incident": {"type": "str"},
    "service": {"type": "str"},
    "status": {"type": "str", "choices": list(map(str, Status))},
    "since": {"type": "str"},
    "print": {"type": "bool", "default": False},
    "state_dir": {"type": "path"},
}
TROUBLE = (OSError, JournalError, ValueError, NotFound)


def shown(params: Mapping[str, Any], journal: Journal) -> dict[str, Any]:
    """The result of the task. Raises one of TROUBLE."""
    filters = {name: params[name] or "" for name in ("incident", "service", "status")}
    since = instant(params["since"], now=time.time()) if params["since"] else None
    incidents = select(journal, **filters, since=since)
    return {"changed": False, "incidents": [{**each, "links": {}, "runbook": ""} for each in incidents]}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        with open_journal(state_dir(module.params["state_dir"] or "")) as journal:
            found = shown(module.params, journal)
            lines = listing.lines([compact(journal, each, now=time.time()) for each in found["incidents"]])
            module.exit_json(**found, lines=lines)
    except TROUBLE as error:
        module.fail_json(msg=f"the incidents can't be shown: {error}")


if __name__ == "__main__":
    main()
