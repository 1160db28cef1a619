# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_swarm
short_description: Look at a service of a Docker swarm, change its image or its count, restart it
version_added: 0.2.0
description:
  - Runs on a manager of the swarm.
  - The swarm itself makes the change, by the service's rules for updates and rollbacks. The module waits until all tasks have the wanted state.
  - A task is healthy if the swarm says that it runs (this includes the health check of its image), and it has run for O(steady_for) seconds.
  - An exact image is passed to the swarm unchanged; its digest is not looked up in a registry. An image is refused if this manager doesn't have it,
    no recent task ran it, and its registry doesn't know it or doesn't answer.
  - V(previous) is the image before the last change, as the swarm has stored it. It is refused if it is newer than the current image.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.backend, incident.response.containers, incident.response.docker]
options:
  service:
    description: The name of the service in the swarm.
    type: str
    required: true
"""
EXAMPLES = r"""
- name: What would a rollback do?
  incident.response.service_swarm:
    service: shop_api
    what: version
    version: previous
  register: look

- name: Do it, unless it has moved
  incident.response.service_swarm:
    service: shop_api
    what: version
    wanted: "{{ look.wanted }}"
    expected: ["{{ look.state }}"]

- name: Replace all tasks by new ones
  incident.response.service_swarm:
    service: shop_api
    what: restart
"""
RETURN = r"""
state:
  description: The image, or the number of replicas, after the change.
  type: dict
  returned: when O(what) is not V(restart)
  sample: {image: "registry.example.com/shop/api:1.4.2"}
wanted:
  description: The state that was asked for.
  type: dict
  returned: when O(what) is not V(restart)
name:
  description: The state in words.
  type: str
  returned: when O(what) is not V(restart)
text:
  description: The change, and the age and author of the image, if this host has it.
  type: str
  returned: when O(what) is not V(restart)
healthy:
  description: Whether the wanted number of tasks runs with the service's image.
  type: bool
  returned: success
exists:
  description: Always true; a missing service is an error.
  type: bool
  returned: success
instance:
  description: A value that differs after a restart.
  type: str
  returned: success
detail:
  description: The result of the check in words.
  type: str
  returned: success
evidence:
  description: The swarm's messages about the failed tasks, and their last log lines.
  type: str
  returned: success
out:
  description: The percentage of the service that can't answer while its tasks are replaced.
  type: int
  returned: success
memory_left:
  description: The memory in MiB of all nodes that take tasks. It includes memory that the swarm has reserved.
  type: int
  returned: success
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils._backends import backend, docker, release
from ansible_collections.incident.response.plugins.module_utils._backends.backend import Refused, State

_GRACE = 10 * 10**9  # nanoseconds until a task is killed, where a spec doesn't say


