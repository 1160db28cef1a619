# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handbook's commands on containers: compose projects, and a swarm, of a real Docker engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.conftest import SCRIPT
from e2e.engine import REPOSITORY, Engine, compose_file, lacks
from sites import A_RUN, RESTART, SOON, Site, eventually

ROLLBACK, SCALE, UNDO = (f"playbooks/emergency/{name}.yml" for name in ("rollback", "scale-up", "undo"))
ENV = b'# what runs\r\nDB=db\r\nexport TAG="1.1"  # by the pipeline\r\n'
HOSTS = ["prod-api-01", "prod-api-02"]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Where none can be had, the run says so, and fails at its end."""
    why = lacks()
    if why:
        pytest.skip(why)
    root = subprocess.run([SCRIPT, "root"], timeout=4 * A_RUN, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    engine = Engine(tmp_path_factory.mktemp("engine"))
    engine.start()
    try:
        engine.images(Path(root))
        yield engine
    finally:
        engine.stop()


class Containers(Site):
    """The service api, on hosts that share one engine, and what it is in the catalogue."""

    def __init__(self, folder: Path, engine: Engine, hosts: list[str]) -> None:
        super().__init__(folder)
        self.engine, self.hosts = engine, hosts
        self.variables: dict[str, dict[str, Any]] = {}
        self.catalogue: dict[str, Any] = {"hosts": "api", "replicas": {"max": 6}}
        self.environment["INCIDENT_CONFIG"] = str(folder / "config.yml")

    def write(self) -> None:
        local = {"ansible_connection": "local", "ansible_python_interpreter": str(self.programs / "python")}
        hosts = {host: self.variables.get(host, {}) for host in self.hosts}
        self.inventory.write_text(json.dumps({"api": {"hosts": hosts, "vars": local}}))
        Path(self.environment["INCIDENT_CONFIG"]).write_text(json.dumps({"services": {"api": self.catalogue}, "safety": {"max_hosts": 2}}))

    def last(self) -> dict[str, Any]:
        run: dict[str, Any] = self.incidents()[0]["runs"][-1]
        return run

    def undo(self, which: int = -1) -> str:
        """Of one of the runs, or of the last."""
        runs = self.incidents()[0]["runs"]
        code, output = self.run("-e", f"action={runs[which]['run']}", playbook=UNDO)
        assert code == 0, f"{output}\n{runs}\n{self.courier_log()}"
        return output

    def kill_when(self, ready: Any, *arguments: str, playbook: str) -> None:
        """As a machine that is switched off: the controller, and all that it has started, but the courier."""
        process = self.start(*arguments, playbook=playbook)
        if not eventually(ready):
            process.kill()
            raise AssertionError(process.communicate()[0])
        family = [process.pid]
        for parent in family:
            family += [int(each) for path in Path(f"/proc/{parent}/task").glob("*/children") for each in path.read_text().split()]
        for each in set(family) - set(self.couriers()):
            os.kill(each, signal.SIGKILL)
        process.communicate()
        assert eventually(lambda: self.kinds()[-1] == "run_vanished"), self.courier_log()


class Shop(Containers):
    """A compose project on each host, in version 1.1: two of api, one of db, which nobody touches."""

    def __init__(self, folder: Path, engine: Engine, hosts: list[str]) -> None:
        super().__init__(folder, engine, hosts)
        self.catalogue["backend"] = "compose"
        self.projects = {host: f"{folder.name}-{number}".lower().replace("_", "-") for number, host in enumerate(hosts)}
        for host in hosts:
            place = self.place(host)
            (place / "shared").mkdir(parents=True)
            service = {"image": f"{REPOSITORY}:${{TAG}}", "volumes": ["./shared:/shared"], "stop_grace_period": "20s"}
            (place / "docker-compose.yml").write_text(json.dumps(compose_file(service)))
            (place / ".env").write_bytes(ENV)
            project = {"path": str(place), "project": self.projects[host], "service": "api", "docker_host": engine.address, "timeout": SOON}
            self.catalogue["compose"] = project
            if len(hosts) > 1:
                self.variables[host] = {f"service_{role}_compose": project for role in ("rollback", "scale", "restart")}
            self.compose(host, "up", "--detach", "--scale", "api=2")
        assert eventually(lambda: all(self.health(host) == ["healthy"] * 2 for host in hosts))
        self.write()

    def place(self, host: str) -> Path:
        return self.folder / host

    def compose(self, host: str, *arguments: str) -> str:
        return self.engine.docker("--project-name", self.projects[host], *arguments, folder=self.place(host), program="docker-compose")

    def ids(self, host: str, service: str = "api") -> list[str]:
        labels = {"project": self.projects[host], "service": service}
        filters = [word for name, value in labels.items() for word in ("--filter", f"label=com.docker.compose.{name}={value}")]
        return sorted(self.engine.docker("ps", "--all", "--quiet", "--no-trunc", *filters).split())

    def health(self, host: str) -> list[str]:
        return self.engine.inspect("{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}", *self.ids(host))

    def versions(self, host: str) -> list[str]:
        return [image.rpartition(":")[2] for image in self.engine.inspect("{{.Config.Image}}", *self.ids(host))]

    def everything(self) -> list[Any]:
        """What no look and no refusal may change."""
        return [(self.ids(host), self.ids(host, "db"), (self.place(host) / ".env").read_bytes()) for host in self.hosts]

    def down(self) -> None:
        for host in self.hosts:
            self.engine.docker("rm", "--force", "--volumes", *self.ids(host), *self.ids(host, "db"))
            self.engine.docker("network", "rm", f"{self.projects[host]}_default")


@pytest.fixture
def shop(tmp_path: Path, engine: Engine) -> Iterator[Shop]:
    """On one host, known by the catalogue alone."""
    shop = Shop(tmp_path, engine, HOSTS[:1])
    yield shop
    shop.down()


@pytest.fixture
def shops(tmp_path: Path, engine: Engine) -> Iterator[Shop]:
    shop = Shop(tmp_path, engine, HOSTS)
    yield shop
    shop.down()


def flat(output: str) -> str:
    return " ".join(output.split())


def test_compose_goes_back_on_all_hosts_and_undo_brings_every_byte_back(shops: Shop) -> None:
    before, others = shops.everything(), [shops.ids(host, "db") for host in HOSTS]
    code, output = shops.run("-e", "app=api version=previous plan=true", playbook=ROLLBACK)
    assert code == 0, output
    assert "prod-api-02: 1.1 to 1.0 (built " in output
    assert " by ada)" in output
    code, output = shops.run("-e", "app=api version=previous", "--check", "--diff", playbook=ROLLBACK)
    assert code == 0, output
    assert "-1.1\n+1.0" in output
    assert shops.everything() == before

    code, output = shops.run("-e", "app=api version=previous", playbook=ROLLBACK)
    assert code == 0, output
    assert [shops.versions(host) for host in HOSTS] == [["1.0", "1.0"]] * 2
    assert [shops.health(host) for host in HOSTS] == [["healthy"] * 2] * 2
    assert (shops.place(HOSTS[0]) / ".env").read_bytes() == ENV.replace(b"1.1", b"1.0")
    output = shops.undo()
    assert [shops.versions(host) for host in HOSTS] == [["1.1", "1.1"]] * 2
    assert [(shops.place(host) / ".env").read_bytes() for host in HOSTS] == [ENV] * 2
    assert [shops.ids(host, "db") for host in HOSTS] == others

    before = shops.everything()
    code, output = shops.run("-e", "app=api version=1.1", playbook=ROLLBACK)
    assert code == 0, output
    assert "1.1 already" in output
    assert shops.everything() == before


def test_a_compose_version_that_cannot_run_is_left_at_once_and_no_other_host_sees_it(shops: Shop) -> None:
    before = shops.everything()
    code, output = shops.run("-e", "app=api version=0.9", playbook=ROLLBACK)
    assert code != 0
    assert "verdict made_worse: 0 of 2 containers are healthy" in flat(output)
    assert "put back as it was before, and is healthy (2 of 2 containers are healthy)" in flat(output)
    assert "version 0.9 finds no database" in output
    assert shops.everything()[1] == before[1]
    assert (shops.versions(HOSTS[0]), shops.health(HOSTS[0])) == (["1.1"] * 2, ["healthy"] * 2)
    assert (shops.place(HOSTS[0]) / ".env").read_bytes() == ENV


def test_what_compose_cannot_do_is_refused_and_nothing_is_touched(shop: Shop) -> None:
    before, place = shop.everything(), shop.place(HOSTS[0])

    def refused(arguments: str, says: str, playbook: str = ROLLBACK) -> None:
        code, output = shop.run("-e", f"app=api service=api {arguments}", playbook=playbook)
        assert code != 0
        assert says in flat(output)
        assert "Nothing was touched" in flat(output)

    refused("version=9.9", f"has no image {REPOSITORY}:9.9. It has the tags 0.9, 1.0, 1.1")
    (place / "MIGRATION_PENDING").touch()
    refused("", "a migration of the database is pending")
    (place / "MIGRATION_PENDING").unlink()
    (place / ".env").write_bytes(ENV.replace(b"1.1", b"0.9"))
    refused("", f"has no image older than {REPOSITORY}:0.9")
    (place / ".env").write_bytes(ENV.replace(b"1.1", b"8.8"))
    refused("", f"What was there before {REPOSITORY}:8.8 can't be told")
    (place / ".env").write_bytes(ENV)
    shop.catalogue["compose"]["variable"] = "DB"
    shop.write()
    refused("", "The image of api has no tag that comes from DB")
    shop.catalogue["compose"]["variable"] = "IMAGE_TAG"
    shop.write()
    refused("", "sets no IMAGE_TAG to a tag")
    shop.catalogue["compose"]["service"] = "apu"
    shop.write()
    refused("host=prod-api-01", "has no service apu. It has: api, db", RESTART)
    assert shop.everything() == before


def test_compose_gives_as_many_as_were_asked_for_over_its_hosts_and_undo_takes_them_away(shops: Shop) -> None:
    before = shops.everything()
    code, output = shops.run("-e", "service=api replicas=6", playbook=SCALE)
    assert code == 0, output
    assert "prod-api-02: 2 to 3 instances, of 4 to 6" in output
    assert [shops.health(host) for host in HOSTS] == [["healthy"] * 3] * 2
    assert all(set(old[0]) < set(new[0]) for old, new in zip(before, shops.everything(), strict=True))
    code, output = shops.run("-e", "service=api replicas=6", playbook=SCALE)
    assert code == 0, output
    assert "changed=0" in output
    shops.undo(0)
    assert shops.everything() == before


def test_containers_that_do_not_get_healthy_go_and_the_others_stay(shop: Shop) -> None:
    (before,) = shop.everything()
    (shop.place(HOSTS[0]) / "shared" / "seats").write_text("3")
    code, output = shop.run("-e", "service=api replicas=4", playbook=SCALE)
    assert code != 0
    assert "3 of 4 containers are healthy, did not get healthy and were removed: " in flat(output)
    assert "the database takes no more connections" in output
    assert shop.health(HOSTS[0]) == ["healthy"] * 3
    assert set(before[0]) < set(shop.ids(HOSTS[0]))
    shop.undo()
    assert shop.everything() == [before]


def test_a_compose_restart_is_proved_by_the_containers_and_leaves_the_others_alone(shop: Shop) -> None:
    def started(service: str) -> list[str]:
        return shop.engine.inspect("{{.State.StartedAt}}", *shop.ids(HOSTS[0], service))

    before, others = started("api"), started("db")
    code, output = shop.run("-e", "service=api host=prod-api-01", "--check")
    assert code == 0, output
    assert started("api") == before
    code, output = shop.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert "verdict worked" in output or shop.last()["verdict"] == "worked"
    assert not set(started("api")) & set(before)
    assert started("db") == others
    assert shop.health(HOSTS[0]) == ["healthy"] * 2
    first, second = sorted(started("api"))
    finished = shop.engine.inspect("{{.State.FinishedAt}}", *shop.ids(HOSTS[0]))
    assert first < max(finished) < second  # one after the other


def test_a_compose_rollback_that_was_killed_half_way_is_undone(shop: Shop) -> None:
    (shop.place(HOSTS[0]) / "shared" / "stubborn").touch()  # the old containers take their time to stop
    env = shop.place(HOSTS[0]) / ".env"
    shop.kill_when(lambda: b"1.0" in env.read_bytes(), "-e", "app=api version=previous", playbook=ROLLBACK)
    (shop.place(HOSTS[0]) / "shared" / "stubborn").unlink()
    code, output = shop.run("-e", "app=api version=previous", playbook=ROLLBACK)
    assert code != 0
    assert "was interrupted" in flat(output)
    shop.undo(0)
    assert env.read_bytes() == ENV
    assert (shop.versions(HOSTS[0]), shop.health(HOSTS[0])) == (["1.1"] * 2, ["healthy"] * 2)


class Swarm(Containers):
    """The service api in a swarm of one: two tasks in version 1.1, each replaced only once its successor is healthy."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        super().__init__(folder, engine, HOSTS[:1])
        self.service = folder.name.lower().replace("_", "-")
        if engine.docker("info", "--format", "{{.Swarm.LocalNodeState}}") != "active":
            engine.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        (folder / "shared").mkdir()
        mount = ["--mount", f"type=bind,source={folder / 'shared'},target=/shared"]
        update = ["--update-order", "start-first", "--rollback-order", "start-first", "--update-monitor", "1s", "--no-resolve-image"]
        engine.docker("service", "create", "--quiet", "--name", self.service, "--replicas", "2", *mount, *update, f"{REPOSITORY}:1.0")
        engine.docker("service", "update", "--quiet", "--no-resolve-image", "--image", f"{REPOSITORY}:1.1", self.service)
        self.catalogue |= {"backend": "swarm", "swarm": {"service": self.service, "docker_host": engine.address, "timeout": 40}}
        self.write()

    def runs_now(self) -> list[str]:
        """The image that is asked for, how many of it, and how many run."""
        spec = "{{.Spec.TaskTemplate.ContainerSpec.Image}} {{.Spec.Mode.Replicated.Replicas}}"
        asked = self.engine.docker("service", "inspect", "--format", spec, self.service)
        tasks = self.engine.docker("service", "ps", "--filter", "desired-state=running", "--format", "{{.Image}} {{.CurrentState}}", self.service)
        image, count = asked.split()
        running = sum(line.startswith(f"{image} Running") for line in tasks.splitlines())
        return [image.partition("@")[0].rpartition(":")[2], count, str(running)]


