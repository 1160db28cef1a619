# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_escalate
short_description: Call the next level for an incident
version_added: 0.1.0
description:
  - Records the call on the timeline, and invites and mentions in chat the people of the level in C(escalation.levels) of the configuration.
  - Without O(level) it calls the next level that names somebody. If no level does, or nobody can be reached (no chat and no notifier), the call is
    recorded and the task fails with the people to call by telephone, unless O(require_delivery) is V(false).
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.told]
options:
  incident:
    description: The name of the incident. Defaults to E(INCIDENT_ID).
    type: str
    default: ""
  service:
    description: The service of the incident, if O(incident) is empty.
    type: str
    default: ""
  reason:
    description: The reason. The called people read it first.
    type: str
    required: true
  level:
    description: The number of the level. Default is the level after the last called one.
    type: int
attributes:
  check_mode: {support: full, description: Shows who would be called.}
  diff_mode: {support: none, description: Shows nothing.}
  idempotent: {support: none, description: Each run calls somebody. A O(level) that was already called is called again.}
"""
EXAMPLES = r"""
- name: Call for help
  incident.response.incident_escalate:
    service: api
    reason: The connection pool is exhausted again, and I don't know why
"""
RETURN = r"""
incident: {description: The name of the incident., type: str, returned: success}
level: {description: "The name of the called level.", type: str, returned: success}
notify: {description: The mentioned people., type: list, elements: str, returned: success}
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
told:
  description: The result of the delivery to chat, as M(incident.response.rocketchat_incident) returns it; null if nothing was sent.
  type: dict
  returned: success
"""
