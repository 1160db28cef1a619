# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds the reason why a step would be refused, before its play begins: it runs the step's own decision without writing."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.module_utils._core import argument
from ansible_collections.incident.response.plugins.module_utils._core import communication as communication_rules
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.incident import RESOLUTION, ROLES
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.module_utils._state import state_dir, state_path
from ansible_collections.incident.response.plugins.module_utils._usecases import communication, escalation, lifecycle, query, status_page
from ansible_collections.incident.response.plugins.plugin_utils import _config, _journal, _phone
from ansible_collections.incident.response.plugins.plugin_utils._wiring import escalation as escalation_wiring
from ansible_collections.incident.response.plugins.plugin_utils._wiring import status_page as status_page_wiring

_STATES = {
    "incident_open": Status.OPEN, "incident_acknowledge": Status.ACKNOWLEDGED, "incident_investigate": Status.INVESTIGATING,
    "incident_mitigate": Status.MITIGATED, "incident_resolve": Status.RESOLVED, "incident_close": Status.CLOSED, "incident_review": Status.REVIEWED,
    **dict.fromkeys(("incident_update", "incident_assign", "incident_severity", "incident_handoff")),
}  # fmt: skip
"""The target stage of each step; None if the stage does not change."""


_OWN_END = re.compile(r"\.? *Nothing was (?:recorded|published)\.$")


@dataclass(frozen=True, slots=True)
class Step:
    """The variables of a step. `incident` is the incident of the step; empty if the service selects it."""

    playbook: str
    given: Mapping[str, Any]
    incident: str
    service: str
    config: Mapping[str, Any]


def refuse(playbook: str, given: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raises AnsibleError if the step would be refused. The step itself reports an unreadable journal or configuration."""
    rehearse = _rehearsal(playbook)
    if rehearse is None:
        return
    try:
        config = _config.load(_config.find(str(options["config"])))
        with _journal.opened(options, state_dir(options["state_dir"]), timeout=2) as journal:
            rehearse(journal, _step(playbook, given, options, config))
    except query.NotFound as problem:
        raise AnsibleError(str(problem)) from None
    except (lifecycle.Refused, communication.Refused, escalation.Refused) as refused:
        said, line, command = str(refused).partition("\n")
        said = _OWN_END.sub("", said).rstrip(" .:")
        look = " Look with: ansible-playbook incident.response.incident_list" if "Open now: " in said else ""
        call = f" Call {_phone.above(options, state_path(options['state_dir']))}." if playbook == "incident_escalate" else ""
        fill = _to_fill_in(playbook, given, getattr(refused, "missing", ()))
        raise AnsibleError(f"{playbook}: {said}. Nothing was recorded.{call}{look}{fill}{line}{command}") from None
    except (_config.ConfigError, communication.TemplateError, OSError, JournalError, ValueError):
        return


def _to_fill_in(playbook: str, given: Mapping[str, Any], missing: Sequence[str]) -> str:
    """The same command with placeholders for the missing texts, to paste and fill in; empty if no text is missing."""
    if not missing:
        return ""
    named = [each for each in context.CLIARGS.get("inventory") or () if each not in (C.DEFAULT_HOST_LIST or ())]
    options = "".join(f" -i {shlex.quote(str(each))}" for each in named)
    texts = json.dumps({**{name: value for name, value in given.items() if name not in missing}, **dict.fromkeys(missing, "…")}, ensure_ascii=False)
    return f" Fill in and run:\nansible-playbook{options} incident.response.{playbook} -e {shlex.quote(texts)}"


def _rehearsal(playbook: str) -> Callable[[SqliteJournal, Step], None] | None:
    others = {"incident_escalate": _escalate, "incident_communicate": _communicate, "status_page": _show, "incident_show": _read}
    return _move if playbook in _STATES else others.get(playbook)


def _step(playbook: str, given: Mapping[str, Any], options: Mapping[str, Any], config: dict[str, Any]) -> Step:
    named, called = str(given.get("incident") or "").strip(), str(given.get("service") or "").strip()
    opens = playbook == "incident_open"
    incident = named or ("" if opens and not options["incident"] else str(options["incident"] or ""))
    return Step(playbook, given, incident, str(_config.service(config, called)["name"]) if called else "", config)


def _move(journal: SqliteJournal, step: Step) -> None:
    words = {name: str(value).strip() for name, value in step.given.items() if value is not None}
    state, concerns, embargo = _STATES[step.playbook], step.given.get("concerns") or [], step.given.get("embargo")
    wanted = lifecycle.Wanted(
        state, incident=step.incident, service=step.service, called=words.get("service", ""), title=words.get("title", ""),
        severity=Severity.parse(words["severity"]) if words.get("severity") else None, message=words.get("message") or words.get("reason", ""),
        roles={name: words[name] for name in ROLES if words.get(name)} | ({"commander": words["to"]} if "to" in words else {}),
        resolution={name: words[name] for name in RESOLUTION if words.get(name)}, force=argument.switch(step.given.get("force", False)),
        concerns=tuple(concerns) if isinstance(concerns, (list, tuple)) else tuple(each.strip() for each in str(concerns).split(",")),
        embargo=None if embargo is None else argument.switch(embargo),
    )  # fmt: skip
    incident = lifecycle.locate(journal, wanted)
    lifecycle.plan(incident, journal.entries(incident) if incident else [], wanted, at=utc(time.time()), actor="")


def _escalate(journal: SqliteJournal, step: Step) -> None:
    incident = lifecycle.locate(journal, _about(step)) or ""
    level = step.given.get("level")
    escalation.escalate(
        journal, incident, escalation_wiring.policy(step.config), reason=str(step.given["reason"]), target=int(level) if level else None,
        at=utc(time.time()), actor="",
    )  # fmt: skip


def _communicate(journal: SqliteJournal, step: Step) -> None:
    draft = str(step.given.get("approve") or "").strip()
    incident = communication.locate(journal, _about(step), str(step.given.get("audience") or communication_rules.CUSTOMERS))
    communication.forbid(journal.incident(incident))
    if draft:
        communication.waiting(journal, incident, draft)


def _show(journal: SqliteJournal, step: Step) -> None:
    components = step.given.get("components") or {}
    if not isinstance(components, Mapping):  # text, which the step turns into a mapping
        return
    alone = not any(step.given.get(name) for name in ("state", "service", "incident"))
    named = str(step.given.get("incident") or "").strip() or ("" if alone or step.service else step.incident)
    words: dict[str, Any] = {name: str(step.given.get(name) or "").strip() for name in ("state", "title", "impact", "starts", "ends")}
    wanted = status_page.Wanted(
        **words, text=str(step.given.get("message") or "").strip(), incident=named, service="" if named else step.service,
        components={str(name): str(state) for name, state in components.items()},
    )  # fmt: skip
    listed = status_page_wiring.publishing(step.config, Path()).listed
    status_page.plan(journal, wanted, listed or status_page.known(journal), at=utc(time.time()), actor="")


def _read(journal: SqliteJournal, step: Step) -> None:
    query.located(journal, "" if step.service and not step.given.get("incident") else step.incident, step.service)


def _about(step: Step) -> lifecycle.Wanted:
    return lifecycle.Wanted(None, incident=step.incident, service=step.service, called=str(step.given.get("service") or "").strip())
