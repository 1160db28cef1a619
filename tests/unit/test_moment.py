# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of when an entry happened, whatever the clock of whoever wrote it said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, unix_time, utc
from ansible_collections.incident.response.plugins.module_utils._core.incident import transition
from ansible_collections.incident.response.plugins.module_utils._core.moment import Moment, doubt, happened, skewed
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._journal.moment import now as present
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._usecases import escalation
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._wiring import escalation as escalation_wiring

T = 1_790_000_000.0
MINUTE, HOUR = 60.0, 3600.0
POLICY = escalation_wiring.policy(_config.load(None))


class Machine:
    """Counts the seconds since its start; `set_by`: how far its clock was set forward since; `faked`: how far a process's is ahead of it."""

    def __init__(self, boot: str = "b1", *, set_by: float = 0.0) -> None:
        self.boot, self.set_by, self.faked, self.passed = boot, set_by, 0.0, 0.0

    def __call__(self) -> Moment:
        started = T - 1000 + self.set_by
        return Moment(started + 1000 + self.passed + self.faked, self.boot, started, 1000 + self.passed)


def record(path: Path, machine: Callable[[], Moment]) -> SqliteJournal:
    return SqliteJournal(path / "journal.db", b"k" * 32, clock=machine)


def opens(path: Path, machine: Machine, ago: float = 0.0) -> None:
    with record(path, machine) as journal, journal.transaction():
        at = utc(machine().wall - ago)
        open_incident(journal, title="Slow", service="api", severity=Severity.P1, at=at, actor="ada", chat=False)


def ticks(path: Path, machine: Machine) -> list[str]:
    with record(path, machine) as journal:
        return [entry.text for dummy, entry in escalation.look(journal, POLICY, now=machine().wall, write=True)]


ACK = "Nobody has acknowledged for 5 min"


@pytest.mark.parametrize("off", [-3 * HOUR, -120.0, 0.0, 120.0, 3 * HOUR])
@pytest.mark.parametrize("how", ["set_by", "faked"])
def test_an_incident_is_as_old_as_its_arrival_whatever_the_clock_said(tmp_path: Path, off: float, how: str) -> None:
    """Whether the machine's own clock is set right afterwards, or only the process that wrote it had another."""
    machine = Machine()
    setattr(machine, how, off)
    opens(tmp_path, machine)
    setattr(machine, how, 0.0)
    machine.passed = 4 * MINUTE
    assert ticks(tmp_path, machine) == []
    machine.passed = 6 * MINUTE
    assert ticks(tmp_path, machine) == [ACK]
    assert ticks(tmp_path, machine) == []


def test_what_waited_in_a_spool_for_two_hours_is_two_hours_old(tmp_path: Path) -> None:
    machine = Machine()
    opens(tmp_path, machine, ago=2 * HOUR)
    (text,) = ticks(tmp_path, machine)
    assert text.startswith("Escalation: CTO + Security Lead is needed, and NOBODY IS NAMED for that")


def test_a_clock_that_is_ahead_on_another_machine_silences_nobody(tmp_path: Path) -> None:
    """Nobody can tell when it was, so it counts from when it was seen first."""
    opens(tmp_path, Machine("b2", set_by=3 * HOUR))
    machine = Machine()
    assert ticks(tmp_path, machine) == []
    machine.passed = 6 * MINUTE
    assert ticks(tmp_path, machine) == [ACK]


def test_a_machine_without_a_count_is_taken_at_its_word(tmp_path: Path) -> None:
    class Plain(Machine):
        def __call__(self) -> Moment:
            return Moment(super().__call__().wall)

    machine = Plain()
    opens(tmp_path, machine)
    machine.passed = 6 * MINUTE
    assert ticks(tmp_path, machine) == [ACK]


def test_what_is_said_of_one_moment_stays_so(tmp_path: Path) -> None:
    """Entries that were written together keep one time, and their order."""
    machine = Machine()
    machine.faked = -3 * HOUR
    at = utc(machine().wall)
    opens(tmp_path, machine)
    with record(tmp_path, machine) as journal, journal.transaction():
        (incident,) = journal.ids()
        journal.append(incident, [*transition(Status.OPEN, Status.INVESTIGATING, at=at, actor="ada"), Entry("note", at, text="x")])
    machine.faked, machine.passed = 0.0, MINUTE
    with record(tmp_path, machine) as journal:
        times = [entry.at for entry in journal.reckoned(incident)]
        assert len(set(times)) == 1
        assert unix_time(times[0]) == pytest.approx(T)
        assert journal.info(incident)["entries"][0]["arrived_at"] == utc(T)
        assert journal.verify(incident).verified
        assert {entry.at for entry in journal.entries(incident)} == {at}  # what is sealed stays as it was written


WHAT = "what it is now when the record got its last entry"


@pytest.mark.parametrize(
    ("last", "now", "says"),
    [
        (Machine()(), Machine()(), ""),
        (None, Machine()(), ""),
        (Machine()(), replace(Machine()(), wall=T + 1200), "the clock that this runs with is 20 min ahead of this machine's"),
        (replace(Machine()(), wall=T - 3 * HOUR), Machine()(), f"this machine's clock was 3 h behind {WHAT}"),
        (Machine(set_by=3 * HOUR)(), Machine()(), f"this machine's clock was 3 h ahead of {WHAT}"),
        (Machine("b2", set_by=90)(), Machine()(), "this machine's clock is 2 min behind the record's last entry, so one of two clocks is wrong"),
        (Machine("b2", set_by=-90)(), Machine()(), ""),  # long ago
        (Moment(T), Moment(T + 5), ""),
    ],
)
def test_clocks_that_disagree_are_told(last: Moment | None, now: Moment, says: str) -> None:
    assert doubt(last, now) == says


@pytest.mark.parametrize(
    ("skew", "says"),
    [(None, ""), (60.0, ""), (-59.0, ""), (61.0, "1 min ahead of the chat server's"), (-7300.0, "2 h behind the chat server's")],
)
def test_the_clock_of_chat_is_compared(skew: float | None, says: str) -> None:
    assert skewed(skew) == (f"this machine's clock is {says}" if says else "")


def test_nothing_has_happened_after_it_arrived() -> None:
    assert happened(T + HOUR, Moment(T), Moment(T + HOUR)) == T
    assert happened(T - HOUR, Moment(T), Moment(T + HOUR)) == T - HOUR


def test_this_machine_counts() -> None:
    first, second = present(), present()
    assert first.boot == second.boot
    assert first.off == 0.0
