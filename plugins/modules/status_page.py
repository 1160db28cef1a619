# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: status_page
short_description: Say on the status page what those outside should know
version_added: 0.2.0
description:
  - Tells of an incident, or of maintenance, and sets the states of components. What is published is on the incident's timeline.
  - The configuration says which page it is (C(status_page)). By default a static page is written into the state folder.
  - Nothing of a drill goes out, and nothing of an incident under embargo, as one with the concern C(security) is.
  - Whoever runs the task approves its text. Texts that are drafted by themselves are published by M(incident.response.incident_communicate).
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
options:
  state:
    description:
      - What is said of the incident, or of the maintenance. Without it only O(components) are set.
      - V(resolved) and V(completed) also make operational what was affected, unless O(components) says otherwise.
    type: str
    choices: [investigating, identified, monitoring, resolved, scheduled, in_progress, verifying, completed]
  incident:
    description:
      - Name or id of the incident. Defaults to E(INCIDENT_ID), else it is the one of O(service).
      - For maintenance any name, by which the next task finds it.
    type: str
  service:
    description: The service that the incident is of.
    type: str
  title:
    description: What the public reads first. The first time it is made of the components where it isn't given.
    type: str
  impact:
    description: How bad it is for those outside. The first time it follows from the severity where it isn't given.
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
      - What is said, as plain text. Needed with a O(state).
      - A task may also call it C(message).
    type: str
  notify:
    description: Whether a provider writes to those who follow its page.
    type: bool
    default: true
  starts:
    description: When maintenance starts, as V(2026-12-01T22:00:00Z). A time without a zone is UTC.
    type: str
  ends:
    description: When maintenance ends.
    type: str
attributes:
  check_mode: {support: full, description: "Predicts what would be published, and publishes nothing."}
  diff_mode: {support: full, description: Shows what changes on the page.}
  idempotent: {support: full, description: What the page says already is not said again.}
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
  description: What the page says of it. In check mode, what it would say.
  type: dict
  returned: success
  contains:
    incident: {description: "The name of the incident or maintenance; C(components) where components are set alone.", type: str, returned: success}
    title: {description: What the public reads first., type: str, returned: success}
    state: {description: The state; empty where only components were set., type: str, returned: success}
    impact: {description: How bad it is., type: str, returned: success}
    message: {description: The text of the newest update., type: str, returned: success}
    components: {description: The state of each component that it has named., type: dict, returned: success}
    starts: {description: When it starts or began., type: str, returned: success}
    ends: {description: When maintenance ends; empty for an incident., type: str, returned: success}
    updates: {description: How many updates there are., type: int, returned: success}
page: {description: "Where the page is - the first file of a static one, else the name of the provider.", type: str, returned: success}
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
told:
  description: What became of telling it in chat, as M(incident.response.rocketchat_incident) returns it; null where nothing was told.
  type: dict
  returned: success
"""
