# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_compose
short_description: Look at a service of a compose project, change its version or its count, restart it
version_added: 0.2.0
description:
  - The version is the tag in one line of the project's environment file. Only that line is changed, atomically, and the containers follow.
  - Only images on the host are versions; no image is pulled or built. V(previous) is the tag before the current one, by its name and by the age of
    its image. Tags with another form of name are ignored. If V(previous) is not certain, it is refused.
  - A container is healthy if its own health check (if it has one) passes, and it has run for O(steady_for) seconds.
  - Works with C(docker compose) and with the older C(docker-compose).
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.backend, incident.response.containers, incident.response.docker]
options:
  path:
    description: The folder of the compose file.
    type: path
    required: true
  file:
    description: The compose file, relative to O(path). Default is the file that compose finds there.
    type: str
  project:
    description: The name of the project. Default is the name that compose derives from the folder.
    type: str
  service:
    description: The name of the service in the compose file.
    type: str
    required: true
  env_file:
    description: The environment file, relative to O(path).
    type: str
    default: .env
  variable:
    description: The variable in O(env_file) that holds the tag of the service's image.
    type: str
    default: TAG
"""
EXAMPLES = r"""
- name: What would a rollback do?
  incident.response.service_compose:
    path: /srv/shop
    service: api
    what: version
    version: previous
  register: look

- name: Do it, unless it has moved
  incident.response.service_compose:
    path: /srv/shop
    service: api
    what: version
    wanted: "{{ look.wanted }}"
    expected: ["{{ look.state }}"]

- name: Restart one container after the other
  incident.response.service_compose:
    path: /srv/shop
    service: api
    what: restart
"""
RETURN = r"""
state:
  description: The tag, or the number of running containers, after the change.
  type: dict
  returned: when O(what) is not V(restart)
  sample: {tag: "1.4.2"}
wanted:
  description: The state that was asked for.
  type: dict
  returned: when O(what) is not V(restart)
name:
  description: The state in words.
  type: str
  returned: when O(what) is not V(restart)
text:
  description: The change, and for an image its age and its author.
  type: str
  returned: when O(what) is not V(restart)
healthy:
  description: Whether all containers are healthy.
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
  description: The last log lines of the unhealthy containers.
  type: str
  returned: success
broken:
  description: The new containers that did not become healthy and were removed again, each with its last log lines.
  type: dict
  returned: success
memory_left:
  description: Free memory for new processes in MiB.
  type: int
  returned: success
"""

import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils._backends import backend, docker, release
from ansible_collections.incident.response.plugins.module_utils._backends.backend import Refused, State

_ANY = "incident-response-any-tag"


class Project:
    """One service of a compose project on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        given = module.params
        self.docker = docker.Docker(module, given["docker_host"])
        self.folder, self.service, self.timeout = Path(given["path"]), given["service"], given["timeout"]
        self.steady_for: float = given["steady_for"]
        if not self.folder.is_dir():
            raise Refused(f"There is no folder {self.folder} on this host. Nothing was touched.")
        self.env_file = self.folder / given["env_file"]
        self.trouble = ""
        options = {"--project-directory": str(self.folder), "--file": given["file"], "--project-name": given["project"]}
        options["--env-file"] = str(self.env_file) if self.env_file.exists() else None
        self._compose = [*self.docker.compose(), *(word for option, value in options.items() if value for word in (option, value))]
        there = self.compose("config", "--services").split()
        if self.service not in there:
            raise Refused(f"The compose project in {self.folder} has no service {self.service}. It has: {', '.join(there)}. Nothing was touched.")

    def compose(self, *arguments: str, **environment: str) -> str:
        return self.docker.must(*self._compose, *arguments, folder=str(self.folder), **environment)

    def containers(self) -> list[dict[str, Any]]:
        """The containers of the service in the order of their numbers, without containers of `compose run`."""
        found = self.docker.inspect("container", self.compose("ps", "--all", "--quiet", self.service).split())
        return sorted((each for each in found if _label(each, "oneoff") != "True"), key=lambda each: int(_label(each, "container-number") or 0))

    def up(self, count: int, *options: str) -> None:
        """Start the containers. An error of compose is stored, because the health of the containers decides."""
        arguments = ("up", "--detach", "--no-deps", "--no-build", *options, "--scale", f"{self.service}={count}", self.service)
        code, out, err = self.docker.run(*self._compose, *arguments, folder=str(self.folder))
        self.trouble = (err or out).strip() if code else ""

    def wait(self, *only: str) -> bool:
        """Wait until the containers, or the named ones, are healthy or can't become healthy."""

        def judged() -> bool | None:
            each = [self.healthy(one) for one in self.containers() if not only or _name(one) in only]
            return None if None in each else bool(each) and all(each)

        return docker.until(judged, self.timeout)

    def healthy(self, container: dict[str, Any]) -> bool | None:
        return healthy(container, time.time(), self.steady_for)

    def restart(self) -> None:
        """Restart one container at a time. If one does not become healthy, the others are not touched."""
        for container in self.containers():
            self.docker.must("docker", "restart", container["Id"])
            if not self.wait(_name(container)):
                return

    def remove(self, container: dict[str, Any]) -> str:
        """The last log lines of the container."""
        words = self.last_words(container)
        self.docker.must("docker", "rm", "--force", "--volumes", container["Id"])
        return words

    def last_words(self, container: dict[str, Any]) -> str:
        dummy, out, err = self.docker.run("docker", "logs", "--tail", "10", container["Id"])
        checks = (container["State"].get("Health") or {}).get("Log") or []
        said = f"health check: {checks[-1]['Output'].strip()}" if checks and checks[-1]["ExitCode"] else ""
        return "\n".join(filter(None, [(out + err).strip() or str(container["State"].get("Error", "")), said]))