class Service:
    """A service of the swarm that this host is a manager of."""

    def __init__(self, module: AnsibleModule) -> None:
        given = module.params
        self.docker = docker.Docker(module, given["docker_host"])
        self.name, self.timeout, self.steady_for, self.trouble = given["service"], given["timeout"], given["steady_for"], ""
        if self.docker.must("docker", "info", "--format", "{{.Swarm.ControlAvailable}}").strip() != "true":
            raise Refused("This host is no manager of a swarm. Nothing was touched. Name one: hosts in the service catalogue, or -e host=…")
        if not self.docker.inspect("service", [self.name]):
            there = self.docker.must("docker", "service", "ls", "--format", "{{.Name}}").split()
            raise Refused(f"The swarm has no service {self.name}. It has: {', '.join(there) or 'none'}. Nothing was touched.")
        if not {"Replicated", "Global"} & set(self.look()["Spec"]["Mode"]):
            raise Refused(f"{self.name} is a job of the swarm, no service that goes on. Nothing was touched.")
        self._before = {each["ID"] for each in self.tasks() if _failed(each)}

    def look(self) -> dict[str, Any]:
        (found,) = self.docker.inspect("service", [self.name])
        return found

    def tasks(self) -> list[dict[str, Any]]:
        return self.docker.inspect("task", self.docker.must("docker", "service", "ps", "--quiet", "--no-trunc", self.name).split())

    def memory(self) -> int:
        """The memory in MiB of all nodes that accept tasks."""
        nodes = self.docker.inspect("node", self.docker.must("docker", "node", "ls", "--quiet").split())
        taking = [each for each in nodes if each["Spec"]["Availability"] == "active" and each["Status"]["State"] == "ready"]
        return sum(int(each["Description"]["Resources"]["MemoryBytes"]) for each in taking) >> 20

    def change(self, *command: str) -> None:
        self.docker.must("docker", "service", *command)

    def wait(self) -> bool:
        """Wait until all tasks have the wanted state, or can't reach it."""
        return docker.until(self._converged, self.timeout)

    def healthy(self) -> bool:
        return bool(self._converged())

    def running(self) -> list[dict[str, Any]]:
        return running(self.look(), self.tasks(), time.time(), self.steady_for)

    def failures(self) -> list[dict[str, Any]]:
        """The tasks that failed since this run's first check, the newest last. Older failed tasks are no evidence for this run."""
        found = [each for each in self.tasks() if _failed(each) and each["ID"] not in self._before]
        return sorted(found, key=lambda each: docker.instant(each["Status"]["Timestamp"]))

    def waiting(self) -> list[dict[str, Any]]:
        """The tasks that no node accepts."""
        return [each for each in self.tasks() if each["Status"]["State"] == "pending"]

    def _converged(self) -> bool | None:
        return converged(self.look(), self.tasks(), self._before, now=time.time(), steady_for=self.steady_for)


class Image:
    """The version of the service. A state is its image, with the pinned digest of the swarm, if there is one."""

    def __init__(self, service: Service, module: AnsibleModule) -> None:
        self._service, self._module = service, module

    def look(self) -> State:
        return {"image": image_of(self._service.look()["Spec"])}

    def name(self, state: State) -> str:
        image, dummy, digest = str(state.get("image", "")).partition("@sha256:")
        return f"{image}@{digest[:12]}" if digest else image

    def resolve(self, version: str, now: State) -> tuple[State, str]:
        image = self._previous(now["image"]) if version == "previous" else with_tag(now["image"], version)
        if image != now["image"]:
            self._refuse_missing(image)
        if image != now["image"] and not self._module.params["force_migrations"]:
            backend.check_migrations(Path("/", self._module.params["migration_marker"]))
        return {"image": image}, self._service.docker.about_image(image) + self._risk(image)

    def change(self, wanted: State) -> None:
        image, found = str(wanted["image"]), self._service.look()
        if image != image_of(found["Spec"]):
            before = found.get("PreviousSpec")
            same = before and image_of(before) == image and but_for_image(before) == but_for_image(found["Spec"])
            command = ["rollback"] if same else ["update", "--no-resolve-image", "--image", image]
            self._service.change(*command, "--detach", self._service.name)
        self._service.wait()

    def _previous(self, now: str) -> str:
        before = self._service.look().get("PreviousSpec")
        image = image_of(before) if before else now
        if image == now:
            why = "the change before this one was not one of the image" if before else "it was never changed"
            ran = sorted({image_of(each["Spec"]) for each in self._service.tasks()} - {now})
            raise Refused(
                f"The swarm doesn't know what {self._service.name} was before {now}: {why}. Nothing was touched. Name the exact version"
                + (f"; of late its tasks ran {', '.join(ran)}" if ran else "")
            )
        if self._is_newer(image, now):
            raise Refused(
                f"What {self._service.name} was before {now} is {image}, which is newer: somebody has gone back already. Nothing was touched. "
                "Name the exact version: -e version=…"
            )
        return image

    def _is_newer(self, image: str, now: str) -> bool:
        """Compare by the tags, if they have an order; otherwise by the build times, if this host has the images; otherwise by the last change."""
        (form, place), (form_now, place_now) = (release.pattern(tag_of(each)) for each in (image, now))
        if form == form_now and place and place_now and place != place_now:
            return bool(place > place_now)
        built = [[docker.instant(each["Created"]) for each in self._service.docker.inspect("image", [name])] for name in (image, now)]
        if all(built):
            return built[0] > built[1]
        return str((self._service.look().get("UpdateStatus") or {}).get("State", "")).startswith("rollback_")

    def _refuse_missing(self, image: str) -> None:
        """Raises Refused if nobody is known to have the image, because all its tasks would be rejected."""
        engine = self._service.docker
        if engine.inspect("image", [image]) or image in {image_of(each["Spec"]) for each in self._service.tasks() if not _failed(each)}:
            return
        code, dummy, why = engine.run("docker", "manifest", "inspect", image)
        if code:
            last = "".join(why.strip().splitlines()[-1:])[:200]
            raise Refused(
                f"Nobody is known to have the image {image}: not this manager, no task of late ran it, and its registry says: {last}. "
                "Nothing was touched. Check the tag; if another node has it, pull or build it here, too: docker pull"
            )

    def _risk(self, image: str) -> str:
        """A warning about the effect of a bad image on requests, if only its health check could prevent it."""
        spec = self._service.look()["Spec"]
        check = spec["TaskTemplate"]["ContainerSpec"].get("Healthcheck")
        images = [] if check else self._service.docker.inspect("image", [image])
        known = check or next((each["Config"].get("Healthcheck") or {} for each in images), None)
        if known and (known.get("Test") or ["NONE"]) != ["NONE"]:
            return ""
        what = "has no health check" if known is not None else "may have no health check, since this host doesn't know it"
        return f"; it {what}: if it is bad, requests are lost, as the swarm gives it them as soon as it runs ({order_of(spec)})"


