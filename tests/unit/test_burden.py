# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan says truly how much of a service is out: what is down already counts."""

from __future__ import annotations

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.burden import Burden, burden, risk

TWO = {"h1": None, "h2": None}
THREE = {"h1": None, "h2": None, "h3": None}
MUST_BEAR = "and the rest must bear it"


@pytest.mark.parametrize(
    ("shares", "changing", "unwell", "everywhere", "found", "words"),
    [
        (TWO, "h1 h2", "", 2, Burden(50, "h1"), f"medium: 50 % of the service is out meanwhile, {MUST_BEAR}"),
        (TWO, "h1 h2", "h2", 2, Burden(100, "h1", ("h2",)), "high: h2 is down already, so nobody is answered while h1 changes"),
        (TWO, "h1 h2", "h1", 2, Burden(50, "h1"), f"medium: 50 % of the service is out meanwhile, {MUST_BEAR}"),  # it is healthy before h2 is taken
        (TWO, "h1", "h2", 2, Burden(100, "h1", ("h2",)), "high: h2 is down already, so nobody is answered while h1 changes"),
        (TWO, "h1 h2", "h1 h2", 2, Burden(100, "h1", ("h2",)), "high: h2 is down already, so nobody is answered while h1 changes"),
        (TWO, "", "h2", 2, Burden(0), "low"),
        (THREE, "h1", "h2", 3, Burden(66, "h1", ("h2",)), f"medium: 66 % of the service is out meanwhile (h2 is down already), {MUST_BEAR}"),
        (THREE, "h1", "h2 h3", 3, Burden(100, "h1", ("h2", "h3")), "high: h2, h3 are down already, so nobody is answered while h1 changes"),
        ({"h1": None}, "h1", "", 2, Burden(50, "h1", unseen=1), f"medium: 50 % of the service is out meanwhile, {MUST_BEAR}"),
        ({"h1": None}, "h1", "", 0, Burden(100, "h1"), "high: nobody is answered meanwhile"),
        ({"h1": 0}, "h1", "", 1, Burden(0), "low"),  # a cluster that surges
        ({"h1": 25}, "h1", "", 1, Burden(25, "h1"), "low"),
    ],
)  # fmt: skip
def test_what_is_down_already_counts(
    shares: dict[str, int | None], changing: str, unwell: str, everywhere: int, found: Burden, words: str
) -> None:  # fmt: skip
    assert burden(shares, changing=changing.split(), unwell=unwell.split(), everywhere=everywhere) == found
    assert risk(found, stateful=False) == words
