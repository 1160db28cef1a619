# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection's settings from the environment and from `[incident_response]` in ansible.cfg. The callback documents them."""

from __future__ import annotations

import configparser
import math
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.plugins.loader import callback_loader
from ansible.utils.path import unfrackpath
from ansible_collections.incident.response.plugins.module_utils._core.argument import mistyped
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._config_file import NONE
from ansible_collections.incident.response.plugins.plugin_utils._location import NAME, Location, Place, locate
from ansible_collections.incident.response.plugins.plugin_utils._terminal import Terminal

CALLBACK = "incident.response.incident_timeline"
_VARIABLES = {
    "state_dir": "INCIDENT_STATE_DIR",
    "journal": "INCIDENT_JOURNAL",
    "journal_key_file": "INCIDENT_JOURNAL_KEY_FILE",
    "config": "INCIDENT_CONFIG",
    **{f"rocketchat_{name}": variable for name, variable in connect.VARIABLES.items()},
}
_SECTION = "incident_response"
_PREFIXES = ("INCIDENT_", "ROCKETCHAT_")
_PATHS = ("state_dir", "journal_key_file", "rocketchat_ca_path")
_COLLECTION = Path(__file__).resolve().parents[2]
_SYSTEM = Path("/etc/incident-response")
_said: set[Location] = set()


def settings() -> dict[str, Any]:
    """All options of the callback, even if it is not enabled. Paths are absolute. `config` is the configuration file of the run; the null device if
    there is none. `location` says how it was found. Computed once in a process."""
    found = _given()
    location = _location(found)
    return found | {"config": str(location.path), "location": location}


def environment(options: Mapping[str, Any]) -> dict[str, str]:
    """The environment for the courier. It contains the settings, because arguments are visible in the list of processes. The courier does not search
    for a configuration. If the configuration may not be used, the courier has none."""
    given = {variable: str(options.get(option) or "") for option, variable in _VARIABLES.items()}
    given["INCIDENT_CONFIG"] = str(NONE) if options["location"].problem else options["config"]
    return {**os.environ, **{variable: value for variable, value in given.items() if value}}


def of_environment() -> dict[str, str]:
    """The settings of chat as a courier has them: in its environment."""
    return {f"rocketchat_{name}": os.environ.get(variable, "") for name, variable in connect.VARIABLES.items()}


def say(options: Mapping[str, Any]) -> None:
    """Print which configuration the run uses, or that there is none. The first caller in the controller prints it, once."""
    location = options["location"]
    if location not in _said:
        _said.add(location)
        Terminal().display(f"incident.response: {location.words}", stderr=True)
        warn(options)


def warn(options: Mapping[str, Any]) -> None:
    """Warnings about the configuration. Ansible shows each warning once in a run, from any process."""
    location = options["location"]
    for note in (*([location.problem] if location.problem else []), *location.notes, *_misspelt(_ini(), frozenset(os.environ))):
        Terminal().warning(f"incident.response: {note}")


def drain(options: Mapping[str, Any], default: float) -> float:
    """The time to wait for delivery in seconds. An invalid number only causes a warning, and does not stop an action."""
    given = str(options["drain_timeout"] or "").strip()
    try:
        seconds = float(given) if given else default
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        wrong = f"INCIDENT_DRAIN_TIMEOUT must be a number of seconds, 0 or more, not {given[:40]!r}: {default:.0f} is used"
        Terminal().warning(f"incident.response: {wrong}")
        return default
    return seconds


def connection(options: Mapping[str, Any]) -> dict[str, Any]:
    """The chat's connection options; empty if chat is not configured. Raises connect.Misconfigured."""
    return connect.options({name: options.get(f"rocketchat_{name}") for name in connect.VARIABLES}, {})


def _given() -> dict[str, Any]:
    ours = tuple((name, value) for name, value in os.environ.items() if name.startswith(_PREFIXES))
    return _asked(ours, _ini())


@lru_cache(maxsize=4)
def _asked(_environment: tuple[tuple[str, str], ...], _ini: str) -> dict[str, Any]:
    """Ansible's settings, cached, because each request takes half a millisecond, and a lookup is evaluated again for each variable that contains
    it."""
    plugin = callback_loader.get(CALLBACK, class_only=True)  # makes its options known to Ansible's configuration, by this name
    found: dict[str, Any] = constants.config.get_plugin_options("callback", plugin._load_name)
    return found | {name: _absolute(str(found[name] or ""), _VARIABLES[name]) for name in _PATHS}


