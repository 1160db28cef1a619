# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring what is published to the status page: each update once, in order, whatever fails or dies in between.

How far a record is shown is kept beside it. What went out of an incident before an embargo stays as it is; nothing goes out after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from .._core import publication, status_page
from .._core.incident import Entry, derive, utc
from .._core.status_page import ALONE, Component, Page, Post, Record, Update
from .._ports import Journal, StatusPage, StatusPageError

_LOST = 120.0
"""Seconds after which an update that somebody began to bring there, and never said how it ended, is looked for and brought again."""
_REFUSED = 900.0
"""Seconds after which what was refused for good is tried again: somebody may have mended it."""
_SEEN, _REF, _CLAIM, _PROBLEM, _LATER = "page", "page ref", "page claim", "page problem", "page later"
_PAGE = f"{ALONE}page"


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


def allowed(journal: Journal) -> list[Record]:
    """The records without what may not go out."""
    seen = journal.shown_by(_SEEN)
    return [_cut(journal, record, int(seen.get(record.id) or 0)) for record in journal.published()]


def page(journal: Journal, frame: Frame, records: Sequence[Record], *, at: str, write: bool) -> Page:
    """The page as it is to be. A component is listed since it was seen on a page for the first time."""
    histories = status_page.histories(records)
    listed = frame.listed or tuple(Listed(name) for name in dict.fromkeys((*sorted({*histories, *frame.services}),)))
    since = {each.name: journal.shown(_PAGE, f"since {each.name}") for each in listed}
    if write and not all(since.values()):
        with journal.transaction():
            for name in [name for name, known in since.items() if not known]:
                journal.show(_PAGE, f"since {name}", at)
    components = tuple(_component(each, histories.get(each.name, ()), since[each.name] or at) for each in listed)
    posts = [made for made in map(status_page.post, records) if made]
    posts.sort(key=lambda each: (each.updates[0].at, each.name), reverse=True)
    changed = max((entry.at for record in records for _position, entry in record.entries), default="")
    return Page(frame.title, frame.url, changed or min((each.since for each in components), default=at), components, tuple(posts), frame.support_url)


def is_rendered(journal: Journal, frame: Frame, where: str, at: str) -> bool:
    """Whether a page that shows everything at once has nothing new to show. It shows for how long a trouble lasts, so it ages in an hour."""
    return journal.shown(_PAGE, f"rendered {where}") == _version(journal, frame, at)


def _version(journal: Journal, frame: Frame, at: str) -> str:
    return f"{journal.publications()} {at[:13]} {frame}"


def rendered(journal: Journal, frame: Frame, records: Sequence[Record], where: str, at: str) -> None:
    """Note that all of these are shown on a page that shows everything at once. What an embargo holds back may follow at any time."""
    seen = journal.shown_by(_SEEN)
    shown = sum(len(record.entries) for record in records)
    with journal.transaction():
        version = _version(journal, frame, at)
        journal.show(_PAGE, f"rendered {where}", version if version.startswith(f"{shown} ") else "")
    ends = {record.id: str(record.entries[-1][0]) for record in records if record.entries}
    fresh = {record: end for record, end in ends.items() if seen.get(record) != end}
    if fresh:
        with journal.transaction():
            for record, end in fresh.items():
                journal.show(record, _SEEN, end)


def bring(
    journal: Journal, there: StatusPage, *, clock: Callable[[], float], again: bool = False
) -> tuple[list[tuple[str, Entry]], list[StatusPageError]]:
    """To a page at a provider: what came of it by the record's name, and what it did not take. The state of a component that was refused for
    good is not tried `again` by itself."""
    found: list[tuple[str, Entry]] = []
    problems: list[StatusPageError] = []
    if not again and clock() < float(journal.shown(_PAGE, _LATER) or 0):
        return found, problems
    seen, records = journal.shown_by(_SEEN), allowed(journal)
    now = status_page.current(status_page.histories(records))
    for record in records:
        bringing = _Bringing(journal, there, record, now, clock, again, found)
        for position, post, update in _missing(record, int(seen.get(record.id) or 0)):
            try:
                if not bringing.one(position, post, update):
                    break
            except StatusPageError as error:
                problems.append(error)
                if not error.lasting:
                    _wait(journal, clock() + (error.retry_after or 0))
                    return found, problems
    problems += _components(journal, there, now, again=again)
    return found, problems


def _wait(journal: Journal, until: float) -> None:
    with journal.transaction():
        journal.show(_PAGE, _LATER, str(until))


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


def _missing(record: Record, seen: int) -> list[tuple[int, Post | None, Update | None]]:
    """What isn't there yet, by its place; neither post nor update for what says nothing but the states of components."""
    post = status_page.post(record)
    updates = {each.seq: each for each in post.updates} if post else {}
    return [(position, post, updates.get(position)) for position, _entry in record.entries if position > seen]


