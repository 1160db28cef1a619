# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds a delivery from the journal, chat and the configuration."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.moment import skewed
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError, JournalError, OncallError
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_delivery import Delivery, Patience
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_messages import Settings
from ansible_collections.incident.response.plugins.plugin_utils import _config

_QUICK = 3.0
"""Seconds that each on-call source has to answer a delivery."""


class Deliverer:
    """A delivery with its own connections to journal and chat. `connection` comes from `connect.options`. `patience` is kept across deliveries."""

    TROUBLE = (ChatError, OSError, JournalError, ValueError, TypeError, KeyError)

    def __init__(self, folder: Path, connection: dict[str, Any], patience: Patience, timeout: float = 10) -> None:
        self.notes: list[str] = []
        settings = self._settings(folder, str(connection["url"]))
        self._journal = open_journal(folder)
        self._chat = RocketChat.of(connection, timeout=timeout)
        self._delivery = Delivery(self._journal, self._chat, settings, time.monotonic, patience)
        self._delivery.notes = self.notes

    def _settings(self, folder: Path, url: str) -> Settings:
        try:
            config = _config.load(_config.find())
        except _config.ConfigError as error:
            self.notes.append(f"the defaults are used: {error}")
            return Settings(base_url=url.rstrip("/"), on_call=_unreadable)
        section = config["oncall"]
        known = bool(section["sources"] or (section.get("schedule") or {}).get("layers"))
        runbooks = {name: entry["runbook"] for name, entry in config["services"].items() if "runbook" in entry}
        return Settings(
            config["channels"]["incidents"], config["oncall"]["team"], url.rstrip("/"), security_channel=config["channels"]["security"],
            notify={severity: each["notify"] for severity, each in config["severities"].items()}, links=_config.links(config), runbooks=runbooks,
            on_call=partial(_on_call, section, folder) if known else None,
        )  # fmt: skip

    def step(self, *, all_now: bool) -> bool:
        """Deliver all due messages. Returns whether messages remain that can be delivered without a person's help. Raises one of TROUBLE."""
        return self._delivery.step(all_now=all_now)

    @property
    def clock(self) -> str:
        """The problem with this machine's clock, compared with the server's clock; empty if there is none."""
        return skewed(self._chat.skew)

    def __enter__(self) -> Deliverer:
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()
        self._chat.close()


def _on_call(section: Mapping[str, Any], folder: Path) -> list[str]:
    """The user names of the first level that is on call now. Sources have little time: an opened incident waits for them. Raises OncallError."""
    from ansible_collections.incident.response.plugins.plugin_utils import _options
    from ansible_collections.incident.response.plugins.plugin_utils._wiring import oncall  # slow, and not needed without a schedule

    answer = oncall.first_level({**section, "timeout": min(float(section["timeout"]), _QUICK)}, folder, _options.of_environment())
    if answer.as_of:
        raise OncallError(f"{'; '.join(answer.problems)}; the last known answer is of {answer.as_of}")
    return [each["username"] for each in answer.oncall if each["username"]]


def _unreadable() -> list[str]:
    raise OncallError("the configuration has mistakes")
