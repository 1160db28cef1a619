# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publishes a page's files for a web server, all at once, even if the writer is killed at any time."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

FIRST_PAGE = "index.html"
_RANDOM = "[0-9a-f]{16}"
_TEMPORARY = re.compile(rf"\.incident-response-{_RANDOM}\.tmp")


def write(files: Mapping[str, bytes], folder: Path) -> int:
    """Make `folder` show these files, by their paths in it; returns how many differ from what it showed. None: nothing is written.

    The caller locks: one writer at a time, who reads what is to be shown under the same lock. Otherwise an older page can replace a newer.

    Where `folder` isn't there, or is a link that this made, it becomes a link to a hidden folder beside it: what it shows changes from the
    old page to the new one in one step. Where it is a real folder (a mount, the root of a web site), each file changes in one step,
    index.html last, and what else lies there stays. What killed writers left is removed. Everybody may read the files (0644, 0755).

    Raises OSError where that can't be done, and nothing has changed then (in a real folder: no file is half-written), and where `folder` is
    a file, or a link that leads anywhere else.
    """
    if folder.is_symlink():
        _must_be_ours(folder)
    elif folder.is_dir():
        return _into_folder(files, folder)
    elif folder.exists():
        raise NotADirectoryError(f"{folder} is a file: name a folder for the status page, or one that is not there yet")
    return _as_link(files, folder)


def _must_be_ours(folder: Path) -> None:
    target = str(folder.readlink())
    if not _version(folder.name).fullmatch(target):
        text = f"{folder} is a link to {target}, which is not a status page of ours: name that folder itself, or remove the link"
        raise FileExistsError(text)


def _version(name: str, more: str = "") -> re.Pattern[str]:
    return re.compile(rf"\.{re.escape(name)}-{_RANDOM}{more}")


# A link to the version that is shown


def _as_link(files: Mapping[str, bytes], folder: Path) -> int:
    shown = folder.resolve() if folder.exists() else None
    there = _files(shown) if shown else set()
    same = {name for name, data in files.items() if name in there and shown and (shown / name).read_bytes() == data}
    changed = len(files) - len(same) + len(there - files.keys())
    try:
        if changed or not shown:
            version = folder.with_name(f".{folder.name}-{secrets.token_hex(8)}")
            _make_folder(version)
            for name in sorted(files):
                _make_folders(version, name)
                if not (shown and name in same and _linked(shown / name, version / name)):
                    _create(version / name, files[name])
            for each in [version, *(path for path in version.rglob("*") if path.is_dir())]:
                _keep(each)
            draft = version.with_name(f"{version.name}.link")
            draft.symlink_to(version.name)
            draft.replace(folder)
            _keep(folder.parent)
    finally:
        _sweep(folder)
    return changed


def _files(version: Path) -> set[str]:
    return {str(path.relative_to(version)) for path in version.rglob("*") if not path.is_dir()}


def _linked(old: Path, new: Path) -> bool:
    """Whether the unchanged file could be hard-linked. Some file systems don't support this, and other users' files can't be linked."""
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:
        return False
    return True


def _sweep(folder: Path) -> None:
    """Remove all our versions that aren't shown. The next writer removes the rest."""
    with suppress(OSError):
        shown = str(folder.readlink()) if folder.is_symlink() else ""
        for path in folder.parent.iterdir():
            if path.name == shown or path.lstat().st_uid != os.geteuid():
                continue
            if path.is_symlink():
                if _version(folder.name, r"\.link").fullmatch(path.name):
                    path.unlink()
            elif path.is_dir() and _version(folder.name).fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)


# A real folder


def _into_folder(files: Mapping[str, bytes], folder: Path) -> int:
    for each in {folder, *((folder / name).parent for name in files)}:
        _sweep_temporary(each)
    changed = [name for name, data in files.items() if _content(folder / name) != data]
    for name in sorted(changed, key=lambda name: (name == FIRST_PAGE, name)):
        _make_folders(folder, name)
        path = folder / name
        draft = path.with_name(f".incident-response-{secrets.token_hex(8)}.tmp")
        try:
            _create(draft, files[name])
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        _keep(path.parent)
    return len(changed)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _sweep_temporary(folder: Path) -> None:
    with suppress(OSError):
        for path in folder.iterdir():
            if _TEMPORARY.fullmatch(path.name) and path.lstat().st_uid == os.geteuid():
                path.unlink()


# Both


def _make_folder(path: Path) -> None:
    """Create it with the right mode, independent of the umask."""
    path.mkdir(mode=0o755)
    path.chmod(0o755)


def _make_folders(root: Path, name: str) -> None:
    for above in reversed(Path(name).parents[:-1]):
        if not (root / above).is_dir():
            _make_folder(root / above)


def _create(path: Path, data: bytes) -> None:
    """A new file that is on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())


def _keep(folder: Path) -> None:
    """What a folder lists is on the disk when this returns."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