def _absolute(path: str, variable: str) -> str:
    """Make a path absolute. Paths from the environment are relative to the working directory, paths from ansible.cfg to its folder. Other processes
    have other working directories."""
    ini = _ini() or None if not os.environ.get(variable) else None
    return str(unfrackpath(path, follow=False, basedir=ini)) if path else ""


@lru_cache(maxsize=4)
def _misspelt(ini: str, environment: frozenset[str]) -> list[str]:
    """Names in ansible.cfg and in the environment that look like ours, and that nothing reads."""
    plugin = callback_loader.get(CALLBACK, class_only=True)
    return lookalikes(ini, environment, constants.config.get_configuration_definitions("callback", plugin._load_name).values())


def lookalikes(ini: str, environment: frozenset[str], known: Collection[Mapping[str, Any]]) -> list[str]:
    """The misspelt names, in words. `known` are the options, as Ansible defines them."""
    keys = {each["key"] for option in known for each in option.get("ini") or ()}
    variables = {each["name"] for option in known for each in option.get("env") or ()}
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="")
    with suppress(configparser.Error, OSError):  # Ansible itself has said so
        parser.read_string(Path(ini).read_text(encoding="utf-8", errors="replace") if ini else "")
    found = [(f"[{each}] in {ini}", f"[{_SECTION}]") for each in parser.sections() if each != _SECTION and mistyped(each, [_SECTION])]
    unknown = [key for key in (parser.options(_SECTION) if parser.has_section(_SECTION) else ()) if key not in keys]
    found += [(f"{key} in [{_SECTION}] of {ini}", mistyped(key, keys) or " or ".join(sorted(keys))) for key in unknown]
    for name in sorted(environment - variables):
        prefix = next((each for each in _PREFIXES if name.startswith(each)), None)
        near = mistyped(name.removeprefix(prefix), [each.removeprefix(prefix) for each in variables if each.startswith(prefix)]) if prefix else ""
        found += [(f"the variable {name}", f"{prefix}{near}")] if near else []
    return [f"{name} is read by nothing: did you mean {near}?" for name, near in found]


def _location(given: Mapping[str, Any]) -> Location:
    arguments = context.CLIARGS.get("args") or ()
    playbooks = () if isinstance(arguments, str) else tuple(map(str, arguments))  # of an ad hoc command it is the pattern of hosts
    sources = tuple(map(str, context.CLIARGS.get("inventory") or ()))  # also what ansible.cfg and the environment name
    named, ini = str(given["config"] or "").strip(), _ini()
    home, variable = os.environ.get("XDG_CONFIG_HOME") or "~/.config", os.environ.get("INCIDENT_CONFIG", "")
    return _searched(named, variable, playbooks, sources, ini, str(unfrackpath(home, follow=False)), _here())


def _ini() -> str:
    """The path of the ansible.cfg in use; empty without one."""
    return str(getattr(constants, "CONFIG_FILE", None) or "")


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


@lru_cache(maxsize=8)
def _searched(named: str, variable: str, playbooks: tuple[str, ...], sources: tuple[str, ...], ini: str, home: str, here: str) -> Location:
    def places() -> Iterator[Place]:
        yield from (Place(folder / NAME, "beside the playbook") for folder in map(_playbook_folder, playbooks) if folder)
        yield from (Place(folder / NAME, "beside the inventory") for folder in map(_inventory_folder, sources) if folder)
        if ini:
            yield Place(Path(ini).parent / NAME, "beside ansible.cfg")
        if here:
            yield Place(Path(here) / NAME, "in the working directory")
        yield Place(Path(home) / "incident-response" / NAME, "in the user's folder")
        yield Place(_SYSTEM / NAME, "of this machine")

    who = "INCIDENT_CONFIG" if variable else f"config in {ini}"
    found = locate(Place(Path(_absolute(named, "INCIDENT_CONFIG")), who) if named else None, places())
    if found.problem:
        _config.refuse(found.path, found.problem)
    return found


def _playbook_folder(playbook: str) -> Path | None:
    """The folder of a named playbook; None for a playbook of this collection, whose folder is no project folder."""
    path = Path(unfrackpath(playbook, follow=False))
    if not path.exists():
        if playbook.startswith("incident.response."):
            return None
        from ansible.utils.collection_loader._collection_finder import _get_collection_playbook_path

        found = _get_collection_playbook_path(playbook)
        path = Path(os.fsdecode(found[1])) if found else path
    return None if path.resolve().is_relative_to(_COLLECTION) else path.parent


def _inventory_folder(source: str) -> Path | None:
    """The folder of an inventory; None for a list of hosts."""
    path = Path(unfrackpath(source, follow=False))
    return None if "," in source or not path.exists() else path if path.is_dir() else path.parent
