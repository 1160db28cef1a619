# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Uptime Kuma, through the interface of its own web page, because it has no documented API for writing (github.com/louislam/uptime-kuma,
server/socket-handlers/status-page-socket-handler.js). It needs python-socketio where Ansible runs. An incident is one text, which each update
replaces: its title begins with the state and ends with the incident's name. Components are the monitors of Uptime Kuma, and can't be set."""

from __future__ import annotations

import importlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from .. import _gate
from .._core.status_page import INCIDENT_STATES, OVER, Account, Post, Shown, Update
from .._libraries import complaint
from .._ports import StatusPage, StatusPageError
from .client import Client, page_of, token_of, url_of
from .errors import PATIENCE, lasting
from .posts import is_titled, no_maintenance, shown, titled
from .shape import at, entries, ident, number, text, words

TOKEN = "UPTIME_KUMA_PASSWORD"  # noqa: S105 - the variable's name
_WHAT = "Uptime Kuma"
_TITLE = 240
_STATES = {state: state for state in INCIDENT_STATES}
_STYLES = {"none": "primary", "minor": "info", "major": "warning", "critical": "danger"}
_OVER = re.compile(r"Resolved: .*\(\w+-\d{4}-\d\d-\d\d-[^()]+\)", re.DOTALL)
"""One of our titles of an ended incident."""
_TIMEOUT = 10.0
_QUIET = logging.getLogger(__name__)
"""Silence the library, which logs to the terminal even about closed connections. Important errors are raised."""
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


def provider(account: Account) -> StatusPage:
    """The page of that account. Raises StatusPageError if the account is incomplete."""
    return UptimeKuma(account)


class UptimeKuma:
    """The account needs the page's slug, the address, and the user; the secret is that user's password."""

    def __init__(self, account: Account, *, timeout: float = _TIMEOUT) -> None:
        self._slug, self._url = page_of(account, _WHAT), url_of(account, _WHAT)
        self._password, self._user, self._timeout = token_of(account, _WHAT, TOKEN), account.user.strip(), timeout
        if not self._user:
            raise lasting(f"{_WHAT} needs a user to log in as: set status_page.user")
        # the public page is cached for five minutes, except with the query that its authors use
        self._public = Client(self._url, {"x-apicache-bypass": "true"}, self._password, timeout=timeout)

    def find(self, post: Post) -> Shown | None:
        no_maintenance(post, _WHAT)
        for each in self._pinned()[0]:
            title = text(each, "title")
            if is_titled(title, post):
                return shown(ident(each, "id"), title.partition(": ")[0].lower(), words(each, "content"), post, _STATES)
        return None

    def create(self, post: Post, update: Update) -> str:
        no_maintenance(post, _WHAT)
        pinned, many = self._pinned()
        over = [each for each in pinned if _OVER.fullmatch(text(each, "title"))]
        if not many and len(pinned) > len(over):
            raise lasting(f"this {_WHAT} can show one incident at a time, and shows {text(pinned[0], 'title')}: unpin it there, or update {_WHAT}")
        with self._session() as call:
            for each in over:
                if many:
                    call("resolveIncident", self._slug, number(each, "id"))
                else:
                    call("unpinIncident", self._slug)
            return ident(call("postIncident", self._slug, _said(post, update)), "incident", "id")

    def update(self, ref: str, post: Post, update: Update) -> None:
        no_maintenance(post, _WHAT)
        if not ref.isdigit():
            raise lasting(f"{_WHAT} has no incident {ref}: its ids are numbers")
        with self._session() as call:
            call("postIncident", self._slug, _said(post, update) | {"id": int(ref)})

    def components(self) -> Mapping[str, str]:
        return {}

    def set_component(self, name: str, state: str) -> None:
        raise lasting(f"{_WHAT} finds out by itself how {name} is: it can't be told that it is {state}. Let it watch {name}, or use another provider")

    def _pinned(self) -> tuple[list[Any], bool]:
        """The pinned incidents, and whether there may be several (since version 2.1)."""
        answer = self._public.call("GET", f"/api/status-page/{quote(self._slug.lower(), safe='')}")
        if isinstance(answer, dict) and "incidents" in answer:
            return entries(answer, "incidents"), True
        incident = at(answer, "incident")
        return ([] if incident is None else [incident]), False

    @contextmanager
    def _session(self) -> Iterator[Callable[..., Any]]:
        """A logged-in connection. Returns a function that calls its events; each call returns the answer or raises StatusPageError."""
        try:
            socketio = importlib.import_module("socketio")
        except ImportError:
            raise lasting(complaint(_WHAT, "python-socketio[client]")) from None
        client = socketio.Client(reconnection=False, request_timeout=self._timeout, logger=_QUIET, engineio_logger=_QUIET)
        ready = threading.Event()
        client.on("info", lambda *_said: ready.set())

        def call(event: str, *said: Any) -> Any:
            try:
                answer = client.call(event, said if event == "login" else _gate.clean_data(said), timeout=self._timeout)
            except socketio.exceptions.SocketIOError as error:
                raise StatusPageError(f"{self._url} did not answer to {event}: {self._safe(error) or type(error).__name__}") from None
            if at(answer, "ok") is not True:
                raise self._refusal(event, answer)
            return answer

        try:
            client.connect(self._url, wait_timeout=self._timeout, socketio_path=f"{urlsplit(self._url).path.strip('/')}/socket.io".lstrip("/"))
        except socketio.exceptions.ConnectionError as error:
            raise _unreached(f"{self._url} can't be reached: {self._safe(error)}") from None
        except (LookupError, TypeError, ValueError):  # the answer of another service that the library accepts as a handshake
            raise _unreached(f"{self._url} can't be reached: Unexpected response from server") from None
        try:
            ready.wait(self._timeout)  # its handlers are registered after its `info` (server.js, "connection"): earlier events are lost
            call("login", {"username": self._user, "password": self._password, "token": ""})
            yield call
        finally:
            client.eio.disconnect(abort=True)  # waiting for the other side may take until its next heartbeat

    def _refusal(self, event: str, answer: Any) -> StatusPageError:
        if answer.get("tokenRequired"):
            return lasting(f"{self._url} asks {self._user} for a second factor: take a user without one")
        why = self._safe(answer.get("msg") or "it does not say why")
        if "too frequently" in why.lower():
            return StatusPageError(f"{self._url} says that there were too many tries to log in: {why}", retry_after=PATIENCE)
        if event == "login":
            return lasting(f"{self._url} does not accept the user {self._user} with this password: {why}")
        return lasting(f"{self._url} refuses {event} for the page {self._slug}: {why}")

    def _safe(self, said: object) -> str:
        return _gate.clean(said, guess=True)


def _said(post: Post, update: Update) -> dict[str, Any]:
    style = "primary" if update.status in OVER else _STYLES.get(post.impact, "info")
    return {"title": f"{update.status.capitalize()}: {titled(post, _TITLE)}", "content": update.body, "style": style}


def _unreached(why: str) -> StatusPageError:
    """Whether the failure is lasting: another service at that address stays, but a server that is down comes back."""
    code = re.search(r"status code (\d+)", why)
    wrong = int(code[1]) < 500 if code else "OPEN packet" in why or "Unexpected response" in why
    return lasting(f"{why}. Is status_page.url the address of {_WHAT}?") if wrong else StatusPageError(why)
