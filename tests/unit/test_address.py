# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One host counts once, however its address is spelled; two hosts stay two."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.incident.response.plugins.action.action_plan import _refuse_twice
from ansible_collections.incident.response.plugins.module_utils._core.address import spelled
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import Refused


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.1", " 10.0.0.1 "), ("10.0.0.1", "10.1"), ("10.0.0.1", "0x0a000001"), ("8.0.0.1", "010.0.0.1"), ("10.0.0.1", "167772161"),
        ("web1.example.com", "WEB1.Example.com."), ("::1", "0:0:0:0:0:0:0:1"), ("::1", "[::1]"), ("10.0.0.1", "::ffff:10.0.0.1"),
        ("fe80::1%eth0", "FE80:0::1%eth0"), ("bücher.example", "xn--bcher-kva.example"),
    ],
)  # fmt: skip
def test_two_spellings_are_one_address(one: str, other: str) -> None:
    assert spelled(one) == spelled(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("10.0.0.1", "10.0.0.2"), ("web1", "web2"), ("web1", "web1.example.com"), ("fe80::1%eth0", "fe80::1%eth1"), ("1.2.3.4.5", "1.2.3.4"), ("", "x")],
)
def test_two_addresses_stay_two(one: str, other: str) -> None:
    assert spelled(one) != spelled(other)


@pytest.mark.parametrize("odd", ["", ".", "[", "0x", "999.1.1.1", "\ud800", "a" * 300, "x..y", "1" * 400])
def test_what_is_no_address_is_no_error(odd: str) -> None:
    assert isinstance(spelled(odd), str)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ansible_host": "10.0.0.1"}, {"ansible_host": "10.0.0.01"}),
        ({"ansible_host": "10.0.0.1"}, {"ansible_ssh_host": "10.0.0.1"}),
        ({"ansible_host": "10.0.0.1", "ansible_port": 22}, {"ansible_host": "10.0.0.1", "ansible_port": "022"}),
    ],
)
def test_a_host_that_the_inventory_spells_in_two_ways_is_not_acted_on_twice(one: dict[str, Any], other: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="web-1 and web-2 are the same host"):
        _refuse_twice(["web-1", "web-2"], {"web-1": one, "web-2": other})


def test_other_ports_of_one_address_are_other_hosts() -> None:
    hosts = {f"web-{number}": {"ansible_host": "::1", "ansible_port": 2200 + number} for number in (1, 2)}
    _refuse_twice(list(hosts), hosts)
