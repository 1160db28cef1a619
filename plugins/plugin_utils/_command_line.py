# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line: which playbooks run, whether only ours run, and whether ours run completely."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.incident.response.plugins.plugin_utils._variables import PLAYBOOKS

_COLLECTION = "incident.response."
_NAMED = re.compile(r"playbook='(\w+)'")
_IMPORT = ("import_playbook", "ansible.builtin.import_playbook")
_ENGINE = "incident.response.emergency_action"
_DEPTH = 5
_LISTS = ("listhosts", "listtasks", "listtags", "syntax")


@dataclass(slots=True)
class CommandLine:
    """`ours` are the collection's playbooks in this run, with the tags on their imports. `others` is the text of other people's plays."""

    ours: dict[str, set[str]] = field(default_factory=dict)
    alone: bool = True
    engine_only: bool = False
    """Whether the plays that are not our playbooks are all the engine's, for actions of somebody's own."""
    others: str = ""


def read() -> CommandLine:
    """Read the arguments of ansible-playbook, and the playbook files. A one-line file that imports our playbook counts as ours."""
    return _read(tuple(map(str, context.CLIARGS.get("args") or ())))


@lru_cache(maxsize=1)
def _read(playbooks: tuple[str, ...]) -> CommandLine:
    line = CommandLine()
    for named in playbooks:
        _add(line, named, Path(), set(), _DEPTH)
    return line


def _add(line: CommandLine, named: str, folder: Path, tags: set[str], depth: int) -> None:
    ours = _by_name(named)
    path = folder / named
    if ours:
        line.ours.setdefault(ours, set()).update(tags)
    elif depth and "{{" not in named and path.is_file():
        for entry in _entries(path):
            _add_entry(line, entry, path, tags | _tags(entry), depth)
    else:
        line.alone = line.engine_only = False


def _add_entry(line: CommandLine, entry: Mapping[str, Any], path: Path, tags: set[str], depth: int) -> None:
    imported = next((str(entry[key]) for key in _IMPORT if key in entry), "")
    hosts = str(entry.get("hosts") or _vars(entry).get("action_targets", ""))
    play = _NAMED.search(hosts) if _COLLECTION in hosts else None
    if play:
        line.ours.setdefault(play[1], set()).update(tags)
    elif imported == _ENGINE:
        line.alone, line.engine_only = False, line.alone or line.engine_only
        line.others += path.read_text(encoding="utf-8", errors="replace")
    elif imported:
        _add(line, imported, path.parent, tags, depth - 1)
    else:
        line.alone = line.engine_only = False
        line.others += path.read_text(encoding="utf-8", errors="replace")


def _by_name(named: str) -> str:
    """Accepts `incident.response.incident_open`, and `incident.response.incident.open` for the file in the folder."""
    if not named.startswith(_COLLECTION):
        return ""
    name = named.removeprefix(_COLLECTION).removeprefix("emergency.").replace(".", "_")
    return name if name in PLAYBOOKS else ""


def _entries(path: Path) -> Iterator[Mapping[str, Any]]:
    """The plays and imports of a playbook. Ansible itself reports unreadable files. Uses a separate loader: the run's loader caches files, and would
    not recognise templates in a file that was read for another purpose."""
    try:
        found = DataLoader().load_from_file(str(path))
    except AnsibleError:
        return
    yield from (entry for entry in found or [] if isinstance(entry, Mapping))


def _vars(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    given = entry.get("vars")
    return given if isinstance(given, Mapping) else {}


def _tags(entry: Mapping[str, Any]) -> set[str]:
    given = entry.get("tags") or []
    return {each.strip() for each in (given.split(",") if isinstance(given, str) else map(str, given))}


def only_lists() -> bool:
    """Whether the command only lists and runs nothing. For example, a linter gives all playbooks the same variables."""
    return any(context.CLIARGS.get(each) for each in _LISTS)


def refuse_parts(line: CommandLine, playbook: str, *, acts: bool) -> None:
    """Raises AnsibleError if the run leaves out a part of the playbook: an action without its verdict must not succeed. Another person's playbook
    that imports ours may leave out our playbook as a whole."""
    if only_lists():
        return
    wanted, unwanted = (set(context.CLIARGS.get(each) or ()) for each in ("tags", "skip_tags"))
    own, whole = line.ours.get(playbook, set()), line.alone or line.engine_only
    why = ""
    if whole and unwanted & ({"all", "tagged"} | own if own else {"all", "untagged"}):
        why = f"--skip-tags {','.join(sorted(unwanted))}"
    elif whole and wanted and "always" not in own and not wanted & ({"all", "tagged"} | own if own else {"all", "untagged"}):
        why = f"--tags {','.join(sorted(wanted))}"
    elif whole and context.CLIARGS.get("start_at_task"):
        why = f"--start-at-task {context.CLIARGS['start_at_task']!r}"
    elif context.CLIARGS.get("step") and (whole or acts):
        why = "--step"
    if why:
        raise AnsibleError(f"{why} leaves out a part of {playbook}, which runs as a whole or not at all. Nothing was touched. Run it without.")
