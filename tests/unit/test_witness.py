# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What chat has seen of a record shows what the record alone can't: that an older copy of it was put back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import chat_text
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._usecases.witness import doubt

AT = "2025-11-10T10:05:00.000Z"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(tmp_path / "journal.db", b"k" * 32) as opened:
        with opened.transaction():
            opened.append("i", [Entry("opened", AT, text="One"), Entry("note", AT, text="Two"), Entry("note", AT, text="Three")])
        yield opened


def seen(journal: SqliteJournal, count: int) -> str:
    return chat_text.closing([Entry("run_ended", AT, text="Ended")], (journal.seal_of("i", count) or "f" * 64)[:12], count)


def test_what_chat_has_seen_is_there(journal: SqliteJournal) -> None:
    assert doubt(journal, "i", [seen(journal, 2), "Something else", seen(journal, 3)]) is None
    assert doubt(journal, "i", []) is None


def test_an_entry_that_chat_has_seen_and_is_gone_is_told(journal: SqliteJournal) -> None:
    found = doubt(journal, "i", [seen(journal, 3), seen(journal, 5)])
    assert found == (5, "chat has seen 5 entries, and entry 5 is not here any more: an older copy of the record was put back")


def test_another_entry_in_the_place_of_one_that_chat_has_seen_is_told(journal: SqliteJournal) -> None:
    other = seen(journal, 2).replace(str(journal.seal_of("i", 2))[:12], "0" * 12)
    assert doubt(journal, "i", [other]) == (2, "entry 2 is not the one that chat has seen")


LINE = "record: 99 entries, head `ffffffffffff`"


@pytest.mark.parametrize("text", [f"{LINE}\nmore", LINE.replace("ffffffffffff", "x"), f"> {LINE}"])
def test_words_that_only_look_like_it_are_none(journal: SqliteJournal, text: str) -> None:
    assert doubt(journal, "i", [text]) is None
