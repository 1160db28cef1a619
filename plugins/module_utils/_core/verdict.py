# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict of an emergency action, from the health before and after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """The outcome of an action on a host, or of a whole run."""

    NOTHING_TO_DO = "nothing_to_do"
    WORKED = "worked"
    NO_EFFECT = "no_effect"
    MADE_WORSE = "made_worse"
    UNKNOWN = "unknown"


GOOD = frozenset({Verdict.WORKED, Verdict.NOTHING_TO_DO})
"""The verdicts of a run that reached the requested state. If nothing had to be done, the incident has another cause."""
_DETAIL = 120
_WORST_FIRST = (Verdict.MADE_WORSE, Verdict.UNKNOWN, Verdict.NO_EFFECT, Verdict.WORKED, Verdict.NOTHING_TO_DO)


CHANGE_FAILED, PUT_BACK, STILL_GOOD = "the change failed", "it was put back as it was before", "still good: "
"""The first words of texts about the health."""


def judge(*, before: bool | None, after: bool | None, acted: bool | None) -> Verdict:
    """The verdict of one host. Each argument is None if unknown. `before` and `after` say whether the service was healthy. `acted` says whether the
    change is proved (for example by a new main process), never whether a command returned 0. A service that was down and is healthy is a proof, too;
    a service that was healthy and still is proves nothing."""
    if after is None:
        return Verdict.UNKNOWN
    if after:
        if acted or before is False:
            return Verdict.WORKED
        return Verdict.UNKNOWN if acted is None else Verdict.NO_EFFECT
    if before is None:
        return Verdict.UNKNOWN
    return Verdict.MADE_WORSE if before else Verdict.NO_EFFECT


def replaced(before: Mapping[str, Any], after: Mapping[str, Any], *, stopped: bool = False) -> bool | None:
    """Whether other processes run than before; None if unknown. Both arguments are results of incident.response.service_health_info. `stopped`: the
    service's own status said in between that it did not run. The listener on its port counts more, because a status may rely on a stale file; but the
    same listener may only be a proxy in front of the service, such as a web server."""
    for name in ("instance", "listener"):
        old, new = (set(str(each.get(name) or "").split()) for each in (before, after))
        if old and new:
            return True if not old & new else False if name == "instance" else None
    return True if stopped else None


def health(seen: Mapping[str, Any]) -> str:
    """A readable description of a service's health: `down: connection refused`; empty if nothing was checked."""
    if "healthy" not in seen:
        return ""
    state = {True: "healthy", False: "down"}.get(seen["healthy"], "its health isn't known")
    detail = " ".join(str(seen.get("detail") or "").split())
    return f"{state}: {detail if len(detail) <= _DETAIL else detail[: _DETAIL - 1] + '…'}" if detail else state


def unproved(before: Mapping[str, Any], after: Mapping[str, Any], acted: bool | None) -> str:
    """The text that explains why a service that is healthy before and after is no proof, and what to do next."""
    if acted is False:
        return f"it is healthy, and it is the same as before ({after.get('instance')}): nothing was restarted"
    who = str(after.get("listener") or "")
    why = f"the same process listens on its port ({who})" if who and who == before.get("listener") else "nothing tells one start of it from another"
    was = "it was healthy before, too" if before.get("healthy") else "how it was before isn't known"
    return (
        f"it is healthy, but nothing proves a restart: {was}, and {why}. Look at when its process began: ps -eo pid,lstart,args. "
        "To have it proved, name what tells: commands.identity in the service catalogue, as in [cat, /run/api.pid]"
    )


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a run: the verdict of its worst host; `unknown` without any verdict."""
    found = set(verdicts)
    return next((verdict for verdict in _WORST_FIRST if verdict in found), Verdict.UNKNOWN)


def mark(verdict: Verdict | str, *, failed: bool, planned: bool = False) -> str:
    """The mark at the end of a run: ✅ only with a verdict that it worked, ⚠️ if nothing verified the outcome."""
    if failed:
        return "❌"
    if planned:
        return "📋"
    return {Verdict.WORKED: "✅", Verdict.UNKNOWN: "⚠️"}.get(Verdict(verdict), "❌") if verdict in set(Verdict) else "⚠️"
