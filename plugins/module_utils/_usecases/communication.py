# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publishes texts for people outside, by the policy and the cadence, each once, even with several ticks. A publication is an entry first, and is then
sent to the status page, to a channel, and by mail. So no publication is lost, and the timeline has everything that was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import _gate
from .._core import communication, status_page
from .._core.communication import CUSTOMERS, Draft, Rules
from .._core.entry import Entry, unix_time, utc
from .._core.incident import Incident, derive, relapses
from .._core.status import Status
from .._core.status_page import ALONE, OPERATIONAL, OVER
from .._ports import Journal
from . import lifecycle
from .escalation import watched

IMPACT_OF = {"P0": "critical", "P1": "major", "P2": "minor", "P3": "none"}
"""The impact of a severity for people outside."""
_ROUNDS = 8
"""The due work for one incident: its components, and a draft for each audience."""


class Refused(ValueError):
    """The request is refused. The text says why, and what to do."""


class TemplateError(Exception):
    """A template can't be rendered. The text names the template and the reason."""


class Undelivered(Exception):
    """A mail was not accepted. `partly`: only for some recipients; the others have it."""

    def __init__(self, text: str, *, partly: bool = False) -> None:
        super().__init__(text)
        self.partly = partly


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of the configuration, and its functions. `components`: the components of a service. `write`: subject and text for an audience and
    occasion; raises TemplateError. `channel`: texts for customers are also posted there. `recipients`: the number of addresses of an audience; `send`
    mails them and raises Undelivered."""

    rules: Rules
    components: Callable[[str], Sequence[str]]
    write: Callable[[str, str, Mapping[str, Any]], tuple[str, str]]
    channel: str = ""
    recipients: Mapping[str, int] | None = None
    send: Callable[[communication.Mail], str] | None = None
    shows: bool = True
    """Whether there is a status page at all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A text for an audience. `status` is the state on the status page, empty for the one that fits the incident's."""

    audience: str
    occasion: str
    message: str = ""
    status: str = ""


def look(journal: Journal, policy: Policy, *, clock: Callable[[], float], write: bool) -> tuple[list[tuple[str, Entry]], list[str]]:
    """Do everything that the policy and the cadence require now, and send due mails. Returns the entries by the incident's name, and problems."""
    found: list[tuple[str, Entry]] = []
    problems: list[str] = []
    for incident in _concerned(journal, clock()):
        try:
            found += _advance(journal, incident, policy, clock, write=write)
            if write:
                found += mail(journal, incident, policy, clock=clock)
        except TemplateError as error:
            problems.append(f"{journal.incident(incident).name}: no draft could be written: {error}")
        except (ValueError, TypeError, KeyError) as error:  # one damaged record must not silence all others
            problems.append(f"{incident}: nobody outside can be told of it, since its record is damaged: {error}")
    return found, problems


def _concerned(journal: Journal, now: float) -> list[str]:
    """The watched incidents, and incidents of any age that still keep a component from being operational."""
    ill = (record.id for record in journal.published() if any(state != OPERATIONAL for state in status_page.claims(record).values()))
    return list(dict.fromkeys([*watched(journal, now), *(incident for incident in ill if not incident.startswith(ALONE))]))


def draft(journal: Journal, incident: str, policy: Policy, asked: Asked, *, at: str) -> Draft:
    """The text without recording it. Raises TemplateError; Refused if nothing may be published."""
    entries = journal.entries(incident)
    state = derive(incident, entries)
    _refuse(state, asked)
    post = _post(state, entries, policy, asked) if asked.audience == CUSTOMERS and policy.shows else {}
    facts = _facts(state, entries, policy, asked, post, at)
    subject, text = (_gate.clean(each, guess=True) for each in policy.write(asked.audience, asked.occasion, facts))
    if post:
        title = _gate.clean(policy.write(CUSTOMERS, "first_notice", facts)[0], guess=True)
        first = {} if _shown(entries) else {"title": title, "starts": state.opened_at}
        post = {**post, "body": text, **first}
    name = communication.draft_id(incident, len(entries) + 1)
    return Draft(name, asked.audience, asked.occasion, subject, text, post, next_due=facts["next_update"], message=asked.message, stage=state.status)


def said_already(journal: Journal, incident: str, policy: Policy, wanted: Draft, *, now: float) -> bool:
    """Whether the audience already has this text, and the next update isn't due. Then running the same task again publishes nothing."""
    entries = journal.entries(incident)
    last = next(iter(reversed(communication.told(entries, wanted.audience))), None)
    if last is None or (last.data.get("message"), last.data.get("stage")) != (wanted.message, wanted.stage):
        return False
    every = policy.rules.every.get(derive(incident, entries).severity)
    return wanted.occasion == "resolved" or not every or now < unix_time(last.at) + communication.LEAD * every


