# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_deliver
short_description: Bring pending entries into the journal and into chat
version_added: 0.1.0
description:
  - Delivers the entries of runs whose controller or chat died. Fails if anything is still pending at the end, and names each reason. Messages that
    chat refused before are retried.
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  timeout:
    description: Seconds to wait until everything is delivered. Defaults to E(INCIDENT_DRAIN_TIMEOUT), then to 60.
    type: float
attributes:
  check_mode: {support: full, description: Shows the pending entries and delivers nothing.}
  diff_mode: {support: none, description: Shows nothing.}
  idempotent: {support: full, description: Changes nothing if nothing is pending.}
"""
EXAMPLES = r"""
- name: Deliver all pending entries
  incident.response.incident_deliver:
"""
RETURN = r"""
pending:
  description: The number of entries that are not in chat (also those that chat refused), by the incident's name.
  type: dict
  returned: always
  sample: {"incident-2025-11-10-001": 3}
runs:
  description: The runs whose entries are not in the journal.
  type: list
  elements: str
  returned: always
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
troubles:
  description: The operations that chat refused, by the incident's name.
  type: dict
  returned: always
  sample: {"incident-2025-11-10-001": ["@oncall is not called: the team oncall shows no members"]}
"""
