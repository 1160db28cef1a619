# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an emergency action really did, judged from the health before it and after it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """The outcome of an action on a host, or of a whole run."""

    WORKED = "worked"
    NO_EFFECT = "no_effect"
    MADE_WORSE = "made_worse"
    UNKNOWN = "unknown"


_WORST_FIRST = (Verdict.MADE_WORSE, Verdict.UNKNOWN, Verdict.NO_EFFECT, Verdict.WORKED)


def judge(*, before: bool | None, after: bool | None, acted: bool | None) -> Verdict:
    """Judge one host. Each argument is None where it could not be found out.

    `before` and `after` say whether the service was healthy; `acted` whether the change is proved to
    have happened (a new main process, say), never whether a command returned 0.
    """
    if after is None:
        return Verdict.UNKNOWN
    if after:
        return Verdict.NO_EFFECT if before and acted is False else Verdict.WORKED
    if before is None:
        return Verdict.UNKNOWN
    return Verdict.MADE_WORSE if before else Verdict.NO_EFFECT


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a run: that of its worst host, `unknown` for a run that judged none."""
    found = set(verdicts)
    return next((verdict for verdict in _WORST_FIRST if verdict in found), Verdict.UNKNOWN)
