# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate: each text passes it on its way out of a process, into a file, the journal, chat, a mail, a page, a terminal.

A process learns its secrets as it goes: from its environment, from the variables of its play, from whoever holds a token. Whatever it then
says has none of them, in no spelling, and nothing that looks like one. `tests/unit/test_ways_out.py` finds each way out that doesn't lead
through here.
"""

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
"""Characters below which a value is taken for no secret: it would be found in any text."""
_SHORTEST_OF_ENVIRONMENT = 8
_WORDS = {"true", "false", "none", "null", "yes", "no", "default", "disabled", "enabled", "required"}
_T = TypeVar("_T")

_known: frozenset[str] = frozenset()
_sources: list[Callable[[], Iterable[str]]] = []
_one_at_a_time = threading.RLock()
_passed: dict[str, str] = {}
"""Short texts that went out already, as nearly all that a run repeats: names of hosts, of actions, of states."""
_SHORT, _MOST = 200, 1000


def learn(values: Iterable[Any]) -> None:
    """From now on none of these goes out."""
    global _known
    with _one_at_a_time:
        found = _known | {str(value) for value in values if is_secret(value)}
        if found != _known:
            _known = found
            _passed.clear()


def ask(source: Callable[[], Iterable[str]]) -> None:
    """Learn what the source says when the first text is to go out: to find it out may take a while."""
    _sources.append(source)


def is_secret(value: Any, shortest: int = _SHORTEST) -> bool:
    """Whether a value may be one, as far as its looks say: not a word that stands for something else, or no more than a few characters."""
    text = "" if value is None or isinstance(value, bool) else str(value)
    return len(text.strip()) >= shortest and text.strip().lower() not in _WORDS


def known(but: Collection[str] = ()) -> frozenset[str]:
    """The secrets of this process, `but` those that are meant to go out."""
    if _sources:
        with _one_at_a_time:
            while _sources:
                learn(_sources.pop()())
    return _known.difference(but) if but else _known


def clean(text: object, but: Collection[str] = (), *, guess: bool = False) -> str:
    """The text as it may go out; for an empty one nothing is found out.

    `guess` masks runs of letters and digits, too, that nothing but their looks makes a secret.
    """
    words = str(text)
    if not words:
        return words
    secrets = known(but)
    found = redact(words, secrets, guess=guess)
    _pass(found, found, secrets)
    return found


def clean_data(data: _T, but: Collection[str] = ()) -> _T:
    """The same of all texts in a structure, and of what has the name of a secret in it."""
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
    """A text without secrets, found out once."""
    clean = _passed.get(text) if secrets is _known else None
    if clean is None:
        clean = redact(text, secrets, guess=False)
        _pass(text, clean, secrets)
    return clean


def _pass(text: str, clean: str, secrets: Collection[str]) -> None:
    """Keep what came of a text, where it was cleaned of all that is known."""
    if len(text) <= _SHORT and secrets is _known:
        if len(_passed) >= _MOST:
            _passed.clear()
        _passed[text] = clean


def _of_environment() -> set[str]:
    """What this process was given by names of secrets; a path leads to one, and is none."""
    given = {value for name, value in os.environ.items() if is_secret_name(name) and not value.startswith(("/", "~", "./"))}
    given |= {password for value in os.environ.values() for password in in_address(value)}
    return {value for value in given if is_secret(value, _SHORTEST_OF_ENVIRONMENT)}


def in_address(value: str) -> set[str]:
    """The password that an address has before its host."""
    login = value.partition("://")[2].partition("/")[0].rpartition("@")[0]
    password = login.partition(":")[2]
    if not password:
        return set()
    from urllib.parse import unquote  # rarely needed

    return {unquote(password)}


ask(_of_environment)
