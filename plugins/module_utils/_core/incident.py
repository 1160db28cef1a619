# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of an incident is derived from its entries. Nothing else is stored about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from .entry import Entry, unix_time
from .naming import provisional
from .severity import DEFAULT_SEVERITY, Severity
from .status import Status, is_back, steps

_STAMPS = {
    Status.ACKNOWLEDGED: "acknowledged_at",
    Status.MITIGATED: "mitigated_at",
    Status.RESOLVED: "resolved_at",
    Status.CLOSED: "closed_at",
}
RESOLUTION = ("root_cause", "fix", "monitoring", "next")
"""The texts of the handbook's Resolve block."""

ROLES = ("commander", "communications", "scribe")
"""The roles in an incident: the person who leads it, speaks for it, takes notes."""

FAILED = "failed "
"""The prefix of the key of a call by a failed run. The name of the run follows."""

CONCERNS = {
    "security": "a security breach is suspected",
    "data_loss": "data may be lost",
    "trade_off": "a trade-off has to be decided",
}
"""The problems that the handbook escalates, whatever the clocks say. A suspected breach also sets an embargo, until somebody lifts it."""


def transition(current: Status, wanted: Status, *, at: str, actor: str, run: str = "", run_seq: int | None = None) -> list[Entry]:
    """The entries that take an incident from `current` to `wanted`; skipped stages are marked as inferred."""
    path, again = steps(current, wanted), " again" if is_back(current, wanted) else ""
    return [
        Entry(
            "status", at, actor=actor, run=run, run_seq=run_seq if step is wanted else None,
            text=f"{step.capitalize()}{' (implied by a later step)' if step is not wanted else again}",
            data={"to": str(step), "inferred": step is not wanted},
        )
        for step in path
    ]  # fmt: skip


def relapses(entries: Iterable[Entry]) -> list[int]:
    """The positions (from 1) of the entries that took the incident back from mitigated to investigating."""
    found, before = [], ""
    for position, entry in enumerate(entries, start=1):
        if entry.kind == "status":
            if (before, entry.data.get("to")) == (Status.MITIGATED, Status.INVESTIGATING):
                found.append(position)
            before = str(entry.data.get("to"))
    return found


def calling(key: str, text: str, *, at: str, pages: bool, actor: str = "", announced: bool = False, eased: bool = False) -> Entry:
    """The entry that calls the people on call: with a mention, and with `pages` also by the notifiers, even if the incident is acknowledged. With
    `announced`, it calls all people of the severity, also in the channel for incidents, like an opening. `eased`: the service was made worse, and is
    healthy again."""
    data = {"reminders": [key], "reason": text, "pages": pages, "announced": announced, **({"eased": True} if eased else {})}
    return Entry("reminded", at, actor=actor, text=text, data=data)


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident, derived from its entries. Times are UTC, ISO 8601 with a `Z`; None for what has not happened. `names` are all names that it ever
    had, `runs` and `entries` are as `incident_info` documents them."""

    id: str
    name: str
    title: str
    service: str
    severity: str
    status: str
    drill: bool
    opened_at: str | None
    acknowledged_at: str | None
    mitigated_at: str | None
    resolved_at: str | None
    closed_at: str | None
    channel: str | None
    url: str | None
    resolution: Mapping[str, Any]
    roles: Mapping[str, str]
    concerns: Sequence[str]
    embargo: bool
    healthy: bool
    names: Sequence[str]
    runs: Sequence[dict[str, Any]]
    entries: Sequence[dict[str, Any]]

    @property
    def stage(self) -> Status:
        """The status, for comparisons."""
        return Status(self.status)

    @property
    def opened(self) -> float:
        """The Unix time of the opening. Raises ValueError if the record does not say it any more."""
        return unix_time(self.opened_at or "")

    def public(self) -> dict[str, Any]:
        """The keys that `incident_info` documents."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def derive(incident_id: str, entries: Iterable[Entry]) -> Incident:
    """The incident, from its entries in order."""
    state: dict[str, Any] = {
        "id": incident_id, "name": "", "title": "", "service": "", "severity": str(DEFAULT_SEVERITY), "status": str(Status.OPEN),
        "drill": False, "opened_at": None, "acknowledged_at": None, "mitigated_at": None, "resolved_at": None, "closed_at": None,
        "channel": None, "url": None, "resolution": {}, "roles": {}, "concerns": [], "embargo": False, "healthy": True,
        "names": [], "runs": [], "entries": [],
    }  # fmt: skip
    runs: dict[str, dict[str, Any]] = {}
    for position, entry in enumerate(entries, start=1):
        with suppress(KeyError, ValueError, TypeError):  # an entry that was tampered with is ignored here; the chain reports it
            _fold(state, runs, entry)
        shown = {key: value for key, value in asdict(entry).items() if key not in {"run_seq", "data"}}
        state["entries"].append({"seq": position, **shown})
    state["runs"] = list(runs.values())
    with suppress(ValueError, TypeError):
        first = provisional(datetime.fromisoformat(state["opened_at"]).date(), incident_id, drill=bool(state["drill"]))
        state["name"] = state["name"] or first
        state["names"].insert(0, first)
    return Incident(**state)


def _fold(state: dict[str, Any], runs: dict[str, dict[str, Any]], entry: Entry) -> None:
    match entry.kind:
        case "opened":
            state.update(_facts(entry))
            state["drill"] = bool(entry.data.get("drill"))
            state["opened_at"] = entry.at
        case "named":
            named = _texts(entry, "name", "channel", "url")
            state.update(named)
            state["names"] += [name for key, name in named.items() if key != "url" and name and name not in state["names"]]
        case "changed":
            state.update(_facts(entry))
            state["resolution"] |= {key: entry.data[key] for key in RESOLUTION if key in entry.data}
            state["roles"] |= _texts(entry, *ROLES)
            new = [each for each in entry.data.get("concerns", []) if each in CONCERNS and each not in state["concerns"]]
            state["concerns"] += new
            state["embargo"] = bool(entry.data.get("embargo", state["embargo"] or "security" in new))
        case "status":
            status = Status(entry.data["to"])
            state["status"] = str(status)
            state["healthy"] = bool(entry.data.get("healthy", state["healthy"]))
            stamp = _STAMPS.get(status)
            if stamp and not entry.data.get("inferred"):
                state[stamp] = entry.at
            block = entry.data.get("block", {})
            state["resolution"] |= {key: block[key] for key in RESOLUTION if key in block}
            if status == Status.INVESTIGATING:
                state["mitigated_at"] = None  # it counts from the last verification
        case "run_started":
            runs[entry.run] = {
                "run": entry.run, "action": entry.action, "actor": entry.actor, "started_at": entry.at, "ended_at": None,
                "verdict": None, "duration_ms": None, "text": entry.text,
            }  # fmt: skip
        case "run_ended" | "run_vanished":
            run = runs.setdefault(entry.run, {"run": entry.run})
            run.update(ended_at=entry.at, verdict=entry.state, duration_ms=entry.duration_ms)


def _facts(entry: Entry) -> dict[str, str]:
    """The title, service and severity in an entry. What is no severity changes none."""
    found = _texts(entry, "title", "service", "severity")
    return {key: value for key, value in found.items() if key != "severity" or value in set(Severity)}


def _texts(entry: Entry, *keys: str) -> dict[str, str]:
    """The facts of an entry that exist and are text."""
    return {key: entry.data[key] for key in keys if isinstance(entry.data.get(key), str)}


def timeline(entries: Sequence[Entry]) -> list[str]:
    """The whole timeline, one line for each entry."""
    return [entry.line() for entry in entries]
