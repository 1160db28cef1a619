# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-ins for the providers of status pages. Each remembers what it was told, so that a test can look at what the public would see,
and refuses what the real one refuses, and what it would ignore.

Sources of the rules: [statuspage] developer.statuspage.io; [cachet3] docs.cachethq.io, API documentation, and github.com/cachethq/core;
[cachet2] docs.cachethq.io/v2.4 and github.com/cachethq/cachet, branch 2.4; [instatus] instatus.com/help/api; [incident.io]
docs.incident.io/api-reference, "Status Pages V2"; [kuma] github.com/louislam/uptime-kuma, server/socket-handlers and server/routers.
"""

from __future__ import annotations

import copy
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from servers.loopback import Loopback
from servers.provider import Asked

TOKEN = "tok-" + "5e2d91"
_BEGIN = datetime(2026, 11, 26, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with one request. `code` or `text` are answered instead of doing anything; `slow`: seconds before it is done;
    `lost`: it is done, and nobody hears of it."""

    code: int = 0
    text: str = ""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    slow: float = 0
    lost: bool = False
    method: str = ""
    """Which method it waits for; any, where empty."""


class Refused(Exception):
    """The provider's answer to a request that it does not do."""

    def __init__(self, code: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, body)
        self.code, self.body, self.headers = code, body, dict(headers or {})


class StandIn(Loopback):
    """Runs while it is a context. `asked` is every request as it came; `troubles` are taken in their order, one a request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.troubles: deque[Trouble] = deque()
        self._count, self._lock = 0, threading.Lock()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(ConnectionError):  # whoever asked has had enough
                    stand_in._serve(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        super().__init__(server)

    def written(self) -> list[Asked]:
        """The requests that would change something."""
        return [each for each in self.asked if each.method != "GET"]

    # What each of them has to say

    def check(self, asked: Asked) -> None:
        """Refuses who may not ask."""

    def answer(self, asked: Asked, parts: list[str]) -> tuple[int, Any]:
        raise NotImplementedError

    def stamp(self) -> str:
        """A time later than all before, as JSON has it."""
        self._count += 1
        return (_BEGIN + timedelta(milliseconds=250 * self._count)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        split = urlsplit(handler.path)
        text = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        asked = Asked(handler.command, split.path, dict(parse_qsl(split.query, keep_blank_values=True)), headers, json.loads(text or b"null"))
        with self._lock:
            self.asked.append(asked)
            fits = self.troubles and self.troubles[0].method in {"", asked.method}
            trouble = self.troubles.popleft() if fits else Trouble()
        time.sleep(trouble.slow)
        if trouble.code or trouble.text:
            _send(handler, trouble.code or 200, trouble.text, trouble.kind, dict(trouble.headers))
            return
        more: dict[str, str] = {}
        try:
            with self._lock:
                self.check(asked)
                code, body = self.answer(asked, [unquote(each) for each in split.path.strip("/").split("/")])
                body = copy.deepcopy(body)
        except Refused as refusal:
            code, body, more = refusal.code, refusal.body, refusal.headers
        if trouble.lost:
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        _send(handler, code, json.dumps(body), "application/json", more)


def _send(handler: BaseHTTPRequestHandler, code: int, text: str, kind: str, headers: Mapping[str, str]) -> None:
    content = text.encode()
    handler.send_response(code)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def checked(body: Any, required: Mapping[str, Any], optional: Mapping[str, Any], refuse: Callable[[str], Refused]) -> dict[str, Any]:
    """The body, where it has all that is required and nothing that isn't known. A rule is a type, a set of values, or says itself."""
    if not isinstance(body, dict):
        raise refuse("the body is no object")
    for name in body:
        if name not in required and name not in optional:
            raise refuse(f"{name} is unknown")
    for name, rule in {**required, **optional}.items():
        if name not in body:
            if name in required:
                raise refuse(f"{name} is required")
            continue
        value = body[name]
        if isinstance(rule, type):
            fine = isinstance(value, rule) and not (rule is int and isinstance(value, bool))
        elif isinstance(rule, set | frozenset | tuple):
            fine = value in rule and not isinstance(value, bool)
        else:
            fine = rule(value)
        if not fine:
            raise refuse(f"{name} is invalid: {value!r}")
    return body


