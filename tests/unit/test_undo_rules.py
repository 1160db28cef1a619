# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a timeline still stands, and what was undone already."""

from __future__ import annotations

from ansible_collections.incident.response.plugins.module_utils._core.undo import Action, Change, standing, undoable, undone


def action(run: str, **hosts: Change) -> Action:
    return Action(run, "rollback", "api", "r", "release", "2025-11-10T10:00:00Z", "alice", hosts=hosts)


def moved(before: int, after: int | None, *, wanted: int = 0, out: bool = False) -> Change:
    """A change that left `after`; None where nobody knows."""
    return Change({"v": before}, {"v": wanted or after or 0}, touched=True, after=None if after is None else {"v": after}, out=out)


def untouched(before: int, wanted: int) -> Change:
    return Change({"v": before}, {"v": wanted})


def runs(known: list[Action]) -> dict[str, list[str]]:
    return {host: [each.run for each in stack] for host, stack in standing(known).items() if stack}


def test_what_was_brought_back_stands_no_longer_and_neither_does_what_brought_it_back() -> None:
    back, undo = action("a", h1=moved(3, 2), h2=moved(3, 2)), action("b", h1=moved(2, 3), h2=moved(2, 3))
    assert runs([back]) == {"h1": ["a"], "h2": ["a"]}
    assert runs([back, undo]) == {}
    assert undone([back, undo], back) == {"h1": undo, "h2": undo}
    assert undoable([back, undo], undo) == ["h1", "h2"]
    again = action("c", h1=moved(3, 2), h2=moved(3, 2))
    assert runs([back, undo, again]) == {"h1": ["c"], "h2": ["c"]}
    assert undone([back, undo, again], undo) == {"h1": again, "h2": again}
    assert undoable([back, undo, again], back) == ["h1", "h2"]


def test_what_touched_or_changed_nothing_counts_for_nothing() -> None:
    back, refused = action("a", h1=moved(3, 2)), action("b", h1=untouched(2, 3))
    assert runs([back, refused]) == {"h1": ["a"]}
    assert undoable([back, refused], back) == ["h1"]
    assert undoable([back, refused], refused) == []
    assert runs([action("a", h1=moved(3, 3, wanted=2))]) == {}


def test_a_host_that_did_not_come_back_still_stands_alone() -> None:
    back, half = action("a", h1=moved(3, 2), h2=moved(3, 2)), action("b", h1=moved(2, 3), h2=moved(2, 2, wanted=3))
    assert runs([back, half]) == {"h2": ["a"]}
    assert undone([back, half], back) == {"h1": half}
    assert undoable([back, half], back) == ["h2"]


def test_who_goes_all_the_way_back_has_undone_every_step() -> None:
    one, two, home = action("a", h1=moved(3, 2)), action("b", h1=moved(2, 1)), action("c", h1=moved(1, 3))
    assert runs([one, two]) == {"h1": ["a", "b"]}
    assert runs([one, two, home]) == {}
    assert runs([one, two, action("c", h1=moved(1, 2))]) == {"h1": ["a"]}


def test_what_was_interrupted_stands_until_it_is_healed() -> None:
    killed = action("a", h1=moved(3, None, wanted=2), h2=untouched(3, 2))
    assert runs([killed]) == {"h1": ["a"]}
    assert runs([killed, action("b", h1=moved(2, 3))]) == {}
    assert runs([killed, action("b", h1=moved(3, 3))]) == {}


def test_a_host_that_gets_no_requests_stands_until_it_does() -> None:
    lost = action("a", h1=moved(3, 3, out=True))
    assert runs([lost]) == {"h1": ["a"]}
    assert runs([lost, action("b", h1=moved(3, 3, out=True))]) == {"h1": ["a", "b"]}
    assert runs([lost, action("b", h1=moved(3, 3))]) == {}
