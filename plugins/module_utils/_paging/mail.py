# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A mail to all called people, or to an address that turns mail into text messages."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.paging import Alert
from .._mail import Mailer, MailError
from .._ports import PageError


class Mail:
    """`to` are addresses; empty for the addresses of the called people."""

    def __init__(self, mailer: Mailer, to: Sequence[str] = ()) -> None:
        self._mailer, self._to = mailer, to

    def page(self, alert: Alert) -> None:
        to = [*self._to] or [each.email for each in alert.people if each.email]
        if not to:
            without = ", ".join(each.name for each in alert.people)
            raise PageError(f"oncall.people has no address for {without}" if without else "there is nobody to write to")
        lines = [alert.summary(), "", f"Status: {alert.status}", f"Opened: {alert.opened_at}", alert.url]
        try:
            self._mailer.send(to, f"[{alert.severity}] {alert.title} - {alert.name}", "\n".join(lines).strip() + "\n")
        except MailError as error:
            raise PageError(str(error)) from None
