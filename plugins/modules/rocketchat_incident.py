# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: rocketchat_incident
short_description: Open an incident, move it on, and say what is new
version_added: 0.1.0
description:
  - Writes to the journal, from which Rocket.Chat is told, where one is configured. A chat that is down keeps nothing from being recorded.
  - In a play its work is done on the controller, by the action plugin of the same name, so it needs no C(delegate_to) and no C(run_once).
  - A stage that is skipped is recorded as inferred. No stage goes back,
    but V(mitigated) to V(investigating), which calls who is on call.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.connection, incident.response.told]
options:
  state:
    description:
      - The stage that the incident shall be in. V(open) opens one unless one of the same service, or else of the same title, is open.
        One that is mitigated has come back then. It is investigated again, and those whom its severity tells are called again.
      - V(updated) leaves the stage as it is, and records what else is given.
    type: str
    choices: [open, acknowledged, investigating, mitigated, resolved, closed, reviewed, updated]
    default: updated
  incident:
    description: Name or id of the incident. Defaults to E(INCIDENT_ID), else it is the one of O(service).
    type: str
  service:
    description: The service that the incident is about.
    type: str
  title:
    description: What is wrong, in a few words.
    type: str
  severity:
    description: How bad it is, V(P0) to V(P3), in capitals or not. A new incident has V(P1) unless it is given.
    type: str
  text:
    description:
      - What there is to say. Saying the same again adds nothing.
      - A task may also call it C(message).
    type: str
  commander:
    description: Who leads, by the name in chat.
    type: str
  communications:
    description: Who speaks for it, to customers and inside.
    type: str
  scribe:
    description: Who writes down what is said.
    type: str
  root_cause:
    description: Why it happened.
    type: str
  fix:
    description: What ended it.
    type: str
  monitoring:
    description: What watches for it from now on.
    type: str
  next:
    description: What comes next, such as the review.
    type: str
  concerns:
    description:
      - What is escalated for at once, whatever the clocks say. V(security) and V(data_loss) call the third level of escalation,
        V(trade_off), a decision that the engineer can't take alone, the second.
      - V(security) is also told in the channel C(channels.security).
    type: list
    elements: str
    choices: [security, data_loss, trade_off]
    default: []
  embargo:
    description:
      - Whether nothing of the incident may go out, neither to a status page nor by mail. What is out already stays as it is.
      - An incident with the concern V(security) is under embargo until this is V(false).
    type: bool
  healthy:
    description: >-
      What a look at the service said. The components of the status page are operational again when an incident is resolved, unless this is
      V(false).
    type: bool
  force:
    description: Resolve a P0 or P1 incident although O(root_cause), O(fix), O(monitoring) or O(next) is missing.
    type: bool
    default: false
  state_dir:
    description: Folder of the journal. Defaults to E(INCIDENT_STATE_DIR), else C($XDG_STATE_HOME/incident-response).
    type: path
attributes:
  check_mode: {support: full, description: Predicts the change and writes nothing.}
  diff_mode: {support: full, description: Shows what changes on the incident.}
  idempotent: {support: full, description: A second run with the same options changes nothing.}
"""
EXAMPLES = r"""
- name: Open an incident
  incident.response.rocketchat_incident:
    state: open
    service: api
    title: API response time degraded

- name: Tell what was found
  incident.response.rocketchat_incident:
    service: api
    state: investigating
    text: "Root cause: database connection pool exhausted"

- name: Resolve it
  incident.response.rocketchat_incident:
    service: api
    state: resolved
    root_cause: Database connection pool too small
    fix: Increased pool size from 20 to 50
    monitoring: Added alerts for pool utilization
    next: Post-incident review tomorrow 2pm
"""
RETURN = r"""
incident:
  description:
    - The incident as it is now, without its entries. In check mode, as it would be.
    - C(id), C(name), C(channel) and C(url) are null where they can't be known yet. C(pending) is the number of entries not in chat yet.
  type: dict
  returned: success
  sample: {"id": "3f0c9ad1e5b7a642", "name": "incident-2025-11-10-001", "title": "API response time degraded", "service": "api",
    "severity": "P1", "status": "resolved", "channel": "incident-2025-11-10-001",
    "url": "https://chat.example.com/channel/incident-2025-11-10-001", "pending": 0}
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
told:
  description: What became of telling it in chat; null in check mode, and where nothing was told.
  type: dict
  returned: always
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    channel: {description: Its channel., type: str, returned: success}
    url: {description: Where that is., type: str, returned: success}
    mentioned: {description: Whom this task named in what chat has., type: list, elements: str, returned: success}
    chat: {description: Whether a chat is configured., type: bool, returned: success}
    required: {description: Whether it had to be delivered., type: bool, returned: success}
    delivered: {description: "Whether all of it is in chat, and somebody was called where somebody is to be.", type: bool, returned: success}
    pending: {description: "Entries that chat doesn't have, those that it refused among them.", type: int, returned: success}
    why: {description: What holds it up., type: str, returned: success}
    call: {description: "Whom to call by telephone, where it was not delivered.", type: str, returned: success}
