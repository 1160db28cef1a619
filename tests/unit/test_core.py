"""The promises of the domain."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import chain, naming
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._core.status import IllegalTransition, Status, steps
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict, health, judge, replaced, worst

KEY = b"k" * 32


def sealed(*texts: str) -> tuple[list[chain.Sealed], chain.Head]:
    entries, previous = [], chain.START
    for position, text in enumerate(texts, start=1):
        previous = chain.seal(KEY, "i1", position, text.encode(), previous)
        entries.append(chain.Sealed(position, text.encode(), previous))
    return entries, chain.head(KEY, "i1", len(entries), previous)


def test_an_untouched_chain_is_verified() -> None:
    entries, head = sealed("a", "b", "c")
    assert chain.verify(KEY, "i1", entries, head).verified


def test_edit_deletion_reorder_and_cut_tail_are_each_found_at_their_place() -> None:
    entries, head = sealed("a", "b", "c")
    edited = [entries[0], chain.Sealed(2, b"B", entries[1].seal), entries[2]]
    deleted = [entries[0], entries[2]]
    swapped = [entries[0], chain.Sealed(2, b"c", entries[2].seal), chain.Sealed(3, b"b", entries[1].seal)]
    for broken, place in ((edited, 2), (deleted, 2), (swapped, 2), (entries[:2], 3)):
        report = chain.verify(KEY, "i1", broken, head)
        assert (report.verified, report.first_bad) == (False, place)


def test_a_shorter_head_cannot_be_made_without_the_key() -> None:
    entries, dummy = sealed("a", "b", "c")
    forged = chain.head(b"other", "i1", 2, entries[1].seal)
    assert not chain.verify(KEY, "i1", entries[:2], forged).verified


def test_skipped_stages_are_listed_and_steps_back_are_refused() -> None:
    assert steps(Status.OPEN, Status.MITIGATED) == [Status.ACKNOWLEDGED, Status.INVESTIGATING, Status.MITIGATED]
    assert steps(Status.OPEN, Status.OPEN) == []
    assert steps(Status.MITIGATED, Status.INVESTIGATING) == [Status.INVESTIGATING]  # the one step back that there is
    with pytest.raises(IllegalTransition, match="only go forward"):
        steps(Status.RESOLVED, Status.OPEN)
    for stage in (Status.OPEN, Status.ACKNOWLEDGED):
        with pytest.raises(IllegalTransition, match="only go forward"):
            steps(Status.MITIGATED, stage)
    with pytest.raises(IllegalTransition, match="close it first"):
        steps(Status.OPEN, Status.REVIEWED)


@pytest.mark.parametrize(
    ("before", "after", "acted", "verdict"),
    [
        (False, True, True, Verdict.WORKED),
        (True, True, True, Verdict.WORKED),
        (True, True, False, Verdict.NO_EFFECT),
        (True, True, None, Verdict.UNKNOWN),
        (None, True, None, Verdict.UNKNOWN),
        (None, True, True, Verdict.WORKED),
        (False, True, None, Verdict.WORKED),
        (False, False, True, Verdict.NO_EFFECT),
        (True, False, True, Verdict.MADE_WORSE),
        (None, False, True, Verdict.UNKNOWN),
        (True, None, True, Verdict.UNKNOWN),
    ],
)
def test_the_verdict_comes_from_health_before_and_after(before: bool | None, after: bool | None, acted: bool | None, verdict: Verdict) -> None:
    assert judge(before=before, after=after, acted=acted) is verdict


@pytest.mark.parametrize(
    ("before", "after", "stopped", "found"),
    [
        ({"instance": "a"}, {"instance": "b"}, False, True),
        ({"instance": "a"}, {"instance": "a"}, True, False),
        ({"instance": "a b"}, {"instance": "b c"}, False, False),
        ({"instance": "a"}, {"instance": ""}, False, None),
        ({"instance": "", "listener": "1@5"}, {"listener": "2@9"}, False, True),
        ({"listener": "1@5"}, {"listener": "1@5"}, True, None),
        ({"listener": "1@5"}, {}, True, True),
        ({}, {}, False, None),
    ],
)
def test_another_process_is_a_proof_and_the_same_listener_is_none(
    before: dict[str, str], after: dict[str, str], stopped: bool, found: bool | None
) -> None:
    assert replaced(before, after, stopped=stopped) is found


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({}, ""),
        ({"healthy": True, "detail": "HTTP 200"}, "healthy: HTTP 200"),
        ({"healthy": False, "detail": "connection\nrefused"}, "down: connection refused"),
        ({"healthy": None, "detail": "no answer"}, "its health isn't known: no answer"),
        ({"healthy": False, "detail": ""}, "down"),
        ({"healthy": False, "detail": "x" * 500}, f"down: {'x' * 119}…"),
    ],
)
def test_health_is_said_in_words(seen: dict[str, Any], words: str) -> None:
    assert health(seen) == words


def test_the_verdict_of_a_run_is_that_of_its_worst_host() -> None:
    assert worst([Verdict.WORKED, Verdict.MADE_WORSE]) is Verdict.MADE_WORSE
    assert worst([]) is Verdict.UNKNOWN


def test_names_are_numbered_and_read_back() -> None:
    assert naming.numbered(date(2025, 11, 10), 1) == "incident-2025-11-10-001"
    assert naming.number_of("incident-2025-11-10-001") == ("2025-11-10", 1)
    assert naming.number_of(naming.provisional(date(2025, 11, 10), "abcdef")) is None
    assert naming.normal(" #incident-2025-11-10-001\n") == "incident-2025-11-10-001"


def test_severity_is_read_as_people_type_it() -> None:
    assert Severity.parse(" p1 ") is Severity.P1
    with pytest.raises(ValueError, match="P0, P1, P2, P3"):
        Severity.parse("urgent")
