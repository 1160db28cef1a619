# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Only a run writes its lines: what anybody else has put beside them, or in their place, is set aside and told."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.plugin_utils import _spool
from ansible_collections.incident.response.plugins.plugin_utils._courier.carrier import Carrier
from ansible_collections.incident.response.plugins.plugin_utils._spool import Spool, append_shared, lines_after, places, spools
from sites import eventually

DEAD = 2**22 - 1
AT = "2025-11-10T10:05:00.000Z"
NOBODY = 65534


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder, and a temporary folder of the test's own."""
    (tmp_path / "tmp").mkdir(mode=0o777)
    (tmp_path / "tmp").chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


def begun(state: Path, run: str = "a") -> Spool:
    spool = Spool(state, run)
    spool.append("run_started", at=AT, data={"service": "api", "pid": DEAD, "since": "1"})
    spool.append("task", at=1762769100.5, text="Step", state="ok", changed=False)
    return spool


def of(state: Path, run: str = "a") -> Path:
    return state / "spool" / f"{run}.jsonl"


def carried(state: Path) -> Carrier:
    carrier = Carrier(state)
    assert eventually(lambda: not carrier.step()[0])
    return carrier


def texts(state: Path) -> list[str]:
    with open_journal(state) as journal:
        return [entry.text for incident in journal.ids() for entry in journal.entries(incident)]


def test_a_line_is_read_again_as_it_was_written(state: Path) -> None:
    begun(state).append("note", at=AT, text='Quotes ","seal":" and \u2028 and \\', data={"seal": "mine"})
    assert [line["run_seq"] for line in lines_after(of(state), 0).lines] == [1, 2, 3]
    assert lines_after(of(state), 0).lines[2]["text"] == 'Quotes ","seal":" and \u2028 and \\'


