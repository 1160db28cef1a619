# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What another user could have written, or could read where it is a key, is not used; and what mends it is said."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils import _owned, _state
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal, unverified_journal
from ansible_collections.incident.response.plugins.module_utils._owned import NotOurs
from ansible_collections.incident.response.plugins.plugin_utils._wiring.oncall import LastAnswer

NOBODY = 65534


def nobodys(path: Path) -> None:
    """Give it to another user; who isn't root can't, and makes it writable by all instead."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    else:
        path.chmod(0o666)


def a_link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def an_access_list(path: Path) -> None:
    """Nobody may read it by an access list: user::rw-, user:nobody:r--, group::---, mask::r--, other::---."""
    entries = ((1, 6, 0xFFFFFFFF), (2, 4, NOBODY), (4, 0, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
    try:
        os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries))
    except OSError as error:
        assert error.errno == errno.ENOTSUP  # such a file system has no other lists than the mode, which says the same
        path.chmod(0o640)


def mode(bits: int) -> Callable[[Path], None]:
    return lambda path: path.chmod(bits)


def emptied(path: Path) -> None:
    path.write_text("")


def blank(path: Path) -> None:
    path.write_text(" \n" * 40)


def short(path: Path) -> None:
    path.write_text("secret")


KEY_FAULTS = {
    "a link": a_link, "a pipe": a_pipe, "a folder": a_folder, "a device": a_device, "another user's": nobodys, "emptied": emptied, "blank": blank,
    "short": short, "read by the group": mode(0o640), "read by all": mode(0o604), "written by the group": mode(0o620),
    "an access list": an_access_list,
}  # fmt: skip


@pytest.mark.parametrize("fault", KEY_FAULTS.values(), ids=KEY_FAULTS)
def test_a_key_that_is_not_its_owners_alone_seals_nothing(tmp_path: Path, fault: Callable[[Path], None]) -> None:
    path = tmp_path / "journal.key"
    made = _state.key(tmp_path)
    assert (len(made), stat.S_IMODE(path.stat().st_mode), _state.key(tmp_path)) == (64, 0o600, made)
    fault(path)
    with pytest.raises(NotOurs) as refused:
        _state.key(tmp_path)
    assert str(path) in str(refused.value)


FILE_FAULTS = {name: KEY_FAULTS[name] for name in ("a link", "a pipe", "a folder", "a device", "another user's", "written by the group")}


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("fault", FILE_FAULTS.values(), ids=FILE_FAULTS)
def test_a_journal_that_another_may_have_written_is_not_opened(tmp_path: Path, fault: Callable[[Path], None], end: str) -> None:
    open_journal(tmp_path).close()
    path = tmp_path / f"journal.db{end}"
    path.touch(mode=0o600)
    fault(path)
    with pytest.raises(NotOurs) as refused:
        open_journal(tmp_path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("where", [".", "spool"])
def test_a_state_folder_that_others_can_write_is_refused_with_what_mends_it(tmp_path: Path, where: str) -> None:
    state = _state.state_dir(str(tmp_path / "state"))
    (state / where).chmod(0o770)
    with pytest.raises(NotOurs, match=r"can be written by others \(mode 0770\): chmod go-w"):
        _state.state_dir(str(state))
    (state / where).chmod(0o755)
    assert _state.state_dir(str(state)) == state


def test_a_link_on_the_way_is_followed_where_root_or_this_user_made_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "absolute").symlink_to(tmp_path / "link")
    state = _state.state_dir(str(tmp_path / "absolute" / "state"))
    assert (tmp_path / "real" / "state" / "spool").is_dir()
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    (tmp_path / "itself").symlink_to(state)
    assert _state.state_dir(str(tmp_path / "itself")) == tmp_path / "itself"


def test_a_link_where_a_folder_of_ours_should_be_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(NotOurs, match="is a link"), _owned.folder(tmp_path / "link", make=True):
        pass


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(NotOurs), _owned.folder(tmp_path / "a" / "state", make=True):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="a link can be given to another user by root alone")
def test_a_link_of_another_user_is_followed_nowhere(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    nobodys(tmp_path / "link")
    with pytest.raises(NotOurs, match="goes by a link 'link' that belongs to user 65534"):
        _state.state_dir(str(tmp_path / "link" / "state"))
    assert list((tmp_path / "real").iterdir()) == []


def test_a_file_where_a_folder_should_be_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="'file' is a file, and no folder"):
        _state.state_dir(str(tmp_path / "file" / "state"))


def test_a_disk_that_is_full_while_a_key_is_made_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        _state.key(tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert len(_state.key(tmp_path)) == 64


def test_two_makers_of_a_key_end_with_the_same_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create = _owned.create

    def second(path: Path, text: bytes) -> None:
        create(path, b"the key of who came first, just now")
        create(path, text)

    monkeypatch.setattr(_owned, "create", second)
    assert _state.key(tmp_path) == b"the key of who came first, just now"
    assert [path.name for path in tmp_path.iterdir()] == ["journal.key"]


def test_a_key_that_is_gone_is_not_replaced_under_a_journal_that_it_sealed(tmp_path: Path) -> None:
    open_journal(tmp_path).close()
    (tmp_path / "journal.key").unlink()
    with pytest.raises(NotOurs, match="the key .* is gone, and .* was sealed with it: put it back from a copy"):
        open_journal(tmp_path)
    assert not (tmp_path / "journal.key").exists()
    unverified_journal(tmp_path).close()


def test_who_is_on_call_is_not_taken_from_a_file_that_another_wrote(tmp_path: Path) -> None:
    memory = LastAnswer(tmp_path, [{"type": "ical"}])
    memory.keep([{"name": "grace"}])
    kept = memory.recall()
    assert kept
    assert kept[0] == [{"name": "grace"}]
    nobodys(tmp_path / "oncall.json")
    assert memory.recall() is None


@pytest.mark.parametrize("fault", [a_link, a_pipe, nobodys])
def test_a_lock_is_no_file_of_another(tmp_path: Path, fault: Callable[[Path], None]) -> None:
    path = tmp_path / "page.lock"
    with _owned.to_lock(path):
        pass
    fault(path)
    with pytest.raises(NotOurs), _owned.to_lock(path):
        pass
