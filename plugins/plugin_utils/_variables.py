# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables that each playbook takes with `-e`: their kind of value, and their other names.

This is the only list of them. A test compares it with the playbooks, and `docs/playbooks.md` is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.incident.response.plugins.module_utils._core.argument import Variable
from ansible_collections.incident.response.plugins.module_utils._core.communication import AUDIENCES, OCCASIONS
from ansible_collections.incident.response.plugins.module_utils._core.incident import CONCERNS
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._core.status_page import IMPACTS, INCIDENT_STATES, MAINTENANCE_STATES

Variables = Mapping[str, Variable]

_WORDS = ("text", "msg")
_SERVICE = Variable("The service.", "service", ("app",), example="api")
_MESSAGE = Variable("The text of the entry.", same=(*_WORDS, "reason"))
_REASON = Variable("Why.", "reason", ("message", *_WORDS), required=True, example='"no progress"')
_SEVERITY = Variable("The severity of the incident.", "severity", example="P1")
_INCIDENT = Variable("The incident, by its name or id. Default: the open incident of the service.", "incident")
_FORCE = Variable("Go on with an unknown service, or if the service is not healthy or can't be checked.", "switch")
_ABOUT = {
    "incident": _INCIDENT,
    "service": _SERVICE,
    "force": replace(_FORCE, about="Accept a service that is neither in the catalogue nor in any incident."),
}
"""The variables that name the incident of a step."""
_WEIGHT = {
    "concerns": Variable("Problems beyond the service. The tick calls people for them, whatever the clocks say.", "choices", choices=tuple(CONCERNS)),
    "embargo": Variable("Whether nothing about the incident may be published.", "switch"),
}
_DELIVERY = {"require_delivery": Variable("Fail if chat could not be told. Default: true for a P0 or P1 that calls somebody.", "switch")}
_ACTION = {
    "incident": Variable("The open incident of the action. Default: the open incident of the service, or a new one.", "open_incident"),
    "severity": _SEVERITY,
    "title": Variable("What is wrong, in a few words."),
    "reason": Variable("Why, for the record.", same=("message", *_WORDS)),
    "drill": Variable("Mark the action as a drill; `dry` does not make the change.", "drill"),
    "plan": Variable(
        "Only show what would be done.", "switch", ("dry_run", "dryrun", "plan_only", "planned", "preview", "noop", "check", "simulate")
    ),
    "approved_plan": Variable("The ticket of the only plan that may be carried out, as `plan=true` prints it.", "ticket"),
    "break_glass": Variable("The reason to go on without the required approval, or against the lock of another controller in chat.", "reason"),
}
"""The variables of every emergency action."""
_HOST = Variable("A host, a pattern, or a list. Default: all hosts of the service in the catalogue.", "hosts", ("hosts",), example="prod-api-01")
_MAX_HOSTS = Variable("The largest number of hosts that you may name. Default: `safety.max_hosts`.", "count")
_RESOLUTION = {
    "root_cause": Variable("The root cause."), "fix": Variable("The fix."), "monitoring": Variable("The new monitoring."),
    "next": Variable("The next steps."),
}  # fmt: skip
_ENDING = {**_DELIVERY, **_ABOUT, "force": _FORCE, "message": _MESSAGE, **_RESOLUTION}

