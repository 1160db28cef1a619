# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parses a provider's JSON. Each function is the one of `_core.shape`, but raises StatusPageError."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from .._core import shape
from .errors import lasting

_Asked = ParamSpec("_Asked")
_Read = TypeVar("_Read")


def _told(read: Callable[_Asked, _Read]) -> Callable[_Asked, _Read]:
    @wraps(read)
    def reading(*asked: _Asked.args, **more: _Asked.kwargs) -> _Read:
        try:
            return read(*asked, **more)
        except shape.Odd as error:
            raise lasting(
                f"the provider answered with JSON of another shape than documented: {error}. Is status_page.url the address of its API?"
            ) from None

    return reading


at = _told(shape.at)
entries = _told(shape.entries)
text = _told(shape.text)
words = _told(shape.words)
number = _told(shape.number)
ident = _told(shape.ident)
