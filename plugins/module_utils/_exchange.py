# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HTTP request and its answer. Time and size are limited as a whole: connecting, encryption, headers, content."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

try:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
    from urllib3.connection import HTTPConnection, HTTPSConnection
except ImportError:  # the caller reports a missing requests first, and makes no call
    requests = SimpleNamespace(RequestException=Exception)  # type: ignore[assignment]
    HTTPAdapter = HTTPConnectionPool = HTTPSConnectionPool = PoolManager = object  # type: ignore[assignment,misc]
    ProxyManager = HTTPConnection = HTTPSConnection = object  # type: ignore[assignment,misc]

from ._core import shape
from ._limit import LARGEST, Limit

_CONNECT = 3.0
_now = threading.local()
_REASON = re.compile(r"\[Errno -?\d+\] ([^'\")\]]+)|(Remote end closed connection without response|certificate verify failed: [^(\n]*[^(\s])")


class TooMuch(requests.RequestException):
    """The complete answer did not arrive in time, or was too large. The text begins with a verb."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `encoding` comes from its headers; None if they don't name one."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    encoding: str | None

    def text(self) -> str:
        return shape.text_of(self.content, self.encoding)

    def json(self) -> Any:
        """Raises shape.Odd."""
        return shape.parsed(self.content, self.encoding)


def reason(error: Exception) -> str:
    """The reason why no answer came, in the words of the system, without a library's class names."""
    found = _REASON.search(str(error))
    words = next(filter(None, found.groups())) if found else ""
    return words[:1].lower() + words[1:] if words else str(error)


class Exchange:
    """One persistent connection. It does not follow redirects."""

    def __init__(self, headers: Mapping[str, str], *, verify: bool | str = True, auth: tuple[str, str] | None = None) -> None:
        self._session = requests.Session()
        self._session.verify, self._session.auth = verify, auth
        self._session.headers.update(headers)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter())

    def ask(self, method: str, url: str, *, within: float, query: Mapping[str, Any] | None = None, body: Any = None) -> Answer:
        """The answer, with any status. Raises requests.RequestException (TooMuch after `within` seconds), ValueError."""
        slow = f"takes longer than {within:g} s to answer"
        with Limit(within) as limit:
            _now.limit = limit
            try:
                answer = self._asked(method, url, within, query, body)
            except (requests.RequestException, ValueError):
                if limit.over:
                    raise TooMuch(slow) from None
                raise
            finally:
                _now.limit = None
        if limit.over:  # a connection that is cut looks like the end of an answer that doesn't say its length
            raise TooMuch(slow)
        return answer

    def close(self) -> None:
        self._session.close()

    def _asked(self, method: str, url: str, within: float, query: Mapping[str, Any] | None, body: Any) -> Answer:
        with self._session.request(
            method, url, params=query, json=body, timeout=(min(_CONNECT, within), within), stream=True, allow_redirects=False
        ) as answer:  # fmt: skip
            content = bytearray()
            for piece in answer.iter_content(65536):
                content += piece
                if len(content) > LARGEST:
                    raise TooMuch(f"answered with more than {LARGEST // 1_000_000} MB")
            told = "charset" in answer.headers.get("Content-Type", "").lower()  # otherwise it is a guess
            return Answer(answer.status_code, answer.headers, bytes(content), answer.encoding if told else None)


class _Watched:
    """A connection that is registered with the limit of its exchange."""

    def connect(self) -> None:
        _watch(self)
        super().connect()  # type: ignore[misc]

    def request(self, *arguments: Any, **more: Any) -> None:
        _watch(self)
        super().request(*arguments, **more)  # type: ignore[misc]


def _watch(connection: Any) -> None:
    limit = getattr(_now, "limit", None)
    if limit:
        limit.watch(connection)


class _Plain(_Watched, HTTPConnection):
    pass


class _Secure(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        super().init_poolmanager(*arguments, **more)
        _watching(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **more: Any) -> Any:
        return _watching(super().proxy_manager_for(*arguments, **more))


def _watching(manager: PoolManager) -> PoolManager:
    if type(manager) in {PoolManager, ProxyManager}:  # a SOCKS manager has its own connections
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    return manager
