# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core import argument
from ansible_collections.incident.response.plugins.module_utils._core.chat_lock import Holder
from ansible_collections.incident.response.plugins.module_utils._core.drill import Drill
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.undo import Action, Change, actions, gone_back, half_way
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError, JournalError, Lease
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._usecases import lock
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_lock import Held, Wish
from ansible_collections.incident.response.plugins.plugin_utils import (
    _able,
    _arguments,
    _catalogue,
    _chat_lock,
    _config,
    _options,
    _own_role,
    _run,
    _spool,
)
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._process import alive, machine, started

_ROLLBACK = "incident.response.service_rollback"
_NOT_ENABLED = (
    "THE CALLBACK IS NOT ENABLED: only the start and the outcome of this run are recorded. For the whole timeline put callbacks_enabled = "
    f"{_options.CALLBACK} into ansible.cfg, or into ANSIBLE_CALLBACKS_ENABLED."
)
_NOT_RECORDED = (
    "THIS PLAY IS NOT RECORDED, since it doesn't set incident_action: only the start and the outcome of this action are. For the whole "
    "timeline set the variables incident_action and incident_service in the play."
)
_BACK = 10
"""How many incidents of the service are looked through for hosts that were left half-way."""


class ActionModule(ControllerAction):
    """Locks the service for this run, and records the run's start if no callback did."""

    SPEC: ClassVar = {
        "service": {"type": "str", "required": True},
        "relative": {"type": "bool", "default": False},
        "role": {"type": "str", "default": ""},
        "backend": {"type": "str", "default": ""},
        "stateful": {"type": "bool", "default": True},
    }

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        service = params["service"]
        kind = self.drill(variables)
        try:
            _arguments.refuse_switches(variables, self._templar.template)
            _arguments.refuse_severity(variables, self._templar.template)
            _refuse_endless(self._templar.template(variables.get("action_health") or {}))
            if params["role"]:
                _own_role.refuse(params["role"], params["backend"], variables, stateful=params["stateful"])
        except AnsibleError as error:
            raise Refused(str(error)) from None
        _options.say(self.options)  # a play of one's own takes the role, and nobody has said it yet
        config = _catalogue.for_action()
        _catalogue.refuse_protected(config, _catalogue.inventory(variables.get("groups", {})), variables.get("ansible_play_hosts_all", []))
        expires = _config.seconds(config["safety"]["lock_expires"])
        if not _run.listens():  # nobody knew what the inventory says of the hosts when the play was given them
            self._refuse_unable(config, service, variables)
        recorded, name = _run.current() is not None, ""
        try:
            folder = self.folder()
            run = _run.current() or _run.unrecorded(folder, os.getppid(), service)
            name = run.name
            self._check_incident(folder, service, kind, variables)
            self._say_other_severity(folder, service, kind, variables)
            if not recorded:
                self._record(folder, run, service, variables, kind)
            held = self._lock(folder, run, service, expires)
            interrupted = self._interrupted(folder, service, kind)
            gone = self._gone_back(folder, service, kind, variables) if params["relative"] else {}
        except (OSError, JournalError, ValueError) as error:
            self._display.warning(
                f"incident.response: RECORDING IS DEGRADED: the journal can't be used, so nobody else is kept from acting on {service}: {error}"
            )
            return {"recorded": recorded, "locked": False, "run": name, "interrupted": {}, "dry": kind is Drill.DRY}
        if held:
            raise Refused(_held(service, held))
        if interrupted and params["relative"]:
            raise Refused(_half_way(service, interrupted))
        if gone:
            raise Refused(_two_back(service, gone))
        told, words = self._lock_in_chat(folder, run, service, kind, config, variables)
        hosts = {host: action.hosts[host].text for host, action in interrupted.items()}
        result = {"recorded": recorded, "locked": not self.check, "run": name, "interrupted": hosts, "dry": kind is Drill.DRY}
        return self.recorded(result, told, {**variables, "_action_begun": result}, text=words)

    def _lock_in_chat(
        self, folder: Path, run: _run.Run, service: str, kind: Drill, config: dict[str, Any], variables: dict[str, Any]
    ) -> tuple[dict[str, Any], str]:  # fmt: skip
        """Take the lock in chat, against controllers with separate journals. Returns the data and the text for the timeline. Raises Refused."""
        channel, connection = config["channels"]["locks"], self._chat_options()
        if not channel or not connection:
            return {}, ""
        only_look, reason = self.check or self._plans(variables) or kind is Drill.DRY, self._reason(variables)
        wish = self._wish(folder, run, service, kind, config, variables)
        try:
            found = _chat_lock.obtain(connection, wish, channel, _config.seconds(config["safety"]["lock_within"]), only_look=only_look)
        except (ChatError, OSError) as error:
            words = f"OTHERS ARE NOT KEPT OUT of {service}: its lock in chat can't be {'asked for' if only_look else 'taken'}: {error}"
            self._display.warning(f"incident.response: {words}. Who has another journal may act on it now: ask the others")
            return ({} if only_look else {"lock": _chat_lock.line(wish, None)}), words
        if isinstance(found, Holder):
            if not reason:
                raise Refused(_held_in_chat(service, found, channel))
            return {}, ""
        told: dict[str, Any] = {"lock": _chat_lock.line(wish, found)} if found else {}
        if isinstance(found, Held) and found.instead_of:
            without = f"its lock in chat, which another run has: {found.instead_of.words}"
            self._display.warning(f"incident.response: EMERGENCY OVERRIDE: the action on {service} goes on without {without}: {reason}")
            words = f"EMERGENCY OVERRIDE: {reason}; without {without}"
            return told | {"break_glass": reason, "about": f"action on {service}", "without": without}, words
        return told, ""

    def _plans(self, variables: dict[str, Any]) -> bool:
        """Whether this run only plans. The value was checked before."""
        return argument.switch(self._templar.template(variables.get("plan", False)))

    def _chat_options(self) -> dict[str, Any]:
        try:
            return _options.connection(self.options)
        except connect.Misconfigured as error:
            self._display.warning(f"incident.response: {error}")
            return {}

    def _reason(self, variables: dict[str, Any]) -> str:
        return str(self._templar.template(variables.get("break_glass", ""))).strip()

    def _wish(self, folder: Path, run: _run.Run, service: str, kind: Drill, config: dict[str, Any], variables: dict[str, Any]) -> Wish:
        came, action = self.origin(variables), str(variables.get("incident_action", "action"))
        expires = max(1, int(_config.seconds(config["safety"]["lock_expires"])))
        by = _chat_lock.own(folder, self.options["journal_key_file"])
        who = f"{action} by {came.user} from {came.where}, run {run.name}"
        return Wish(service, run.name, by, who, expires, drill=bool(kind), force=bool(self._reason(variables)))

    def _refuse_unable(self, config: dict[str, Any], service: str, variables: dict[str, Any]) -> None:
        playbook = {"rollback": "rollback", "scale-up": "scale_up"}.get(str(variables.get("incident_action", "")), "")
        hosts = list(variables.get("ansible_play_hosts_all", []))
        try:
            _able.refuse(playbook, config, _config.service(config, service), hosts, variables, self.options["config"])
        except AnsibleError as error:
            raise Refused(str(error)) from None

    def _lock(self, folder: Path, run: _run.Run, service: str, expires: float) -> Lease | None:
        now = time.time()
        wanted = Lease(service, run.name, machine(), run.pid, started(run.pid), utc(now), now + expires)
        with self.journal(folder, timeout=2) as journal:
            forged = lock.forged(journal, service)
            if forged:
                text = f"the lock of {service} by run {forged.holder} was written by nobody of ours: it is not believed"
                self._display.warning(f"incident.response: {text}")
            return (lock.holds if self.check else lock.acquire)(journal, wanted, now=now, alive=alive)

    def _check_incident(self, folder: Path, service: str, kind: Drill, variables: dict[str, Any]) -> None:
        """Refuse a drill in a real incident, and a real action in the incident of a drill. Warn if the named incident is another service's."""
        asked = str(variables.get("incident") or self.options["incident"] or "")
        if not asked:
            return
        with self.journal(folder, timeout=2) as journal:
            found = journal.find(asked)
            if not found:
                return
            info, own = journal.info(found), journal.open_for(service, drill=bool(kind))
            own = journal.info(own)["name"] if own and own != found else ""
        if info["drill"] != bool(kind):
            is_one = "is a drill, and this run is none: add -e drill=true" if not kind else "is no drill, and this run is one: leave out incident"
            raise Refused(f"incident={asked} {is_one}. Nothing was touched.")
        if info["service"] not in ("", service):
            there = f"incident={asked} is of {info['service']}: this action on {service} is recorded there, and does not mitigate it"
            self._display.warning(f"incident.response: {there}{f'. The open incident of {service} is {own}' if own else ''}")

    def _say_other_severity(self, folder: Path, service: str, kind: Drill, variables: dict[str, Any]) -> None:
        """Warn that the severity only applies to a new incident: an open incident keeps its own severity."""
        asked = str(self._templar.template(variables.get("severity") or "")).strip().upper()
        if not asked:
            return
        named = str(variables.get("incident") or self.options["incident"] or "")
        with self.journal(folder, timeout=2) as journal:
            found = (journal.find(named) if named else None) or journal.open_for(service, drill=bool(kind))
            info = journal.info(found) if found else {"severity": asked}
        if info["severity"] != asked:
            self._display.warning(
                f"incident.response: severity={asked} is not taken: {info['name']} is open, and stays {info['severity']}. To change it: "
                f"ansible-playbook incident.response.incident_severity -e 'service={service} severity={asked} reason=…'"
            )

    def _interrupted(self, folder: Path, service: str, kind: Drill) -> dict[str, Action]:
        """The hosts that an action on the service left half-way, even if its incident is over."""
        with self.journal(folder, timeout=2) as journal:
            incidents = journal.of_service(service, drill=bool(kind))[:_BACK]
            return half_way([each for each in actions(journal.entries(incident)) if each.service == service] for incident in incidents)

    def _gone_back(self, folder: Path, service: str, kind: Drill, variables: dict[str, Any]) -> dict[str, tuple[Action, Change]]:
        """The hosts of this run that were already rolled back in the open incident."""
        asked = str(variables.get("incident") or self.options["incident"] or "")
        with self.journal(folder, timeout=2) as journal:
            there = (journal.find(asked) if asked else None) or journal.open_for(service, drill=bool(kind))
            known = [each for each in actions(journal.entries(there)) if each.service == service] if there else []
        return gone_back((each for each in known if each.role == _ROLLBACK), variables.get("ansible_play_hosts_all", []))

    def _record(self, folder: Path, run: _run.Run, service: str, variables: dict[str, Any], kind: Drill) -> None:
        """Record the run without the callback: the start now, the verdict in `action_verdict`, the end in the courier."""
        try:
            chat = bool(_options.connection(self.options))
        except connect.Misconfigured as error:
            chat = False
            self._display.warning(f"incident.response: {error}")
        about = _run.start(
            run, self.origin(variables), variables, action=str(variables.get("incident_action", "action")), service=service,
            known=_gate.known(), recorder="task", check=self.check or self._plans(variables), chat=chat, incident=self.options["incident"],
            drill=str(kind), waits=True, hosts=list(variables.get("ansible_play_hosts_all", [])), **self.options["location"].facts,
        )  # fmt: skip
        if _spool.append_shared(folder, run.name, "run_started", first=True, **about):
            _spool.start_courier(folder, run.name, _options.environment(self.options))
            self._display.warning(f"incident.response: {_NOT_RECORDED if _run.listens() else _NOT_ENABLED}")


