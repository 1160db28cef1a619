# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any, ClassVar

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.incident.response.plugins.module_utils._core.action import plan_hash
from ansible_collections.incident.response.plugins.module_utils._core.scale import count, planned, refusal, running
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused


class ActionModule(ControllerAction):
    """Shows what an action is about to change on all hosts, and keeps it for the way back."""

    SPEC: ClassVar = {
        "action": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "role": {"type": "str", "required": True},
        "backend": {"type": "str", "required": True},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "looks": {"type": "list", "elements": "dict", "default": []},
        "replicas": {"type": "raw"},
        "limits": {"type": "dict", "default": {}},
        "approved": {"type": "str", "default": ""},
        "only": {"type": "bool", "default": False},
    }

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        seen = dict(zip(params["hosts"], params["looks"] or [{}] * len(params["hosts"]), strict=True))
        if params["replicas"] is not None:
            seen = _spread(seen, params["replicas"], params["limits"])
        plan = {
            "name": params["action"], "service": params["service"], "role": params["role"], "backend": params["backend"],
            "hosts": {
                host: {"before": look.get("state", {}), "wanted": look.get("wanted", {}), "text": look.get("text", "")} for host, look in seen.items()
            },
        }  # fmt: skip
        found = plan_hash(plan)
        text = self._text(params, seen, found)
        self._display.display(text, stderr=True)
        if params["approved"] and params["approved"] != found:
            raise Refused(f"The plan is no longer the approved one ({params['approved']}), but {found}. Nothing was touched.\n{text}", hash=found)
        result = {"hash": found, "text": text, "hosts": plan["hosts"], "about": f"{params['action']} of {params['service']}"}
        if params["only"] or self.check:
            return self.recorded(result, {"only": True}, variables, text=_line(found, seen))
        plan["actor"] = self.origin(variables).actor
        # what a restart changes can't be undone, and needs no record
        recorded = any(each["before"] or each["wanted"] for each in plan["hosts"].values())
        return self.recorded(result, {"plan": plan} if recorded else {}, variables, text=_line(found, seen))

    def _text(self, params: dict[str, Any], seen: dict[str, dict[str, Any]], found: str) -> str:
        count, kind = len(seen), "Plan" if params["only"] or self.check else "About to act"
        lines = [f"incident.response: {kind}: {params['action']} of {params['service']} on {count} host{'s' if count > 1 else ''}, plan {found}"]
        lines += [f"  {host}{': ' if look.get('text') else ''}{look.get('text', '')}" for host, look in seen.items()]
        lines.append(f"  one host at a time: {100 // count} % of the service's hosts here are out meanwhile; it stops at the first that fails")
        if params["only"]:
            lines.append(f"  to do exactly this, the same command with -e approved_plan={found} instead of plan=true")
        return "\n".join(lines)


def _line(found: str, seen: dict[str, dict[str, Any]]) -> str:
    return f"plan {found}: " + "; ".join(f"{host}{': ' if look.get('text') else ''}{look.get('text', '')}" for host, look in seen.items())


def _spread(seen: dict[str, dict[str, Any]], given: Any, limits: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was seen, with what each host is to have. Raises Refused."""
    try:
        replicas = count(given)
    except ValueError as error:
        raise Refused(f"{error}. Nothing was touched.") from None
    now = {host: running(look["state"]) for host, look in seen.items()}
    total = sum(now.values())
    why = refusal(now=total, replicas=replicas, least=limits.get("min"), most=limits.get("max"), down=boolean(limits.get("down", False)))
    if why:
        raise Refused(f"{why}. Nothing was touched.")
    wanted = planned({host: look["state"] for host, look in seen.items()}, replicas)
    then = {host: running(state) for host, state in wanted.items()}
    for host, count_now in now.items():
        more, each, left = then[host] - count_now, int(limits.get("memory_mb") or 0), int(seen[host].get("memory_left", 0))
        if more > 0 and more * each > left:
            needs = f"{host} has {left} MiB left, and {more} more instances take {more * each}"
            raise Refused(f"{needs}. Nothing was touched. Scale to fewer, or add hosts.")
    words = {host: f"{now[host]} to {then[host]} instances, of {total} to {replicas}" for host in seen}
    return {host: {**look, "wanted": wanted[host], "text": words[host]} for host, look in seen.items()}
