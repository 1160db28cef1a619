# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In which order hosts behind a load balancer are taken, who stays in it, and what is said of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ansible_collections.incident.response.plugins.module_utils._core.turns import Place, Situation, turns

HOSTS = MappingProxyType({"one": ["1:80"], "two": ["2:80"]})


def situation(
    *places: Place, hosts: Mapping[str, list[str]] = HOSTS, changing: Collection[str] | None = None, unwell: Collection[str] = (),
    half_way: Collection[str] = (),
) -> Situation:  # fmt: skip
    names = {address: host for host, addresses in {"one": ["1:80"], "two": ["2:80"], **hosts}.items() for address in addresses}
    return Situation(hosts, places, hosts if changing is None else changing, unwell, half_way, names)


def place(address: str, state: str = "serving", on: str = "lb", *, backup: bool = False, answers: bool = True) -> Place:
    return Place(on, "api", address, state, backup=backup, answers=answers)


def test_hosts_that_all_serve_keep_their_order() -> None:
    found = turns(situation(place("1:80"), place("2:80")))
    assert (found.order, found.restore, found.alone, found.stuck, found.notes) == (["one", "two"], [], {}, {}, [])


def test_what_an_earlier_run_left_out_comes_first_and_then_nobody_is_alone() -> None:
    found = turns(situation(place("1:80"), place("2:80", "drained"), half_way=["two"]))
    assert (found.order, found.alone, found.restore) == (["two", "one"], {}, [])
    assert found.notes == ["two is out of nginx on lb, where an earlier run left it: it comes first, and is put back once it is healthy"]


def test_what_is_half_way_or_not_healthy_comes_first_though_nginx_has_it() -> None:
    assert turns(situation(place("1:80"), place("2:80"), half_way=["two"])).order == ["two", "one"]
    assert turns(situation(place("1:80"), place("2:80"), unwell=["two"])).order == ["two", "one"]


def test_the_only_server_of_an_upstream_stays_in_and_it_is_said() -> None:
    found = turns(situation(place("1:80"), hosts={"one": ["1:80"]}))
    assert (list(found.alone), found.stuck) == (["one"], {})
    assert found.notes == ["one is the only server of upstream api on lb that serves: it stays in nginx, and nobody is answered while it changes"]


def test_what_a_person_has_set_down_does_not_serve_not_even_after_its_turn() -> None:
    found = turns(situation(place("1:80"), place("2:80", "down")))
    assert (list(found.alone), found.stuck) == (["one"], {})
    assert "two is down in nginx on lb by somebody's hand, and stays so" in found.notes
    assert "(two is down by somebody's hand)" in found.notes[-1]


def test_one_that_does_not_answer_does_not_serve() -> None:
    found = turns(situation(place("1:80"), place("2:80", answers=False), hosts={"one": ["1:80"]}))
    assert list(found.alone) == ["one"]
    assert "(two does not answer or is not healthy)" in found.notes[0]


def test_a_host_that_is_alone_waits_for_those_that_an_earlier_run_left_out_elsewhere() -> None:
    left = situation(place("1:80"), place("2:80", "drained"), hosts={"one": ["1:80"]})
    assert turns(left).stuck == {"one": ["2:80"]}
    assert turns(situation(*left.places, hosts={"one": ["1:80"]}, unwell=["one"])).stuck == {}


def test_balancers_that_disagree_get_back_what_is_healthy_first() -> None:
    places = [place("1:80", "drained", "lb1"), place("2:80", on="lb1"), place("1:80", on="lb2"), place("2:80", "drained", "lb2")]
    found = turns(situation(*places))
    assert (found.restore, found.alone) == (["one", "two"], {})
    assert found.notes[0] == "one is out of nginx on lb1, where an earlier run left it: it is put back before anything else"
    found = turns(situation(*places, half_way=["two"]))
    assert (found.order, found.restore, found.alone) == (["two", "one"], ["one"], {})


def test_a_host_that_is_not_touched_is_never_alone() -> None:
    assert turns(situation(place("1:80"), place("2:80", "drained"), changing=["two"])).alone == {}
    assert turns(situation(place("1:80"), hosts={"one": ["1:80"]}, changing=[])).notes == []


def test_a_backup_answers_meanwhile_and_it_is_said() -> None:
    found = turns(situation(place("1:80"), place("2:80", backup=True), hosts={"one": ["1:80"]}))
    assert (found.alone, found.notes) == ({}, ["only the backup two answers on lb while one is out"])


def test_instances_of_one_host_answer_for_each_other() -> None:
    assert turns(situation(place("1:81"), place("1:82"), hosts={"one": ["1:81", "1:82"]})).alone == {}
    assert list(turns(situation(place("1:81"), hosts={"one": ["1:81"]})).alone) == ["one"]


def test_an_upstream_of_its_own_counts_by_itself() -> None:
    found = turns(situation(place("1:80"), place("2:80"), Place("lb", "admin", "1:80", "serving")))
    assert (list(found.alone), found.alone["one"].upstream) == (["one"], "admin")
