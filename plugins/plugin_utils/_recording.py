# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records one run: task results become lines of its spool, and decide the outcome of the run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar
from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.left_out import BALANCER, LeftOut, words
from ansible_collections.incident.response.plugins.module_utils._core.outcome import Seen, outcome_of
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact, shown
from ansible_collections.incident.response.plugins.module_utils._core.undo import Action, actions, versions
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict
from ansible_collections.incident.response.plugins.plugin_utils import _options
from ansible_collections.incident.response.plugins.plugin_utils._detail import LOOK, is_detail
from ansible_collections.incident.response.plugins.plugin_utils._result import Part, is_hidden, parts, reason, refuses
from ansible_collections.incident.response.plugins.plugin_utils._run import Run
from ansible_collections.incident.response.plugins.plugin_utils._secrets import (
    Fill,
    Kept,
    in_vaults,
    meet_configuration,
    secret_values,
    secrets_of_hosts,
    unseen,
)
from ansible_collections.incident.response.plugins.plugin_utils._spool import Spool, encoded, to_json

_PLAN = "incident.response.action_plan"
_VERDICT = "incident.response.action_verdict"
_TELLING = {BALANCER, "incident.response.action_approve", "incident.response.action_begin", _PLAN, _VERDICT}
"""Our actions whose result contains data for the timeline."""
_OURS = {"action_play", "action_undone"}
"""Variables of the plays of our emergency playbooks. Their runs always need a verdict."""
_BAD = {"failed", "unreachable", "ignored", "rescued"}
_HIDDEN = "a task that is not logged (no_log)"
_TEXT = 500
_WHY = 300
_EVIDENCE = 3000
_DETAIL = ',"data":{"detail":true}'
"""The mark of a detail line: it is kept in the journal, and left out in texts for people."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a run. `about` is the action and the service. `seq` is the number of its last line. `unwritten` are lines that could be written
    nowhere. `versions` says which host has which version after a failure."""

    run: Run
    about: str
    outcome: str
    seconds: float
    seq: int
    recorded: int
    lost: list[str]
    undoable: bool
    problem: str
    unwritten: list[str]
    versions: str
    left_out: Mapping[str, list[str]]
    """The drained hosts, each with its balancers."""
    service: str
    """Theirs."""
    refused: bool
    """Whether the run was refused before it had a plan. Such a run opens no incident."""
    told: Sequence[Entry]
    """The entries for the sentence about the run."""


