# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a provider's refusal means for whoever would try again."""

from __future__ import annotations

from .._http import HttpError
from .._ports import StatusPageError

PATIENCE = 60.0
"""Seconds until the next try, where a provider wants fewer calls and does not say when."""
_LATER = {0, 408, 425}
"""No answer, or one that time may mend."""


class Limited(StatusPageError):
    """Too many calls: not done. `asked` is what the provider asks to wait, in seconds, None where it does not say."""

    def __init__(self, text: str, asked: float | None) -> None:
        super().__init__(text, retry_after=PATIENCE if asked is None else asked)
        self.asked = asked


def refused(error: HttpError) -> StatusPageError:
    """The same failure in the port's terms: what only a person can mend is lasting."""
    if error.code in {420, 429}:
        return Limited(str(error), error.retry_after)
    later = error.code in _LATER or error.code >= 500
    return StatusPageError(str(error), retry_after=error.retry_after if later else None, lasting=not later)


def lasting(text: str) -> StatusPageError:
    """A failure that stays until a person does something."""
    return StatusPageError(text, lasting=True)
