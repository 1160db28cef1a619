# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the configuration file `incident-response.yml`, checks it against the schema, and adds the defaults."""

from __future__ import annotations

import copy
import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core import rotation
from ansible_collections.incident.response.plugins.module_utils._core.redact import redact
from ansible_collections.incident.response.plugins.module_utils._libraries import complaint
from ansible_collections.incident.response.plugins.plugin_utils import _config_file, _config_template, _config_text, _config_values
from ansible_collections.incident.response.plugins.plugin_utils._config_file import NONE, contents
from ansible_collections.incident.response.plugins.plugin_utils._config_text import Where, dotted

if TYPE_CHECKING:
    from jsonschema import ValidationError

ConfigError = _config_file.ConfigError
_SENSITIVE = re.compile("(?i)pass|token|secret|key|credential|pwd|auth")
_SCHEMA = Path(__file__).absolute().parents[2] / "meta" / "incident-response.schema.json"
_PROVIDERS = Path(__file__).absolute().parents[1] / "module_utils" / "_statuspage"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_refused: dict[Path, str] = {}
_CONTAINERS = {"compose", "swarm", "kubernetes"}
_KINDS = {
    "object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "null": "null",
}  # fmt: skip


def find(explicit: str = "", environ: Mapping[str, str] | None = None) -> Path | None:
    """The named file, or the file in INCIDENT_CONFIG; None without both. This function does not search: a run searches once (`_options.settings`) and
    passes the path on. Raises ConfigError if the file is missing or may not be used."""
    named = explicit or (os.environ if environ is None else environ).get("INCIDENT_CONFIG", "")
    if not named or Path(named) == NONE:
        return None
    path = Path(named).expanduser().absolute()
    if path in _refused:
        raise ConfigError([_refused[path]])
    if not os.path.lexists(path):
        raise ConfigError([f"{path}: there is no such file (INCIDENT_CONFIG)"])
    return path


def refuse(path: Path, problem: str) -> None:
    """Forbid the use of this found file in this process."""
    _refused[path] = problem


def load(path: Path | None) -> dict[str, Any]:
    """The whole configuration with all defaults; only the defaults if `path` is None or the file is empty. Raises ConfigError. The result is cached
    and shared while the file is the same: callers must not change it."""
    if path is None or path == NONE:
        return _defaults()
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0  # reading the file reports the reason
    return _read(path, changed)


def service(config: Mapping[str, Any], called: str) -> dict[str, Any]:
    """The settings of a service, by its name or an alias: its entry in the catalogue, otherwise the defaults. `name` is its main name."""
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
        "identity": settings["commands"].get("identity", []) if backend == "command" else [],
        **{key: health[key] for key in ("http", "tcp", "retries", "delay", "passes", "steady_for", "timeout")},
    }
    return settings


def links(config: Mapping[str, Any]) -> dict[str, str]:
    """The links of the configuration, by their titles."""
    return {name.replace("_", " ").capitalize(): link for name, link in config["links"].items() if link}


def _name(services: Mapping[str, Any], called: str) -> str:
    """The main name of a service. Without a catalogue, `api.service` becomes `api`."""
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


@lru_cache
def _defaults() -> dict[str, Any]:
    return _completed({})


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> dict[str, Any]:
    text = _config_text.parsed(path, contents(path))
    given = text.given
    _gate.learn(_secrets(given))

    def told(found: Iterator[tuple[Where, str]]) -> list[str]:
        return [f"{path}:{text.line(where)}: {words}" for where, words in found]

    problems = [f"{path}:{line}: {dotted(where)} is there twice" for where, line in text.twice]
    wrong = [each for each in _problems(given) if not _filled_in(given, each[0])]
    places = [where for where, dummy in wrong]
    unfilled = (
        each for each in _config_template.refused(given) if not any(each[0][: len(where)] == where != each[0] for where in places)
    )  # that is the cause
    problems += told(unfilled) + told(iter(wrong))
    for look in (_ambiguous, _uncovered, _unlisted):
        problems += told(look({} if problems else given))
    if problems:
        raise ConfigError(problems)
    completed = _anchored(_completed(given), path.parent)
    safety = completed["safety"]
    within, expires = safety["approval"]["within"], safety["lock_expires"]
    if seconds(within) >= seconds(expires):
        line = text.line(("safety", "approval", "within"))
        raise ConfigError([f"{path}:{line}: safety.approval.within must be below safety.lock_expires ({expires}), not {within}"])
    return completed


def _secrets(found: Any) -> Iterator[str]:
    """The secrets of the configuration: passwords in addresses, the values of the named environment variables, or the text itself if it does not look
    like a variable's name."""
    if isinstance(found, list):
        found = dict(enumerate(found))
    for key, value in found.items() if isinstance(found, dict) else ():
        if isinstance(value, str):
            yield from _gate.in_address(value)
        if isinstance(key, str) and key.endswith("_env") and isinstance(value, str):
            yield os.environ.get(value, "") if re.fullmatch("[A-Z_][A-Z0-9_]*", value) or value in os.environ else value
        yield from _secrets(value)


