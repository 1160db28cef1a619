# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_escalate
short_description: Call the next level for an incident
version_added: 0.1.0
description:
  - Puts the call on the timeline, invites those whom C(escalation.levels) of the configuration names for the level, and names them in chat.
  - Without O(level) it is the next one for which somebody is named. Where nobody is, or nothing reaches anybody (no chat, and nothing that pages), it
    is on the timeline, and the task fails with whom to call by telephone, unless O(require_delivery) is V(false).
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.told]
options:
  incident:
    description: The name of the incident. Defaults to E(INCIDENT_ID).
    type: str
    default: ""
  service:
    description: The service whose incident is meant, where no incident is named.
    type: str
    default: ""
  reason:
    description: Why. Those who are called read this first.
    type: str
    required: true
  level:
    description: The number of the level. The one after the last that was called, where it isn't given.
    type: int
attributes:
  check_mode: {support: full, description: Says who would be called.}
  diff_mode: {support: none, description: Shows nothing.}
  idempotent: {support: none, description: Each time somebody is called. A O(level) that was called already is called again.}
"""
EXAMPLES = r"""
- name: Call for help
  incident.response.incident_escalate:
    service: api
    reason: The connection pool is exhausted again, and I don't know why
"""
RETURN = r"""
incident: {description: The name of the incident., type: str, returned: success}
level: {description: "The name of the level that was called; empty where it was called before.", type: str, returned: success}
notify: {description: Whom it names., type: list, elements: str, returned: success}
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
told:
  description: What became of telling it in chat, as M(incident.response.rocketchat_incident) returns it; null where nothing was told.
  type: dict
  returned: success
"""
