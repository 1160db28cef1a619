# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Questions to the JSON APIs of others: bounded in time and size, and every failure in words that say what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

try:
    import requests
except ImportError:
    requests = None  # type: ignore[assignment]

from ._core.redact import cut, redact
from ._libraries import complaint

LARGEST = 5_000_000
"""Bytes of an answer that are read."""


class HttpError(Exception):
    """No answer that could be used, and why. `code` is the status, 0 without one; `retry_after` is in seconds, where the server says it."""

    def __init__(self, text: str, code: int = 0, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.code, self.retry_after = code, retry_after


class Api:
    """One connection to `url`. `secrets` are kept out of every message; `timeout` bounds a whole answer, in seconds.

    A `secret_url` is not shown, but for its host, and nor is what may repeat it.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], *, auth: tuple[str, str] | None = None, secrets: tuple[str, ...] = (), timeout: float = 5,
        secret_url: bool = False,
    ) -> None:  # fmt: skip
        self.url, self._secrets, self._timeout = url.rstrip("/"), secrets, timeout
        self._quiet, self._shown = secret_url, urlsplit(url).hostname or "its address" if secret_url else url.rstrip("/")
        if requests is None:
            raise HttpError(complaint(f"asking {self._shown}", "requests"))
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", **headers})
        self._session.auth = auth

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The object that it answers with. Raises HttpError."""
        return self._object(self.text("GET", path, query=query))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The object that it answers with. Raises HttpError."""
        return self._object(self.text("POST", path, body=body))

    def value(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None) -> Any:
        """Whatever JSON it answers with; None for an empty answer. Raises HttpError."""
        text = self.text(method, path, query=query, body=body)
        return self._json(text) if text.strip() else None

    def text(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None) -> str:
        """The answer as it is. Raises HttpError."""
        end = time.monotonic() + self._timeout
        try:
            with self._session.request(
                method, f"{self.url}{path}", params=query, json=body, timeout=(min(3.0, self._timeout), self._timeout), stream=True,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                content = self._content(answer, end)
                code, encoding, wait = answer.status_code, answer.encoding or "utf-8", answer.headers.get("Retry-After", "")
        except (requests.exceptions.InvalidHeader, UnicodeError):
            raise HttpError("the token has characters that can't be sent (a line break at its end?)") from None
        except (requests.RequestException, ValueError) as error:
            raise HttpError(f"{self._shown} can't be reached: {type(error).__name__ if self._quiet else self._safe(error)}") from None
        text = content.decode(encoding, errors="replace")
        if 200 <= code < 300:
            return text
        raise HttpError(f"{self._shown} {_meaning(code)}{'' if self._quiet else self._reason(text)}", code, _seconds(wait))

    def _content(self, answer: requests.Response, end: float) -> bytes:
        content = bytearray()
        for piece in answer.iter_content(65536):
            content += piece
            if len(content) > LARGEST:
                raise HttpError(f"{self._shown} answered with more than {LARGEST // 1_000_000} MB")
            if time.monotonic() > end:
                raise HttpError(f"{self._shown} takes longer than {self._timeout:.0f} s to answer")
        return bytes(content)

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise HttpError(f"{self._shown} answered with no JSON: is this the address of its API?") from None

    def _object(self, text: str) -> dict[str, Any]:
        found = self._json(text)
        if not isinstance(found, dict):
            raise HttpError(f"{self._shown} answered with something that is no object")
        return found

    def _reason(self, text: str) -> str:
        """Its own words, where they are short and no page."""
        words = " ".join(text.split())
        return f": {cut(self._safe(words), 200)}" if words and not words.startswith("<") else ""

    def _safe(self, words: object) -> str:
        return redact(str(words), self._secrets)


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
    """What a Retry-After header says, clamped; a date is as good as nothing."""
    try:
        return min(max(0.0, float(text)), 300.0)
    except ValueError:
        return None
