# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in for a cluster is no kinder than one: the rules of the API, and what becomes of a Deployment."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.controllers import HISTORY, REVISION, Thing
from servers.kubernetes import TOKEN, Cluster
from sites import SOON, eventually

API = "/apis/apps/v1/namespaces/default/deployments/api"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as cluster:
        container = {"name": "api", "image": "a:1", "env": [{"name": "A", "value": "1"}]}
        template = {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [container]}}
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        spec = {"replicas": 2, "selector": {"matchLabels": {"app": "api"}}, "strategy": strategy, "template": template, "progressDeadlineSeconds": 1}
        thing = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "api"}, "spec": spec}
        cluster.controllers.starts = 0.05
        cluster.at_once(lambda: cluster.api.store.put("deployments", thing))
        assert eventually(lambda: over(cluster))
        yield cluster


def ask(cluster: Cluster, path: str, method: str = "GET", body: Any = None, kind: str = "application/json", token: str = TOKEN) -> tuple[int, Thing]:
    server = json.loads(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server + path, data, headers, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=SOON) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def now(cluster: Cluster) -> Thing:
    return ask(cluster, API)[1]


def over(cluster: Cluster) -> bool:
    found = now(cluster)
    conditions = found.get("status", {}).get("conditions", [])
    seen = found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"]
    return seen and any(each.get("reason") in {"NewReplicaSetAvailable", "ProgressDeadlineExceeded"} for each in conditions)


def run(cluster: Cluster, image: str) -> Thing:
    found = now(cluster)
    found["spec"]["template"]["spec"]["containers"][0]["image"] = image
    assert ask(cluster, API, "PUT", {**found, "metadata": {"name": "api"}})[0] == 200
    assert eventually(lambda: over(cluster))
    return now(cluster)


def revisions(cluster: Cluster) -> dict[str, str]:
    sets = ask(cluster, "/apis/apps/v1/namespaces/default/replicasets")[1]["items"]
    return {each["spec"]["template"]["spec"]["containers"][0]["image"]: each["metadata"]["annotations"][REVISION] for each in sets}


def test_a_failure_is_a_status_object(cluster: Cluster) -> None:
    for path, token, code, reason, words in (
        (API, "wrong", 401, "Unauthorized", "Unauthorized"),
        (f"{API[:-3]}apu", TOKEN, 404, "NotFound", 'deployments.apps "apu" not found'),
        (API.replace("default", "other"), TOKEN, 403, "Forbidden", 'cannot get resource "deployments" in API group "apps" in the namespace "other"'),
        ("/apis/apps/v1/deployments", TOKEN, 403, "Forbidden", "at the cluster scope"),
        ("/apis/apps/v1/namespaces/default/jobs", TOKEN, 404, "NotFound", "could not find the requested resource"),
    ):
        number, answer = ask(cluster, path, token=token)
        assert (number, answer["kind"], answer["status"], answer["code"], answer["reason"]) == (code, "Status", "Failure", code, reason)
        assert words in answer["message"]


def test_a_change_is_checked_as_the_api_does(cluster: Cluster) -> None:
    found, part = now(cluster), {"spec": {"replicas": 2}}
    for method, body, kind, code in (
        ("PATCH", part, "application/json", 415),
        ("PUT", {**found, "metadata": {**found["metadata"], "resourceVersion": "1"}}, "application/json", 409),
        ("PUT", {**found, "metadata": {**found["metadata"], "uid": "another"}}, "application/json", 409),
        ("PUT", {**found, "metadata": {"name": "apu"}}, "application/json", 400),
        ("PATCH", {"spec": {"selector": {"matchLabels": {"app": "b"}}}}, MERGE, 422),
        ("PATCH", {"spec": {"template": {"metadata": {"labels": {"app": "b"}}}}}, MERGE, 422),
        ("DELETE", None, "application/json", 405),
    ):
        assert ask(cluster, API, method, body, kind)[0] == code
    assert now(cluster) == found


def test_a_merge_keeps_what_it_does_not_name_and_a_replacement_does_not(cluster: Cluster) -> None:
    named = {"spec": {"template": {"spec": {"containers": [{"name": "api", "env": [{"name": "B", "value": "2"}]}]}}}}
    assert ask(cluster, API, "PATCH", named, STRATEGIC)[0] == 200
    (container,) = now(cluster)["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "api", "image": "a:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    found = now(cluster)
    found["spec"]["template"]["spec"]["containers"][0]["env"] = []
    assert ask(cluster, API, "PUT", {**found, "metadata": {"name": "api"}, "status": {"replicas": 99}})[0] == 200
    assert now(cluster)["spec"]["template"]["spec"]["containers"][0]["env"] == []
    assert now(cluster)["status"]["replicas"] != 99


def test_lists_are_filtered_and_their_items_have_no_kind(cluster: Cluster) -> None:
    for selector, count in (("app=api", 2), ("app%20in%20(web,api)", 2), ("app!=api", 0), ("app", 2), ("!app", 0), ("app%20notin%20(api)", 0)):
        number, answer = ask(cluster, f"/api/v1/namespaces/default/pods?labelSelector={selector}")
        assert (number, answer["kind"], len(answer["items"])) == (200, "PodList", count)
        assert not [each for each in answer["items"] if "kind" in each]
    assert ask(cluster, "/api/v1/namespaces/default/pods?labelSelector=a%20b")[0] == 400


def test_a_template_of_before_takes_its_replica_set_with_a_new_number(cluster: Cluster) -> None:
    run(cluster, "a:2")
    assert revisions(cluster) == {"a:1": "1", "a:2": "2"}
    found = run(cluster, "a:1")
    assert (revisions(cluster), found["metadata"]["annotations"][REVISION]) == ({"a:1": "3", "a:2": "2"}, "3")
    (again,) = [each for each in cluster.at_once(lambda: cluster.api.store.all("replicasets")) if HISTORY in each["metadata"]["annotations"]]
    assert again["metadata"]["annotations"][HISTORY] == "1"


def test_pods_that_never_get_ready_keep_the_old_ones_and_end_at_the_deadline(cluster: Cluster) -> None:
    cluster.controllers.bad["a:2"] = "unready"
    status = run(cluster, "a:2")["status"]
    assert {key: status.get(key) for key in ("replicas", "updatedReplicas", "availableReplicas", "unavailableReplicas")} == {
        "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2, "unavailableReplicas": 1,
    }  # fmt: skip
    assert ("Progressing", "False", "ProgressDeadlineExceeded") in [(each["type"], each["status"], each["reason"]) for each in status["conditions"]]
