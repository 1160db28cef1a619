# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cachet 3 (docs.cachethq.io, "API Documentation": Incidents, Incident Updates, Components; github.com/cachethq/core). Its incidents have metadata,
by which they are found again. It has no impact. A component that is linked to an open incident shows the state from the incident's start, even if it
is set later. So components are set separately, before the text, and are not linked to the incident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from .._core.status_page import Account, Post, Shown, Update
from .._ports import StatusPage
from .client import PAGE, Client, paged, token_of, url_of
from .listing import Listed, ids, named, states, word
from .posts import names, no_maintenance, short, shown
from .shape import at, entries, ident, number, text

TOKEN = "CACHET_TOKEN"  # noqa: S105 - the variable's name
_WHAT = "Cachet"
_TITLE = 255
_KEY = "ansible_key"
_STATES = {"investigating": "1", "identified": "2", "monitoring": "3", "resolved": "4"}
_COMPONENTS = {"operational": "1", "degraded_performance": "2", "partial_outage": "3", "major_outage": "4", "under_maintenance": "6"}


def provider(account: Account) -> StatusPage:
    """The page of that account. Raises StatusPageError if the account is incomplete."""
    return Cachet(account)


class Cachet:
    """A Cachet server is one page: the account needs its address."""

    def __init__(self, account: Account) -> None:
        token = token_of(account, _WHAT, TOKEN)
        self._account, self._client = account, Client(url_of(account, _WHAT), {"Authorization": f"Bearer {token}"}, token)

    def find(self, post: Post) -> Shown | None:
        for name in names(post):
            for each in entries(self._client.call("GET", "/api/incidents", query={f"filter[meta][{_KEY}]": name, "per_page": PAGE}), "data"):
                if _is_ours(each, name):
                    return self._shown(each, post)
        return None

    def create(self, post: Post, update: Update) -> str:
        no_maintenance(post, _WHAT)
        self._set(update.components)
        body = self._incident(post, update) | self._said(update) | {"meta": {_KEY: post.name}}
        return ident(self._client.call("POST", "/api/incidents", body=body), "data", "id")

    def update(self, ref: str, post: Post, update: Update) -> None:
        no_maintenance(post, _WHAT)
        self._set(update.components)
        path = f"/api/incidents/{quote(ref, safe='')}"
        # the notification of subscribers is a property of the incident
        self._client.call("PUT", path, body=self._incident(post, update))
        self._client.call("POST", f"{path}/updates", body=self._said(update))

    def components(self) -> Mapping[str, str]:
        return states(self._listed(), self._account)

    def set_component(self, name: str, state: str) -> None:
        self._set({name: state})

    def _incident(self, post: Post, update: Update) -> dict[str, Any]:
        # an incident without `visible` is hidden
        return {"name": short(post.title, _TITLE), "visible": True, "notifications": update.notify}

    def _said(self, update: Update) -> dict[str, Any]:
        return {"status": int(word(update.status, _STATES, _WHAT)), "message": update.body}

    def _set(self, wanted: Mapping[str, str]) -> None:
        states_there = {name: int(word(state, _COMPONENTS, _WHAT)) for name, state in wanted.items()}
        for name, found in ids(wanted, self._account, self._listed).items():
            self._client.call("PUT", f"/api/components/{quote(found, safe='')}", body={"status": states_there[name]})

    def _listed(self) -> Iterator[Listed]:
        for each in paged(lambda page: entries(self._client.call("GET", "/api/components", query={"page": page, "per_page": PAGE}), "data")):
            state = named(_value(each, "attributes", "status"), _COMPONENTS, otherwise="degraded_performance")
            yield Listed(ident(each, "id"), text(each, "attributes", "name"), state)

    def _shown(self, incident: Any, post: Post) -> Shown:
        ref = ident(incident, "id")
        query = {"sort": "-created_at", "per_page": PAGE}
        updates = entries(self._client.call("GET", f"/api/incidents/{quote(ref, safe='')}/updates", query=query), "data")
        # updates of the same second are only ordered by their ids
        last = max(updates, key=lambda each: number(each, "id"), default=incident)
        return shown(ref, _value(last, "attributes", "status"), text(last, "attributes", "message"), post, _STATES)


def _is_ours(incident: Any, name: str) -> bool:
    """Whether the incident has the key, checked in the answer: the server ignores some filters (for example with a comma) and returns everything."""
    attributes = at(incident, "attributes")
    if not isinstance(attributes, dict) or "meta" not in attributes:
        return "," not in name
    meta = attributes["meta"]  # a list where there are none
    return isinstance(meta, dict) and meta.get(_KEY) == name


def _value(thing: Any, *path: str) -> str:
    """A state's number, with or without its readable name."""
    found = at(thing, *path)
    return str(number(found, "value") if isinstance(found, dict) else number(thing, *path))
