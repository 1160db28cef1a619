# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selects the publications that may be shown, and builds the page. The shown position of each record is stored. Publications before an embargo stay;
none is added after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .._core import communication, status_page
from .._core.status_page import ALONE, Component, Page, Record
from .._ports import Journal

PAGE = f"{ALONE}page"
"""The name under which data about the page itself is stored."""
STATIC = "static"


@dataclass(frozen=True, slots=True)
class Listed:
    """A component of the configuration."""

    name: str
    description: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of a page that come from no incident. If `listed` is empty, the page lists all components that were ever named, and the
    `services`."""

    title: str
    url: str = ""
    support_url: str = ""
    listed: tuple[Listed, ...] = ()
    services: tuple[str, ...] = ()


def kept(what: str, outlet: str) -> str:
    """The storage key of a value for a page; each page has its own keys. `seen` is the shown position of a record."""
    return f"{what} {outlet}"


def allowed(journal: Journal, outlet: str) -> list[Record]:
    """The records without the parts that may not be published."""
    seen = journal.recalled(kept("seen", outlet))
    return [_cut(journal, record, int(seen.get(record.id) or 0)) for record in journal.published()]


def states(journal: Journal, outlet: str) -> dict[str, str]:
    """The state of each component as it may be shown."""
    return status_page.current(status_page.histories(allowed(journal, outlet)))


def page(journal: Journal, frame: Frame, records: Sequence[Record], *, at: str, write: bool) -> Page:
    """The page to show. A component is listed since its first appearance on a page."""
    histories = status_page.histories(records)
    listed = frame.listed or tuple(map(Listed, sorted({*histories, *frame.services})))
    since = {each.name: journal.recall(PAGE, f"since {each.name}") for each in listed}
    if write and not all(since.values()):
        with journal.transaction():
            for name in [name for name, known in since.items() if not known]:
                journal.remember(PAGE, f"since {name}", at)
    components = tuple(_component(each, histories.get(each.name, ()), since[each.name] or at) for each in listed)
    posts = [made for made in map(status_page.post, records) if made]
    posts.sort(key=lambda each: (each.updates[0].at, each.name), reverse=True)
    changed = max((entry.at for record in records for _position, entry in record.entries), default="")
    return Page(frame.title, frame.url, changed or min((each.since for each in components), default=at), components, tuple(posts), frame.support_url)


def is_rendered(journal: Journal, frame: Frame, where: str, at: str) -> bool:
    """Whether an embedded page has nothing new to show. It shows the duration of problems, so it is outdated after an hour."""
    return journal.recall(PAGE, f"rendered {where}") == _version(journal, frame, at)


def _version(journal: Journal, frame: Frame, at: str) -> str:
    return f"{journal.publications()} {at[:13]} {frame}"


def rendered(journal: Journal, frame: Frame, records: Sequence[Record], where: str, at: str) -> None:
    """Store that all of these are shown on an embedded page. Parts under an embargo may follow later."""
    seen = journal.recalled(kept("seen", STATIC))
    shown = sum(len(record.entries) for record in records)
    with journal.transaction():
        version = _version(journal, frame, at)
        journal.remember(PAGE, f"rendered {where}", version if version.startswith(f"{shown} ") else "")
    ends = {record.id: str(record.entries[-1][0]) for record in records if record.entries}
    fresh = {record: end for record, end in ends.items() if seen.get(record) != end}
    if fresh:
        with journal.transaction():
            for record, end in fresh.items():
                journal.remember(record, kept("seen", STATIC), end)


def _cut(journal: Journal, record: Record, seen: int) -> Record:
    """The publishable part of the record. For an incident under embargo, this is the part that is already shown."""
    if record.id.startswith(ALONE) or not record.entries or record.entries[-1][0] <= seen:
        return record
    if not communication.silent(journal.incident(record.id)):
        return record
    return replace(record, entries=tuple(each for each in record.entries if each[0] <= seen))


def _component(listed: Listed, history: Sequence[tuple[str, str]], since: str) -> Component:
    since = min(since, history[0][0]) if history else since
    state = history[-1][1] if history else status_page.OPERATIONAL
    return Component(listed.name, state, listed.description, listed.group, since, tuple(history))
