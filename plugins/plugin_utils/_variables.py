# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of each playbook of the collection: what people type behind `-e`, what it may be, and by which other names it is taken.

This is the one place that knows them. A test holds it against the playbooks, and `docs/playbooks.md` is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.incident.response.plugins.module_utils._core.argument import Variable
from ansible_collections.incident.response.plugins.module_utils._core.incident import CONCERNS
from ansible_collections.incident.response.plugins.module_utils._core.publication import AUDIENCES, OCCASIONS
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._core.status_page import IMPACTS, INCIDENT_STATES, MAINTENANCE_STATES

Variables = Mapping[str, Variable]

_WORDS = ("text", "msg")
_SERVICE = Variable("The service.", "service", ("app",), example="api")
_MESSAGE = Variable("What there is to say.", same=(*_WORDS, "reason"))
_REASON = Variable("Why.", "reason", ("message", *_WORDS), required=True, example='"no progress"')
_SEVERITY = Variable("How bad it is.", "severity", example="P1")
_INCIDENT = Variable("The incident, by its name or id. Else the open one of the service.", "incident")
_FORCE = Variable("Do it all the same: a service that nobody knows, an incident whose service is not healthy, or can't be looked at.", "switch")
_ABOUT = {
    "incident": _INCIDENT,
    "service": _SERVICE,
    "force": replace(_FORCE, about="Take a service that neither the catalogue nor any incident knows."),
}
"""Which incident, for a step that people take."""
_WEIGHT = {
    "concerns": Variable("What it is about, beside the service: calls people at once.", "choices", choices=tuple(CONCERNS)),
    "embargo": Variable("Whether nothing of it may go out.", "switch"),
}
_DELIVERY = {"require_delivery": Variable("Fail if chat could not be told. Else it does so for a P0 or P1 that calls somebody.", "switch")}
_ACTION = {
    "incident": Variable("The open incident that this belongs to. Else that of the service, or a new one.", "open_incident"),
    "severity": _SEVERITY,
    "title": Variable("What is wrong, in a few words."),
    "reason": Variable("Why, for the record.", same=("message", *_WORDS)),
    "drill": Variable("Mark it as a drill; `dry` leaves the change out.", "drill"),
    "plan": Variable("Only show what would be done.", "switch"),
    "approved_plan": Variable("The ticket of the only plan that may be carried out, as `plan=true` prints it.", "name"),
    "break_glass": Variable("Why it can't wait for the approval that the policy asks for, or for the lock in chat of another controller.", "reason"),
}
"""What every emergency action takes."""
_HOST = Variable("Where: a host, a pattern, or a list. Else all hosts of the service in the catalogue.", "hosts", ("hosts",), example="prod-api-01")
_MAX_HOSTS = Variable("How many hosts may be named by hand; else `safety.max_hosts`.", "count")
_RESOLUTION = {
    "root_cause": Variable("Why it happened."), "fix": Variable("What ended it."), "monitoring": Variable("What watches for it from now on."),
    "next": Variable("What comes next."),
}  # fmt: skip
_ENDING = {**_DELIVERY, **_ABOUT, "force": _FORCE, "message": _MESSAGE, **_RESOLUTION}