class Replicas:
    """The wanted number of tasks of the service. A state is that number."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.missing = ""

    def look(self) -> State:
        mode = self._service.look()["Spec"]["Mode"]
        if "Replicated" not in mode:
            raise Refused(f"{self._service.name} has one task on each node of the swarm (mode global), so it can't be scaled. Nothing was touched.")
        return {"replicas": int(mode["Replicated"]["Replicas"])}

    def name(self, state: State) -> str:
        count = int(state.get("replicas", 0))
        return f"{count} task{'s' if count != 1 else ''}"

    def resolve(self, version: str, now: State) -> tuple[State, str]:
        return now, ""  # the plan says how many

    def change(self, wanted: State) -> None:
        before, then = self.look()["replicas"], int(wanted["replicas"])
        if then != before:
            self._scale(then)
        if self._service.wait() or then <= before:
            return
        good = len(self._service.running())
        self.missing = f", {then - max(good, before)} did not get there and were taken back"
        self._service.trouble = last_words(self._service)
        self._scale(max(good, before))
        self._service.wait()

    def _scale(self, count: int) -> None:
        self._service.change("scale", "--detach", f"{self._service.name}={count}")


def converged(service: dict[str, Any], tasks: list[dict[str, Any]], before: set[str], *, now: float, steady_for: float) -> bool | None:
    """Whether all tasks have the wanted state; None if it is too early to say. Failed tasks in `before` (ids) don't count."""
    status = (service.get("UpdateStatus") or {}).get("State", "")
    if status in {"paused", "rollback_paused"}:
        return False
    wanted = [each for each in tasks if each["DesiredState"] in {"ready", "running"}]
    good = running(service, tasks, now, steady_for)
    if status not in {"updating", "rollback_started"} and len(good) == len(wanted) == count_of(service, len(wanted)):
        return True
    slots = [each.get("Slot") or each.get("NodeID") for each in tasks if _failed(each) and each["ID"] not in before]
    return False if any(slots.count(slot) >= docker.CRASHES for slot in slots) else None


def running(service: dict[str, Any], tasks: list[dict[str, Any]], now: float, steady_for: float) -> list[dict[str, Any]]:
    """The tasks that have run the service's image for that long. `now` is in seconds since 1970."""
    return [
        each for each in tasks
        if each["DesiredState"] == each["Status"]["State"] == "running" and image_of(each["Spec"]) == image_of(service["Spec"])
        and now - docker.instant(each["Status"]["Timestamp"]) >= steady_for
    ]  # fmt: skip


def _failed(task: dict[str, Any]) -> bool:
    return task["Status"]["State"] in {"failed", "rejected"}


