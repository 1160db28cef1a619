# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_info
short_description: Show incidents with their timelines
version_added: 0.1.0
description: Reads the journal of the machine it runs on, and verifies that it is what was written.
author: contributors to incident.response
options:
  incident:
    description: The name or id of one incident. All where it isn't given.
    type: str
  state_dir:
    description: Folder of the journal. Defaults to E(INCIDENT_STATE_DIR), else C($XDG_STATE_HOME/incident-response).
    type: str
attributes:
  check_mode: {support: full, description: Only reads.}
  diff_mode: {support: none, description: Only reads.}
"""
EXAMPLES = r"""
- name: Show one incident
  incident.response.incident_info:
    incident: incident-2025-11-10-001
"""
RETURN = r"""
incidents:
  description: The incidents, newest first, each with its C(entries), and C(verified), C(first_bad), C(reason) of the record.
  type: list
  elements: dict
  returned: success
"""

import sqlite3

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._journal.sqlite import SqliteJournal
from ..module_utils._state import key, state_dir


def main() -> None:
    module = AnsibleModule(argument_spec={"incident": {"type": "str"}, "state_dir": {"type": "str"}}, supports_check_mode=True)
    try:
        folder = state_dir(module.params["state_dir"] or "")
        journal = SqliteJournal(folder / "journal.db", key(folder))
        asked = module.params["incident"]
        found = journal.find(asked) if asked else None
        if asked and found is None:
            module.fail_json(msg=f"no incident is called {asked} in {folder / 'journal.db'}; without `incident`, all are shown")
        module.exit_json(changed=False, incidents=[journal.info(each) for each in ([found] if found else journal.ids())])
    except (OSError, sqlite3.Error) as error:
        module.fail_json(msg=f"the journal can't be read: {error}")


if __name__ == "__main__":
    main()