"""

import os
import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.incident import CONCERNS, RESOLUTION, ROLES, utc
from ..module_utils._core.severity import Severity
from ..module_utils._core.status import Status
from ..module_utils._journal.location import open_journal
from ..module_utils._ports import ChatError, Journal, JournalError
from ..module_utils._rocketchat import connect
from ..module_utils._state import state_dir
from ..module_utils._usecases import lifecycle, telling
from ..module_utils._usecases.chat_messages import Settings
from ..module_utils._usecases.deliver import Delivery

SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": [*map(str, Status), "updated"], "default": "updated"},
    "incident": {"type": "str"},
    "service": {"type": "str"},
    "title": {"type": "str"},
    "severity": {"type": "str"},
    "text": {"type": "str"},
    **{name: {"type": "str"} for name in (*ROLES, *RESOLUTION)},
    "concerns": {"type": "list", "elements": "str", "choices": list(CONCERNS), "default": []},
    "embargo": {"type": "bool"},
    "healthy": {"type": "bool"},
    "force": {"type": "bool", "default": False},
    "require_delivery": {"type": "bool"},
    "state_dir": {"type": "path"},
    **connect.SPEC,
}
TROUBLE = (OSError, JournalError, ValueError)
_SHOWN = ("id", "name", "title", "service", "severity", "status", "channel", "url", "pending")


def wanted(params: Mapping[str, Any], incident: str) -> lifecycle.Wanted:
    """The options as a use case takes them; `incident` is the one of the environment. Raises ValueError for what is no severity."""
    return lifecycle.Wanted(
        status=None if params["state"] == "updated" else Status(params["state"]),
        incident=params["incident"] or incident,
        service=params["service"] or "",
        title=(params["title"] or "").strip(),
        severity=Severity.parse(params["severity"]) if params["severity"] else None,
        message=params["text"] if (params["text"] or "").strip() else "",
        roles={name: params[name].strip() for name in ROLES if (params[name] or "").strip()},
        concerns=tuple(params["concerns"]),
        resolution={name: params[name] for name in RESOLUTION if str(params[name] or "").strip()},
        force=params["force"],
        embargo=params["embargo"],
        healthy=params["healthy"],
    )


def change(journal: Journal, asked: lifecycle.Wanted, *, actor: str, chat: bool, check: bool) -> tuple[lifecycle.Change, str | None]:
    """Plan, and unless in check mode append. The change and the incident's id. Raises lifecycle.Refused."""
    at = utc(time.time())
    with journal.transaction():
        incident = lifecycle.locate(journal, asked)
        planned = lifecycle.plan(incident, journal.entries(incident) if incident else [], asked, at=at, actor=actor)
        if planned.changed and not check:
            incident = lifecycle.apply(planned, journal, at=at, actor=actor, chat=chat)
    return planned, incident


def calls(params: Mapping[str, Any], planned: lifecycle.Change) -> bool:
    """Whether somebody is to hear of it now: it is opened, gets worse, or is escalated for at once."""
    worse = bool(planned.before) and str(planned.after["severity"]) < str(planned.before["severity"])
    return params["state"] == "open" or bool(params["concerns"]) or worse


def result(journal: Journal, planned: lifecycle.Change, incident: str | None) -> dict[str, Any]:
    """What the task returns, with the same keys in every case."""
    info = journal.info(incident) if incident else {"pending": 0}
    shown = {key: info.get(key) for key in _SHOWN} | {key: value for key, value in planned.after.items() if key in _SHOWN}
    return {"changed": planned.changed, "incident": shown, "told": None, "diff": {"before": planned.before, "after": planned.after}}


def _deliver(journal: Journal, connection: dict[str, Any], timeout: float) -> str:
    """Into chat at once: where no controller does it, nobody else would. What holds it up."""
    from ..module_utils._rocketchat.client import RocketChat

    client = RocketChat.of(connection, timeout=timeout)
    try:
        Delivery(journal, client, Settings(base_url=str(connection["url"]).rstrip("/")), time.monotonic).step(all_now=True)
    except ChatError as error:
        return str(error)
    finally:
        client.close()
    return ""


def _told(module: AnsibleModule, journal: Journal, incident: str, connection: dict[str, Any], *, calls: bool, seen: int) -> dict[str, Any]:
    wrote = range(seen + 1, len(journal.entries(incident)) + 1)
    held = _deliver(journal, connection, module.params["timeout"]) if connection else ""
    told = telling.told(journal, incident, chat=bool(connection), held=held, calls=calls, wrote=wrote)
    urgent = calls and journal.info(incident)["severity"] in telling.URGENT
    told["required"] = urgent if module.params["require_delivery"] is None else module.params["require_delivery"]
    if told["why"] and (connection or urgent):
        module.warn(telling.words(told))
    return told


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        connection = connect.options(module.params)
        with open_journal(state_dir(module.params["state_dir"] or "")) as journal:
            asked = wanted(module.params, os.environ.get("INCIDENT_ID", ""))
            actor = os.environ.get("USER") or "somebody"
            planned, incident = change(journal, asked, actor=actor, chat=bool(connection), check=module.check_mode)
            told = None
            if incident and not module.check_mode:
                told = _told(module, journal, incident, connection, calls=calls(module.params, planned), seen=planned.seen)
            found = result(journal, planned, incident) | {"told": told}
            if told and told["required"] and told["chat"] and not told["delivered"]:
                module.fail_json(msg=telling.words(told), **found)
            module.exit_json(**found)
    except TROUBLE as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
