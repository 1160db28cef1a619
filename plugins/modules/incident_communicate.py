# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_communicate
short_description: Send an update to the team, to customers, or to executives
version_added: 0.2.0
description:
  - Writes a text from a template, shows it, and publishes it when it is approved.
  - What is published for V(customers) goes to the status page, to the channel C(channels.customer_success), and by mail to
    C(communication.recipients.customers); for V(internal) and V(executives) to the incident's channel and by mail.
  - What went out, when and to whom is on the incident's timeline.
  - Nothing of a drill goes out, and nothing of an incident under embargo, as one with the concern C(security) is.
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.told]
options:
  state:
    description:
      - V(drafted) puts the text on the timeline, under a name that it can be approved by.
      - V(published) also lets it go out. With O(draft) it is that draft that goes out.
    type: str
    choices: [drafted, published]
    default: drafted
  incident:
    description: Name or id of the incident. Defaults to E(INCIDENT_ID), else it is the one of O(service).
    type: str
  service:
    description: The service that the incident is of.
    type: str
  audience:
    description: Who is told.
    type: str
    choices: [internal, customers, executives]
    default: customers
  occasion:
    description: Which template it is. V(first_notice) where the audience has not been told of it, V(resolved) when it is resolved, else V(update).
    type: str
    choices: [first_notice, update, delay, resolved]
  text:
    description:
      - What is known, which the template puts into its text.
      - A task may also call it C(message).
    type: str
    default: ""
  page_state:
    description: The state on the status page, for V(customers). The one that fits the incident's stage where it isn't given.
    type: str
    choices: [investigating, identified, monitoring, resolved]
  draft:
    description: The name of a draft, which is published as it is.
    type: str
attributes:
  check_mode: {support: full, description: "Shows the text, and neither records nor publishes it."}
  diff_mode: {support: full, description: Shows the text.}
  idempotent: {support: partial, description: A draft is published once. A text that waits already is not drafted again.}
"""
EXAMPLES = r"""
- name: Draft the first notice for customers
  incident.response.incident_communicate:
    service: api
    message: Some requests fail.
  register: drafted

- name: Publish it
  incident.response.incident_communicate:
    service: api
    state: published
    draft: "{{ drafted.draft }}"

- name: Tell the executives at once
  incident.response.incident_communicate:
    service: api
    audience: executives
    state: published
"""
RETURN = r"""
incident: {description: The name of the incident., type: str, returned: success}
draft: {description: "The name of the draft; in check mode, the one that it would have.", type: str, returned: success}
audience: {description: Who is told., type: str, returned: success}
occasion: {description: Which template it is., type: str, returned: success}
subject: {description: The subject of the mail., type: str, returned: success}
text: {description: The text., type: str, returned: success}
published: {description: Whether it went out., type: bool, returned: success}
sent: {description: "What came of it, in words, by mail and on the page.", type: list, elements: str, returned: success}
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
told:
  description: What became of telling it in chat, as M(incident.response.rocketchat_incident) returns it; null where nothing was told.
  type: dict
  returned: success
"""
