# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publishes updates on a status page at a provider: each update once, in order, also after failures and crashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from .._core import communication, status_page
from .._core.entry import Entry, utc
from .._core.status_page import ALONE, OPERATIONAL, Post, Record, Update
from .._ports import Journal, StatusPage, StatusPageError
from . import status_page_view
from .status_page_view import PAGE

_LOST = 120.0
"""Seconds after which a claimed update without a recorded result is looked up, and published again."""
_REFUSED = 900.0
"""Seconds after which a permanently refused update is retried, because somebody may have fixed the cause. If it is refused again, it is skipped."""
_OLD = 3600.0
_ROUNDS = 3


class Busy(StatusPageError):
    """Another process is publishing the update now, or was killed while it did."""


def bring(
    journal: Journal, there: StatusPage, outlet: str, *, clock: Callable[[], float], again: bool = False
) -> tuple[list[tuple[str, Entry]], list[StatusPageError]]:
    """Publish all due updates. Returns the results by record name, and the refused ones. `outlet` names the page; positions are stored for each page.
    `again`: a caller waits for the result, so permanently refused updates are retried now, and it is a problem if another process publishes."""
    run = _Run(journal, there, outlet, clock, again)
    if again or clock() >= float(run.known(PAGE, "later") or 0):
        run.begin()
        run.records()
    return run.found, run.problems


