# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for the API of an on-call provider. It answers what a contract allows, and refuses every other request, as the real one does."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from servers.loopback import Loopback


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Contract:
    """What a request has to be, exactly but for what `query` says None of, and what is answered: in turn, the last again and again."""

    method: str
    path: str
    query: dict[str, str | None]
    headers: dict[str, str]
    answers: list[Any]
    body: dict[str, Any] | None = None
    paths: dict[str, list[Any]] = field(default_factory=dict)
    """Answers of other paths."""

    def refusal(self, asked: Asked) -> str:
        """Why the request breaks the contract; empty where it doesn't."""
        if asked.method != self.method:
            return f"method {asked.method}"
        if asked.path != self.path and asked.path not in self.paths:
            return f"path {asked.path}"
        if set(asked.query) != set(self.query):
            return f"query {sorted(asked.query)}"
        wrong = {name: asked.query[name] for name, wanted in self.query.items() if wanted is not None and asked.query[name] != wanted}
        wrong |= {name: asked.headers.get(name, "") for name, wanted in self.headers.items() if asked.headers.get(name) != wanted}
        if self.body is not None and (not isinstance(asked.body, dict) or asked.body != self.body):
            wrong["body"] = str(asked.body)
        return f"wrong {wrong}" if wrong else ""


class Provider(Loopback):
    """Runs while it is a context. `asked` are the requests that kept the contract, `broken` what was wrong with the others."""

    def __init__(self, contract: Contract | Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.asked: list[Asked] = []
        self.broken: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not isinstance(contract, Contract):
                    with suppress(ConnectionError):  # whoever asked has had enough
                        contract(self)
                    return
                split = urlsplit(self.path)
                text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                query = dict(parse_qsl(split.query, keep_blank_values=True))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, split.path, query, headers, json.loads(text or b"null"))
                why = contract.refusal(asked)
                if why:
                    provider.broken.append(why)
                    self._answer(400, {"error": why})
                    return
                before = len([each for each in provider.asked if each.path == asked.path])
                provider.asked.append(asked)
                answers = contract.paths.get(asked.path, contract.answers)
                self._answer(200, answers[min(before, len(answers) - 1)])

            do_POST = do_GET

            def _answer(self, code: int, body: Any) -> None:
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "text/calendar; charset=utf-8" if isinstance(body, str) else "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        super().__init__(server)
