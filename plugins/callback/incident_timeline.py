# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: incident_timeline
type: notification
short_description: Records every emergency play on its incident's timeline
version_added: 0.1.0
description:
  - A play that sets the variable C(incident_action) opens or updates an incident, and everything it does is recorded.
  - Nothing that a task is given or prints is recorded, only its name, host, outcome and duration, and the message of a failure,
    cut and redacted.
author: contributors to incident.response
options:
  state_dir:
    description: Folder of spool and journal. Defaults to C($XDG_STATE_HOME/incident-response).
    type: str
    default: ""
    env: [{name: INCIDENT_STATE_DIR}]
    ini: [{section: incident_response, key: state_dir}]
  incident:
    description: Attach to this incident.
    type: str
    default: ""
    env: [{name: INCIDENT_ID}]
  drain_timeout:
    description: Seconds to wait at the end of a run until the timeline is in the journal.
    type: float
    default: 2
    env: [{name: INCIDENT_DRAIN_TIMEOUT}]
    ini: [{section: incident_response, key: drain_timeout}]
"""

import getpass
import os
import secrets
import socket
import time
from typing import Any

from ansible import context
from ansible.parsing.vault import AnsibleVaultError
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import SECRET_NAME, cut, redact
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict, worst
from ansible_collections.incident.response.plugins.module_utils._state import state_dir
from ansible_collections.incident.response.plugins.plugin_utils._spool import Spool, start_courier, wait

_RECORDED_ARGUMENTS = ("service", "host", "app", "version", "replicas", "incident", "severity", "title", "reason", "drill")
_HIDDEN = "a task that is not logged (no_log)"
_TEXT = 500


def _secret_values(variables: Any, depth: int = 0, known: bool = False) -> set[str]:
    """The values in `variables` whose name says that they are secrets."""
    if isinstance(variables, dict) and depth < 6:
        return set().union(
            *(_secret_values(value, depth + 1, known or bool(SECRET_NAME.search(str(name)))) for name, value in variables.items()
              if name not in {"hostvars", "groups", "vars", "ansible_facts"})
        )  # fmt: skip
    if isinstance(variables, (list, tuple)) and depth < 6:
        return set().union(*(_secret_values(value, depth + 1, known) for value in variables))
    vaulted = type(variables).__name__ in {"AnsibleVaultEncryptedUnicode", "EncryptedString", "_EncryptedString"}
    if not known and not vaulted and not _is_vaulted(variables):
        return set()
    try:
        value = str(variables)
    except AnsibleVaultError:
        return set()
    return {value} if len(value) > 3 and "{{" not in value else set()


def _is_vaulted(value: Any) -> bool:
    tags = getattr(value, "_ansible_tags_mapping", None) or {}
    return any(tag.__name__ == "VaultedValue" for tag in tags)


class CallbackModule(CallbackBase):
    """Ansible's hooks become spool lines. Nothing here waits for anything but the last line of the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "incident.response.incident_timeline"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._spool: Spool | None = None
        self._play: Any = None
        self._recording = False
        self._started: dict[tuple[str, str], float] = {}
        self._names: dict[str, str] = {}
        self._verdicts: list[Verdict] = []
        self._failed = ""
        self._begun = 0.0

    def _guarded(self, step: Any, *args: Any) -> None:
        """A broken recorder never stops the action: it says so, loudly, and the play goes on."""
        try:
            step(*args)
        except Exception as error:
            self._display.warning(f"incident.response: RECORDING IS DEGRADED: {type(error).__name__}: {error}")

    # Hooks

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._guarded(self._play_start, play)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if self._recording:
            self._started[host.name, task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        if self._recording:
            self._guarded(self._outcome, result, "changed" if result.is_changed() else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if self._recording:
            self._guarded(self._outcome, result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        if self._recording:
            self._guarded(self._outcome, result, "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        if self._recording:
            self._guarded(self._outcome, result, "skipped")

    def v2_runner_retry(self, result: Any) -> None:
        if self._recording:
            self._guarded(self._outcome, result, "retry")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self._spool:
            self._guarded(self._end, stats)

    # What they record

    def _play_start(self, play: Any) -> None:
        variables = play.get_variable_manager().get_vars(play=play)
        self._play, self._names = play, {}
        self._recording = "incident_action" in variables
        if not self._recording or self._spool:
            return
        templar = Templar(loader=play.get_loader(), variables=variables)
        action = str(templar.template(variables["incident_action"]))
        service = str(templar.template(variables.get("incident_service", "")))
        asked = {name: redact(cut(str(variables[name]), 200), _secret_values(variables)) for name in _RECORDED_ARGUMENTS if name in variables}
        person = not (os.environ.get("CI") or os.environ.get("JOB_ID") or "awx_job_id" in variables or "semaphore_vars" in variables
                      or "ansible_eda" in variables)  # fmt: skip
        user = str(variables.get("awx_user_name") or getpass.getuser())
        check = bool(context.CLIARGS.get("check"))
        folder = state_dir(self.get_option("state_dir"))
        run = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "-" + secrets.token_hex(4)
        self._begun = time.monotonic()
        self._folder, self._spool, self._check = folder, Spool(folder, run), check
        where = f"{socket.gethostname()}{' (check mode)' if check else ''}"
        shown = cut(redact(service), 200)
        self._spool.append(
            "run_started", sync=True, at=utc(time.time()), actor=user if person else f"automation:{user}", action=action,
            text=f"{action.capitalize()} of {shown} started by {user} from {where}",
            data={"service": shown, "incident": asked.get("incident") or self.get_option("incident"),
                  "title": asked.get("title", ""), "severity": asked.get("severity", ""),
                  "person": person, "check": check, "pid": os.getpid(), "arguments": asked},
        )  # fmt: skip
        start_courier(folder, run)
        self._display.display(f"incident.response: recording this run ({run})")
        if self._spool.problem:
            self._display.warning(f"incident.response: RECORDING IS DEGRADED: {self._spool.problem}")

    def _name(self, task: Any) -> str:
        if task.no_log:
            return _HIDDEN
        return self._names.setdefault(f"{task._uuid}{task.name}", cut(redact(task.name or task.action), _TEXT))

    def _outcome(self, result: Any, state: str) -> None:
        task, host = result._task, result._host.name
        failed = state in {"failed", "unreachable", "ignored"}
        text, name = "", self._name(task)
        if "{{" in str(getattr(task, "_ds", None) and task._ds.get("name", "")) or failed:
            secret = _secret_values(self._play.get_variable_manager().get_vars(play=self._play, host=result._host, task=task))
            name = redact(name, secret)
            details = result._result if failed else {}
            if failed and not task.no_log and not details.get("_ansible_no_log") and "censored" not in details:
                text = ": " + cut(redact(str(details.get("msg", "")), secret), _TEXT)
        if task.action == "incident.response.action_verdict" and "verdict" in result._result:
            self._verdicts.append(Verdict(result._result["verdict"]))
        begun = self._started.pop((host, task._uuid), None)
        if state in {"failed", "unreachable"}:
            self._failed = f"{name} on {host}"
        self._spool.append(
            "task", sync=failed, at=utc(time.time()), text=name + text, host=host, action=task.action, state=state, changed=state == "changed",
            duration_ms=None if begun is None else round((time.monotonic() - begun) * 1000),
        )  # fmt: skip

    def _end(self, stats: Any) -> None:
        spool, verdict = self._spool, worst(self._verdicts)
        duration = time.monotonic() - self._begun
        outcome = f"failed at {self._failed}" if self._failed else f"verdict {verdict}"
        spool.append("run_ended", sync=True, at=utc(time.time()), state=str(verdict), duration_ms=round(duration * 1000),
                     text=f"{'❌' if self._failed else '✅'} Ended after {duration:.1f} s: {outcome}", data={"check": self._check})  # fmt: skip
        answer = wait(self._folder, spool.run, spool.seq, float(self.get_option("drain_timeout")))
        name = answer.get("incident") or "not known yet: the courier is still carrying this run's entries to the journal"
        self._display.display(f"\nincident.response: incident {name}\n  verdict {verdict}, {duration:.1f} s, {spool.seq} entries recorded")
        for problem in filter(None, (answer.get("problem"), spool.problem)):
            self._display.warning(f"incident.response: RECORDING IS DEGRADED: {problem}. The spool keeps what it can; the next run carries it.")
        for line in spool.lost():
            self._display.warning(f"incident.response: could be written nowhere: {line}")
        (self._folder / "spool" / f"{spool.run}.status").unlink(missing_ok=True)
