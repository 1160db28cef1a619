# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starts, kills and questions the stand-in servers from tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_DEADLINE = 240.0
"""Seconds until it hangs; see sites.SOON."""
_LONGEST = 3600
"""Seconds after which a server ends that nobody has ended: more than a test of many runs takes on a busy machine."""


class RocketChat:
    """A Rocket.Chat stand-in that keeps its state in `folder` and its port over restarts. As a context it runs, and ends its process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._ready, self._state, self._log = folder / "ready", folder / "state.json", folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    # The process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and wait until it listens. A second start, while it runs, is an error of the test."""
        assert self._process is None or self._process.poll() is not None, "the server runs already"
        self._ready.unlink(missing_ok=True)
        command = [sys.executable, str(Path(__file__).with_name("rocketchat.py")), "--port", str(self.port)]
        command += ["--ready-file", str(self._ready), "--state-file", str(self._state), "--max-seconds", str(_LONGEST)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + _DEADLINE
        while not self._ready.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"the server does not start: {self._log.read_text()}")
            time.sleep(0.005)
        self.port = int(self._ready.read_text())

    def kill(self) -> None:
        """End it as a crash does: SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_DEADLINE)
            self._process = None

    def stop(self) -> None:
        """End it politely, and at the latest by force."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_DEADLINE)
            finally:
                self.kill()

    def restart(self) -> None:
        """Kill it if it runs, and start it again: same port, same messages, settings as at first."""
        self.kill()
        self.start()

    def wait_until_dead(self) -> int:
        """Its exit status, once `die_after_store` has ended it."""
        assert self._process is not None, "the server does not run"
        return self._process.wait(_DEADLINE)

    # What it does and knows

    def control(self, **settings: Any) -> None:
        """Set fields of `servers.rocketchat.Settings`."""
        self._ask("_control", json.dumps(settings).encode())

    def person(self, user: str, **does: str) -> None:
        """Somebody writes `text` in `room` (in the thread `tmid`), puts `emoji` under `message`, makes another `text` of it, or takes another name
        (`rename`). `more` is JSON of what else a new message has."""
        self._ask("_person", json.dumps({"user": user, **does}).encode())

    def admin(self, room: str, **does: Any) -> None:
        """An admin sets fields of a room (`archived`, `ro`, `muted`, `name`, `members`, `private`), or deletes it (`gone=True`)."""
        self._ask("_admin", json.dumps({"room": room, **does}).encode())

    def moderate(self, message: str, text: str | None = None) -> None:
        """An admin gives a message another text, or without one deletes it."""
        self._ask("_admin", json.dumps({"message": message, "text": text}).encode())

    def state(self) -> dict[str, Any]:
        return self._ask("_state")

    def calls(self, route: str = "") -> list[dict[str, Any]]:
        """The calls since the start, in order; those of one route, where one is named."""
        calls: list[dict[str, Any]] = self.state()["calls"]
        return [call for call in calls if route in {"", call["route"]}]

    def wait_for_call(self, route: str) -> None:
        """Returns once a call of the route has come in, answered or not."""
        end = time.monotonic() + _DEADLINE
        while not self.calls(route):
            assert time.monotonic() < end, f"no call of {route}"
            time.sleep(0.005)

    def room(self, name: str) -> dict[str, Any]:
        """The room as it is stored; KeyError where there is none."""
        rooms: dict[str, dict[str, Any]] = {room["name"]: room for room in self.state()["rooms"]}
        return rooms[name]

    def messages(self, room_name: str) -> list[dict[str, Any]]:
        """All messages of the room, replies too, in the order they were stored."""
        messages: list[dict[str, Any]] = self.room(room_name)["messages"]
        return messages

    def thread(self, room_name: str, root_id: str) -> list[dict[str, Any]]:
        """The replies to one message, in order."""
        return [message for message in self.messages(room_name) if message.get("tmid") == root_id]

    def environment(self) -> dict[str, str]:
        """What a process of ours needs to use the server."""
        return {"ROCKETCHAT_URL": self.url, "ROCKETCHAT_USER_ID": "bot-id", "ROCKETCHAT_TOKEN": "bot-token"}

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.url}/{path}", body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=_DEADLINE) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
        return found
