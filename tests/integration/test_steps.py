# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a step prints, and what it refuses before anything is recorded or told."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from sites import Site


def step(site: Site, name: str, **variables: Any) -> tuple[int, str]:
    return site.run("-e", json.dumps(variables), playbook=f"playbooks/{name}.yml")


def test_the_command_that_publishes_a_draft_can_be_pasted(site: Site) -> None:
    assert step(site, "incident_open", service="api", title="slow", severity="P2")[0] == 0
    code, output = step(site, "incident_communicate", service="api", message="It is slow")
    assert code == 0, output
    (command,) = re.findall(r"ansible-playbook (incident\.response\.incident_communicate [^\"\n]*)", output)
    playbook, *arguments = shlex.split(command)
    code, output = site.run(*arguments, playbook=playbook)
    assert code == 0, output
    assert "Nothing went out" not in output
