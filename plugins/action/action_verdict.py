# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict, judge
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._secrets import secret_values


class ActionModule(ControllerAction):
    """Judges what was seen before and after, and records it with the state that is left."""

    SPEC: ClassVar = {
        "before": {"type": "dict", "required": True},
        "after": {"type": "dict", "default": {}},
        "change": {"type": "dict", "default": {}},
        "left": {"type": "dict", "default": {}},
        "restored": {"type": "dict", "default": {}},
        "plan": {"type": "str", "default": ""},
        "change_failed": {"type": "bool", "default": False},
        "dry": {"type": "bool", "default": False},
    }

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        before, after, restored = params["before"], params["after"], params["restored"]
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
        evidence = redact(str(after.get("evidence") or ""), secret_values(variables)) if verdict is not Verdict.WORKED else ""
        result = {"verdict": str(verdict), "evidence": evidence, "plan": params["plan"]}
        data = {"verdict": str(verdict)} | ({"left": params["left"]} if params["left"] and not params["dry"] else {})
        good = verdict is Verdict.WORKED
        text, detail = f"verdict {verdict}: {seen}", {} if good else {"evidence": cut(evidence, 3000)}
        result = self.recorded(result, data | detail, variables, text=text, state="ok" if good else "failed")
        if good:
            return result
        raise Refused(f"{text}{chr(10) if evidence else ''}{evidence}", **result)


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
