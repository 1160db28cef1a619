# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A spool that somebody or something damaged costs itself at most, never another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.plugin_utils._courier import carrier as courier_carrier
from ansible_collections.incident.response.plugins.plugin_utils._courier import lock as courier_lock
from ansible_collections.incident.response.plugins.plugin_utils._courier import main as courier_main
from ansible_collections.incident.response.plugins.plugin_utils._courier.carrier import Carrier
from ansible_collections.incident.response.plugins.plugin_utils._courier.chat import Postman
from ansible_collections.incident.response.plugins.plugin_utils._courier.lock import CourierLock
from ansible_collections.incident.response.plugins.plugin_utils._courier.main import Courier
from ansible_collections.incident.response.plugins.plugin_utils._process import started
from ansible_collections.incident.response.plugins.plugin_utils._spool import Spool, lines_after, places, spools
from ansible_collections.incident.response.plugins.plugin_utils._wiring import chat as chat_wiring
from ansible_collections.incident.response.plugins.plugin_utils._wiring.chat import Deliverer
from sites import eventually

COLLECTIONS = Path(__file__).parents[2] / "collections"
DEAD = 2**22 - 1
START: dict[str, Any] = {
    "kind": "run_started", "run": "a", "run_seq": 1, "at": "2025-11-10T10:05:00.000Z", "data": {"service": "api", "pid": DEAD, "since": "1"},
}  # fmt: skip
TASK: dict[str, Any] = {"kind": "task", "run": "a", "run_seq": 2, "at": 1762769100.5, "text": "Step", "state": "ok", "changed": False}


