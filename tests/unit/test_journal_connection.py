# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever SQLite raises, whoever uses the journal meets a JournalError, and needs to know no database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._journal.connection import Connection, connected
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Connection]:
    found = connected(tmp_path / "journal.db", 0)
    found.execute("CREATE TABLE things (name TEXT PRIMARY KEY)")
    found.executemany("INSERT INTO things VALUES (?)", [("a",), ("b",)])
    yield found
    found.close()


def test_what_goes_well_is_as_sqlite_has_it(database: Connection) -> None:
    assert list(database.execute("SELECT name FROM things ORDER BY name")) == [("a",), ("b",)]
    assert database.execute("SELECT name FROM things WHERE name = ?", ("b",)).fetchone() == ("b",)
    assert database.execute("SELECT name FROM things").fetchall() == [("a",), ("b",)]
    assert database.execute("DELETE FROM things").rowcount == 2


@pytest.mark.parametrize(
    "breaks",
    [
        lambda database: database.execute("SELECT nothing FROM things"), lambda database: database.executescript("nonsense;"),
        lambda database: database.executemany("INSERT INTO things VALUES (?)", [("c",), ("c",)]),
        lambda database: list(database.execute("SELECT abs(-9223372036854775808)")),
        lambda database: database.execute("SELECT abs(-9223372036854775808)").fetchall(),
        lambda database: database.execute("SELECT abs(-9223372036854775808)").fetchone(),
    ],
)  # fmt: skip
def test_each_error_is_the_ports(database: Connection, breaks: Callable[[Connection], Any]) -> None:
    with pytest.raises(JournalError):
        breaks(database)


def test_a_folder_in_its_place_is_one_too(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="unable to open database file"):
        connected(tmp_path, 0)


def test_a_damaged_file_is_one_too(tmp_path: Path) -> None:
    open_journal(tmp_path).close()
    with (tmp_path / "journal.db").open("r+b") as file:
        file.write(b"no database")
    with pytest.raises(JournalError, match="file is not a database"):
        open_journal(tmp_path)


def test_nothing_outside_its_package_knows_the_database() -> None:
    plugins = Path(__file__).parents[2] / "plugins"
    knows = [path for path in plugins.rglob("*.py") if "sqlite3" in path.read_text() and path.parent.name != "_journal"]
    assert knows == []
