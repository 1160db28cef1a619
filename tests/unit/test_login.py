# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose name a run gets: that of the account, of who logged in before sudo, and how the SSH server knows them."""

from __future__ import annotations

import base64
import os
import pwd
import struct
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.plugin_utils import _login
from ansible_collections.incident.response.plugins.plugin_utils._login import Login, login

PEOPLE = {0: "root", 1000: "ada", 1001: "lin"}


@pytest.fixture(autouse=True)
def accounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = pwd.getpwuid(os.getuid())

    def known(uid: int) -> pwd.struct_passwd:
        return pwd.struct_passwd((PEOPLE[uid], *real[1:5], str(tmp_path), real[6]))

    monkeypatch.setattr(pwd, "getpwuid", known)


def at(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)


def text(raw: bytes | str) -> bytes:
    raw = raw.encode() if isinstance(raw, str) else raw
    return struct.pack(">I", len(raw)) + raw


@pytest.mark.parametrize(
    ("uid", "environ", "session", "expected"),
    [
        (1000, {}, "4294967295", Login("ada")),
        (1000, {"LOGNAME": "ada", "USER": "ada"}, None, Login("ada")),
        (1000, {"LOGNAME": "ceo"}, None, Login("ada", "who calls themselves 'ceo'")),
        (1000, {"SUDO_UID": "1001", "SUDO_USER": "lin"}, None, Login("ada")),  # only root's is believed
        (0, {"SUDO_UID": "1001", "SUDO_USER": "ceo", "LOGNAME": "root"}, None, Login("lin", "as root")),
        (0, {"SUDO_UID": "1001"}, "1000", Login("ada", "as root")),
        (0, {"SUDO_UID": "x"}, "", Login("root")),
        (0, {"SUDO_UID": "²"}, "\ufffd", Login("root")),
        (7, {}, None, Login("uid 7")),
        (1001, {}, "1000", Login("ada", "as lin")),
    ],
)
def test_the_account_counts_and_what_it_was_before_sudo(
    uid: int, environ: dict[str, str], session: str | None, expected: Login, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at(monkeypatch, uid)
    file = tmp_path / "loginuid"
    if session is not None:
        file.write_text(session)
    assert login(environ, file) == expected


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("ssh-ed25519-cert-v01@openssh.com", 1), ("ssh-rsa-cert-v01@openssh.com", 2), ("ecdsa-sha2-nistp256-cert-v01@openssh.com", 2),
        ("sk-ssh-ed25519-cert-v01@openssh.com", 2), ("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", 3),
    ],
)  # fmt: skip
def test_a_certificate_says_whose_it_is(kind: str, parts: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at(monkeypatch, 1000)
    raw = text(kind) + text("nonce") + text("part") * parts + struct.pack(">QI", 7, 1) + text("ada@example.com") + text("more")
    file = tmp_path / "auth"
    file.write_text(f"publickey {kind} {base64.b64encode(raw).decode()}\n")
    assert login({"SSH_USER_AUTH": str(file)}, tmp_path / "none").how == "SSH certificate 'ada@example.com'"


def test_a_key_has_the_name_that_the_list_of_keys_gives_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at(monkeypatch, 1000)
    key = base64.b64encode(text("ssh-ed25519") + text("k" * 32)).decode()
    file = tmp_path / "auth"
    file.write_text(f"publickey ssh-ed25519 {key}\n")
    assert login({"SSH_USER_AUTH": str(file)}, tmp_path / "none").how.startswith("SSH key SHA256:")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "authorized_keys").write_text(f"# people\nssh-ed25519 {key} lin@laptop\n")
    assert login({"SSH_USER_AUTH": str(file)}, tmp_path / "none").how == "SSH key lin@laptop"


@pytest.mark.parametrize("content", ["", "publickey", "publickey ssh-ed25519 !!", "publickey x-cert-v01@openssh.com AAAA", "\x00\xff", "x" * 70000])
def test_what_the_ssh_server_did_not_write_is_no_name(content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at(monkeypatch, 1000)
    file = tmp_path / "auth"
    file.write_text(content)
    found = login({"SSH_USER_AUTH": str(file)}, tmp_path / "none")
    assert found.user == "ada"
    assert "certificate" not in found.how


def test_a_certificate_that_ends_too_early_is_none() -> None:
    assert _login._certified(b"\x00\x00\x00\xff") == ""
