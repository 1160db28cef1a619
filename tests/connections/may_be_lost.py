# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A connection to this machine that is lost, as ssh's is, once a file with the host's name is in the folder that LOST_HOSTS names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: may_be_lost
short_description: Run here, unless the host is lost
description: For tests.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [connection_pipelining]
options:
  host:
    description: The host's name.
    type: str
    vars: [{name: ansible_host}, {name: inventory_hostname}]
"""


class Connection(Local):  # type: ignore[misc]
    transport = "may_be_lost"

    def exec_command(self, *arguments: Any, **more: Any) -> Any:
        host = self._play_context.remote_addr
        if (Path(os.environ["LOST_HOSTS"]) / host).exists():
            raise AnsibleConnectionFailure(f"{host}: No route to host")
        return super().exec_command(*arguments, **more)
