# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The topic of a channel, as the last resort: `On-call: @ada, backup: @grace`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .._core.oncall import Duty, Named
from .._ports import Chat, ChatError, OncallError

PATTERN = r"@([\w.-]*\w)"


class ChatTopic:
    """`settings`: channel; pattern, whose first group is a name in chat. Each match is one level, in the order of the topic."""

    def __init__(self, name: str, settings: Mapping[str, Any], chat: Chat) -> None:
        self.name, self._chat = name, chat
        self._channel, self._pattern = settings["channel"], re.compile(settings.get("pattern", PATTERN))

    def on_call(self, when: datetime) -> list[Duty]:
        try:
            room = self._chat.room(self._channel)
        except ChatError as error:
            raise OncallError(str(error)) from None
        if room is None:
            raise OncallError(f"there is no channel #{self._channel}")
        found = [Duty(level, "topic", Named(username=each[1])) for level, each in enumerate(self._pattern.finditer(room.topic), start=1)]
        if not found:
            raise OncallError(f"the topic of #{self._channel} names nobody")
        return found
