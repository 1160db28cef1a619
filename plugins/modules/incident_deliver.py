# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_deliver
short_description: Bring pending entries into the journal and into chat
version_added: 0.1.0
description:
  - Carries on what runs left behind whose controller or chat died. Fails where anything is still pending in the end, and names each
    reason. What chat refused before is tried again.
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
options:
  timeout:
    description: Seconds to wait until all is delivered. Defaults to E(INCIDENT_DRAIN_TIMEOUT), else to 60.
    type: float
attributes:
  check_mode: {support: full, description: Says what is pending and delivers nothing.}
  diff_mode: {support: none, description: Shows nothing.}
  idempotent: {support: full, description: Changes nothing where nothing is pending.}
"""
EXAMPLES = r"""
- name: Deliver all pending entries
  incident.response.incident_deliver:
"""
RETURN = r"""
pending:
  description: The number of entries that are not in chat, those that it refused among them, by the incident's name.
  type: dict
  returned: always
  sample: {"incident-2025-11-10-001": 3}
runs:
  description: The runs whose entries are not in the journal.
  type: list
  elements: str
  returned: always
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
troubles:
  description: What chat would not do, by the incident's name.
  type: dict
  returned: always
  sample: {"incident-2025-11-10-001": ["@oncall is not called: the team oncall shows no members"]}
"""