@pytest.fixture
def swarm(tmp_path: Path, engine: Engine) -> Iterator[Swarm]:
    swarm = Swarm(tmp_path, engine)
    yield swarm
    engine.docker("service", "rm", swarm.service)


def test_a_swarm_goes_back_and_undo_comes_back(swarm: Swarm) -> None:
    code, output = swarm.run("-e", "app=api version=previous", playbook=ROLLBACK)
    assert code == 0, output
    assert swarm.runs_now() == ["1.0", "2", "2"]
    swarm.undo()
    assert swarm.runs_now() == ["1.1", "2", "2"]
    code, output = swarm.run("-e", "app=api version=0.9", playbook=ROLLBACK)
    assert code != 0
    assert swarm.runs_now() == ["1.1", "2", "2"]
    assert "verdict made_worse" in output or "Nothing was touched" in output
    assert "it has no health check: if it is bad, requests are lost" in flat(output)
    assert "version 0.9 finds no database" in output

    (swarm.folder / "shared" / "seats").write_text("0")  # what follows fails for another reason
    code, output = swarm.run("-e", "service=api replicas=3", playbook=SCALE)
    assert code != 0
    assert "the database takes no more connections" in output
    assert "version 0.9" not in output


def test_a_swarm_is_not_told_to_run_what_nobody_has(swarm: Swarm) -> None:
    before = swarm.runs_now()
    code, output = swarm.run("-e", "app=api version=9.9", playbook=ROLLBACK)
    assert code != 0
    assert f"Nobody is known to have the image {REPOSITORY}:9.9: not this manager, no task of late ran it, and its registry says: " in flat(output)
    assert "Nothing was touched" in flat(output)
    assert swarm.runs_now() == before


