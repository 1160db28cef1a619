# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_show
short_description: Show one incident as people read it
version_added: 0.2.0
description:
  - Prints the assigned people, the clocks with their targets, the timeline, the runs with the commands that undo them, and the links.
  - Leaves out steps that are only useful for debugging, unless O(detail) is true.
  - Only reads the journal. M(incident.response.incident_info) returns incidents for programs.
  - In a play, the action plugin of the same name does the work on the controller. Without the plugin, the module prints nothing and has no targets.
author: Contributors to incident.response (@incident-response)
options:
  incident:
    description: The name or id of the incident. Default is E(INCIDENT_ID), then the incident of O(service), then the only open incident.
    type: str
  service:
    description: Show the open incident of this service. If none is open, show the newest one.
    type: str
  detail:
    description: Show the whole timeline, with argument checks and skipped tasks.
    type: bool
    default: false
  follow:
    description: Keep running, and print new entries, until the run is interrupted or O(duration) is over. All output then goes to standard error.
    type: bool
    default: false
  duration:
    description: With O(follow), end after this number of seconds; 0 to run until the run is interrupted.
    type: float
    default: 0
  state_dir:
    description: Folder of the journal. Defaults to E(INCIDENT_STATE_DIR), then to C($XDG_STATE_HOME/incident-response).
    type: path
attributes:
  check_mode: {support: full, description: Only reads.}
  diff_mode: {support: none, description: Only reads.}
  idempotent: {support: full, description: Only reads.}
"""
EXAMPLES = r"""
- name: Show the incident that is open
  incident.response.incident_show:

- name: Show one incident with all its entries
  incident.response.incident_show:
    incident: incident-2025-11-10-001
    detail: true
"""
RETURN = r"""
lines:
  description: The printed lines.
  type: list
  elements: str
  returned: success
incident:
  description: The incident, with the keys of RV(incident.response.incident_info#module:incidents).
  type: dict
  returned: success
clocks:
  description: The clocks with their targets. Empty if the incident was never opened.
  type: list
  elements: dict
  returned: success
  contains:
    stage: {description: "C(acknowledged), C(mitigated) or C(resolved).", type: str, returned: success}
    after: {description: "The seconds from the opening to that stage; null until that stage is reached.", type: float, returned: success}
    within: {description: "The target in seconds, from C(severities) of the configuration; null for none.", type: float, returned: success}
    overdue: {description: Whether the stage is or was later than the target., type: bool, returned: success}
    text: {description: The clock in words., type: str, returned: success}
overdue:
  description: The late clocks, in words.
  type: list
  elements: str
  returned: success
runs:
  description: The runs, in order.
  type: list
  elements: dict
  returned: success
  contains:
    run: {description: The name of the run., type: str, returned: success}
    text: {description: "The actions of the run, and its verdict.", type: str, returned: success}
    undo: {description: The command that undoes it; empty if nothing is left to undo., type: str, returned: success}
timeline:
  description: The lines of the timeline. With O(follow), also the later lines.
  type: list
  elements: str
  returned: success
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
"""

import time
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError

from ..module_utils import _gate
from ..module_utils._core import showing
from ..module_utils._journal.location import open_journal
from ..module_utils._state import state_dir
from ..module_utils._usecases.query import NotFound, located, shown

SPEC: dict[str, dict[str, Any]] = {
    "incident": {"type": "str"},
    "service": {"type": "str"},
    "detail": {"type": "bool", "default": False},
    "follow": {"type": "bool", "default": False},
    "duration": {"type": "float", "default": 0},
    "state_dir": {"type": "path"},
}
TROUBLE = (OSError, JournalError, ValueError, NotFound)


def result(there: showing.Shown, *, detail: bool) -> dict[str, Any]:
    """The result of the task, after the gate."""
    found = {
        "changed": False, "lines": showing.lines(there, detail=detail), "incident": {**there.state, "links": dict(there.links)},
        "clocks": [asdict(each) for each in showing.clocks(there)], "overdue": showing.overdue(there),
        "runs": [asdict(each) for each in showing.runs(there)], "timeline": showing.timeline(there.entries, detail=detail),
    }  # fmt: skip
    return _gate.clean_data(found)


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    try:
        with open_journal(state_dir(given["state_dir"] or "")) as journal:
            incident = located(journal, given["incident"] or "", given["service"] or "")
            module.exit_json(**result(shown(journal, incident, now=time.time()), detail=given["detail"]))
    except TROUBLE as error:
        module.fail_json(msg=f"the incident can't be shown: {error}")


if __name__ == "__main__":
    main()
