# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: controller_host
short_description: The controller itself, as the host of a play
version_added: 0.2.0
description:
  - C(localhost), for a play that acts on no managed host.
  - Ansible skips such a play, and succeeds, if C(--limit) names other hosts. This lookup makes it an error.
author: Contributors to incident.response (@incident-response)
options:
  _terms:
    description: None are taken.
  playbook:
    description: >-
      One of the collection's own playbooks, as C(incident_open). The variables that it knows, as C(docs/playbooks.md) lists them, are then
      checked; a refusal is printed as it is, and ends the run with 5, before any play begins.
    type: str
    default: ""
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

import signal
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.incident.response.plugins.plugin_utils import _arguments, _catalogue, _options, _refusal
from ansible_collections.incident.response.plugins.plugin_utils._terminal import careful

_READS = {"incident_show", "incident_list"}
"""Playbooks that only print."""


class LookupModule(LookupBase):
    """Checks the typed variables, and returns the controller."""

    @careful
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        variables, playbook = variables if variables is not None else {}, str(self.get_option("playbook"))
        if playbook in _READS:  # `| head` ends it, as it ends whatever else only prints; ansible-core would wait for ever
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        _options.say(_options.settings())
        try:
            if playbook:
                _arguments.given(playbook, variables, self)
            _catalogue.refuse_limit(variables, [_catalogue.CONTROLLER])
        except AnsibleError as error:
            if playbook:
                _refusal.end(error)
            raise
        return [_catalogue.CONTROLLER]
