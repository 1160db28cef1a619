# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The meaning of a provider's error for a retry."""

from __future__ import annotations

from .._http import HttpError
from .._ports import StatusPageError

PATIENCE = 60.0
"""Seconds until the next try, if a provider limits calls without a time."""
_LATER = {0, 408, 425}
"""No answer, or a temporary error."""


class Limited(StatusPageError):
    """Too many calls: the call was not carried out. `asked` is the provider's waiting time in seconds; None if unknown."""

    def __init__(self, text: str, asked: float | None) -> None:
        super().__init__(text, retry_after=PATIENCE if asked is None else asked)
        self.asked = asked


def refused(error: HttpError) -> StatusPageError:
    """The failure as StatusPageError. A failure that only a person can fix is lasting."""
    if error.code in {420, 429}:
        return Limited(str(error), error.retry_after)
    later = error.code in _LATER or error.code >= 500
    return StatusPageError(str(error), retry_after=error.retry_after if later else None, lasting=not later)


def lasting(text: str) -> StatusPageError:
    """A failure that stays until a person does something."""
    return StatusPageError(text, lasting=True)
