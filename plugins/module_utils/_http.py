# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls to JSON APIs, limited in time and size. Every failure has a message that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

try:
    import requests

    from ._exchange import Exchange, TooMuch, reason
except ImportError:
    requests = None  # type: ignore[assignment]

from . import _gate
from ._core import shape
from ._core.redact import cut
from ._libraries import complaint

if TYPE_CHECKING:
    from ._exchange import Answer


class HttpError(Exception):
    """There is no usable answer. The text is the reason. `code` is the status, 0 without one; `retry_after` is in seconds, if the server sends it."""

    def __init__(self, text: str, code: int = 0, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.code, self.retry_after = code, retry_after


class OddAnswer(HttpError):
    """An answer that is no JSON."""


class Api:
    """One connection to `url`. `secrets` are masked in every message. `timeout` is the limit of a whole answer in seconds. Of a `secret_url` only the
    host is shown, and texts that may repeat it are not shown."""

    def __init__(
        self, url: str, headers: Mapping[str, str], *, auth: tuple[str, str] | None = None, secrets: tuple[str, ...] = (), timeout: float = 5,
        secret_url: bool = False,
    ) -> None:  # fmt: skip
        self.url, self._secrets, self._timeout = url.rstrip("/"), secrets, timeout
        self._quiet, self._shown = secret_url, urlsplit(url).hostname or "its address" if secret_url else url.rstrip("/")
        if requests is None:
            raise HttpError(complaint(f"asking {self._shown}", "requests"))
        _gate.learn(secrets)
        self._exchange = Exchange({"Accept": "application/json", **headers}, auth=auth)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The object that it answers with. Raises HttpError."""
        return self._object(self._asked("GET", path, query, None))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The object that it answers with. Raises HttpError."""
        return self._object(self._asked("POST", path, None, body))

    def value(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON value of the answer; None for an empty answer. Raises HttpError."""
        answer = self._asked(method, path, query, body)
        return self._json(answer) if answer.content.strip() else None

    def text(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None) -> str:
        """The raw answer. Raises HttpError."""
        return self._asked(method, path, query, body).text()

    def _asked(self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None) -> Answer:
        try:
            answer = self._exchange.ask(method, f"{self.url}{path}", within=self._timeout, query=query, body=_gate.clean_data(body, self._secrets))
        except (requests.exceptions.InvalidHeader, UnicodeError):
            raise HttpError("the token has characters that can't be sent (a line break at its end?)") from None
        except TooMuch as error:
            raise HttpError(f"{self._shown} {error}") from None
        except (requests.RequestException, ValueError) as error:
            raise HttpError(f"{self._shown} can't be reached: {type(error).__name__ if self._quiet else self._safe(reason(error))}") from None
        if 200 <= answer.status < 300:
            return answer
        why = "" if self._quiet else self._reason(answer.text())
        raise HttpError(f"{self._shown} {_meaning(answer.status)}{why}", answer.status, _seconds(answer.headers.get("Retry-After", "")))

    def _json(self, answer: Answer) -> Any:
        try:
            return answer.json()
        except shape.Odd as error:
            raise OddAnswer(f"{self._shown} answered with {error}: is this the address of its API?") from None

    def _object(self, answer: Answer) -> dict[str, Any]:
        found = self._json(answer)
        if not isinstance(found, dict):
            raise HttpError(f"{self._shown} answered with something that is no object")
        return found

    def _reason(self, text: str) -> str:
        """The server's own message, if it is short and no HTML page."""
        words = " ".join(text.split())
        return f": {cut(self._safe(words), 200)}" if words and not words.startswith("<") else ""

    def _safe(self, words: object) -> str:
        return _gate.clean(words, guess=True)


def _meaning(code: int) -> str:
    match code:
        case 401 | 403:
            return f"does not accept the token ({code})"
        case 404:
            return "does not know what was asked for (404)"
        case 420 | 429:
            return f"says that there were too many questions ({code})"
        case _ if 300 <= code < 400:
            return f"sends elsewhere ({code}): give the address where it is"
        case _:
            return f"answered with {code}"


def _seconds(text: str) -> float | None:
    """The seconds in a Retry-After header, clamped. A date is ignored."""
    try:
        return min(max(0.0, float(text)), 300.0)
    except ValueError:
        return None
