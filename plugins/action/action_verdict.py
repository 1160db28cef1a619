# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact
from ansible_collections.incident.response.plugins.module_utils._core.verdict import (
    CHANGE_FAILED,
    GOOD,
    PUT_BACK,
    STILL_GOOD,
    Verdict,
    health,
    judge,
    replaced,
    unproved,
)
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.plugin_utils import _options, _run
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._remote import in_one_trip
from ansible_collections.incident.response.plugins.plugin_utils._secrets import secret_values

_DRAIN = 2.0
"""Seconds to wait for the incident's name where nothing is configured."""
_SEEN, _EVIDENCE = 200, 3000
_CHECKS = ("unit", "command", "http", "tcp")


class ActionModule(ControllerAction):
    """Compares the health before and after, gives the verdict, and records it with the remaining state."""

    TELLS_WHAT_IS_MISSING: ClassVar = False
    SPEC: ClassVar = {
        "before": {"type": "dict", "required": True},
        "check": {"type": "dict", "default": {}},
        "after": {"type": "dict", "default": {}},
        "change": {"type": "dict", "default": {}},
        "backend": {"type": "str", "default": ""},
        "judged": {"type": "dict", "default": {}},
        "failure": {"type": "dict", "default": {}},
        "broken": {"type": "str", "default": ""},
        "plan": {"type": "str", "default": ""},
        "out": {"type": "str", "default": ""},
        "dry": {"type": "bool", "default": False},
        "last": {"type": "bool", "default": True},
        "again": {"type": "bool", "default": False},
    }
    _requires_connection = True

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        change, left = params["change"], self._left(params, variables)
        failed, failure = params["broken"] == params["plan"] != "", _of_plan(params["failure"], params["plan"])
        after, now = self._after(params, failure, variables)
        if params["out"]:
            words = f"it gets no requests, since it is STILL OUT of nginx: {params['out']}; it is {after.get('detail') or 'not checked'}"
            after = {**after, "healthy": False, "detail": words}
        restored = {} if not failure else now if failure["restored"] else {"healthy": False}
        if (failed or params["again"]) and left and left not in (change.get("before"), change.get("wanted")):
            left = {}  # somebody else changed it: it is left to them
        verdict, seen = self._verdict(params, after, left, variables, failed=failed)
        if restored and "detail" not in restored:
            back = bool(left) and left == change.get("before")
            seen += "; it is put back as it was before, BUT NOT PROVED TO RUN so: look at it" if back else "; IT COULD NOT BE PUT BACK as it was"
        elif restored:
            seen += f"; {PUT_BACK}, and is {'healthy' if restored.get('healthy') else 'NOT HEALTHY'} ({restored.get('detail')})"
        if verdict is Verdict.WORKED and _idle(params["plan"], variables):
            verdict = Verdict.NOTHING_TO_DO
        if not params["last"] and verdict not in GOOD:
            raise Refused(f"not good yet: {seen}", plan=params["plan"], after=after)
        evidence = redact(str(after.get("evidence") or ""), secret_values(variables)) if verdict not in GOOD else ""
        if evidence:
            from ansible_collections.incident.response.plugins.module_utils._core.decisive import kept  # rarely needed, and not cheap

            evidence = kept(evidence, _EVIDENCE)
        result: dict[str, Any] = {"verdict": str(verdict), "evidence": evidence, "plan": params["plan"]}
        healthy = None if params["out"] else now.get("healthy")  # without requests it is neither down nor well
        data = {"verdict": str(verdict), "healthy": healthy, "seen": cut(_gate.clean(seen), _SEEN)}
        data |= {"left": left} if left and not params["dry"] else {}
        good = verdict in GOOD
        was = "" if params["again"] else health(params["before"])
        text, detail = f"verdict {verdict}: {seen}{f'; before: {was}' if was else ''}", {} if good else {"evidence": evidence}
        if not (params["again"] and good):
            self._tell(text + self._way_back(params, variables), variables)
        result = self.recorded(result, data | detail, variables, text=text, state="ok" if good else "failed")
        if good:
            return result | {"after": after}
        result.pop("words", None)  # a failure says them already, and its evidence once
        result.get("timeline", {}).pop("evidence", None)
        raise Refused(f"{text}{chr(10) if evidence else ''}{evidence}", **result)

    def _way_back(self, params: dict[str, Any], variables: dict[str, Any]) -> str:
        """The command that undoes the change of this host, if there is one to undo. At the end of a recorded run, the callback prints it."""
        change = params["change"]
        if _run.current() is not None or params["dry"] or params["again"] or self.check or change.get("wanted") in (None, {}, change.get("before")):
            return ""
        run = str((variables.get("_action_begun") or {}).get("run") or "")
        return f"; to undo it: ansible-playbook incident.response.undo -e run={run}" if run else ""

    def _tell(self, text: str, variables: dict[str, Any]) -> None:
        """Print the verdict and the incident, if no callback does so at the end."""
        if _run.current() is not None:
            return
        about, where = (variables.get("_action_plan") or {}).get("about", "the action"), "the incident is not known yet: the courier carries it on"
        try:
            folder, until = self.folder(), time.monotonic() + _options.drain(self.options, _DRAIN)
            run = self.this_run(folder, variables).name
            with self.journal(folder, timeout=2) as journal:
                while (incident := journal.incident_of(run)) is None and time.monotonic() < until:
                    time.sleep(0.05)
                if incident:
                    info = journal.info(incident)
                    where = f"incident {', '.join(filter(None, (info['name'], info['url'])))}"
        except (OSError, JournalError, ValueError) as error:
            where = f"the journal can't be read: {error}"
        self._display.display(f"incident.response: {about} on {variables.get('inventory_hostname')}: {text} ({where})", stderr=True)

    @staticmethod
    def _verdict(
        params: dict[str, Any], after: dict[str, Any], left: dict[str, Any], variables: dict[str, Any], *, failed: bool
    ) -> tuple[Verdict, str]:
        """The verdict, and a description of the health."""
        before, change = params["before"], params["change"]
        seen = str(after.get("detail") or "the check could not be made: look at the service on that host")
        if params["again"]:
            return _still(_of_plan(params["judged"], params["plan"]).get("after") or {}, after, change, left)
        if params["dry"]:  # nothing was to happen
            return judge(before=before.get("healthy"), after=after.get("healthy"), acted=True), f"{seen} (a dry drill: nothing was changed)"
        if failed:
            seen = f"{CHANGE_FAILED}; {seen}"
        if change.get("wanted"):
            return _changed(before, after, change, left, failed=failed), seen
        stopped = bool(variables.get(params["backend"], {}).get("stopped")) if params["backend"] else False
        acted = replaced(before, after, stopped=stopped)
        verdict = judge(before=before.get("healthy"), after=after.get("healthy"), acted=acted)
        if failed and after.get("healthy"):
            return Verdict.NO_EFFECT, seen
        if after.get("healthy") and verdict is not Verdict.WORKED:
            seen = f"{unproved(before, after, acted)}; {seen}"
        return verdict, seen

    @staticmethod
    def _left(params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The last state from the backend; empty if the action changes no state."""
        return dict(variables.get(params["backend"], {}).get("state") or {}) if params["backend"] and params["change"].get("wanted") else {}

    def _after(self, params: dict[str, Any], failure: dict[str, Any], variables: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The health for the verdict (before a rollback of the change), and the current health."""
        if any(params["check"].get(name) for name in _CHECKS):
            now = self._look(params["check"], variables)
            return now, now
        judged = {} if params["again"] else _of_plan(params["judged"], params["plan"]).get("after") or {}
        latest = variables.get(params["backend"], {}) if params["after"].get("skipped") else params["after"]
        if not failure:
            return judged or latest, judged or latest  # who judged it did the looking: `after` is then from before the action
        after = failure.get("after") or judged or latest
        return after, latest if failure["restored"] else after

    def _look(self, check: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The result of service_health_info on the host. Raises Refused if it can't run."""
        asked = {name: check[name] for name in _CHECKS if check.get(name)}
        asked |= {"retries": check.get("retries", 20), "delay": check.get("delay", 0.5), "in_a_row": check.get("passes", 2)}
        asked |= {"steady_for": check.get("steady_for", 0), "identity": check.get("identity") or None, "timeout": check.get("timeout", 10)}
        in_one_trip(self._connection)
        seen: dict[str, Any] = self._execute_module("incident.response.service_health_info", module_args=asked, task_vars=variables)
        if seen.get("unreachable"):
            raise AnsibleConnectionFailure(str(seen.get("msg", "")))
        if seen.get("failed"):
            raise Refused(f"the health can't be checked: {seen.get('msg', '')}")
        evidence = redact(str(seen.get("evidence") or ""), secret_values(variables))
        return {name: seen[name] for name in ("healthy", "exists", "unit", "alias", "instance", "listener", "detail")} | {"evidence": evidence}


def _of_plan(kept: dict[str, Any], plan: str) -> dict[str, Any]:
    """The stored data if it belongs to this plan, because a play may act more than once."""
    return kept if plan and kept.get("plan") == plan else {}


def _idle(plan: str, variables: dict[str, Any]) -> bool:
    """Whether this plan has nothing to do on any host."""
    made = variables.get("_action_plan") or {}
    return bool(plan and made.get("id") == plan and made.get("idle"))


def _changed(before: dict[str, Any], after: dict[str, Any], change: dict[str, Any], left: dict[str, Any], *, failed: bool) -> Verdict:
    """For a change of a state: the proof is that the current state is the wanted state. A failed change never worked."""
    acted = left == change["wanted"]
    if after.get("healthy") and (failed or not acted):
        return Verdict.NO_EFFECT
    return judge(before=before.get("healthy"), after=after.get("healthy"), acted=acted)


def _still(judged: dict[str, Any], after: dict[str, Any], change: dict[str, Any], left: dict[str, Any]) -> tuple[Verdict, str]:
    """After all hosts were changed: whether a host with a good verdict is still healthy, and a text."""
    seen = str(after.get("detail") or "the check could not be made")
    if not after.get("healthy"):
        return Verdict.MADE_WORSE if after.get("healthy") is False else Verdict.UNKNOWN, f"it was good, and is no longer: {seen}"
    if change.get("wanted") and left != change["wanted"]:
        return Verdict.UNKNOWN, f"it was changed again since it was judged: {seen}. Look at who did, and at what it is now"
    if judged.get("healthy") and replaced(judged, after):
        return Verdict.UNKNOWN, f"it was started anew since it was judged: {seen}. Look at its log: it may crash again and again"
    return Verdict.WORKED, f"{STILL_GOOD}{seen}"
