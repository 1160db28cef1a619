# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The texts of an incident for Rocket.Chat. Pure functions: entries in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from . import summary, task_line
from .clip import clip, isolated
from .communication import Draft, words
from .entry import Entry, unix_time
from .escalation import unnamed
from .incident import FAILED, Incident

LIMIT = 4800
"""UTF-16 units in one message. A server refuses more than 5000 by default (Message_MaxAllowedSize)."""

_BLOCK = "\u200b"
"""Zero-width space. It prevents that `@` and `#` mention anybody. The mention pattern also runs on code."""

_PLAIN = re.compile(r"[^\W_]*(?:[ .,:;!?()/%+='…✅❌-][^\W_]*)*")
_MENTION = re.compile(r"@([\w.-]+)")
_SIGNS = {"P2": "⚠️", "P3": "🗒"}
"""The signs of messages that wake nobody; other messages have an alarm sign."""
_COLOURS = {"P0": "#d0021b", "P1": "#f5620f", "P2": "#f5c70f", "P3": "#4a90e2"}


def units(text: str) -> int:
    """The length of `text` as the server counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def inert(text: str) -> str:
    """Other people's `text` for a place without markup: it mentions nobody and has no links."""
    clean = "".join(char if char.isprintable() or char == "\n" else " " for char in text)
    clean = clean.encode("utf-8", "replace").decode()
    return clean.replace("@", f"@{_BLOCK}").replace("#", f"#{_BLOCK}").replace("://", f":{_BLOCK}//").replace("`", "ˋ")


def quoted(text: str, limit: int = 300) -> str:
    """Other people's `text` for one of our lines: unchanged if it has no markup, otherwise as inline code."""
    line = " ⏎ ".join(part.strip() for part in text.splitlines() if part.strip())
    line = clip(line, limit)
    return isolated(line if _PLAIN.fullmatch(line) and "://" not in line else f"`{inert(line)}`" if line else "")


def mentioned(text: str) -> list[str]:
    """The mentions of one of our messages. Other text is made inert."""
    return _MENTION.findall(text)


def fenced(lines: Iterable[str]) -> list[str]:
    """The lines, each made inert, in as many code blocks as the server's limit requires."""
    blocks: list[str] = []
    room, block = LIMIT - 8, list[str]()
    for line in lines:
        for piece in _pieces(inert(line), LIMIT - 16):
            if block and room < units(piece) + 1:
                blocks.append("```\n" + "\n".join(block) + "\n```")
                room, block = LIMIT - 8, []
            block.append(piece)
            room -= units(piece) + 1
    if block:
        blocks.append("```\n" + "\n".join(block) + "\n```")
    return blocks


def _pieces(line: str, limit: int) -> list[str]:
    if units(line) <= limit:
        return [line]
    size = limit // 2  # a character has at most two units
    return [line[start : start + size] for start in range(0, len(line), size)]


def lines_of(entries: Sequence[Entry]) -> list[str]:
    """The thread's lines, without detail. The same task with the same outcome is one line for all hosts."""
    entries = [entry for entry in entries if not (entry.data.get("detail") or entry.data.get("inferred"))]
    hosts: dict[tuple[str, str], list[str]] = {}
    order: list[tuple[tuple[str, str], Entry]] = []
    for entry in entries:
        key = (entry.text, entry.state) if entry.kind == "task" and entry.state != "retry" else (str(id(entry)), "")
        if key not in hosts:
            order.append((key, entry))
        hosts.setdefault(key, []).append(entry.host)
    found = []
    for key, entry in order:
        if entry.kind != "task":
            found.append(entry.line())
            continue
        took = f" ({entry.duration_ms / 1000:.1f} s)" if entry.duration_ms is not None and len(hosts[key]) == 1 else ""
        found.append(f"{entry.at[11:16]} - {task_line.line(entry, hosts[key])}{took}")
    return found


def marked(text: str, *, drill: bool) -> str:
    """The text, with a banner in a drill, so that nobody mistakes it for a real incident."""
    return f"🧪 *DRILL*{chr(10) if text.startswith('```') else ' · '}{text}" if drill else text


def helping(links: Mapping[str, str], room: int) -> str:
    """The help for people who join, by title: an address as a link, other text unchanged. Text beyond `room` units is left out."""
    found = ""
    for title, where in links.items():
        is_link = where.startswith(("http://", "https://"))
        one = f"{' · ' if found else ''}{f'[{title}]({address(where)})' if is_link else f'{title}: {quoted(where)}'}"
        if units(found + one) <= room:
            found += one
    return found


