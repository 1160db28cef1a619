# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an alert says never becomes code: extra variables that hold a template are text, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from integration.test_inputs import refused, step
from sites import RESTART, Site, eventually

SCALE = "playbooks/emergency/scale-up.yml"


def bomb(folder: Path) -> str:
    """A text that leaves a file where it is filled in, whoever does."""
    return "{{ lookup('ansible.builtin.pipe', 'touch " + str(folder / "ran") + "') }} and {% set x = 1 %}"


def given(folder: Path, **variables: Any) -> tuple[str, str]:
    """As a rulebook and AWX give them: in a file."""
    path = folder / "alert.json"
    path.write_text(json.dumps(variables))
    return "-e", f"@{path}"


TEXTS: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "open": (step("open"), {"severity": "P3"}, ("title", "message")),
    "restart": (RESTART, {"host": "prod-api-01"}, ("title", "reason", "break_glass")),
    "other_names": (RESTART, {"host": "prod-api-01"}, ("text",)),
    "update": (step("update"), {}, ("message",)),
    "severity": (step("severity"), {"severity": "P2"}, ("reason",)),
    "handoff": (step("handoff"), {"to": "grace"}, ("message",)),
    "resolve": (step("resolve"), {"force": "true"}, ("message", "root_cause", "fix", "monitoring", "next")),
    "communicate": (step("communicate"), {"audience": "internal"}, ("message",)),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_with_a_template_is_recorded_as_it_stands_and_never_filled_in(site: Site, tmp_path: Path, what: str) -> None:
    playbook, more, names = TEXTS[what]
    if what not in {"open", "restart", "other_names"}:
        assert site.run("-e", "service=api title=slow severity=P3", playbook=step("open"))[0] == 0
    code, output = site.run(*given(tmp_path, service="api", **more, **{name: bomb(tmp_path) for name in names}), playbook=playbook)
    assert not (tmp_path / "ran").exists(), output
    assert code == 0, output
    assert eventually(lambda: not site.couriers())
    record = (site.state / "journal.db").read_bytes() + b"".join(path.read_bytes() for path in site.state.glob("journal.db-*"))
    assert b"lookup('ansible.builtin.pipe'" in record


@pytest.mark.parametrize(("playbook", "name"), [
    (step("open"), "service"), (step("open"), "severity"), (step("open"), "embargo"), (RESTART, "host"), (RESTART, "service"), (RESTART, "plan"),
    (RESTART, "drill"), (SCALE, "replicas"), (step("escalate"), "level"), (step("list"), "since"), ("playbooks/status_page.yml", "components"),
    (RESTART, "incident"), (RESTART, "hosts"),
])  # fmt: skip
def test_what_is_no_text_may_hold_no_template(site: Site, tmp_path: Path, playbook: str, name: str) -> None:
    value: Any = {"web": bomb(tmp_path)} if name == "components" else [bomb(tmp_path)] if name == "hosts" else bomb(tmp_path)
    about = {"service": "api", "reason": "stuck"} if "escalate" in playbook else {"service": "api"}
    said = refused(site, playbook, *given(tmp_path, **{**about, name: value}))
    assert said.startswith(f"{name} holds a template ({{{{ … }}}}), which is never filled in: what came from an alert must not run. Nothing was")
    assert not (tmp_path / "ran").exists()


def test_the_next_run_fills_nothing_in_that_is_in_the_record(site: Site, tmp_path: Path) -> None:
    assert site.run(*given(tmp_path, service="api", title=bomb(tmp_path), severity="P3"), playbook=step("open"))[0] == 0
    for playbook, typed in (
        (step("list"), "service=api"), (step("communicate"), "service=api audience=customers"), (RESTART, "service=api host=prod-api-01"),
        ("playbooks/status_page.yml", "service=api state=investigating"),
    ):  # fmt: skip
        dummy, output = site.run("-e", typed, playbook=playbook)
        assert not (tmp_path / "ran").exists(), output
