# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""incident.io (docs.incident.io/api-reference, "Status Pages V2": incidents, maintenances, their updates, the structure of a page). An idempotency
key prevents that two tries create two incidents, but an incident can't be found by it, so titles also end with the incident's name. Components have
no separate state: their state comes from the open incidents and maintenances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from .._core.status_page import COMPONENT_STATES, OPERATIONAL, OVER, Account, Post, Shown, Update
from .._ports import StatusPage
from .client import PAGE, PAGES, Client, page_of, token_of, url_of
from .errors import lasting
from .listing import Listed, ids, named, states, word
from .posts import is_titled, moment, newest, shown, titled, window
from .shape import at, entries, ident, text, words

TOKEN = "INCIDENT_IO_API_KEY"  # noqa: S105 - the variable's name
URL = "https://api.incident.io"
_WHAT = "incident.io"
_TITLE = 200
_LONGEST = 4096
"""The limit of an update in characters."""
_STATES = {state: state for state in ("investigating", "identified", "monitoring", "resolved")}
_STAGES = {
    "scheduled": "maintenance_scheduled", "in_progress": "maintenance_in_progress", "verifying": "maintenance_in_progress",
    "completed": "maintenance_complete",
}  # fmt: skip
_COMPONENTS = {
    "operational": "operational", "degraded_performance": "degraded_performance", "partial_outage": "partial_outage", "major_outage": "full_outage",
}  # fmt: skip
_MAINTAINED = {"operational": "operational", "under_maintenance": "under_maintenance"}


def provider(account: Account) -> StatusPage:
    """The page of that account. Raises StatusPageError if the account is incomplete."""
    return IncidentIo(account)


class IncidentIo:
    """The account needs the page's id."""

    def __init__(self, account: Account) -> None:
        self._page, token = page_of(account, _WHAT), token_of(account, _WHAT, TOKEN)
        self._account, self._client = account, Client(url_of(account, _WHAT, URL), {"Authorization": f"Bearer {token}"}, token)

    def find(self, post: Post) -> Shown | None:
        kind = _kind(post)
        for each in self._all(kind):
            if is_titled(text(each, "name"), post):
                return _shown(each, kind, post)
        return None

    def create(self, post: Post, update: Update) -> str:
        kind = _kind(post)
        body = self._said(kind, post, update) | {"idempotency_key": post.id, "status_page_id": self._page, "name": titled(post, _TITLE)}
        if post.is_maintenance:
            body.pop("component_statuses", None)
            body["start_at"], body["end_at"] = window(post, _WHAT)
            body["affected_component_ids"] = list(ids({**post.components, **update.components}, self._account, self._listed).values())
        made = at(self._client.call("POST", f"/v2/status_page_{kind}s", body=body), f"status_page_{kind}")
        ref = ident(made, "id")
        if _shown(made, kind, post).status == update.status:
            return ref
        # this is the old answer to an earlier try: read the current state
        there = _shown(at(self._client.call("GET", f"/v2/status_page_{kind}s/{quote(ref, safe='')}"), f"status_page_{kind}"), kind, post)
        if (there.status, there.body) != (update.status, update.body):
            self.update(ref, post, update)
        return ref

    def update(self, ref: str, post: Post, update: Update) -> None:
        kind = _kind(post)
        self._client.call("POST", f"/v2/status_page_{kind}_updates", body=self._said(kind, post, update) | {f"status_page_{kind}_id": ref})

    def components(self) -> Mapping[str, str]:
        return states(self._listed(), self._account)

    def set_component(self, name: str, state: str) -> None:
        raise lasting(f"{_WHAT} changes the state of a component only with words: publish an update that has {name} as {state}")

    def _said(self, kind: str, post: Post, update: Update) -> dict[str, Any]:
        if len(update.body) > _LONGEST:
            raise lasting(f"{_WHAT} takes texts of {_LONGEST:,} characters, and this one has {len(update.body):,}: publish a shorter one")
        theirs = _MAINTAINED if post.is_maintenance else _COMPONENTS
        said: dict[str, Any] = {f"{kind}_status": word(update.status, _words(post), _WHAT), "message": update.body}
        said["notify_subscribers"] = update.notify
        if update.status in OVER or not update.components:
            return said  # all components are operational at the end; it refuses component states there
        wanted = {name: word(state, theirs, f"{_WHAT} ({kind}, component {name})") for name, state in update.components.items()}
        known = ids(wanted, self._account, self._listed)
        said["component_statuses"] = [{"component_id": known[name], "component_status": state} for name, state in wanted.items()]
        return said

    def _all(self, kind: str) -> Iterator[Any]:
        query: dict[str, Any] = {"status_page_id": self._page, "page_size": PAGE}
        for _page in range(PAGES):
            answer = self._client.call("GET", f"/v2/status_page_{kind}s", query=query)
            yield from entries(answer, f"status_page_{kind}s")
            meta = answer.get("pagination_meta")
            after = meta.get("after") if isinstance(meta, dict) else None
            if not after:
                return
            query["after"] = after

    def _listed(self) -> Iterator[Listed]:
        answer = self._client.call("GET", f"/v2/status_page_structures/{quote(self._page, safe='')}")
        asked = self._asked()
        seen = set()
        for each in _components(entries(answer, "current_structure", "items")):
            found = ident(each, "component_id")
            if found not in seen:  # a component may be on several pages
                yield Listed(found, text(each, "name"), asked.get(found, OPERATIONAL))
            seen.add(found)

    def _asked(self) -> dict[str, str]:
        """The worst state of each component in open incidents and maintenances."""
        found: dict[str, str] = {}
        for kind, theirs, running in (("incident", _COMPONENTS, set(_STATES) - {"resolved"}), ("maintenance", _MAINTAINED, {_STAGES["in_progress"]})):
            for each in self._all(kind):
                if text(each, f"{kind}_status") not in running:
                    continue
                for component, state in _latest(each, theirs).items():
                    found[component] = max(found.get(component, OPERATIONAL), state, key=COMPONENT_STATES.index)
        return found


def _latest(incident: Any, theirs: Mapping[str, str]) -> dict[str, str]:
    """The last state of each component."""
    found: dict[str, tuple[datetime, str]] = {}
    for update in entries(incident, "updates"):
        when = moment(text(update, "published_at"))
        for each in entries(update, "component_statuses"):
            component = ident(each, "component_id")
            state = named(text(each, "component_status"), theirs, otherwise="degraded_performance")
            if component not in found or when >= found[component][0]:
                found[component] = (when, state)
    return {component: state for component, (_when, state) in found.items()}


def _components(items: list[Any]) -> Iterator[Any]:
    """All components of a page: directly, in groups, and on sub-pages."""
    for item in items:
        for key in ("component", "group", "sub_page"):
            part = item.get(key) if isinstance(item, dict) else None
            if part is None:
                continue
            if key == "component":
                yield part
            elif key == "group":
                yield from entries(part, "components")
            else:
                yield from _components(entries(part, "items"))


def _shown(incident: Any, kind: str, post: Post) -> Shown:
    last = newest(entries(incident, "updates"), "published_at")
    state, body = (text(incident, f"{kind}_status"), "") if last is None else (text(last, f"{kind}_status"), words(last, "message"))
    return shown(ident(incident, "id"), state, body, post, _words(post))


def _kind(post: Post) -> str:
    return "maintenance" if post.is_maintenance else "incident"


def _words(post: Post) -> Mapping[str, str]:
    return _STAGES if post.is_maintenance else _STATES
