# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate masks every text that leaves a process, into a file, the journal, chat, a mail, a page, a terminal. A process learns its secrets as it
runs: from its environment, from the variables of its play, from the owners of tokens. After that its texts contain none of them, in any encoding, and
nothing that looks like a secret. `tests/unit/test_ways_out.py` finds code that bypasses the gate."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from ._core.redact import redact
from ._core.secret_formats import MASK
from ._core.secret_names import is_secret_name

_SHORTEST = 4
"""The minimum length of a secret in characters. A shorter value would be found in any text."""
_SHORTEST_OF_ENVIRONMENT = 8
_WORDS = {"true", "false", "none", "null", "yes", "no", "default", "disabled", "enabled", "required"}
_T = TypeVar("_T")

_known: frozenset[str] = frozenset()
_sources: list[Callable[[], Iterable[str]]] = []
_one_at_a_time = threading.RLock()
_passed: dict[str, str] = {}
"""A cache of short cleaned texts, because a run repeats most of them: names of hosts, of actions, of states."""
_SHORT, _MOST = 200, 1000


def learn(values: Iterable[Any]) -> None:
    """Learn these secrets. They are masked from now on."""
    global _known
    with _one_at_a_time:
        found = _known | {str(value) for value in values if is_secret(value)}
        if found != _known:
            _known = found
            _passed.clear()


def ask(source: Callable[[], Iterable[str]]) -> None:
    """Learn the secrets of this source when the first text leaves the process, because the source may be slow."""
    _sources.append(source)


def is_secret(value: Any, shortest: int = _SHORTEST) -> bool:
    """Whether a value looks like a possible secret: not a placeholder word, and not too short."""
    text = "" if value is None or isinstance(value, bool) else str(value)
    return len(text.strip()) >= shortest and text.strip().lower() not in _WORDS


def known(but: Collection[str] = ()) -> frozenset[str]:
    """The secrets of this process, except those in `but`, which are meant to be sent."""
    if _sources:
        with _one_at_a_time:
            while _sources:
                learn(_sources.pop()())
    return _known.difference(but) if but else _known


def clean(text: object, but: Collection[str] = (), *, guess: bool = False) -> str:
    """The masked text. For an empty text, no source is read. `guess` also masks sequences of letters and digits that only look like a secret."""
    words = str(text)
    if not words:
        return words
    secrets = known(but)
    found = redact(words, secrets, guess=guess)
    _pass(found, found, secrets)
    return found


def clean_data(data: _T, but: Collection[str] = ()) -> _T:
    """Mask all texts in a structure, and all values with the name of a secret."""
    found: _T = _cleaned(data, known(but), but)
    return found


def _cleaned(data: Any, secrets: Collection[str], but: Collection[str]) -> Any:
    if isinstance(data, str):
        return _repeated(data, secrets)
    if isinstance(data, Mapping):
        return {
            _repeated(name, secrets) if isinstance(name, str) else name:
            MASK if isinstance(value, str) and isinstance(name, str) and value and value not in but and is_secret_name(name)
            else _cleaned(value, secrets, but)
            for name, value in data.items()
        }  # fmt: skip
    if isinstance(data, (list, tuple)):
        found = [_cleaned(each, secrets, but) for each in data]
        return found if isinstance(data, list) else tuple(found)
    if is_dataclass(data) and not isinstance(data, type):
        return replace(data, **{each.name: _cleaned(getattr(data, each.name), secrets, but) for each in fields(data) if each.init})
    return data


def _repeated(text: str, secrets: Collection[str]) -> str:
    """A masked text, with the result cached."""
    clean = _passed.get(text) if secrets is _known else None
    if clean is None:
        clean = redact(text, secrets, guess=False)
        _pass(text, clean, secrets)
    return clean


def _pass(text: str, clean: str, secrets: Collection[str]) -> None:
    """Cache the result for a text that was masked with all known secrets."""
    if len(text) <= _SHORT and secrets is _known:
        if len(_passed) >= _MOST:
            _passed.clear()
        _passed[text] = clean


def _of_environment() -> set[str]:
    """The environment variables with the name of a secret. A path to a secret is not a secret itself."""
    given = {value for name, value in os.environ.items() if is_secret_name(name) and not value.startswith(("/", "~", "./"))}
    given |= {password for value in os.environ.values() for password in in_address(value)}
    return {value for value in given if is_secret(value, _SHORTEST_OF_ENVIRONMENT)}


def in_address(value: str) -> set[str]:
    """The password in an address."""
    login = value.partition("://")[2].partition("/")[0].rpartition("@")[0]
    password = login.partition(":")[2]
    if not password:
        return set()
    from urllib.parse import unquote  # rarely needed

    return {unquote(password)}


ask(_of_environment)
