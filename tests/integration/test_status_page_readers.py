# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs that read Statuspage's public API read ours: PyPI's `statuspage-prometheus-exporter`, as it is, asks a real server.

It is told the address of summary.json in a file that SERVICES_JSON_PATH names, and answers Prometheus on METRICS_PORT.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.status_page import Page
from ansible_collections.incident.response.plugins.module_utils._statuspage._static import api as static_api
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.folder import write
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.page import render
from environments import locked
from pages import NOW, TEMPLATES, URL, empty, outage, quiet, served
from sites import eventually

LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Metrics = dict[str, list[tuple[dict[str, str], float]]]


@pytest.fixture(scope="module")
def exporter() -> Path:
    """The program, with libraries of its own."""
    return locked("status-page-exporter", sys.executable) / "statuspage-prometheus-exporter"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def metrics(text: str) -> Metrics:
    """Prometheus's text format: the samples of each metric, with their labels."""
    found: Metrics = {}
    for line in text.splitlines():
        match = re.fullmatch(r"(statuspage_\w+)\{(.*)\} (\S+)", line)
        if match:
            found.setdefault(match[1], []).append((dict(LABEL.findall(match[2])), float(match[3])))
    return found


def seconds(at: str) -> str:
    """As the exporter writes times in its labels."""
    return at.replace(".000Z", "Z")


@contextmanager
def read(exporter: Path, page: Page, folder: Path) -> Iterator[Metrics]:
    """What the exporter tells of the page, once it has looked."""
    write(render(page, NOW, TEMPLATES), folder / "page")
    port, log = free_port(), folder / "exporter.log"
    with served(folder / "page") as address:
        (folder / "services.json").write_text(json.dumps({"acme": {"name": "Acme", "url": f"{address}/api/v2/summary.json"}}))
        environment = {**os.environ, "SERVICES_JSON_PATH": str(folder / "services.json"), "METRICS_PORT": str(port)}
        with log.open("w") as out:
            process = subprocess.Popen([exporter], cwd=folder, env=environment, stdout=out, stderr=out)
        found: Metrics = {}

        def looked() -> bool:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                found.update(metrics(answer.read().decode()))
            return "statuspage_probe_check" in found and "Starting scheduler" in log.read_text()

        try:
            assert eventually(looked), log.read_text()
            looked()
            assert " ERROR " not in log.read_text()
            yield found
        finally:
            process.kill()
            process.wait()


def test_the_exporter_tells_of_the_outage(exporter: Path, tmp_path: Path) -> None:
    page = outage()
    with read(exporter, page, tmp_path) as found:
        assert found["statuspage_probe_check"] == [({"service_name": "Acme"}, 1.0)]
        assert found["statuspage_service_status"] == [({"service_name": "Acme"}, 0.0)]
        ((incident, dummy),) = found["statuspage_incident_info"]
        first = page.posts[0]
        assert incident == {
            "service_name": "Acme", "incident_id": static_api.post_id(first), "incident_name": first.title, "impact": "critical",
            "shortlink": f"{URL}/incidents/{static_api.post_id(first)}.html", "started_at": seconds(first.updates[0].at),
            "affected_components": "Public API, Reports, Webhooks",
        }  # fmt: skip
        works = {labels["maintenance_name"]: labels for labels, dummy in found["statuspage_maintenance_info"]}
        assert {name: (each["scheduled_start"], each["scheduled_end"]) for name, each in works.items()} == {
            each.title: (seconds(each.starts), seconds(each.ends)) for each in page.posts[1:3]
        }
        states = {labels["component_name"]: value for labels, value in found["statuspage_component_status"]}
        assert {name: value for name, value in states.items() if name in {each.name for each in page.components}} == {
            each.name: float(each.state == "operational") for each in page.components
        }
        assert (states["Platform"], states["Regions"]) == (0.0, 1.0), "a group is a component too"


@pytest.mark.parametrize("page", [quiet(), empty()], ids=["quiet", "empty"])
def test_the_exporter_tells_that_all_is_well(exporter: Path, tmp_path: Path, page: Page) -> None:
    with read(exporter, page, tmp_path) as found:
        assert found["statuspage_probe_check"] == [({"service_name": "Acme"}, 1.0)]
        assert found["statuspage_service_status"] == [({"service_name": "Acme"}, 1.0)]
        assert {value for labels, value in found.get("statuspage_component_status", [])} <= {1.0}
        assert {value for labels, value in found["statuspage_incident_info"] + found["statuspage_maintenance_info"]} == {0.0}, "it says none"