def count_of(service: dict[str, Any], everywhere: int) -> int:
    """The wanted number of tasks; `everywhere` is the number for a service with one task on each node."""
    mode = service["Spec"]["Mode"]
    return int(mode["Replicated"]["Replicas"]) if "Replicated" in mode else everywhere


def image_of(spec: dict[str, Any]) -> str:
    """Return the image in the spec of a service, or of a task."""
    return str(spec.get("TaskTemplate", spec)["ContainerSpec"]["Image"])


def but_for_image(spec: dict[str, Any]) -> dict[str, Any]:
    """The rest of a spec, normalized: two equivalent specs are equal."""
    container = {"StopGracePeriod": _GRACE, **spec["TaskTemplate"]["ContainerSpec"], "Image": ""}
    return {**spec, "TaskTemplate": {**spec["TaskTemplate"], "ContainerSpec": container}}


def tag_of(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def order_of(spec: dict[str, Any]) -> str:
    """The order in which an update replaces a task. Docker's default is to stop the old task first."""
    return str((spec.get("UpdateConfig") or {}).get("Order") or "stop-first")


def out(service: dict[str, Any]) -> int:
    """The percentage of its tasks that are missing while they are replaced."""
    config, count = service["Spec"].get("UpdateConfig") or {}, count_of(service, 1)
    at_once = int(config.get("Parallelism", 1)) or count  # 0 is all
    return 0 if order_of(service["Spec"]) == "start-first" else min(100, at_once * 100 // max(1, count))


def with_tag(image: str, tag: str) -> str:
    """The same image with another tag and no digest."""
    repository, colon, last = image.partition("@")[0].rpartition(":")
    return f"{repository if colon and '/' not in last else image.partition('@')[0]}:{tag}"


def last_words(service: Service) -> str:
    """The swarm's messages about the failed tasks, and the tasks' own last log lines."""
    failed = service.failures() + service.waiting()
    said = [(each["ID"], each["Status"]) for each in failed[-3:]]
    words = [f"task {task[:12]} {status['State']}: {status.get('Err') or status.get('Message', '')}" for task, status in said]
    logs = [service.docker.run("docker", "service", "logs", "--raw", "--tail", "10", each["ID"]) for each in failed[-1:]]
    return "\n".join([*words, *((out + err).strip() for dummy, out, err in logs)]).strip()


def seen(service: Service, result: dict[str, Any], missing: str) -> dict[str, Any]:
    """The result, with the keys of incident.response.service_health_info."""
    found, good, healthy = service.look(), service.running(), service.healthy()
    status = found.get("UpdateStatus") or {}
    words = f"{len(good)} of {count_of(found, len(good))} tasks run {image_of(found['Spec']).partition('@')[0]}{missing}"
    words += f", {status['State']}: {status.get('Message', '')}" if status.get("State") in {"paused", "rollback_paused"} else ""
    return {
        **result, "healthy": healthy, "exists": True, "out": out(found), "detail": words, "memory_left": service.memory(),
        "evidence": service.trouble or ("" if healthy else last_words(service)), "instance": " ".join(sorted(each["ID"] for each in good)),
    }  # fmt: skip


def work(module: AnsibleModule) -> dict[str, Any]:
    """Do the requested work. Raises Refused, OSError."""
    service, what = Service(module), module.params["what"]
    if what == "restart":
        if not module.check_mode:
            service.change("update", "--no-resolve-image", "--force", "--detach", service.name)
            service.wait()
        return seen(service, {"changed": True}, "")
    replicas = Replicas(service)
    kind: backend.Backend = replicas if what == "replicas" else Image(service, module)
    result = backend.work(module, kind, partial=True)
    if module.params["force"] and module.params["wanted"] and not result["changed"] and not module.check_mode:
        kind.change(result["wanted"])
    return seen(service, result, replicas.missing)


def main() -> None:
    spec: dict[str, dict[str, Any]] = {"service": {"type": "str", "required": True}}
    module = AnsibleModule(argument_spec={**spec, **docker.SPEC, **backend.SPEC}, **backend.RULES)
    try:
        module.exit_json(**work(module))
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
