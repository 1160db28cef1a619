# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the way to a status page: each update once and in order, whatever fails or dies in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._core.status_page import Post, Shown, Update
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import StatusPageError
from ansible_collections.incident.response.plugins.module_utils._usecases import status_page, status_page_sync, status_page_view
from ansible_collections.incident.response.plugins.module_utils._usecases.communication import Refused
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident
from ansible_collections.incident.response.plugins.module_utils._usecases.status_page import Wanted

NOW = datetime.fromisoformat("2026-10-24T10:00:00+00:00").timestamp()
AT = utc(NOW)


class Killed(BaseException):
    """As SIGKILL ends a process: nothing of it is caught."""


class There:
    """A status page that can fail, or take its caller with it, before or after it has done what it was asked for."""

    def __init__(self) -> None:
        self.posts: dict[str, list[tuple[str, str]]] = {}
        self.states: dict[str, str] = {}
        self.before: list[BaseException] = []
        self.after: list[BaseException] = []
        self.asked: list[str] = []

    def _do(self, what: str) -> None:
        self.asked.append(what)
        if self.before:
            raise self.before.pop(0)

    def _done(self) -> None:
        if self.after:
            raise self.after.pop(0)

    def find(self, post: Post) -> Shown | None:
        self.asked.append("find")
        there = self.posts.get(post.id)
        return Shown(post.id, *there[-1]) if there else None

    def create(self, post: Post, update: Update) -> str:
        self._do("create")
        assert post.id not in self.posts
        self.posts[post.id] = [(update.status, update.body)]
        self.states |= update.components
        self._done()
        return post.id

    def update(self, ref: str, post: Post, update: Update) -> None:
        self._do("update")
        self.posts[ref].append((update.status, update.body))
        self.states |= update.components
        self._done()

    def components(self) -> Mapping[str, str]:
        return self.states

    def set_component(self, name: str, state: str) -> None:
        self._do(f"set {name}")
        self.states[name] = state
        self._done()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(tmp_path / "journal.db", b"k" * 32) as opened:
        yield opened


def opened(journal: SqliteJournal, service: str = "api") -> str:
    with journal.transaction():
        return open_incident(journal, title="Slow", service=service, severity=Severity.P1, at=AT, actor="ada", chat=False)


def says(journal: SqliteJournal, state: str = "", text: str = "", **more: Any) -> status_page.Change:
    with journal.transaction():
        change = status_page.plan(journal, Wanted(state, text=text, **more), more.pop("listed", ()), at=AT, actor="ada")
        if change.entry:
            journal.append(change.record, [change.entry])
    return change


def brings(journal: SqliteJournal, there: There, later: float = 0) -> list[str]:
    return [str(each) for each in status_page_sync.bring(journal, there, "page", clock=lambda: NOW + later)[1]]


def sent(journal: SqliteJournal, incident: str) -> list[str]:
    return [entry.state for entry in journal.entries(incident) if entry.kind == "sent"]