def up_to(longest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and 0 < len(value) <= longest


def page(items: list[Any], query: Mapping[str, str], *, size: str = "per_page", default: int = 100, most: int = 100) -> list[Any]:
    """One page of them: never more than `most`, whatever is asked for."""
    count, number = min(int(query.get(size, default)), most), int(query.get("page", 1))
    return items[(number - 1) * count : number * count]


# Statuspage

REALTIME = ("investigating", "identified", "monitoring", "resolved")
SCHEDULED = ("scheduled", "in_progress", "verifying", "completed")
STATUSPAGE_COMPONENTS = {"operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"}


class StatuspageServer(StandIn):
    """[statuspage] 1.0.0. The page is `p1`; `clock` is what requests are counted by."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._last, self._limited = clock, float("-inf"), 0
        self.limits: list[int] = []
        self.retry_after = "1"
        self.incidents: list[dict[str, Any]] = []
        self.components = {
            ident: {"id": ident, "name": name, "status": "operational", "group": group}
            for ident, name, group in (("c-api", "API", False), ("c-web", "Website", False), ("g-1", "Everything", True))
        }

    def check(self, asked: Asked) -> None:
        # "Authentication": OAuth and the key; 401 is "Could not authenticate"
        if asked.headers.get("authorization") != f"OAuth {TOKEN}":
            raise Refused(401, {"error": "Could not authenticate"})
        # "Rate Limiting": one request a second for each token; the excess gets 420 or 429
        if self._clock() - self._last < 1:
            self.limits.append((420, 429)[len(self.limits) % 2])
            raise Refused(self.limits[-1], {"error": "rate limit"}, {"Retry-After": self.retry_after} if self.retry_after else {})
        self._last = self._clock()

    def answer(self, asked: Asked, parts: list[str]) -> tuple[int, Any]:
        if parts[:3] != ["v1", "pages", "p1"]:
            raise Refused(404, {"error": "The requested resource could not be found."})
        match asked.method, parts[3:]:
            case "GET", ["incidents"]:  # "Get a list of incidents": limit is 100 by default, and at most
                return 200, page(self.incidents, asked.query, size="limit")
            case "GET", ["incidents", "unresolved"]:
                return 200, page([each for each in self.incidents if each["status"] in REALTIME[:3]], asked.query)
            case "GET", ["incidents", "scheduled"]:
                return 200, page([each for each in self.incidents if each["status"] == "scheduled"], asked.query)
            case "GET", ["incidents", "active_maintenance"]:
                return 200, page([each for each in self.incidents if each["status"] in SCHEDULED[1:3]], asked.query)
            case "POST", ["incidents"]:
                return 201, self._create(asked.body)
            case "PATCH", ["incidents", ident]:
                return 200, self._update(ident, asked.body)
            case "GET", ["components"]:
                return 200, page(list(self.components.values()), asked.query)
            case "PATCH", ["components", ident] if ident in self.components:
                said = checked(asked.body, {"component": dict}, {}, _statuspage)["component"]
                self.components[ident].update(checked(said, {}, {"status": STATUSPAGE_COMPONENTS}, _statuspage))
                return 200, self.components[ident]
        raise Refused(404, {"error": "The requested resource could not be found."})

    def postmortem(self, ident: str) -> None:
        """ "Publish Postmortem": the incident is in that state then, and has an update that says so."""
        incident = self._incident(ident)
        incident["status"] = "postmortem"
        incident["incident_updates"].insert(0, {"id": "pm", "status": "postmortem", "body": "What we learned", "created_at": self.stamp()})

    def _create(self, body: Any) -> dict[str, Any]:
        said = self._checked(body, {"name": up_to(255)})
        planned = said.get("status") in SCHEDULED
        if planned != ("scheduled_for" in said) or planned != ("scheduled_until" in said):
            raise _statuspage("scheduled_for and scheduled_until go with a scheduled incident")
        incident = {"id": f"i{len(self.incidents) + 1}", "metadata": {}, "incident_updates": [], "impact": "none", "created_at": self.stamp()}
        self.incidents.insert(0, incident)
        return self._apply(incident, said)

    def _update(self, ident: str, body: Any) -> dict[str, Any]:
        incident = self._incident(ident)
        said = self._checked(body, {})
        if said.get("status", incident["status"]) not in (SCHEDULED if incident["status"] in SCHEDULED else REALTIME):
            raise _statuspage("status is of the other kind of incident")
        return self._apply(incident, said)

    def _apply(self, incident: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
        for ident, state in said.get("components", {}).items():
            self.components[ident]["status"] = state
        incident.update({key: said[key] for key in ("name", "status", "metadata", "scheduled_for", "scheduled_until") if key in said})
        incident["impact"] = said.get("impact_override", incident["impact"])
        if "component_ids" in said:
            incident["components"] = [self.components[ident] for ident in said["component_ids"]]
        now = self.stamp()
        update = {"id": f"u-{now}", "status": incident["status"], "body": said.get("body"), "created_at": now}
        incident["incident_updates"].insert(0, update | {"deliver_notifications": said.get("deliver_notifications", True)})
        return incident

    def _incident(self, ident: str) -> dict[str, Any]:
        for each in self.incidents:
            if each["id"] == ident:
                return each
        raise Refused(404, {"error": "The requested resource could not be found."})

    def _checked(self, body: Any, required: Mapping[str, Any]) -> dict[str, Any]:
        # "Create an incident": the fields; top values of metadata are objects; a body has 25,000 characters at most
        known = {
            "name": up_to(255), "status": {*REALTIME, *SCHEDULED}, "body": lambda value: isinstance(value, str) and len(value) <= 25_000,
            "impact_override": {"none", "maintenance", "minor", "major", "critical"}, "deliver_notifications": bool,
            "scheduled_for": _is_time, "scheduled_until": _is_time,
            "metadata": lambda value: isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()),
            "component_ids": lambda value: isinstance(value, list) and set(value) <= set(self.components),
            "components": lambda value: isinstance(value, dict) and set(value) <= set(self.components) and {*value.values()} <= STATUSPAGE_COMPONENTS,
        }  # fmt: skip
        return checked(checked(body, {"incident": dict}, {}, _statuspage)["incident"], required, known, _statuspage)


def _statuspage(why: str) -> Refused:
    return Refused(422, {"error": [why]})


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


# Cachet 3


class CachetServer(StandIn):
    """[cachet3]. Numbers are as its enums have them; an update or a list of JSON:API is told by `type` and `attributes`."""

    def __init__(self) -> None:
        super().__init__()
        self.incidents: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.components: dict[int, dict[str, Any]] = {1: {"name": "API", "status": 1}, 2: {"name": "Website", "status": 5}}
        self.mails: list[str] = []
        self.tells_meta = True
        """Whether an incident's answer has its metadata, which it does only where they were loaded."""

    def check(self, asked: Asked) -> None:
        # reading needs no token where the page is public, writing does
        if asked.headers.get("authorization", "" if asked.method == "GET" else "none") not in {"", f"Bearer {TOKEN}"}:
            raise Refused(401, {"message": "Unauthenticated."})

    def answer(self, asked: Asked, parts: list[str]) -> tuple[int, Any]:
        match asked.method, parts:
            case "GET", ["api", "incidents"]:
                return 200, self._list("incidents", self._filtered(asked.query), asked.query)
            case "POST", ["api", "incidents"]:
                return 201, {"data": self._incident(self._create(asked.body))}
            case "PUT", ["api", "incidents", ident]:
                incident = self._of(ident)
                incident.update(checked(asked.body, {}, {"name": up_to(255), "visible": bool, "stickied": bool, "notifications": bool}, _cachet))
                return 200, {"data": self._incident(incident)}
            case "GET", ["api", "incidents", ident, "updates"]:
                # allowedSorts: status, created_at, which has whole seconds
                if asked.query.get("sort") not in {None, "-created_at", "created_at"}:
                    raise Refused(400, {"message": "Requested sort is not allowed"})
                found = [each for each in self.updates if each["incident"] == self._of(ident)["id"]]
                ordered = sorted(found, key=lambda each: each["created"], reverse=asked.query.get("sort") == "-created_at")
                return 200, self._list("updates", [self._update(each) for each in ordered], asked.query)
            case "POST", ["api", "incidents", ident, "updates"]:
                said = checked(asked.body, {"status": (0, 1, 2, 3, 4), "message": up_to(10**9)}, {}, _cachet)
                incident = self._of(ident)
                update = {"id": len(self.updates) + 1, "incident": incident["id"], "created": self.stamp()[:17], **said}
                self.updates.append(update)
                self._mail(incident, said["message"])
                return 201, {"data": self._update(update)}
            case "GET", ["api", "components"]:
                listed = [
                    {"id": str(ident), "type": "components", "attributes": {"id": ident, "name": each["name"],
                     "status": {"human": "", "value": each["status"]} if ident % 2 else each["status"]}}
                    for ident, each in self.components.items()
                ]  # fmt: skip
                return 200, self._list("components", listed, asked.query)
            case "PUT", ["api", "components", ident] if ident.isdigit() and int(ident) in self.components:
                self.components[int(ident)].update(checked(asked.body, {}, {"name": up_to(255), "status": (1, 2, 3, 4, 5, 6)}, _cachet))
                return 200, {"data": {"id": ident, "type": "components", "attributes": {}}}
        raise Refused(404, {"message": "Not found."})

    def public(self) -> list[tuple[str, int, str, int]]:
        """What visitors see: name, state, newest text, number of updates. What isn't visible isn't there."""
        shown = []
        for each in self.incidents:
            if each.get("visible"):
                said = [update for update in self.updates if update["incident"] == each["id"]]
                last = said[-1] if said else each
                shown.append((each["name"], last["status"], last["message"], len(said)))
        return shown

    def _create(self, body: Any) -> dict[str, Any]:
        # CreateIncidentRequestData: visible is false by default
        said = checked(
            body, {"name": up_to(255), "status": (0, 1, 2, 3, 4), "message": up_to(10**9)},
            {"visible": bool, "stickied": bool, "notifications": bool, "meta": dict}, _cachet,
        )  # fmt: skip
        incident = {"id": len(self.incidents) + 1, "visible": False, "notifications": False, "meta": {}, **said}
        self.incidents.append(incident)
        self._mail(incident, said["message"])
        return incident

    def _mail(self, incident: dict[str, Any], text: str) -> None:
        # NotifyIncidentSubscribers, NotifyIncidentUpdateSubscribers: by the incident's flag, and only where visitors see it
        if incident["notifications"] and incident["visible"]:
            self.mails.append(text)

    def _filtered(self, query: Mapping[str, str]) -> list[Any]:
        found = list(reversed(self.incidents))  # orderByDesc created_at
        for name, value in query.items():
            if name.startswith("filter[meta][") and "," not in value:  # MetaFilter skips what the query builder made a list of
                found = [each for each in found if each["meta"].get(name[len("filter[meta][") : -1]) == value]
            elif name.startswith("filter[") and not name.startswith("filter[meta]"):
                raise Refused(400, {"message": f"Requested filter(s) `{name}` are not allowed."})
        return [self._incident(each) for each in found]

    def _incident(self, incident: dict[str, Any]) -> dict[str, Any]:
        hidden = {"status", "id"} if self.tells_meta else {"status", "id", "meta"}
        attributes = {key: value for key, value in incident.items() if key not in hidden}
        attributes["status"] = {"human": "", "value": incident["status"]}
        return {"id": str(incident["id"]), "type": "incidents", "attributes": attributes}

    def _update(self, update: dict[str, Any]) -> dict[str, Any]:
        attributes = {"id": update["id"], "message": update["message"], "status": {"human": "", "value": update["status"]}}
        return {"id": str(update["id"]), "type": "updates", "attributes": attributes}

    def _list(self, _kind: str, items: list[Any], query: Mapping[str, str]) -> dict[str, Any]:
        # simplePaginate: 15 by default
        return {"data": page(items, query, default=15), "links": {"next": None}, "meta": {"current_page": int(query.get("page", 1))}}

    def _of(self, ident: str) -> dict[str, Any]:
        for each in self.incidents:
            if str(each["id"]) == ident:
                return each
        raise Refused(404, {"message": "Not found."})


def _cachet(why: str) -> Refused:
    return Refused(422, {"message": why, "errors": {}})


# Cachet 2.4


class Cachet2Server(StandIn):
    """[cachet2]. Answers are in `data`; there is no key, and no state of components for maintenance."""

    def __init__(self) -> None:
        super().__init__()
        self.incidents: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.components = {1: {"id": 1, "name": "API", "status": 1}, 2: {"id": 2, "name": "Website", "status": 1}}

    def check(self, asked: Asked) -> None:
        if asked.headers.get("x-cachet-token") != TOKEN:
            raise Refused(401, {"errors": [{"status": 401, "title": "Unauthorized"}]})

    def answer(self, asked: Asked, parts: list[str]) -> tuple[int, Any]:
        match asked.method, parts:
            case "GET", ["api", "v1", "incidents"]:
                # SearchableTrait: where one of these is asked for, every other parameter, the page too, is taken for a column
                if {"id", "name", "status", "visible"} & set(asked.query) and "page" in asked.query:
                    raise Refused(500, {"errors": [{"status": 500, "title": "Unknown column 'page'"}]})
                items = sorted(self.incidents, key=lambda each: int(each["id"]), reverse="sort" in asked.query)
                return 200, self._list(items, asked.query)
            case "POST", ["api", "v1", "incidents"]:
                said = checked(
                    asked.body, {"name": up_to(255), "status": (0, 1, 2, 3, 4), "message": up_to(10**9)},
                    {"visible": (0, 1), "notify": bool}, _cachet2,
                )  # fmt: skip
                incident = {"id": len(self.incidents) + 1, "visible": 1, "notify": True, **said, "created_at": self.stamp()[:19].replace("T", " ")}
                self.incidents.append(incident)
                return 200, {"data": incident}
            case "GET", ["api", "v1", "incidents", ident, "updates"]:
                found = [each for each in self.updates if str(each["incident_id"]) == ident]
                return 200, self._list(sorted(found, key=lambda each: str(each["created_at"]), reverse=True), asked.query)
            case "POST", ["api", "v1", "incidents", ident, "updates"] if any(str(each["id"]) == ident for each in self.incidents):
                said = checked(asked.body, {"status": (1, 2, 3, 4), "message": up_to(10**9)}, {}, _cachet2)
                update = {"id": len(self.updates) + 1, "incident_id": int(ident), **said, "created_at": self.stamp()[:16]}
                self.updates.append(update)
                return 200, {"data": update}
            case "GET", ["api", "v1", "components"]:
                return 200, self._list(list(self.components.values()), asked.query)
            case "PUT", ["api", "v1", "components", ident] if ident.isdigit() and int(ident) in self.components:
                self.components[int(ident)].update(checked(asked.body, {}, {"status": (0, 1, 2, 3, 4), "name": up_to(255)}, _cachet2))
                return 200, {"data": self.components[int(ident)]}
        raise Refused(404, {"errors": [{"status": 404, "title": "Not Found"}]})

    def _list(self, items: list[Any], query: Mapping[str, str]) -> dict[str, Any]:
        return {"meta": {"pagination": {"total": len(items)}}, "data": page(items, query, default=20)}


def _cachet2(why: str) -> Refused:
    return Refused(400, {"errors": [{"status": 400, "title": "Bad Request", "detail": why}]})


# Instatus

INSTATUS_COMPONENTS = {"OPERATIONAL", "UNDERMAINTENANCE", "DEGRADEDPERFORMANCE", "PARTIALOUTAGE", "MINOROUTAGE", "MAJOROUTAGE"}


class InstatusServer(StandIn):
    """[instatus]. The page is `p1`."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: dict[str, list[dict[str, Any]]] = {"incident": [], "maintenance": []}
        self.components = {ident: {"id": ident, "name": name, "status": state} for ident, name, state in (
            ("ck-api", "API", "OPERATIONAL"), ("ck-web", "Website", "MINOROUTAGE"))}  # fmt: skip

    def check(self, asked: Asked) -> None:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, {"error": {"code": "forbidden", "message": "Not authorized"}})
        if asked.body is not None and asked.headers.get("content-type") != "application/json":
            raise Refused(400, {"error": {"code": "bad_request", "message": "no JSON"}})

    def answer(self, asked: Asked, parts: list[str]) -> tuple[int, Any]:
        if parts[:2] != ["v1", "p1"]:
            raise Refused(404, {"error": {"code": "not_found", "message": "no such page"}})
        match asked.method, parts[2:]:
            case "GET", ["incidents" | "maintenances" as kind]:  # 50 on a page by default, 100 at most
                return 200, page(list(reversed(self.posts[kind[:-1]])), asked.query, default=50)
            case "POST", ["incidents"]:
                said = self._checked(asked.body, {"name": up_to(255), "status": set(_UPPER), "started": _is_time}, {})
                return 200, self._add("incident", said)
            case "POST", ["maintenances"]:
                more = {"name": up_to(255), "status": _STAGES, "start": _is_time, "duration": int}
                return 200, self._add("maintenance", self._checked(asked.body, more, {"autoStart": bool, "autoEnd": bool}))
            case "POST", ["incidents" as kind, ident, "incident-updates"] | ["maintenances" as kind, ident, "maintenance-updates"]:
                states = set(_UPPER) if kind == "incidents" else _STAGES
                said = self._checked(asked.body, {"status": states, "started": _is_time}, {})
                for each in self.posts[kind[:-1]]:
                    if each["id"] == ident:
                        self._say(each, said)
                        return 200, each["updates"][-1]
            case "GET", ["components"]:
                return 200, page(list(self.components.values()), asked.query, default=50)
            case "PUT", ["components", ident] if ident in self.components:
                self.components[ident].update(checked(asked.body, {}, {"status": INSTATUS_COMPONENTS, "name": up_to(255)}, _instatus))
                return 200, self.components[ident]
        raise Refused(404, {"error": {"code": "not_found", "message": "not found"}})

    def _checked(self, body: Any, required: Mapping[str, Any], optional: Mapping[str, Any]) -> dict[str, Any]:
        def fits(statuses: Any) -> bool:
            return isinstance(statuses, list) and all(
                set(each) == {"id", "status"} and each["id"] in self.components and each["status"] in INSTATUS_COMPONENTS for each in statuses
            )

        common = {"message": str, "notify": bool, "components": lambda value: set(value) <= set(self.components), "statuses": fits}
        return checked(body, {**common, **required}, optional, _instatus)

    def _add(self, kind: str, said: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in said.items() if key not in {"message", "statuses"}}
        post = {"id": f"cl{kind[0]}{len(self.posts[kind]) + 1}", "updates": [], **kept}
        self.posts[kind].append(post)
        self._say(post, said)
        return post

    def _say(self, post: dict[str, Any], said: dict[str, Any]) -> None:
        post["status"] = said["status"]
        kept = {key: said[key] for key in ("message", "status", "notify")}
        post["updates"].append({"id": f"u{len(post['updates'])}", "createdAt": self.stamp(), **kept})
        for each in said["statuses"]:
            self.components[each["id"]]["status"] = each["status"]


_UPPER = ("INVESTIGATING", "IDENTIFIED", "MONITORING", "RESOLVED")
_STAGES = {"NOTSTARTEDYET", "INPROGRESS", "COMPLETED"}


def _instatus(why: str) -> Refused:
    return Refused(400, {"error": {"code": "bad_request", "message": why}})


# incident.io


class IncidentIoServer(StandIn):
    """[incident.io]. The page is `01PAGE`."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: dict[str, list[dict[str, Any]]] = {"incident": [], "maintenance": []}
        self.names = {"01API": "API", "01WEB": "Website"}
        self._answers: dict[str, Any] = {}

    def check(self, asked: Asked) -> None:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, {"type": "authentication_error", "status": 401, "errors": [{"code": "invalid_authorization_material"}]})

    def answer(self, asked: Asked, parts: list[str]) -> tuple[int, Any]:
        match asked.method, parts:
            case "GET", ["v2", "status_page_structures", "01PAGE"]:
                api, web = ({"component_id": ident, "name": name} for ident, name in self.names.items())
                group = {"id": "01G", "name": "All", "components": [web]}
                below = {"id": "01S", "name": "EU", "items": [{"group": group}, {"component": api}]}
                return 200, {"current_structure": {"items": [{"component": api}, {"sub_page": below}]}}
            case "GET", ["v2", "status_page_incidents" | "status_page_maintenances" as kind]:
                return 200, self._list(kind, asked.query)
            case "GET", ["v2", "status_page_incidents" | "status_page_maintenances" as kind, ident]:
                return 200, {kind[:-1]: self._of(kind[12:-1], ident)}
            case "POST", ["v2", "status_page_incidents" | "status_page_maintenances" as kind]:
                return 201, self._create(kind[12:-1], asked.body)
            case "POST", ["v2", "status_page_incident_updates" | "status_page_maintenance_updates" as kind]:
                return 201, self._update(kind[12:-8], asked.body)
        raise Refused(404, {"type": "not_found", "status": 404, "errors": []})

    def _list(self, kind: str, query: Mapping[str, str]) -> dict[str, Any]:
        if query.get("status_page_id") != "01PAGE" or not 1 <= int(query.get("page_size", 25)) <= 250:
            raise _incident_io("status_page_id is required, page_size is 250 at most")
        items = list(reversed(self.posts[kind[12:-1]]))
        begin = next((place + 1 for place, each in enumerate(items) if each["id"] == query.get("after")), 0)
        size = int(query.get("page_size", 25))
        part = items[begin : begin + size]
        return {kind: part, "pagination_meta": {"page_size": size, **({"after": part[-1]["id"]} if begin + size < len(items) else {})}}

    def _create(self, kind: str, body: Any) -> Any:
        required: dict[str, Any] = {
            "idempotency_key": up_to(500), "name": up_to(200), "status_page_id": {"01PAGE"}, "message": up_to(4096), "notify_subscribers": bool,
        }  # fmt: skip
        if kind == "maintenance":
            required |= {"start_at": _is_time, "end_at": _is_time, "maintenance_status": _IO_STAGES}
            required["affected_component_ids"] = lambda value: set(value) <= set(self.names)
            optional: dict[str, Any] = {}
        else:
            required |= {"incident_status": set(REALTIME)}
            optional = {"component_statuses": self._statuses(kind)}
        said = checked(body, required, optional, _incident_io)
        key = said["idempotency_key"]
        if key not in self._answers:  # "the original response will be returned"
            ident = f"01{kind[0].upper()}{len(self.posts[kind]) + 1}"
            post = {"id": ident, "name": said["name"], "status_page_id": "01PAGE", "updates": [], f"{kind}_status": ""}
            self.posts[kind].append(post)
            self._say(kind, post, said)
            self._answers[key] = copy.deepcopy({f"status_page_{kind}": post})
        return self._answers[key]

    def _update(self, kind: str, body: Any) -> Any:
        states = set(REALTIME) if kind == "incident" else _IO_STAGES
        said = checked(
            body, {f"status_page_{kind}_id": str, "message": up_to(4096), "notify_subscribers": bool},
            {f"{kind}_status": states, "component_statuses": self._statuses(kind)}, _incident_io,
        )  # fmt: skip
        if said.get(f"{kind}_status") in _IO_OVER and "component_statuses" in said:
            raise _incident_io("component_statuses must not be set when it is over")
        post = self._of(kind, said[f"status_page_{kind}_id"])
        self._say(kind, post, said)
        return {f"status_page_{kind}_update": post["updates"][-1]}

    def _say(self, kind: str, post: dict[str, Any], said: dict[str, Any]) -> None:
        post[f"{kind}_status"] = said.get(f"{kind}_status", post[f"{kind}_status"])
        over = post[f"{kind}_status"] in _IO_OVER
        states = [{"component_id": ident, "component_status": "operational"} for ident in self.names] if over else said.get("component_statuses", [])
        post["updates"].append({
            "id": f"u{len(post['updates'])}", f"{kind}_status": post[f"{kind}_status"], "message": said["message"], "published_at": self.stamp(),
            "component_statuses": states, "notified": said["notify_subscribers"],
        })  # fmt: skip

    def _statuses(self, kind: str) -> Callable[[Any], bool]:
        known = {"degraded_performance", "partial_outage", "full_outage"} if kind == "incident" else {"under_maintenance"}
        return lambda value: all(
            set(each) == {"component_id", "component_status"}
            and each["component_id"] in self.names
            and each["component_status"] in {"operational", *known}
            for each in value
        )

    def _of(self, kind: str, ident: str) -> dict[str, Any]:
        for each in self.posts[kind]:
            if each["id"] == ident:
                return each
        raise Refused(404, {"type": "not_found", "status": 404, "errors": []})


_IO_STAGES = {"maintenance_scheduled", "maintenance_in_progress", "maintenance_complete"}
_IO_OVER = {"resolved", "maintenance_complete"}


def _incident_io(why: str) -> Refused:
    return Refused(422, {"type": "validation_error", "status": 422, "errors": [{"code": "invalid", "message": why}]})
