# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words of an incident as Rocket.Chat is to show them. Pure: entries in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from . import summary, task_line
from .clip import clip, isolated
from .incident import FAILED, Entry, seconds
from .overdue import unnamed
from .publication import Draft, words

LIMIT = 4800
"""UTF-16 units in one message. A server refuses more than 5000 by default (Message_MaxAllowedSize)."""

_BLOCK = "\u200b"
"""Zero-width space: keeps `@` and `#` from naming anybody. The mention pattern runs on raw text, code included."""

_PLAIN = re.compile(r"[^\W_]*(?:[ .,:;!?()/%+='…✅❌-][^\W_]*)*")
_MENTION = re.compile(r"@([\w.-]+)")
_SIGNS = {"P2": "⚠️", "P3": "🗒"}
"""Of what wakes nobody; the others have an alarm's."""
_COLOURS = {"P0": "#d0021b", "P1": "#f5620f", "P2": "#f5c70f", "P3": "#4a90e2"}


def units(text: str) -> int:
    """The length of `text` as the server counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def inert(text: str) -> str:
    """`text` that isn't ours, for a place where no markup is read: it mentions nobody and links to nothing."""
    clean = "".join(char if char.isprintable() or char == "\n" else " " for char in text)
    clean = clean.encode("utf-8", "replace").decode()
    return clean.replace("@", f"@{_BLOCK}").replace("#", f"#{_BLOCK}").replace("://", f":{_BLOCK}//").replace("`", "ˋ")


def quoted(text: str, limit: int = 300) -> str:
    """`text` that isn't ours, for a line of ours: as it stands where it holds no markup, else as inline code."""
    line = " ⏎ ".join(part.strip() for part in text.splitlines() if part.strip())
    line = clip(line, limit)
    return isolated(line if _PLAIN.fullmatch(line) and "://" not in line else f"`{inert(line)}`" if line else "")


def mentioned(text: str) -> list[str]:
    """Whom a message of ours calls: what isn't ours is made inert."""
    return _MENTION.findall(text)


def fenced(lines: Iterable[str]) -> list[str]:
    """The lines, each made inert, in as many code blocks as the server's limit asks for."""
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
    size = limit // 2  # a character is two units at most
    return [line[start : start + size] for start in range(0, len(line), size)]


def lines_of(entries: Sequence[Entry]) -> list[str]:
    """The thread's lines, without detail: the same task with the same outcome is one line however many hosts it ran on."""
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
    """The text, with a banner where it is of a drill: nobody who reads it may take it for the real thing."""
    return f"🧪 *DRILL*{chr(10) if text.startswith('```') else ' · '}{text}" if drill else text


def helping(links: Mapping[str, str], room: int) -> str:
    """What helps whoever comes, by its title: an address as a link, anything else as it stands. What doesn't fit into `room` units is left out."""
    found = ""
    for title, where in links.items():
        is_link = where.startswith(("http://", "https://"))
        one = f"{' · ' if found else ''}{f'[{title}]({address(where)})' if is_link else f'{title}: {quoted(where)}'}"
        if units(found + one) <= room:
            found += one
    return found


def address(link: str) -> str:
    """A link's address, in which nothing ends it, or names anybody."""
    return quote(link, safe=":/?#&=%+,;~.-_!$'")


def opening(
    state: dict[str, Any], actor: str, link: str, oncall: Sequence[str], links: Mapping[str, str], seen: str = "", doing: str = ""
) -> tuple[str, list[dict[str, Any]]]:
    """The first message of an incident's room, and its attachment. `oncall` are user names of people who were invited, `links` what helps,
    `seen` what was seen of the service's health, `doing` what whoever opened it is doing about it."""
    text = _called(state, seen, actor, doing)
    if oncall:
        text += "\non call: " + " ".join(f"@{name}" for name in oncall)
    helps = helping(links, LIMIT - units(text) - 100)
    text += f"\n{helps}" if helps else ""
    values = {"Severity": state["severity"], "Service": quoted(state["service"]), "Opened by": quoted(actor), "Opened at": state["opened_at"]}
    fields = [{"title": title, "value": value, "short": True} for title, value in values.items() if value]
    if link:
        fields.append({"title": "Link", "value": link, "short": False})
    return text, [{"color": _COLOURS.get(state["severity"], "#888888"), "fields": fields}]