def address(link: str) -> str:
    """A link's address, escaped so that nothing ends the link or mentions anybody."""
    return quote(link, safe=":/?#&=%+,;~.-_!$'")


def opening(
    state: Incident,
    actor: str,
    link: str,
    oncall: Sequence[str],
    links: Mapping[str, str],
    seen: str = "",
    doing: str = "",
    instead: str = "",
    severity: str = "",
) -> tuple[str, list[dict[str, Any]]]:
    """The first message of an incident's room, and its attachment. `oncall` are the user names of the invited people, `links` the help, `seen` the
    result of the health check, `doing` the current action of the person who opened the incident, `instead` why the team is called, `severity` the
    first one."""
    text = _called(state, seen, actor, doing, severity)
    if oncall:
        text += "\non call: " + " ".join(f"@{name}" for name in oncall)
        text += f" (the team, since it isn't known who is on call: {quoted(instead)})" if instead else ""
    helps = helping(links, LIMIT - units(text) - 100)
    text += f"\n{helps}" if helps else ""
    values = {"Severity": state.severity, "Service": quoted(state.service), "Opened by": quoted(actor), "Opened at": state.opened_at}
    fields = [{"title": title, "value": value, "short": True} for title, value in values.items() if value]
    if link:
        fields.append({"title": "Link", "value": link, "short": False})
    return text, [{"color": _COLOURS.get(state.severity, "#888888"), "fields": fields}]


def approval(
    about: str, severity: str, plan: str, lines: Sequence[str], who: str, people: Sequence[str], within: float, needs: int = 1
) -> str:  # fmt: skip
    """The question to the approvers of an action, which `needs` that many approvals. `about` is already quoted; `within` is in seconds."""
    who_needs = f"{needs} of you: " if needs > 1 else ""
    yes = f"react to this message with ✅ or 👍, or write `!approve {plan}`"
    how = f"{who_needs}{yes}. ❌, 👎 or `!deny {plan}` stops it"
    called = " ".join(f"@{person}" for person in people)
    asked = f"✋ *{severity}* NEEDS APPROVAL (✅ or ❌) within {summary.spoken(within)}: {about} · asked by {quoted(who)}"
    return f"{asked}\n{called} {how}\n{fenced(line.removeprefix('incident.response: ')[:150] for line in lines[:25])[0]}"


def void(user: str, how: str, why: str, plan: str, *, yes: bool) -> str:
    """The reply to a person whose approval or denial does not count."""
    command = f"`!approve {plan}` alone" if yes else f"`!deny {plan}`"
    return f"@{user}: your {quoted(how)} counts for nothing: {quoted(why)}. What counts is {command}, in a new message of who may"


def belated(text: str, late: float) -> str:
    """A message that calls people that many seconds late, worded so that it isn't mistaken for a new alarm."""
    return f"🕓 *{summary.spoken(late)} ago* · {text}"


def plan(about: str, who: str, lines: Sequence[str]) -> str:
    """The plan of an action, for the channel for incidents."""
    return f"📋 *Plan* · {quoted(about)} · asked for by {quoted(who)}, and not carried out\n{fenced(line[:150] for line in lines[:25])[0]}"


def glass(about: str, name: str, actor: str, reason: str, people: Iterable[str], without: str) -> str:
    """The announcement of an action that went on without the required approval or lock."""
    called = " ".join(f"@{person}" for person in people if person)
    what = f"{quoted(about)} goes on without {quoted(without)} · by {quoted(actor)}: {quoted(reason)}"
    return f"{called} 🔨 *Emergency override* · {what} · #{name}".strip()


def titled(state: Incident, seen: str = "", limit: int = 300) -> str:
    """The service, the `seen` health, and the title in at most `limit` characters."""
    return " · ".join(filter(None, (quoted(state.service), seen, quoted(state.title, limit))))


def announcement(state: Incident, name: str, actor: str, told: Sequence[str], seen: str = "", doing: str = "") -> str:
    """The announcement in #incidents: the called people, the title, the `seen` health, the current action, and the channel."""
    people = " ".join(f"@{person}" for person in told)
    return f"{people} {_called(state, seen, actor, doing)} · #{name}".strip()


def _called(state: Incident, seen: str, actor: str, doing: str, severity: str = "") -> str:
    """The reason for the call. If an action opened the incident, its name is no problem description, so the text says what it does."""
    sign, own = "" if state.drill else f"{_SIGNS.get(state.severity, '🚨')} ", f" of {state.service or 'a service'}"
    title = "" if doing and state.title.endswith(own) and state.title != own else quoted(state.title, 300)
    first = f" as {severity}, raised since" if severity not in ("", state.severity) else ""
    by = doing or f"opened by {quoted(actor)}{first}{', nobody has taken it yet' if state.status == 'open' else ''}"
    return f"{sign}*{state.severity}* {' · '.join(filter(None, (quoted(state.service), seen, title, by)))}"


