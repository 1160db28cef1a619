# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locates the configuration of a run: it is named, or found in the first place that has one."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ansible_collections.incident.response.plugins.plugin_utils import _config_file
from ansible_collections.incident.response.plugins.plugin_utils._config_file import NONE, ConfigError

NAME = "incident-response.yml"
_ALIKE = 0.9
"""How similar the name of another file must be to be told of, as `difflib` counts: one or two letters differ."""
"""Names that people confuse with the right file name."""
_DIGITS = 12
_NOTHING = {"---", "...", "{}", "null", "~"}


class Place(NamedTuple):
    """A candidate file, and a description of its place: beside the inventory."""

    path: Path
    where: str


@dataclass(frozen=True, slots=True)
class Location:
    """The result of the search. `path` is the null device without a configuration. `digest` is the beginning of the file's SHA-256. `empty`: the file
    has no content, for example after a full disk. `problem` is the reason why it may not be used. `notes` are other messages for people. `left` is
    the first file that would be used if none was named. `looked` are the searched folders."""

    path: Path = NONE
    where: str = ""
    digest: str = ""
    empty: bool = False
    problem: str = ""
    notes: tuple[str, ...] = ()
    left: Path | None = None
    looked: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, str]:
        """The data for the record."""
        return {"config": "" if self.path == NONE else str(self.path), "config_sha256": self.digest}

    def changed(self) -> bool:
        """Whether the file has changed since the search."""
        return bool(self.digest) and _digest(self.path)[:_DIGITS] != self.digest

    @property
    def words(self) -> str:
        """One line for people."""
        if self.path != NONE:
            nothing = " is empty: no service catalogue, no protected hosts" if self.empty else ""
            return f"configuration {self.path} ({self.where}){nothing}"
        if self.where:
            return f"without a configuration, by {self.where}: no service catalogue, no protected hosts"
        return "no configuration found: no service catalogue, no protected hosts. INCIDENT_CONFIG names one"


def _nearly(missing: Path) -> list[Path]:
    """The files beside it with almost the configuration's name."""
    try:
        files = [each for each in missing.parent.iterdir() if each.suffix in {".yml", ".yaml"} and each.is_file()] if missing.name == NAME else []
    except OSError:
        return []
    return sorted(each for each in files if difflib.SequenceMatcher(None, each.name, NAME).ratio() >= _ALIKE)


def locate(named: Place | None, places: Iterable[Place]) -> Location:
    """The named file, otherwise the first existing file, even if it is unusable: the next file must not be used silently."""
    there, notes, looked = list[Place](), list[str](), list[str]()
    for place in places:
        looked.append(str(place.path.parent))
        try:
            place.path.lstat()
        except PermissionError:
            notes.append(f"{place.path.parent} can't be looked into for a configuration: permission denied")
        except (OSError, ValueError):
            notes += [f"{other} is not read: rename it to {NAME}" for other in _nearly(place.path)]
        else:
            there.append(place)
    used = named or (there[0] if there else Place(NONE, ""))
    digest, differs = _compared(used, there)
    problem = ""
    try:
        trouble = "" if used.path == NONE else _config_file.untrusted(used.path)
    except ConfigError:
        trouble = ""  # which reading it will say
    if trouble and named:  # as with ANSIBLE_CONFIG: a person who names the file trusts it
        notes.append(f"{trouble}. It is used, since {used.where} names it")
    elif trouble:
        problem = f"{trouble}. To use it all the same, name it: INCIDENT_CONFIG={used.path}"
    left = there[0].path if named and there else None
    return Location(used.path, used.where, digest, _says_nothing(used.path), problem, (*notes, *differs), left, tuple(dict.fromkeys(looked)))


def _compared(used: Place, there: list[Place]) -> tuple[str, list[str]]:
    """The digest of the used file, and a note for each other file with a different content."""
    digest, differs, seen = _digest(used.path), list[str](), {os.path.realpath(used.path)}
    for place in there if used.where else []:
        real = os.path.realpath(place.path)
        if real not in seen and _digest(place.path) != digest:
            differs.append(f"two configurations differ: {used.path} ({used.where}) is used, and {place.path} ({place.where}) is not")
        seen.add(real)
    return ("" if used.path == NONE else digest[:_DIGITS]), differs


def _says_nothing(path: Path) -> bool:
    """Whether the file only has comments and document marks."""
    try:
        lines = [] if path == NONE else _config_file.contents(path).decode("utf-8-sig").splitlines() or [""]
    except (ConfigError, UnicodeDecodeError):
        return False  # which reading it will say
    return bool(lines) and all(not line.strip() or line.lstrip().startswith("#") or line.strip() in _NOTHING for line in lines)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(_config_file.contents(path)).hexdigest()
    except ConfigError:
        return ""
