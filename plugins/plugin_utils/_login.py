# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds the person at a shell from the system's own accounts, never from a variable that anybody can set."""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NOBODY = 2**32 - 1
"""The login id of Linux for a process without a login."""
_CERTIFICATE = "-cert-v01@openssh.com"
_KEY_PARTS = {"ssh-dss": 4, "ssh-ed25519": 1, "sk-ecdsa-sha2-nistp256": 3}
"""How many fields a public key has in a certificate (OpenSSH, PROTOCOL.certkeys); all others have two."""


@dataclass(frozen=True, slots=True)
class Login:
    """`user` is the account's name. `how` has more facts about the person; empty if there are none."""

    user: str
    how: str = ""


def login(environ: Mapping[str, str], session: Path = Path("/proc/self/loginuid")) -> Login:
    """The account that logged in, before sudo or su, with the SSH certificate or key if the server provides it (ExposeAuthInfo)."""
    account = _name(os.getuid())
    user, how = account, list[str]()
    first = _logged_in(session) or (_number(environ.get("SUDO_UID", "")) if os.getuid() == 0 else None)  # only root's sudo is believed
    if first is not None and _name(first) != account:
        user = _name(first)
        how.append(f"as {account}")
    proof = _ssh(environ.get("SSH_USER_AUTH", ""))
    if proof:
        how.append(proof)
    claimed = next((environ[each] for each in ("LOGNAME", "USER") if environ.get(each, account) not in {account, user}), "")
    if claimed:
        how.append(f"who calls themselves {claimed[:40]!r}")
    return Login(user, ", ".join(how))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) < _NOBODY else None


def _logged_in(session: Path) -> int | None:
    """The login id, which Linux keeps across sudo and su."""
    try:
        return _number(session.read_text().strip())
    except OSError:
        return None


def _ssh(file: str) -> str:
    """The SSH server's text about the authentication; empty if there is none."""
    try:
        if not file or Path(file).stat().st_size > 65536:
            return ""
        lines = Path(file).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for words in map(str.split, lines):
        if len(words) >= 3 and words[0] == "publickey":
            try:
                raw = base64.b64decode(words[2], validate=True)
            except ValueError:
                continue
            name = _certified(raw) if words[1].endswith(_CERTIFICATE) else ""
            mark = base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
            return f"SSH certificate {name!r}" if name else f"SSH key {_comment(words[2]) or f'SHA256:{mark}'}"
    return ""


def _certified(raw: bytes) -> str:
    """The owner's name in a certificate; empty if it is not a certificate."""
    try:
        kind, rest = _field(raw)
        for _part in range(1 + _KEY_PARTS.get(kind.decode().removesuffix(_CERTIFICATE), 2)):  # a nonce comes first
            dummy, rest = _field(rest)
        name = _field(rest[12:])[0].decode()  # after the serial number and the type
    except (struct.error, UnicodeError, ValueError):
        return ""
    return _shown(name)


def _field(raw: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from(">I", raw)
    if length > len(raw) - 4:
        raise ValueError("it ends too early")
    return raw[4 : 4 + length], raw[4 + length :]


def _comment(key: str) -> str:
    """The comment of that key in the account's list of keys."""
    try:
        lines = (Path(pwd.getpwuid(os.getuid()).pw_dir) / ".ssh" / "authorized_keys").read_text(errors="replace").splitlines()
    except (OSError, KeyError):
        return ""
    found = next((line.partition(key)[2] for line in lines if key in line.split()), "")
    return _shown(found)


def _shown(text: str) -> str:
    return "".join(char for char in text.strip() if char.isprintable())[:80]
