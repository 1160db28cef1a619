# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base of the action plugins whose modules run on the host: what is asked for in an emergency shall not wait for trips."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase


def in_one_trip(connection: ConnectionBase) -> None:
    """Hand modules to the host's Python at once, instead of by temporary files, which takes four trips more.

    Not where they become another user: there sudo may insist on a terminal, which is why Ansible itself doesn't do it by default.
    """
    if connection.become is None and connection.has_pipelining:
        connection.set_option("pipelining", True)


class RemoteAction(ActionBase):
    """Runs the module of the same name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        in_one_trip(self._connection)
        result |= self._execute_module(task_vars=task_vars)
        return result
