# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a provider's JSON: whatever is missing, or of another kind than documented, is told in words."""

from __future__ import annotations

from typing import Any

from .._ports import StatusPageError
from .errors import lasting


def at(value: Any, *path: str) -> Any:
    """What is at `path`. Raises StatusPageError where there is nothing."""
    for depth, key in enumerate(path):
        if not isinstance(value, dict) or key not in value:
            raise _other("nothing", path[: depth + 1])
        value = value[key]
    return value


def entries(value: Any, *path: str) -> list[Any]:
    """The list at `path`. Raises StatusPageError."""
    found = at(value, *path)
    if not isinstance(found, list):
        raise _other("no list", path)
    return found


def text(value: Any, *path: str) -> str:
    """The text at `path`. Raises StatusPageError."""
    found = at(value, *path)
    if not isinstance(found, str):
        raise _other("no text", path)
    return found


def words(value: Any, *path: str) -> str:
    """The text at `path`, empty for null. Raises StatusPageError."""
    return "" if at(value, *path) is None else text(value, *path)


def number(value: Any, *path: str) -> int:
    """The whole number at `path`, also where it is written as text. Raises StatusPageError."""
    found = at(value, *path)
    if isinstance(found, str) and found.isascii() and found.isdigit():
        return int(found)
    if not isinstance(found, int) or isinstance(found, bool):
        raise _other("no number", path)
    return found


def ident(value: Any, *path: str) -> str:
    """The id at `path`, a text or a number, as text. Raises StatusPageError."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise _other("no id", path)
    return str(found)


def _other(what: str, path: tuple[str, ...]) -> StatusPageError:
    where = f" at {'.'.join(path)}" if path else ""
    return lasting(f"the provider answered with JSON of another shape than documented: {what}{where}. Is status_page.url the address of its API?")
