# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The entries of the record: their kinds, and the data of each kind. `docs/record.md` is generated from this file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What an entry records. The values are stored, so they never change."""

    OPENED = "opened"
    NAMED = "named"
    STATUS = "status"
    CHANGED = "changed"
    NOTE = "note"
    RUN_STARTED = "run_started"
    TASK = "task"
    NOTIFIED = "notified"
    RUN_ENDED = "run_ended"
    RUN_VANISHED = "run_vanished"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    PAGING = "paging"
    PAGED = "paged"
    DRAFT = "draft"
    PUBLISHED = "published"
    SENDING = "sending"
    SENT = "sent"
    UNREADABLE = "unreadable"

    @property
    def about(self) -> str:
        """What it says, in one sentence."""
        return _ABOUT[self]


_ABOUT: Mapping[Kind, str] = {
    Kind.OPENED: "The incident was opened.",
    Kind.NAMED: "The incident got its number, or a room in chat.",
    Kind.STATUS: "The incident reached a stage.",
    Kind.CHANGED: "Facts of the incident changed. Each key is a new value.",
    Kind.NOTE: "Somebody, or the courier, noted something.",
    Kind.RUN_STARTED: "A run began: an emergency action, or a play that is recorded.",
    Kind.TASK: "A task ended on a host.",
    Kind.NOTIFIED: "A task notified a handler.",
    Kind.RUN_ENDED: "A run ended, with its verdict in `state`.",
    Kind.RUN_VANISHED: "The controller of a run was killed or interrupted.",
    Kind.REMINDED: "People were reminded or called.",
    Kind.ESCALATED: "The next level of escalation was called.",
    Kind.PAGING: "A notifier is about to page somebody. It is written first, so that nobody is paged twice.",
    Kind.PAGED: "A notifier accepted or refused a page.",
    Kind.DRAFT: "A text for people outside was written, and waits for approval.",
    Kind.PUBLISHED: "Something was published: a text, or states on the status page.",
    Kind.SENDING: "A mail is about to be sent. It is written first, so that no mail is sent twice.",
    Kind.SENT: "A status page or a mail server accepted or refused what was published.",
    Kind.UNREADABLE: "In the journal there is something that can't be read. It is never written.",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A key of an entry's data. `types` are the types of its value, `about` is what it says."""

    types: tuple[type, ...]
    about: str

    @property
    def words(self) -> str:
        """The types in words."""
        return " or ".join(dict.fromkeys(_WORDS[each] for each in self.types))

    def fits(self, value: object) -> bool:
        """Whether the value has one of the types."""
        return isinstance(value, self.types) and (not isinstance(value, bool) or bool in self.types)


_WORDS: Mapping[type, str] = {
    str: "text", bool: "true or false", int: "a whole number", list: "a list", tuple: "a list", Mapping: "a mapping", type(None): "nothing",
}  # fmt: skip


def _text(about: str) -> Fact:
    return Fact((str,), about)


def _flag(about: str) -> Fact:
    return Fact((bool,), about)


def _number(about: str) -> Fact:
    return Fact((int,), about)


def _list(about: str) -> Fact:
    return Fact((list, tuple), about)


def _mapping(about: str) -> Fact:
    return Fact((Mapping,), about)


ANY: Mapping[str, Fact] = {
    "message": _text("The message in chat that asked for it."),
    "unsealed": _flag("An older version recorded it without a seal."),
}
"""Keys that an entry of any kind may have."""

_OF_RUN = {
    "check": _flag("Nothing is changed: check mode, or a plan only."),
    "failed": _flag("The run failed."),
    "refused": _flag("It was refused before it had a plan."),
}
DATA: Mapping[Kind, Mapping[str, Fact]] = {
    Kind.OPENED: {
        "title": _text("What is wrong, in a few words."),
        "service": _text("The service; empty if unknown."),
        "severity": _text("P0 to P3."),
        "drill": _flag("It is an exercise."),
        "link": _text("An address with more about it, such as the job that opened it."),
    },
    Kind.NAMED: {
        "name": _text("The name that people use: `incident-2026-12-01-001`."),
        "channel": _text("Its channel in chat."),
        "url": Fact((str, type(None)), "The address of the channel."),
        "joined": _text("The severity with which another controller had announced it."),
    },
    Kind.STATUS: {
        "to": _text("The stage: `acknowledged`, `investigating`, `mitigated`, `resolved`, `closed`, `reviewed`."),
        "inferred": _flag("Nobody reported it: a later stage implies it."),
        "healthy": _flag("Whether the service was healthy at that time."),
        "block": _mapping("The texts of the resolution: `root_cause`, `fix`, `monitoring`, `next`, `message`."),
    },
    Kind.CHANGED: {
        "title": _text("The title."),
        "service": _text("The service."),
        "severity": _text("The severity."),
        "joined": _text("The severity, taken over from another controller's announcement."),
        "commander": _text("The person who leads."),
        "communications": _text("The person who speaks for the incident."),
        "scribe": _text("The person who takes notes."),
        "concerns": _list("The concerns that were raised: `security`, `data_loss`, `trade_off`."),
        "embargo": _flag("Whether customers may not be told."),
        "root_cause": _text("The root cause."),
        "fix": _text("The fix."),
        "monitoring": _text("How it is monitored from now on."),
        "next": _text("What follows."),
    },
    Kind.NOTE: {},
    Kind.RUN_STARTED: {
        "pid": _number("The process id of the controller."),
        "since": _text("When the controller started, to recognise it."),
        "person": _flag("A person started it, and no automation."),
        "service": _text("The service."),
        "severity": _text("The severity that was asked for."),
        "title": _text("The title that was asked for."),
        "incident": _text("The incident that was asked for."),
        "arguments": _mapping("The recorded extra variables."),
        "link": _text("The address of the job."),
        "revision": _text("The commit of the playbooks."),
        "recorder": _text("`callback`, or `task` if the callback was not enabled."),
        "check": _OF_RUN["check"],
        "chat": _flag("Chat was configured."),
        "drill": _text("`dry`, `done`, or empty."),
        "waits": _flag("An action that has no plan yet."),
        "hosts": _list("The hosts of a run that only its tasks record."),
        "config": _text("The path of the configuration."),
        "config_sha256": _text("Its hash."),
    },
    Kind.TASK: {
        "detail": _flag("For the whole timeline only, and not for chat."),
        "for": _text("The host for which a delegated task was done."),
        "why": _text("The reason of a failure."),
        "evidence": _text("The output that shows the reason."),
        "plan": _mapping("What the action is to change, for an undo: `name`, `service`, `role`, `backend`, `hosts`, `actor`."),
        "only": _flag("A plan, and no more."),
        "hosts": _list("The planned hosts."),
        "scope": _text("The planned hosts in words."),
        "risk": _text("The risk of the plan."),
        "health": _mapping("The health of each host before the action, in words."),
        "verdict": _text("The verdict on the host."),
        "healthy": Fact((bool, type(None)), "Whether the host is healthy now."),
        "seen": _text("What the health check saw."),
        "left": _mapping("The state that the action left on the host."),
        "balancer": _mapping("The state of each server of a load balancer, by the balancer's host."),
        "service": _text("The service behind that balancer."),
        "lock": _mapping("The lock in chat."),
        "approved_by": _text("Who approved the action."),
        "break_glass": _text("The reason to go on without an approval or a lock."),
        "about": _text("The action that goes on without it."),
        "without": _text("What it goes on without."),
    },
    Kind.NOTIFIED: {},
    Kind.RUN_ENDED: {**_OF_RUN, "evidence": _text("The output that shows the reasons of the failures.")},
    Kind.RUN_VANISHED: {"check": _OF_RUN["check"], "failed": _OF_RUN["failed"]},
    Kind.REMINDED: {
        "reminders": _list("The keys of the reminders, so that none is sent twice."),
        "reason": _text("Why people are called."),
        "pages": _flag("The notifiers call people, too."),
        "announced": _flag("It is also posted in the channel for incidents."),
        "eased": _flag("The service is healthy again."),
    },
    Kind.ESCALATED: {
        "level": _number("The number of the level; 1 is who is on call."),
        "name": _text("The name of the level."),
        "notify": _list("The people of the level."),
        "reason": _text("Why it is escalated."),
        "unnamed": _flag("The configuration names nobody for this level."),
        "again": _flag("The level was called before."),
        "reminders": _list("The keys of the reminders that it answers."),
    },
    Kind.PAGING: {"page": _mapping("The `call` (position of the entry that calls), the `notifier` and the `event`.")},
    Kind.PAGED: {"page": _mapping("As of `paging`.")},
    Kind.DRAFT: {"draft": _mapping("The text: `id`, `audience`, `occasion`, `subject`, `text` and others.")},
    Kind.PUBLISHED: {
        "policy": _flag("The policy published it, and no person."),
        "post": _mapping("What the status page shows: `status`, `impact`, `components` and others."),
        "draft": _text("The draft that was published."),
        "audience": _text("Who reads it."),
        "occasion": _text("The occasion."),
        "subject": _text("The subject."),
        "text": _text("The text."),
        "stage": _text("The stage of the incident at that time."),
        "next_due": _text("When the next text is due."),
        "channel": _text("The channel in chat for that audience."),
        "mail": _flag("It is also sent by mail."),
    },
    Kind.SENDING: {"of": _number("The position of the published entry."), "by": _text("`mail`.")},
    Kind.SENT: {
        "of": _number("The position of the published entry."),
        "by": _text("`page` or `mail`."),
        "partly": _flag("Some addresses were refused."),
    },
    Kind.UNREADABLE: {},
}
"""The data of each kind. An entry may lack any of them: versions differ. It may have others, which a later version wrote."""
_KNOWN: Mapping[str, Mapping[str, Fact]] = {str(kind): {**ANY, **facts} for kind, facts in DATA.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. `at` is UTC, ISO 8601 with a `Z`; `run_seq` is its position in its run's spool."""

    kind: str
    at: str
    actor: str = ""
    text: str = ""
    run: str = ""
    run_seq: int | None = None
    host: str = ""
    action: str = ""
    state: str = ""
    changed: bool | None = None
    duration_ms: int | None = None
    data: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The exact text that is stored and sealed."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Entry:
        """Read a stored entry. Raises ValueError or TypeError for an invalid one."""
        return cls(**json.loads(text))

    def line(self) -> str:
        """The entry in the handbook's format: `10:05 - Investigating high error rate`."""
        where = f" on {self.host}" if self.host and self.host not in self.text else ""
        outcome = f": {self.state}" if self.kind == "task" else ""
        return f"{self.at[11:16]} - {self.text or self.action}{where}{outcome}"


def utc(seconds: float) -> str:
    """A Unix time in the format of our records."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix_time(at: str) -> float:
    """The Unix time of a text from `utc`."""
    return datetime.fromisoformat(at).timestamp()


def misfit(entry: Entry) -> str:
    """The reason why the data of an entry does not fit its kind; empty if it fits."""
    if not isinstance(entry.data, dict):
        return "data must be a mapping"
    known = _KNOWN.get(entry.kind, ANY)
    for key, value in entry.data.items():
        fact = known.get(key)
        if fact and not fact.fits(value):
            return f"{key} must be {fact.words}"
    return ""


def undeclared(entry: Entry) -> list[str]:
    """The keys of an entry's data that its kind does not declare; the kind itself if it is unknown."""
    return [key for key in entry.data if key not in _KNOWN[entry.kind]] if entry.kind in _KNOWN else [entry.kind]
