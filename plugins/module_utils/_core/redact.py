# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Masks secrets in a text before it is written anywhere. This is a second line of defence: arguments, variables, loop items and output are never
recorded. All recorded texts (names of tasks, the message of a failure, messages of people) pass through here."""

from __future__ import annotations

from collections.abc import Collection

from .secret_formats import MASK, masked


def redact(text: str, secrets: Collection[str] = (), *, guess: bool = True) -> str:
    """`text` with a mask for each of the known `secrets`, in any encoding, and for everything that looks like a secret. Without `guess`, a sequence
    of letters and digits that only looks like a secret is kept, because it may be a version or a digest that a later step needs."""
    if secrets:
        from .spelling import hide  # rarely needed, and slow

        text = hide(text, secrets, MASK)
    return masked(text, guess=guess)


def shown(text: str, limit: int, secrets: Collection[str] = ()) -> str:
    """`text` without secrets, then cut to `limit` characters. In this order, because half of a secret can't be recognized."""
    room = 16 * limit  # searching a very long text would be slow, and useless
    return cut(redact(cut(text, room), secrets), limit)


def link(url: str) -> str:
    """An address for people, without user and password."""
    scheme, slashes, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}" if slashes else url


def cut(text: str, limit: int) -> str:
    """`text` shortened to `limit` characters, with a mark that says how much was removed."""
    if len(text) <= limit:
        return text
    mark = f" … ({len(text)} characters)"
    return text[: max(0, limit - len(mark))] + mark
