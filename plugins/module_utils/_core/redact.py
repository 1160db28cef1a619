# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take secrets out of text before it is written anywhere.

A second line of defence: arguments, variables, loop items and output are never recorded at all. What
is recorded (names of tasks, the message of a failure, what people say) passes through here.
"""

from __future__ import annotations

from collections.abc import Collection

from .secret_formats import MASK, masked


def redact(text: str, secrets: Collection[str] = (), *, guess: bool = True) -> str:
    """`text` with each of the known `secrets`, in whatever spelling, and all that looks like one, replaced by a mask.

    Without `guess` a run of letters and digits is kept that nothing but its looks makes a secret: it may be a version or a digest that a
    later step goes by.
    """
    if secrets:
        from .spelling import hide  # rarely needed, and not cheap

        text = hide(text, secrets, MASK)
    return masked(text, guess=guess)


def shown(text: str, limit: int, secrets: Collection[str] = ()) -> str:
    """`text` without secrets, cut to `limit` characters: in this order, else the half of a secret stays that nobody knows any more."""
    room = 16 * limit  # to look through all of a very long text would take long, for nothing
    return cut(redact(cut(text, room), secrets), limit)


def link(url: str) -> str:
    """An address that people are to follow, without the user and the password that a program's has."""
    scheme, slashes, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}" if slashes else url


def cut(text: str, limit: int) -> str:
    """`text` shortened to `limit` characters, with a mark that says how much is gone."""
    if len(text) <= limit:
        return text
    mark = f" … ({len(text)} characters)"
    return text[: max(0, limit - len(mark))] + mark
