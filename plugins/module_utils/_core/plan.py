# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The contents of a plan: everything that decides what is done and where, the requester, and the expiry."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .entry import utc
from .moment import TOLERANCE

_FORM = re.compile(r"([0-9a-f]{12})-([0-9a-f]{1,8})-([0-9a-f]{8})")
_MOST = 8
"""The number of hosts that are named; further hosts are only counted."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The value of `-e approved_plan=`: the `plan`'s hash, its time (Unix time), and a check over both and the requester."""

    plan: str
    at: int
    check: str

    def __str__(self) -> str:
        return f"{self.plan}-{self.at:x}-{self.check}"


def digest(plan: Mapping[str, Any]) -> str:
    """The hash of a plan. It covers everything that decides what is done and where."""
    text = json.dumps(plan, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def ticket(plan: str, who: str, at: float) -> Ticket:
    """A ticket for the plan with this hash, requested by `who` now."""
    return Ticket(plan, int(at), digest({"plan": plan, "who": who, "at": int(at)})[:8])


def is_ticket(given: str) -> bool:
    """Whether the text has the form of a ticket."""
    return _FORM.fullmatch(given.strip()) is not None


def refusal(given: str, plan: str, who: str, *, now: float, lasts: float) -> str:
    """The reason why the given ticket does not allow `who` to carry out the plan with this hash now; empty if it does. `lasts` is in seconds."""
    form = _FORM.fullmatch(given.strip())
    if not form:
        return f"approved_plan={given.strip()[:60]!r} is no plan's ticket, which says who asked for it, and when. plan=true prints one"
    found = Ticket(form[1], int(form[2], 16), form[3])
    if found.plan != plan:
        return f"The plan is no longer the approved one ({found.plan}), but {plan}: what decides what is done where has changed since"
    if found != ticket(plan, who, found.at):
        return f"Plan {plan} was not asked for by {who}, or its ticket is mistyped. Who carries out a plan is who asked for it"
    if found.at - now > TOLERANCE:
        return f"Plan {plan} was made at {utc(found.at)}, which is still to come: the clock went back, so how old it is can't be told"
    if now - found.at > lasts:
        return f"Plan {plan} was made at {utc(found.at)}, and has expired at {utc(found.at + lasts)} (safety.plan_expires)"
    return ""


def touched(words: Mapping[str, str]) -> Iterator[str]:
    """The lines about what is touched: one line for all hosts with the same text. `words` are the texts of each host."""
    groups: dict[str, list[str]] = {}
    for host, said in words.items():
        if said:
            groups.setdefault(said, []).append(host)
    for said, hosts in groups.items():
        yield f"touches: {said}" if len(hosts) == len(words) else f"touches on {_some(hosts)}: {said}"


def addresses(of: Mapping[str, str]) -> str:
    """The addresses of hosts whose address differs from their name; empty if there are none."""
    known = [f"{host} is {address}" for host, address in of.items() if address != host]
    return f"addresses: {_some(known)}" if known else ""


def pairs(given: Any) -> str:
    """A setting as text: `path=/srv/api file=compose.yml`, or a command line."""
    if isinstance(given, Mapping):
        return " ".join(f"{key}={pairs(value)}" for key, value in sorted(given.items()) if value not in (None, "", [], {}))
    if isinstance(given, (list, tuple)):
        return " ".join(map(str, given))
    return str(given)


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
