# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.incident.response.plugins.plugin_utils._remote import RemoteAction


class ActionModule(RemoteAction):
    """Run the module in one connection if possible."""
