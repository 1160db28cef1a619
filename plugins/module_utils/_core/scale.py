# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Distributes the wanted number of instances over the hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MOST = 10_000


def count(given: object) -> int:
    """Parse a count: `3` and `"3"` are three. Raises ValueError for anything but a positive whole number."""
    text = str(given).strip()
    if isinstance(given, bool) or not text.isascii() or not text.isdigit() or not text.strip("0"):
        raise ValueError(f"replicas={text[:40]!r} is not a whole number above 0")
    if len(text.lstrip("0")) > len(str(_MOST)) or int(text) > _MOST:
        raise ValueError(f"replicas={text[:40]} is more than {_MOST}: each is listed in the plan")
    return int(text)


def running(state: Mapping[str, Any]) -> int:
    """The number of running instances on a host: the backend's state has a list of `instances`, or the number of `replicas`."""
    return len(state["instances"]) if "instances" in state else int(state["replicas"])


def planned(states: Mapping[str, Mapping[str, Any]], replicas: int) -> dict[str, dict[str, Any]]:
    """The wanted state of each host, with `replicas` instances in total."""
    if all("instances" in state for state in states.values()):
        numbers = spread({host: state["instances"] for host, state in states.items()}, replicas)
        return {host: {"instances": each} for host, each in numbers.items()}
    counts = {host: running(state) for host, state in states.items()}
    while sum(counts.values()) != replicas:
        fewer = sum(counts.values()) > replicas
        host = (max if fewer else min)(counts, key=lambda each: counts[each])
        counts[host] += -1 if fewer else 1
    return {host: {**state, "replicas": counts[host]} for host, state in states.items()}


def spread(numbers: Mapping[str, Sequence[int]], replicas: int) -> dict[str, list[int]]:
    """The instance numbers of each host. Running instances stay. A new instance gets the lowest free number on the host with the fewest instances.
    Superfluous instances are removed, the highest number first."""
    found = {host: sorted(int(number) for number in each) for host, each in numbers.items()}
    taken = {number for each in found.values() for number in each}
    for number in sorted(taken, reverse=True)[: max(0, len(taken) - replicas)]:
        for each in found.values():
            if number in each:
                each.remove(number)
    free = (number for number in range(1, replicas + len(taken) + 1) if number not in taken)
    while sum(map(len, found.values())) < replicas:
        host = min(found, key=lambda each: len(found[each]))
        found[host] = sorted([*found[host], next(free)])
    return found


def refusal(*, now: int, replicas: int, least: int | None, most: int | None, down: bool) -> str:
    """The reason why that number is refused; empty if it is allowed."""
    if most is not None and replicas > most:
        return f"replicas={replicas} is more than the {most} that the service catalogue allows (replicas.max)"
    if least is not None and replicas < least:
        return f"replicas={replicas} is less than the {least} that the service catalogue asks for (replicas.min)"
    if replicas < now and not down:
        return f"replicas={replicas} is less than the {now} that run. To scale down: -e allow_scale_down=true"
    return ""


def cautions(settings: Mapping[str, Any]) -> list[str]:
    """The warnings of a plan to scale. `settings` is the service's entry in the catalogue, with its defaults."""
    name, replicas = settings["name"], settings["replicas"]
    found = []
    if replicas["backend"] == "instances" and settings["backend"] == "systemd":
        beside = f"{settings['unit']} is not one of them: it is not counted, and goes on beside them"
        found.append(f"the instances are of {replicas['template']}; {beside} (backend: instances in the catalogue, if they are the service)")
    if replicas["backend"] in {"instances", "compose"} and not settings.get("balancer"):
        found.append(f"the catalogue knows no load balancer (services.{name}.balancer): nothing here gives the new ones requests")
    return found
