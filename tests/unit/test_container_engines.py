# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is read off the engine of containers: who is healthy, which tag was before, which failures are of this run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._backends.release import Doubt
from ansible_collections.incident.response.plugins.modules import service_compose, service_swarm

AT = "2026-11-10T10:00:00Z"
NOW = 1794304800.0  # the same


@pytest.mark.parametrize(
    ("tag", "tags", "found"),
    [
        ("1.1", ["0.9", "1.0", "1.1", "1.2"], "1.0"),
        ("100", ["98", "99", "100"], "99"),
        ("1.1", ["1.0", "buildcache", "pr-17", "1.1"], "1.0"),
        ("a1b2c3d", ["b1b2c3d", "main", "a1b2c3d"], "b1b2c3d"),
    ],
)
def test_the_tag_before_is_the_next_older_of_its_kind(tag: str, tags: list[str], found: str) -> None:
    assert service_compose.previous(tag, {each: float(built) for built, each in enumerate(tags)}) == found


def test_a_tag_without_an_order_goes_by_another_of_its_image() -> None:
    assert service_compose.previous("latest", {"1.0": 1.0, "1.0.0": 1.0, "stable": 1.0, "1.1": 2.0, "latest": 2.0}) in {"1.0", "1.0.0"}
    with pytest.raises(Doubt, match="latest has neither a number nor a hash"):
        service_compose.previous("latest", {"1.0": 1.0, "latest": 2.0})


def test_a_hotfix_that_is_older_by_name_and_younger_by_age_is_a_doubt() -> None:
    with pytest.raises(Doubt, match="Before 1.2 comes 1.1 by its name, and 1.0.1 by the age of its image"):
        service_compose.previous("1.2", {"1.0": 1.0, "1.1": 2.0, "1.0.1": 3.0, "1.2": 4.0})


@pytest.mark.parametrize(
    ("status", "check", "age", "judged"),
    [
        ("running", "healthy", 3.0, True),
        ("running", "healthy", 1.5, None),
        ("running", "", 3.0, True),
        ("running", "", 1.5, None),
        ("running", "unhealthy", 9.0, False),
        ("running", "starting", 9.0, None),
        ("exited", "", 9.0, False),
    ],
)
def test_a_container_is_healthy_once_it_has_run_for_long_enough(status: str, check: str, age: float, judged: bool | None) -> None:
    container: dict[str, Any] = {"State": {"Status": status, "StartedAt": AT, "Health": {"Status": check} if check else None}, "RestartCount": 1}
    assert service_compose.healthy(container, NOW + age, 3) is judged


def task(number: str, state: str, slot: int = 1) -> dict[str, Any]:
    status = {"State": state, "Timestamp": AT}
    wanted = "shutdown" if state == "failed" else "running"
    return {"ID": number, "DesiredState": wanted, "Status": status, "Slot": slot, "Spec": {"ContainerSpec": {"Image": "a:1"}}, "CreatedAt": AT}


def service(**update: Any) -> dict[str, Any]:
    return {"Spec": {"TaskTemplate": {"ContainerSpec": {"Image": "a:1"}}, "Mode": {"Replicated": {"Replicas": 2}}, "UpdateConfig": update}}


def test_failures_of_an_earlier_run_give_up_nothing() -> None:
    tasks = [task("x1", "failed"), task("x2", "failed"), task("x3", "failed"), task("y", "starting")]
    assert service_swarm.converged(service(), tasks, {"x1", "x2", "x3"}, now=NOW, steady_for=3) is None
    assert service_swarm.converged(service(), tasks, set(), now=NOW, steady_for=3) is False


def test_a_task_counts_once_it_has_run_for_long_enough() -> None:
    tasks = [task("a", "running", 1), task("b", "running", 2)]
    assert service_swarm.converged(service(), tasks, set(), now=NOW + 1.5, steady_for=3) is None
    assert service_swarm.converged(service(), tasks, set(), now=NOW + 3, steady_for=3) is True


@pytest.mark.parametrize(
    ("update", "share"),
    [({}, 50), ({"Order": "start-first"}, 0), ({"Parallelism": 0}, 100), ({"Parallelism": 2, "Order": "stop-first"}, 100)],
)
def test_how_much_is_out_is_what_the_swarm_stops_at_once(update: dict[str, Any], share: int) -> None:
    assert service_swarm.out(service(**update)) == share


def test_the_tag_of_an_image_is_not_its_port() -> None:
    assert [service_swarm.tag_of(each) for each in ("r:5000/a:1.0@sha256:ab", "r:5000/a", "a:2")] == ["1.0", "", "2"]