def written(folder: Path, run: str, *lines: object) -> Path:
    path = folder / "spool" / f"{run}.jsonl"
    path.parent.mkdir(exist_ok=True)
    text = "".join((json.dumps({**line, "run": run}) if isinstance(line, dict) else str(line)) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return path


@pytest.mark.parametrize(
    "damage",
    [
        {"data": []}, {"data": {"verdict": ["worked"]}}, {"data": {"pid": "x"}}, {"run_seq": "2"}, {"run_seq": 2**70}, {"run_seq": -1},
        {"run_seq": True}, {"at": "yesterday"}, {"at": 1e300}, {"at": None}, {"text": {"a": 1}}, {"host": 5}, {"changed": "yes"},
        {"duration_ms": [1]}, {"kind": None}, {"data": None},
    ],
)  # fmt: skip
def test_a_line_with_a_wrong_type_is_left_out_and_all_others_are_kept(tmp_path: Path, damage: dict[str, Any]) -> None:
    path = written(tmp_path, "a", START, {**TASK, **damage}, {**TASK, "run_seq": 3})
    found = lines_after(path, 0)
    assert ([line["run_seq"] for line in found.lines], found.offset, found.damaged) == ([1, 3], path.stat().st_size, 1)
    assert found.lines[1]["at"] == "2025-11-10T10:05:00.500Z"


def test_what_could_not_be_written_to_one_state_folder_gets_into_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ours, theirs, missing = (tmp_path / name for name in ("ours", "theirs", "missing"))
    missing.write_text("no folder")
    for folder in (ours, theirs):
        folder.mkdir()
        (folder / "spool").write_text("no folder")
    for folder in (ours, missing):
        spool = Spool(folder, f"of-{folder.name}")
        spool.append("note", at=1.0)
        assert spool.lost() == []
    assert [path.stem for path in spools(ours)] == ["of-ours", "of-missing"]
    assert [path.stem for path in spools(theirs)] == ["of-missing"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a file can be given to another user by root alone")
def test_what_another_user_put_into_the_temporary_folder_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shared = places(tmp_path / "state")[2]
    shared.mkdir()
    (shared / "a.jsonl").write_text("")
    assert spools(tmp_path / "state") == [shared / "a.jsonl"]
    os.chown(shared, 65534, 65534)
    assert spools(tmp_path / "state") == []


RUN: list[dict[str, Any]] = [
    {**START, "action": "restart", "data": {"service": "api", "pid": os.getpid(), "since": started(os.getpid()), "waits": True}},
    TASK,
    {**TASK, "run_seq": 3, "action": "incident.response.action_plan", "data": {"health": {}}},
    {**TASK, "run_seq": 4, "data": {"verdict": "worked"}},
    {"kind": "run_ended", "run": "a", "run_seq": 5, "at": "2025-11-10T10:05:10.000Z", "state": "worked", "data": {}},
]  # fmt: skip
"""A run that goes on, as the lines of its spool."""


def in_two_places(folder: Path, monkeypatch: pytest.MonkeyPatch, at: int, *, half: str = "", end: dict[str, Any] | None = None) -> list[Path]:
    """RUN, whose first place was full after `at` lines and half of another."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder.parent))
    found = []
    lines = [*RUN[:-1], {**RUN[-1], "data": end or {}}]
    for place, its, more in zip(places(folder), (lines[:at], lines[at:]), (half, ""), strict=False):
        place.mkdir(mode=0o700, parents=True)
        found.append(place / "a.jsonl")
        found[-1].write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in its) + more)
    return found


@pytest.mark.parametrize("half", ["", '{"run":"a","run_'])
@pytest.mark.parametrize("at", range(len(RUN)))
def test_a_run_whose_first_place_was_full_is_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, half: str) -> None:
    """Its start may stand in one file, and what the incident waits for in the other: the plan, or the end."""
    files = in_two_places(tmp_path / "state", monkeypatch, at, half=half)
    assert Carrier(tmp_path / "state").step() == (True, True)
    with open_journal(tmp_path / "state") as journal:
        (incident,) = journal.ids()
        assert journal.info(incident)["service"] == "api"
        assert [each.run_seq for each in journal.entries(incident) if each.run and each.run_seq] == [1, 2, 3, 4, 5]
        assert journal.info(incident)["runs"][0]["verdict"] == "worked"
    assert [path for path in files if path.exists()] == []


@pytest.mark.parametrize("at", range(1, len(RUN)))
def test_a_refused_run_whose_first_place_was_full_opens_no_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    in_two_places(tmp_path / "state", monkeypatch, at, end={"refused": True})
    assert Carrier(tmp_path / "state").step()[1]
    with open_journal(tmp_path / "state") as journal:
        assert journal.ids() == []


def test_half_a_line_and_no_more_is_set_aside_and_keeps_no_courier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = in_two_places(tmp_path / "state", monkeypatch, 0, half='{"run":"a"')[:1]
    places(tmp_path / "state")[1].joinpath("a.jsonl").unlink()
    carrier = Carrier(tmp_path / "state")
    monkeypatch.setattr(courier_carrier, "COMMIT_EVERY", 0.0)
    assert [carrier.step() for dummy in range(3)] == [(True, False)] * 3
    os.utime(path, (0, 0))
    carrier.step()
    assert [each.name for each in path.parent.iterdir() if each.stem == "a"] == ["a.damaged"]


POISON = ["null", "[]", "\udcff\udcfe", '{"kind": "run_started"', "9" * 5000, "[" * 100_000, json.dumps({**START, "data": 7})]


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
def test_a_poisoned_spool_blocks_no_other(tmp_path: Path, poison: str) -> None:
    written(tmp_path, "a", poison, START, TASK)
    written(tmp_path, "b", {**START, "run": "b"}, {**TASK, "run": "b"})
    carrier = Carrier(tmp_path)
    assert eventually(lambda: not carrier.step()[0])
    with open_journal(tmp_path) as journal:
        (incident,) = journal.ids()
        kept = [(entry.run, entry.kind) for entry in journal.entries(incident) if entry.run]
    assert ("b", "run_vanished") in kept
    assert ("a", "task") in kept
    assert not list((tmp_path / "spool").glob("*.jsonl"))
    assert (tmp_path / "spool" / "a.damaged").exists()


def carried(folder: Path) -> None:
    """Carry all, and notice that the controllers are gone."""
    carrier = Carrier(folder)
    assert eventually(lambda: not carrier.step()[0])


def outline(folder: Path, *told: dict[str, Any]) -> tuple[str, bool]:
    """How a run ends that only its tasks recorded, on web1 and web2."""
    start = {**START, "data": {**START["data"], "recorder": "task", "hosts": ["web1", "web2"]}}
    lines = ({**TASK, "run_seq": number, "host": f"web{number - 1}", "data": data} for number, data in enumerate(told, start=2))
    written(folder, "a", start, *lines)
    carried(folder)
    with open_journal(folder) as journal:
        (incident,) = journal.ids()
        end = next(each for each in journal.entries(incident) if each.kind == "run_ended")
    return end.text, bool(end.data["failed"])


WELL = {"verdict": "worked"}


@pytest.mark.parametrize(
    ("told", "text", "failed"),
    [
        ([WELL, WELL], "✅ Ended: verdict worked", False),
        ([WELL], "❌ Ended: verdict unknown; NOT JUDGED: web2", True),
        ([WELL, {"verdict": "no_effect"}], "❌ Ended: verdict no_effect", True),
        ([], "❌ Ended: nothing verified the outcome", True),
        ([{"only": True}], "📋 Ended: planned only, nothing was touched", False),
    ],
)
def test_a_run_that_only_its_tasks_recorded_ends_well_where_each_host_was_judged(
    tmp_path: Path, told: list[dict[str, Any]], text: str, failed: bool
) -> None:
    """A host that was lost has no verdict there, and says nothing else."""
    assert outline(tmp_path, *told) == (text, failed)


def test_a_task_that_was_done_on_another_host_is_not_told_as_interrupted(tmp_path: Path) -> None:
    begun = {**TASK, "kind": "begun", "host": "web1"}
    written(tmp_path, "a", START, begun, {**TASK, "run_seq": 3, "host": "lb1", "data": {"for": "web1"}})
    carried(tmp_path)
    with open_journal(tmp_path) as journal:
        states = [entry.state for entry in journal.entries(journal.ids()[0]) if entry.kind == "task"]
    assert states == ["ok"]


class Idle:
    """A postman that has brought to chat all that it knew of, and hears of more only by being told to look."""

    def __init__(self) -> None:
        self.problem, self.clock, self.moved, self.stop = "", "", 0.0, threading.Event()
        self.looks = 0

    def start(self) -> None: ...

    def look(self) -> None:
        self.looks += 1

    def left(self) -> bool:
        return False

    def lost(self) -> bool:
        return False


def test_the_postman_looks_at_what_was_carried_though_more_is_left_to_carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the courier ends before it is in chat, and the run that waits is never told that it is: it says for ever that it is pending."""
    courier, postman, steps = Courier(tmp_path, {}, lambda: None), Idle(), [(True, True), (False, False)]
    monkeypatch.setattr(courier, "_postman", postman)
    monkeypatch.setattr(courier._carrier, "step", lambda: steps.pop(0))
    courier.work()
    assert postman.looks == 1


class Broken:
    """A delivery that breaks in ways that nobody thought of, the last of which ends a thread that doesn't expect it; then it works."""

    TROUBLE = Deliverer.TROUBLE
    trouble: ClassVar[list[BaseException]] = []

    def __init__(self, *_: object) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        self.notes, self.clock = list[str](), ""

    def __enter__(self) -> Broken:
        return self

    def __exit__(self, *_: object) -> None: ...

    def step(self, *, all_now: bool) -> bool:
        return False


def test_whatever_is_thrown_the_postman_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_wiring, "Deliverer", Broken)
    monkeypatch.setattr(Broken, "trouble", [AttributeError("get"), RecursionError("deep"), AssertionError("never"), SystemExit(1)])
    postman = Postman(tmp_path, {"url": "http://chat"})
    postman.start()
    assert eventually(lambda: not postman.left())
    assert (postman.is_alive(), postman.problem, Broken.trouble) == (True, "", [])
    postman.stop.set()
    postman.join()


def test_a_postman_that_died_is_replaced_by_one_that_brings_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_wiring, "Deliverer", Broken)
    courier = Courier(tmp_path, {"url": "http://chat"}, lambda: None)
    first = courier._postman
    assert first is not None
    monkeypatch.setattr(first, "run", lambda: None)  # dies at once, with all left to do
    assert courier.work()
    assert courier._postman is not first
    assert courier._postman is not None and not courier._postman._left


