# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: status_page
short_description: Say on the status page what those outside should know
version_added: 0.2.0
description:
  - Publishes an incident or maintenance, and sets the states of components. The incident's timeline shows each publication.
  - C(status_page) in the configuration selects the page. By default a static page is written into the state folder.
  - A drill publishes nothing, and neither does an incident under embargo, such as an incident with the concern C(security).
  - The text is published without another approval. M(incident.response.incident_communicate) publishes the drafts of the tick.
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  state:
    description:
      - The state of the incident or of the maintenance on the page. Without O(state), only O(components) are set.
      - V(resolved) and V(completed) also set the affected components to operational, unless O(components) sets them.
    type: str
    choices: [investigating, identified, monitoring, resolved, scheduled, in_progress, verifying, completed]
  incident:
    description:
      - Name or id of the incident. Defaults to E(INCIDENT_ID), then to the incident of O(service).
      - For maintenance, any name. Later tasks find the maintenance by this name.
    type: str
  service:
    description: The service of the incident.
    type: str
  title:
    description: The headline for the public. The default of the first update is made from the components.
    type: str
  impact:
    description: The impact for the public. The default of the first update follows from the severity.
    type: str
    choices: [none, minor, major, critical]
  components:
    description: >-
      The states of components, by their names. A state is one of V(operational), V(degraded_performance), V(partial_outage),
      V(major_outage), V(under_maintenance).
    type: dict
    default: {}
  text:
    description:
      - The text, as plain text. Required with O(state).
      - A task may also call it C(message).
    type: str
  notify:
    description: Whether the provider notifies the subscribers of its page.
    type: bool
    default: true
  starts:
    description: The start of the maintenance, such as V(2026-12-01T22:00:00Z). A time without a zone is UTC.
    type: str
  ends:
    description: The end of the maintenance.
    type: str
attributes:
  check_mode: {support: full, description: "Predicts the publication, and publishes nothing."}
  diff_mode: {support: full, description: Shows what changes on the page.}
  idempotent: {support: full, description: A text that the page already has is not published again.}
"""
EXAMPLES = r"""
- name: Say that we know of it
  incident.response.status_page:
    service: api
    state: identified
    impact: major
    components: {api: partial_outage}
    message: A database can't take all connections. We are adding capacity.

- name: Announce maintenance
  incident.response.status_page:
    incident: maintenance-2026-12-01-db
    state: scheduled
    title: New database hardware
    starts: "2026-12-01T22:00:00Z"
    ends: "2026-12-01T23:00:00Z"
    message: The API will be read-only for some minutes.

- name: Set a component by hand
  incident.response.status_page:
    components: {api: degraded_performance}
"""
RETURN = r"""
post:
  description: The post on the page. In check mode, the predicted post.
  type: dict
  returned: success
  contains:
    incident: {description: "The name of the incident or maintenance; C(components) if only components are set.", type: str, returned: success}
    title: {description: The headline., type: str, returned: success}
    state: {description: The state; empty if only components were set., type: str, returned: success}
    impact: {description: The impact., type: str, returned: success}
    message: {description: The text of the newest update., type: str, returned: success}
    components: {description: The state of each component in the post., type: dict, returned: success}
    starts: {description: When it starts or began., type: str, returned: success}
    ends: {description: When maintenance ends; empty for an incident., type: str, returned: success}
    updates: {description: The number of updates., type: int, returned: success}
page: {description: "The page - the first file of a static page, otherwise the name of the provider.", type: str, returned: success}
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
told:
  description: The result of the delivery to chat, as M(incident.response.rocketchat_incident) returns it; null if nothing was sent.
  type: dict
  returned: success
"""
