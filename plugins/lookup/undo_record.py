# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: undo_record
short_description: What it takes to undo an emergency action
version_added: 0.2.0
description:
  - Reads from the journal the planned change of a run, and the state that the run left, on each host.
  - It is an error if the action is unknown, if it changed nothing that can be restored, or if it was already undone.
  - The result does not contain hosts that were already restored.
author: Contributors to incident.response (@incident-response)
options:
  _terms:
    description: The name of the run, as its last lines told it. Empty for the latest action of the O(incident).
    required: true
  incident:
    description: The name of the incident. Its latest action that is still in effect is used.
    type: str
    default: ""
  force_unverified:
    description: The reason to use a record that was tampered with, or that can't be verified. Without a reason, such a record is an error.
    type: str
    default: ""
"""
EXAMPLES = r"""
- name: Show what an undo would bring back
  ansible.builtin.debug:
    msg: "{{ lookup('incident.response.undo_record', '20251110T100500-1a2b3c4d') }}"
"""
RETURN = r"""
_raw:
  description:
    - A mapping with C(run), C(name), C(service), C(role), C(backend), C(drill), C(unverified) (the reason to use an unverified record), and
      C(hosts). C(hosts) has for each host the state to restore as C(wanted), and the states that the run may have left as C(expected).
  type: list
  elements: dict
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.incident.response.plugins.plugin_utils import _undo
from ansible_collections.incident.response.plugins.plugin_utils._terminal import careful


class LookupModule(LookupBase):
    """The journal, read on the controller."""

    @careful
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        incident, reason = (str(self.get_option(name)).strip() for name in ("incident", "force_unverified"))
        return [_undo.record(str(terms[0]).strip(), incident, reason)]
