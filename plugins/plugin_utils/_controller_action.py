# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base class of the action plugins. They do the work of a module on the controller, where the journal is."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.incident.response.plugins.module_utils import _gate, _owned
from ansible_collections.incident.response.plugins.module_utils._core import drill, moment
from ansible_collections.incident.response.plugins.module_utils._core.drill import Drill
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import shown
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._state import state_dir
from ansible_collections.incident.response.plugins.plugin_utils import _config, _journal, _needs, _options, _run, _spool
from ansible_collections.incident.response.plugins.plugin_utils._courier import lock as courier_lock
from ansible_collections.incident.response.plugins.plugin_utils._origin import Origin, origin
from ansible_collections.incident.response.plugins.plugin_utils._secrets import in_vaults, meet_configuration, secret_values, secrets_of_hosts, unseen
from ansible_collections.incident.response.plugins.plugin_utils._terminal import Terminal, cleaned

_AGAIN = 1.0
"""Seconds between two looks at whether the courier that is waited for still works."""
_DRAIN = 2.0
"""The default time to wait for chat, in seconds."""


class Refused(Exception):
    """The task fails with this message. `more` is added to its result."""

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.more = more


class ControllerAction(ActionBase):
    """Checks the arguments against `SPEC`, then calls `act`."""

    SPEC: ClassVar[dict[str, dict[str, Any]]]
    RULES: ClassVar[dict[str, Any]] = {}
    """More checks for `validate_argument_spec`, such as required_if."""
    SPELLINGS: ClassVar[dict[str, str]] = {}
    """Other names of options, which ansible-core does not allow modules to declare."""
    TELLS_WHAT_IS_MISSING: ClassVar[bool] = True
    """Whether it is the first of its run that could."""
    _requires_connection = False
    _display: Any
    clock = ""
    """The problem with this machine's clock, from the journal; empty if there is none."""

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The task's result. Raises Refused to fail the task."""
        raise NotImplementedError

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._display = Terminal(self._display)
        _gate.ask(lambda: self._secrets(task_vars or {}))
        for other, name in self.SPELLINGS.items():
            if other in self._task.args:
                self._task.args.setdefault(name, self._task.args.pop(other))
        dummy, params = self.validate_argument_spec(argument_spec=self.SPEC, **self.RULES)
        self.options = _options.settings()
        _options.warn(self.options)
        endless = [name for name, value in params.items() if isinstance(value, float) and not 0 <= value < float("inf")]
        if endless:
            return result | {"failed": True, "msg": f"{endless[0]} must be a number, 0 or more, not {params[endless[0]]}. Nothing was touched."}
        result |= {"config": self.options["location"].facts["config"]}
        if self.TELLS_WHAT_IS_MISSING:
            self._tell_missing_libraries()
        try:
            return result | {"changed": False} | self.act(params, task_vars or {})
        except Refused as error:
            return result | error.more | {"failed": True, "msg": _gate.clean(error)}
        except AnsibleError as error:
            raise cleaned(error) from None

    def _secrets(self, variables: dict[str, Any]) -> set[str]:
        """The secrets that must not leave this task: those of its host, and those of all other hosts, because it can read them with `hostvars`."""
        _gate.learn((getattr(self._play_context, "password", None), getattr(self._play_context, "become_pass", None)))
        meet_configuration(self.options["config"])
        own = secret_values(variables, self._templar.template, unseen(self._task.get_play())) | in_vaults(self._loader)
        fill = self._templar.copy_with_new_env
        return own | secrets_of_hosts(variables.get("hostvars"), lambda _host, theirs: fill(available_variables=theirs).template)

    def _tell_missing_libraries(self) -> None:
        """Warn about missing libraries before anything is touched; later is too late to install one. Mistakes in the configuration are reported
        elsewhere."""
        try:
            lacking = _needs.lacking(_config.load(_config.find(self.options["config"])), chat=bool(_options.connection(self.options)))
        except (_config.ConfigError, connect.Misconfigured):
            return
        for each in lacking:
            self._display.warning(f"incident.response: {each}")

    @property
    def check(self) -> bool:
        return bool(self._task.check_mode)

    def folder(self, given: str | None = None) -> Path:
        """The state folder: `given`, otherwise the configured one. Raises OSError."""
        return state_dir(given or self.options["state_dir"])

    def journal(self, folder: Path, *, timeout: float = 10) -> SqliteJournal:
        """A connection to the journal. Warns if the clocks disagree. Raises OSError, JournalError, ValueError."""
        journal = _journal.opened(self.options, folder, timeout=timeout)
        for each in journal.mended:
            self._display.warning(f"incident.response: {each}")
        self.clock = moment.doubt(journal.last_arrival(), journal.moment())
        if self.clock:
            self._display.warning(f"incident.response: {moment.warning(self.clock)}")
        return journal

    def send(
        self, folder: Path, journal: SqliteJournal, incidents: Iterable[str], given: Mapping[str, str] | None = None, *, at_least: float = 0
    ) -> str:
        """Start a courier, which delivers the incidents to chat, pages, and publishes. Waits for chat for the configured time, and for `at_least`
        that many seconds. A courier that already runs does the work. `given` is added to the courier's environment. Does nothing if neither is
        configured. Returns the reason why chat gets nothing. Raises OSError."""
        environment = _options.environment(self.options) | dict(given or {})
        found = [incident for incident in (journal.find(each) for each in incidents) if incident and _is_due(journal, incident)]
        chat, problem = dict[str, Any](), ""
        try:
            chat = connect.options({}, environment) if found else chat
        except connect.Misconfigured as error:
            problem = str(error)
        if not chat and not self._pages() and not self._publishes():
            return problem
        begun = time.time()
        anew = any(journal.troubles(each) for each in found)  # what chat would not do is tried again by a courier that knows nothing of it
        courier = self._courier(folder, environment, anew=anew)
        if not chat:
            return problem
        now = looked = time.monotonic()
        until = now + max(_options.drain(self.options, _DRAIN), at_least)
        while any(_is_due(journal, each) for each in found) and (courier is None or courier.poll() is None) and now < until:
            time.sleep(0.02)
            now = time.monotonic()
            if courier is None and now - looked > _AGAIN:  # the one that works may have been killed or stopped since
                courier, looked = self._courier(folder, environment, anew=False), now
        says = _spool.courier_says(folder, begun, connect.mark(chat, environment))
        return str(says.get("problem") or says.get("chat_problem") or "")

    @staticmethod
    def _courier(folder: Path, environment: dict[str, str], *, anew: bool) -> subprocess.Popen[bytes] | None:
        """Ask the courier that works to look again: None. If there is none, or `anew`, start one. Raises OSError, which says what to do."""
        try:
            if anew:
                return _spool.start_courier(folder, "", environment)
            return courier_lock.wake(folder, environment, lambda lock: _spool.start_courier(folder, "", environment, lock))
        except OSError as error:
            why = str(error) if isinstance(error, _owned.NotOurs) else f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
            raise OSError(f"It is recorded, but no courier can work in {folder} ({why}). Mend that, then run incident.response.deliver") from error

    def _pages(self) -> bool:
        """Whether anybody is paged."""
        try:
            return bool(_config.load(_config.find(self.options["config"]))["paging"]["notifiers"])
        except _config.ConfigError as error:
            self._display.warning(f"incident.response: nobody is paged, since the configuration has mistakes: {error}")
            return False

    def _publishes(self) -> bool:
        """Whether a status page or mail is configured for people outside."""
        try:
            config = _config.load(_config.find(self.options["config"]))
        except _config.ConfigError as error:
            self._display.warning(f"incident.response: nobody outside is told, since the configuration has mistakes: {error}")
            return False
        return config["status_page"]["provider"] != "none" or "mail" in config["communication"]

    def service_name(self, called: str | None) -> str | None:
        """The main name of a service, for a name or an alias. A configuration with mistakes does not prevent recording."""
        try:
            return str(_config.service(_config.load(_config.find(self.options["config"])), called)["name"]) if called else called
        except _config.ConfigError as error:
            self._display.warning(f"incident.response: the names of services are not known, since the configuration has mistakes: {error}")
            return called

    def refuse_loose_words(self, variables: Mapping[str, Any]) -> None:
        """Raises Refused if `-e "message=We are adding capacity."` lost all but the first word: half a text must not be published."""
        loose = str(variables.get("_raw_params") or "").strip()
        if loose:
            raise Refused(f"-e has words that belong to nothing: {loose[:80]!r}. Nothing was recorded. Write values with blanks as JSON: -e '{{…}}'")

    def origin(self, variables: dict[str, Any]) -> Origin:
        return origin(variables, str(variables.get("playbook_dir", ".")))

    def recorded(
        self, result: dict[str, Any], data: dict[str, Any], variables: dict[str, Any], *, text: str = "", state: str = "ok"
    ) -> dict[str, Any]:
        """Add `data` for the timeline to `result`. The callback reads it from the result; without the callback, it is written here."""
        if not data:
            return result
        if _run.current() is None:
            line = shown(f"{self._task.get_name()}{f': {text}' if text else ''}", 500, _gate.known())
            host = str(variables.get("inventory_hostname", ""))
            try:
                folder = self.folder()
                _spool.append_shared(
                    folder, self.this_run(folder, variables).name, "task", at=utc(time.time()), text=line, host=host,
                    action=self._task.action, state=state, changed=False, data=data,
                )  # fmt: skip
            except OSError as error:
                self._display.warning(f"incident.response: RECORDING IS DEGRADED: {error}")
        return result | {"timeline": data, "words": text}

    def drill(self, variables: dict[str, Any]) -> Drill:
        """Whether this run is a drill, from the variable `drill`, or `incident_drill` of the play. Raises Refused for an invalid value."""
        try:
            return drill.parse(self._templar.template(variables.get("drill", variables.get("incident_drill", ""))))
        except ValueError as error:
            raise Refused(f"{error}. Nothing was touched.") from None

    def this_run(self, folder: Path, variables: Mapping[str, Any]) -> _run.Run:
        """The run of this task: the callback's run, or without the callback the run that `action_begin` began for the service."""
        begun = variables.get("_action_begun", {}).get("run", "")
        return _run.current() or (_run.Run(begun, folder, os.getppid()) if begun else _run.unrecorded(folder, os.getppid(), ""))


def _is_due(journal: SqliteJournal, incident: str) -> bool:
    """Whether the incident has undelivered entries, or refused operations that may work now."""
    return bool(journal.pending(incident) or journal.troubles(incident))