def test_a_spool_that_breaks_the_courier_in_a_new_way_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried_one, carrier = Carrier._carry, Carrier(tmp_path)

    def carry(self: Carrier, run: str, paths: list[Path]) -> bool:
        if run == "a":
            raise RecursionError("nobody thought of it")
        return carried_one(self, run, paths)

    monkeypatch.setattr(Carrier, "_carry", carry)
    paths = [written(tmp_path, run, {**START, "run": run}, {**TASK, "run": run}) for run in ("a", "b")]

    def step() -> bool:
        with pytest.raises(RecursionError):
            carrier.step()
        return not paths[1].exists()

    assert eventually(step)
    assert paths[0].exists()


HOLDER = """
import os, sys, time
from pathlib import Path
from ansible_collections.incident.response.plugins.plugin_utils._courier.lock import CourierLock
from ansible_collections.incident.response.plugins.plugin_utils._courier.lock import marked
lock = CourierLock(Path(sys.argv[1]), "", marked(os.environ))
assert lock.take()
print("held", flush=True)
while True:
    lock.beat()
    time.sleep(0.02)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A courier's."""
    return {**os.environ, "PYTHONPATH": str(COLLECTIONS), "INCIDENT_CONFIG": str(tmp_path / "incident-response.yml")}


@pytest.fixture
def holder(tmp_path: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "incident-response.yml").write_text("{}")
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_courier_that_does_nothing_any_more_is_ended_and_another_takes_over(
    tmp_path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_lock, "STUCK", 1.0)
    holder.send_signal(signal.SIGSTOP)
    with CourierLock(tmp_path) as lock:
        assert eventually(lambda: lock.end_stuck() == holder.pid)
        assert eventually(lock.take)
    assert holder.wait() == -signal.SIGKILL


