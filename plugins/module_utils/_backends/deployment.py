# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The versions of a Kubernetes Deployment, and the objects to send to restore one. Things are objects from the API. A version is one of the
Deployment's ReplicaSets, which keeps its pod template. A state contains the image and the hash of the template, but nothing else of the template,
because it contains secrets."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.redact import cut, redact

Thing = Mapping[str, Any]
State = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
CAUSE = "kubernetes.io/change-cause"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
HASH = "pod-template-hash"
_SHOWN = 10


class NoWay(ValueError):
    """The request is not possible. The text says why, and which versions exist."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A ReplicaSet of a Deployment. `number` changes when it is used again, `hash` never does."""

    number: int
    hash: str
    created: str
    cause: str
    template: Thing


def selector(deployment: Thing) -> list[str]:
    """The label selector of its pods and ReplicaSets."""
    wanted = deployment["spec"]["selector"]
    found = [f"{key}={value}" for key, value in (wanted.get("matchLabels") or {}).items()]
    for each in wanted.get("matchExpressions") or []:
        key, values = each["key"], ",".join(each.get("values") or [])
        found.append({"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}[each["operator"]])
    return found


def revisions(deployment: Thing, replica_sets: Iterable[Thing]) -> list[Revision]:
    """All ReplicaSets of this Deployment, newest first."""
    uid, found = deployment["metadata"].get("uid"), []
    for each in replica_sets:
        meta = each["metadata"]
        notes = meta.get("annotations") or {}
        if any(owner.get("uid") == uid for owner in meta.get("ownerReferences") or []) and str(notes.get(REVISION, "")).isdigit():
            digest = (meta.get("labels") or {}).get(HASH, meta["name"].rpartition("-")[2])
            found.append(Revision(int(notes[REVISION]), digest, meta.get("creationTimestamp", ""), notes.get(CAUSE, ""), each["spec"]["template"]))
    return sorted(found, key=lambda revision: revision.number, reverse=True)


def current(deployment: Thing, known: Sequence[Revision]) -> Revision:
    """The current ReplicaSet. Raises NoWay if its controller has not created it yet."""
    for revision in known:
        if bare(revision.template) == bare(deployment["spec"]["template"]):
            return revision
    meta, paused = deployment["metadata"], deployment["spec"].get("paused")
    number = str((meta.get("annotations") or {}).get(REVISION, ""))
    seen = (deployment.get("status") or {}).get("observedGeneration", 0) >= meta.get("generation", 0)
    for revision in known:
        if seen and not paused and str(revision.number) == number:
            return revision
    hint = f"Resume it first: kubectl rollout resume deployment/{meta['name']}" if paused else "Look again"
    raise NoWay(f"The cluster has not begun yet to carry out the last change of the Deployment {meta['name']}: it has no ReplicaSet. {hint}")


def previous(now: Revision, known: Sequence[Revision], container: str) -> Revision:
    """The newest earlier version with another template; a restart alone does not count. Raises NoWay. A ReplicaSet that was created later was already
    rolled back, even if its number is lower now, because a rollback gives the old template a new number."""
    for revision in known:
        made_later = revision.created > now.created != ""
        if revision.number < now.number and not made_later and _content(revision.template) != _content(now.template):
            return revision
    raise NoWay(f"There is no ReplicaSet before revision {now.number} with another pod template. It has {shown(known, container)}")


def exact(version: str, now: Revision, known: Sequence[Revision], container: str) -> Revision:
    """The version with that tag, image or revision number. If several match, the running one, otherwise the newest. Raises NoWay."""
    images = [each for each in known if version and version in {image(each.template, container), _tag(image(each.template, container))}]
    numbers = [each for each in known if str(each.number) == version]
    if images and numbers and numbers[0] not in images:
        raise NoWay(f"{version} is the tag of revision {images[0].number}, and there is a revision {version}, too. Name the whole image")
    found = images or numbers
    if not found:
        raise NoWay(f"There is no ReplicaSet with the image, tag or revision {version}. It has {shown(known, container)}")
    return now if now in found else found[0]


def kept(state: State, deployment: Thing, known: Sequence[Revision], container: str) -> Revision:
    """The version of a state. Raises NoWay if it was pruned."""
    for revision in known:
        if revision.hash == state.get("hash"):
            return revision
    limit = deployment["spec"].get("revisionHistoryLimit", 10)
    raise NoWay(
        f"The ReplicaSet of {name(state)} is gone: the Deployment keeps {limit} old ones (revisionHistoryLimit). It has {shown(known, container)}. "
        "Name one of these with a rollback, or deploy it again"
    )


def state_of(revision: Revision, container: str) -> State:
    return {"image": image(revision.template, container), "hash": revision.hash}


def name(state: State) -> str:
    """The readable name of a state: its image, and the hash that separates two versions of one image."""
    return f"{state.get('image', '')} ({state.get('hash', '')})"


def about(revision: Revision) -> str:
    """The revision, its age, and its change cause if the Deployment has one."""
    made = revision.created[:16].replace("T", " ")
    cause = cut(redact(" ".join(revision.cause.split()), ()), 120)
    return f", revision {revision.number}{f' of {made} UTC' if made else ''}{f': {cause}' if cause else ''}"


def shown(known: Sequence[Revision], container: str) -> str:
    """The newest versions as text."""
    found = [f"{image(each.template, container)} (revision {each.number})" for each in known[:_SHOWN]]
    more = [f"and {len(known) - _SHOWN} older ones"] if len(known) > _SHOWN else []
    return ", ".join([*found, *more]) or "none"


def image(template: Thing, container: str) -> str:
    """The image of the container with that name; an empty name means the only container. Raises NoWay."""
    found = {each["name"]: str(each["image"]) for each in template["spec"]["containers"]}
    if container in found:
        return found[container]
    if container or len(found) != 1:
        raise NoWay(
            f"The pod has the containers {', '.join(found)}, {f'and no {container}' if container else 'and nobody says which is the service'}. "
            "Name it in the service catalogue: kubernetes.container"
        )
    return next(iter(found.values()))


def bare(template: Thing) -> dict[str, Any]:
    """A pod template without the label that the controller adds to a ReplicaSet's."""
    found: dict[str, Any] = copy.deepcopy(dict(template))
    meta = found.get("metadata") or {}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != HASH}
    return {**found, "metadata": {key: value for key, value in {**meta, "labels": labels}.items() if value}}


def with_revision(deployment: Thing, revision: Revision) -> dict[str, Any]:
    """The replacement for the Deployment: with the template of that ReplicaSet, and its change cause."""
    found: dict[str, Any] = copy.deepcopy({key: value for key, value in deployment.items() if key != "status"})
    notes = {key: value for key, value in (found["metadata"].get("annotations") or {}).items() if key != CAUSE}
    found["metadata"]["annotations"] = notes | ({CAUSE: revision.cause} if revision.cause else {})
    found["spec"]["template"] = bare(revision.template)
    return found


def restarted(deployment: Thing, at: str) -> dict[str, Any]:
    """The patch that restarts all pods of the Deployment."""
    meta = {key: deployment["metadata"][key] for key in ("name", "namespace")}
    template = {"metadata": {"annotations": {RESTARTED: at}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template}}


def scaled_by(deployment: Thing, autoscalers: Iterable[Thing]) -> str:
    """The reason why its number of pods must not be changed by hand; empty without an autoscaler."""
    meta = deployment["metadata"]
    for each in autoscalers:
        target = each["spec"]["scaleTargetRef"]
        if (target.get("kind"), target.get("name")) == ("Deployment", meta["name"]):
            least, most, scaler = each["spec"].get("minReplicas", 1), each["spec"]["maxReplicas"], each["metadata"]["name"]
            return (
                f"The HorizontalPodAutoscaler {scaler} decides how many pods {meta['name']} has ({least} to {most}), and would change it back. "
                f"Change its bounds instead: kubectl --namespace {meta['namespace']} edit hpa {scaler}"
            )
    return ""


def _content(template: Thing) -> dict[str, Any]:
    """The template without the time of a restart."""
    found = bare(template)
    notes = {key: value for key, value in (found["metadata"].get("annotations") or {}).items() if key != RESTARTED}
    return {**found, "metadata": {**found["metadata"], "annotations": notes}}


def _tag(whole: str) -> str:
    last = whole.partition("@")[0].rpartition("/")[2]
    return last.partition(":")[2]
