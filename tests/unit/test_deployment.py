# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which versions a Deployment has, how healthy it is, and what is said of a cluster's answers."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._backends import deployment as versions
from ansible_collections.incident.response.plugins.module_utils._backends import rollout
from ansible_collections.incident.response.plugins.module_utils._backends.api_answer import code, complaint
from ansible_collections.incident.response.plugins.module_utils._backends.deployment import CAUSE, HASH, RESTARTED, REVISION, NoWay, Revision
from ansible_collections.incident.response.plugins.plugin_utils import _kubernetes
from sites import eventually

OWNER = {"kind": "Deployment", "uid": "u1"}


def template(image: str = "shop/api:1.1", notes: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {"labels": {"app": "api"}} | ({"annotations": notes} if notes else {})
    return {"metadata": meta, "spec": {"containers": [{"name": "api", "image": image}], **more}}


def replica_set(number: int, made_for: dict[str, Any], owner: str = "u1", cause: str = "") -> dict[str, Any]:
    digest = f"h{number}"
    labelled = {**made_for, "metadata": {**made_for["metadata"], "labels": {**made_for["metadata"]["labels"], HASH: digest}}}
    notes = {REVISION: str(number)} | ({CAUSE: cause} if cause else {})
    meta = {"name": f"api-{digest}", "labels": {HASH: digest}, "annotations": notes, "ownerReferences": [{**OWNER, "uid": owner}]}
    return {"metadata": meta | {"creationTimestamp": "2025-11-01T10:00:00Z"}, "spec": {"template": labelled}}


def deployment(made_for: dict[str, Any], status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    meta = {"name": "api", "namespace": "shop", "uid": "u1", "generation": 5, "annotations": {REVISION: "3", CAUSE: "now", "team": "a"}}
    return {"kind": "Deployment", "metadata": meta, "spec": {"replicas": 3, "template": made_for, **spec}, "status": status or {}}


def known(*templates: dict[str, Any]) -> list[Revision]:
    """Revisions 1, 2, … of these."""
    sets = [replica_set(number, each) for number, each in enumerate(templates, 1)]
    return versions.revisions(deployment(templates[-1]), sets)


def test_only_its_own_replica_sets_count_and_the_newest_is_first() -> None:
    sets = [replica_set(number, template("a")) for number in (1, 10, 9)] + [replica_set(11, template("b"), "other")]
    assert [each.number for each in versions.revisions(deployment(template("a:3")), sets)] == [10, 9, 1]


def test_the_current_one_has_the_template_of_the_deployment_whatever_its_number() -> None:
    found = known(template("a:1"), template("a:2"), template("a:3"))
    assert versions.current(deployment(template("a:1")), found).number == 1
    new = deployment(template("a:4"), {"observedGeneration": 4})
    with pytest.raises(NoWay, match="has not begun yet to carry out the last change of the Deployment api"):
        versions.current(new, found)
    assert versions.current({**new, "status": {"observedGeneration": 5}}, found).number == 3  # by the annotation, once that is up to date
    with pytest.raises(NoWay, match="Resume it first: kubectl rollout resume deployment/api"):  # which it never gets while it is paused
        versions.current(deployment(template("a:4"), {"observedGeneration": 5}, paused=True), found)


@pytest.mark.parametrize(
    ("templates", "number"),
    [
        ([template("a:1"), template("a:2")], 1),
        ([template("a:1"), template("a:2"), template("a:2", {RESTARTED: "t"})], 1),
        ([template("a:1", {RESTARTED: "s"}), template("a:2", {RESTARTED: "t"})], 1),
        ([template("a:2"), template("a:2", nodeName="x")], 1),
    ],
)
def test_previous_says_something_else(templates: list[dict[str, Any]], number: int) -> None:
    found = known(*templates)
    assert versions.previous(found[0], found, "").number == number


def test_previous_is_never_what_somebody_has_gone_back_from() -> None:
    """After a rollback from 3 to 2, that one has the number 4, and 3 is still there."""
    first, second, third = (replica_set(number, template(f"a:{number}")) for number in (1, 2, 3))
    for day, each in enumerate((first, second, third), 1):
        each["metadata"]["creationTimestamp"] = f"2025-11-0{day}T10:00:00Z"
    second["metadata"]["annotations"][REVISION] = "4"
    found = versions.revisions(deployment(template("a:2")), [first, second, third])
    assert versions.previous(found[0], found, "").number == 1


def test_without_a_previous_one_it_is_refused_with_what_is_there() -> None:
    found = known(template("a:2"), template("a:2", {RESTARTED: "t"}))
    with pytest.raises(NoWay, match=r"no ReplicaSet before revision 2 with another pod template. It has a:2 \(revision 2\), a:2 \(revision 1\)"):
        versions.previous(found[0], found, "")


@pytest.mark.parametrize(
    ("version", "number"),
    [("1.0", 2), ("reg:5000/api:1.0", 2), ("1", 1), ("3", 3), ("reg:5000/api@sha256:ab", 4), ("7", 5)],
)
def test_an_exact_version_is_a_tag_an_image_or_a_number(version: str, number: int) -> None:
    images = ["reg:5000/api:0.9", "reg:5000/api:1.0", "reg:5000/api", "reg:5000/api@sha256:ab", "reg:5000/api:7"]
    found = known(*map(template, images))
    assert versions.exact(version, found[0], found, "").number == number


def test_of_several_with_the_tag_the_one_that_runs_is_meant_else_the_newest() -> None:
    found = known(template("a:1"), template("a:1", nodeName="x"), template("a:2"))
    assert versions.exact("1", found[2], found, "").number == 1
    with pytest.raises(NoWay, match="2 is the tag of revision 3, and there is a revision 2, too. Name the whole image"):
        versions.exact("2", found[0], found, "")
    assert versions.exact("a:1", found[0], found, "").number == 2


@pytest.mark.parametrize("version", ["3.0", "5000/api", "", "latest", "04"])
def test_what_no_replica_set_has_is_refused(version: str) -> None:
    found = known(template("reg:5000/api"), template("reg:5000/api:1.0"))
    with pytest.raises(NoWay, match="There is no ReplicaSet with the image, tag or revision"):
        versions.exact(version, found[0], found, "")


def test_of_several_containers_one_must_be_named() -> None:
    both = {"metadata": {}, "spec": {"containers": [{"name": "api", "image": "a:1"}, {"name": "proxy", "image": "p:1"}]}}
    assert versions.image(both, "proxy") == "p:1"
    for named in ("", "apu"):
        with pytest.raises(NoWay, match=r"The pod has the containers api, proxy, .*kubernetes.container"):
            versions.image(both, named)


def test_a_state_says_nothing_that_the_template_says_and_finds_it_again() -> None:
    secret = template("a:1")
    secret["spec"]["containers"][0]["env"] = [{"name": "DB", "value": "Zs3cret"}]
    found = known(secret, template("a:2"))
    state = versions.state_of(found[1], "")
    assert state == {"image": "a:1", "hash": "h1"}
    assert versions.kept(state, deployment(template("a:2")), found, "") == found[1]
    with pytest.raises(NoWay, match=r"of a:1 \(gone\) is gone: the Deployment keeps 2 old ones"):
        versions.kept({"image": "a:1", "hash": "gone"}, deployment(template("a:2"), revisionHistoryLimit=2), found, "")


def test_why_it_was_made_is_told_without_secrets() -> None:
    (found,) = versions.revisions(deployment(template()), [replica_set(3, template(), cause="kubectl set env deployment/api\n DB_PASSWORD=Zs3cret")])
    assert versions.about(found) == ", revision 3 of 2025-11-01 10:00 UTC: kubectl set env deployment/api DB_PASSWORD=[redacted]"


def test_the_template_is_replaced_and_merged_with_nothing() -> None:
    old, new = template("a:1", {"old": "yes"}), template("a:2", {"new": "yes"}, nodeName="x")
    (found,) = versions.revisions(deployment(new), [replica_set(1, old)])
    sent = versions.with_revision(deployment(new), found)
    assert sent["spec"]["template"] == old
    assert sent["metadata"]["annotations"] == {REVISION: "3", "team": "a"}  # why the other one was made is not said of this one
    assert "status" not in sent


def test_an_autoscaler_of_this_deployment_counts_and_no_other() -> None:
    def scaler(kind: str, name: str) -> dict[str, Any]:
        return {"metadata": {"name": "load"}, "spec": {"scaleTargetRef": {"kind": kind, "name": name}, "maxReplicas": 5}}

    assert versions.scaled_by(deployment(template()), [scaler("StatefulSet", "api"), scaler("Deployment", "web")]) == ""
    assert "(1 to 5)" in versions.scaled_by(deployment(template()), [scaler("Deployment", "api")])


def test_a_selector_is_written_as_the_api_reads_it() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "NotIn", "values": ["c"]},
        {"key": "here", "operator": "Exists"}, {"key": "gone", "operator": "DoesNotExist"},
    ]  # fmt: skip
    found = deployment(template(), selector={"matchLabels": {"app": "api"}, "matchExpressions": expressions})
    assert versions.selector(found) == ["app=api", "tier in (a,b)", "old notin (c)", "here", "!gone"]


