# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: controller_host
short_description: The controller itself, as the host of a play
version_added: 0.2.0
description:
  - C(localhost), for a play that acts on no managed host.
  - Ansible skips such a play, and ends well, where C(--limit) names other hosts. With this it is an error instead.
author: Contributors to incident.response (@incident-response)
options:
  _terms:
    description: None are taken.
"""
EXAMPLES = r"""
- name: Open an incident
  hosts: "{{ lookup('incident.response.controller_host') }}"
  connection: local
  gather_facts: false
  tasks:
    - name: Open it
      incident.response.rocketchat_incident: {state: open, title: It is slow}
"""
RETURN = r"""
_raw:
  description: C(localhost).
  type: list
  elements: str
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _options


class LookupModule(LookupBase):
    """Looks at the limit of the run."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        _options.say()
        _catalogue.refuse_limit(variables or {}, [_catalogue.CONTROLLER])
        return [_catalogue.CONTROLLER]
