# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handbook's commands on a Deployment, by the real kubernetes.core, against a stand-in for a cluster's API."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes_core import collections
from servers.controllers import CAUSE, HASH, REVISION, Thing, without_hash
from servers.kubernetes import Cluster
from sites import RESTART, ROOT, Site, eventually

ROLLBACK, SCALE, UNDO = (f"playbooks/emergency/{name}.yml" for name in ("rollback", "scale-up", "undo"))
IMAGE = "registry.example.com/shop/api"
SECRET = "Zs3cret"  # noqa: S105 - what must not get out


def template(version: str) -> Thing:
    """The pods of a version. Each has a variable that no other has, and a secret."""
    variables = [{"name": f"ONLY_{version.replace('.', '_')}", "value": "yes"}, {"name": "DB", "value": f"db:{SECRET}-{version}"}]
    container = {"name": "api", "image": f"{IMAGE}:{version}", "env": variables}
    return {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [container]}}


class Shop(Site):
    """The Deployment api, of two pods, which was in version 0.9, then 1.0, and is in 1.1."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        super().__init__(folder)
        self.cluster, self.store = cluster, cluster.api.store
        (folder / "t").mkdir()  # a name as short as can be: Ansible starts with no longer path for its sockets
        self.environment |= {
            "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / 'collections'}:{collections()}", "INCIDENT_CONFIG": str(folder / "config.yml"),
            "TMPDIR": str(folder / "t"),
        }  # fmt: skip
        self.kubernetes: dict[str, Any] = {"kubeconfig": str(cluster.kubeconfig), "timeout": 20}
        self.hosts, self.python = ["prod-api-01"], sys.executable
        self.write()
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        spec = {"replicas": 2, "selector": {"matchLabels": {"app": "api"}}, "strategy": strategy, "template": template("0.9")}
        meta = {"name": "api", "annotations": {CAUSE: "release 0.9"}}
        self.at_once(lambda: self.store.put("deployments", {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": meta, "spec": spec}))
        self.settle()
        for version in ("1.0", "1.1"):
            self.deploy(version)
            self.settle()
        cluster.api.calls.clear()

    def write(self) -> None:
        local = {"ansible_connection": "local", "ansible_python_interpreter": self.python}
        self.inventory.write_text(json.dumps({"api": {"hosts": dict.fromkeys(self.hosts), "vars": local}}))
        service = {"hosts": "api", "backend": "kubernetes", "kubernetes": self.kubernetes, "replicas": {"max": 6, "memory_mb": 512}}
        Path(self.environment["INCIDENT_CONFIG"]).write_text(json.dumps({"services": {"api": service}, "safety": {"max_hosts": 2}}))

    def at_once(self, work: Any) -> Any:
        return self.cluster.at_once(work)

    def deployment(self) -> Thing:
        found: Thing = self.at_once(lambda: self.store.find("deployments", "api"))
        return found

    def edit(self, **spec: Any) -> None:
        """As somebody else does, with kubectl. To be called at_once."""
        found = self.store.find("deployments", "api")
        assert found
        found["spec"] |= spec
        self.store.put("deployments", found, generation=True)

    def deploy(self, version: str) -> None:
        def work() -> None:
            found = self.store.find("deployments", "api")
            assert found
            found["metadata"]["annotations"][CAUSE] = f"release {version}"
            found["spec"]["template"] = template(version)
            self.store.put("deployments", found, generation=True)

        self.at_once(work)

    def settle(self) -> None:
        def settled() -> bool:
            found, status = self.deployment(), self.deployment().get("status", {})
            counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")}
            return status.get("observedGeneration") == found["metadata"]["generation"] and counts == {found["spec"]["replicas"]}

        assert eventually(settled), self.deployment()

    def now(self) -> list[Any]:
        """The version and hash that are asked for, how many, and how many of it are ready."""
        found = self.deployment()
        sets = self.at_once(lambda: self.store.all("replicasets"))
        (mine,) = [each for each in sets if without_hash(each["spec"]["template"]) == found["spec"]["template"]]
        ready = found["status"].get("availableReplicas", 0) if found["status"].get("updatedReplicas") == found["status"].get("replicas") else -1
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        return [image.removeprefix(f"{IMAGE}:"), mine["metadata"]["labels"][HASH], found["spec"]["replicas"], ready]

    def pods(self) -> set[str]:
        return {each["metadata"]["name"] for each in self.at_once(lambda: self.store.all("pods"))}

    def act(self, playbook: str, arguments: str, *more: str) -> tuple[int, str]:
        code, output = self.run("-e", f"app=api service=api {arguments}", *more, playbook=playbook)
        return code, " ".join(output.split())

    def refused(self, playbook: str, arguments: str, *says: str) -> None:
        """It fails, says why, and nothing was touched."""
        self.cluster.api.calls.clear()
        code, output = self.act(playbook, arguments)
        assert code != 0
        for words in [*says, "Nothing was touched"]:
            assert words in output
        assert self.cluster.changes() == []

    def undo(self, which: int = -1) -> tuple[int, str]:
        run = self.incidents()[0]["runs"][which]["run"]
        return self.act(UNDO, f"action={run}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture
def shop(tmp_path: Path, cluster: Cluster) -> Shop:
    return Shop(tmp_path, cluster)


def test_a_deployment_goes_back_to_what_it_was_and_undo_comes_back(shop: Shop) -> None:
    before, new = shop.deployment(), shop.now()
    code, output = shop.act(ROLLBACK, "plan=true")
    assert code == 0, output
    assert f"prod-api-01: {IMAGE}:1.1 ({new[1]}) to {IMAGE}:1.0 (" in output
    assert "revision 2 of 20" in output
    assert "UTC: release 1.0" in output
    assert "0 % of the service is out meanwhile" in output
    code, output = shop.act(ROLLBACK, "version=previous", "--check", "--diff")
    assert code == 0, output
    assert f"+{IMAGE}:1.0" in output
    assert (shop.deployment(), shop.cluster.changes()) == (before, [])

    code, output = shop.act(ROLLBACK, "version=previous", "-vvv")
    assert code == 0, output
    assert SECRET not in output
    found = shop.deployment()
    assert shop.now()[::2] == ["1.0", 2]
    assert shop.now()[3] == 2
    assert found["spec"]["template"] == template("1.0")
    assert (found["metadata"]["annotations"][CAUSE], found["metadata"]["annotations"][REVISION]) == ("release 1.0", "4")
    code, output = shop.undo()
    assert code == 0, output
    assert shop.now() == new
    assert shop.deployment()["spec"] == before["spec"]
    assert SECRET not in output
    kept = [path.read_text(errors="replace") for path in shop.state.rglob("*") if path.is_file()]
    assert not [text for text in kept if SECRET in text]


def test_an_exact_version_is_a_tag_or_a_revision_and_one_that_is_not_there_is_refused(shop: Shop) -> None:
    shop.refused(ROLLBACK, "version=2.0", f"revision 2.0. It has {IMAGE}:1.1 (revision 3), {IMAGE}:1.0 (revision 2), {IMAGE}:0.9 (revision 1)")
    code, output = shop.act(ROLLBACK, "version=0.9")
    assert code == 0, output
    assert shop.now()[0] == "0.9"
    code, output = shop.act(ROLLBACK, "version=2")
    assert code == 0, output
    assert shop.now()[0] == "1.0"
    before = shop.deployment()
    code, output = shop.act(ROLLBACK, f"version={IMAGE}:1.0")
    assert code == 0, output
    assert "changed=0" in output
    assert shop.deployment() == before
    (shop.folder / "MIGRATION").touch()
    shop.refused(ROLLBACK, f"version=0.9 service_rollback_migration_marker={shop.folder}/MIGRATION", "a migration of the database is pending")


def test_what_nobody_could_prove_is_refused(shop: Shop) -> None:
    shop.at_once(lambda: shop.edit(paused=True, template=template("1.2")))
    for playbook in (ROLLBACK, RESTART):
        shop.refused(playbook, "host=prod-api-01", "The Deployment api is paused. Resume it first: kubectl rollout resume deployment/api")
    shop.refused(SCALE, "replicas=3", "has not begun yet to carry out the last change", "Resume it first")
    shop.at_once(lambda: shop.edit(paused=False, replicas=0))
    shop.settle()
    shop.refused(RESTART, "host=prod-api-01", "is scaled to 0")
    shop.kubernetes["deployment"] = "apu"
    shop.write()
    shop.refused(ROLLBACK, "", "The namespace default has no Deployment apu. It has: api")
    shop.hosts.append("prod-api-02")
    shop.write()
    shop.refused(ROLLBACK, "", "is the same from all hosts that reach the cluster, so one is enough", "-e host=prod-api-01")


def test_an_undo_to_what_was_pruned_is_refused(shop: Shop) -> None:
    code, output = shop.act(ROLLBACK, "version=previous")
    assert code == 0, output
    shop.at_once(lambda: shop.edit(revisionHistoryLimit=0))
    assert eventually(lambda: len(shop.at_once(lambda: shop.store.all("replicasets"))) == 1)
    shop.cluster.api.calls.clear()
    code, output = shop.undo()
    assert code != 0
    assert "is gone: the Deployment keeps 0 old ones (revisionHistoryLimit)" in output
    assert "Nothing was touched" in output
    assert shop.cluster.changes() == []


@pytest.mark.parametrize(("fate", "says"), [("crash", "api waits: CrashLoopBackOff"), ("pull", "ProgressDeadlineExceeded")])
def test_a_version_whose_pods_never_get_ready_is_left_again(shop: Shop, fate: str, says: str) -> None:
    before, pods = shop.now(), shop.pods()
    shop.at_once(lambda: shop.edit(progressDeadlineSeconds=2))
    shop.cluster.controllers.bad[f"{IMAGE}:0.9"] = fate
    code, output = shop.act(ROLLBACK, "version=0.9")
    assert code != 0
    assert "verdict made_worse: 2 of 2 pods are available, 1 have" in output
    assert says in output
    assert "it was put back as it was before, and is healthy (2 of 2 pods are available" in output
    assert shop.now() == before
    assert shop.pods() == pods


def test_a_bad_version_that_is_half_way_in_can_be_left(shop: Shop) -> None:
    shop.at_once(lambda: shop.edit(progressDeadlineSeconds=1))
    shop.cluster.controllers.bad[f"{IMAGE}:1.2"] = "unready"
    shop.deploy("1.2")
    assert eventually(lambda: "ProgressDeadlineExceeded" in json.dumps(shop.deployment()))
    code, output = shop.act(ROLLBACK, "version=previous")
    assert code == 0, output
    assert shop.now()[::3] == ["1.1", 2]


def test_a_deployment_gets_as_many_pods_as_were_asked_for_and_undo_takes_them_away(shop: Shop) -> None:
    before, pods = shop.now(), shop.pods()
    code, output = shop.act(SCALE, "replicas=3")
    assert code == 0, output
    assert "2 to 3 instances" in output
    assert shop.now()[2:] == [3, 3]
    assert pods < shop.pods()
    code, output = shop.act(SCALE, "replicas=3")
    assert code == 0, output
    assert "changed=0" in output
    code, output = shop.undo(0)
    assert code == 0, output
    assert shop.now() == before
    assert len(shop.pods()) == 2


def test_pods_that_find_no_room_are_taken_back_and_the_others_stay(shop: Shop) -> None:
    shop.cluster.controllers.room = 3
    shop.kubernetes["timeout"] = 3
    shop.write()
    code, output = shop.act(SCALE, "replicas=4")
    assert code != 0
    assert "3 of 3 pods are available" in output
    assert "1 did not get ready and were taken back" in output
    assert "Unschedulable: 0/3 nodes are available" in output
    assert shop.now()[2:] == [3, 3]


def test_an_autoscaler_is_not_worked_against(shop: Shop) -> None:
    target = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}, "minReplicas": 2, "maxReplicas": 5}
    scaler = {"kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v1", "metadata": {"name": "api-load"}, "spec": target}
    shop.at_once(lambda: shop.store.put("horizontalpodautoscalers", scaler))
    shop.refused(SCALE, "replicas=3", "The HorizontalPodAutoscaler api-load decides how many pods api has (2 to 5)", "edit hpa api-load")


def test_what_somebody_else_has_changed_is_left_alone(shop: Shop) -> None:
    code, output = shop.act(ROLLBACK, "version=previous")
    assert code == 0, output
    shop.deploy("1.2")
    shop.settle()
    shop.cluster.api.calls.clear()
    code, output = shop.undo()
    assert code != 0
    assert f"It has moved since: it is at {IMAGE}:1.2 (" in output
    assert f"and was left at {IMAGE}:1.0 (" in output
    assert shop.cluster.changes() == []


def test_what_somebody_else_changes_at_the_same_moment_is_left_alone(shop: Shop) -> None:
    def deploys() -> None:
        found = shop.store.find("deployments", "api")
        assert found
        found["spec"]["template"] = template("1.2")
        shop.store.put("deployments", found, generation=True)

    shop.cluster.api.upon["update", "deployments"] = [deploys]
    code, output = shop.act(ROLLBACK, "version=previous")
    assert code != 0
    assert "Nothing was touched" in output
    assert shop.deployment()["spec"]["template"] == template("1.2")

    shop.settle()
    before = ("list", "horizontalpodautoscalers")  # the plan asks once, the change once more, just before it
    shop.cluster.api.upon[before] = [lambda: None, lambda: shop.edit(replicas=5)]
    code, output = shop.act(SCALE, "replicas=3")
    assert code != 0
    assert "It has moved since: it is at 5 pods" in output
    assert shop.deployment()["spec"]["replicas"] == 5


def test_a_restart_is_proved_by_its_pods(shop: Shop) -> None:
    before, pods, version = shop.deployment(), shop.pods(), shop.now()[0]
    code, output = shop.act(RESTART, "host=prod-api-01", "--check")
    assert code == 0, output
    assert (shop.deployment(), shop.cluster.changes()) == (before, [])
    code, output = shop.act(RESTART, "host=prod-api-01")
    assert code == 0, output
    assert not pods & shop.pods()
    assert shop.now()[::3] == [version, 2]
    assert "kubectl.kubernetes.io/restartedAt" in shop.deployment()["spec"]["template"]["metadata"]["annotations"]
    assert shop.cluster.changes() == [("PATCH", "/apis/apps/v1/namespaces/default/deployments/api")]
    code, output = shop.act(ROLLBACK, "version=previous plan=true")
    assert f"to {IMAGE}:1.0 (" in output  # what was only restarted is no version of its own


def test_a_cluster_that_answers_badly_is_named(shop: Shop) -> None:
    shop.cluster.api.forbidden = {("list", "replicasets")}
    shop.refused(ROLLBACK, "", "The cluster answered 403: replicasets.apps is forbidden: User ", "Give that user the right")
    shop.kubernetes["context"] = "stranger"
    shop.write()
    shop.refused(RESTART, "host=prod-api-01", "The cluster answered 401: Unauthorized. Check the user and its token or certificate in the kubeconfig")
    shop.cluster.api.instead = 200, "text/html", "<html><body>Welcome to the proxy</body></html>"
    shop.refused(ROLLBACK, "", "What answers there is no Kubernetes API")
    shop.cluster.api.instead = 502, "text/html", "<html><h1>Bad gateway</h1></html>"
    shop.refused(SCALE, "replicas=3", "The cluster answered 502: Bad gateway.")
    shop.cluster.stop()
    shop.refused(ROLLBACK, "", "The cluster can't be reached at 127.0.0.1:", "from prod-api-01: Connection refused")


def test_a_cluster_that_may_change_nothing_says_so_and_keeps_what_it_has(shop: Shop) -> None:
    before = shop.now()
    shop.cluster.api.forbidden = {("update", "deployments"), ("patch", "deployments"), ("patch", "deployments/scale")}
    for playbook, arguments in ((ROLLBACK, ""), (RESTART, "host=prod-api-01"), (SCALE, "replicas=3")):
        code, output = shop.act(playbook, arguments)
        assert code != 0
        assert "The cluster answered 403: deployments" in output
        assert "Nothing was touched" in output
        assert "verdict no_effect" in output
    assert shop.now() == before


def test_a_cluster_that_is_lost_in_the_middle_leaves_an_unknown_outcome_and_can_be_undone(shop: Shop) -> None:
    before = shop.now()
    shop.kubernetes["timeout"] = 2
    shop.write()
    trouble = 503, "application/json", json.dumps({"kind": "Status", "code": 503, "message": "the server is shutting down"})
    shop.cluster.api.upon["update", "deployments"] = [lambda: shop.cluster.later(lambda: setattr(shop.cluster.api, "instead", trouble))]
    code, output = shop.act(ROLLBACK, "version=previous")
    assert code != 0
    assert "The cluster answered 503: the server is shutting down" in output
    assert "It may have been changed" in output
    assert "verdict unknown" in output
    shop.cluster.api.instead = None
    assert shop.now()[0] == "1.0"
    shop.kubernetes["timeout"] = 20
    shop.write()
    code, output = shop.undo()
    assert code == 0, output
    assert shop.now() == before


def test_what_is_missing_is_named_before_anything_is_touched(shop: Shop) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(shop.folder / "bare")], check=True)
    shop.python = str(shop.folder / "bare" / "bin" / "python")
    shop.write()
    shop.refused(ROLLBACK, "", "kubernetes.core needs the Python library kubernetes on prod-api-01", "pip install kubernetes")
    shop.environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "collections")
    for playbook, arguments in ((ROLLBACK, ""), (SCALE, "replicas=3"), (RESTART, "host=prod-api-01")):
        shop.refused(playbook, arguments, "needs the collection kubernetes.core", "ansible-galaxy collection install kubernetes.core")
