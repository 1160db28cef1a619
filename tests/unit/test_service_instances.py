# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long an instance is watched after its start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest
from ansible_collections.incident.response.plugins.module_utils import _command
from ansible_collections.incident.response.plugins.modules.service_instances import Instances


class Host:
    """A host whose systemd knows api@1.service as active, and says of its run what it is told to."""

    def __init__(self, *shown: str, steady_for: float = 0.1) -> None:
        self.params = {"template": "api@.service", "http": "", "first_port": 0, "retries": 3, "delay": 0.01, "steady_for": steady_for}
        self.params["timeout"] = 120
        self._shown, self.looks = list(shown), 0

    def told(self, command: Sequence[str], _within: float) -> tuple[int, str, str]:
        if command[1] != "show":
            return 0, "", ""
        self.looks += 1
        return 0, self._shown[min(self.looks, len(self._shown)) - 1], ""


def gets_healthy(host: Any) -> bool:
    with mock.patch.object(_command, "told", host.told):
        return Instances(host)._gets_healthy(1)


@pytest.mark.parametrize("shown", ["", "InvocationID=a\nActiveEnterTimestampMonotonic=0\n", "InvocationID=a\n"])
def test_a_systemd_that_does_not_say_since_when_makes_nobody_wait_for_ever(shown: str) -> None:
    host = Host(shown)
    assert gets_healthy(host)
    assert host.looks > 1, "it was watched for a while"


def test_what_is_another_run_at_each_look_never_gets_healthy() -> None:
    host = Host(*(f"InvocationID={number}\n" for number in range(9)))
    assert not gets_healthy(host)
    assert host.looks == 5, "one, and one for each try"
