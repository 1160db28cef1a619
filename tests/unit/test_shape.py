# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of how answers of others are read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import shape


@pytest.mark.parametrize("encoding", [None, "utf-8", "no-such-thing", "hex", "idna", "undefined", "\x00", "ascii", "utf-16-be"])
def test_any_encoding_that_a_server_names_gives_a_text(encoding: str | None) -> None:
    assert isinstance(shape.text_of("Größe".encode(), encoding), str)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ('["ä"]'.encode(), None), ('["ä"]'.encode("utf-8-sig"), None), ('["ä"]'.encode("utf-16"), None), ('["ä"]'.encode("latin-1"), "ISO-8859-1"),
    ],
)  # fmt: skip
def test_json_is_read_in_the_encoding_that_it_is_in(content: bytes, encoding: str | None) -> None:
    assert shape.parsed(content, encoding) == ["ä"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"9" * 5000, b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"\x00"])
def test_what_is_no_json_is_odd_and_nothing_else(content: bytes) -> None:
    with pytest.raises(shape.Odd):
        shape.parsed(content)


VALUES: list[Any] = [None, True, 3, -0.5, float("inf"), float("nan"), "", "x", "9" * 400, [], [None], {}, {"a": None}, {"a": {"b": 1}}, {"a": "1"}]
READ = [shape.at, shape.maybe, shape.mapping, shape.entries, shape.text, shape.words, shape.optional, shape.number, shape.ident]


@pytest.mark.parametrize("read", READ)
def test_whatever_is_there_is_read_or_odd(read: Any) -> None:
    for value in VALUES:
        for path in ((), ("a",), ("a", "b")):
            try:
                read(value, *path)
            except shape.Odd as error:
                assert str(error)


def test_a_number_is_one_also_as_text() -> None:
    assert [shape.number(each) for each in (3, "3", 3.0)] == [3, 3, 3]


def test_one_odd_part_of_a_list_leaves_the_others() -> None:
    assert shape.readable([1, None, "2", {}], shape.number) == [1, 2]
