# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for Uptime Kuma: a real socket.io server. The rules are from github.com/louislam/uptime-kuma: server.js ("login"),
server/socket-handlers/status-page-socket-handler.js, server/routers/status-page-router.js, server/model/status_page.js.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import socketio  # type: ignore[import-untyped]
from servers.loopback import Loopback
from servers.status_pages import Trouble

USER, SLUG = "bot", "status"
_LOOK, _NEVER = 0.2, 3.0
"""Seconds that a server which was idle looks into its database, and after which nobody waits for an answer here any more."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@dataclass
class Page:
    """What is stored. `events` are those that came, with what was said."""

    incidents: list[dict[str, Any]] = field(default_factory=list)
    events: list[tuple[str, Any]] = field(default_factory=list)

    def pinned(self) -> list[dict[str, Any]]:
        return [each for each in self.incidents if each["pin"] and each["active"]]


class KumaServer(Loopback):
    """Runs while it is a context. `many`: from 2.1 on all that is pinned is shown, before the oldest. `troubles` hit the public page,
    or, with an event's name as their method, that event: `code` refuses it, with `text` as its words, `lost` does it and never says so."""

    def __init__(self, password: str, *, many: bool = True) -> None:
        self.page, self.many, self.troubles = Page(), many, deque[Trouble]()
        self.asked: list[tuple[str, str]] = []
        self.lost: list[str] = []
        """Events that came before there was a handler: nobody answers them."""
        self._password, self._logged, self._cache = password, set[str](), dict[str, bytes]()
        self._ready = set[str]()
        sio = socketio.Server(async_mode="threading", allow_upgrades=False, ping_interval=5)
        handlers: dict[str, Callable[..., Any]] = {
            "login": self._login, "postIncident": self._post, "unpinIncident": self._unpin, "resolveIncident": self._resolve,
        }  # fmt: skip
        for name, handler in handlers.items():
            sio.on(name, self._guarded(name, handler))

        def connect(sid: str, _environ: Any) -> None:
            sio.start_background_task(begin, sid)

        def begin(sid: str) -> None:
            """server.js, "connection": it looks into its database, sends its `info`, and has no handler before."""
            time.sleep(_LOOK)
            self._ready.add(sid)
            sio.emit("info", {"primaryBaseURL": None, "serverTimezone": "UTC"}, to=sid)

        sio.on("connect", connect)
        super().__init__(make_server("127.0.0.1", 0, socketio.WSGIApp(sio, self._http), server_class=_Server, handler_class=_Quiet))

    def _guarded(self, name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        def answer(sid: str, *said: Any) -> Any:
            if sid not in self._ready:
                self.lost.append(name)
                time.sleep(_NEVER)
            self.page.events.append((name, said[-1] if said else None))
            trouble = self.troubles.popleft() if self.troubles and self.troubles[0].method == name else Trouble()
            if trouble.code:
                return {"ok": False, "msg": trouble.text}
            if trouble.text:
                return json.loads(trouble.text)
            if name != "login" and sid not in self._logged:  # checkLogin
                return {"ok": False, "msg": "You are not logged in."}
            if name != "login" and said[0] != SLUG:
                return {"ok": False, "msg": "slug is not found"}
            found = handler(sid, *said)
            time.sleep(trouble.slow)
            return found

        return answer

    def _login(self, sid: str, data: dict[str, Any]) -> Any:
        if (data["username"], data["password"]) != (USER, self._password):
            return {"ok": False, "msg": "authIncorrectCreds", "msgi18n": True}
        self._logged.add(sid)
        return {"ok": True, "token": "a.b.c"}

    def _post(self, _sid: str, _slug: str, said: dict[str, Any]) -> Any:
        found = next((each for each in self.page.incidents if each["id"] == said.get("id")), None)
        if found is None:
            found = {"id": len(self.page.incidents) + 1}
            self.page.incidents.append(found)
        found |= {"title": said["title"], "content": said["content"], "style": said["style"], "pin": True, "active": True}
        return {"ok": True, "incident": found}

    def _unpin(self, _sid: str, _slug: str) -> Any:
        for each in self.page.incidents:
            each["pin"] = False
        return {"ok": True}

    def _resolve(self, _sid: str, _slug: str, ident: int) -> Any:
        if not self.many:
            raise RuntimeError("this version has no such event")
        for each in self.page.incidents:
            if each["id"] == ident:
                each |= {"pin": False, "active": False}
                return {"ok": True, "incident": each}
        return {"ok": False, "msg": "Incident not found or access denied"}

    def _http(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append((environ["REQUEST_METHOD"], path))
        trouble = self.troubles.popleft() if self.troubles and not self.troubles[0].method else Trouble()
        time.sleep(trouble.slow)
        if trouble.code or trouble.text:
            start(f"{trouble.code or 200} x", [("Content-Type", trouble.kind), *trouble.headers])
            return [trouble.text.encode()]
        if path != f"/api/status-page/{SLUG}":
            start("404 Not Found", [("Content-Type", "application/json")])
            return [b'{"msg": "Status Page Not Found"}']
        start("200 OK", [("Content-Type", "application/json")])
        if path not in self._cache or environ.get("HTTP_X_APICACHE_BYPASS"):  # kept for five minutes; apicache.js
            pinned = self.page.pinned()
            shown = {"incidents": pinned[::-1]} if self.many else {"incident": pinned[0] if pinned else None}
            content = json.dumps({"config": {"slug": SLUG}, **shown, "publicGroupList": [], "maintenanceList": []}).encode()
            if environ.get("HTTP_X_APICACHE_BYPASS"):
                return [content]
            self._cache[path] = content
        return [self._cache[path]]