def all_clear(state: Incident, name: str, entry: Entry) -> str:
    """The message in #incidents at the end of an incident: `entry` resolves or closes it."""
    return f"{_over(state, entry)} · #{name}"


def _over(state: Incident, entry: Entry) -> str:
    """The text about a resolved or closed incident: what, when, how, by whom."""
    after = ""
    with suppress(ValueError, TypeError):
        after = f", after {summary.spoken(unix_time(entry.at) - state.opened)}"
    fix, message = str(state.resolution.get("fix") or ""), str(entry.data.get("block", {}).get("message") or "")
    how = f"fix: {quoted(fix)}" if fix else quoted(message)
    words = f": {quoted(state.title, 60)}{f' · {how}' if how else ''}"
    what = f"{quoted(state.service or 'incident')} {str(entry.data['to']).upper()} at {entry.at[11:16]}{after}{words}"
    return f"✅ *{state.severity}* {what} · by {quoted(entry.actor)}"


def backlog(state: Incident, actor: str) -> str:
    """The line in #incidents for a P3."""
    service = f" · service {quoted(state.service)}" if state.service else ""
    return f"🗒 *{state.severity}* {quoted(state.title)}{service} · for the backlog · noted by {quoted(actor)} · `{state.name}`"


def continued(state: Incident, before: str, oncall: Sequence[str], why: str) -> str:
    """The first message of the room in which an incident goes on."""
    people = "".join(f"@{person} " for person in oncall)
    return f"{people}🚨 *{state.severity}* · {quoted(state.title)} ({state.status}) goes on here: #{before} {why}"


def moved(state: Incident, before: str, room: str, why: str) -> str:
    """The message in #incidents about an incident with a new room."""
    return f"↪️ *{state.severity}* {quoted(state.title)} goes on in #{room}: #{before} {why}"


def called(state: Incident, room: str, people: Sequence[str]) -> str:
    """The message to people who could not be called in time."""
    names = " ".join(f"@{person}" for person in people)
    return f"{names} 🚨 *{state.severity}* {quoted(state.title)} ({state.status}) · you could not be called before · #{room}"


def worse(state: Incident, before: str, severity: str, entry: Entry, told: Sequence[str]) -> str:
    """The message in #incidents about a raised severity, with the reason."""
    people = "".join(f"@{person} " for person in told)
    why = entry.text.partition("): ")[2]
    return f"{people}🚨 *{before} → {severity}* {titled(state)}{f': {quoted(why)}' if why else ''} · by {quoted(entry.actor)} · #{state.name}"


def security(state: Incident, entry: Entry) -> str:
    """The message in #security about a suspected breach."""
    return f"🔒 *{state.severity}* {titled(state)} · {quoted(entry.text)} · by {quoted(entry.actor)} · #{state.name}"


def topic(state: Incident, oncall: Sequence[str]) -> str:
    """Severity, status, service and who is on call, always current."""
    people = f" · on call: {', '.join(oncall)}" if oncall else ""
    return marked(f"{state.severity} · {state.status} · {inert(state.service) or 'no service'}{people}", drill=state.drill)


def duty(topic: str, people: Sequence[str]) -> str:
    """A channel's topic with the people on call, first called first; the other parts of the topic stay."""
    said = f"On call: {' · '.join(people)}"
    rest = [part for part in (each.strip() for each in topic.split("|")) if part and not part.lower().startswith("on call:")]
    return " | ".join([said, *rest])


def handover(people: Sequence[str], until: str, still_open: Sequence[Incident]) -> str:
    """The message about a new person on call: who, until when, and the open incidents."""
    text = f"🔁 *On call*: {' · '.join(people)}{f' until {until[:16]}Z' if until else ''}"
    lines = (f"still open: *{each.severity}* {quoted(each.title)} ({each.status}) · #{each.name}" for each in still_open)
    return "\n".join([text, *lines])


def root(entries: Sequence[Entry], severity: str = "") -> str:
    """A run's root message, from all its entries so far: its result, its plan, and what to do after a failure."""
    return "\n".join(filter(None, (summary.sentence(entries, quoted, severity), *_next(entries), summary.plan_line(entries, quoted))))


