# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection where a Python library is missing: what needs it and how to get it are said before anything is touched."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from servers.running import RocketChat
from sites import Site

WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {lacks!r} else super().find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""


def without(site: Site, *modules: str) -> None:
    """From now on no Python of this site finds them, the courier's included."""
    folder = site.folder / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WITHOUT.format(lacks=set(modules)))
    site.environment["PYTHONPATH"] = str(folder)
    if "tzdata" in modules:
        site.environment["PYTHONTZPATH"] = ""


def configured(site: Site, config: dict[str, Any]) -> None:
    path = site.folder / "incident-response.yml"
    path.write_text(json.dumps(config))
    site.environment["INCIDENT_CONFIG"] = str(path)


def restarted(site: Site) -> tuple[int, str]:
    code, output = site.run("-e", "service=api host=prod-api-01")
    return code, " ".join(output.split())


def untouched(site: Site) -> bool:
    return not (site.folder / "running").exists()


def lacks(name: str, needed_by: str, package: str = "") -> str:
    """The complaint, with the very Python that runs Ansible."""
    python = (Path(sys.executable).parent / "ansible-playbook").read_text().splitlines()[0].removeprefix("#!")
    return f"the Python library {name} is missing, which {needed_by} needs: {python} -m pip install {package or name}"


def test_a_configuration_without_jsonschema_is_refused_in_words(site: Site) -> None:
    configured(site, {"safety": {"max_hosts": 1}})
    without(site, "jsonschema")
    code, output = restarted(site)
    assert code != 0
    assert untouched(site)
    assert lacks("jsonschema", "a configuration file", "'jsonschema>=4.18'") in output
    assert "/dev/null" not in output  # which drops the protected hosts, too
    assert "No module named" not in output
    site.environment["INCIDENT_CONFIG"] = "/dev/null"
    code, output = restarted(site)
    assert code == 0, output


@pytest.mark.parametrize("callback", [True, False])
def test_chat_without_requests_is_told_on_the_run_before_it_acts(site: Site, chat: RocketChat, callback: bool) -> None:
    site.environment |= chat.environment() | {"INCIDENT_DRAIN_TIMEOUT": "0"}
    if not callback:
        site.without_callback()
    without(site, "requests")
    code, output = restarted(site)
    assert code == 0, output
    says = f"incident.response: {lacks('requests', 'chat')}"
    assert output.count(says) == 1, output
    assert output.index(says) < output.index("Stop api on prod-api-01")


def test_a_module_that_tells_chat_says_it_too(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment() | {"INCIDENT_DRAIN_TIMEOUT": "0"}
    without(site, "requests")
    dummy, output = site.ad_hoc("rocketchat_incident", "service=api message=watching")
    assert lacks("requests", "chat") in " ".join(output.split())


def test_what_the_configuration_needs_is_told_before_a_run_acts(site: Site) -> None:
    configured(site, {
        "oncall": {"sources": [{"type": "ical", "calendars": ["/etc/oncall.ics"]}, {"type": "goalert", "url": "https://goalert.example.org",
                                                                                            "schedules": ["s-1"]}]},
        "paging": {"notifiers": [{"type": "webhook", "url_env": "PAGER_URL"}]},
        "status_page": {"provider": "uptime_kuma", "url": "https://kuma.example.org", "page": "status", "user": "bot"},
    })  # fmt: skip
    without(site, "requests", "icalendar", "recurring_ical_events", "socketio")
    code, output = restarted(site)
    assert code == 0, output
    for says in (
        lacks("icalendar", "the on-call source ical"),
        lacks("recurring-ical-events", "the on-call source ical"),
        lacks("requests", "the on-call source goalert and paging by webhook and the status page uptime_kuma"),
        lacks("python-socketio", "the status page uptime_kuma", "'python-socketio[client]'"),
    ):
        assert says in output, output
        assert output.index(says) < output.index("Stop api on prod-api-01")


def test_where_nothing_is_missing_nothing_is_said(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    assert "is missing" not in restarted(site)[1]


def test_a_rotation_without_time_zones_is_refused_in_words(site: Site) -> None:
    layer = {"name": "first", "people": ["ada"], "start": "2025-11-10T09:00"}
    configured(site, {"oncall": {"people": {"ada": {}}, "schedule": {"time_zone": "Europe/Berlin", "layers": [layer]}}})
    without(site, "tzdata")
    code, output = restarted(site)
    assert code != 0
    assert untouched(site)
    assert "oncall.schedule needs the list of time zones, which is missing: pip install tzdata" in output
    assert "Europe/Berlin" not in output


def test_a_calendar_without_time_zones_says_so(site: Site, tmp_path: Path) -> None:
    (tmp_path / "oncall.ics").write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    configured(site, {"oncall": {"sources": [{"type": "ical", "calendars": [str(tmp_path / "oncall.ics")]}]}})
    without(site, "tzdata")
    dummy, output = site.ad_hoc("oncall_lookup", "")
    assert "the list of time zones, which is missing: pip install tzdata" in " ".join(output.split())
