# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a cluster's controllers do with a Deployment, its ReplicaSets and its pods, for the stand-in.

Sources: [deployment] kubernetes.io/docs/concepts/workloads/controllers/deployment, [lifecycle] .../workloads/pods/pod-lifecycle,
[controller] github.com/kubernetes/kubernetes, pkg/controller/deployment.
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from typing import Any

Thing = dict[str, Any]
REVISION, HISTORY, CAUSE = "deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history", "kubernetes.io/change-cause"
HASH = "pod-template-hash"


class Store:
    """The objects of the namespace `default`. Each write gives a new resourceVersion, as etcd does."""

    def __init__(self) -> None:
        self.version = 1000
        self._things: dict[tuple[str, str], Thing] = {}

    def find(self, plural: str, name: str) -> Thing | None:
        """A copy."""
        return copy.deepcopy(self._things.get((plural, name)))

    def all(self, plural: str) -> list[Thing]:
        return [copy.deepcopy(each) for (kind, dummy), each in self._things.items() if kind == plural]

    def put(self, plural: str, thing: Thing, *, generation: bool = False) -> Thing:
        """`generation`: what is asked for has changed, not only what was seen."""
        before = self._things.get((plural, thing["metadata"]["name"]))
        if before is not None and {**before, "metadata": {}} == {**thing, "metadata": {}} and _meta(before) == _meta(thing):
            return thing
        self.version += 1
        meta = thing["metadata"]
        meta |= {"namespace": "default", "resourceVersion": str(self.version)}
        meta.setdefault("uid", f"uid-{plural}-{meta['name']}")
        meta.setdefault("creationTimestamp", stamp())
        meta["generation"] = (before["metadata"].get("generation", 1) if before else 1) + (1 if generation else 0)
        self._things[plural, meta["name"]] = copy.deepcopy(thing)
        return thing

    def remove(self, plural: str, name: str) -> None:
        self.version += 1
        del self._things[plural, name]