def _next(entries: Sequence[Entry]) -> list[str]:
    """What to do after a failed run, with the command as code."""
    steps = summary.next_steps(entries, quoted)
    return [f"`{inert(step)}`" if step.startswith("ansible-playbook ") else step for step in steps]


def closing(entries: Sequence[Entry], head: str, count: int, severity: str = "", *, known: bool = False) -> str:
    """The last reply of a run, from all its entries: the outcome, the evidence of a failure, and the record's head as a witness against later
    changes. If the outcome is `known` (the root message was already written with it), it is not repeated. Otherwise the mark of the sentence is in
    the root message, and here only if something must be done."""
    witness = f"record: {count} entries, head `{head}`"
    what = "" if known else "\n".join([summary.sentence(entries, quoted, severity).removeprefix("✅ "), *_next(entries)])
    end = next(entry for entry in entries if entry.kind in {"run_ended", "run_vanished"})
    evidence = fenced(str(end.data.get("evidence", "")).splitlines())
    shown = [evidence[0]] if evidence and units(evidence[0]) + units(what) < LIMIT - 200 else []
    return "\n".join(filter(None, [what, *shown, witness]))


def late(entry: Entry, state: Incident, name: str, oncall: Sequence[str]) -> str:
    """A reminder, or the call of the next level of escalation, with the mentioned people."""
    about = f"*{state.severity}* {titled(state, limit=60)}"
    if entry.kind == "escalated":
        by = f" ({quoted(entry.actor)})" if entry.actor else ""
        people = "".join(f"@{person} " for person in (oncall if entry.data.get("unnamed") else entry.data.get("notify", [])))
        if entry.data.get("unnamed"):
            needed = quoted(unnamed(entry.data["name"]))
            return f"{people}⏫ {about}: {needed} · {quoted(entry.data['reason'], 1000)}{by} · #{name}"
        once_more = " again" if entry.data.get("again") else ""
        return f"{people}⏫ *Escalated{once_more} to {quoted(entry.data['name'])}* · {about}: {quoted(entry.data['reason'], 1000)}{by} · #{name}"
    people, called = "".join(f"@{person} " for person in oncall), any(key.startswith(FAILED) for key in entry.data.get("reminders", []))
    if called:  # caused by a run: this is no reminder
        sign = "⚠️" if entry.data.get("eased") else "🚨"
        return f"{people}{sign} *{state.severity}* {quoted(state.service)}{' · ' if state.service else ''}{quoted(entry.text, 1000)}"
    return f"{people}⏰ {about}: {quoted(entry.text, 1000)}"


def draft(made: Draft, people: Sequence[str]) -> str:
    """A draft for the person who speaks for the incident: the text, and how to publish it."""
    called = "".join(f"@{person} " for person in people)
    block = fenced([made.subject, "", *made.text.splitlines()])
    how = "read it, since it may hold what was said here"
    how += f"; then publish it with `!publish {made.id}`, or with `-e approve={made.id}` and the playbook incident_communicate"
    return f"{called}✍️ *Draft* for {quoted(made.audience)} ({quoted(words(made.occasion))}) · {how}\n{block[0] if block else ''}"


def told(entry: Entry) -> str:
    """A published text."""
    return f"📣 *{quoted(entry.data['subject'])}*\n{(fenced(str(entry.data['text']).splitlines()) or [''])[0]}"


def said(entry: Entry, state: Incident, people: Sequence[str] = ()) -> str:
    """An entry of a person or another program, as a message in the incident's room that mentions `people`."""
    if entry.kind == "status" and entry.data.get("block"):
        return "\n".join([_over(state, entry), *_block(entry.data["block"])])
    by = f" ({quoted(entry.actor)})" if entry.actor else ""
    called = "".join(f" @{name}" for name in people)
    about = f"*{state.severity}* {quoted(state.service)}{' · ' if state.service else ''}"
    return f"{entry.at[11:16]} - {'❌ ' if entry.state == 'failed' else ''}{about}{_spoken(entry)}{by}{called}"


def _spoken(entry: Entry) -> str:
    """The text. The address of a review is a link, because it is meant to be opened."""
    what, dummy, where = entry.text.rpartition(": ")
    if entry.data.get("to") == "reviewed" and re.fullmatch(r"https?://\S{1,500}", where):
        return f"{quoted(what)}: {address(where)}"
    return quoted(entry.text, 3000)


def _block(block: dict[str, str]) -> list[str]:
    names = (("root_cause", "Root cause"), ("fix", "Fix"), ("monitoring", "Monitoring"), ("next", "Next"), ("message", "Note"))
    return [f"*{title}:* {quoted(block[key], 1000)}" for key, title in names if block.get(key)]