def approval(
    about: str, severity: str, plan: str, lines: Sequence[str], who: str, people: Sequence[str], within: float, needs: int = 1
) -> str:  # fmt: skip
    """What those who may approve an action are asked, of whom it `needs` so many. `about` is already quoted; `within` is in seconds."""
    who_needs = f"{needs} of you, " if needs > 1 else ""
    yes = f"react to this message with ✅ or 👍, or write `!approve {plan}`"
    how = f"{who_needs}within {summary.spoken(within)}: {yes}. ❌, 👎 or `!deny {plan}` stops it"
    called = " ".join(f"@{person}" for person in people)
    asked = f"✋ *{severity}* NEEDS APPROVAL (✅ or ❌): {about} · asked by {quoted(who)}"
    return f"{asked}\n{called} {how}\n{fenced(line.removeprefix('incident.response: ')[:150] for line in lines[:25])[0]}"


def void(user: str, how: str, why: str, plan: str, *, yes: bool) -> str:
    """What somebody reads whose yes, or no, counts for nothing."""
    command = f"`!approve {plan}` alone" if yes else f"`!deny {plan}`"
    return f"@{user}: your {quoted(how)} counts for nothing: {quoted(why)}. What counts is {command}, in a new message of who may"


def belated(text: str, late: float) -> str:
    """A message that calls people, so many seconds after what it tells of: it isn't taken for a new alarm."""
    return f"🕓 *{summary.spoken(late)} ago* · {text}"


def plan(about: str, who: str, lines: Sequence[str]) -> str:
    """What an action would do, for all who read of incidents."""
    return f"📋 *Plan* · {quoted(about)} · asked for by {quoted(who)}, and not carried out\n{fenced(line[:150] for line in lines[:25])[0]}"


def glass(about: str, name: str, actor: str, reason: str, people: Iterable[str], without: str) -> str:
    """What everybody is told of an action that went on without the approval, or the lock, that it needed."""
    called = " ".join(f"@{person}" for person in people if person)
    what = f"{quoted(about)} goes on without {quoted(without)} · by {quoted(actor)}: {quoted(reason)}"
    return f"{called} 🔨 *Emergency override* · {what} · #{name}".strip()


def titled(state: dict[str, Any], seen: str = "", limit: int = 300) -> str:
    """The service, what was `seen` of its health, and the title in at most `limit` characters."""
    return " · ".join(filter(None, (quoted(state["service"]), seen, quoted(state["title"], limit))))


def announcement(state: dict[str, Any], name: str, actor: str, told: Sequence[str], seen: str = "", doing: str = "") -> str:
    """What #incidents reads: who is called, what it is, what was `seen` of the service's health, what is being done about it, and where."""
    people = " ".join(f"@{person}" for person in told)
    return f"{people} {_called(state, seen, actor, doing)} · #{name}".strip()


def _called(state: dict[str, Any], seen: str, actor: str, doing: str) -> str:
    """What people are called for. What an action is called that opened the incident is no trouble: what it does is said instead."""
    sign, own = "" if state["drill"] else f"{_SIGNS.get(state['severity'], '🚨')} ", f" of {state['service'] or 'a service'}"
    title = "" if doing and state["title"].endswith(own) and state["title"] != own else quoted(state["title"], 300)
    by = doing or f"opened by {quoted(actor)}{', nobody has taken it yet' if state['status'] == 'open' else ''}"
    return f"{sign}*{state['severity']}* {' · '.join(filter(None, (quoted(state['service']), seen, title, by)))}"


def all_clear(state: dict[str, Any], name: str, entry: Entry) -> str:
    """What #incidents reads at the end of an incident: `entry` resolves it, or closes it."""
    return f"{_over(state, entry)} · #{name}"


def _over(state: dict[str, Any], entry: Entry) -> str:
    """That it is resolved, or closed: what, when, how, by whom."""
    after = ""
    with suppress(ValueError, TypeError):
        after = f", after {summary.spoken(seconds(entry.at) - seconds(state['opened_at']))}"
    fix, message = str(state["resolution"].get("fix") or ""), str(entry.data.get("block", {}).get("message") or "")
    how = f"fix: {quoted(fix)}" if fix else quoted(message)
    words = f": {quoted(state['title'], 60)}{f' · {how}' if how else ''}"
    what = f"{quoted(state['service'] or 'incident')} {str(entry.data['to']).upper()} at {entry.at[11:16]}{after}{words}"
    return f"✅ *{state['severity']}* {what} · by {quoted(entry.actor)}"


