# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The recording of one run: what its tasks did becomes lines of its spool, and what they said decides how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict, worst
from ansible_collections.incident.response.plugins.plugin_utils._result import is_hidden, reason
from ansible_collections.incident.response.plugins.plugin_utils._run import Run
from ansible_collections.incident.response.plugins.plugin_utils._secrets import secret_values
from ansible_collections.incident.response.plugins.plugin_utils._spool import Spool, encoded, to_json

_TELLING = {"incident.response.action_approve", "incident.response.action_plan", "incident.response.action_verdict"}
"""Actions of ours whose result says what belongs on the timeline."""
_HIDDEN = "a task that is not logged (no_log)"
_TEXT = 500
_EVIDENCE = 3000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `seq` is the number of its last line; `lost` are the lines that could be written nowhere."""

    run: Run
    outcome: str
    seconds: float
    seq: int
    recorded: int
    undoable: bool
    problem: str
    lost: list[str]


class Recording:
    """Writes the lines of one run. Raises what Ansible's objects raise: the callback guards each call."""

    def __init__(self, run: Run, *, check: bool) -> None:
        self.run, self.spool = run, Spool(run.folder, run.name)
        self.handlers: set[str] = set()
        self._check = check
        self._play: Any = None
        self._begun = time.monotonic()
        self._started: dict[tuple[str, str], tuple[float, str]] = {}
        self._names: dict[str, tuple[str, str]] = {}
        self._templated: set[str] = set()
        self._announced = 0
        self._verdicts: list[Verdict] = []
        self._planned: dict[str, Any] = {}
        self._undoable = False
        self._failed: list[str] = []
        self._evidence: list[str] = []

    def play_start(self, play: Any) -> None:
        """What follows is done by this play."""
        self._play, self._names = play, {}

    def name(self, task: Any) -> tuple[str, str]:
        """What the timeline calls the task, and the fields of a spool's line that say so."""
        key = f"{task._uuid}{task.no_log}{task.name}"
        known = self._names.get(key)
        if known is None:
            name = _HIDDEN if task.no_log else cut(redact(task.name or task.action), _TEXT)
            known = self._names[key] = name, encoded(text=name, action=task.action)
            if not task.no_log and "{{" in str(getattr(task, "_ds", None) and task._ds.get("name", "")):
                self._templated.add(task._uuid)
        return known

    def begins(self, host: Any, task: Any) -> None:
        """A killed controller may have shown a result and not have recorded it yet: that the task began is known by then."""
        name, about = self.name(task)
        if task._uuid in self._templated:
            name = redact(name, secret_values(self._play.get_variable_manager().get_vars(play=self._play, host=host, task=task)))
            about = encoded(text=name, action=task.action)
        about += f',"host":{to_json(host.name)}'
        self.spool.append_encoded(f'"kind":"begun","at":{time.time()},{about}')
        self._announced += 1
        plain = task.action not in _TELLING and not isinstance(task.no_log, str) and task._uuid not in self._templated | self.handlers
        self._started[host.name, task._uuid] = time.monotonic(), about if plain else ""

    def notified(self, handler: Any, host: Any) -> None:
        """A task has asked for a handler, which runs at the end of the play."""
        name = _HIDDEN if handler.no_log else cut(redact(handler.get_name()), _TEXT)
        self.spool.append("notified", at=utc(time.time()), text=f"Notified {name}", host=host.name)

    def passed(self, result: Any, state: str) -> None:
        """Most results say nothing that wasn't known when the task began.

        Since then a worker was forked, and each page that is written to, if only to count a reference, is copied first: so
        this touches as little as it can.
        """
        key = result._host.name, result._task._uuid
        begun, about = self._started.get(key, (0.0, ""))
        if about:
            del self._started[key]
            took, changed = int((time.monotonic() - begun) * 1000), "true" if state == "changed" else "false"
            self.spool.append_encoded(f'"kind":"task","at":{time.time()},{about},"state":"{state}","changed":{changed},"duration_ms":{took}')
        else:
            self.outcome(result, state)

    def outcome(self, result: Any, state: str) -> None:
        """A result that says something of its own."""
        task, host = result._task, result._host.name
        (name, dummy), text = self.name(task), ""
        data: dict[str, Any] = {}
        if state in {"failed", "unreachable", "ignored", "rescued"}:
            name, text, data = self._failure_text(result, name)
        elif task._uuid in self._templated:
            name = redact(name, self._known_secrets(result))
        if state == "retry":
            text = f" (attempt {result._result.get('attempts', '?')})"
        if task._uuid in self.handlers:
            text = f" (handler){text}"
        if task.action in _TELLING:
            data |= self._told(result)
            if not text and result._result.get("words"):
                text = ": " + cut(redact(str(result._result["words"]), self._known_secrets(result)), _TEXT)
        key = host, task._uuid
        begun, dummy = self._started.get(key, (None, "")) if state == "retry" else self._started.pop(key, (None, ""))
        if state in {"failed", "unreachable"}:
            self._failed.append(f"{name} on {host}{cut(text, 200)}")
        self.spool.append(
            "task", sync=state in {"failed", "unreachable"} or task.action in _TELLING, at=time.time(), text=name + text, host=host,
            action=task.action, state=state, changed=state == "changed", data=data,
            duration_ms=None if begun is None else round((time.monotonic() - begun) * 1000),
        )  # fmt: skip

    def _known_secrets(self, result: Any) -> set[str]:
        return secret_values(self._play.get_variable_manager().get_vars(play=self._play, host=result._host, task=result._task))

    def _failure_text(self, result: Any, name: str) -> tuple[str, str, dict[str, Any]]:
        """The task's name, and what a failure says, both without secrets. Nothing of what is not logged."""
        if is_hidden(result._task, result._result):
            return name, "", {}
        known = self._known_secrets(result)
        why = reason(result._result, known)
        if why.evidence:
            self._evidence.append(f"{result._host.name}:\n{why.evidence}")
        return redact(name, known), f": {why.text}" if why.text else "", {"evidence": why.evidence} if why.evidence else {}

    def _told(self, result: Any) -> dict[str, Any]:
        told: dict[str, Any] = result._result.get("timeline", {})
        if "verdict" in told:
            self._verdicts.append(Verdict(told["verdict"]))
            before = self._planned.get(result._host.name)
            self._undoable |= before is not None and told.get("left") != before
        if "plan" in told:
            self._planned = {host: each["before"] for host, each in told["plan"]["hosts"].items()}
        return told

    def end(self, *, failures: bool, changed: bool) -> Ended:
        """Write the last line. `failures`: whether any host failed or was lost; `changed`: whether anything was changed."""
        verdict, duration = worst(self._verdicts), time.monotonic() - self._begun
        if failures and verdict is Verdict.WORKED:  # how a host that was lost, or not judged, was left, nobody knows
            verdict = Verdict.UNKNOWN
        failed = bool(self._failed or failures) or bool(self._verdicts and verdict is not Verdict.WORKED)
        nothing = "planned only, nothing was touched" if self._check else "nothing verified the outcome"
        if failed and not changed and not self._check:
            nothing = "nothing was changed"
        outcome = f"verdict {verdict}" if self._verdicts else nothing
        where = f", failed at {'; '.join(self._failed[:3])}" if self._failed else ""
        self.spool.append(
            "run_ended", sync=True, at=utc(time.time()), state=str(verdict), duration_ms=round(duration * 1000),
            text=f"{'❌' if failed else '✅'} Ended after {duration:.1f} s: {outcome}{where}",
            data={"check": self._check, "failed": failed, "evidence": cut("\n".join(self._evidence), _EVIDENCE)},
        )  # fmt: skip
        spool = self.spool
        return Ended(self.run, outcome, duration, spool.seq, spool.seq - self._announced, self._undoable, spool.problem, spool.lost())