PLAYBOOKS: Mapping[str, Variables] = {
    "restart_service": {"service": replace(_SERVICE, required=True), "host": _HOST, "max_hosts": _MAX_HOSTS, **_ACTION},
    "rollback": {
        "app": replace(_SERVICE, same=("service",), required=True), "host": _HOST, "max_hosts": _MAX_HOSTS,
        "version": Variable("`previous`, or an exact version. Else the previous one.", "version", example="previous"),
        "force_migrations": Variable("Roll back in spite of a pending migration.", "switch"), **_ACTION,
    },
    "scale_up": {
        "service": replace(_SERVICE, required=True), "host": _HOST, "max_hosts": _MAX_HOSTS,
        "replicas": Variable("How many instances there are to be on all hosts together.", "count", required=True, example="3"),
        "allow_scale_down": Variable("Whether there may be fewer than now.", "switch"), **_ACTION,
    },
    "undo": {
        "run": Variable("The run to undo, as its last lines named it.", "name", ("action",), example="20251110T100500-1a2b3c4d"),
        "service": replace(_SERVICE, about="The service that the run was of, where you name it.", kind="name"),
        **_ACTION, "incident": Variable("The incident whose latest action that still stands is to be undone.", "incident"),
        "force_migrations": Variable("Go back in spite of a pending migration.", "switch"),
        "force_unverified": Variable("Why a record is believed that was tampered with, or can't be verified.", "reason"),
    },
    "incident_open": {
        **_DELIVERY, "service": _SERVICE, "title": Variable("What is wrong, in a few words."), "severity": _SEVERITY, **_WEIGHT, "message": _MESSAGE,
        "force": replace(_FORCE, about="Open it for a service that the catalogue doesn't have."),
    },
    "incident_acknowledge": {**_DELIVERY, **_ABOUT, "message": _MESSAGE},
    "incident_assign": {
        **_DELIVERY, **_ABOUT, "commander": Variable("Who leads, by the name in chat.", "person", example="grace"),
        "communications": Variable("Who speaks for it.", "person"), "scribe": Variable("Who writes down what is said.", "person"),
    },
    "incident_investigate": {**_DELIVERY, **_ABOUT, **_WEIGHT, "message": _MESSAGE},
    "incident_update": {**_DELIVERY, **_ABOUT, **_WEIGHT, "message": _MESSAGE},
    "incident_severity": {**_DELIVERY, **_ABOUT, **_WEIGHT, "severity": replace(_SEVERITY, required=True), "reason": _REASON},
    "incident_handoff": {
        **_DELIVERY, **_ABOUT,
        "to": Variable("Who leads from now on, by the name in chat.", "person", ("commander",), required=True, example="grace"),
        "message": replace(_MESSAGE, kind="name", required=True, example='"my shift ends"'),
    },
    "incident_escalate": {**_DELIVERY, **_ABOUT, "reason": _REASON, "level": Variable("Which level is called. Else the next.", "level")},
    "incident_mitigate": {**_DELIVERY, **_ABOUT, "force": _FORCE, "message": _MESSAGE},
    "incident_resolve": _ENDING,
    "incident_close": _ENDING,
    "incident_review": {**_DELIVERY, **_ABOUT, "message": _MESSAGE},
    "incident_list": {
        "service": _SERVICE, "status": Variable("Only those at this stage.", "choice", choices=tuple(map(str, Status))),
        "since": Variable("Only those opened since.", "since", example="7d"), "force": _ABOUT["force"],
    },
    "incident_show": {
        "incident": replace(_INCIDENT, about="The incident, by its name or id. Else the open one of the service, or the only one that is open."),
        "service": _SERVICE, "detail": Variable("Show the whole timeline, with argument checks and skipped tasks.", "switch"),
        "follow": Variable("Go on, and print what is new.", "switch"),
        "duration": Variable("With `follow`, end after so many seconds.", "seconds"), "force": _ABOUT["force"],
    },
    "incident_communicate": {
        **_DELIVERY, **_ABOUT, "message": _MESSAGE, "audience": Variable("Who is told.", "choice", choices=AUDIENCES),
        "occasion": Variable("What for.", "choice", choices=OCCASIONS),
        "page_state": Variable("What the status page says.", "choice", choices=INCIDENT_STATES),
        "approve": Variable("The draft that is to be published.", "name"), "publish": Variable("Publish it at once.", "switch"),
    },
    "status_page": {
        **_ABOUT, "incident": replace(_INCIDENT, about="The incident, or a name for a maintenance.", kind="name"),
        "state": Variable("What the page is to say.", "choice", choices=(*INCIDENT_STATES, *MAINTENANCE_STATES)),
        "title": Variable("The headline."), "impact": Variable("How much of it is noticed.", "choice", choices=IMPACTS),
        "components": Variable("The state of each component.", "mapping"), "message": _MESSAGE,
        "notify_subscribers": Variable("Whether the provider writes to those who subscribed.", "switch", ("notify",)),
        "starts": Variable("When the maintenance starts.", "time"), "ends": Variable("When it ends.", "time"),
    },
    "oncall_publish": {
        "channel": Variable("The channel whose topic says it. Else `channels.devops`."),
        "team": Variable("The team in chat that has as members who is on call. Else `oncall.team`. Empty: the team is left alone."),
    },
    "tick": {
        "watch": Variable("Look again each so many seconds.", "seconds"), "duration": Variable("End after so many seconds.", "seconds"),
    },
    "deliver": {"wait": Variable("How long to wait.", "seconds", ("timeout",))},
}  # fmt: skip
"""By the last part of the name that a playbook is called by, `incident.response.NAME`."""
ROLES: Variables = {
    name: replace(known, example="") for playbook in ("rollback", "scale_up") for name, known in PLAYBOOKS[playbook].items()
    if name in {"plan", "drill", "approved_plan", "break_glass", "force_migrations", "allow_scale_down"}
}  # fmt: skip
"""What the roles read wherever they are used, also in a play of somebody's own."""
SENTENCES = frozenset({"message", "reason", "title", "break_glass", "force_unverified", *_RESOLUTION})
"""What people write in several words, also without quotes where nothing follows."""
ONE_OF = {"incident_update": ("message", "concerns", "embargo"), "incident_assign": ("commander", "communications", "scribe")}
"""What a step must be given at least one of, and not empty."""
