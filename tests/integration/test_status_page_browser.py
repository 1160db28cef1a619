# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The embedded status page where people meet it: in a browser, on a phone and a desk, by day and night, with and without a mouse.

Needs Debian's package chromium. Each page that is looked at is kept as a picture in .cache/status-page.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._statuspage._static import api as static_api
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.folder import write
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.page import render
from axe_playwright_python import base as axe  # type: ignore[import-untyped]
from pages import HOSTILE, NOW, TEMPLATES, empty, hostile, outage, quiet, served
from playwright import sync_api

PICTURES = Path(__file__).parents[2] / ".cache" / "status-page"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VIEWS = {
    "phone": {"viewport": {"width": 375, "height": 812}, "color_scheme": "light"},
    "phone-dark": {"viewport": {"width": 375, "height": 812}, "color_scheme": "dark"},
    "desk": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "desk-dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}
INCIDENT = f"incidents/{static_api.post_id(outage().posts[0])}.html"
RESOLVED = f"incidents/{static_api.post_id(quiet().posts[0])}.html"
SCENES = {
    "quiet": ("quiet", ""), "outage": ("outage", ""), "incident": ("outage", INCIDENT), "resolved": ("outage", RESOLVED),
    "month": ("outage", "history/2026-11.html"), "history": ("outage", "history/index.html"), "empty": ("empty", ""), "hostile": ("hostile", ""),
}  # fmt: skip


@dataclass
class Opened:
    """A page in a browser, and what it did while it was looked at."""

    page: Any
    trouble: list[str] = field(default_factory=list)
    """Errors of the console, dialogs, and requests that left the site."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Where it can't be had, the run says so, and fails at its end."""
    found = shutil.which("chromium")
    if not found:
        pytest.skip("no browser on this machine: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a page for each day that we show."""
    folder = tmp_path_factory.mktemp("sites")
    for name, page in (("quiet", quiet()), ("outage", outage()), ("empty", empty()), ("hostile", hostile())):
        write(render(page, NOW, TEMPLATES), folder / name)
    with served(folder) as address:
        yield address


@contextmanager
def opened(browser: Any, address: str, **options: Any) -> Iterator[Opened]:
    context = browser.new_context(**{"locale": "en-GB", "timezone_id": "America/St_Johns", "reduced_motion": "reduce"} | options)
    shown = Opened(context.new_page())
    site = "/".join(address.split("/")[:3]) + "/"

    def dismiss(dialog: Any) -> None:
        shown.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    shown.page.on("console", lambda message: shown.trouble.append(f"console: {message.text}"))
    shown.page.on("pageerror", lambda error: shown.trouble.append(f"error: {error}"))
    shown.page.on("dialog", dismiss)
    shown.page.on("request", lambda request: shown.trouble.append(f"request: {request.url}") if not request.url.startswith((site, "data:")) else None)
    try:
        shown.page.goto(address)
        yield shown
    finally:
        context.close()


def judged(page: Any) -> dict[str, Any]:
    """What axe-core finds."""
    page.evaluate(axe.AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate("rules => axe.run({runOnly: {type: 'tag', values: rules}})", RULES)
    return found


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scene", SCENES)
def test_everybody_can_read_it(chromium: Any, sites: str, scene: str, view: str, record_property: Any) -> None:
    """No violation of WCAG 2.2 AA that axe knows, nothing wider than the screen, no request to others, no error."""
    site, path = SCENES[scene]
    with opened(chromium, f"{sites}/{site}/{path}", **VIEWS[view]) as shown:
        page = shown.page
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{scene}-{view}.png", full_page=True)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        found = judged(page)
        record_property("rules passed", len(found["passes"]))
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
        assert len(found["passes"]) > 20
        assert page.evaluate("document.documentElement.scrollWidth") <= VIEWS[view]["viewport"]["width"]  # type: ignore[index]
        assert page.locator("h1").count() == 1
        assert shown.trouble == []


@pytest.mark.parametrize("path", ["", "history/2026-11.html", f"incidents/{static_api.post_id(hostile().posts[4])}.html"])
def test_nothing_that_somebody_writes_runs(chromium: Any, sites: str, path: str) -> None:
    """Every place of every page has a text that tries; each is shown as it was written."""
    with opened(chromium, f"{sites}/hostile/{path}") as shown:
        page = shown.page
        for each in page.locator("main a[rel='nofollow noopener']").all():
            assert each.get_attribute("href").startswith("http")
        page.mouse.move(200, 300)
        page.wait_for_timeout(200)
        assert page.evaluate("window.pwned") is None
        assert page.locator("main img, main iframe, main script, svg[onload]").count() == 0
        text = page.locator("body").inner_text()
        wanted = HOSTILE if not path else [HOSTILE[2]] if path.startswith("inc") else HOSTILE[:3]
        assert [each for each in wanted if " ".join(each.partition("\x00")[0].split()) not in " ".join(text.split())] == []
        assert shown.trouble == []


def test_the_policy_stops_what_would_get_through(chromium: Any, sites: str) -> None:
    """The second lock: even an element that got into the page can't run, or load anything."""
    with opened(chromium, f"{sites}/quiet/") as shown:
        shown.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=/x onerror=window.pwned=1><b onclick=window.pwned=2>x</b>')")
        shown.page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.pwned = 3'}))")
        shown.page.locator("body > b").click()
        assert shown.page.evaluate("window.pwned") is None
        assert sum("Content Security Policy" in each for each in shown.trouble) >= 3


def test_times_are_the_readers_own(chromium: Any, sites: str) -> None:
    with opened(chromium, f"{sites}/outage/{INCIDENT}") as shown:
        assert "26 Nov 2026, 08:33 GMT-3:30" in shown.page.locator("dl").inner_text()
        assert shown.page.locator("dl time").first.get_attribute("title") == "26 Nov 2026, 12:03 UTC"
        assert "America/St_Johns" in shown.page.locator("footer").inner_text()


def test_all_is_there_without_javascript(chromium: Any, sites: str) -> None:
    with opened(chromium, f"{sites}/outage/", java_script_enabled=False) as shown:
        text = shown.page.locator("body").inner_text()
        wanted = ["Major outage", "26 Nov 2026, 12:03 UTC", "A database node has failed.", "New certificates", "Times and days are in UTC."]
        assert [each for each in wanted if each not in text] == []
        strokes = shown.page.get_by_role("img", name="Trouble on").first
        assert strokes.is_visible()
        shown.page.locator("summary", has_text="Regions").click()
        assert shown.page.get_by_text("Region 7").is_visible()
        shown.page.screenshot(path=PICTURES / "outage-without-javascript.png", full_page=True)


def test_the_keyboard_reaches_everything(chromium: Any, sites: str) -> None:
    with opened(chromium, f"{sites}/outage/") as shown:
        page = shown.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        assert page.locator(".skip").bounding_box()["y"] >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        strokes = page.get_by_role("slider", name="Public API, day by day")
        strokes.focus()
        readout = page.locator("[data-d] + p").first
        assert readout.inner_text() == "26 Nov: Major outage 2 h"
        assert strokes.get_attribute("aria-valuetext") == "26 Nov: Major outage 2 h"
        page.keyboard.press("ArrowLeft")
        assert readout.inner_text() == "25 Nov: Operational"
        page.keyboard.press("Home")
        assert (readout.inner_text(), strokes.get_attribute("aria-valuenow")) == ("29 Aug: Operational", "0")
        page.keyboard.press("Tab")
        assert "% uptime" in readout.inner_text()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Webhooks, day by day"


def test_the_mouse_and_the_finger_show_a_day(chromium: Any, sites: str) -> None:
    with opened(chromium, f"{sites}/outage/", has_touch=True) as shown:
        strokes = shown.page.locator("[data-d]").first
        box = strokes.bounding_box()
        strokes.hover(position={"x": box["width"] - 2, "y": 20})
        readout = shown.page.locator("[data-d] + p").first
        assert readout.inner_text() == "26 Nov: Major outage 2 h"
        shown.page.mouse.move(5, 5)
        assert "% uptime" in readout.inner_text()
        strokes.tap(position={"x": 3, "y": 20})
        assert readout.inner_text() == "29 Aug: Operational"


def test_paper_shows_what_is_folded(chromium: Any, sites: str) -> None:
    with opened(chromium, f"{sites}/outage/") as shown:
        assert not shown.page.get_by_text("Region 7", exact=True).is_visible()
        shown.page.pdf(path=PICTURES / "outage.pdf")
        assert shown.page.get_by_text("Region 7", exact=True).is_visible()
