# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever stands in a spool: no exception, no line that isn't its run's, and all that is."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.plugin_utils._courier.carrier import Carrier
from ansible_collections.incident.response.plugins.plugin_utils._spool import Spool, lines_after
from hypothesis import given, settings
from hypothesis import strategies as st

AT = "2025-11-10T10:05:00.000Z"
DEAD = 2**22 - 1
WORDS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
VALUES = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4), max_leaves=8)
NAMES = ("kind", "run", "run_seq", "at", "actor", "text", "host", "action", "state", "changed", "duration_ms", "data", "seal")
KINDS = st.sampled_from(("run_ended", "run_vanished", "task", "begun", "note", "notified", "status", "published", "weather"))
FACTS = ("verdict", "plan", "left", "balancer", "pid", "service", "incident", "severity", "chat", "check", "drill", "to", "for", "person")
DATA = st.dictionaries(st.sampled_from(FACTS), VALUES, max_size=5)
INSTANTS = st.one_of(st.just(AT), st.floats(), st.text(max_size=5))
ALIKE = st.fixed_dictionaries(
    {"kind": st.just("run_started") | KINDS, "run": st.just("a"), "run_seq": st.integers(-1, 50), "at": INSTANTS},
    optional={"text": st.text(max_size=30), "host": st.text(max_size=5), "state": st.text(max_size=8), "data": DATA, "changed": WORDS},
)
LINES = st.one_of(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(NAMES), VALUES).map(lambda line: json.dumps(line).encode()),
    ALIKE.map(lambda line: json.dumps(line).encode()),
)


@contextmanager
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def written(folder: Path) -> Path:
    spool = Spool(folder, "a")
    spool.append("run_started", at=AT, text="Begun", data={"service": "api", "pid": DEAD, "since": "1"})
    spool.append("task", at=1762769100.5, text="Step", state="ok", changed=False)
    spool.close()
    return folder / "spool" / "a.jsonl"


@given(st.lists(LINES, max_size=6), st.integers(0, 2))
def test_of_any_lines_only_the_runs_own_are_read(foreign: list[bytes], place: int) -> None:
    with state() as folder:
        path = written(folder)
        ours = path.read_bytes().splitlines(keepends=True)
        others = [line.replace(b"\n", b"").replace(b"\r", b"") + b"\n" for line in foreign]
        path.write_bytes(b"".join([ours[0], *(others if not place else []), *ours[1:], *(others if place else [])]))
        found = lines_after(path, 0)
        assert [line.get("text") for line in found.lines] == ["Begun", "Step"]
        assert found.offset == path.stat().st_size
        assert found.damaged + found.foreign == len(others)


@given(st.data())
def test_of_a_spool_that_was_changed_anywhere_no_other_word_is_read(data: st.DataObject) -> None:
    with state() as folder:
        path = written(folder)
        whole = bytearray(path.read_bytes())
        for _change in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(whole.index(b"\n") + 1, len(whole) - 1))
            whole[place] = data.draw(st.integers(0, 255))
        path.write_bytes(whole)
        assert {line.get("text") for line in lines_after(path, 0).lines} <= {"Begun", "Step"}


@settings(max_examples=40)
@given(st.lists(st.tuples(KINDS, st.text(max_size=20), DATA), max_size=8))
def test_what_any_run_wrote_is_carried_or_kept_and_the_record_stays_sound(lines: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Its own lines, sealed, with whatever in them; then those of another run."""
    with state() as folder:
        path = written(folder)
        spool = Spool(folder, "a", seq=2)
        for kind, text, data in lines:
            spool.append(kind, at=AT, text=text, data=data)
        spool.close()
        other = Spool(folder, "b")
        other.append("run_started", at=AT, text="Of another", data={"service": "shop", "pid": DEAD, "since": "1"})
        other.close()
        carrier = Carrier(folder)
        while carrier.step()[0]:
            carrier._committed = 0.0  # what is new is otherwise carried once a second
        with open_journal(folder) as journal:
            infos = [journal.info(incident) for incident in journal.ids()]
        texts = [entry["text"] for info in infos for entry in info["entries"]]
        assert all(info["verified"] for info in infos)
        assert "Of another" in texts
        assert "Step" in texts or path.with_suffix(".damaged").exists()