FORGED: dict[str, Callable[[bytes], bytes]] = {
    "without a seal": lambda _line: b'{"run":"a","run_seq":3,"kind":"task","at":1.0,"text":"Forged"}\n',
    "with a seal of another key": lambda _line: b'{"run":"a","run_seq":3,"kind":"task","at":1.0,"text":"Forged","seal":"' + b"0" * 64 + b'"}\n',
    "with another text": lambda line: line.replace(b"Step", b"Forged"),
    "with another place": lambda line: line.replace(b'"run_seq":2', b'"run_seq":3').replace(b"Step", b"Forged"),
    "with a second kind": lambda line: line.replace(b'"seal"', b'"text":"Forged","seal"'),
    "with more after its seal": lambda line: line[:-2] + b',"text":"Forged"}\n',
    "with a seal in capitals": lambda line: line[:-70] + line[-70:].upper().replace(b"Step", b"Forged"),
    "of another run": lambda line: line.replace(b'"run":"a"', b'"run":"b"').replace(b"Step", b"Forged"),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_forged_line_is_set_aside_and_told_and_all_others_are_carried(
    state: Path, forged: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    spool = begun(state)
    line = of(state).read_bytes().splitlines(keepends=True)[1]
    with of(state).open("ab") as file:
        file.write(forged(line))
    spool.append("task", at=1762769101.5, text="Last", state="ok", changed=False)
    carried(state)
    kept = texts(state)
    assert "Forged" not in " ".join(kept)
    assert {"Step", "Last"} < set(kept)
    assert "1 lines in this run's spool are not its own, or were changed: they are set aside, and not recorded" in kept
    assert "1 are not of its run; the file is kept as" in capsys.readouterr().err
    assert b"Last" in of(state).with_suffix(".damaged").read_bytes()


def test_a_run_that_others_write_into_tells_it_at_its_end(state: Path) -> None:
    begun(state)
    with of(state).open("ab") as file:
        file.write(FORGED["without a seal"](b""))
    (finished,) = carried(state).finished
    assert "are not its own" in " ".join(finished.carried.notes().values())


def test_a_line_of_another_spool_with_the_same_key_is_foreign(state: Path) -> None:
    begun(state, "a")
    begun(state, "b")
    with of(state, "a").open("ab") as file:
        file.write(of(state, "b").read_bytes())
    assert (len(lines_after(of(state, "a"), 0).lines), lines_after(of(state, "a"), 0).foreign) == (2, 2)


def test_what_a_version_before_wrote_is_carried_and_marked(state: Path) -> None:
    begun(state).close()
    bare = [{key: value for key, value in json.loads(line).items() if key != "seal"} for line in of(state).read_text().splitlines()]
    of(state).write_text("".join(f"{json.dumps(line)}\n" for line in bare))
    carried(state)
    with open_journal(state) as journal:
        entries = [entry for entry in journal.entries(journal.ids()[0]) if entry.run and entry.kind in {"run_started", "task"}]
    assert [entry.data["unsealed"] for entry in entries] == [True, True]
    assert "recorded without seals, by a version before this one" in entries[0].text


def test_all_processes_of_a_run_seal_what_they_share(state: Path) -> None:
    assert append_shared(state, "a", "run_started", first=True, at=AT)
    assert append_shared(state, "a", "task", at=AT, text="Step")
    found = lines_after(of(state), 0)
    assert ([line["kind"] for line in found.lines], found.foreign, found.damaged) == (["run_started", "task"], 0, 0)


# Somebody else's folders and files

LINE = json.dumps({"kind": "run_started", "run": "forged", "run_seq": 1, "at": AT, "text": "Forged", "data": {"service": "api", "pid": DEAD}}) + "\n"


def given_away(path: Path) -> None:
    """To another user; who isn't root leaves it writable by all, which is as bad."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    elif not path.is_symlink():
        path.chmod(0o777)


def a_folder_of_another(place: Path) -> None:
    place.mkdir()
    (place / "forged.jsonl").write_text(LINE)
    given_away(place)


def a_file_of_another(place: Path) -> None:
    place.mkdir(mode=0o700)
    (place / "forged.jsonl").write_text(LINE)
    given_away(place / "forged.jsonl")


def a_link_to_a_folder_that_all_write(place: Path) -> None:
    """As /var/tmp: it is root's, and who makes the link writes there."""
    target = place.parent / "all"
    target.mkdir()
    target.chmod(0o1777)
    (target / "forged.jsonl").write_text(LINE)
    place.symlink_to(target)


def a_link_to_a_file(place: Path) -> None:
    place.mkdir(mode=0o700)
    (place.parent / "forged").write_text(LINE)
    (place / "forged.jsonl").symlink_to(place.parent / "forged")


def a_pipe(place: Path) -> None:
    place.mkdir(mode=0o700)
    os.mkfifo(place / "forged.jsonl", 0o600)


STRANGE = [a_folder_of_another, a_file_of_another, a_link_to_a_folder_that_all_write, a_link_to_a_file, a_pipe]


@pytest.mark.parametrize("which", [1, 2], ids=["own", "shared"])
@pytest.mark.parametrize("strange", STRANGE, ids=lambda each: each.__name__)
def test_what_is_not_this_users_in_the_temporary_folder_is_never_recorded_and_is_told(
    state: Path, strange: Callable[[Path], None], which: int, capsys: pytest.CaptureFixture[str]
) -> None:
    strange(places(state)[which])
    begun(state)
    carrier = carried(state)
    assert "Forged" not in " ".join(texts(state))
    assert len(carrier.strange) == 1
    assert str(places(state)[which]) in carrier.strange[0]
    assert "Nothing of it is carried" in capsys.readouterr().err


@pytest.mark.parametrize("strange", STRANGE[:1] + STRANGE[2:3], ids=lambda each: each.__name__)
def test_nothing_is_written_to_a_place_that_is_not_this_users(state: Path, strange: Callable[[Path], None]) -> None:
    strange(places(state)[1])
    state.chmod(0o777)
    spool = begun(state)
    assert len(spool.lost()) == 2
    assert str(places(state)[1]) in spool.problem
    assert [path.name for path in state.iterdir()] == []


def test_a_state_folder_that_others_can_write_gets_no_line_and_the_other_place_does(state: Path) -> None:
    state.chmod(0o777)
    spool = begun(state)
    assert f"{state}" in spool.problem
    assert "chmod go-w" in spool.problem
    assert spools(state) == [places(state)[1] / "a.jsonl"]
    state.chmod(0o700)
    carried(state)
    assert "Step" in texts(state)


@pytest.mark.parametrize("fault", [lambda key: key.write_text(""), lambda key: key.chmod(0o644)], ids=["emptied", "read by others"])
def test_a_spool_key_that_seals_nothing_is_not_used_and_a_place_with_a_good_one_is(state: Path, fault: Callable[[Path], None]) -> None:
    begun(state, "before").close()
    fault(state / "spool" / "spool.key")
    spool = begun(state)
    assert "spool.key" in spool.problem
    assert spools(state) == [of(state, "before"), places(state)[1] / "a.jsonl"]
    carrier = Carrier(state)
    assert eventually(lambda: not carrier.step()[0])
    assert "spool.key" in carrier.refused[of(state, "before")]
    assert of(state, "before").exists()


# What is lost is told


def test_an_unlinked_spool_is_noticed_at_the_next_line_and_nothing_of_it_is_lost(state: Path) -> None:
    spool = begun(state)
    of(state).unlink()
    spool.append("task", at=1762769101.5, text="Last", state="ok", changed=False)
    assert spool.problem == f"{of(state)} was removed while the run wrote it"
    assert [line.get("text") for line in lines_after(places(state)[1] / "a.jsonl", 0).lines] == [None, "Step", "Last"]
    assert [line["run_seq"] for line in spool.lines()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda path: shutil.rmtree(path.parent.parent), "removed"), (lambda path: path.parent.parent.rename(path.parents[2] / "moved"), "removed"),
        (lambda path: path.rename(path.with_suffix(".other")), "removed"), (lambda path: os.truncate(path, 10), "cut"),
        (lambda path: (path.rename(path.with_suffix(".other")), path.touch(mode=0o600)), "replaced"),
    ],
)  # fmt: skip
def test_a_spool_that_is_not_there_any_more_is_told_whatever_became_of_it(state: Path, fault: Callable[[Path], Any], told: str) -> None:
    spool = begun(state)
    fault(of(state))
    spool.append("run_ended", sync=True, at=AT, text="Last", state="worked")
    assert told in spool.problem
    assert "Last" in [line.get("text") for line in lines_after(places(state)[1] / "a.jsonl", 0).lines]


