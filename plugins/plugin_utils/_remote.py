# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base class of action plugins whose modules run on the host. It saves connections, because an emergency must not wait for them."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase


def in_one_trip(connection: ConnectionBase) -> None:
    """Pipe modules into the host's Python instead of using temporary files, which needs four more connections. Not for tasks that become another
    user, because sudo may require a terminal; therefore Ansible does not pipeline by default."""
    if connection.become is None and connection.has_pipelining:
        connection.set_option("pipelining", True)


class RemoteAction(ActionBase):
    """Runs the module of the same name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        in_one_trip(self._connection)
        result |= self._execute_module(task_vars=task_vars)
        return result
