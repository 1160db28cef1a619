# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Atlassian Statuspage, whose terms the common model uses (developer.statuspage.io: "Incidents", "Components", "Rate Limiting"). The incident's name
is stored in the metadata of its incident. No query searches metadata, so all open incidents and the newest page of all incidents are read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from .._core.status_page import COMPONENT_STATES, INCIDENT_STATES, MAINTENANCE_STATES, Account, Post, Shown, Update
from .._ports import StatusPage
from .client import PAGE, Client, page_of, paged, token_of, url_of
from .errors import Limited
from .listing import Listed, ids, named, states
from .posts import names, newest, short, shown, window
from .shape import entries, ident, text, words

TOKEN = "STATUSPAGE_API_KEY"  # noqa: S105 - the variable's name
URL = "https://api.statuspage.io"
_WHAT = "Statuspage"
_TITLE = 255
_PACE, _PATIENT = 1.0, 5.0
"""Seconds between two calls with one token, and the waiting time after a call that came too early."""
_STATES = {state: state for state in (*INCIDENT_STATES, *MAINTENANCE_STATES)}
_COMPONENTS = {state: state for state in COMPONENT_STATES}


def provider(account: Account) -> StatusPage:
    """The page of that account. Raises StatusPageError if the account is incomplete."""
    return Statuspage(account)


class Statuspage:
    """`clock` and `sleep` control the pace of the calls: the provider allows one per second."""

    def __init__(self, account: Account, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self._page, token = page_of(account, _WHAT), token_of(account, _WHAT, TOKEN)
        self._client = Client(url_of(account, _WHAT, URL), {"Authorization": f"OAuth {token}"}, token)
        self._account, self._clock, self._sleep = account, clock, sleep
        self._free = clock()

    def find(self, post: Post) -> Shown | None:
        open_ones = ("incidents/scheduled", "incidents/active_maintenance") if post.is_maintenance else ("incidents/unresolved",)
        for each in (*(each for path in open_ones for each in self._all(path)), *self._newest()):
            if _key(each) in names(post):
                return _shown(each, post)
        return None

    def create(self, post: Post, update: Update) -> str:
        said = self._said(post, update) | {"metadata": {"ansible": {"key": post.name}}}
        if post.is_maintenance:
            said["scheduled_for"], said["scheduled_until"] = window(post, _WHAT)
        return ident(self._call("POST", "incidents", body={"incident": said}), "id")

    def update(self, ref: str, post: Post, update: Update) -> None:
        self._call("PATCH", f"incidents/{quote(ref, safe='')}", body={"incident": self._said(post, update)})

    def components(self) -> Mapping[str, str]:
        return states(self._listed(), self._account)

    def set_component(self, name: str, state: str) -> None:
        found = ids([name], self._account, self._listed)[name]
        self._call("PATCH", f"components/{quote(found, safe='')}", body={"component": {"status": state}})

    def _said(self, post: Post, update: Update) -> dict[str, Any]:
        said: dict[str, Any] = {
            "name": short(post.title, _TITLE), "status": update.status, "body": update.body, "deliver_notifications": update.notify,
            "impact_override": "maintenance" if post.is_maintenance else post.impact,
        }  # fmt: skip
        affected = ids({**post.components, **update.components}, self._account, self._listed)
        if affected:
            # the list of affected components replaces the previous list; the map has their new states
            said["component_ids"] = list(affected.values())
            said["components"] = {affected[name]: state for name, state in update.components.items()}
        return said

    def _all(self, path: str) -> Iterator[Any]:
        return paged(lambda number: entries(self._call("GET", path, query={"page": number, "per_page": PAGE})))

    def _newest(self) -> Iterator[Any]:
        yield from entries(self._call("GET", "incidents", query={"limit": PAGE, "page": 1}))

    def _listed(self) -> Iterator[Listed]:
        for each in self._all("components"):
            if isinstance(each, dict) and each.get("group") is True:
                continue
            yield Listed(ident(each, "id"), text(each, "name"), named(text(each, "status"), _COMPONENTS, otherwise="degraded_performance"))

    def _call(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None) -> Any:
        try:
            return self._paced(method, path, query, body)
        except Limited as error:
            wait = _PATIENT if error.asked is None else error.asked
            if wait > _PATIENT:
                raise
        self._sleep(wait)
        return self._paced(method, path, query, body)

    def _paced(self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None) -> Any:
        early = self._free - self._clock()
        if early > 0:
            self._sleep(early)
        try:
            return self._client.call(method, f"/v1/pages/{quote(self._page, safe='')}/{path}", query=query, body=body)
        finally:
            # measured from the end of a call, because the server may count it at any time during the call
            self._free = self._clock() + _PACE


def _key(incident: Any) -> str:
    """Our name in its metadata; empty if it isn't our incident."""
    found = incident
    for key in ("metadata", "ansible", "key"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _shown(incident: Any, post: Post) -> Shown:
    """Our newest update. A postmortem is also an update, and comes last."""
    ref = ident(incident, "id")
    updates = [each for each in entries(incident, "incident_updates") if text(each, "status") in _STATES]
    last = newest(reversed(updates), "created_at")  # they are the newest first
    if last is None:
        return shown(ref, text(incident, "status"), "", post, _STATES)
    return shown(ref, text(last, "status"), words(last, "body"), post, _STATES)
