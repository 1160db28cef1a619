# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can stand where the configuration is looked for: each that can't be used is told for what it is, and nothing hangs."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.plugin_utils import _config, _config_file


def refusal(path: Path) -> str:
    with pytest.raises(_config.ConfigError) as caught:
        _config.load(path)
    (problem,) = caught.value.problems
    assert problem.startswith(str(path))
    return problem


def test_a_folder_and_a_pipe_and_a_socket_are_named_and_nobody_waits_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "incident-response.yml"
    path.mkdir()
    assert refusal(path).endswith("this is a folder, and must be a file")
    path.rmdir()
    os.mkfifo(path)
    assert refusal(path).endswith("this is a pipe, and must be a file")
    path.unlink()
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
        assert refusal(path).endswith("this is a socket, and must be a file")
    assert refusal(Path("/dev/zero")).endswith("this is a device, and must be a file")


def test_a_link_is_followed_and_one_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    path, real = tmp_path / "incident-response.yml", tmp_path / "real.yml"
    path.symlink_to(real)
    assert "this is a link to" in refusal(path)
    assert _config.find(str(path), {}) == path  # a link that leads nowhere is no missing file: reading it says what it is
    real.write_text("safety: {max_hosts: 3}\n")
    assert _config.load(path)["safety"]["max_hosts"] == 3
    path.unlink()
    path.symlink_to(path)
    assert refusal(path).endswith("a link that leads back to itself")


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "incident-response.yml"
    path.write_text("")
    monkeypatch.setattr(os, "open", denied)  # root may read everything
    assert refusal(path).endswith("it can't be read: Permission denied")


def test_ten_megabytes_are_refused_with_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "incident-response.yml"
    path.write_bytes(b"#" * 10_000_000)
    assert "it has 10,000,000 bytes, and may have 1,048,576" in refusal(path)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"a: 1\nb: \xff\xfe\n", ":2: this is no UTF-8 (byte 0xff): save the file as UTF-8"),
        ("services: {}\n".encode("utf-16"), ":1: this is no UTF-8"),
        (b"a: \x00\n", "this is no YAML"),
        (b"[" * 5000, ":1: it is nested too deeply"),
        (b"a: 1\nb: &a [*a]\n", ":2: an anchor here holds itself"),
        (b"services:\n  ? [a, b]\n  : {}\n", ":2: a list or a mapping can't be a key"),
        (b"services:\n  {a: b}: {}\n", ":2: a list or a mapping can't be a key"),
        (b"a: 1\nb: !!timestamp s3cret\n", ":2: the value here can't be read as timestamp"),
        (b"a: !!int ''\n", ":1: the value here can't be read as int"),
        (b"a: !!bool q\n", ":1: the value here can't be read as bool"),
        (b"a: " + b"9" * 5000, ":1: the value here can't be read as int"),
        (b"--- {}\n--- {}\n", "this is no YAML"),
        (b"oncall: {schedule: {layers: [{start: 2026-13-45}]}}\n", ":1: the value here can't be read as timestamp: month must be in 1..12"),
    ],
)
def test_what_is_no_configuration_is_told_by_what_it_is(tmp_path: Path, raw: bytes, words: str) -> None:
    path = tmp_path / "incident-response.yml"
    path.write_bytes(raw)
    assert words in refusal(path)


def test_a_few_lines_of_anchors_that_mean_billions_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    path = tmp_path / "incident-response.yml"
    path.write_text("\n".join(lines))
    assert "its anchors make more than 100,000 values" in refusal(path)


def test_anchors_merges_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "incident-response.yml"
    path.write_bytes(b"\xef\xbb\xbf" + b"services:\n  api: &it {hosts: web}\n  worker: *it\n  importer:\n    <<: *it\n    owner: ada\n")
    services = _config.load(path)["services"]
    assert [services[name]["hosts"] for name in ("api", "worker", "importer")] == ["web"] * 3


def test_a_file_that_others_could_have_written_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "incident-response.yml"
    path.write_text("")
    path.chmod(0o644)
    assert _config_file.untrusted(path) == ""
    path.chmod(0o646)
    assert f"everybody can write {path} (mode 0646; chmod o-w {path})" in _config_file.untrusted(path)
    path.chmod(0o644)
    tmp_path.chmod(0o1777)  # sticky: ansible-core takes no ansible.cfg from there, either
    assert f"everybody can write {tmp_path} (mode 1777" in _config_file.untrusted(path)
    tmp_path.chmod(0o755)


def test_a_link_is_as_safe_as_what_it_leads_to(tmp_path: Path) -> None:
    real, path = tmp_path / "open" / "real.yml", tmp_path / "incident-response.yml"
    real.parent.mkdir(mode=0o755)
    real.write_text("")
    path.symlink_to(real)
    assert _config_file.untrusted(path) == ""
    real.parent.chmod(0o777)
    assert f"everybody can write {real.parent}" in _config_file.untrusted(path)


def test_somebody_elses_file_is_not_trusted_but_roots_and_that_of_who_became_root_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "incident-response.yml"
    path.write_text("")
    owner = path.stat().st_uid
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    expected = "" if owner == 0 else "belongs to"
    assert (expected in _config_file.untrusted(path)) and (bool(_config_file.untrusted(path)) is bool(owner))
    monkeypatch.setattr(_config_file, "_own", lambda: {owner + 1})
    assert f"{tmp_path} belongs to " in _config_file.untrusted(path)
    monkeypatch.undo()
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "4321")
    assert _config_file._own() == {0, 4321}
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    monkeypatch.setenv("SUDO_UID", "99")  # who is no root can write there what he likes
    assert _config_file._own() == {0, 4321}


def test_a_group_with_nobody_else_in_it_is_no_danger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many systems give each user a group of his own, and make files that it can write."""
    path = tmp_path / "incident-response.yml"
    path.write_text("")
    path.chmod(0o664)
    monkeypatch.setattr(_config_file, "_alone", lambda group, owner: True)
    assert _config_file.untrusted(path) == ""
    monkeypatch.setattr(_config_file, "_alone", lambda group, owner: False)
    assert f"can write {path} (mode 0664; chmod g-w {path})" in _config_file.untrusted(path)
    monkeypatch.undo()
    assert _config_file._alone(0, 0)
    assert not _config_file._alone(54321, 0)