class Tag:
    """The version of the service. A state is the tag in the environment file."""

    def __init__(self, project: Project, module: AnsibleModule) -> None:
        self._project, self._module, self._variable = project, module, module.params["variable"]

    def look(self) -> State:
        return {"tag": value_of(self._text(), self._variable, str(self._project.env_file))}

    def name(self, state: State) -> str:
        return str(state.get("tag", ""))

    def resolve(self, version: str, now: State) -> tuple[State, str]:
        there = self._built()
        if version == "previous":
            version = self._before(now["tag"], there)
        elif version not in there:
            raise Refused(f"This host has no image {self._image(version)}. It has {_some(list(there))}. Nothing was touched.")
        if version != now["tag"] and not self._module.params["force_migrations"]:
            backend.check_migrations(self._project.folder / self._module.params["migration_marker"])
        return {"tag": version}, self._project.docker.about_image(self._image(version))

    def change(self, wanted: State) -> None:
        tag = str(wanted.get("tag", ""))
        if not self._project.docker.inspect("image", [self._image(tag)]):
            raise Refused(f"This host has no image {self._image(tag)} any more. Nothing was touched.")
        count = len({_label(each, "container-number") for each in self._project.containers()})
        before = self._text()
        after = with_value(before, self._variable, tag)
        if after != before:
            self._write(after)
        self._project.up(count)
        self._project.wait()

    def _before(self, tag: str, there: dict[str, float]) -> str:
        """The tag before this one, by the age of its image and by its name. Raises Refused in case of doubt."""
        if tag not in there:
            raise Refused(
                f"What was there before {self._image(tag)} can't be told, since this host doesn't have that image. "
                f"Name the exact version. It has {_some(list(there))}. Nothing was touched."
            )
        if min(there.values()) == there[tag]:
            raise Refused(f"This host has no image older than {self._image(tag)}. It has {_some(list(there))}. Nothing was touched.")
        try:
            return previous(tag, there)
        except release.Doubt as why:
            raise Refused(f"{why}. It has {_some(list(there))}, oldest first. Nothing was touched. Name the exact version: -e version=…") from None

    def _built(self) -> dict[str, float]:
        """The build time of the image of each tag on this host, oldest first."""
        repository = self._image("").rpartition(":")[0]
        lines = self._project.docker.must("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "--", repository).split()
        found = re.escape(self._image(_ANY)).replace(re.escape(_ANY), r"([A-Za-z0-9_][A-Za-z0-9_.-]*)")
        inspect = self._project.docker.inspect
        built = {match[1]: each for match in map(re.compile(found).fullmatch, lines) if match for each in inspect("image", [match[0]])}
        instants = {tag: docker.instant(each["Created"]) for tag, each in built.items()}
        return dict(sorted(instants.items(), key=lambda each: (each[1], each[0] != "latest", each[0])))

    def _image(self, tag: str) -> str:
        """The service's image with another tag, from compose's own rendering of its file."""
        if not hasattr(self, "_pattern"):
            self._pattern = image_in(self._project.compose("config", **{self._variable: _ANY}), self._project.service)
            if _ANY not in self._pattern.rpartition(":")[2] or _ANY in self._pattern.rpartition(":")[0]:
                raise Refused(
                    f"The image of {self._project.service} has no tag that comes from {self._variable}: "
                    f"{self._pattern.replace(_ANY, f'${{{self._variable}}}') or 'it has none'}. Nothing was touched. "
                    f"Say which variable it is: compose.variable in the service catalogue"
                )
        return self._pattern.replace(_ANY, tag)

    def _text(self) -> str:
        path = self._project.env_file
        if not path.exists():
            raise Refused(f"There is no file {path}. Nothing was touched. Say which holds the tag: compose.env_file in the service catalogue")
        with path.open(encoding="utf-8", newline="") as file:
            text: str = file.read()
        return text

    def _write(self, text: str) -> None:
        """Write the file atomically, with its owner and mode."""
        handle, draft = tempfile.mkstemp(dir=self._module.tmpdir)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        self._module.atomic_move(draft, str(self._project.env_file.resolve()))


class Count:
    """The number of running containers of the service on this host. A state is that number."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.broken: dict[str, str] = {}

    def look(self) -> State:
        return {"replicas": sum(_runs(each) for each in self._project.containers())}

    def name(self, state: State) -> str:
        count = int(state.get("replicas", 0))
        return f"{count} container{'s' if count != 1 else ''}"

    def resolve(self, version: str, now: State) -> tuple[State, str]:
        return now, ""  # how many are to be here depends on the other hosts: the plan says it

    def change(self, wanted: State) -> None:
        before = {each["Id"] for each in self._project.containers() if _runs(each)}
        self._project.up(int(wanted["replicas"]), "--no-recreate")
        if self._project.wait():
            return
        for container in self._project.containers():
            if container["Id"] not in before and not self._project.healthy(container):
                self.broken[_name(container)] = self._project.remove(container)


def healthy(container: dict[str, Any], now: float, steady_for: float) -> bool | None:
    """Whether the container is healthy and has run for long enough; None if it is too early to say. `now` is in seconds since 1970. Each start resets
    the time, so a container that crashes sooner after each start is never healthy, whatever its own check says in between."""
    state = container["State"]
    crashes = int(container.get("RestartCount", 0)) >= docker.CRASHES
    if state["Status"] == "restarting":
        return False if crashes else None
    if state["Status"] != "running":
        return False
    check = (state.get("Health") or {}).get("Status", "none")
    if check == "unhealthy":
        return False
    if check in {"healthy", "none"} and now - docker.instant(state["StartedAt"]) >= steady_for:
        return True
    return False if crashes else None


def previous(tag: str, built: dict[str, float]) -> str:
    """The tag before this one. `built` is the build time of each tag's image, in seconds since 1970. Raises Doubt. For a tag without an order, such
    as `latest`, another tag of the same image counts. If an older image has several tags, the tag with the same form of name counts."""
    names = [tag, *(each for each in built if each != tag and built[each] == built[tag])]
    name = next((each for each in names if release.pattern(each)[0]), tag)
    form = release.pattern(name)[0]
    older = {at: each for each, at in sorted(built.items(), key=lambda each: release.pattern(each[0])[0] == form) if at < built[tag]}
    releases = [release.Release(each, at) for at, each in older.items()]
    found = release.previous(release.Release(name, built[tag]), releases)
    younger = [each.name for each in releases if each.made > found.made and release.is_older(each.name, name)]
    if younger:
        raise release.Doubt(f"Before {name} comes {found.name} by its name, and {younger[-1]} by the age of its image")
    return found.name


def image_in(config: str, service: str) -> str:
    """The service's image in the output of `compose config`, which always indents each level by two spaces."""
    services = re.search(r"^services:\n((?:  .*\n)+)", config, re.MULTILINE)
    block = re.search(rf"^  {re.escape(service)}:\n((?:    .*\n)+)", services[1] if services else "", re.MULTILINE)
    image = re.search(r"^    image: [\"']?([^\s\"']+)", block[1] if block else "", re.MULTILINE)
    return image[1] if image else ""


def value_of(text: str, variable: str, where: str) -> str:
    """The value of the variable in an environment file. Raises Refused."""
    found = _lines(variable).findall(text)
    if len(found) != 1:
        what = f"has {variable} {len(found)} times" if found else f"sets no {variable} to a tag"
        raise Refused(f"{where} {what}. Nothing was touched. Say which variable holds the tag: compose.variable in the service catalogue")
    return str(found[0][2])


def with_value(text: str, variable: str, value: str) -> str:
    """The same file with only that value changed."""
    return _lines(variable).sub(lambda found: f"{found[1]}{found[2]}{value}{found[2]}", text)


def _lines(variable: str) -> re.Pattern[str]:
    return re.compile(rf"^([ \t]*(?:export[ \t]+)?{variable}[ \t]*=[ \t]*)([\"']?)([A-Za-z0-9_.-]*)\2(?=[ \t\r]*$|[ \t]+#)", re.MULTILINE)


def _label(container: dict[str, Any], name: str) -> str:
    return str(container["Config"]["Labels"].get(f"com.docker.compose.{name}", ""))


def _name(container: dict[str, Any]) -> str:
    return str(container["Name"]).lstrip("/")


def _runs(container: dict[str, Any]) -> bool:
    return container["State"]["Status"] in {"running", "restarting"}


def _words(container: dict[str, Any]) -> str:
    state = container["State"]
    health = (state.get("Health") or {}).get("Status", "")
    code = f" with {state['ExitCode']}" if state["Status"] == "exited" else ""
    return f"{_name(container)} {state['Status']}{f' ({health})' if health else ''}{code}"


def _some(tags: list[str]) -> str:
    return f"the tags {', '.join(tags[-10:])}" if tags else "none"


def seen(project: Project, result: dict[str, Any], broken: dict[str, str]) -> dict[str, Any]:
    """The result, with the keys of incident.response.service_health_info."""
    containers = project.containers()
    ill = [each for each in containers if not project.healthy(each)]
    words = f"{len(containers) - len(ill)} of {max(len(containers), int(result.get('wanted', {}).get('replicas', 0)))} containers are healthy"
    words += f", not healthy: {', '.join(map(_words, ill))}" if ill else ""
    words += f", did not get healthy and were removed: {', '.join(broken)}" if broken else ""
    last = {**broken, **{_name(each): project.last_words(each) for each in ill}}
    evidence = [project.trouble, *(f"{name}: {log}" for name, log in last.items())]
    return {
        **result, "healthy": bool(containers) and not ill, "exists": True, "detail": words, "evidence": "\n".join(filter(None, evidence)),
        "broken": broken, "memory_left": backend.memory_left(),
        "instance": " ".join(f"{each['Id'][:12]}@{each['State']['StartedAt']}" for each in containers),
    }  # fmt: skip


def work(module: AnsibleModule) -> dict[str, Any]:
    """Do the requested work. Raises Refused, OSError."""
    project, what = Project(module), module.params["what"]
    if not project.containers():
        raise Refused(f"There is no container of {project.service} in the compose project in {project.folder}. Nothing was touched.")
    if what == "restart":
        if not module.check_mode:
            project.restart()
        return seen(project, {"changed": True}, {})
    count = Count(project)
    kind: backend.Backend = count if what == "replicas" else Tag(project, module)
    result = backend.work(module, kind, partial=True)
    if module.params["force"] and module.params["wanted"] and not result["changed"] and not module.check_mode:
        kind.change(result["wanted"])
    return seen(project, result, count.broken)


def main() -> None:
    spec: dict[str, dict[str, Any]] = {
        "path": {"type": "path", "required": True},
        "file": {"type": "str"},
        "project": {"type": "str"},
        "service": {"type": "str", "required": True},
        "env_file": {"type": "str", "default": ".env"},
        "variable": {"type": "str", "default": "TAG"},
    }
    module = AnsibleModule(argument_spec={**spec, **docker.SPEC, **backend.SPEC}, **backend.RULES)
    try:
        module.exit_json(**work(module))
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