class Recording:
    """Writes the lines of one run. Exceptions of Ansible's objects are not caught here: the callback guards each call."""

    def __init__(self, run: Run, about: str, *, check: bool) -> None:
        self.run, self.about, self.spool = run, about, Spool(run.folder, run.name)
        self.handlers: set[str] = set()
        self._play: Any = None
        self._plays: list[Any] = []
        self._begun = time.monotonic()
        self._over: float | None = None
        self._started: dict[tuple[str, str], tuple[float, str, str]] = {}
        self._names: dict[str, tuple[str, str, bool, bool]] = {}
        self._templated: set[str] = set()
        self._announced = 0
        self._changed = False
        self._seen = Seen(check=check)
        self._planned = False
        self._refusals = 0
        self._evidence: dict[str, None] = {}
        self._telling: list[Entry] = []
        """The entries for the sentence about the run so far."""
        self._out, self._service = LeftOut(), ""
        self._host_fields, self._action_fields = dict[str, str](), dict[str, str]()
        self._kept, self._unlogged = Kept(), set[str]()
        self._met: set[str] = set()

    def start(self, first: Mapping[str, Any]) -> None:
        """Write the first line."""
        self.spool.append("run_started", sync=True, **first)
        self._telling.append(Entry("run_started", run=self.run.name, **first))

    def has_had(self, play: Any) -> bool:
        """Whether this play was already part of the run, for example because a playbook is imported twice."""
        return play._ds in self._plays

    def goes_on(self, play: Any) -> bool:
        """Whether this is the next batch of hosts of the current play."""
        return self._play is not None and self._play._uuid == play._uuid

    def play_start(self, play: Any) -> None:
        """The following tasks belong to this play."""
        self._play, self._names, self._over = play, {}, None
        self._plays.append(play._ds)
        self._seen.ours |= not _OURS.isdisjoint(play.get_vars())

    def pause(self) -> None:
        """The following tasks belong to a play outside the run."""
        self._over = time.monotonic()

    def no_hosts(self) -> None:
        """Record that the current play has no hosts."""
        self._seen.empty.append(shown(self._play.get_name(), 100))

    def name(self, task: Any) -> tuple[str, str, bool, bool]:
        """The task's name on the timeline, the encoded fields for a spool line, whether its results may contain more, and whether it is detail."""
        unlogged, called = task.no_log, task.name
        key = f"{task._uuid}{unlogged}{called}"
        known = self._names.get(key)
        if known is None:
            action = task.action
            name = _HIDDEN if unlogged else cut(_gate.clean(called or action, guess=True), _TEXT)
            if unlogged and task.register:
                self._unlogged |= {task.register} if isinstance(task.register, str) else set(task.register)  # since core 2.21 there can be several
            if not unlogged and "{{" in str(getattr(task, "_ds", None) and task._ds.get("name", "")):
                self._templated.add(task._uuid)
            more = action in _TELLING or isinstance(unlogged, str) or task._uuid in self._templated or task.delegate_to is not None
            known = self._names[key] = name, f'"text":{to_json(name)}{self._action_field(action)}', more, is_detail(task)
        return known

    def begins(self, host: Any, task: Any) -> None:
        """Record the start of a task, because a killed controller may have shown a result without recording it."""
        name, about, more, detail = self.name(task)
        if task._uuid in self._templated:
            name = redact(name, self._known_secrets(host, task))
            about = encoded(text=name, action=task.action)
        about += self._host_field(host.name)
        self.spool.append_encoded(f'"kind":"begun","at":{time.time()},{about}')
        self._announced += 1
        self._started[host.name, task._uuid] = time.monotonic(), "" if more or task._uuid in self.handlers else about, _DETAIL if detail else ""

    def _host_field(self, name: str) -> str:
        field = self._host_fields.get(name)
        if field is None:
            field = self._host_fields[name] = f",{encoded(host=name)}"
        return field

    def _action_field(self, name: str) -> str:
        field = self._action_fields.get(name)
        if field is None:
            field = self._action_fields[name] = f",{encoded(action=name)}"
        return field

    def notified(self, handler: Any, host: Any) -> None:
        """Record that a task notified a handler, which runs at the end of the play."""
        name = _HIDDEN if handler.no_log else shown(handler.get_name(), _TEXT)
        self.spool.append("notified", at=utc(time.time()), text=f"Notified {name}", host=host.name)

    def passed(self, result: Any, state: str) -> None:
        """Record a result without new information, as most are. It touches as little memory as possible, because after the fork of a worker each
        written memory page is copied first."""
        key = result._host.name, result._task._uuid
        begun, about, detail = self._started.get(key, (0.0, "", ""))
        if about:
            del self._started[key]
            took, changed = int((time.monotonic() - begun) * 1000), "false"
            if state == "changed":
                self._changed, changed, detail = True, "true", ""
            elif state == "skipped":
                detail = _DETAIL
            self.spool.append_encoded(
                f'"kind":"task","at":{time.time()},{about},"state":"{state}","changed":{changed},"duration_ms":{took}{detail}', looks=False
            )
        else:
            self.outcome(result, state)

    def outcome(self, result: Any, state: str) -> None:
        """Record a result with its own information: one line for each host on which the task was done."""
        task, host = result._task, result._host.name
        bad, changed, key = state in _BAD, result.is_changed() and state != "retry", (host, task._uuid)
        begun = self._started.get(key) if state == "retry" else self._started.pop(key, None)
        self._changed |= changed
        self._seen.failures += state in {"failed", "unreachable"}
        self._refusals += state == "failed" and refuses(result._result)
        took = round((time.monotonic() - begun[0]) * 1000) if begun else None
        for part in parts(host, result._result, changed=changed, bad=bad, delegated=lambda item: self._delegate(result, item, state)):
            told = state if part.bad or not bad else "changed" if part.changed else "ok"
            self._line(result, part, told, took, delegated=host if part.host != host else "")

    def _line(self, result: Any, part: Part, state: str, took: int | None, *, delegated: str) -> None:
        """Write the line of one host. `delegated` is the host for which a delegated task was done."""
        task = result._task
        name, text, data = self._words(result, part, state)
        if (state == "skipped" or (state == "ok" and self.name(task)[3] and (not text or name.startswith(LOOK)))) and not part.changed:
            data["detail"] = True
        if delegated:
            data["for"] = delegated
            name += "" if delegated in name else f" (for {delegated})"
        if state in {"failed", "unreachable"} or (state == "rescued" and task.action != _VERDICT):
            self._seen.failed.append(f"{name}{'' if part.host in name else f' on {part.host}'}{cut(text, 200)}")
            if state == "unreachable":
                self._seen.lose(part.host)
        line = {"text": name + text, "host": part.host, "action": task.action, "state": state, "changed": part.changed, "data": data}
        if state in _BAD or task.action in _TELLING:
            self._telling.append(Entry("task", "", run=self.run.name, **line))
        sync = state in {"failed", "unreachable"} or task.action in _TELLING
        self.spool.append("task", sync=sync, at=time.time(), **line, duration_ms=took)

    def _words(self, result: Any, part: Part, state: str) -> tuple[str, str, dict[str, Any]]:
        """The task's name, the added information of the result, and the entry's data, all without secrets."""
        task, text = result._task, ""
        name, data = self.name(task)[0], dict[str, Any]()
        if state in _BAD:
            name, text, data = self._failure(result, part, name)
        elif task._uuid in self._templated:
            name = redact(name, self._known_secrets(result._host, task))
        if state == "retry":
            text = f" (attempt {result._result.get('attempts', '?')})"
        if task._uuid in self.handlers:
            text = f" (handler){text}"
        if task.action in _TELLING:
            data |= self._told(result)
            if not text and result._result.get("words"):
                text = ": " + shown(str(result._result["words"]), _TEXT, self._known_secrets(result._host, task))
        return name, text, data

    def _variables(self, host: Any, task: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._play.get_variable_manager().get_vars(play=self._play, host=host, task=task)
        return found

    def _known_secrets(self, host: Any, task: Any) -> frozenset[str]:
        """All secrets of the host, and of other hosts, because a task can read them with `hostvars`. This is slow, so it is only for failures."""
        variables = self._variables(host, task)
        _gate.learn(secret_values(variables, self._fill(host.name, variables), unseen(self._play) | self._unlogged))
        _gate.learn(secret_values({"facts": getattr(self._play.get_variable_manager(), "_nonpersistent_fact_cache", None) or {}}))
        _gate.learn(in_vaults(self._play.get_loader()))
        if self._play._uuid not in self._met:
            self._met.add(self._play._uuid)
            meet_configuration(_options.settings()["config"])
            _gate.learn(secrets_of_hosts(variables.get("hostvars"), self._fill))
        return _gate.known()

    def _fill(self, host: str, variables: Mapping[str, Any]) -> Fill:
        return self._kept.of(host, Templar(loader=self._play.get_loader(), variables=variables).template)

    def _delegate(self, result: Any, item: Mapping[str, Any], state: str) -> str:
        """The host to which a task, or an item of its loop, was delegated; empty if it was not delegated, or nothing was done."""
        task = result._task
        if task.delegate_to is None or state == "skipped":
            return ""
        name = str((item.get("_ansible_delegated_vars") or {}).get("ansible_delegated_host") or task.delegate_to)
        if "{{" in name and "ansible_loop_var" in item:  # the task that a callback gets has the loop's template
            variable = item["ansible_loop_var"]
            known = self._variables(result._host, task) | {variable: item.get(variable)}
            with suppress(AnsibleError):
                name = str(Templar(loader=self._play.get_loader(), variables=known).template(task.delegate_to))
        return "" if "{{" in name or name == result._host.name else shown(name, 200)

    def _failure(self, result: Any, part: Part, name: str) -> tuple[str, str, dict[str, Any]]:
        """The task's name, and the message of a failure, both without secrets. Empty for results that are not logged."""
        if is_hidden(result._task, result._result):
            return name, "", {}
        known = self._known_secrets(result._host, result._task)
        why = reason(part.items, known)
        if why.evidence:
            self._evidence[f"{part.host}:\n{why.evidence}"] = None  # the same evidence is shown once
        told = {"why": cut(why.text, _WHY), "evidence": why.evidence}
        return redact(name, known), f": {why.text}" if why.text else "", {key: text for key, text in told.items() if text}

    def _told(self, result: Any) -> dict[str, Any]:
        told: dict[str, Any] = dict(result._result.get("timeline", {}))
        if result._task.action == BALANCER:
            told |= _balanced(result._result)
            self._out.see(result._host.name, told["balancer"])
            self._service = told["service"]
        if "verdict" in told:
            self._seen.judge(result._host.name, Verdict(told["verdict"]))
        if result._task.action == _PLAN:
            self._seen.planned |= set(result._result.get("hosts", {}))
            self._planned |= "plan" in told
        return told

    def end(self) -> Ended:
        """Write the last line."""
        duration = (self._over or time.monotonic()) - self._begun
        acted = self._actions()
        left = [change for action in acted for change in action.hosts.items()]
        self._seen.changed = self._changed
        self._seen.half_way = sorted({host for host, change in left if change.touched and change.after is None})
        ended = outcome_of(self._seen)
        now = versions(acted[-1]) if acted and (ended.failed or ended.verdict is Verdict.NOTHING_TO_DO) else ""
        where = f", failed at {'; '.join(self._seen.failed[:3])}" if self._seen.failed and ended.failed else ""
        out, refused = self._out.hosts(), 0 < self._refusals == self._seen.failures and not self._seen.planned and not self._changed
        where += "".join(f"; {words(*each)}" for each in out.items())
        last = Entry(
            "run_ended", utc(time.time()), run=self.run.name, state=str(ended.verdict), duration_ms=round(duration * 1000),
            text=f"{ended.mark} Ended after {duration:.1f} s: {'; '.join(filter(None, (ended.words, now)))}{where}",
            data={"check": self._seen.check, "failed": ended.failed, "refused": refused, "evidence": self._all_evidence()},
        )  # fmt: skip
        self.spool.append(
            last.kind, sync=True, at=last.at, state=last.state, duration_ms=last.duration_ms, text=last.text, data=last.data,
        )  # fmt: skip
        self.spool.close()
        spool, undoable = self.spool, any(change.undoable() for dummy, change in left)
        recorded = spool.seq - self._announced
        return Ended(
            self.run, self.about, ended.words, duration, spool.seq, recorded, self._seen.lost, undoable, spool.problem, spool.lost(),
            now, out, self._service, refused, [*self._telling, last],
        )  # fmt: skip

    def _all_evidence(self) -> str:
        """The evidence of the failures, each with the same number of characters."""
        if not self._evidence:
            return ""
        from ansible_collections.incident.response.plugins.module_utils._core.decisive import kept  # rarely needed, and slow

        return "\n".join(kept(each, _EVIDENCE // len(self._evidence)) for each in self._evidence)

    def _actions(self) -> list[Action]:
        """The undoable changes of the run, by the same rule as the undo itself."""
        if not self._planned:
            return []
        lines = (line for line in self.spool.lines() if line["kind"] != "begun")
        return actions(Entry(**{key: value for key, value in line.items() if key in Entry.__slots__}) for line in lines)


def _balanced(details: Mapping[str, Any]) -> dict[str, Any]:
    """The states of the servers in the result of a load balancer task, or of each item of its loop."""
    told = [item.get("timeline") or {} for item in [details, *(details.get("results") or [])]]
    balancers = {on: servers for each in told for on, servers in each.get("balancer", {}).items()}
    return {"balancer": balancers, "service": next((each["service"] for each in told if each.get("service")), "")}
