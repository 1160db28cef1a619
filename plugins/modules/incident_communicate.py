# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_communicate
short_description: Send an update to the team, to customers, or to executives
version_added: 0.2.0
description:
  - Writes a text from a template, shows it, and publishes it when it is approved.
  - A text for V(customers) is published on the status page, in the channel C(channels.customer_success), and by mail to
    C(communication.recipients.customers). A text for V(internal) or V(executives) is published in the incident's channel and by mail.
  - The incident's timeline shows which text was published, when, and to whom.
  - A drill publishes nothing, and neither does an incident under embargo, such as an incident with the concern C(security).
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.told]
options:
  state:
    description:
      - V(drafted) records the text on the timeline as a draft, with a name for its approval.
      - V(published) also publishes it. With O(draft), that draft is published.
    type: str
    choices: [drafted, published]
    default: drafted
  incident:
    description: Name or id of the incident. Defaults to E(INCIDENT_ID), then to the incident of O(service).
    type: str
  service:
    description: The service of the incident.
    type: str
  audience:
    description: The readers of the text.
    type: str
    choices: [internal, customers, executives]
    default: customers
  occasion:
    description: The template. Default is V(first_notice) if the audience was not told yet, V(resolved) if the incident is resolved, otherwise
      V(update).
    type: str
    choices: [first_notice, update, delay, resolved]
  text:
    description:
      - The known facts. The template inserts them into its text.
      - A task may also call it C(message).
    type: str
    default: ""
  page_state:
    description: The state on the status page, for V(customers). By default it follows the incident's stage.
    type: str
    choices: [investigating, identified, monitoring, resolved]
  draft:
    description: The name of a draft to publish unchanged.
    type: str
attributes:
  check_mode: {support: full, description: "Shows the text, and neither records nor publishes it."}
  diff_mode: {support: full, description: Shows the text.}
  idempotent: {support: partial, description: A draft is published once. A pending text is not drafted again.}
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
draft: {description: "The name of the draft; in check mode, the name that it would get.", type: str, returned: success}
audience: {description: The readers of the text., type: str, returned: success}
occasion: {description: The template., type: str, returned: success}
subject: {description: The subject of the mail., type: str, returned: success}
text: {description: The text., type: str, returned: success}
published: {description: Whether it was published., type: bool, returned: success}
sent: {description: "The result of the mail and of the page, in words.", type: list, elements: str, returned: success}
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
told:
  description: The result of the delivery to chat, as M(incident.response.rocketchat_incident) returns it; null if nothing was sent.
  type: dict
  returned: success
"""
