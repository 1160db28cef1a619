# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of all that is published may be shown, and the page that shows it.

How far a record is shown is kept beside it. What went out of an incident before an embargo stays as it is; nothing goes out after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .._core import publication, status_page
from .._core.incident import derive
from .._core.status_page import ALONE, Component, Page, Record
from .._ports import Journal

PAGE = f"{ALONE}page"
"""What is known of the page itself is kept under this name."""
STATIC = "static"


@dataclass(frozen=True, slots=True)
class Listed:
    """A component as the configuration has it."""

    name: str
    description: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a page has that no incident says. Without any `listed`, it lists the components that were ever named, and the `services`."""

    title: str
    url: str = ""
    support_url: str = ""
    listed: tuple[Listed, ...] = ()
    services: tuple[str, ...] = ()


def kept(what: str, outlet: str) -> str:
    """The key under which something is kept of a page: each has its own. `seen` is how far a record is shown."""
    return f"{what} {outlet}"


def allowed(journal: Journal, outlet: str) -> list[Record]:
    """The records without what may not go out, or not any more."""
    seen = journal.shown_by(kept("seen", outlet))
    return [_cut(journal, record, int(seen.get(record.id) or 0)) for record in journal.published()]


def states(journal: Journal, outlet: str) -> dict[str, str]:
    """The state of each component as it may be shown."""
    return status_page.current(status_page.histories(allowed(journal, outlet)))


def page(journal: Journal, frame: Frame, records: Sequence[Record], *, at: str, write: bool) -> Page:
    """The page as it is to be. A component is listed since it was seen on a page for the first time."""
    histories = status_page.histories(records)
    listed = frame.listed or tuple(map(Listed, sorted({*histories, *frame.services})))
    since = {each.name: journal.shown(PAGE, f"since {each.name}") for each in listed}
    if write and not all(since.values()):
        with journal.transaction():
            for name in [name for name, known in since.items() if not known]:
                journal.show(PAGE, f"since {name}", at)
    components = tuple(_component(each, histories.get(each.name, ()), since[each.name] or at) for each in listed)
    posts = [made for made in map(status_page.post, records) if made]
    posts.sort(key=lambda each: (each.updates[0].at, each.name), reverse=True)
    changed = max((entry.at for record in records for _position, entry in record.entries), default="")
    return Page(frame.title, frame.url, changed or min((each.since for each in components), default=at), components, tuple(posts), frame.support_url)


def is_rendered(journal: Journal, frame: Frame, where: str, at: str) -> bool:
    """Whether a page that shows everything at once has nothing new to show. It shows for how long a trouble lasts, so it ages in an hour."""
    return journal.shown(PAGE, f"rendered {where}") == _version(journal, frame, at)


def _version(journal: Journal, frame: Frame, at: str) -> str:
    return f"{journal.publications()} {at[:13]} {frame}"


def rendered(journal: Journal, frame: Frame, records: Sequence[Record], where: str, at: str) -> None:
    """Note that all of these are shown on a page that shows everything at once. What an embargo holds back may follow at any time."""
    seen = journal.shown_by(kept("seen", STATIC))
    shown = sum(len(record.entries) for record in records)
    with journal.transaction():
        version = _version(journal, frame, at)
        journal.show(PAGE, f"rendered {where}", version if version.startswith(f"{shown} ") else "")
    ends = {record.id: str(record.entries[-1][0]) for record in records if record.entries}
    fresh = {record: end for record, end in ends.items() if seen.get(record) != end}
    if fresh:
        with journal.transaction():
            for record, end in fresh.items():
                journal.show(record, kept("seen", STATIC), end)


def _cut(journal: Journal, record: Record, seen: int) -> Record:
    """The record as far as it may go out: that of an incident under embargo ends where it is shown already."""
    if record.id.startswith(ALONE) or not record.entries or record.entries[-1][0] <= seen:
        return record
    if not publication.silent(derive(record.id, journal.entries(record.id))):
        return record
    return replace(record, entries=tuple(each for each in record.entries if each[0] <= seen))


def _component(listed: Listed, history: Sequence[tuple[str, str]], since: str) -> Component:
    since = min(since, history[0][0]) if history else since
    state = history[-1][1] if history else status_page.OPERATIONAL
    return Component(listed.name, state, listed.description, listed.group, since, tuple(history))
