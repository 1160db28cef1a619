# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parses answers of other systems. A missing value, or one of another type than documented, raises `Odd`; no other exception is raised. All adapters
use these functions, so an unexpected answer ends in a clear message."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

_Read = TypeVar("_Read")


class Odd(Exception):
    """An answer, or a part of it, does not have the documented shape. The text says what is wrong, and where."""


def text_of(content: bytes, encoding: str | None) -> str:
    """The text, in UTF-8 unless the server or a byte order mark says otherwise. Undecodable bytes are replaced."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        return content.decode(encoding or "utf-8", errors="replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", errors="replace")


def parsed(content: bytes, encoding: str | None = None) -> Any:
    """The JSON value: in UTF-8, -16 or -32, otherwise in the encoding that the server names. Raises Odd."""
    try:
        return json.loads(content)
    except UnicodeDecodeError:
        return parsed(text_of(content, encoding).encode())
    except ValueError:
        raise Odd("no JSON") from None
    except RecursionError:
        raise Odd("JSON that is nested too deeply") from None


def at(value: Any, *path: str) -> Any:
    """The value at `path`. Raises Odd if there is none."""
    for depth, key in enumerate(path):
        if not isinstance(value, dict) or key not in value:
            raise _other("nothing", path[: depth + 1])
        value = value[key]
    return value


def maybe(value: Any, *path: str) -> Any:
    """The value at `path`; None if there is none, or null on the path. Raises Odd for another type on the path."""
    for depth, key in enumerate(path):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _other("no object", path[:depth])
        value = value.get(key)
    return value


def mapping(value: Any, *path: str) -> dict[str, Any]:
    """The object at `path`. Raises Odd."""
    found = at(value, *path)
    if not isinstance(found, dict):
        raise _other("no object", path)
    return found


def entries(value: Any, *path: str) -> list[Any]:
    """The list at `path`. Raises Odd."""
    found = at(value, *path)
    if not isinstance(found, list):
        raise _other("no list", path)
    return found


def text(value: Any, *path: str) -> str:
    """The text at `path`. Raises Odd."""
    found = at(value, *path)
    if not isinstance(found, str):
        raise _other("no text", path)
    return found


def words(value: Any, *path: str) -> str:
    """The text at `path`, empty for null. Raises Odd."""
    return "" if at(value, *path) is None else text(value, *path)


def optional(value: Any, *path: str) -> str:
    """The text at `path`; empty for null and for a missing value. Raises Odd."""
    found = maybe(value, *path)
    if not isinstance(found, str | None):
        raise _other("no text", path)
    return found or ""


def number(value: Any, *path: str) -> int:
    """The whole number at `path`, also if it is written as text. Raises Odd."""
    found = at(value, *path)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 20:
        return int(found)
    if isinstance(found, float) and math.isfinite(found) and found.is_integer():
        return int(found)
    if not isinstance(found, int) or isinstance(found, bool):
        raise _other("no number", path)
    return found


def ident(value: Any, *path: str) -> str:
    """The id at `path`, a text or a number, as text. Raises Odd."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise _other("no id", path)
    return str(found)


def readable(values: Iterable[Any], read: Callable[[Any], _Read]) -> list[_Read]:
    """The readable items of a list. An invalid item does not affect the others."""
    found = []
    for value in values:
        try:
            found.append(read(value))
        except Odd:
            continue
    return found


def _other(what: str, path: tuple[str, ...]) -> Odd:
    return Odd(f"{what} at {'.'.join(path)}" if path else what)
