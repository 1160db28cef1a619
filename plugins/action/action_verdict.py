# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict, judge
from ansible_collections.incident.response.plugins.plugin_utils import _run, _spool
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._secrets import secret_values


class ActionModule(ControllerAction):
    """Judges what was seen before and after, and records it where no callback does."""

    SPEC: ClassVar = {"before": {"type": "dict", "required": True}, "after": {"type": "dict", "default": {}}}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        before, after = params["before"], params["after"]
        known = before.get("instance") or after.get("instance")
        acted = before.get("instance") != after.get("instance") if known else None
        verdict = judge(before=before.get("healthy"), after=after.get("healthy"), acted=acted)
        seen = after.get("detail") or "the check could not be made"
        evidence = redact(str(after.get("evidence") or ""), secret_values(variables)) if verdict is not Verdict.WORKED else ""
        if _run.current() is None:
            self._record(verdict, seen, evidence, variables)
        result = {"verdict": str(verdict), "evidence": evidence}
        if verdict is Verdict.WORKED:
            return result
        raise Refused(f"verdict {verdict}: {seen}{chr(10) if evidence else ''}{evidence}", **result)

    def _record(self, verdict: Verdict, seen: str, evidence: str, variables: dict[str, Any]) -> None:
        state = "ok" if verdict is Verdict.WORKED else "failed"
        text = cut(redact(f"{self._task.get_name()}: verdict {verdict}: {seen}", secret_values(variables)), 500)
        data = {"verdict": str(verdict), "evidence": cut(evidence, 3000)}
        try:
            folder = self.folder()
            _spool.append_shared(
                folder, self.this_run(folder).name, "task", at=utc(time.time()), text=text, host=str(variables.get("inventory_hostname", "")),
                action=self._task.action, state=state, changed=False, data=data,
            )  # fmt: skip
        except OSError as error:
            self._display.warning(f"incident.response: RECORDING IS DEGRADED: {error}")