class Controllers:
    """`bad` says of an image what becomes of its pods: `crash`, `pull` (none can be had), `unready` (it runs and never gets ready)."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bad: dict[str, str] = {}
        self.starts = 0.2
        """Seconds until a pod is ready."""
        self.room = 99
        """How many pods the nodes have room for."""
        self.stopped = False
        self._since: dict[str, float] = {}
        self._progress: dict[str, float] = {}
        self._made = 0

    def step(self) -> None:
        if self.stopped:
            return
        for number, pod in enumerate(self.store.all("pods")):
            if number < self.room:
                self._pod(pod)
            else:
                words = "0/3 nodes are available: 3 Insufficient cpu."
                why = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
                self.store.put("pods", {**pod, "status": {"phase": "Pending", "conditions": [why]}})
        for deployment in self.store.all("deployments"):
            self._deployment(deployment)

    def _pod(self, pod: Thing) -> None:
        """Its phases and the reasons why a container waits. [lifecycle]"""
        name, image = pod["metadata"]["name"], pod["spec"]["containers"][0]["image"]
        age = time.monotonic() - self._since.setdefault(name, time.monotonic())
        if age < self.starts:
            return
        fate, status = self.bad.get(image, ""), {"name": pod["spec"]["containers"][0]["name"], "image": image, "ready": False, "restartCount": 0}
        if fate == "crash":
            status["restartCount"] = min(5, int(age / self.starts))
            status["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
            status["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error"}}
        elif fate == "pull":
            status["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}
        else:
            status |= {"state": {"running": {"startedAt": pod["metadata"]["creationTimestamp"]}}, "ready": fate != "unready"}
        ready = {"type": "Ready", "status": "True" if status["ready"] else "False"}
        pod["status"] = {"phase": "Pending" if fate == "pull" else "Running", "containerStatuses": [status], "conditions": [ready]}
        self.store.put("pods", pod)

    def _deployment(self, deployment: Thing) -> None:
        sets = [each for each in self.store.all("replicasets") if owner(each) == deployment["metadata"]["uid"]]
        new = next((each for each in sets if without_hash(each["spec"]["template"]) == deployment["spec"]["template"]), None)
        if not deployment["spec"].get("paused"):  # a paused one makes no ReplicaSet [deployment]
            new = self._new(deployment, sets, new)
        if new:
            self._roll(deployment, new, [each for each in sets if each["metadata"]["name"] != new["metadata"]["name"]])
        self._status(deployment, new)

    def _new(self, deployment: Thing, sets: list[Thing], new: Thing | None) -> Thing:
        """The ReplicaSet of the template: a new one with the next revision, or the old one renumbered. [controller: sync.go, getNewReplicaSet]"""
        meta, numbers = deployment["metadata"], [int(each["metadata"]["annotations"][REVISION]) for each in sets]
        if new is None:
            template = copy.deepcopy(deployment["spec"]["template"])
            digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:9]
            template["metadata"].setdefault("labels", {})[HASH] = digest
            new = {
                "kind": "ReplicaSet", "apiVersion": "apps/v1",
                "metadata": {
                    "name": f"{meta['name']}-{digest}", "labels": template["metadata"]["labels"],
                    "annotations": {REVISION: str(max([0, *numbers]) + 1)},
                    "ownerReferences": [{"kind": "Deployment", "name": meta["name"], "uid": meta["uid"], "controller": True}],
                },
                "spec": {"replicas": 0, "selector": {"matchLabels": template["metadata"]["labels"]}, "template": template}, "status": {"replicas": 0},
            }  # fmt: skip
            self._progress[meta["uid"]] = time.monotonic()
        elif int(new["metadata"]["annotations"][REVISION]) < max(numbers):
            notes = new["metadata"]["annotations"]
            notes[HISTORY] = ",".join([*filter(None, [notes.get(HISTORY)]), notes[REVISION]])
            notes[REVISION] = str(max(numbers) + 1)
        notes = {key: value for key, value in meta.get("annotations", {}).items() if not key.startswith("deployment.kubernetes.io/")}
        new["metadata"]["annotations"] |= notes  # [controller: deployment_util.go, SetNewReplicaSetAnnotations]
        self.store.put("replicasets", new)
        if meta.setdefault("annotations", {}).get(REVISION) != new["metadata"]["annotations"][REVISION]:
            meta["annotations"][REVISION] = new["metadata"]["annotations"][REVISION]
            self.store.put("deployments", deployment)
        return new

    def _roll(self, deployment: Thing, new: Thing, old: list[Thing]) -> None:
        """Not more than the surge at once, and not fewer available than is allowed. [deployment: strategy]"""
        replicas, strategy = deployment["spec"]["replicas"], deployment["spec"]["strategy"]
        rolling, all_pods = strategy.get("rollingUpdate", {}), self._pods(new, *old)
        surge = rolling.get("maxSurge", 0) if strategy["type"] == "RollingUpdate" else 0
        least = replicas - rolling.get("maxUnavailable", 0) if strategy["type"] == "RollingUpdate" else 0
        mine, others = self._pods(new), self._pods(*old)
        while len(mine) > replicas:
            self._end(mine.pop())
        available = sum(map(is_ready, all_pods))
        for pod in sorted(others, key=is_ready):  # those that are not ready go first
            if not is_ready(pod) or available > least:
                available -= is_ready(pod)
                self._end(pod)
        if strategy["type"] == "Recreate" and others:
            return
        room = replicas + surge - len(self._pods(new, *old))
        for _number in range(min(room, replicas - len(mine))):
            self._begin(new)
        for each in [new, *old]:
            pods = self._pods(each)
            each["spec"]["replicas"] = each["status"]["replicas"] = len(pods)
            self.store.put("replicasets", each)

    def _pods(self, *sets: Thing) -> list[Thing]:
        uids = {each["metadata"].get("uid") for each in sets}
        return [pod for pod in self.store.all("pods") if owner(pod) in uids]

    def _begin(self, of: Thing) -> None:
        self._made += 1
        meta = {
            "name": f"{of['metadata']['name']}-{self._made:05d}", "labels": of["spec"]["template"]["metadata"]["labels"],
            "ownerReferences": [{"kind": "ReplicaSet", "name": of["metadata"]["name"], "uid": of["metadata"]["uid"], "controller": True}],
        }  # fmt: skip
        waiting = {"name": "api", "ready": False, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}
        status, spec = {"phase": "Pending", "containerStatuses": [waiting]}, copy.deepcopy(of["spec"]["template"]["spec"])
        self.store.put("pods", {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": status})

    def _end(self, pod: Thing) -> None:
        self.store.remove("pods", pod["metadata"]["name"])

    def _status(self, deployment: Thing, new: Thing | None) -> None:
        """Counts of zero are left out. [controller: sync.go, calculateStatus; progress.go]"""
        sets = [each for each in self.store.all("replicasets") if owner(each) == deployment["metadata"]["uid"]]
        pods, replicas = self._pods(*sets), deployment["spec"]["replicas"]
        updated, available = self._pods(new) if new else [], sum(map(is_ready, pods))
        counts = {
            "replicas": len(pods), "updatedReplicas": len(updated), "readyReplicas": available, "availableReplicas": available,
            "unavailableReplicas": len(pods) - available,
        }  # fmt: skip
        complete = len(updated) == len(pods) == available == replicas
        status = deployment.get("status", {})
        before = {each["type"]: each for each in status.get("conditions", [])}
        name, uid, now = new["metadata"]["name"] if new else "", deployment["metadata"]["uid"], time.monotonic()
        if any(counts[key] > status.get(key, 0) for key in ("updatedReplicas", "readyReplicas")) or uid not in self._progress:
            self._progress[uid] = now
        late = now - self._progress[uid] > deployment["spec"].get("progressDeadlineSeconds", 600)
        timed_out = before.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded" and self._progress[uid] != now
        wanted = {"Available": ("True" if available >= replicas - 1 else "False", "MinimumReplicasAvailable", "")}
        if complete:
            wanted["Progressing"] = "True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'
        elif deployment["spec"].get("paused"):
            wanted["Progressing"] = "Unknown", "DeploymentPaused", "Deployment is paused"
        elif late or timed_out:  # it stays so until there is progress
            wanted["Progressing"] = "False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.'
        else:
            wanted["Progressing"] = "True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'
        conditions = [
            before[kind] if (before.get(kind, {}).get("status"), before.get(kind, {}).get("reason")) == (status, reason)
            else {"type": kind, "status": status, "reason": reason, "message": message, "lastUpdateTime": stamp()}
            for kind, (status, reason, message) in wanted.items()
        ]  # fmt: skip
        seen = {key: count for key, count in counts.items() if count}
        deployment["status"] = {**seen, "observedGeneration": deployment["metadata"].get("generation", 1), "conditions": conditions}
        self.store.put("deployments", deployment)
        if complete:
            self._prune(deployment, sets)

    def _prune(self, deployment: Thing, sets: list[Thing]) -> None:
        """Old ReplicaSets beyond revisionHistoryLimit go, the oldest first. [deployment: clean up policy]"""
        old = sorted((each for each in sets if not each["spec"]["replicas"]), key=lambda each: int(each["metadata"]["annotations"][REVISION]))
        for each in old[: max(0, len(old) - deployment["spec"].get("revisionHistoryLimit", 10))]:
            self.store.remove("replicasets", each["metadata"]["name"])


def stamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _meta(thing: Thing) -> Thing:
    return {key: value for key, value in thing["metadata"].items() if key not in {"resourceVersion", "generation"}}


def owner(thing: Thing) -> str:
    return next((str(each["uid"]) for each in thing["metadata"].get("ownerReferences", [])), "")


def without_hash(template: Thing) -> Thing:
    found = copy.deepcopy(template)
    found["metadata"].get("labels", {}).pop(HASH, None)
    return found


def is_ready(pod: Thing) -> bool:
    return any(each["ready"] for each in pod["status"].get("containerStatuses", []))
