# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instatus (instatus.com/help/api: "Incidents", "Incident updates", "Maintenances", "Maintenance updates", "Components"). It can't store our key, so
the titles end with the incident's name. It has no impact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from .._core.status_page import Account, Post, Shown, Update
from .._ports import StatusPage
from .client import PAGE, Client, page_of, paged, token_of, url_of
from .listing import Listed, ids, named, states, word
from .posts import is_titled, moment, newest, shown, titled, window
from .shape import entries, ident, text, words

TOKEN = "INSTATUS_API_KEY"  # noqa: S105 - the variable's name
URL = "https://api.instatus.com"
_WHAT = "Instatus"
_TITLE = 255
_STATES = {"investigating": "INVESTIGATING", "identified": "IDENTIFIED", "monitoring": "MONITORING", "resolved": "RESOLVED"}
_STAGES = {"scheduled": "NOTSTARTEDYET", "in_progress": "INPROGRESS", "verifying": "INPROGRESS", "completed": "COMPLETED"}
_COMPONENTS = {
    "operational": "OPERATIONAL", "under_maintenance": "UNDERMAINTENANCE", "degraded_performance": "DEGRADEDPERFORMANCE",
    "partial_outage": "PARTIALOUTAGE", "major_outage": "MAJOROUTAGE",
}  # fmt: skip


def provider(account: Account) -> StatusPage:
    """The page of that account. Raises StatusPageError if the account is incomplete."""
    return Instatus(account)


class Instatus:
    """The account needs the page's id."""

    def __init__(self, account: Account) -> None:
        self._base, token = f"/v1/{quote(page_of(account, _WHAT), safe='')}", token_of(account, _WHAT, TOKEN)
        self._account, self._client = account, Client(url_of(account, _WHAT, URL), {"Authorization": f"Bearer {token}"}, token)

    def find(self, post: Post) -> Shown | None:
        for each in self._all("maintenances" if post.is_maintenance else "incidents"):
            if is_titled(text(each, "name"), post):
                last = newest(entries(each, "updates"), "createdAt")
                state, body = (text(each, "status"), "") if last is None else (text(last, "status"), words(last, "message"))
                return shown(ident(each, "id"), state, body, post, _words(post))
        return None

    def create(self, post: Post, update: Update) -> str:
        said = self._said(post, update) | {"name": titled(post, _TITLE)}
        if not post.is_maintenance:
            return ident(self._client.call("POST", f"{self._base}/incidents", body=said | {"started": update.at}), "id")
        starts, ends = window(post, _WHAT)
        minutes = max(1, round((moment(ends) - moment(starts)).total_seconds() / 60))
        # its stage only changes when we set it
        said |= {"start": starts, "duration": minutes, "autoStart": False, "autoEnd": False}
        return ident(self._client.call("POST", f"{self._base}/maintenances", body=said), "id")

    def update(self, ref: str, post: Post, update: Update) -> None:
        kind = "maintenance" if post.is_maintenance else "incident"
        body = self._said(post, update) | {"started": update.at}
        self._client.call("POST", f"{self._base}/{kind}s/{quote(ref, safe='')}/{kind}-updates", body=body)

    def components(self) -> Mapping[str, str]:
        return states(self._listed(), self._account)

    def set_component(self, name: str, state: str) -> None:
        found = ids([name], self._account, self._listed)[name]
        self._client.call("PUT", f"{self._base}/components/{quote(found, safe='')}", body={"status": word(state, _COMPONENTS, _WHAT)})

    def _said(self, post: Post, update: Update) -> dict[str, Any]:
        # all affected components; a component without a state here may have the state of another incident
        known = ids({**post.components, **update.components}, self._account, self._listed)
        there = {name: word(state, _COMPONENTS, _WHAT) for name, state in update.components.items()}
        return {
            "message": update.body, "status": word(update.status, _words(post), _WHAT), "notify": update.notify, "components": list(known.values()),
            "statuses": [{"id": known[name], "status": state} for name, state in there.items()],
        }  # fmt: skip

    def _all(self, what: str) -> Iterator[Any]:
        return paged(lambda page: entries(self._client.call("GET", f"{self._base}/{what}", query={"page": page, "per_page": PAGE})))

    def _listed(self) -> Iterator[Listed]:
        for each in self._all("components"):
            state = text(each, "status")
            ours = named(state, _COMPONENTS, otherwise="partial_outage" if state == "MINOROUTAGE" else "degraded_performance")
            yield Listed(ident(each, "id"), text(each, "name"), ours)


def _words(post: Post) -> Mapping[str, str]:
    return _STAGES if post.is_maintenance else _STATES
