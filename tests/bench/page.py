# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the embedded status page costs: to render it, to write it where nothing has changed, and where one update came.

page.py [--incidents N] [--components N]
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.incident.response.plugins.module_utils._core.entry import utc  # noqa: E402 - after the path is set
from ansible_collections.incident.response.plugins.module_utils._core.status_page import (  # noqa: E402 - after the path is set
    COMPONENT_STATES,
    IMPACTS,
    Component,
    Page,
    Post,
    Update,
)
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.folder import write  # noqa: E402 - after the path is set
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.page import render  # noqa: E402

RENDER, UNCHANGED, UPDATE, LARGEST = 0.5, 0.2, 25, 50_000
"""Seconds, seconds, files that one update of an incident changes, and bytes of the first page, with an incident a day."""
HOUR, DAY = 3600, 86_400
TEMPLATES = ROOT / "plugins" / "plugin_utils" / "_templates" / "status_page"
NOW = datetime.fromisoformat("2026-11-26T14:03:00+00:00").timestamp()


def component(number: int) -> Component:
    """One that is in trouble for two hours every twelve days."""
    history: list[tuple[str, str]] = []
    for trouble in range(7, 0, -1):
        begun = NOW - trouble * 12 * DAY + number * HOUR
        history += [(utc(begun), COMPONENT_STATES[1 + (number + trouble) % 4]), (utc(begun + 2 * HOUR), COMPONENT_STATES[0])]
    words = {"description": "What it does", "group": f"Group {number // 10}", "since": utc(NOW - 400 * DAY)}
    return Component(f"Component {number}", **words, history=tuple(history))


def post(number: int) -> Post:
    begun, names = NOW - (number + 1) * DAY, {f"Component {number % 50}": "operational"}
    said = "We look into it: the requests of some of our customers take longer than they should, or fail. More within half an hour."
    states = ("investigating", "identified", "monitoring", "resolved")
    updates = tuple(Update(place, utc(begun + place * HOUR), state, said, names) for place, state in enumerate(states, start=1))
    return Post(f"id-{number}", f"INC-{number}", f"Slow responses of part {number}", IMPACTS[number % 4], updates, names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1000)
    parser.add_argument("--components", type=int, default=50)
    given = parser.parse_args()
    posts = tuple(post(number) for number in range(given.incidents))
    page = Page("Acme Status", "https://status.example.org", utc(NOW), tuple(component(number) for number in range(given.components)), posts)
    news = dataclasses.replace(posts[0], updates=(*posts[0].updates[:3], Update(4, utc(NOW), "monitoring", "Nearly")))
    told = dataclasses.replace(page, updated_at=utc(NOW + 60), posts=(news, *posts[1:]))
    print(f"The status page of {given.components} components and {given.incidents} incidents\n\n| | took or has | target |\n|---|---|---|")

    def line(name: str, found: float, unit: str, target: float | None = None) -> None:
        shown = (f"{found:.3f}" if unit == "s" else f"{found:,.0f}") + f" {unit}"
        missed = " MISSED" if target is not None and found > target else ""
        print(f"| {name} | {shown} | {'' if target is None else f'{target:,} {unit}'} |{missed}")

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "page"
        took, files = min((timed(page) for dummy in range(3)), key=lambda each: each[0])
        line("rendering, the quickest of three", took, "s", RENDER)
        line("index.html", len(files["index.html"]), "bytes", LARGEST)
        line("files", len(files), "files")
        begun = time.monotonic()
        write(files, folder)
        line("first write", time.monotonic() - begun, "s")
        begun = time.monotonic()
        changed = write(timed(page)[1], folder)
        line("both again", time.monotonic() - begun, "s")
        begun = time.monotonic()
        changed += write(files, folder)
        line("second write", time.monotonic() - begun, "s", UNCHANGED)
        line("files that it changed", changed, "files", 0)
        files = timed(told)[1]
        begun = time.monotonic()
        changed = write(files, folder)
        line("write after one update", time.monotonic() - begun, "s")
        line("files that it changed", changed, "files", UPDATE)


def timed(page: Page) -> tuple[float, dict[str, bytes]]:
    begun = time.monotonic()
    files = render(page, NOW, TEMPLATES)
    return time.monotonic() - begun, files


if __name__ == "__main__":
    main()
