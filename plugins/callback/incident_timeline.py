# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: incident_timeline
type: notification
short_description: Records every emergency play on its incident's timeline
version_added: 0.1.0
description:
  - A play that sets the variable C(incident_action) opens or updates an incident, and all its tasks are recorded.
  - Arguments and output of a task are not recorded. The record has its name, host, outcome and duration, and the message of a failure, cut and
    redacted.
  - Unimportant results are marked as detail, which is in the journal but not in chat. Details are skipped tasks, and successful tasks that only
    decide, such as C(set_fact), C(assert) and includes, or that have C(changed_when=false) and C(failed_when=false).
author: Contributors to incident.response (@incident-response)
options:
  state_dir:
    description: Folder of spool and journal. Defaults to C($XDG_STATE_HOME/incident-response).
    type: str
    default: ""
    env: [{name: INCIDENT_STATE_DIR}]
    ini: [{section: incident_response, key: state_dir}]
  journal:
    description: The address of the journal, such as C(sqlite:///journal.db), relative to the state folder.
    type: str
    default: ""
    env: [{name: INCIDENT_JOURNAL}]
    ini: [{section: incident_response, key: journal}]
  journal_key_file:
    description: The file of the key that seals the entries. It is created at first use. Defaults to C(journal.key) in the state folder.
    type: str
    default: ""
    env: [{name: INCIDENT_JOURNAL_KEY_FILE}]
    ini: [{section: incident_response, key: journal_key_file}]
  config:
    description:
      - The configuration file. By default C(incident-response.yml) is searched in the folders of the playbook, of the inventory and of
        C(ansible.cfg), in the working directory, in C($XDG_CONFIG_HOME/incident-response) and in C(/etc/incident-response).
      - C(/dev/null) means no configuration.
    type: str
    default: ""
    env: [{name: INCIDENT_CONFIG}]
    ini: [{section: incident_response, key: config}]
  require_config:
    description: Whether to refuse an action if no configuration is found, or an empty one.
    type: str
    default: ""
    env: [{name: INCIDENT_REQUIRE_CONFIG}]
    ini: [{section: incident_response, key: require_config}]
  rocketchat_url:
    description: Address of the Rocket.Chat server. If empty, nothing is sent to chat.
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
    description: File of the certificate authorities.
    type: str
    default: ""
    env: [{name: ROCKETCHAT_CA_PATH}]
    ini: [{section: incident_response, key: rocketchat_ca_path}]
  incident:
    description: Record in this incident.
    type: str
    default: ""
    env: [{name: INCIDENT_ID}]
    ini: [{section: incident_response, key: incident}]
  drain_timeout:
    description:
      - Seconds to wait at the end of a run until the timeline is in the journal and in chat. The rest is delivered in the background.
      - By default 2, and 30 in a container that ends with the play.
    type: str
    default: ""
    env: [{name: INCIDENT_DRAIN_TIMEOUT}]
    ini: [{section: incident_response, key: drain_timeout}]
"""

import atexit
import os
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core import argument, drill, moment
from ansible_collections.incident.response.plugins.module_utils._core.drill import Drill
from ansible_collections.incident.response.plugins.module_utils._core.redact import shown
from ansible_collections.incident.response.plugins.module_utils._libraries import complaint, missing
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._state import state_dir, state_path
from ansible_collections.incident.response.plugins.plugin_utils import _hostvars, _options, _report, _run
from ansible_collections.incident.response.plugins.plugin_utils._origin import origin
from ansible_collections.incident.response.plugins.plugin_utils._recording import Ended, Recording
from ansible_collections.incident.response.plugins.plugin_utils._result import will_be_rescued
from ansible_collections.incident.response.plugins.plugin_utils._secrets import in_vaults, secret_values, secrets_of_hosts, unseen
from ansible_collections.incident.response.plugins.plugin_utils._spool import start_courier, status_file, wait
from ansible_collections.incident.response.plugins.plugin_utils._terminal import Terminal

_ABOUT = ("incident_action", "incident_service", "incident", "drill", "incident_drill")
"""Variables that assign a play to a run: plays that differ in one of them are separate runs."""
_FREE = {"title", "reason"}
"""Variables with free text. A run that sets one collects all secrets at its start, which takes time."""
_DRAIN = 2.0
_NO_CHAT = "none is configured here, so nobody was told there"
_DRAIN_IN_CONTAINER = 30.0


def _container_ends_with_the_play() -> bool:
    try:
        return b"ansible" in Path("/proc/1/cmdline").read_bytes()
    except OSError:
        return False


class CallbackModule(CallbackBase):
    """Writes a spool line for each of Ansible's hooks. It never waits, except for the last line of the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "incident.response.incident_timeline"
    CALLBACK_NEEDS_ENABLED = True
    _display: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._display = Terminal(self._display)
        self._playbook_dir = ""
        self._run: Recording | None = None
        self._now: Recording | None = None
        """The run to which the current play belongs."""
        self._asked: tuple[str, ...] = ()
        self._ended: list[Ended] = []
        """Finished runs of this playbook that were not reported yet."""
        self._problems: list[str] = []
        self._settings: dict[str, Any] = {}
        self._no_chat = ""
        """The reason why this process sends nothing to chat."""
        _run.listen(self._leave)
        atexit.register(self._interrupted, os.getpid())

    def _guarded(self, step: Any, *args: Any) -> None:
        """Run a step. An exception in the recorder never stops the action: it is reported as a warning, and the play goes on."""
        try:
            step(*args)
        except Exception as error:
            self._degraded(error)

    def _degraded(self, problem: str | Exception) -> None:
        if isinstance(problem, Exception):
            problem = f"{type(problem).__name__}: {problem}"
        self._display.warning(f"incident.response: RECORDING IS DEGRADED: {problem}")

    # Hooks

    def set_play_context(self, play_context: Any) -> None:
        """Learn the passwords from --ask-pass and --ask-become-pass as secrets, because they are not variables."""
        self._guarded(_gate.learn, (getattr(play_context, "password", None), getattr(play_context, "become_pass", None)))

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._playbook_dir = str(getattr(playbook, "_basedir", "") or ".")
        self._guarded(lambda: _hostvars.remember(playbook.get_plays()))

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._guarded(self._play_start, play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if self._now:
            self._guarded(self._now.name, task)  # before the fork: afterwards each memory page is copied before a write

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        if self._now:
            self._now.handlers.add(task._uuid)

    def v2_playbook_on_notify(self, handler: Any, host: Any) -> None:
        if self._now:
            self._guarded(self._now.notified, handler, host)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if self._now:
            try:
                self._now.begins(host, task)
            except Exception as error:
                self._degraded(error)

    def v2_runner_on_ok(self, result: Any) -> None:
        if self._now:
            try:
                self._now.passed(result, "changed" if result.is_changed() else "ok")
            except Exception as error:
                self._degraded(error)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if self._now:
            self._guarded(self._failure, result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        if self._now:
            self._guarded(self._now.outcome, result, "ignored" if result._task.ignore_unreachable else "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        if self._now:
            try:
                self._now.passed(result, "skipped")
            except Exception as error:
                self._degraded(error)

    def v2_runner_retry(self, result: Any) -> None:
        if self._now:
            self._guarded(self._now.outcome, result, "retry")

    def v2_playbook_on_no_hosts_matched(self) -> None:
        if self._now:
            self._guarded(self._now.no_hosts)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end of a playbook. Another playbook may follow."""
        self._leave()

    def _leave(self) -> None:
        self._guarded(self._close)
        self._guarded(self._report)

    # The work of the hooks

    def _play_start(self, play: Any) -> None:
        self._now = None
        _run.pause()
        manager = play.get_variable_manager()
        if "incident_action" not in play.get_vars() and "incident_action" not in manager.extra_vars:
            if self._run:
                self._run.pause()
            return
        if not (self._run and self._run.goes_on(play)):
            self._look(play, manager.get_vars(play=play))
        if self._run:
            self._run.play_start(play)
            self._now = self._run
            _run.record(self._run.run)

    def _look(self, play: Any, variables: dict[str, Any]) -> None:
        """Continue the open run if the play belongs to it; otherwise begin another run."""
        self._problems = []
        templar = Templar(loader=play.get_loader(), variables=variables)
        asked = tuple(self._templated(templar, name, variables.get(name, "")) for name in _ABOUT)
        again = play.get_vars().get("action_play") == "prepare" or (self._run is not None and self._run.has_had(play))
        if self._run and asked == self._asked and not again:
            return
        self._guarded(self._close)
        self._asked = asked
        self._begin(play, templar, variables)

    def _templated(self, templar: Templar, name: str, value: Any) -> str:
        """A variable that identifies the run. If it can't be rendered, the run has no incident, but it is still recorded."""
        try:
            return str(templar.template(value))
        except AnsibleError as error:
            self._problems.append(f"{name} can't be worked out: {error}")
            return ""

    def _begin(self, play: Any, templar: Templar, variables: dict[str, Any]) -> None:
        action, service, dummy, given, dummy = self._asked
        self._settings = _options.settings()
        came = origin(variables, self._playbook_dir)
        kind = self._drill(given or self._asked[4])
        check = bool(context.CLIARGS.get("check")) or self._only_plans(templar.template(variables.get("plan", False)))
        folder = self._state_folder()
        run = _run.begin(folder)
        known = self._known_secrets(play, templar, variables)
        about = f"{action} of {shown(service, 200, known) or 'no service'}"
        recording = Recording(run, about, check=check)
        first = _run.start(
            run, came, variables, action=action, service=service, known=known, recorder="callback", check=check,
            chat=self._chat_is_configured(), incident=self._settings["incident"], drill=str(kind),
            waits=play.get_vars().get("action_play") == "prepare", **self._settings["location"].facts,
        )  # fmt: skip
        recording.start(first)
        self._run = recording
        if kind:
            self._display.display(
                f"incident.response: THIS IS A DRILL{': nothing is changed' if kind is Drill.DRY else ', and it changes the hosts for real'}",
                stderr=True,
            )
        self._display.display(f"incident.response: recording {about} (run {run.name})", stderr=True)
        _options.say(self._settings)
        self._carry(folder, run.name)
        for problem in filter(None, (*self._problems, recording.spool.problem)):
            self._degraded(problem)

    def _known_secrets(self, play: Any, templar: Templar, variables: dict[str, Any]) -> set[str]:
        """The secrets that the run's first line must not contain. All secrets are collected if it has free text; otherwise the plain values of the
        variables are enough."""
        free = bool(_FREE.intersection(variables))
        known = secret_values(variables, templar.template if free else None, unseen(play)) | in_vaults(play.get_loader())
        if free:
            known |= secrets_of_hosts(variables.get("hostvars"), lambda _host, theirs: Templar(loader=play.get_loader(), variables=theirs).template)
        _gate.learn(known)
        return known

    @staticmethod
    def _only_plans(given: Any) -> bool:
        """Whether the run only plans. An invalid word may be somebody's own variable; our roles refuse it."""
        try:
            return argument.switch(given)
        except argument.Wrong:
            return False

    def _carry(self, folder: Path, run: str) -> None:
        try:
            start_courier(folder, run, _options.environment(self._settings))
        except OSError as error:
            self._problems.append(f"the courier can't be started: {error}")

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
            self._problems.append(f"the state folder can't be used: {error}. Mend that, or set INCIDENT_STATE_DIR to another one")
            return state_path(configured)

    def _chat_is_configured(self) -> bool:
        try:
            chat = bool(_options.connection(self._settings))
        except connect.Misconfigured as error:
            self._problems.append(str(error))
            self._no_chat = str(error)
            return False
        self._no_chat = "" if chat else _NO_CHAT
        if chat and missing("requests"):
            self._display.warning(f"incident.response: {complaint('chat', 'requests')}")
        return chat

    def _failure(self, result: Any, ignored: bool) -> None:
        state = "ignored" if ignored else "rescued" if will_be_rescued(result._task) else "failed"
        if self._now:
            self._now.outcome(result, state)

    def _close(self) -> None:
        """End the open run. It is reported at the end of the playbook."""
        run, self._run, self._now = self._run, None, None
        _run.pause()
        if run:
            self._ended.append(run.end())
            _run.over(run.run)

    def _interrupted(self, controller: int) -> None:
        """Report an open run when the process ends, because somebody has pressed Ctrl-C. The courier records it on the timeline."""
        if self._run and os.getpid() == controller:
            self._guarded(lambda run: self._display.display("\n".join(_report.interrupted(run)), stderr=True), self._run)

    def _report(self) -> None:
        """Report the result of each run of the playbook, after one wait for all of them."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        drain = _options.drain(self._settings, _DRAIN_IN_CONTAINER if _container_ends_with_the_play() else _DRAIN)
        until = time.monotonic() + drain
        for each in ended:
            if each.problem:  # its spool continued in another place, where a courier that saw no work has not looked
                self._carry(each.run.folder, each.run.name)
            answer = wait(each.run.folder, each.run.name, each.seq, max(0.0, until - time.monotonic()))
            lines = [*_report.lines(each, answer), *self._untold(each.run.folder, answer, waited=drain > 0)]
            self._display.display("\n" + "\n".join(lines), stderr=True)
            if answer.get("clock"):
                self._display.warning(f"incident.response: {moment.warning(answer['clock'])}")
            for warning in answer.get("warnings", []):
                self._degraded(warning)
            for problem in filter(None, (answer.get("problem"), each.problem)):
                self._degraded(f"{problem}. The spool keeps what it can; the next run carries it on")
            for line in each.unwritten:
                self._degraded(f"could be written nowhere: {line}")
            status_file(each.run.folder, each.run.name).unlink(missing_ok=True)

    def _untold(self, folder: Path, answer: dict[str, Any], *, waited: bool) -> list[str]:
        """The operations that chat refused, and the people to call if chat doesn't tell them. A plan without an incident calls nobody."""
        troubles = [each for each in answer.get("troubles", []) if each != answer.get("chat_problem")]
        lines = [f"  chat: {each}" for each in (*troubles, *filter(None, [self._no_chat if answer.get("incident") else ""]))]
        stuck = bool(answer.get("problem")) and not answer.get("carried")  # the record can't be written, so chat gets nothing
        wrong = troubles or answer.get("chat_problem") or self._no_chat not in {"", _NO_CHAT}
        if stuck or (answer.get("incident") and (wrong or (waited and answer.get("pending")))):
            from ansible_collections.incident.response.plugins.plugin_utils import _phone  # rarely needed, and not cheap

            people = _phone.whom(self._settings, folder, answer.get("severity", ""), ask=False)
            lines.append(f"  who has to know of it may not have been told: call {people}")
        return lines