DONE = {"observedGeneration": 5, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
LATE = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": "t1", "message": "late"}]}


def pod(reason: str = "", restarts: int = 0, ready: bool = False, digest: str = "h1") -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": "words"}} if reason else {"running": {}}
    last = {"terminated": {"exitCode": 1}} if restarts else {}
    status = {"name": "api", "ready": ready, "restartCount": restarts, "state": state, "lastState": last}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": f"api-{reason}", "labels": {HASH: digest}}, "status": {"containerStatuses": [status], "conditions": conditions}}


@pytest.mark.parametrize(
    ("status", "pods", "excused", "judged"),
    [
        (DONE, [], "", True),
        ({}, [], "", None),
        (DONE | {"observedGeneration": 4}, [], "", None),
        (DONE | {"replicas": 4}, [], "", None),
        (DONE | {"updatedReplicas": 2}, [], "", None),
        (DONE | {"availableReplicas": 2}, [], "", None),
        (DONE | {"availableReplicas": 2} | LATE, [], "", False),
        (DONE | {"observedGeneration": 4} | LATE, [], "", None),
        (DONE | LATE, [], "", True),
        (DONE | {"availableReplicas": 2}, [pod("CrashLoopBackOff", 3)], "", False),
        (DONE | {"availableReplicas": 2}, [pod("CrashLoopBackOff", 2)], "", None),
        (DONE | {"availableReplicas": 2}, [pod("", 9)], "", None),
        (DONE | {"availableReplicas": 2}, [pod("InvalidImageName")], "", False),
        (DONE | {"availableReplicas": 2}, [pod("ImagePullBackOff")], "", None),
    ],
)
def test_a_rollout_is_over_well_or_beyond_hope_or_neither(status: dict[str, Any], pods: list[Any], excused: str, judged: bool | None) -> None:
    assert rollout.converged(deployment(template(), status), pods, excused) is judged


def test_what_was_overdue_before_is_no_failure_of_this_rollout() -> None:
    found = deployment(template(), DONE | {"availableReplicas": 2} | LATE)
    assert rollout.converged(found, [], rollout.overdue(found)) is None


def test_the_health_names_what_the_pods_wait_for() -> None:
    found = deployment(template(), DONE | {"availableReplicas": 1, "replicas": 4})
    pods = rollout.pods_of([pod("CrashLoopBackOff", 2), pod("ImagePullBackOff"), pod(ready=True), pod("Error", digest="h0")], "h1")
    seen = rollout.health(found, pods, "a:1")
    assert (seen["healthy"], seen["exists"], seen["instance"]) == (False, True, "api-")
    assert seen["detail"] == "1 of 3 pods are available, 3 have a:1, 1 older ones are left"
    assert seen["evidence"].splitlines() == [
        "pod api-CrashLoopBackOff: api waits: CrashLoopBackOff (words), restarted 2 times, its last exit code was 1",
        "pod api-ImagePullBackOff: api waits: ImagePullBackOff (words)",
    ]


@pytest.mark.parametrize(
    ("strategy", "replicas", "share"),
    [
        ({}, 4, 25),
        ({}, 3, 0),
        ({"type": "Recreate"}, 4, 100),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}, 4, 0),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "0%", "maxSurge": "0%"}}, 4, 25),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 3, "maxSurge": 0}}, 2, 100),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}, 5, 40),
    ],
)
def test_how_much_may_be_missing_meanwhile(strategy: dict[str, Any], replicas: int, share: int) -> None:
    assert rollout.out(deployment(template(), replicas=replicas, strategy=strategy)) == share


