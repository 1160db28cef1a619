# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The progress of a Kubernetes Deployment's rollout, and the health of its pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .deployment import HASH, Thing

CRASHES = 3  # after this number of restarts, a waiting container counts as failed
_NEVER = {"InvalidImageName", "ErrImageNeverPull"}
_SHOWN = 3


def replicas(deployment: Thing) -> int:
    return int(deployment["spec"].get("replicas", 1))


def complete(deployment: Thing) -> bool:
    """Whether all wanted pods are available with the current template, and no other pods are left."""
    status, wanted = deployment.get("status") or {}, replicas(deployment)
    counts = [int(status.get(key) or 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return _observed(deployment) and counts == [wanted] * 3


def converged(deployment: Thing, pods: Iterable[Thing], excused: str) -> bool | None:
    """Whether the rollout has succeeded; None if it is still running. `excused`: the result of `overdue` before the rollout."""
    if complete(deployment):
        return True
    late = overdue(deployment)
    return False if _observed(deployment) and (late and late != excused or any(map(_hopeless, pods))) else None


def overdue(deployment: Thing) -> str:
    """The cluster's message and time if a rollout made no progress within its deadline; otherwise empty."""
    for each in (deployment.get("status") or {}).get("conditions") or []:
        if (each["type"], each["status"], each.get("reason")) == ("Progressing", "False", "ProgressDeadlineExceeded"):
            return f"ProgressDeadlineExceeded since {each.get('lastUpdateTime', 'a while')}: {each.get('message', '')}"
    return ""


def pods_of(pods: Iterable[Thing], digest: str) -> list[Thing]:
    """The pods with this template hash that are not terminating."""
    return [
        each for each in pods
        if (each["metadata"].get("labels") or {}).get(HASH) == digest and not each["metadata"].get("deletionTimestamp")
    ]  # fmt: skip


def starts(pods: Iterable[Thing]) -> dict[str, int]:
    """The restart counts of each pod's containers."""
    return {each["metadata"]["name"]: sum(int(one.get("restartCount") or 0) for one in _containers(each)) for each in pods}


def health(deployment: Thing, pods: Sequence[Thing], what: str, missing: str = "") -> dict[str, Any]:
    """The result with the keys of incident.response.service_health_info. `pods`: the pods with the current template; `what`: their image."""
    status, wanted, healthy = deployment.get("status") or {}, replicas(deployment), complete(deployment)
    available, updated, there = (int(status.get(key) or 0) for key in ("availableReplicas", "updatedReplicas", "replicas"))
    words = f"{available} of {wanted} pods are available, {updated} have {what}{missing}"
    words += f", {there - updated} older ones are left" if there > updated else ""
    late = overdue(deployment)
    return {
        "healthy": healthy, "exists": True, "detail": f"{words}, {late}" if late and not healthy else words,
        "instance": " ".join(sorted(each["metadata"]["name"] for each in pods if _ready(each))),
        "evidence": "" if healthy else evidence(deployment, pods),
    }  # fmt: skip


def evidence(deployment: Thing, pods: Sequence[Thing]) -> str:
    """The reasons why pods are not ready, from the cluster."""
    conditions = (deployment.get("status") or {}).get("conditions") or []
    failures = [each for each in conditions if (each["type"], each["status"]) == ("ReplicaFailure", "True")]
    lines = [f"{each.get('reason')}: {each.get('message', '')}" for each in failures]
    waiting = [line for each in pods if not _ready(each) if (line := ", ".join(_reasons(each)))]
    return "\n".join([*lines, *waiting[:_SHOWN], *([f"and {len(waiting) - _SHOWN} more pods"] if len(waiting) > _SHOWN else [])])


def out(deployment: Thing) -> int:
    """The percentage of its pods that may be missing while they are replaced."""
    strategy, count = deployment["spec"].get("strategy") or {}, replicas(deployment)
    if strategy.get("type") == "Recreate":
        return 100
    rolling = strategy.get("rollingUpdate") or {}
    missing, more = _share(rolling.get("maxUnavailable", "25%"), count, up=False), _share(rolling.get("maxSurge", "25%"), count, up=True)
    return min(100, (missing if missing or more else 1) * 100 // max(1, count))


def _observed(deployment: Thing) -> bool:
    return int((deployment.get("status") or {}).get("observedGeneration") or 0) >= int(deployment["metadata"].get("generation") or 0)


def _share(given: int | str, count: int, *, up: bool) -> int:
    """A number, or a rounded percentage of `count`."""
    text = str(given)
    return (int(text[:-1]) * count + (99 if up else 0)) // 100 if text.endswith("%") else int(text)


def _containers(pod: Thing) -> Iterator[Mapping[str, Any]]:
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []


def _ready(pod: Thing) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def _hopeless(pod: Thing) -> bool:
    waiting = [(each, ((each.get("state") or {}).get("waiting") or {}).get("reason")) for each in _containers(pod)]
    return any(reason in _NEVER or (reason == "CrashLoopBackOff" and int(each.get("restartCount") or 0) >= CRASHES) for each, reason in waiting)


def _reasons(pod: Thing) -> Iterator[str]:
    name = pod["metadata"]["name"]
    for each in (pod.get("status") or {}).get("conditions") or []:
        if (each["type"], each["status"]) == ("PodScheduled", "False"):
            yield f"pod {name}: {each.get('reason')}: {each.get('message', '')}"
    for each in _containers(pod):
        waiting, ended = (each.get("state") or {}).get("waiting"), (each.get("lastState") or {}).get("terminated")
        exits = f", restarted {each.get('restartCount')} times, its last exit code was {ended.get('exitCode')}" if ended else ""
        if waiting:
            message = f" ({waiting['message']})" if waiting.get("message") else ""
            yield f"pod {name}: {each['name']} waits: {waiting.get('reason')}{message}{exits}"
        elif not each.get("ready") and (each.get("state") or {}).get("running"):
            yield f"pod {name}: {each['name']} runs and is not ready{exits}"