def backlog(state: dict[str, Any], actor: str) -> str:
    """What #incidents reads of what can wait."""
    service = f" · service {quoted(state['service'])}" if state["service"] else ""
    return f"🗒 *{state['severity']}* {quoted(state['title'])}{service} · for the backlog · noted by {quoted(actor)} · `{state['name']}`"


def continued(state: dict[str, Any], before: str, oncall: Sequence[str], why: str) -> str:
    """The first message of the room in which an incident goes on."""
    people = "".join(f"@{person} " for person in oncall)
    return f"{people}🚨 *{state['severity']}* · {quoted(state['title'])} ({state['status']}) goes on here: #{before} {why}"


def moved(state: dict[str, Any], before: str, room: str, why: str) -> str:
    """What #incidents reads of an incident that has got another room."""
    return f"↪️ *{state['severity']}* {quoted(state['title'])} goes on in #{room}: #{before} {why}"


def called(state: dict[str, Any], room: str, people: Sequence[str]) -> str:
    """What is said to those who could not be called when they should have been."""
    names = " ".join(f"@{person}" for person in people)
    return f"{names} 🚨 *{state['severity']}* {quoted(state['title'])} ({state['status']}) · you could not be called before · #{room}"


def worse(state: dict[str, Any], before: str, severity: str, entry: Entry, told: Sequence[str]) -> str:
    """What #incidents reads when a severity rises, with why."""
    people = "".join(f"@{person} " for person in told)
    why = entry.text.partition("): ")[2]
    return f"{people}🚨 *{before} → {severity}* {titled(state)}{f': {quoted(why)}' if why else ''} · by {quoted(entry.actor)} · #{state['name']}"


def security(state: dict[str, Any], entry: Entry) -> str:
    """What #security reads when a breach is suspected."""
    return f"🔒 *{state['severity']}* {titled(state)} · {quoted(entry.text)} · by {quoted(entry.actor)} · #{state['name']}"


def topic(state: dict[str, Any], oncall: Sequence[str]) -> str:
    """Severity, status, service and who is on call, always current."""
    people = f" · on call: {', '.join(oncall)}" if oncall else ""
    return marked(f"{state['severity']} · {state['status']} · {inert(state['service']) or 'no service'}{people}", drill=state["drill"])


def duty(topic: str, people: Sequence[str]) -> str:
    """A channel's topic that says who is on call, first called first; what else it says stays."""
    said = f"On call: {' · '.join(people)}"
    rest = [part for part in (each.strip() for each in topic.split("|")) if part and not part.lower().startswith("on call:")]
    return " | ".join([said, *rest])


def handover(people: Sequence[str], until: str, still_open: Sequence[dict[str, Any]]) -> str:
    """What is said when another person is on call: who, until when, and what is open."""
    text = f"🔁 *On call*: {' · '.join(people)}{f' until {until[:16]}Z' if until else ''}"
    lines = (f"still open: *{each['severity']}* {quoted(each['title'])} ({each['status']}) · #{each['name']}" for each in still_open)
    return "\n".join([text, *lines])


def root(entries: Sequence[Entry], severity: str = "") -> str:
    """A run's root message, from all entries of that run so far: what becomes of it, its plan, and what to do where it failed."""
    return "\n".join(filter(None, (summary.sentence(entries, quoted, severity), *_next(entries), summary.plan_line(entries, quoted))))


def _next(entries: Sequence[Entry]) -> list[str]:
    """What to do after a run that failed, with its command as code."""
    steps = summary.next_steps(entries, quoted)
    return [f"`{inert(step)}`" if step.startswith("ansible-playbook ") else step for step in steps]