def test_a_swarm_that_somebody_took_back_does_not_go_forward_again(swarm: Swarm) -> None:
    swarm.engine.docker("service", "rollback", "--quiet", swarm.service)
    assert swarm.runs_now()[0] == "1.0"
    code, output = swarm.run("-e", "app=api version=previous", playbook=ROLLBACK)
    assert code != 0
    assert f"was before {REPOSITORY}:1.0 is {REPOSITORY}:1.1, which is newer: somebody has gone back already. Nothing was touched" in flat(output)
    assert swarm.runs_now()[0] == "1.0"


def test_a_swarm_gives_as_many_as_were_asked_for_and_undo_takes_them_away(swarm: Swarm) -> None:
    code, output = swarm.run("-e", "service=api replicas=3", playbook=SCALE)
    assert code == 0, output
    assert swarm.runs_now() == ["1.1", "3", "3"]
    code, output = swarm.run("-e", "service=api replicas=3", playbook=SCALE)
    assert code == 0, output
    assert "changed=0" in output
    swarm.undo(0)
    assert swarm.runs_now() == ["1.1", "2", "2"]
    code, output = swarm.run("-e", "service=api replicas=1", playbook=SCALE)
    assert code != 0
    assert "allow_scale_down=true" in flat(output)


def test_a_swarm_restart_is_proved_by_its_tasks(swarm: Swarm) -> None:
    def tasks() -> set[str]:
        return set(swarm.engine.docker("service", "ps", "--quiet", "--filter", "desired-state=running", swarm.service).split())

    before = tasks()
    code, output = swarm.run("-e", "service=api host=prod-api-01", playbook=RESTART)
    assert code == 0, output
    assert swarm.runs_now() == ["1.1", "2", "2"]
    assert not before & tasks()


def test_a_service_that_the_swarm_does_not_have_is_refused(swarm: Swarm) -> None:
    swarm.catalogue["swarm"]["service"] = "nothing"
    swarm.write()
    for arguments, playbook in (("app=api", ROLLBACK), ("service=api replicas=3", SCALE), ("service=api host=prod-api-01", RESTART)):
        code, output = swarm.run("-e", arguments, playbook=playbook)
        assert code != 0
        assert "Nothing was touched" in flat(output)