def test_each_update_is_brought_once_and_in_order(journal: SqliteJournal) -> None:
    there, incident = There(), opened(journal)
    says(journal, "investigating", "We look", service="api", components={"api": "partial_outage"})
    says(journal, "identified", "A disk", service="api")
    for _dummy in range(3):
        assert brings(journal, there) == []
    says(journal, "resolved", "Done", service="api")
    assert brings(journal, there) == []
    assert there.posts == {incident: [("investigating", "We look"), ("identified", "A disk"), ("resolved", "Done")]}
    assert there.states == {"api": "operational"}
    assert there.asked == ["find", "create", "update", "update"]
    assert sent(journal, incident) == ["ok", "ok", "ok"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_courier_that_is_killed_doubles_nothing_and_loses_nothing(journal: SqliteJournal, moment: str) -> None:
    there, incident = There(), opened(journal)
    for number, state in enumerate(("investigating", "identified", "monitoring", "resolved")):
        says(journal, state, f"Update {number}", service="api")
        getattr(there, moment).append(Killed())
        with pytest.raises(Killed):
            brings(journal, there, number * 1000)
        assert brings(journal, there, number * 1000 + 119) == []  # it may still be at it
        assert brings(journal, there, number * 1000 + 120) == []
    assert [body for _state, body in there.posts[incident]] == [f"Update {number}" for number in range(4)]


def test_an_answer_that_gets_lost_doubles_nothing(journal: SqliteJournal) -> None:
    there, incident = There(), opened(journal)
    for state in ("investigating", "resolved"):
        says(journal, state, state, service="api")
        there.after.append(StatusPageError("no answer"))
        assert brings(journal, there) == ["no answer"]
        assert brings(journal, there) == []
    assert there.posts[incident] == [("investigating", "investigating"), ("resolved", "resolved")]


def test_a_page_that_is_down_is_said_once_and_gets_everything_later(journal: SqliteJournal) -> None:
    there, incident = There(), opened(journal)
    says(journal, "investigating", "We look", service="api")
    says(journal, "resolved", "Done", service="api")
    there.before = [StatusPageError("it is down") for dummy in range(3)]
    for _dummy in range(3):
        assert brings(journal, there) == ["it is down"]
    assert sent(journal, incident) == ["failed"]
    assert brings(journal, there) == []
    assert len(there.posts[incident]) == 2


def test_what_is_refused_for_good_keeps_nothing_of_others_back(journal: SqliteJournal) -> None:
    there, first, second = There(), opened(journal), opened(journal, "web")
    says(journal, "investigating", "We look", service="api")
    says(journal, "investigating", "We look", service="web")
    there.before = [StatusPageError("422: no", lasting=True)]
    assert brings(journal, there) == ["422: no"]
    assert (sent(journal, first), sent(journal, second)) == (["failed"], ["ok"])


def test_what_somebody_else_is_bringing_holds_what_comes_after(journal: SqliteJournal) -> None:
    there, incident = There(), opened(journal)
    says(journal, "investigating", "We look", service="api")
    there.before.append(Killed())  # as good as: it is still at it
    with pytest.raises(Killed):
        brings(journal, there)
    says(journal, "resolved", "Done", service="api")
    assert brings(journal, there, 119) == []
    assert there.posts == {}
    assert brings(journal, there, 121) == []
    assert [state for state, _body in there.posts[incident]] == ["investigating", "resolved"]


def test_the_page_is_left_alone_for_as_long_as_it_asks(journal: SqliteJournal) -> None:
    there = There()
    opened(journal)
    says(journal, "investigating", "We look", service="api")
    there.before = [StatusPageError("too many", retry_after=30)]
    assert brings(journal, there) == ["too many"]
    asked = len(there.asked)
    assert brings(journal, there, 29) == []
    assert len(there.asked) == asked
    brings(journal, there, 30)
    assert there.asked[-1] == "create"


def test_what_is_refused_for_good_is_tried_again_later_or_when_it_is_asked_for(journal: SqliteJournal) -> None:
    there, incident = There(), opened(journal)
    says(journal, "investigating", "We look", service="api")
    there.before = [StatusPageError("401: no", lasting=True) for dummy in range(3)]
    assert brings(journal, there) == ["401: no"]
    assert brings(journal, there, 899) == []
    assert brings(journal, there, 900) == ["401: no"]
    assert [str(each) for each in status_page_sync.bring(journal, there, "page", clock=lambda: NOW + 901, again=True)[1]] == ["401: no"]
    assert sent(journal, incident) == ["failed"]
    assert brings(journal, there, 2000) == []
    assert sent(journal, incident) == ["failed", "ok"]


def test_what_is_refused_once_holds_what_comes_after_and_twice_is_passed_over(journal: SqliteJournal) -> None:
    there, incident = There(), opened(journal)
    says(journal, "investigating", "We look", service="api")
    says(journal, "identified", "A disk", service="api")
    there.before = [StatusPageError("422: no", lasting=True) for dummy in range(2)]
    assert brings(journal, there) == ["422: no"]
    assert brings(journal, there, 899) == []
    assert there.posts == {}
    assert brings(journal, there, 900) == ["422: no"]
    assert there.posts == {incident: [("identified", "A disk")]}
    assert brings(journal, there, 1e5) == []


def test_a_writer_that_comes_too_late_takes_nothing_back(journal: SqliteJournal) -> None:
    """Two at once: the second one waits for the first, and is told so where somebody waits for it."""
    there, incident = There(), opened(journal)
    says(journal, "investigating", "one", service="api")
    problems: list[str] = []

    class Slow(There):
        def create(self, post: Post, update: Update) -> str:
            says(journal, "identified", "two", service="api")
            problems.extend(brings(journal, there, 1))
            problems.extend(str(each) for each in status_page_sync.bring(journal, there, "page", clock=lambda: NOW + 1, again=True)[1])
            return super().create(post, update)

    slow = Slow()
    slow.posts = there.posts
    brings(journal, slow)
    assert [each[:32] for each in problems] == ["somebody else is bringing incide"]
    brings(journal, there, 2)
    assert [body for _state, body in there.posts[incident]] == ["one", "two"]


def test_an_embargo_that_comes_while_others_are_brought_is_seen(journal: SqliteJournal) -> None:
    first, second = opened(journal), opened(journal, "web")
    says(journal, "investigating", "one", service="api")
    says(journal, "investigating", "two", service="web")

    class Slow(There):
        def create(self, post: Post, update: Update) -> str:
            with journal.transaction():
                journal.append(second, [Entry("changed", AT, data={"concerns": ["security"]})])
            return super().create(post, update)

    there = Slow()
    brings(journal, there)
    assert list(there.posts) == [first]


def test_equal_words_with_another_state_set_that_state_after_a_failure(journal: SqliteJournal) -> None:
    there = There()
    opened(journal)
    says(journal, "investigating", "Working on it", service="api", components={"api": "major_outage"})
    brings(journal, there)
    says(journal, "investigating", "Working on it", service="api", components={"api": "operational"})
    there.before = [StatusPageError("503")]
    assert brings(journal, there) == ["503"]
    assert brings(journal, there) == []
    assert there.states == {"api": "operational"}


def test_a_page_that_is_new_gets_nothing_of_what_was_over_long_before(journal: SqliteJournal) -> None:
    there, incident = There(), opened(journal)
    says(journal, "investigating", "We look", service="api")
    says(journal, "resolved", "Done", service="api")
    opened(journal, "web")
    says(journal, "investigating", "We look", service="web")
    assert brings(journal, there, 3601) == []
    assert list(there.posts) != [incident]
    assert len(there.posts) == 1


def test_each_page_gets_everything_whatever_another_has_shown(journal: SqliteJournal) -> None:
    """As after acting with INCIDENT_CONFIG=/dev/null, which shows it on the embedded page."""
    there, incident = There(), opened(journal)
    says(journal, "investigating", "We look", service="api")
    status_page_view.rendered(journal, status_page_view.Frame("Status"), status_page_view.allowed(journal, status_page_view.STATIC), "/page", AT)
    brings(journal, there)
    assert list(there.posts) == [incident]


@pytest.mark.parametrize("jump", [-86400, 86400])
def test_a_clock_that_was_set_blocks_nothing_and_turns_nothing_round(journal: SqliteJournal, jump: float) -> None:
    there, incident = There(), opened(journal)
    says(journal, "investigating", "We look", service="api")
    there.before = [Killed()]
    with pytest.raises(Killed):
        brings(journal, there, -jump)
    brings(journal, there)
    assert list(there.posts) == [incident]
    for seconds, state in ((3600, "major_outage"), (60, "operational")):
        with journal.transaction():
            journal.append(incident, [Entry("published", utc(NOW + seconds), data={"post": {"components": {"api": state}}})])
    assert status_page_view.states(journal, status_page_view.STATIC) == {"api": "operational"}


def test_a_component_that_the_page_refuses_keeps_no_words_back(journal: SqliteJournal) -> None:
    there, incident = There(), opened(journal)
    says(journal, "investigating", "We look", service="api", components={"api": "partial_outage"})
    there.before = [StatusPageError("there is no component api", lasting=True), StatusPageError("busy")]
    assert brings(journal, there) == ["busy"]
    there.before = [StatusPageError("there is no component api", lasting=True)]
    assert brings(journal, there) == ["there is no component api"]
    assert there.posts == {incident: [("investigating", "We look")]}
    assert "but not the states of the components: there is no component api" in journal.entries(incident)[-1].text


def test_what_was_refused_for_a_component_is_said_once_unless_it_is_asked_for_again(journal: SqliteJournal) -> None:
    there = There()
    says(journal, components={"api": "degraded_performance"})
    there.before = [StatusPageError("there is no component api", lasting=True) for dummy in range(2)]
    assert brings(journal, there) == ["there is no component api"]
    assert brings(journal, there) == []
    assert [str(each) for each in status_page_sync.bring(journal, there, "page", clock=lambda: NOW, again=True)[1]] == ["there is no component api"]
    assert status_page_sync.bring(journal, there, "page", clock=lambda: NOW, again=True)[1] == []
    assert there.states == {"api": "degraded_performance"}


def test_components_alone_are_set_where_they_changed(journal: SqliteJournal) -> None:
    there = There()
    assert says(journal, components={"api": "degraded_performance"}).entry
    assert not says(journal, components={"api": "degraded_performance"}).entry
    for _dummy in range(2):
        assert brings(journal, there) == []
    there.states["api"] = "major_outage"  # by somebody else
    assert brings(journal, there) == []
    assert there.asked == ["set api"]
    says(journal, components={"api": "operational"})
    brings(journal, there)
    assert there.states == {"api": "operational"}


def test_a_component_of_two_incidents_stays_as_bad_as_the_worse_one(journal: SqliteJournal) -> None:
    there = There()
    opened(journal), opened(journal, "web")
    says(journal, "investigating", "We look", service="api", components={"db": "major_outage"})
    says(journal, "investigating", "We look", service="web", components={"db": "degraded_performance"})
    says(journal, "resolved", "Done", service="api")
    brings(journal, there)
    assert there.states == {"db": "degraded_performance"}


def test_what_was_published_before_an_embargo_and_not_brought_yet_stays_here(journal: SqliteJournal) -> None:
    there, incident = There(), opened(journal)
    frame = status_page_view.Frame("Status")
    says(journal, "investigating", "We look", service="api")
    brings(journal, there)
    status_page_view.rendered(journal, frame, status_page_view.allowed(journal, status_page_view.STATIC), "/page", AT)
    says(journal, "identified", "They were in", service="api", components={"api": "major_outage"})
    with journal.transaction():
        journal.append(incident, [Entry("changed", AT, data={"concerns": ["security"]})])
    brings(journal, there)
    assert there.posts == {incident: [("investigating", "We look")]}
    assert there.states == {}
    page = status_page_view.page(journal, frame, status_page_view.allowed(journal, status_page_view.STATIC), at=AT, write=True)
    assert [update.body for update in page.posts[0].updates] == ["We look"]
    with pytest.raises(Refused, match="embargo"):
        says(journal, "monitoring", "We watch", service="api")
    with journal.transaction():
        journal.append(incident, [Entry("changed", AT, data={"embargo": False})])
    brings(journal, there)
    assert len(there.posts[incident]) == 2


def test_maintenance_has_a_name_of_its_own_and_no_incident(journal: SqliteJournal) -> None:
    there = There()
    asked = {"incident": "maintenance-db", "starts": "2026-12-01T22:00:00Z", "ends": "2026-12-02T00:30:00+01:00"}
    change = says(journal, "scheduled", "New disks", components={"db": "operational"}, **asked)
    assert change.after["ends"] == "2026-12-01T23:30:00.000Z"
    assert not says(journal, "scheduled", "New disks", **asked).entry
    says(journal, "in_progress", "We begin", incident="maintenance-db", components={"db": "under_maintenance"})
    says(journal, "completed", "Done", incident="maintenance-db")
    brings(journal, there)
    assert [state for state, _body in there.posts["page:maintenance-db"]] == ["scheduled", "in_progress", "completed"]
    assert there.states == {"db": "operational"}
    assert journal.ids() == []


@pytest.mark.parametrize(
    ("wanted", "says_what"),
    [
        (Wanted("investigating", service="api"), "say something with a `message`"),
        (Wanted(service="api", text="x", components={"api": "operational"}), "`message` needs a `state`"),
        (Wanted(), "say what is to be shown"),
        (Wanted("scheduled", incident="m", text="x"), "when the maintenance `starts` and `ends`"),
        (Wanted("scheduled", text="x"), "give the maintenance a name"),
        (Wanted("scheduled", incident="m", text="x", starts="tomorrow", ends="later"), "starts=tomorrow is no time"),
        (Wanted("scheduled", incident="m", text="x", starts="2026-12-02", ends="2026-12-01"), "would end"),
        (Wanted("investigating", service="api", text="x", starts="2026-12-02"), "is for maintenance"),
        (Wanted("investigating", incident="nothing", text="x"), "no incident is called nothing"),
        (Wanted("investigating", service="api", text="x", components={"apj": "operational"}), "did you mean api"),
        (Wanted("investigating", service="api", text="x", components={"api": "bad"}), "api can't be bad"),
    ],
)
def test_bad_input_is_refused_before_anything_is_recorded(journal: SqliteJournal, wanted: Wanted, says_what: str) -> None:
    opened(journal)
    with pytest.raises(ValueError, match=says_what):
        status_page.plan(journal, wanted, ("api", "web"), at=AT, actor="ada")
    assert journal.published() == []


def test_saying_the_same_again_changes_nothing_and_more_is_an_update(journal: SqliteJournal) -> None:
    opened(journal)
    first = says(journal, "investigating", "We look", service="api", title="Slow answers", impact="minor")
    assert (first.after["title"], first.after["impact"], first.after["updates"]) == ("Slow answers", "minor", 1)
    again = says(journal, "investigating", "We look", service="api")
    assert (again.entry, again.before, again.after) == (None, first.after, first.after)
    assert says(journal, "investigating", "We look", service="api", impact="critical").after["impact"] == "critical"
    assert says(journal, "investigating", "We still look", service="api").after["updates"] == 3


def test_a_page_is_rendered_again_when_anything_is_published_and_when_an_embargo_ends(journal: SqliteJournal) -> None:
    incident, frame = opened(journal), status_page_view.Frame("Status")

    def rendered() -> bool:
        was = status_page_view.is_rendered(journal, frame, "/page", AT)
        status_page_view.rendered(journal, frame, status_page_view.allowed(journal, status_page_view.STATIC), "/page", AT)
        return was

    assert [rendered(), rendered()] == [False, True]
    says(journal, "investigating", "We look", service="api")
    assert [rendered(), rendered()] == [False, True]
    says(journal, "identified", "They were in", service="api")
    with journal.transaction():
        journal.append(incident, [Entry("changed", AT, data={"embargo": True})])
    assert [rendered(), rendered()] == [False, False]
    with journal.transaction():
        journal.append(incident, [Entry("changed", AT, data={"embargo": False})])
    assert [rendered(), rendered()] == [False, True]
    assert not status_page_view.is_rendered(journal, status_page_view.Frame("Other"), "/page", AT)
    assert not status_page_view.is_rendered(journal, frame, "/page", utc(NOW + 3600))