class _Run:
    """One pass over all unpublished updates."""

    def __init__(self, journal: Journal, there: StatusPage, outlet: str, clock: Callable[[], float], again: bool) -> None:
        self._journal, self._there, self._outlet, self._clock, self._again = journal, there, outlet, clock, again
        self.found: list[tuple[str, Entry]] = []
        self.problems: list[StatusPageError] = []

    def known(self, record: str, key: str) -> str:
        return self._journal.recall(record, status_page_view.kept(key, self._outlet))

    def _keep(self, record: str, key: str, text: str) -> None:
        self._journal.remember(record, status_page_view.kept(key, self._outlet), text)

    def begin(self) -> None:
        """A new page does not get old, ended records."""
        if self.known(PAGE, "begun"):
            return
        with self._journal.transaction():
            for record in self._journal.published():
                post = status_page.post(record)
                if post and post.is_over and post.updates[-1].at < utc(self._clock() - _OLD):
                    self._keep(record.id, "seen", str(record.entries[-1][0]))
            self._keep(PAGE, "begun", utc(self._clock()))

    def records(self) -> None:
        seen = self._journal.recalled(status_page_view.kept("seen", self._outlet))
        for record in status_page_view.allowed(self._journal, self._outlet):
            for position, post, update in _missing(record, int(seen.get(record.id) or 0)):
                try:
                    if not self._one(record, position, post, update):
                        break
                except StatusPageError as error:
                    self.problems.append(error)
                    if error.lasting or isinstance(error, Busy):
                        break
                    with self._journal.transaction():
                        self._keep(PAGE, "later", str(self._clock() + (error.retry_after or 0)))
                    return
        self._components()

    def _one(self, record: Record, position: int, post: Post | None, update: Update | None) -> bool:
        """Publish an update. Returns whether the next update may follow. Raises StatusPageError."""
        if post is None or update is None:
            self._done(record, position)
            return True
        if not self._again and self._clock() < self._held(record, position):
            return False
        doubtful = self._claim(record, position)
        if doubtful is None:
            return False
        states = status_page_view.states(self._journal, self._outlet)
        update = replace(update, components={name: states.get(name, state) for name, state in update.components.items()})
        try:
            ref, posted, left_out = self._put(post, update, self.known(record.id, "ref"), doubtful=doubtful)
        except StatusPageError as error:
            passed = self._failed(record, position, error)
            if passed:
                self.problems.append(error)
                return True
            raise
        text = f"The status page shows it: {communication.words(update.status)}"
        text += f", but not the states of the components: {left_out}" if left_out else ""
        entry = Entry("sent", utc(self._clock()), text=text, state="failed" if left_out else "ok", data={"of": position, "by": "page"})
        self._done(record, position, ref, update.components if posted and not left_out else {}, entry)
        if left_out:
            self.problems.append(left_out)
        return True

    # The state of an update

    def _claim(self, record: Record, position: int) -> bool | None:
        """Claim an update. True if it may have arrived before; None if it must not be published: it is already there, it is no longer allowed, or
        another process publishes it. Raises Busy."""
        with self._journal.transaction():
            if int(self.known(record.id, "seen") or 0) >= position:
                return None
            if not record.id.startswith(ALONE) and communication.silent(self._journal.incident(record.id)):
                return None
            before = self.known(record.id, "claim").split()
            same = len(before) == 2 and before[0] == str(position)
            if len(before) == 2 and abs(self._clock() - float(before[1])) < _LOST:
                if self._again:
                    raise Busy(f"somebody else is bringing {record.name} there, or was killed while he did: it is looked at again in two minutes")
                return None
            self._keep(record.id, "claim", f"{position} {self._clock()}")
            return same

    def _held(self, record: Record, position: int) -> float:
        """The time of the next retry of a permanently refused update."""
        refused = self.known(record.id, "refused").split()
        return float(refused[1]) if len(refused) == 2 and refused[0] == str(position) else 0.0

    def _failed(self, record: Record, position: int, error: StatusPageError) -> bool:
        """Whether the update is skipped because of the second refusal. Each problem is reported once. The update may have arrived anyway, so the next
        try asks first."""
        problem = f"{position} {error}"
        known, refused = self.known(record.id, "problem") == problem, bool(error.lasting and self._held(record, position))
        with self._journal.transaction():
            self._keep(record.id, "claim", f"{position} 0")
            self._keep(record.id, "problem", problem)
            if error.lasting:
                self._keep(record.id, "refused", f"{position} {self._clock() + _REFUSED}")
            if not known:
                data = {"of": position, "by": "page"}
                self._append(record, Entry("sent", utc(self._clock()), text=f"The status page does not show it: {error}", state="failed", data=data))
        return refused

    def _done(
        self, record: Record, position: int, ref: str = "", states: Mapping[str, str] | None = None, entry: Entry | None = None
    ) -> None:  # fmt: skip
        with self._journal.transaction():
            self._keep(record.id, "seen", str(max(position, int(self.known(record.id, "seen") or 0))))
            if ref:
                self._keep(record.id, "ref", ref)
                self._keep(record.id, "claim", "")
            for name, state in (states or {}).items():
                self._keep(PAGE, f"state {name}", state)
            if entry:
                self._append(record, entry)

    def _append(self, record: Record, entry: Entry) -> None:
        self._journal.append(record.id, [entry])
        self.found.append((record.name, entry))

    # The page

    def _put(self, post: Post, update: Update, ref: str, *, doubtful: bool) -> tuple[str, bool, StatusPageError | None]:
        """The provider's id, whether it was posted just now, and the reason if it was posted without component states. Raises StatusPageError."""
        try:
            return *self._put_whole(post, update, ref, doubtful=doubtful), None
        except StatusPageError as error:
            if not error.lasting or not update.components:
                raise
            words = replace(update, components={})
            return *self._put_whole(replace(post, components={}), words, ref, doubtful=True), error

    def _put_whole(self, post: Post, update: Update, ref: str, *, doubtful: bool) -> tuple[str, bool]:
        shown = self._there.find(post) if doubtful or not ref else None
        if shown is None and not ref:
            return self._there.create(post, update), True
        ref = shown.ref if shown else ref
        if shown and (shown.status, shown.body.strip()) == (update.status, update.body.strip()):
            return ref, False
        self._there.update(ref, post, update)
        return ref, True

    def _components(self) -> None:
        """Set the components whose state has changed since the last time. States that somebody else sets there are kept."""
        for name, state in status_page_view.states(self._journal, self._outlet).items():
            for _round in range(_ROUNDS):
                if (self.known(PAGE, f"state {name}") or OPERATIONAL) == state or not self._set(name, state):
                    break
                state = status_page_view.states(self._journal, self._outlet).get(name, OPERATIONAL)  # it may have changed while it was being set

    def _set(self, name: str, state: str) -> bool:
        if self.known(PAGE, f"refused {name}") == state and not self._again:
            return False
        refused = ""
        try:
            self._there.set_component(name, state)
        except StatusPageError as error:
            self.problems.append(error)
            if not error.lasting:
                return False
            refused = state
        with self._journal.transaction():
            self._keep(PAGE, f"refused {name}", refused)
            if not refused:
                self._keep(PAGE, f"state {name}", state)
        return not refused


def _missing(record: Record, seen: int) -> list[tuple[int, Post | None, Update | None]]:
    """The unpublished updates, by position; without post and update if only component states change."""
    if not record.entries or record.entries[-1][0] <= seen:
        return []
    post = status_page.post(record)
    updates = {each.seq: each for each in post.updates} if post else {}
    return [(position, post, updates.get(position)) for position, _entry in record.entries if position > seen]