def test_a_journal_that_was_removed_gets_all_of_a_run_that_goes_on(state: Path) -> None:
    spool = Spool(state, "a")
    spool.append("run_started", at=AT, text="Begun", data={"service": "api", "pid": os.getpid(), "since": ""})
    carrier = Carrier(state)
    assert carrier.step() == (True, True)
    for path in state.glob("journal.db*"):
        path.unlink()
    spool.append("task", at=1762769101.5, text="Step", state="ok", changed=False)
    spool.append("run_ended", at=AT, text="Ended", state="worked", data={})
    assert eventually(lambda: not carrier.step()[0])
    kept = texts(state)
    assert {"Begun", "Step", "Ended"} < set(kept)
    assert "The journal was removed or replaced while this run went on: what it held before is not in it any more" in kept


def test_a_spool_that_was_cut_is_carried_from_its_start_again(state: Path) -> None:
    spool = Spool(state, "a")
    spool.append("run_started", at=AT, text="Begun", data={"service": "api", "pid": os.getpid(), "since": ""})
    start = of(state).read_bytes()
    spool.append("note", at=AT, text="Long " * 100)
    carrier = Carrier(state)
    assert carrier.step() == (True, True)
    spool.append("run_ended", at=AT, text="Ended", state="worked", data={})
    end = of(state).read_bytes().splitlines(keepends=True)[-1]
    of(state).write_bytes(start + end)
    assert eventually(lambda: not carrier.step()[0])
    assert [text for text in texts(state) if text in {"Begun", "Ended"}] == ["Begun", "Ended"]


@pytest.mark.parametrize("full", ["before the start", "after the start", "after half a line"])
def test_a_run_of_several_processes_goes_on_in_the_next_place(state: Path, full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, as far as it is seen here: what is written is not taken, or by half."""
    places(state)[0].mkdir(mode=0o700)
    if full == "before the start":
        of(state).touch(mode=0o600)
    else:
        assert append_shared(state, "a", "run_started", first=True, at=AT, data={"service": "api"})
    if full == "after half a line":
        with of(state).open("ab") as file:
            file.write(b'{"run":"a","run_')
    real = _spool._write_shared

    def written(file: Any, line: bytes) -> None:
        if file and file.name and Path(f"/proc/self/fd/{file.fileno()}").readlink().is_relative_to(state):
            raise OSError(28, "No space left on device")
        real(file, line)

    with monkeypatch.context() as patch:
        patch.setattr(_spool, "_write_shared", written)
        assert append_shared(state, "a", "run_started", first=True, at=AT, data={"service": "api"}) == (full == "before the start")
        assert append_shared(state, "a", "task", at=AT, text="Step", state="ok", changed=False)
    assert append_shared(state, "a", "task", at=AT, text="Last", state="ok", changed=False)
    found = [line for path in spools(state) for line in lines_after(path, 0).lines]
    assert sorted(line["run_seq"] for line in found) == [1, 2, 3]
    assert {line.get("text") for line in found} == {None, "Step", "Last"}


def test_a_line_that_is_taken_by_half_is_taken_back(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    assert append_shared(state, "a", "run_started", first=True, at=AT)
    before = of(state).read_bytes()
    with ExitStack() as opened:
        file = _spool._shared(places(state)[0], "a", opened, make=False)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            _spool._write_shared(file, b"line\n")
    assert of(state).read_bytes() == before


def test_a_hundred_thousand_lines_in_one_spool_are_read_in_one_pass(state: Path) -> None:
    spool = begun(state)
    for number in range(100_000):
        spool.append_encoded(f'"kind":"task","at":{number}.5,"text":"Step {number}"')
    found = lines_after(of(state), 0)
    assert (len(found.lines), found.damaged, found.foreign) == (100_002, 0, 0)
