# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a service counts as healthy: in each look, for long enough, and as the same process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._backends import identity
from ansible_collections.incident.response.plugins.modules import service_health_info


def judged(monkeypatch: pytest.MonkeyPatch, looks: str, **given: float) -> tuple[bool, str, float]:
    """Whether it is healthy, what is said, and how many seconds it took.

    Each letter is a look: a capital one is healthy, each letter another process. The last look goes on for ever.
    """
    clock, shown = [0.0], iter(looks)
    last = [""]

    def look(_module: object) -> dict[str, Any]:
        last[0] = next(shown, last[0])
        return {"healthy": last[0].isupper(), "detail": "seen", "token": last[0].lower()}

    monkeypatch.setattr(service_health_info, "look", look)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, round(clock[0] + seconds, 6)))
    module: Any = SimpleNamespace(params={"retries": 3, "delay": 0.5, "in_a_row": 2, "steady_for": 3, **given})
    seen = service_health_info.look_until_steady(module)
    return seen["healthy"], seen["detail"], clock[0]


@pytest.mark.parametrize(
    ("looks", "given", "healthy", "took"),
    [
        ("A", {}, True, 3.0),
        ("A", {"steady_for": 0}, True, 0.5),
        ("A", {"steady_for": 0, "in_a_row": 1}, True, 0.0),
        ("a", {"retries": 0, "steady_for": 0, "in_a_row": 1}, False, 0.0),
        ("a", {}, False, 1.5),
        ("aaaA", {}, True, 4.5),
        ("A", {"delay": 10}, True, 10.0),
        ("AAAB", {}, True, 4.5),
        ("AAABBBCCCDDDEEEFFF", {}, False, 6.0),
        ("AaAaAaAaA", {}, False, 3.5),
    ],
)
def test_it_is_healthy_once_it_stays_so_as_the_same_process(
    monkeypatch: pytest.MonkeyPatch, looks: str, given: dict[str, float], healthy: bool, took: float
) -> None:
    assert judged(monkeypatch, looks, **given)[::2] == (healthy, took)


def test_what_comes_and_goes_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    said = judged(monkeypatch, "AAABBBCCCDDDEEEFFF")[1]
    assert said == "seen, healthy at times, but not 2 looks in a row over 3 s: it was started anew 4 times meanwhile"
    assert judged(monkeypatch, "a")[1] == "seen"


@pytest.fixture
def listens() -> Iterator[tuple[int, int]]:
    """A process of its own that listens on a port: its number, and the port."""
    program = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield process.pid, int(process.stdout.readline())
    process.communicate("\n")


def test_who_listens_on_a_port_of_this_host_is_known_by_number_and_start(listens: tuple[int, int]) -> None:
    pid, port = listens
    assert identity.port_of(f"http://localhost:{port}/health") == identity.port_of(f"127.0.0.1:{port}") == port
    inodes = identity.listening(port)
    assert identity.owners(inodes) == identity.process(pid)
    assert identity.process(pid).startswith(f"{pid}@")


def test_a_port_of_another_host_and_one_where_nobody_listens_say_nothing() -> None:
    assert identity.port_of("http://192.0.2.7:8080/") == 0
    assert identity.port_of("http://[") == 0
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, and no one listens
        assert identity.listening(bound.getsockname()[1]) == frozenset()
    assert identity.owners([]) == identity.owners(["1"]) == ""


def test_a_number_is_a_process_that_has_to_live() -> None:
    assert identity.of_answer(f"{os.getpid()}\n") == identity.process(os.getpid()) != ""
    assert identity.of_answer("4194999\n") == ""
    assert identity.of_answer("run 7\nof api\n") == "run_7_of_api"
