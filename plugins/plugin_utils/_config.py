# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration file `incident-response.yml`: found, read, checked against the schema, and completed with its defaults."""

from __future__ import annotations

import copy
import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible_collections.incident.response.plugins.module_utils._core import rotation

if TYPE_CHECKING:
    from jsonschema import ValidationError

NAME = "incident-response.yml"
_SCHEMA = Path(__file__).absolute().parents[2] / "meta" / "incident-response.schema.json"
_PROVIDERS = Path(__file__).absolute().parents[1] / "module_utils" / "_statuspage"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CONTAINERS = {"compose", "swarm", "kubernetes"}
_KINDS = {
    "object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "null": "null",
}  # fmt: skip


class ConfigError(ValueError):
    """The configuration can't be used. `problems` names each: file, line, path in it, what was expected."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def find(explicit: str = "", environ: Mapping[str, str] | None = None) -> Path | None:
    """The file to use: the one named, INCIDENT_CONFIG, the working directory's, the user's; None where there is none.

    Raises ConfigError where one was named that isn't there.
    """
    environ = os.environ if environ is None else environ
    named = explicit or environ.get("INCIDENT_CONFIG", "")
    if named:
        path = Path(named).expanduser().absolute()
        if not path.exists():
            raise ConfigError([f"{path}: there is no such file (INCIDENT_CONFIG)"])
        return path
    home = environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    places = (Path.cwd() / NAME, Path(home) / "incident-response" / NAME)
    return next((path for path in places if path.is_file()), None)


def load(path: Path | None) -> dict[str, Any]:
    """The whole configuration with all defaults; only these where `path` is None or the file is empty. Raises ConfigError.

    As long as the file is the same it is the same object, for all: nobody may change it.
    """
    if path is None:
        return _completed({})
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from None
    return _read(path, changed)


def service(config: Mapping[str, Any], called: str) -> dict[str, Any]:
    """What is known of a service, by its name or an alias: its entry in the catalogue, else the defaults of one. `name` is its one name."""
    name = _name(config["services"], called)
    found = config["services"].get(name)
    settings: dict[str, Any] = copy.deepcopy(found) if found is not None else _filled({}, schema()["$defs"]["service"])
    settings["name"] = name
    settings.setdefault("commands", {})
    versions = settings["versions"]
    backend, health = settings["backend"], settings["health"]
    versions.setdefault("backend", backend if backend in _CONTAINERS else "release")
    versions.setdefault("path", f"/srv/{name}")
    versions.setdefault("package", name)
    settings["compose"] = {"path": f"/srv/{name}", "service": name, **settings["compose"]}
    settings["swarm"] = {"service": name, **settings["swarm"]}
    settings["kubernetes"] = {"deployment": name, **settings["kubernetes"]}
    settings["replicas"].setdefault("backend", backend if backend in _CONTAINERS else "instances")
    template = settings["replicas"].setdefault("template", f"{name}@.service")
    single = name if name.endswith((".service", ".socket", ".timer", ".target")) else f"{name}.service"
    settings.setdefault("unit", template if backend == "instances" else single)
    settings["checks"] = {
        "unit": settings["unit"] if backend in {"systemd", "instances"} else "",
        "command": health.get("command") or settings["commands"].get("status", []),
        **{key: health[key] for key in ("http", "tcp", "retries", "delay", "passes")},
    }
    return settings


def _name(services: Mapping[str, Any], called: str) -> str:
    """The one name of a service: without a catalogue, `api.service` is `api`."""
    if not services:
        return called.removesuffix(".service") or called
    return next((name for name, entry in services.items() if called in entry["aliases"]), called)


def seconds(duration: str) -> float:
    """`30s`, `5m`, `2h` or `1d` in seconds."""
    return float(duration[:-1]) * _SECONDS[duration[-1]]


@lru_cache
def schema() -> dict[str, Any]:
    """The JSON Schema that the collection ships."""
    loaded: dict[str, Any] = json.loads(_SCHEMA.read_text())
    return loaded


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: can't be read: {error}"]) from None
    lines: dict[tuple[str | int, ...], int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return _completed({})
        twice = list(_look(node, (), lines))
        given = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError([f"{path}{line}: this is no YAML: {error.problem}"]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError([f"{path}: this is no YAML: {error}"]) from None
    problems = [f"{path}:{line}: {_dotted(where)} is there twice" for where, line in twice]
    if given is None:
        given = {}
    problems += [f"{path}:{_line(lines, where)}: {text}" for where, text in _problems(given)]
    problems += [f"{path}:{_line(lines, where)}: {text}" for where, text in _ambiguous(given if not problems else {})]
    problems += [f"{path}:{_line(lines, where)}: {text}" for where, text in _uncovered(given if not problems else {})]
    problems += [f"{path}:{_line(lines, where)}: {text}" for where, text in _unlisted(given if not problems else {})]
    if problems:
        raise ConfigError(problems)
    completed = _completed(given)
    safety = completed["safety"]
    within, expires = safety["approval"]["within"], safety["lock_expires"]
    if seconds(within) >= seconds(expires):
        where = _line(lines, ("safety", "approval", "within"))
        raise ConfigError([f"{path}:{where}: safety.approval.within must be below safety.lock_expires ({expires}), not {within}"])
    return completed


def _look(node: yaml.Node, where: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Note the line of each path below `node`; yields the keys that are there twice."""
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            below = (*where, str(key.value))
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                yield below, key.start_mark.line + 1
            seen.add(str(key.value))
            lines[below] = key.start_mark.line + 1
            yield from _look(value, below, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _look(value, (*where, index), lines)


def _line(lines: Mapping[tuple[str | int, ...], int], where: tuple[str | int, ...]) -> int:
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, 1)