def test_a_courier_that_works_keeps_its_place(tmp_path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_lock, "STUCK", 1.0)
    signs = set[int]()
    with CourierLock(tmp_path) as lock:
        assert not lock.take()
        while len(signs) < 100:  # at 0.02 s each, twice as long as it may be silent
            assert lock.end_stuck() == 0
            signs.add((tmp_path / "courier.lock").stat().st_mtime_ns)
    assert holder.poll() is None


def test_a_turn_goes_to_who_stands_in_line_and_has_other_settings(tmp_path: Path) -> None:
    """Not to one with the same settings, which would get as little there."""
    with CourierLock(tmp_path, "wrong") as holder, CourierLock(tmp_path, "wrong") as same, CourierLock(tmp_path, "right") as other:
        assert holder.take()
        assert not same.take(wants=True)
        assert not holder.wanted()
        assert not other.take(wants=True)
        assert holder.wanted()
        holder.give()
        assert not same.take(wants=True), "it goes before its turn"
        assert not holder.take(wants=True), "it goes before its turn"
        assert other.take(wants=True)
        assert not other.wanted()
        assert not holder.take(wants=True)
        assert other.wanted(), "nobody comes back to the one that was first"


def test_who_stands_in_line_and_wants_nothing_any_more_or_is_gone_holds_nobody_up(tmp_path: Path) -> None:
    with CourierLock(tmp_path, "wrong") as holder, CourierLock(tmp_path, "wrong") as same:
        assert holder.take()
        with CourierLock(tmp_path, "right") as other:
            assert not other.take(wants=True)
            assert not other.take()
            assert not holder.wanted()
            assert not other.take(wants=True)
        assert not holder.wanted()
        holder.give()
        assert same.take()