def locate(journal: Journal, wanted: lifecycle.Wanted, audience: str) -> str:
    """The incident of the request: by its name; or by its service, the open incident, or the last ended one whose end the audience does not know yet.
    Raises lifecycle.Refused."""
    found = lifecycle.locate(journal, wanted) or ""
    if wanted.incident or not found:
        return found
    entries = journal.entries(found)
    said = communication.told(entries, audience)
    waits = bool(said) and said[-1].data.get("occasion") != "resolved"
    if derive(found, entries).stage.is_over and not waits:
        name = derive(found, entries).name
        raise Refused(f"{wanted.service} has no open incident. If {name}, which is over, is meant, name it: -e incident={name}")
    return found


def fitting(journal: Journal, incident: str, audience: str) -> str:
    """The default occasion."""
    entries = journal.entries(incident)
    if derive(incident, entries).stage.is_over:
        return "resolved"
    return "update" if communication.told(entries, audience) else "first_notice"


def publish(journal: Journal, incident: str, policy: Policy, chosen: Draft, *, at: str, actor: str) -> Entry:
    """The entry that publishes a draft. Raises Refused if nothing may be published. Must run in a transaction; the caller appends it."""
    state = journal.incident(incident)
    forbid(state)
    if state.stage.is_over and chosen.occasion != "resolved":
        raise Refused(f"{state.name} is {state.status} by now, and the draft says otherwise: draft another one (occasion=resolved)")
    if not _reaches(journal, incident, policy, chosen.audience):
        who = f"communication.recipients.{chosen.audience} (with communication.mail)"
        raise Refused(f"nobody would read it: there is neither chat nor anybody in {who}. Nothing was recorded.")
    every = policy.rules.every.get(state.severity) if chosen.occasion != "resolved" else None
    room = journal.projection(incident) is not None
    channel = policy.channel if chosen.audience == CUSTOMERS and room else ""
    mails, due = (policy.recipients or {}).get(chosen.audience, 0), communication.next_due(at, every)
    return communication.publishing(chosen, at=at, actor=actor, room=room, channel=channel, mails=mails, next_due=due)


def _reaches(journal: Journal, incident: str, policy: Policy, audience: str) -> bool:
    shown = audience == CUSTOMERS and policy.shows
    return bool(shown or (policy.recipients or {}).get(audience) or journal.projection(incident))


def waiting(journal: Journal, incident: str, name: str) -> Draft:
    """The pending draft of that name. Raises Refused if it is not pending."""
    entries = journal.entries(incident)
    there = communication.drafts(entries)
    found = next((each for each in there if each.id == name.strip().lower()), None)
    if found:
        return found
    known = ", ".join(f"{each.id} ({each.audience}, {communication.words(each.occasion)})" for each in there) or "none waits"
    made = {each.id for each in map(communication.draft_of, entries) if each}
    why = "it was published, or a newer one stands for it" if name.strip().lower() in made else "none was ever called so"
    raise Refused(f"there is no draft {name} that waits: {why}. Drafts: {known}")


def mail(journal: Journal, incident: str, policy: Policy, *, clock: Callable[[], float]) -> list[tuple[str, Entry]]:
    """Send the published, unsent mails. Each is claimed in a transaction first, so only one of several ticks sends it."""
    found: list[tuple[str, Entry]] = []
    while policy.send and _mail(journal, incident, clock()):
        with journal.transaction():
            due = _mail(journal, incident, clock())
            if due is None:
                break
            journal.append(incident, [Entry("sending", utc(clock()), text=f"Writing to {due.audience}", data=_by_mail(due.position))])
        try:
            entry = Entry("sent", utc(clock()), text=policy.send(due), state="ok", data=_by_mail(due.position))
        except Undelivered as error:
            data = _by_mail(due.position) | {"partly": error.partly}
            entry = Entry("sent", utc(clock()), text=f"The mail to {due.audience} was not taken on: {error}", state="failed", data=data)
        with journal.transaction():
            journal.append(incident, [entry])
        found.append((journal.incident(incident).name, entry))
    return found


def _by_mail(position: int) -> dict[str, Any]:
    return {"of": position, "by": communication.MAIL}