def _anchored(completed: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The configuration with absolute paths (relative to its folder), because the courier has another working directory."""
    for source in completed["oncall"]["sources"]:
        if "calendars" in source:
            source["calendars"] = [each if "://" in each else str(folder / Path(each).expanduser()) for each in source["calendars"]]
    for notifier in completed["paging"]["notifiers"]:
        program = notifier.get("command", [""])[0]
        if "/" in program:
            notifier["command"] = [str(folder / Path(program).expanduser()), *notifier["command"][1:]]
    return completed


def _filled_in(given: Any, where: Where) -> bool:
    """Whether the value at this path is only known on a host, and is checked there."""
    return _config_template.may_stand(where) and _config_template.is_template(reduce(lambda value, part: value[part], where, given))


def faults(name: str, entry: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    """The schema errors of a service's entry: paths in the configuration, and messages that begin with these paths."""
    return _problems({"services": {name: entry}})


def line(path: Path, where: Where) -> int:
    """The line of this path in the file."""
    return _config_text.parsed(path, contents(path)).line(where)


def _problems(given: Any) -> Iterator[tuple[Where, str]]:
    if given == {}:
        return  # this is the way to act without the library
    wrong = list(_config_values.misread(given))
    if wrong:  # the validator compares names as text
        yield from wrong
        return
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        yield (), complaint("a configuration file", "jsonschema>=4.18")
        return
    found = Draft202012Validator(schema()).iter_errors(given)
    for error in sorted(found, key=lambda each: [str(part) for part in each.absolute_path]):
        yield from _worded(error)


def _ambiguous(given: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    """Finds aliases that name more than one service."""
    services = given.get("services", {})
    meant = {name: name for name in services}
    for name, entry in services.items():
        for number, alias in enumerate(entry.get("aliases", [])):
            if meant.setdefault(alias, name) != name:
                yield ("services", name, "aliases", number), f"services.{name}.aliases[{number}] {alias} names {meant[alias]} already"


def providers() -> list[str]:
    """The built-in values of `status_page.provider`."""
    own = (path.stem for path in _PROVIDERS.glob("*.py") if "\ndef provider(" in path.read_text())
    return ["none", "static", *sorted(own)]


def _unlisted(given: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    """Finds an unknown provider of the status page, and duplicate or missing components."""
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


def _uncovered(given: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    """Finds errors in the rotation and in the sources."""
    for number, source in enumerate(given.get("oncall", {}).get("sources", [])):
        where: Where = ("oncall", "sources", number, "pattern")
        try:
            groups = re.compile(source.get("pattern", "()")).groups
        except re.error as error:
            yield where, f"{dotted(where)} is no regular expression: {error}"
            continue
        if not groups:
            yield where, f"{dotted(where)} must have a group, as in on.call: (\\S+)"
    for below, text in rotation.problems(given.get("oncall", {})):
        where = ("oncall", *below)
        yield where, f"{dotted(where)} {text}"


def _worded(error: ValidationError) -> Iterator[tuple[Where, str]]:
    """A validator error as a message that says what to do."""
    where = tuple(error.absolute_path)
    at = dotted(where) or "the file"
    rules = error.schema if isinstance(error.schema, dict) else {}
    value: Any = error.instance
    rule: Any = error.validator_value
    match error.validator:
        case "additionalProperties":
            known = list(rules.get("properties", {}))
            for key in [key for key in value if key not in known]:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
                yield (*where, str(key)), f"{dotted((*where, str(key)))} is not a key of the configuration: {hint}"
        case "required":
            missing = [key for key in rule if key not in value]
            why = " (its backend is command)" if missing == ["commands"] else ""
            yield where, f"{at} needs {', '.join(missing)}{why}"
        case "enum":
            yield where, f"{at} must be one of {', '.join(map(str, rule))}, not {_shown(where, value)}"
        case "minimum":
            yield where, f"{at} must be {rule} or more, not {_shown(where, value)}"
        case _:
            wanted = rules.get("type")
            expected = rules.get("$comment") or _KINDS.get(str(wanted), "something else")
            quoted = ": put it in quotes" if wanted == "string" and isinstance(value, (int, float)) and not isinstance(value, bool) else ""
            yield where, f"{at} must be {expected}, not {_shown(where, value)}{quoted}"


def _shown(where: Where, value: Any) -> str:
    """The value, unless it may be a secret. A token in the place of a variable's name counts as a secret."""
    if any(isinstance(part, str) and _SENSITIVE.search(part) for part in where):
        return f"what is there ({len(str(value))} characters, not shown: it may be a secret)"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = redact(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 60 else text[:59] + "…"


def _completed(given: Mapping[str, Any]) -> dict[str, Any]:
    completed: dict[str, Any] = _filled(given, schema())
    return completed


def _filled(given: Any, rules: Mapping[str, Any]) -> Any:
    """`given` with the schema's defaults for all missing keys."""
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
