# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict, judge
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._secrets import secret_values

_CHECKS = ("unit", "command", "http", "tcp")


class ActionModule(ControllerAction):
    """Judges what was seen before and after, and records it with the state that is left."""

    SPEC: ClassVar = {
        "before": {"type": "dict", "required": True},
        "check": {"type": "dict", "default": {}},
        "after": {"type": "dict", "default": {}},
        "change": {"type": "dict", "default": {}},
        "left": {"type": "dict", "default": {}},
        "restored": {"type": "dict", "default": {}},
        "plan": {"type": "str", "default": ""},
        "change_failed": {"type": "bool", "default": False},
        "dry": {"type": "bool", "default": False},
        "last": {"type": "bool", "default": True},
    }
    _requires_connection = True

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        before, restored = params["before"], params["restored"]
        after = self._look(params["check"], variables) if any(params["check"].get(name) for name in _CHECKS) else params["after"]
        if params["dry"]:  # nothing was to happen
            verdict = judge(before=before.get("healthy"), after=after.get("healthy"), acted=None)
        else:
            verdict = _judged(before, after, params["change"], params["left"], failed=params["change_failed"])
        seen = after.get("detail") or "the check could not be made"
        seen = f"the change failed; {seen}" if params["change_failed"] else seen
        seen += " (a dry drill: nothing was changed)" if params["dry"] else ""
        if restored and "detail" not in restored:
            seen += "; IT COULD NOT BE PUT BACK as it was before"
        elif restored:
            seen += f"; it was put back as it was before, and is {'healthy' if restored.get('healthy') else 'NOT HEALTHY'} ({restored.get('detail')})"
        if not params["last"] and verdict is not Verdict.WORKED:
            raise Refused(f"not good yet: {seen}", plan=params["plan"], after=after)
        evidence = redact(str(after.get("evidence") or ""), secret_values(variables)) if verdict is not Verdict.WORKED else ""
        result = {"verdict": str(verdict), "evidence": evidence, "plan": params["plan"], "after": after}
        data = {"verdict": str(verdict)} | ({"left": params["left"]} if params["left"] and not params["dry"] else {})
        good = verdict is Verdict.WORKED
        text, detail = f"verdict {verdict}: {seen}", {} if good else {"evidence": cut(evidence, 3000)}
        result = self.recorded(result, data | detail, variables, text=text, state="ok" if good else "failed")
        if good:
            return result
        raise Refused(f"{text}{chr(10) if evidence else ''}{evidence}", **result)

    def _look(self, check: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """What service_health sees on the host. Raises Refused where it can't be asked."""
        asked = {name: check[name] for name in _CHECKS if check.get(name)}
        asked |= {"retries": check.get("retries", 20), "delay": check.get("delay", 0.5), "in_a_row": check.get("passes", 2)}
        seen: dict[str, Any] = self._execute_module("incident.response.service_health", module_args=asked, task_vars=variables)
        if seen.get("unreachable"):
            raise AnsibleConnectionFailure(str(seen.get("msg", "")))
        if seen.get("failed"):
            raise Refused(f"the health can't be checked: {seen.get('msg', '')}")
        evidence = redact(str(seen.get("evidence") or ""), secret_values(variables))
        return {name: seen[name] for name in ("healthy", "exists", "unit", "alias", "instance", "detail")} | {"evidence": evidence}


def _judged(before: dict[str, Any], after: dict[str, Any], change: dict[str, Any], left: dict[str, Any], *, failed: bool) -> Verdict:
    """From health and, where the action changes a state, from whether that is now the one that was wanted. A change that failed never worked."""
    if failed and after.get("healthy"):
        return Verdict.NO_EFFECT
    if change.get("wanted"):
        acted: bool | None = left == change["wanted"]
        if after.get("healthy") and not acted:
            return Verdict.NO_EFFECT
    else:
        known = before.get("instance") or after.get("instance")
        acted = before.get("instance") != after.get("instance") if known else None
    return judge(before=before.get("healthy"), after=after.get("healthy"), acted=acted)