def _mail(journal: Journal, incident: str, now: float) -> communication.Mail | None:
    """The next mail to send; None if an embargo was set meanwhile."""
    entries = journal.reckoned(incident)
    due = next(communication.mails(entries, now), None)
    return None if due is None or communication.silent(derive(incident, entries)) else due


def forbid(state: Incident) -> None:
    """Raises Refused if nothing about the incident may be published."""
    why = communication.silent(state)
    if why:
        command = f"ansible-playbook incident.response.incident_update -e 'incident={state.name} embargo=false'"
        lift = f". Whoever decides what customers may know lifts the embargo with the command below:\n{command}"
        raise Refused(f"nothing of {state.name} goes out: {why}{lift if state.embargo and not state.drill else ''}")


def _refuse(state: Incident, asked: Asked) -> None:
    forbid(state)
    over = state.stage.is_over
    if (asked.occasion == "resolved" or asked.status in OVER) and not over:
        raise Refused(f"{state.name} is {state.status}: resolve it before anybody is told that it is")
    if over and (asked.occasion != "resolved" or asked.status not in {"", *OVER}):
        raise Refused(f"{state.name} is {state.status}: what can be said of it now is that it is (occasion=resolved)")


def _advance(journal: Journal, incident: str, policy: Policy, clock: Callable[[], float], *, write: bool) -> list[tuple[str, Entry]]:
    found: list[Entry] = []
    for _round in range(_ROUNDS):
        new = _due(journal, incident, policy, clock())
        if not new:
            break
        if write:
            with journal.transaction():
                new = _due(journal, incident, policy, clock())
                journal.append(incident, new)
        found += new
        if not write:
            break
    return [(journal.incident(incident).name, each) for each in found]


def _due(journal: Journal, incident: str, policy: Policy, now: float) -> list[Entry]:
    """The time of the next update; empty if there is none."""
    entries = journal.entries(incident)
    state = derive(incident, entries)
    if not state.opened_at:
        return []
    changes = communication.following(state, entries, policy.components(state.service) if policy.shows else (), policy.rules)
    if changes:
        return [communication.setting(changes, at=utc(now), policy=True)]
    counted = journal.reckoned(incident)
    wanted = communication.drafted(derive(incident, counted), counted, policy.rules, now)
    if wanted is None:
        return []
    audience, occasion = wanted
    if not _reaches(journal, incident, policy, audience):
        return []
    auto = audience == CUSTOMERS and state.severity in policy.rules.auto
    said = communication.told(entries, audience)
    known = communication.notes(entries, said[-1].at if said else "") if audience == CUSTOMERS and not auto else []
    made = draft(journal, incident, policy, Asked(audience, occasion, "\n".join(known)), at=utc(now))
    drafting = communication.drafting(made, at=utc(now), actor="", auto=auto)
    return [drafting, publish(journal, incident, policy, made, at=utc(now), actor="")] if auto else [drafting]


def _post(state: Incident, entries: Sequence[Entry], policy: Policy, asked: Asked) -> dict[str, Any]:
    """The data for the status page: the stage, the impact, the affected components."""
    status = state.stage
    before = _shown(entries)
    back = bool(relapses(entries)) and before == "monitoring"  # `monitoring` on the page means that it is thought to be mitigated
    fitting = before if before not in {"", *OVER} and not back else "investigating"
    fitting = "resolved" if status.is_over else "monitoring" if status is Status.MITIGATED else fitting
    post: dict[str, Any] = {"status": asked.status or fitting, "impact": IMPACT_OF[state.severity]}
    if not before:
        claimed = status_page.claims(communication.record_of(entries))
        post["components"] = {name: claimed.get(name, OPERATIONAL) for name in policy.components(state.service)}
    return post


def _shown(entries: Sequence[Entry]) -> str:
    """The state of its post on the status page; empty without a post."""
    made = communication.post_of(entries)
    return made.status if made else ""


def _facts(state: Incident, entries: Sequence[Entry], policy: Policy, asked: Asked, post: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The variables of a template."""
    every = policy.rules.every.get(state.severity) if asked.occasion != "resolved" else None
    said = communication.told(entries, asked.audience)
    keys = ("name", "title", "service", "severity", "status", "opened_at", "mitigated_at", "resolved_at", "resolution", "url", "roles")
    return {
        **{key: getattr(state, key) for key in keys},
        "components": list(policy.components(state.service)),
        "message": asked.message, "notes": communication.notes(entries, said[-1].at if said else ""),
        "public_status": post.get("status", ""), "at": at, "next_update": communication.next_due(at, every),
    }  # fmt: skip
