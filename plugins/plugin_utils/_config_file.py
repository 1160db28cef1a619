# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration file: its content, and whether somebody else could have written it."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from pathlib import Path

NONE = Path(os.devnull)
"""The path that means "no configuration"."""
_TOLD = 20
"""The largest number of problems in one message."""
LARGEST = 2**20
"""The size limit in bytes. A short entry for a service has 60 bytes, so this is enough for thousands of services."""


class ConfigError(ValueError):
    """The configuration can't be used. `problems` names each: file, line, path in it, what was expected."""

    def __init__(self, problems: list[str]) -> None:
        more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        super().__init__("; ".join(problems[:_TOLD]) + more)
        self.problems = problems


def contents(path: Path) -> bytes:
    """The content of the file; empty for the null device. Never blocks. Raises ConfigError."""
    if path == NONE:
        return b""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise ConfigError([f"{path}: this is {_kind(about.st_mode)}, and must be a file"])
            found = b"".join(iter(lambda: os.read(handle, 2**16), b"")) if about.st_size <= LARGEST else b""
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigError([f"{path}: {_unreadable(path, error)}"]) from None
    if about.st_size > LARGEST:
        raise ConfigError([f"{path}: it has {about.st_size:,} bytes, and may have {LARGEST:,}. Is this the right file?"])
    return found


def untrusted(path: Path) -> str:
    """How somebody else could have written the file, which can contain commands; empty if nobody could. Raises ConfigError. Like ansible-core's
    ansible.cfg, a folder that everybody can write is refused, even with the sticky bit."""
    real = Path(os.path.realpath(path))
    try:
        for each in dict.fromkeys((path.parent, real.parent, real)):
            why = _writable(each)
            if why:
                return f"{path}: {why}, and a configuration can name commands"
    except OSError as error:
        raise ConfigError([f"{path}: {_unreadable(path, error)}"]) from None
    return ""


def _writable(path: Path) -> str:
    about = path.stat()
    if about.st_uid not in _own():
        return f"{path} belongs to {_user(about.st_uid)}"
    if about.st_mode & stat.S_IWOTH:
        return f"everybody can write {path} (mode {stat.S_IMODE(about.st_mode):04o}; chmod o-w {path})"
    if about.st_mode & stat.S_IWGRP and not _alone(about.st_gid, about.st_uid):
        return f"the group {_group(about.st_gid)} can write {path} (mode {stat.S_IMODE(about.st_mode):04o}; chmod g-w {path})"
    return ""


def _own() -> set[int]:
    """The user ids whose files are trusted: root, this user, and the user who became root by sudo."""
    sudo = os.environ.get("SUDO_UID", "")
    return {0, os.getuid(), *([int(sudo)] if os.getuid() == 0 and sudo.isdecimal() else [])}


def _alone(group: int, owner: int) -> bool:
    """Whether nobody else is in the group: the group of root, or the owner's private group, which many systems use for files."""
    name = _user(owner)
    try:
        about = grp.getgrgid(group)
    except KeyError:
        return False
    return (group == 0 or about.gr_name == name) and set(about.gr_mem) <= {name, "root"}


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _unreadable(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR if path.is_symlink():
            return f"this is a link to {path.readlink()}, which is not there"
        case errno.ENOENT | errno.ENOTDIR:
            return "there is no such file"
        case errno.ELOOP:
            return "this is a link that leads back to itself"
        case errno.ENXIO:
            return "this is a socket, and must be a file"
    return f"it can't be read: {error.strerror}"