def test_who_was_stopped_while_it_stood_in_line_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_lock, "POLITE", 0.5)
    with CourierLock(tmp_path, "wrong") as holder, CourierLock(tmp_path, "right") as stopped:
        assert holder.take()
        assert not stopped.take(wants=True)
        holder.give()
        assert not holder.take()
        assert eventually(holder.take)


class Troubled(Idle):
    """A postman that gets nothing to chat, and goes on trying."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem

    def left(self) -> bool:
        return True

    def join(self, timeout: float) -> None: ...


@pytest.mark.parametrize(
    ("problem", "wanted", "gives"), [("it can't be reached", True, True), ("", True, False), ("it can't be reached", False, False)]
)
def test_a_courier_gives_way_only_where_it_gets_nothing_to_chat_and_another_one_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str, wanted: bool, gives: bool
) -> None:
    monkeypatch.setattr(courier_main, "TURN", 0.0)
    monkeypatch.setattr(courier_main, "GIVE_UP", 0.3)
    courier = Courier(tmp_path, {}, lambda: None, wanted=lambda: wanted)
    monkeypatch.setattr(courier, "_postman", Troubled(problem))
    assert courier.work() is not gives


def test_a_courier_that_works_is_asked_to_look_again_and_no_other_is_started(
    tmp_path: Path, environment: dict[str, str], holder: subprocess.Popen[str]
) -> None:
    started = list[int]()
    with CourierLock(tmp_path) as lock:
        assert lock.wishes() == 0
        assert courier_lock.wake(tmp_path, environment, started.append) is None
        assert lock.wishes() == 1
    assert started == []
    assert holder.poll() is None


def test_where_none_works_one_is_started_that_holds_the_lock_before_it_is_up(tmp_path: Path, environment: dict[str, str]) -> None:
    """Python takes longer to start than the next task to ask."""
    kept = list[int]()

    def start(lock: int) -> str:
        kept.append(os.dup(lock))
        return "started"

    assert courier_lock.wake(tmp_path, environment, start) == "started"
    assert courier_lock.wake(tmp_path, environment, kept.append) is None
    with CourierLock(tmp_path) as another, CourierLock(tmp_path, inherited=kept[0]) as new:
        assert not another.take()
        assert new.take()
        new.give()
        assert another.take()


@pytest.mark.parametrize("differs", ["environment", "configuration", "stopped"])
def test_a_courier_that_would_do_something_else_or_nothing_is_not_asked(
    tmp_path: Path, environment: dict[str, str], holder: subprocess.Popen[str], differs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if differs == "environment":
        environment["ROCKETCHAT_URL"] = "https://another.example"
    elif differs == "configuration":
        (tmp_path / "incident-response.yml").write_text("services: {}")
    else:
        monkeypatch.setattr(courier_lock, "FRESH", 0.5)
        holder.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
    started = list[int]()
    courier_lock.wake(tmp_path, environment, started.append)
    assert started == [-1]


def test_a_wish_that_comes_while_the_courier_ends_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes it sees that one works, and starts no other."""
    looks, started = list[int](), list[int]()

    def work(courier: Courier) -> bool:
        courier.heard = courier._wishes()
        looks.append(courier.heard)
        if len(looks) < 3:
            courier_lock.wake(tmp_path, os.environ, started.append)
        return True

    monkeypatch.setattr(Courier, "work", work)
    courier_main._work(tmp_path, [], {}, lambda: None)
    assert (looks, started) == ([0, 1, 2], [])


def test_a_wish_makes_everything_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved, wishes, postman = list[int](), iter([0, 1, 1, 1]), Idle()
    courier = Courier(tmp_path, {}, lambda: moved.append(1), wishes=lambda: next(wishes))
    monkeypatch.setattr(courier, "_postman", postman)
    monkeypatch.setattr(courier._carrier, "step", lambda: (False, False))
    courier.work()
    assert (moved, postman.looks) == ([1], 1)