def _dotted(where: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")


def _problems(given: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    from jsonschema import Draft202012Validator

    found = Draft202012Validator(schema()).iter_errors(given)
    for error in sorted(found, key=lambda each: [str(part) for part in each.absolute_path]):
        yield from _worded(error)


def _ambiguous(given: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Aliases that name more than one service."""
    services = given.get("services", {})
    meant = {name: name for name in services}
    for name, entry in services.items():
        for number, alias in enumerate(entry.get("aliases", [])):
            if meant.setdefault(alias, name) != name:
                yield ("services", name, "aliases", number), f"services.{name}.aliases[{number}] {alias} names {meant[alias]} already"


def providers() -> list[str]:
    """What `status_page.provider` may be, but for files of one's own."""
    own = (path.stem for path in _PROVIDERS.glob("*.py") if "\ndef provider(" in path.read_text())
    return ["none", "static", *sorted(own)]


def _unlisted(given: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """A status page that nobody publishes, and components that it has twice, or doesn't have."""
    section = given.get("status_page", {})
    provider = section.get("provider", "static")
    if provider != "static" and not provider.endswith(".py") and provider not in providers():
        yield ("status_page", "provider"), f"status_page.provider must be one of {', '.join(providers())}, or the path of a Python file"
    if provider.endswith(".py") and not Path(provider).expanduser().is_file():
        yield ("status_page", "provider"), f"status_page.provider: there is no file {provider}"
    words = given.get("communication", {})
    if any(words.get("recipients", {}).values()) and "mail" not in words:
        yield ("communication", "recipients"), "communication.recipients needs communication.mail, which says by which server"
    names = list[str]()
    for number, each in enumerate(section.get("components", [])):
        name = each if isinstance(each, str) else each["name"]
        if name in names:
            yield ("status_page", "components", number), f"status_page.components has {name} twice"
        names.append(name)
    for service, entry in given.get("services", {}).items():
        if names and entry.get("component", names[0]) not in names:
            near = difflib.get_close_matches(entry["component"], names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names[:20])}"
            yield ("services", service, "component"), f"services.{service}.component: status_page.components has no {entry['component']}: {hint}"


def _uncovered(given: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What makes no sense in the rotation, and in the sources."""
    for number, source in enumerate(given.get("oncall", {}).get("sources", [])):
        where: tuple[str | int, ...] = ("oncall", "sources", number, "pattern")
        try:
            groups = re.compile(source.get("pattern", "()")).groups
        except re.error as error:
            yield where, f"{_dotted(where)} is no regular expression: {error}"
            continue
        if not groups:
            yield where, f"{_dotted(where)} must have a group, as in on.call: (\\S+)"
    for below, text in rotation.problems(given.get("oncall", {})):
        where = ("oncall", *below)
        yield where, f"{_dotted(where)} {text}"


def _worded(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """An error of the validator in words that say what to do."""
    where = tuple(error.absolute_path)
    at = _dotted(where) or "the file"
    rules = error.schema if isinstance(error.schema, dict) else {}
    value: Any = error.instance
    rule: Any = error.validator_value
    match error.validator:
        case "additionalProperties":
            known = list(rules.get("properties", {}))
            for key in [key for key in value if key not in known]:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
                yield (*where, str(key)), f"{_dotted((*where, str(key)))} is not a key of the configuration: {hint}"
        case "required":
            missing = [key for key in rule if key not in value]
            why = " (its backend is command)" if missing == ["commands"] else ""
            yield where, f"{at} needs {', '.join(missing)}{why}"
        case "enum":
            yield where, f"{at} must be one of {', '.join(map(str, rule))}, not {_shown(value)}"
        case "minimum":
            yield where, f"{at} must be {rule} or more, not {_shown(value)}"
        case _:
            wanted = rules.get("type")
            expected = rules.get("$comment") or _KINDS.get(str(wanted), "something else")
            yield where, f"{at} must be {expected}, not {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


def _completed(given: Mapping[str, Any]) -> dict[str, Any]:
    completed: dict[str, Any] = _filled(given, schema())
    return completed


def _filled(given: Any, rules: Mapping[str, Any]) -> Any:
    """`given` with the schema's defaults in all places that it leaves open."""
    if "$ref" in rules:
        rules = {**schema()["$defs"][rules["$ref"].rpartition("/")[2]], **rules}
    if not isinstance(given, Mapping):
        return copy.deepcopy(given)
    base = rules.get("default")
    found = {**copy.deepcopy(base), **given} if isinstance(base, dict) else dict(given)
    for key, below in rules.get("properties", {}).items():
        if key in found:
            found[key] = _filled(found[key], below)
        elif "default" in below:
            found[key] = _filled(copy.deepcopy(below["default"]), below)
    more = rules.get("additionalProperties")
    if isinstance(more, dict):
        found |= {key: _filled(value, more) for key, value in found.items() if key not in rules.get("properties", {})}
    return found
