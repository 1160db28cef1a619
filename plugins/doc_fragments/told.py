# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option of the modules that call people."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  require_delivery:
    description:
      - Whether the task fails if its message is not delivered to chat within 5 seconds, or within E(INCIDENT_DRAIN_TIMEOUT) if that is longer. The
        message is recorded in any case, and delivered later.
      - The default is V(true) if somebody is called for a P0 or P1, or by an escalation, and V(false) otherwise.
      - If no chat is configured, the task warns that nobody was told, and does not fail. An escalation does fail.
    type: bool
"""
