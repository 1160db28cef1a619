# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: rocketchat_incident
short_description: Open an incident, move it on, and say what is new
version_added: 0.1.0
description:
  - Writes to the journal. From there the entries are sent to Rocket.Chat, if it is configured. Everything is recorded even if chat is down.
  - In a play, the action plugin of the same name does the work on the controller, so the task needs no C(delegate_to) and no C(run_once).
  - A skipped stage is recorded as inferred. Stages don't go back, except from V(mitigated) to V(investigating), which calls the people on call.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.connection, incident.response.told]
options:
  state:
    description:
      - The new stage of the incident. V(open) opens an incident unless an incident of the same service, or without a service of the same title, is
        open. If that incident is mitigated, the problem has come back. Then it is investigated again, and the people of its severity are called
        again.
      - V(updated) keeps the stage, and records the other options.
    type: str
    choices: [open, acknowledged, investigating, mitigated, resolved, closed, reviewed, updated]
    default: updated
  incident:
    description: Name or id of the incident. Defaults to E(INCIDENT_ID), then to the incident of O(service).
    type: str
  service:
    description: The service of the incident.
    type: str
  title:
    description: What is wrong, in a few words.
    type: str
  severity:
    description: The severity, V(P0) to V(P3), in upper or lower case. The default of a new incident is V(P1).
    type: str
  text:
    description:
      - The message. The same message again adds nothing.
      - A task may also call it C(message).
    type: str
  commander:
    description: The person who leads, by the user name in chat.
    type: str
  communications:
    description: The person who speaks for the incident, to customers and colleagues.
    type: str
  scribe:
    description: The person who takes notes.
    type: str
  root_cause:
    description: The root cause.
    type: str
  fix:
    description: The fix.
    type: str
  monitoring:
    description: The new monitoring.
    type: str
  next:
    description: The next steps, such as the review.
    type: str
  concerns:
    description:
      - Problems beyond the service. The next tick escalates them, whatever the clocks say. V(security) and V(data_loss) call the third level.
        V(trade_off), a decision that the engineer can't make alone, calls the second level.
      - V(security) is also announced in the channel C(channels.security).
    type: list
    elements: str
    choices: [security, data_loss, trade_off]
    default: []
  embargo:
    description:
      - Whether nothing about the incident may be published, neither on a status page nor by mail. Published texts stay unchanged.
      - An incident with the concern V(security) is under embargo until this is V(false).
    type: bool
  healthy:
    description: >-
      What a look at the service said. The components of the status page are operational again when an incident is resolved, unless this is
      V(false).
    type: bool
  force:
    description: Resolve a P0 or P1 incident even if O(root_cause), O(fix), O(monitoring) or O(next) is missing.
    type: bool
    default: false
  state_dir:
    description: Folder of the journal. Defaults to E(INCIDENT_STATE_DIR), then to C($XDG_STATE_HOME/incident-response).
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
    - The incident after the task, without its entries. In check mode, the predicted incident.
    - C(id), C(name), C(channel) and C(url) are null if they are not known yet. C(pending) is the number of entries not in chat yet.
  type: dict
  returned: success
  sample: {"id": "3f0c9ad1e5b7a642", "name": "incident-2025-11-10-001", "title": "API response time degraded", "service": "api",
    "severity": "P1", "status": "resolved", "channel": "incident-2025-11-10-001",
    "url": "https://chat.example.com/channel/incident-2025-11-10-001", "pending": 0}
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
told:
  description: The result of the delivery to chat; null in check mode, and if nothing was sent.
  type: dict
  returned: always
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    channel: {description: Its channel., type: str, returned: success}
    url: {description: The address of the channel., type: str, returned: success}
    mentioned: {description: The people whom this task mentioned in chat., type: list, elements: str, returned: success}
    chat: {description: Whether a chat is configured., type: bool, returned: success}
    required: {description: Whether it had to be delivered., type: bool, returned: success}
    delivered: {description: "Whether everything is in chat, and somebody was called if somebody must be called.", type: bool, returned: success}
    pending: {description: "The number of entries that are not in chat, also those that chat refused.", type: int, returned: success}
    why: {description: The cause if it is not delivered., type: str, returned: success}
    call: {description: "The people to call by telephone if it was not delivered.", type: str, returned: success}
"""

import os
import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.entry import utc
from ..module_utils._core.incident import CONCERNS, RESOLUTION, ROLES
from ..module_utils._core.severity import Severity
from ..module_utils._core.status import Status
from ..module_utils._journal.location import open_journal
from ..module_utils._ports import ChatError, Journal, JournalError
from ..module_utils._rocketchat import connect
from ..module_utils._state import state_dir
from ..module_utils._usecases import lifecycle, telling
from ..module_utils._usecases.chat_delivery import Delivery
from ..module_utils._usecases.chat_messages import Settings

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
    """The options in the form of the use case; `incident` is the one from the environment. Raises ValueError for an invalid severity."""
    return lifecycle.Wanted(
        status=None if params["state"] == "updated" else Status(params["state"]),
        incident=params["incident"] or incident,
        service=(params["service"] or "").strip(),
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
    """Plan the change and append it, except in check mode. Returns the change and the incident's id. Raises lifecycle.Refused."""
    at = utc(time.time())
    with journal.transaction():
        incident = lifecycle.locate(journal, asked)
        planned = lifecycle.plan(incident, journal.entries(incident) if incident else [], asked, at=at, actor=actor)
        if planned.changed and not check:
            incident = lifecycle.apply(planned, journal, at=at, actor=actor, chat=chat)
    return planned, incident


def calls(params: Mapping[str, Any], planned: lifecycle.Change) -> bool:
    """Whether the task calls somebody: the incident is opened, gets worse, or has a concern."""
    worse = bool(planned.before) and str(planned.after["severity"]) < str(planned.before["severity"])
    return params["state"] == "open" or bool(params["concerns"]) or worse


def result(journal: Journal, planned: lifecycle.Change, incident: str | None) -> dict[str, Any]:
    """The result of the task, with the same keys in every case."""
    info = journal.info(incident) if incident else {"pending": 0}
    shown = {key: info.get(key) for key in _SHOWN} | {key: value for key, value in planned.after.items() if key in _SHOWN}
    return {"changed": planned.changed, "incident": shown, "told": None, "diff": {"before": planned.before, "after": planned.after}}


def _deliver(journal: Journal, connection: dict[str, Any], timeout: float) -> str:
    """Deliver to chat at once, because without a controller nobody else does it. Returns the cause if it is not delivered."""
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
