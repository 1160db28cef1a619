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
author: Contributors to incident.response (@incident-response)
options:
  state_dir:
    description: Folder of spool and journal. Defaults to C($XDG_STATE_HOME/incident-response).
    type: str
    default: ""
    env: [{name: INCIDENT_STATE_DIR}]
    ini: [{section: incident_response, key: state_dir}]
  journal:
    description: Where the journal is, as C(sqlite:///journal.db), relative to the state folder.
    type: str
    default: ""
    env: [{name: INCIDENT_JOURNAL}]
    ini: [{section: incident_response, key: journal}]
  journal_key_file:
    description: The file of the key that seals the entries; made at first use. Defaults to C(journal.key) in the state folder.
    type: str
    default: ""
    env: [{name: INCIDENT_JOURNAL_KEY_FILE}]
    ini: [{section: incident_response, key: journal_key_file}]
  config:
    description: The configuration file, C(incident-response.yml).
    type: str
    default: ""
    env: [{name: INCIDENT_CONFIG}]
    ini: [{section: incident_response, key: config}]
  rocketchat_url:
    description: Address of the Rocket.Chat server. Nothing is sent to chat where it is empty.
    type: str
    default: ""
    env: [{name: ROCKETCHAT_URL}]
    ini: [{section: incident_response, key: rocketchat_url}]
  rocketchat_user_id:
    description: User id of the bot.
    type: str
    default: ""
    env: [{name: ROCKETCHAT_USER_ID}]
    ini: [{section: incident_response, key: rocketchat_user_id}]
  rocketchat_token:
    description: Personal access token of the bot.
    type: str
    default: ""
    env: [{name: ROCKETCHAT_TOKEN}]
    ini: [{section: incident_response, key: rocketchat_token}]
  rocketchat_validate_certs:
    description: Whether to check the certificate of the server.
    type: str
    default: ""
    env: [{name: ROCKETCHAT_VALIDATE_CERTS}]
    ini: [{section: incident_response, key: rocketchat_validate_certs}]
  rocketchat_ca_path:
    description: File of the authorities to check the certificate with.
    type: str
    default: ""
    env: [{name: ROCKETCHAT_CA_PATH}]
    ini: [{section: incident_response, key: rocketchat_ca_path}]
  incident:
    description: Attach to this incident.
    type: str
    default: ""
    env: [{name: INCIDENT_ID}]
    ini: [{section: incident_response, key: incident}]
  drain_timeout:
    description:
      - Seconds to wait at the end of a run until the timeline is in the journal and in chat. What is left is carried on in the background.
      - By default 2, and 30 in a container that ends with the play.
    type: str
    default: ""
    env: [{name: INCIDENT_DRAIN_TIMEOUT}]
    ini: [{section: incident_response, key: drain_timeout}]
"""

import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible_collections.incident.response.plugins.module_utils._core import drill
from ansible_collections.incident.response.plugins.module_utils._core.drill import Drill
from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict, worst
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._state import state_dir, state_path
from ansible_collections.incident.response.plugins.plugin_utils import _options, _run
from ansible_collections.incident.response.plugins.plugin_utils._origin import origin
from ansible_collections.incident.response.plugins.plugin_utils._secrets import secret_values
from ansible_collections.incident.response.plugins.plugin_utils._spool import Spool, encoded, start_courier, status_file, to_json, wait

_TELLING = {"incident.response.action_approve", "incident.response.action_plan", "incident.response.action_verdict"}
"""Actions of ours whose result says what belongs on the timeline."""
_HIDDEN = "a task that is not logged (no_log)"
_TEXT = 500
_EVIDENCE = 3000
_DRAIN = 2.0
_DRAIN_IN_CONTAINER = 30.0


def _will_be_rescued(task: Any) -> bool:
    """Whether a failure of the task is met by the rescue of a block round it."""
    child, block = task, task._parent
    while block is not None:
        if getattr(block, "rescue", None) and any(each._uuid == child._uuid for each in block.block):
            return True
        child, block = block, block._parent
    return False


def _container_ends_with_the_play() -> bool:
    try:
        return b"ansible" in Path("/proc/1/cmdline").read_bytes()
    except OSError:
        return False


class CallbackModule(CallbackBase):
    """Ansible's hooks become spool lines. Nothing here waits for anything but the last line of the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "incident.response.incident_timeline"
    CALLBACK_NEEDS_ENABLED = True

    _spool: Spool
    """There from the start of a run on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_run = False
        self._folder = Path()
        self._play: Any = None
        self._playbook_dir = ""
        self._recording = False
        self._check = False
        self._started: dict[tuple[str, str], tuple[float, str]] = {}
        self._names: dict[str, tuple[str, str]] = {}
        self._handlers: set[str] = set()
        self._templated: set[str] = set()
        self._verdicts: list[Verdict] = []
        self._planned: dict[str, Any] = {}
        self._undoable = False
        self._failed: list[str] = []
        self._evidence: list[str] = []
        self._problems: list[str] = []
        self._announced = 0
        self._settings: dict[str, Any] = {}
        self._begun = 0.0

    def _guarded(self, step: Any, *args: Any) -> None:
        """A broken recorder never stops the action: it says so, loudly, and the play goes on."""
        try:
            step(*args)
        except Exception as error:
            self._degraded(error)

    def _degraded(self, problem: str | Exception) -> None:
        if isinstance(problem, Exception):
            problem = f"{type(problem).__name__}: {redact(str(problem))}"
        self._display.warning(f"incident.response: RECORDING IS DEGRADED: {problem}")

    # Hooks

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._playbook_dir = str(getattr(playbook, "_basedir", "") or ".")

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._guarded(self._play_start, play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if self._recording:
            self._guarded(self._name, task)  # before the fork: afterwards each page that is written to is copied first

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        if self._recording:
            self._handlers.add(task._uuid)

    def v2_playbook_on_notify(self, handler: Any, host: Any) -> None:
        if self._recording:
            self._guarded(self._notified, handler, host)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if self._recording:
            self._guarded(self._begins, host, task)

    def v2_runner_on_ok(self, result: Any) -> None:
        if self._recording:
            self._passed(result, "changed" if result.is_changed() else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if self._recording:
            self._guarded(self._failure, result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        if self._recording:
            self._guarded(self._outcome, result, "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        if self._recording:
            self._passed(result, "skipped")

    def v2_runner_retry(self, result: Any) -> None:
        if self._recording:
            self._guarded(self._outcome, result, "retry")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self._in_run:
            self._guarded(self._end, stats)
            _run.end()

    # What they record

    def _play_start(self, play: Any) -> None:
        self._play, self._names = play, {}
        manager = play.get_variable_manager()
        self._recording = "incident_action" in play.get_vars() or "incident_action" in manager.extra_vars
        if self._recording and not self._in_run:
            self._begin(manager.get_vars(play=play), play.get_loader())

    def _begin(self, variables: dict[str, Any], loader: Any) -> None:
        templar = Templar(loader=loader, variables=variables)
        action = str(templar.template(variables["incident_action"]))
        service = str(templar.template(variables.get("incident_service", "")))
        self._settings = _options.settings()
        came = origin(variables, self._playbook_dir)
        kind = self._drill(templar.template(variables.get("drill", variables.get("incident_drill", ""))))
        self._check = bool(context.CLIARGS.get("check")) or boolean(templar.template(variables.get("plan", False)), strict=False)
        self._begun = time.monotonic()
        self._folder = self._state_folder()
        run = _run.begin(self._folder)
        self._spool = Spool(self._folder, run.name)
        self._in_run = True
        about = _run.start(
            run, came, variables, action=action, service=service, known=secret_values(variables), recorder="callback", check=self._check,
            chat=self._chat_is_configured(), incident=self._settings["incident"], drill=str(kind),
        )  # fmt: skip
        self._spool.append("run_started", sync=True, **about)
        shown = cut(redact(service), 200) or "no service"
        if kind:
            self._display.display(f"incident.response: THIS IS A DRILL{': nothing is changed' if kind is Drill.DRY else ''}", stderr=True)
        self._display.display(f"incident.response: recording {action} of {shown} (run {run.name})", stderr=True)
        try:
            start_courier(self._folder, run.name, _options.environment(self._settings))
        except OSError as error:
            self._problems.append(f"the courier can't be started: {error}")
        for problem in filter(None, (*self._problems, self._spool.problem)):
            self._degraded(problem)

    def _drill(self, given: Any) -> Drill:
        try:
            return drill.parse(given)
        except ValueError as error:  # the action itself is refused by action_begin
            self._problems.append(str(error))
            return Drill.NO

    def _state_folder(self) -> Path:
        configured = self._settings["state_dir"]
        try:
            return state_dir(configured)
        except OSError as error:
            self._problems.append(f"the state folder can't be made: {error}. Set INCIDENT_STATE_DIR to one that can")
            return state_path(configured)

    def _chat_is_configured(self) -> bool:
        try:
            return bool(_options.connection(self._settings))
        except connect.Misconfigured as error:
            self._problems.append(str(error))
            return False

    def _name(self, task: Any) -> tuple[str, str]:
        """What the timeline calls the task, and the fields of a spool's line that say so."""
        key = f"{task._uuid}{task.no_log}{task.name}"
        known = self._names.get(key)
        if known is None:
            name = _HIDDEN if task.no_log else cut(redact(task.name or task.action), _TEXT)
            known = self._names[key] = name, encoded(text=name, action=task.action)
            if not task.no_log and "{{" in str(getattr(task, "_ds", None) and task._ds.get("name", "")):
                self._templated.add(task._uuid)
        return known

    def _known_secrets(self, result: Any) -> set[str]:
        return secret_values(self._play.get_variable_manager().get_vars(play=self._play, host=result._host, task=result._task))

    def _begins(self, host: Any, task: Any) -> None:
        """A killed controller may have shown a result and not have recorded it yet: that the task began is known by then."""
        name, about = self._name(task)
        if task._uuid in self._templated:
            name = redact(name, secret_values(self._play.get_variable_manager().get_vars(play=self._play, host=host, task=task)))
            about = encoded(text=name, action=task.action)
        about += f',"host":{to_json(host.name)}'
        self._spool.append_encoded(f'"kind":"begun","at":{time.time()},{about}')
        self._announced += 1
        plain = task.action not in _TELLING and not isinstance(task.no_log, str) and task._uuid not in self._templated | self._handlers
        self._started[host.name, task._uuid] = time.monotonic(), about if plain else ""

    def _notified(self, handler: Any, host: Any) -> None:
        name = _HIDDEN if handler.no_log else cut(redact(handler.get_name()), _TEXT)
        self._spool.append("notified", at=utc(time.time()), text=f"Notified {name}", host=host.name)

    def _failure(self, result: Any, ignored: bool) -> None:
        state = "ignored" if ignored else "rescued" if _will_be_rescued(result._task) else "failed"
        self._outcome(result, state)

    def _passed(self, result: Any, state: str) -> None:
        """Most results say nothing that wasn't known when the task began.

        Since then a worker was forked, and each page that is written to, if only to count a reference, is copied first: so
        this touches as little as it can.
        """
        try:
            key = result._host.name, result._task._uuid
            begun, about = self._started.get(key, (0.0, ""))
            if about:
                del self._started[key]
                took, changed = int((time.monotonic() - begun) * 1000), "true" if state == "changed" else "false"
                self._spool.append_encoded(f'"kind":"task","at":{time.time()},{about},"state":"{state}","changed":{changed},"duration_ms":{took}')
            else:
                self._outcome(result, state)
        except Exception as error:
            self._degraded(error)

    def _outcome(self, result: Any, state: str) -> None:
        task, host = result._task, result._host.name
        (name, dummy), text = self._name(task), ""
        data: dict[str, Any] = {}
        if state in {"failed", "unreachable", "ignored", "rescued"}:
            name, text, data = self._failure_text(result, name)
        elif task._uuid in self._templated:
            name = redact(name, self._known_secrets(result))
        if state == "retry":
            text = f" (attempt {result._result.get('attempts', '?')})"
        if task._uuid in self._handlers:
            text = f" (handler){text}"
        if task.action in _TELLING:
            data |= self._told(result)
            if not text and result._result.get("words"):
                text = ": " + cut(redact(str(result._result["words"]), self._known_secrets(result)), _TEXT)
        key = host, task._uuid
        begun, dummy = self._started.get(key, (None, "")) if state == "retry" else self._started.pop(key, (None, ""))
        if state in {"failed", "unreachable"}:
            self._failed.append(f"{name} on {host}{cut(text, 200)}")
        self._spool.append(
            "task", sync=state in {"failed", "unreachable"} or task.action in _TELLING, at=time.time(), text=name + text, host=host,
            action=task.action, state=state, changed=state == "changed", data=data,
            duration_ms=None if begun is None else round((time.monotonic() - begun) * 1000),
        )  # fmt: skip

    def _failure_text(self, result: Any, name: str) -> tuple[str, str, dict[str, Any]]:
        """The task's name, and what a failure says, both without secrets. Nothing of what is not logged."""
        details = result._result
        if result._task.no_log or details.get("_ansible_no_log") or "censored" in details:
            return name, "", {}
        known = self._known_secrets(result)
        text = cut(redact(str(details.get("msg", "")), known), _TEXT)
        evidence = redact(cut(str(details.get("evidence") or ""), _EVIDENCE), known)
        if evidence:
            self._evidence.append(f"{result._host.name}:\n{evidence}")
        return redact(name, known), f": {text}" if text else "", {"evidence": evidence} if evidence else {}

    def _told(self, result: Any) -> dict[str, Any]:
        told: dict[str, Any] = result._result.get("timeline", {})
        if "verdict" in told:
            self._verdicts.append(Verdict(told["verdict"]))
            before = self._planned.get(result._host.name)
            self._undoable |= before is not None and told.get("left") != before
        if "plan" in told:
            self._planned = {host: each["before"] for host, each in told["plan"]["hosts"].items()}
        return told

    def _end(self, stats: Any) -> None:
        verdict, duration = worst(self._verdicts), time.monotonic() - self._begun
        if (stats.dark or stats.failures) and verdict is Verdict.WORKED:  # how a host that was lost, or not judged, was left, nobody knows
            verdict = Verdict.UNKNOWN
        failed = bool(self._failed or stats.failures or stats.dark) or bool(self._verdicts and verdict is not Verdict.WORKED)
        refused = failed and not any(stats.changed.values())
        nothing = "planned only, nothing was touched" if self._check else "nothing was changed" if refused else "nothing verified the outcome"
        outcome = f"verdict {verdict}" if self._verdicts else nothing
        where = f", failed at {'; '.join(self._failed[:3])}" if self._failed else ""
        self._spool.append(
            "run_ended", sync=True, at=utc(time.time()), state=str(verdict), duration_ms=round(duration * 1000),
            text=f"{'❌' if failed else '✅'} Ended after {duration:.1f} s: {outcome}{where}",
            data={"check": self._check, "failed": failed, "evidence": cut("\n".join(self._evidence), _EVIDENCE)},
        )  # fmt: skip
        answer = wait(self._folder, self._spool.run, self._spool.seq, self._drain())
        self._report(answer, outcome, duration)
        status_file(self._folder, self._spool.run).unlink(missing_ok=True)

    def _drain(self) -> float:
        return _options.drain(self._settings, _DRAIN_IN_CONTAINER if _container_ends_with_the_play() else _DRAIN)

    def _report(self, answer: dict[str, Any], outcome: str, duration: float) -> None:
        """The block that people read at the end of a run."""
        if not answer.get("carried"):
            name = "is not known yet: the courier is still carrying this run's entries to the journal"
        elif not answer.get("incident"):
            name = "none: a plan opens none"
        else:
            name = f"{answer['incident']} ({answer.get('status')})"
        lines = [f"incident.response: incident {name}", f"  {outcome}, {duration:.1f} s, {self._spool.seq - self._announced} entries recorded"]
        if self._undoable:
            lines.append(f"  to undo it, with the same inventory: ansible-playbook incident.response.undo -e action={self._spool.run}")
        if answer.get("url"):
            lines.append(f"  {answer['url']}")
        if answer.get("pending"):
            held = f" ({answer['chat_problem']})" if answer.get("chat_problem") else ""
            lines.append(f"  {answer['pending']} entries are not in chat yet{held}: the courier goes on; else the next run, or")
            lines.append("  ansible-playbook incident.response.deliver, brings them there")
        self._display.display("\n" + "\n".join(lines), stderr=True)
        for problem in filter(None, (answer.get("problem"), self._spool.problem)):
            self._degraded(f"{problem}. The spool keeps what it can; the next run carries it on")
        for line in self._spool.lost():
            self._degraded(f"could be written nowhere: {line}")