PLAYBOOKS: Mapping[str, Variables] = {
    "restart_service": {"service": replace(_SERVICE, required=True), "host": _HOST, "max_hosts": _MAX_HOSTS, **_ACTION},
    "rollback": {
        "app": replace(_SERVICE, same=("service",), required=True), "host": _HOST, "max_hosts": _MAX_HOSTS,
        "version": Variable("`previous`, or an exact version. Default: `previous`.", "version", example="previous"),
        "force_migrations": Variable("Roll back even if a migration is pending.", "switch"), **_ACTION,
    },
    "scale_up": {
        "service": replace(_SERVICE, required=True), "host": _HOST, "max_hosts": _MAX_HOSTS,
        "replicas": Variable("The total number of instances on all hosts.", "count", required=True, example="3"),
        "allow_scale_down": Variable("Allow fewer instances than now.", "switch"), **_ACTION,
    },
    "undo": {
        "run": Variable("The run to undo. The last lines of that run show its name.", "name", ("action",), example="20251110T100500-1a2b3c4d"),
        "service": replace(_SERVICE, about="The service of the run (optional).", kind="name"),
        **_ACTION, "incident": Variable("Undo the latest action of this incident that is still in effect.", "incident"),
        "force_migrations": Variable("Undo even if a migration is pending.", "switch"),
        "force_unverified": Variable("The reason to use a record that was tampered with, or that can't be verified.", "reason"),
    },
    "incident_open": {
        **_DELIVERY, "service": _SERVICE, "title": Variable("What is wrong, in a few words."), "severity": _SEVERITY, **_WEIGHT, "message": _MESSAGE,
        "force": replace(_FORCE, about="Open the incident for a service that is not in the catalogue."),
    },
    "incident_acknowledge": {**_DELIVERY, **_ABOUT, "message": _MESSAGE},
    "incident_assign": {
        **_DELIVERY, **_ABOUT, "commander": Variable("The person who leads, by the user name in chat.", "person", example="grace"),
        "communications": Variable("The person who speaks for the incident.", "person"), "scribe": Variable("The person who takes notes.", "person"),
    },
    "incident_investigate": {**_DELIVERY, **_ABOUT, **_WEIGHT, "message": _MESSAGE},
    "incident_update": {**_DELIVERY, **_ABOUT, **_WEIGHT, "message": _MESSAGE},
    "incident_severity": {**_DELIVERY, **_ABOUT, **_WEIGHT, "severity": replace(_SEVERITY, required=True), "reason": _REASON},
    "incident_handoff": {
        **_DELIVERY, **_ABOUT,
        "to": Variable("The new commander, by the user name in chat.", "person", ("commander",), required=True, example="grace"),
        "message": replace(_MESSAGE, kind="name", required=True, example='"my shift ends"'),
    },
    "incident_escalate": {**_DELIVERY, **_ABOUT, "reason": _REASON, "level": Variable("The level to call. Default: the next level.", "level")},
    "incident_mitigate": {**_DELIVERY, **_ABOUT, "force": _FORCE, "message": _MESSAGE},
    "incident_resolve": _ENDING,
    "incident_close": _ENDING,
    "incident_review": {**_DELIVERY, **_ABOUT, "message": _MESSAGE},
    "incident_list": {
        "service": _SERVICE, "status": Variable("Only incidents at this stage.", "choice", choices=tuple(map(str, Status))),
        "since": Variable("Only incidents opened since then.", "since", example="7d"),
    },
    "incident_show": {
        "incident": replace(_INCIDENT, about="The incident, by its name or id. Default: the open incident of the service, or the only open one."),
        "service": _SERVICE, "detail": Variable("Show the whole timeline, with argument checks and skipped tasks.", "switch"),
        "follow": Variable("Keep running, and print new entries.", "switch"),
        "duration": Variable("With `follow`: end after this number of seconds.", "seconds"),
    },
    "incident_communicate": {
        **_DELIVERY, **_ABOUT, "message": _MESSAGE, "audience": Variable("The readers of the text.", "choice", choices=AUDIENCES),
        "occasion": Variable("The occasion of the text.", "choice", choices=OCCASIONS),
        "page_state": Variable("The state on the status page.", "choice", choices=INCIDENT_STATES),
        "approve": Variable("The draft to publish.", "name"), "publish": Variable("Publish the text at once.", "switch"),
    },
    "status_page": {
        **_ABOUT, "incident": replace(_INCIDENT, about="The incident, or a name for a maintenance.", kind="name"),
        "state": Variable("The state to show on the page.", "choice", choices=(*INCIDENT_STATES, *MAINTENANCE_STATES)),
        "title": Variable("The headline."), "impact": Variable("The impact that the page shows.", "choice", choices=IMPACTS),
        "components": Variable("The state of each component.", "mapping"), "message": _MESSAGE,
        "notify_subscribers": Variable("Whether the provider notifies the subscribers.", "switch", ("notify",)),
        "starts": Variable("When the maintenance starts.", "time"), "ends": Variable("When it ends.", "time"),
    },
    "oncall_publish": {
        "channel": Variable("The channel whose topic names the people on call. Default: `channels.devops`."),
        "team": Variable("The chat team whose members are the people on call. Default: `oncall.team`. Empty: no team is changed."),
    },
    "tick": {
        "watch": Variable("Repeat the tick after this many seconds.", "seconds"), "duration": Variable("End after this many seconds.", "seconds"),
    },
    "deliver": {"wait": Variable("The time to wait.", "seconds", ("timeout",))},
}  # fmt: skip
"""The key is NAME in `incident.response.NAME`."""
ROLES: Variables = {
    name: replace(known, example="") for playbook in ("rollback", "scale_up") for name, known in PLAYBOOKS[playbook].items()
    if name in {"plan", "drill", "approved_plan", "break_glass", "force_migrations", "allow_scale_down"}
}  # fmt: skip
"""The variables that the roles read, also in other people's plays."""
SENTENCES = frozenset({"message", "reason", "title", "break_glass", "force_unverified", *_RESOLUTION})
"""Texts of several words. They need no quotes if nothing follows them."""
ONE_OF = {"incident_update": ("message", "concerns", "embargo"), "incident_assign": ("commander", "communications", "scribe")}
"""A step needs at least one of these variables, and not an empty one."""