def closing(entries: Sequence[Entry], head: str, count: int, severity: str = "", *, known: bool = False) -> str:
    """The last reply of a run, from all its entries: the outcome, what was seen where it failed, and the record's head as a witness against
    later changes. Where the outcome is `known`, since the run's root message was written with it, it is not said again. Else the sentence has its
    mark in the root message, and here only where something is to be done."""
    witness = f"record: {count} entries, head `{head}`"
    what = "" if known else "\n".join([summary.sentence(entries, quoted, severity).removeprefix("✅ "), *_next(entries)])
    end = next(entry for entry in entries if entry.kind in {"run_ended", "run_vanished"})
    evidence = fenced(str(end.data.get("evidence", "")).splitlines())
    shown = [evidence[0]] if evidence and units(evidence[0]) + units(what) < LIMIT - 200 else []
    return "\n".join(filter(None, [what, *shown, witness]))


def late(entry: Entry, state: dict[str, Any], name: str, oncall: Sequence[str]) -> str:
    """A reminder, or the call for the next level of escalation, with those who are meant by it."""
    about = f"*{state['severity']}* {titled(state, limit=60)}"
    if entry.kind == "escalated":
        by = f" ({quoted(entry.actor)})" if entry.actor else ""
        people = "".join(f"@{person} " for person in (oncall if entry.data.get("unnamed") else entry.data.get("notify", [])))
        if entry.data.get("unnamed"):
            needed = quoted(unnamed(entry.data["name"]))
            return f"{people}⏫ {about}: {needed} · {quoted(entry.data['reason'], 1000)}{by} · #{name}"
        once_more = " again" if entry.data.get("again") else ""
        return f"{people}⏫ *Escalated{once_more} to {quoted(entry.data['name'])}* · {about}: {quoted(entry.data['reason'], 1000)}{by} · #{name}"
    people, called = "".join(f"@{person} " for person in oncall), any(key.startswith(FAILED) for key in entry.data.get("reminders", []))
    if called:  # by what a run has done: that is no reminder
        sign = "⚠️" if entry.data.get("eased") else "🚨"
        return f"{people}{sign} *{state['severity']}* {quoted(state['service'])}{' · ' if state['service'] else ''}{quoted(entry.text, 1000)}"
    return f"{people}⏰ {about}: {quoted(entry.text, 1000)}"


def draft(made: Draft, people: Sequence[str]) -> str:
    """A draft, for whoever speaks for the incident: the words, and how they go out."""
    called = "".join(f"@{person} " for person in people)
    block = fenced([made.subject, "", *made.text.splitlines()])
    how = "read it, since it may hold what was said here"
    how += f"; then publish it with `!publish {made.id}`, or with `-e approve={made.id}` and the playbook incident_communicate"
    return f"{called}✍️ *Draft* for {quoted(made.audience)} ({quoted(words(made.occasion))}) · {how}\n{block[0] if block else ''}"


def told(entry: Entry) -> str:
    """The words that are published."""
    return f"📣 *{quoted(entry.data['subject'])}*\n{(fenced(str(entry.data['text']).splitlines()) or [''])[0]}"


def said(entry: Entry, state: dict[str, Any], people: Sequence[str] = ()) -> str:
    """An entry that a person or another program wrote, as a message in the incident's room. The `people` are to hear of it."""
    if entry.kind == "status" and entry.data.get("block"):
        return "\n".join([_over(state, entry), *_block(entry.data["block"])])
    by = f" ({quoted(entry.actor)})" if entry.actor else ""
    called = "".join(f" @{name}" for name in people)
    about = f"*{state['severity']}* {quoted(state['service'])}{' · ' if state['service'] else ''}"
    return f"{entry.at[11:16]} - {'❌ ' if entry.state == 'failed' else ''}{about}{_spoken(entry)}{by}{called}"


def _spoken(entry: Entry) -> str:
    """The text; the address of a review as a link, which whoever wrote it wants to be followed."""
    what, dummy, where = entry.text.rpartition(": ")
    if entry.data.get("to") == "reviewed" and re.fullmatch(r"https?://\S{1,500}", where):
        return f"{quoted(what)}: {address(where)}"
    return quoted(entry.text, 3000)


def _block(block: dict[str, str]) -> list[str]:
    names = (("root_cause", "Root cause"), ("fix", "Fix"), ("monitoring", "Monitoring"), ("next", "Next"), ("message", "Note"))
    return [f"*{title}:* {quoted(block[key], 1000)}" for key, title in names if block.get(key)]