def _refuse_endless(health: dict[str, Any]) -> None:
    """Raises Refused for infinite seconds before the change, because the module that waits for them runs after the change."""
    for name in ("delay", "steady_for"):
        given = health.get(name) or 0
        try:
            number = float(given)
        except (TypeError, ValueError):
            number = -1.0
        if not 0 <= number < float("inf"):
            raise Refused(f"{name} must be a number of seconds, 0 or more, not {given}. Nothing was touched.")


def _half_way(service: str, interrupted: dict[str, Action]) -> str:
    last = max(interrupted.values(), key=lambda each: each.at)
    hosts = "; ".join(f"{host} was going from {action.hosts[host].text}" for host, action in interrupted.items())
    return (
        f"The last {last.name} of {service}, run {last.run}, was interrupted, so what is the previous version now can't be told: {hosts}. "
        f"Nothing was touched. Name the exact version to go to, or undo it: ansible-playbook incident.response.undo -e run={last.run}"
    )


def _two_back(service: str, gone: dict[str, tuple[Action, Change]]) -> str:
    last = max((action for action, dummy in gone.values()), key=lambda each: each.at)
    hosts = "; ".join(f"{host} went from {change.text}" for host, (dummy, change) in gone.items())
    return (
        f"{service} went back in this incident already, so previous would go two back: {hosts} (run {last.run}). Nothing was touched. "
        f"Name the exact version to go to: -e version=… Or undo that: ansible-playbook incident.response.undo -e run={last.run}"
    )


def _held(service: str, lease: Lease) -> str:
    where = lease.machine.partition(" ")[0]
    end = "" if lease.machine == machine() else f" Should it be dead, the lock ends at {utc(lease.expires)[11:16]} UTC."
    return (
        f"Somebody else is acting on {service}: run {lease.holder}, process {lease.pid} on {where}, since {lease.since[11:16]} UTC. "
        f"Nothing was touched. Wait for it, or end it, then run this again.{end}"
    )


def _held_in_chat(service: str, holder: Holder, channel: str) -> str:
    return (
        f"Somebody else is acting on {service}, with a journal of their own: {holder.words}. Nothing was touched. Wait for it, or end it, then run "
        f"this again. Should it be dead, its lock in #{channel} ends at {utc(holder.until)[11:16]} UTC; if that can't wait: the same command with "
        '-e break_glass="reason"'
    )
