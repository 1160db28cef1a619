# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opens folders and files that only their owner can write, through descriptors and without following other users' links, and checks them before use.
A name below a folder that others can write may point anywhere, so each part of a path is opened relative to the descriptor of the part before. A link
in the path is followed if root or this user created it. Our own folders and files must not be links."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""Don't block on a pipe in the place of a file."""
_LINKS = 40
_WRITE, _ANY = 0o022, 0o077
"""The mode bits that others, or a group, must not have. An access list shows in the group's bits."""


class NotOurs(OSError):
    """Somebody else may have written the file, so it is not used. The text says how to repair it."""


@contextmanager
def folder(path: Path, *, make: bool = False, above: int = 0, link: bool = False) -> Iterator[int]:
    """A descriptor of a folder that only root and this user can write, and so for `above` parent folders. A missing folder is created for this user
    only. `link`: its own name may be a link of root or of this user. Raises OSError, NotOurs."""
    here = _descend(path, make, above, link)
    try:
        yield here
    finally:
        os.close(here)


def _descend(path: Path, make: bool, above: int, link: bool) -> int:
    path = path.absolute()
    ahead, links = list(reversed(path.parts[1:])), 0
    here = os.open("/", _FOLDER)
    try:
        while ahead:
            part, last = ahead.pop(), not ahead
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755 if len(ahead) > above else 0o700, dir_fd=here)
            below = _below(here, part)
            if below is None:
                target = _target(here, part, path)
                links += 1
                if (last and not link) or links > _LINKS:
                    raise NotOurs(f"{path} is a link: put a folder there, or name the folder that it leads to")
                ahead += reversed(target.parts[1:] if target.is_absolute() else target.parts)
                below = os.open("/", _FOLDER) if target.is_absolute() else os.dup(here)
            os.close(here)
            here = below
            if len(ahead) <= above:
                _check(os.fstat(here), path.parents[len(ahead) - 1] if ahead else path, _WRITE, folder=True)
    except BaseException as error:
        os.close(here)
        if isinstance(error, OSError) and not isinstance(error, NotOurs):
            error.filename = str(path)
        raise
    return here


def _below(here: int, part: str) -> int | None:
    """The folder of that name; None if it is not a folder. Raises OSError."""
    try:
        return os.open(part, _FOLDER, dir_fd=here)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            return None
        raise


def _target(here: int, part: str, path: Path) -> Path:
    """The target of the link."""
    about = os.stat(part, dir_fd=here, follow_symlinks=False)
    if not stat.S_ISLNK(about.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, f"{part!r} is {_kind(about.st_mode)}, and no folder")
    if about.st_uid not in {0, os.geteuid()}:
        raise NotOurs(f"{path} goes by a link {part!r} that belongs to user {about.st_uid}: it is not followed. Remove it, or name another folder")
    return Path(os.readlink(part, dir_fd=here))


def _kind(mode: int) -> str:
    names = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return names.get(stat.S_IFMT(mode), "a device")


def _check(about: os.stat_result, path: Path, forbidden: int, *, folder: bool = False) -> None:
    """Raises NotOurs if somebody else may have written it, or may read it if that is `forbidden`."""
    if not folder and not stat.S_ISREG(about.st_mode):
        raise NotOurs(f"{path} is {_kind(about.st_mode)}, and no file of ours: look who put it there, and remove it")
    if about.st_uid != os.geteuid() and not (folder and about.st_uid == 0):
        raise NotOurs(f"{path} belongs to user {about.st_uid}, and not to user {os.geteuid()}: look who put it there, and remove it")
    others = stat.S_IMODE(about.st_mode) & forbidden
    if others:
        may = "write" if others & _WRITE else "read"
        mend = "go-w" if forbidden == _WRITE else "go="
        raise NotOurs(f"{path} can be {'written' if may == 'write' else may} by others (mode {stat.S_IMODE(about.st_mode):04o}): chmod {mend} {path}")


def names(parent: int) -> list[str]:
    """The content of the folder. Raises OSError."""
    there = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
    try:
        return [entry.name for entry in os.scandir(there)]
    finally:
        os.close(there)


def look(parent: int, path: Path, *, secret: bool = False) -> os.stat_result:
    """The status of a file in the folder, without opening it. Raises OSError, NotOurs."""
    about = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
    _check(about, path, _ANY if secret else _WRITE)
    return about


def opened(parent: int, path: Path, flags: int, *, secret: bool = False) -> int:
    """A descriptor of a file in the folder, created with mode 0600 if `flags` say so. Raises OSError, NotOurs."""
    try:
        file = os.open(path.name, flags | _FILE, 0o600, dir_fd=parent)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.EMLINK}:  # a link, a pipe or a socket without a reader
            look(parent, path)
        raise
    try:
        _check(os.fstat(file), path, _ANY if secret else _WRITE)
    except NotOurs:
        os.close(file)
        raise
    return file


def contents(parent: int, path: Path, *, offset: int = 0, most: int = -1, secret: bool = False) -> bytes:
    """The content of a file in the folder after `offset`, at most `most` bytes. Raises OSError, NotOurs."""
    with os.fdopen(opened(parent, path, os.O_RDONLY, secret=secret), "rb") as file:
        file.seek(offset)
        return file.read(most)


def text(path: Path, *, most: int = 2**20) -> str:
    """The text of a file. Raises OSError, NotOurs, UnicodeDecodeError."""
    with folder(path.parent, link=True) as parent:
        return contents(parent, path, most=most).decode()


@contextmanager
def to_lock(path: Path) -> Iterator[int]:
    """A descriptor of a lock file. Raises OSError, NotOurs."""
    with folder(path.parent, link=True) as parent:
        file = opened(parent, path, os.O_WRONLY | os.O_CREAT)
    try:
        yield file
    finally:
        os.close(file)


def write_text(path: Path, words: str) -> None:
    """Replace the file's content atomically. Raises OSError, NotOurs."""
    with folder(path.parent, link=True) as parent:
        draft = _draft(parent, path, words.encode())
        os.replace(draft, path.name, src_dir_fd=parent, dst_dir_fd=parent)


def create(path: Path, content: bytes) -> None:
    """Create the file with this content, unless another process has just created it. Raises OSError, NotOurs."""
    with folder(path.parent, link=True) as parent:
        draft = _draft(parent, path, content)
        try:
            os.link(draft, path.name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
        except FileExistsError:
            pass
        finally:
            os.unlink(draft, dir_fd=parent)


def _draft(parent: int, path: Path, content: bytes) -> str:
    """The name of a new file beside `path`. After an error such as a full disk, the file is removed."""
    name = f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}"
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=parent)
    try:
        with os.fdopen(file, "wb") as draft:
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
    except BaseException:
        os.unlink(name, dir_fd=parent)
        raise
    return name