def answered(number: int, reason: str, body: object) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"failed": True, "msg": f"Exception '{number}\nReason: {reason}\nHTTP response headers: x\nHTTP response body: {text}\nOriginal: …"}


@pytest.mark.parametrize(
    ("answer", "number", "says"),
    [
        (answered(401, "Unauthorized", {"kind": "Status", "code": 401, "message": "Unauthorized"}), 401, "401: Unauthorized. Check the user"),
        (answered(404, "Not Found", "404 page not found"), 404, "404: 404 page not found. Check the namespace"),
        (answered(502, "Bad Gateway", "<html><h1>Bad gateway</h1></html>"), 502, "502: Bad gateway. The cluster, or what is in front"),
        ({"msg": 'Failed to replace object: {"kind": "Status", "code": 409, "message": "was modified"}'}, 409, "409: was modified. Somebody else"),
        ({"msg": "MODULE FAILURE", "module_stderr": f"Traceback\n{answered(403, 'Forbidden', '')['msg']}"}, 403, "403. Give that user"),
        ({"msg": "HTTPSConnectionPool(host='k8s', port=6443): Max retries (… Connection refused)"}, 0, "at k8s:6443 from ops-01: Connection refused"),
        ({"msg": "Task failed: Module failed: 'str' object has no attribute 'groups'"}, 0, "What answers there is no Kubernetes API"),
        ({"msg": "Failed to import the required Python library (kubernetes) on x's Python /usr/bin/python3. Please"}, 0, "for /usr/bin/python3: pip"),
        ({"msg": "Could not create API client: Invalid kube-config file. No current-context"}, 0, "Invalid kube-config file. No current-context"),
    ],
)
def test_a_bad_answer_is_told_in_words(answer: dict[str, Any], number: int, says: str) -> None:
    assert code(answer) == number
    assert says in complaint(answer, "ops-01")


def test_a_cluster_that_never_answers_is_given_up_and_another_timer_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleeps(_module: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            time.sleep(30)
        except Exception:  # as what tries a connection again does
            time.sleep(30)
        return {}

    monkeypatch.setattr(_kubernetes, "_PATIENCE", 0.1)
    rung: list[int] = []
    handler = signal.signal(signal.SIGALRM, lambda number, _frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(_kubernetes.Failed, match="The cluster gave no answer to ops-01 within 0 s"):
            _kubernetes.Cluster(sleeps, {"namespace": "shop", "context": "", "kubeconfig": ""}, "ops-01").find("Pod")
        assert eventually(lambda: bool(rung))
        assert rung == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, handler)
