# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Status pages for tests: what they say, and a web server on loopback that serves them as any other does."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.status_page import COMPONENT_STATES, Component, Page, Post, Update

TEMPLATES = Path(__file__).parents[1] / "plugins" / "plugin_utils" / "_templates" / "status_page"
NOW = datetime.fromisoformat("2026-11-26T14:03:00+00:00").timestamp()
HOUR, DAY = 3600, 86_400
URL = "https://status.example.org"
HOSTILE = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=2>",
    '"><svg onload=window.pwned=3>',
    "</title></style></script><script>alert(4)</script>",
    'javascript:window.pwned=5 http://a.example/"onmouseover=window.pwned=6 https://user@evil.example/',
    "{{ 7 * 7 }}{% raw %} ]]> & <!-- \x00\x1b\ud800\ufffe",
)
"""What somebody might write into an incident to have it run in the reader's browser."""


def component(name: str, group: str = "", state: str = "operational", troubles: int = 2, **more: Any) -> Component:
    """One that was in trouble so many times in 90 days, and has been in its state for two hours."""
    chance = random.Random(ascii(name))  # noqa: S311 - the same at each run
    history: list[tuple[str, str]] = []
    for begun in (NOW - chance.uniform(1, 89) * DAY for dummy in range(troubles)):
        history += [(utc(begun), chance.choice(COMPONENT_STATES[1:])), (utc(begun + chance.uniform(600, 30_000)), "operational")]
    history += [(utc(NOW - 2 * HOUR), state)] * (state != "operational")
    return Component(name, state, group=group, since=more.pop("since", utc(NOW - 200 * DAY)), history=tuple(sorted(history)), **more)


def post(name: str, title: str, impact: str, *said: tuple[float, str, str, dict[str, str]], **more: Any) -> Post:
    """A post whose updates are given as hours ago, status, text and the states of components."""
    updates = tuple(Update(place, utc(NOW - ago * HOUR), status, text, names) for place, (ago, status, text, names) in enumerate(said, start=1))
    components = {each: state for update in updates for each, state in update.components.items()}
    return Post(f"id of {name}", name, title, impact, updates, components, **more)


def quiet() -> Page:
    """A good day: two old incidents, all well."""
    parts = (component("Public API", "Platform", description="REST and GraphQL"), component("Webhooks", "Platform"), component("Website"))
    posts = (
        post("INC-2", "Delayed e-mails", "minor", (51, "investigating", "E-mails arrive late.", {"Webhooks": "degraded_performance"}),
             (48, "resolved", "The queue is worked off.\nNothing was lost.", {"Webhooks": "operational"})),
        post("INC-1", "Search misses documents", "major", (1500, "identified", "An index is broken.", {}),
             (1498, "resolved", "It is whole again.", {})),
    )  # fmt: skip
    return Page("Acme Status", URL, utc(NOW - 48 * HOUR), parts, posts, "https://support.example.org/")


def outage(count: int = 32) -> Page:
    """The worst day: an outage, maintenance in progress and to come, and many components in groups."""
    parts = [
        component("Public API", "Platform", "major_outage", 3, description="REST and GraphQL, api.example.org"),
        component("Webhooks", "Platform", "degraded_performance", 4), component("Reports", "Applications", "partial_outage"),
        component("Dashboard", "Applications", description="app.example.org"), component("Primary database", "Data", "under_maintenance"),
        component("Backups", "Data", troubles=0, since=utc(NOW - 30 * DAY)), component("Website"), component("Documentation", troubles=0),
    ]  # fmt: skip
    parts += [component(f"Region {number}", "Regions") for number in range(count - len(parts))]
    touched = {"Public API": "major_outage", "Reports": "partial_outage"}
    posts = (
        post("INC-9", "API requests fail in the EU region", "critical",
             (2, "investigating", "Since 12:03 UTC about a third of the requests to the EU region fail with error 503.", touched),
             (1.5, "identified", "A database node has failed.\n\nWhat you can do: repeat requests that fail.", {"Webhooks": "degraded_performance"}),
             (0.4, "monitoring", "The error rate falls. How to repeat requests: https://docs.example.org/retries.", {})),
        post("MNT-1", "Upgrade of the primary database", "none", (72, "scheduled", "The database gets a new version.", {}),
             (1, "in_progress", "The upgrade has begun.", {"Primary database": "under_maintenance"}),
             starts=utc(NOW - HOUR), ends=utc(NOW + 2 * HOUR)),
        post("MNT-2", "New certificates", "none", (24, "scheduled", "No interruption is expected.", {"Website": "operational"}),
             starts=utc(NOW + 72 * HOUR), ends=utc(NOW + 73.5 * HOUR)),
    )  # fmt: skip
    return Page("Acme Status", URL, utc(NOW - 0.4 * HOUR), tuple(parts), (*posts, *quiet().posts), "https://support.example.org/")


def empty() -> Page:
    """A page on its first day."""
    return Page("Acme Status", URL, utc(NOW), (), ())


def hostile() -> Page:
    """Every text is an attempt to run something."""
    parts = tuple(component(text, HOSTILE[-1 - place], description=text) for place, text in enumerate(HOSTILE))
    posts = tuple(
        post(f"INC-{place} {status}", text, "major", (3, "investigating", "\n\n".join(HOSTILE), {text: "major_outage"}), (2, status, text, {}))
        for place, text in enumerate(HOSTILE) for status in ("monitoring", "resolved")
    )  # fmt: skip
    return Page(HOSTILE[3], URL, utc(NOW), parts, posts, "javascript:window.pwned=7")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: a test's output is its own."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which the folder is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
