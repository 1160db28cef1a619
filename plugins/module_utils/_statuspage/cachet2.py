# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cachet 2.4 (docs.cachethq.io/v2.4: "Incidents", "Incident Updates", "Components"; github.com/cachethq/cachet, branch 2.4). It can't store our key,
so the titles end with the incident's name. An incident has one component at most, so all components are set separately."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from .._core.status_page import Account, Post, Shown, Update
from .._ports import StatusPage
from .client import PAGE, Client, paged, token_of, url_of
from .listing import Listed, ids, named, states, word
from .posts import is_titled, no_maintenance, shown, titled
from .shape import entries, ident, number, text

TOKEN = "CACHET_TOKEN"  # noqa: S105 - the variable's name
_WHAT = "Cachet 2.4"
_TITLE = 255
_STATES = {"investigating": "1", "identified": "2", "monitoring": "3", "resolved": "4"}
_COMPONENTS = {"operational": "1", "degraded_performance": "2", "partial_outage": "3", "major_outage": "4"}


def provider(account: Account) -> StatusPage:
    """The page of that account. Raises StatusPageError if the account is incomplete."""
    return Cachet2(account)


class Cachet2:
    """A Cachet server is one page: the account needs its address."""

    def __init__(self, account: Account) -> None:
        token = token_of(account, _WHAT, TOKEN)
        self._account, self._client = account, Client(url_of(account, _WHAT), {"X-Cachet-Token": token}, token)

    def find(self, post: Post) -> Shown | None:
        for each in self._all("incidents", sort="id", order="desc"):
            if is_titled(text(each, "name"), post):
                return self._shown(each, post)
        return None

    def create(self, post: Post, update: Update) -> str:
        no_maintenance(post, _WHAT)
        self._set(update.components)
        body = self._said(update) | {"name": titled(post, _TITLE), "visible": 1, "notify": update.notify}
        return ident(self._client.call("POST", "/api/v1/incidents", body=body), "data", "id")

    def update(self, ref: str, post: Post, update: Update) -> None:
        no_maintenance(post, _WHAT)
        self._set(update.components)
        self._client.call("POST", f"/api/v1/incidents/{quote(ref, safe='')}/updates", body=self._said(update))

    def components(self) -> Mapping[str, str]:
        return states(self._listed(), self._account)

    def set_component(self, name: str, state: str) -> None:
        self._set({name: state})

    def _said(self, update: Update) -> dict[str, Any]:
        return {"status": int(word(update.status, _STATES, _WHAT)), "message": update.body}

    def _set(self, wanted: Mapping[str, str]) -> None:
        states_there = {name: int(word(state, _COMPONENTS, _WHAT)) for name, state in wanted.items()}
        for name, found in ids(wanted, self._account, self._listed).items():
            self._client.call("PUT", f"/api/v1/components/{quote(found, safe='')}", body={"status": states_there[name]})

    def _all(self, path: str, **query: str) -> Iterator[Any]:
        return paged(lambda page: entries(self._client.call("GET", f"/api/v1/{path}", query={**query, "per_page": PAGE, "page": page}), "data"))

    def _listed(self) -> Iterator[Listed]:
        for each in self._all("components"):
            state = named(str(number(each, "status")), _COMPONENTS, otherwise="degraded_performance")
            yield Listed(ident(each, "id"), text(each, "name"), state)

    def _shown(self, incident: Any, post: Post) -> Shown:
        ref = ident(incident, "id")
        updates = entries(self._client.call("GET", f"/api/v1/incidents/{quote(ref, safe='')}/updates", query={"per_page": PAGE}), "data")
        # they are the newest first, but two of the same second are in no order, but for their ids
        last = max(updates, key=lambda each: number(each, "id"), default=incident)
        return shown(ref, str(number(last, "status")), text(last, "message"), post, _STATES)
