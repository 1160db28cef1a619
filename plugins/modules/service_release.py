# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_release
short_description: Look at release folders, and switch between them
version_added: 0.2.0
description:
  - Uses the layout of Capistrano and similar tools, which is a folder V(releases) with a folder for each release, and a symbolic link V(current) to
    one of them.
  - V(previous) is the next older folder whose name has the same form as the current one. Numbers, timestamps and versions are ordered by value,
    hashes by the age of their folders. Folders with another form of name, empty folders and broken uploads are ignored.
  - If V(previous) is not certain, it is refused, with a list of the releases.
  - The link is replaced atomically, so a service sees either the old or the new release.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.backend]
options:
  path:
    description: The folder that contains V(releases) and V(current).
    type: path
    required: true
  migration_marker:
    description:
      - A file whose presence means that a database migration is pending or running, relative to O(path) or to the current release.
      - While the file exists, an older release is refused, because it may not understand the data.
    type: str
    default: MIGRATION_PENDING
  force_migrations:
    description: Ignore the O(migration_marker).
    type: bool
    default: false
"""
EXAMPLES = r"""
- name: What would a rollback do?
  incident.response.service_release:
    path: /srv/api
    version: previous
  register: look

- name: Do it, unless it has moved
  incident.response.service_release:
    path: /srv/api
    wanted: "{{ look.wanted }}"
    expected: ["{{ look.state }}"]
"""
RETURN = r"""
state:
  description: The target of the link after the change.
  type: dict
  returned: success
  sample: {current: releases/20251103101500}
wanted:
  description: The state that was asked for.
  type: dict
  returned: success
  sample: {current: releases/20251103101500}
name:
  description: The current release.
  type: str
  returned: success
text:
  description: The change from one release to the other, when the folder of the other one was changed, and who deployed it.
  type: str
  returned: success
"""

import os
import re
import secrets
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils import _command
from ansible_collections.incident.response.plugins.module_utils._backends import backend, release
from ansible_collections.incident.response.plugins.module_utils._backends.backend import Refused, State

_LONGEST = 60.0
_LOGGED = re.compile(r"deployed as release (\S+) by (\S+)")


class Releases:
    """The release folders of a service. A state is the exact target of the link `current`."""

    def __init__(self, module: AnsibleModule) -> None:
        given = module.params
        self._path, self._marker, self._force = Path(given["path"]), given["migration_marker"], given["force_migrations"]
        self._link = self._path / "current"

    def look(self) -> State:
        if not self._link.is_symlink():
            what = "is not a symbolic link" if self._link.exists() else "is not there"
            mend = "Name the folder that has them (services.NAME.versions.path), or another backend (services.NAME.backend)."
            raise Refused(f"{self._link} {what}: this is no layout of releases. Nothing was touched. {mend}")
        target = self._link.readlink()
        if (self._path / target).parent.resolve() != (self._path / "releases").resolve():
            raise Refused(f"{self._link} points to {target}, which is no release in {self._path / 'releases'}. Nothing was touched.")
        return {"current": os.fspath(target)}

    def name(self, state: State) -> str:
        target = self._path / str(state.get("current", ""))
        return f"{target.name}{'' if target.is_dir() else ' (which is missing)'}"

    def resolve(self, version: str, now: State) -> tuple[State, str]:
        there, current = self._releases(), Path(now["current"])
        if version == "previous":
            version = self._before(current.name, there)
        elif version not in there:
            raise Refused(f"There is no release {version}. {release.listed(there.values())}. Nothing was touched.")
        if version != current.name and not self._force:
            backend.check_migrations(self._path / self._marker, self._link / self._marker)
        return {"current": os.fspath(current.with_name(version))}, self._about(version)

    def change(self, wanted: State) -> None:
        target = str(wanted.get("current", ""))
        if not (self._path / target).is_dir():
            raise Refused(f"The release {target} is not there any more. Nothing was touched.")
        draft = self._link.with_name(f"current.{secrets.token_hex(4)}")
        draft.symlink_to(target)
        try:
            draft.replace(self._link)
        except OSError:
            draft.unlink()
            raise

    def _before(self, name: str, there: dict[str, release.Release]) -> str:
        """The previous release. Raises Refused in case of doubt, because a release must not be guessed."""
        try:
            return release.previous(there.get(name) or release.Release(name, 0.0), there.values()).name
        except release.Doubt as why:
            raise Refused(f"{why}. Nothing was touched. Name the exact version: -e version=… {release.listed(there.values())}.") from None

    def _releases(self) -> dict[str, release.Release]:
        """The folders, by their names. A link to a folder is not a separate release."""
        folders = [each for each in (self._path / "releases").iterdir() if each.is_dir() and not each.is_symlink()]
        born = self._born(folders)
        return {each.name: release.Release(each.name, each.stat().st_mtime, _parts(each), born.get(each.name)) for each in folders}

    def _born(self, folders: list[Path]) -> dict[str, float]:
        """The creation time of each folder on this disk, if the file system and the host's `stat` know it."""
        try:
            code, told, dummy = _command.told(["stat", "--format=%.9W %n", "--", *map(str, folders)], _LONGEST)
            lines = [line.split(" ", 1) for line in told.splitlines()] if not code else []
            return {Path(name).name: float(when) for when, name in lines if float(when) > 0}
        except (OSError, ValueError):
            return {}

    def _about(self, name: str) -> str:
        """The known facts about a release. The time of its deployment is unknown, because any change in its folder changes the folder's time."""
        made = (self._path / "releases" / name).stat().st_mtime
        words = f"folder changed {time.strftime('%Y-%m-%d %H:%M', time.gmtime(made))} UTC"
        try:
            with (self._path / "revisions.log").open(encoding="utf-8", errors="replace") as log:
                people = {found[1]: found[2] for found in map(_LOGGED.search, log) if found}
        except OSError:
            people = {}
        return f" ({words}{f', deployed by {people[name]}' if name in people else ''})"


def _parts(folder: Path) -> frozenset[str]:
    """The top-level content of the folder. The content of an unreadable folder is unknown; it does not count as an empty folder."""
    try:
        return frozenset(each.name for each in folder.iterdir())
    except OSError:
        return frozenset({"what may not be read"})


def main() -> None:
    spec: dict[str, dict[str, Any]] = {
        "path": {"type": "path", "required": True},
        "migration_marker": {"type": "str", "default": "MIGRATION_PENDING"},
        "force_migrations": {"type": "bool", "default": False},
    }
    module = AnsibleModule(argument_spec={**spec, **backend.SPEC}, **backend.RULES)
    backend.run(module, Releases(module))


if __name__ == "__main__":
    main()