@dataclass(frozen=True, slots=True)
class _Bringing:
    """The way of one record to the page. `now` has the state of each component; `found` gets what came of it."""

    journal: Journal
    there: StatusPage
    record: Record
    now: Mapping[str, str]
    clock: Callable[[], float]
    again: bool
    found: list[tuple[str, Entry]]

    def one(self, position: int, post: Post | None, update: Update | None) -> bool:
        """Bring an update there. Whether the next one may follow: not while somebody else is at this one. Raises StatusPageError."""
        if post is None or update is None:
            self._note({_SEEN: str(position)})
            return True
        doubtful = self._claim(position)
        if doubtful is None:
            return False
        if not self.again and self.clock() < self._later(position):
            return True
        update = replace(update, components={name: self.now.get(name, state) for name, state in update.components.items()})
        try:
            ref, left_out = _put_all(self.there, post, update, self.journal.shown(self.record.id, _REF), doubtful=doubtful)
        except StatusPageError as error:
            self._failed(position, error)
            raise
        text = f"The status page shows it: {publication.words(update.status)}"
        text += f", but not the states of the components: {left_out}" if left_out else ""
        states = {} if left_out else update.components
        self._note({_REF: ref, _SEEN: str(position)}, self._entry(position, text, failed=bool(left_out)), states)
        if left_out:
            raise left_out
        return True

    def _claim(self, position: int) -> bool | None:
        """Whether somebody else has begun it and was lost, or it isn't known whether it arrived; None where somebody is at it, or has done it."""
        with self.journal.transaction():
            before = self.journal.shown(self.record.id, _CLAIM).split()
            same = len(before) == 2 and before[0] == str(position)
            if same and self.clock() - float(before[1]) < _LOST:
                return None
            if int(self.journal.shown(self.record.id, _SEEN) or 0) >= position:
                return None
            self.journal.show(self.record.id, _CLAIM, f"{position} {self.clock()}")
            return same

    def _later(self, position: int) -> float:
        """When it is to be tried again, where it was refused for good; the claim is given back."""
        refused = self.journal.shown(self.record.id, _LATER).split()
        until = float(refused[1]) if len(refused) == 2 and refused[0] == str(position) else 0.0
        if until > self.clock():
            self._note({_CLAIM: f"{position} 0"})
        return until

    def _failed(self, position: int, error: StatusPageError) -> None:
        """Whether it arrived all the same isn't known, so the next one who tries asks first. Each problem is told once."""
        shown = {_CLAIM: f"{position} 0", _PROBLEM: f"{position} {error}"}
        shown |= {_LATER: f"{position} {self.clock() + _REFUSED}"} if error.lasting else {}
        known = self.journal.shown(self.record.id, _PROBLEM) == shown[_PROBLEM]
        self._note(shown, None if known else self._entry(position, f"The status page does not show it: {error}", failed=True))

    def _entry(self, position: int, text: str, *, failed: bool) -> Entry:
        return Entry("sent", utc(self.clock()), text=text, state="failed" if failed else "ok", data={"of": position})

    def _note(self, shown: Mapping[str, str], entry: Entry | None = None, states: Mapping[str, str] | None = None) -> None:
        with self.journal.transaction():
            for key, text in shown.items():
                self.journal.show(self.record.id, key, text)
            for name, state in (states or {}).items():
                self.journal.show(_PAGE, f"state {name}", state)
            if entry:
                self.journal.append(self.record.id, [entry])
                self.found.append((self.record.name, entry))


def _put_all(there: StatusPage, post: Post, update: Update, ref: str, *, doubtful: bool) -> tuple[str, StatusPageError | None]:
    """As `_put`. Where the page refuses it for good, and states of components go with it, the words alone: what was refused then."""
    try:
        return _put(there, post, update, ref, doubtful=doubtful), None
    except StatusPageError as error:
        if not error.lasting or not update.components:
            raise
        return _put(there, replace(post, components={}), replace(update, components={}), ref, doubtful=True), error


def _put(there: StatusPage, post: Post, update: Update, ref: str, *, doubtful: bool) -> str:
    """Bring the update there, unless it is; the provider's id of the post. Raises StatusPageError."""
    shown = there.find(post) if doubtful or not ref else None
    if shown is None and not ref:
        return there.create(post, update)
    ref = shown.ref if shown else ref
    if not (shown and (shown.status, shown.body.strip()) == (update.status, update.body.strip())):
        there.update(ref, post, update)
    return ref


def _components(journal: Journal, there: StatusPage, now: Mapping[str, str], *, again: bool) -> list[StatusPageError]:
    """Set the components whose state isn't what it was when it was set last. What somebody else sets there stays."""
    problems = []
    for name, state in now.items():
        if (journal.shown(_PAGE, f"state {name}") or status_page.OPERATIONAL) == state:
            continue
        if journal.shown(_PAGE, f"refused {name}") == state and not again:
            continue
        refused = ""
        try:
            there.set_component(name, state)
        except StatusPageError as error:
            problems.append(error)
            if not error.lasting:
                continue
            refused = state
        with journal.transaction():
            journal.show(_PAGE, f"refused {name}", refused)
            if not refused:
                journal.show(_PAGE, f"state {name}", state)
    return problems
