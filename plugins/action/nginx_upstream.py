# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.incident.response.plugins.plugin_utils._remote import RemoteAction


class ActionModule(RemoteAction):
    """Run the module in one connection if possible. A failure names nginx's host, because the task's own host, a server behind nginx, may be
    healthy."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        on, host = str(self._task.delegate_to or variables.get("inventory_hostname", "")), str(variables.get("inventory_hostname", ""))
        try:
            result = super().run(tmp, task_vars)
        except AnsibleConnectionFailure as error:
            result = {"unreachable": True, "msg": str(error)}
        lost = bool(result.get("unreachable"))
        if lost and on != host:
            result = {"failed": True, "msg": f"can't be reached: {result.get('msg', '')}", "lost": True}
        if result.get("failed"):
            result["msg"] = f"nginx on {on} {'' if lost else 'is left as it was: '}{result.get('msg', '')}"
        service = str(self._templar.template(variables.get("action_service", "")))
        return result | {"timeline": {"balancer": self._became(result, on), "service": service}}

    def _became(self, result: dict[str, Any], on: str) -> dict[str, dict[str, str]]:
        """The state of each server on this balancer, as far as this task knows it."""
        servers, state = self._task.args.get("servers") or [], str(self._task.args.get("state"))
        if self._task.check_mode or (result.get("failed") and not result.get("lost")):
            return {}
        alone = result.get("alone") or []
        now = {server: state if server not in alone else "serving" for server in servers}
        return {on: {server: "unknown" for server in servers} if result.get("lost") and state == "drained" else {} if result.get("lost") else now}
