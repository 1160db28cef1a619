# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the embedded status page: what it says, that text stays text, and that its folder shows one page, whole."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import random
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.status_page import Component, Page, Post, Update
from ansible_collections.incident.response.plugins.module_utils._statuspage._static import api as static_api
from ansible_collections.incident.response.plugins.module_utils._statuspage._static import bars as static_bars
from ansible_collections.incident.response.plugins.module_utils._statuspage._static import page as static_page
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.folder import write
from pages import DAY, HOSTILE, HOUR, NOW, TEMPLATES, URL, component, empty, hostile, outage, post, quiet
from sites import A_RUN

COLLECTIONS = Path(__file__).parents[2] / "collections"
ATOM = "{http://www.w3.org/2005/Atom}"
SHOWN = [quiet(), outage(), empty(), hostile()]
NAMES = ["quiet", "outage", "empty", "hostile"]


def render(page: Page, now: float = NOW) -> dict[str, bytes]:
    return static_page.render(page, now, TEMPLATES)


def text(page: Page, name: str = "index.html") -> str:
    return render(page)[name].decode()


def document(page: Page, name: str) -> Any:
    return json.loads(render(page)[f"api/v2/{name}.json"])


class Parsed(HTMLParser):
    """The elements of a page with their attributes, and its text without scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if not self.elements or self.elements[-1][0] not in {"script", "style"} or self.cdata_elem is None:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


# What there is


def test_all_files_are_there() -> None:
    files = render(outage())
    pages = {"index.html", "history/index.html", "history/2026-11.html", "history/2026-09.html", "history.atom", "history.rss"}
    api = ["summary", "status", "components", "incidents", "incidents/unresolved", "scheduled-maintenances"]
    api += ["scheduled-maintenances/active", "scheduled-maintenances/upcoming"]
    posts = {f"incidents/{static_api.post_id(each)}.html" for each in outage().posts}
    assert set(files) == pages | {f"api/v2/{name}.json" for name in api} | posts


@pytest.mark.parametrize("page", SHOWN, ids=NAMES)
def test_a_page_that_has_not_changed_gives_the_same_bytes(page: Page) -> None:
    """Within a day; an outage that goes on is the exception, and shows in one file only."""
    first, second = render(page), render(page, NOW + 7 * 60)
    assert [name for name in first if first[name] != second[name]] in ([], ["index.html"])
    if all(each.state == "operational" for each in page.components):
        assert first == second


def test_fifty_components_with_ninety_days_stay_below_fifty_kilobytes() -> None:
    parts = tuple(component(f"Component number {number}", f"Group {number // 10}", troubles=7, description="What it does") for number in range(50))
    assert len(render(Page("Acme Status", URL, utc(NOW), parts, ()))["index.html"]) < 50_000


def test_the_outage_comes_first_and_the_worst_group_before_the_others() -> None:
    shown = Parsed(text(outage())).text
    order = ["Major outage", "Active incidents", "The error rate falls", "A database node has failed", "Since 12:03 UTC",
             "Maintenance in progress", "Platform", "Applications", "Data", "Regions",
             "Upcoming maintenance", "Past incidents", "Delayed e-mails"]  # fmt: skip
    places = [shown.index(each) for each in order]
    assert places == sorted(places)


def test_days_without_incidents_are_told_together() -> None:
    shown = " ".join(Parsed(text(quiet())).text.split())
    assert "25 – 26 November 2026 No incidents reported. 24 November 2026 Delayed e-mails" in shown
    assert "13 – 23 November 2026 No incidents reported." in shown
    assert "lasted 3 h" in shown


def test_while_something_goes_on_no_day_of_it_says_that_nothing_was_reported() -> None:
    shown = " ".join(Parsed(text(outage())).text.split())
    past = shown[shown.index("Past incidents") :]
    assert "26 November 2026 Nothing ended: what goes on is told above. 25 November 2026 No incidents reported." in past


def test_an_incident_leaves_the_top_when_it_is_resolved_and_stays_in_the_past_ones() -> None:
    """Even one that began before the days that are listed."""
    long = post("INC-3", "A long one", "minor", (24 * 40, "investigating", "It began", {}), (1, "resolved", "It ended", {}))
    shown = Parsed(text(dataclasses.replace(quiet(), posts=(long,)))).text
    assert "Active incidents" not in shown
    assert shown.index("Past incidents") < shown.index("A long one")


def test_months_lead_to_their_neighbours() -> None:
    files = render(quiet())
    newest, oldest = (Parsed(files[f"history/{month}.html"].decode()) for month in ("2026-11", "2026-09"))
    assert [each["href"] for each in newest.all("a") if each.get("rel") in {"prev", "next"}] == ["2026-09.html"]
    assert [each["href"] for each in oldest.all("a") if each.get("rel") in {"prev", "next"}] == ["2026-11.html"]


@pytest.mark.parametrize("page", SHOWN, ids=NAMES)
def test_every_link_within_the_page_leads_somewhere(page: Page) -> None:
    files = render(page)
    for name in [each for each in files if each.endswith(".html")]:
        for each in Parsed(files[name].decode()).all("a"):
            if not re.match(r"https?:|#", each["href"]):
                assert os.path.normpath(Path(name).parent / each["href"]) in files


def test_lists_hold_the_newest_fifty() -> None:
    posts = tuple(post(f"INC-{number}", f"Number {number}", "minor", (24 * number + 1, "resolved", "Done", {})) for number in range(60))
    page = dataclasses.replace(quiet(), posts=posts)
    assert [each["name"] for each in document(page, "incidents")["incidents"]] == [f"Number {number}" for number in range(50)]
    assert len(ElementTree.fromstring(render(page)["history.atom"]).findall(f"{ATOM}entry")) == 50  # noqa: S314 - our own


@pytest.mark.parametrize("damaged", ["", "yesterday", "2026-11-26", "9999-99-99T00:00:00Z"])
def test_a_damaged_time_hides_nothing(damaged: str) -> None:
    told = (Update(1, damaged, "investigating", "It is slow"), Update(2, damaged, "monitoring", "It is better"))
    parts = (Component("API", "major_outage", since=damaged, history=((damaged, "major_outage"),)),)
    page = Page("Acme", URL, utc(NOW), parts, (Post("a", "INC-1", "Slow", "major", told),))
    assert "It is better" in text(page)
    for name in ("history.atom", "history.rss"):
        ElementTree.fromstring(render(page)[name])  # noqa: S314 - our own


# How everything is


@pytest.mark.parametrize(
    ("states", "impacts", "expected", "headline"),
    [
        ([], [], ("none", "All Systems Operational"), "All systems operational"),
        (["operational"], ["none"], ("none", "All Systems Operational"), "All systems operational"),
        (["operational", "under_maintenance"], [], ("none", "Service Under Maintenance"), "Under maintenance"),
        (["degraded_performance"], [], ("minor", "Partially Degraded Service"), "Degraded performance"),
        (["operational"], ["minor"], ("minor", "Minor Service Outage"), "Incident in progress"),
        (["partial_outage", "operational"], [], ("major", "Partial System Outage"), "Partial outage"),
        (["degraded_performance"], ["major"], ("major", "Partial System Outage"), "Degraded performance"),
        (["major_outage", "operational"], [], ("critical", "Major Service Outage"), "Major outage"),
        (["under_maintenance"], ["critical"], ("critical", "Major Service Outage"), "Incident in progress"),
    ],
)
def test_the_overall_status_is_that_of_the_worst(
    states: list[str], impacts: list[str], expected: tuple[str, str], headline: str
) -> None:  # fmt: skip
    """For programs in Statuspage's words, for people in those of the component's own row."""
    parts = tuple(Component(f"C{place}", state) for place, state in enumerate(states))
    posts = [post(f"INC-{impact}", "Slow", impact, (1, "identified", "Slow", {})) for impact in impacts]
    over = post("INC-9", "Past", "critical", (3, "investigating", "Slow", {}), (1, "resolved", "Over", {}))
    page = Page("Acme", URL, utc(NOW), parts, (*posts, over))
    assert static_api.overall(page) == expected
    assert document(page, "status")["status"] == dict(zip(("indicator", "description"), expected, strict=True))
    assert f"<h1>{headline}</h1>" in text(page)


def test_maintenance_that_has_begun_shows_though_no_component_is_named() -> None:
    work = post("MNT-1", "Work", "none", (1, "in_progress", "Begun", {}), starts=utc(NOW), ends=utc(NOW + HOUR))
    assert static_api.overall(Page("Acme", URL, utc(NOW), (), (work,))) == ("none", "Service Under Maintenance")


def test_only_what_was_never_away_has_all_of_its_uptime() -> None:
    brief = Component("API", since=utc(NOW - 100 * DAY), history=((utc(NOW - DAY), "major_outage"), (utc(NOW - DAY + 1), "operational")))
    page = Page("Acme", URL, utc(NOW), (brief, Component("Web", since=utc(NOW - DAY)), Component("New")), ())
    shown = Parsed(text(page)).text
    assert [each in shown for each in ("99.99 % uptime", "100 % uptime", "Uptime not known yet")] == [True] * 3


def test_the_days_are_told_in_words_and_as_data() -> None:
    begun = NOW - 14 * HOUR - 180 - 2 * DAY
    history = ((utc(begun), "partial_outage"), (utc(begun + 90 * 60), "major_outage"), (utc(begun + 95 * 60), "operational"))
    page = Page("Acme", URL, utc(NOW), (Component("API", since=utc(begun - 9 * DAY), history=history),), ())
    parsed = Parsed(text(page))
    assert [each["data-d"] for each in parsed.all("div") if "data-d" in each] == ["u78 o9 x5p90 o2"]
    assert "Trouble on 1 of 12 days. 24 Nov: major outage 5 min, partial outage 1 h 30 min" in parsed.text
    assert [each["d"] for each in parsed.all("path") if each.get("class") in {"bo", "bu", "bx"}] == ["M78 15h12", "M0 19h78", "M87 10h1"]


def test_no_two_states_differ_by_their_colour_alone() -> None:
    """In the bars by the height too, and each height is the one that the style gives its stroke; elsewhere by an icon and words."""
    assert len(set(static_bars.HEIGHTS.values())) == len(static_bars.HEIGHTS) == len(static_bars.LETTERS)
    style = (TEMPLATES / "style.css").read_text()
    widths = {letter: int(width) for letter, width in re.findall(r"\.b([a-z])\{stroke:[^;]*;stroke-width:(\d+)\}", style)}
    assert widths == static_bars.HEIGHTS
    assert len(set(static_page.KINDS.values())) == 5


# Statuspage's public API

COMPONENT = {
    "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "start_date", "group_id", "page_id", "group",
    "only_show_if_degraded",
}  # fmt: skip
INCIDENT = {
    "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact", "shortlink", "started_at", "page_id",
    "incident_updates", "components",
}  # fmt: skip
UPDATE = {"id", "status", "body", "incident_id", "created_at", "updated_at", "display_at", "affected_components", "deliver_notifications",
          "custom_tweet", "tweet_id"}  # fmt: skip


@pytest.mark.parametrize("page", SHOWN, ids=NAMES)
def test_the_summary_has_the_shape_of_statuspage(page: Page) -> None:
    """The fields of metastatuspage.com/api, no other, and every id leads to something."""
    summary = document(page, "summary")
    assert set(summary) == {"page", "components", "incidents", "scheduled_maintenances", "status"}
    assert set(summary["page"]) == {"id", "name", "url", "time_zone", "updated_at"}
    assert summary["status"]["indicator"] in {"none", "minor", "major", "critical"}
    parts = {each["id"]: each for each in summary["components"]}
    assert len(parts) == len(summary["components"])
    for each in summary["components"]:
        assert set(each) - ({"components"} if each["group"] else set()) == COMPONENT
        assert each["page_id"] == summary["page"]["id"]
        assert each["group_id"] is None or each["id"] in parts[each["group_id"]]["components"]
    for each in summary["incidents"] + summary["scheduled_maintenances"]:
        maintenance = each["status"] in {"scheduled", "in_progress", "verifying"}
        assert set(each) == INCIDENT | ({"scheduled_for", "scheduled_until"} if maintenance else set())
        assert (each["impact"] == "maintenance") == maintenance
        assert each["shortlink"] == f"{URL}/incidents/{each['id']}.html"
        assert all(set(part) == COMPONENT for part in each["components"])
        told = [update["created_at"] for update in each["incident_updates"]]
        assert told == sorted(told, reverse=True)
        for update in each["incident_updates"]:
            assert (set(update), update["incident_id"]) == (UPDATE, each["id"])
            assert all(set(part) == {"code", "name", "old_status", "new_status"} for part in update["affected_components"] or [])


def test_times_are_iso_8601_in_utc() -> None:
    for name, data in render(outage()).items():
        if name.startswith("api/"):
            for key, value in re.findall(r'"(\w+_at|scheduled_\w+)": "([^"]*)"', data.decode()):
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value), (name, key)


def test_the_lists_are_parts_of_the_same_truth() -> None:
    page = outage()
    summary = document(page, "summary")
    assert document(page, "incidents/unresolved")["incidents"] == summary["incidents"]
    assert [each["name"] for each in summary["incidents"]] == ["API requests fail in the EU region"]
    active, upcoming = (document(page, f"scheduled-maintenances/{kind}")["scheduled_maintenances"] for kind in ("active", "upcoming"))
    assert active + upcoming == summary["scheduled_maintenances"]
    assert ([each["name"] for each in active], [each["name"] for each in upcoming]) == (["Upgrade of the primary database"], ["New certificates"])
    assert [each["status"] for each in document(page, "incidents")["incidents"]] == ["monitoring", "resolved", "resolved"]
    assert document(page, "components")["components"] == summary["components"]


def test_stages_have_their_times() -> None:
    told = [(ago, status, "", {"API": state}) for ago, status, state in (
        (5, "investigating", "major_outage"), (4, "monitoring", "partial_outage"), (1, "resolved", "operational"),
    )]  # fmt: skip
    page = Page("Acme", URL, utc(NOW), (Component("API"),), (post("INC-1", "Slow", "major", *told),))
    (shown,) = document(page, "incidents")["incidents"]
    stages = [shown[key] for key in ("created_at", "started_at", "monitoring_at", "resolved_at", "updated_at")]
    assert stages == [utc(NOW - ago * HOUR) for ago in (5, 5, 4, 1, 1)]
    affected = [update["affected_components"][0] for update in shown["incident_updates"]]
    changes = [("partial_outage", "operational"), ("major_outage", "partial_outage"), ("operational", "major_outage")]
    assert [(each["old_status"], each["new_status"]) for each in affected] == changes
    assert [each["id"] for each in shown["components"]] == [each["code"] for each in affected[:1]]


def test_ids_do_not_change_with_the_rest() -> None:
    page = outage()
    moved = dataclasses.replace(page, components=page.components[::-1], posts=page.posts[::-1], updated_at=utc(NOW), title="Other")
    for key in ("components", "incidents", "scheduled_maintenances"):
        assert {each["id"] for each in document(page, "summary")[key]} == {each["id"] for each in document(moved, "summary")[key]}


def test_a_group_is_in_the_worst_state_of_its_own() -> None:
    groups = {each["name"]: each["status"] for each in document(outage(), "components")["components"] if each["group"]}
    assert groups == {"Platform": "major_outage", "Applications": "partial_outage", "Data": "under_maintenance", "Regions": "operational"}


# Text stays text


def test_no_text_becomes_markup() -> None:
    files = render(hostile())
    for name in [each for each in files if each.endswith(".html")]:
        parsed = Parsed(files[name].decode())
        assert [len(parsed.all(tag)) for tag in ("script", "style", "title", "img", "iframe")][:2] == [1, 1]
        assert parsed.all("img") == []
        assert [attribute for dummy, attributes in parsed.elements for attribute in attributes if attribute.startswith("on")] == []
        assert {each["href"].partition(":")[0] for each in parsed.all("a") if ":" in each["href"]} <= {"http", "https"}
    shown = Parsed(files["index.html"].decode()).text
    assert all(each.partition("\x00")[0] in shown for each in HOSTILE)


def test_only_what_leads_to_the_web_is_a_link() -> None:
    said = "See https://docs.example.org/a_(b)?q=1&r=2#top, (http://b.example/x). ftp://c.example https://user@evil.example/ javascript:alert(1) https://"
    page = Page("Acme", URL, utc(NOW), (), (post("INC-1", "Slow", "minor", (1, "identified", said, {})),))
    links = [each for each in Parsed(text(page)).all("a") if each.get("rel") == "nofollow noopener"]
    assert [each["href"] for each in links] == ["https://docs.example.org/a_(b)?q=1&r=2#top", "http://b.example/x"]
    assert said in Parsed(text(page)).text


def test_paragraphs_and_lines_are_kept() -> None:
    page = Page("Acme", URL, utc(NOW), (), (post("INC-1", "Slow", "minor", (1, "identified", "one\r\ntwo\n \n\nthree\n", {})),))
    assert "<p>one<br>two</p>\n<p>three</p>" in text(page)


@pytest.mark.parametrize("page", SHOWN, ids=NAMES)
def test_the_policy_allows_our_own_script_and_style_and_nothing_else(page: Page) -> None:
    for name, data in render(page).items():
        if not name.endswith(".html"):
            continue
        source = data.decode()
        made = {}
        for tag in ("script", "style"):
            within = re.search(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
            assert within
            made[tag] = base64.b64encode(hashlib.sha256(within[1].encode()).digest()).decode()
        (policy,) = (each["content"] for each in Parsed(source).all("meta") if each.get("http-equiv") == "Content-Security-Policy")
        assert policy == (f"default-src 'none'; style-src 'sha256-{made['style']}'; script-src 'sha256-{made['script']}'; img-src data:; "
                          "base-uri 'none'; form-action 'none'")  # fmt: skip
        assert "style=" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", source, flags=re.DOTALL)


@pytest.mark.parametrize("page", SHOWN, ids=NAMES)
def test_feeds_are_xml_and_keep_the_text(page: Page) -> None:
    files = render(page)
    atom, rss = (ElementTree.fromstring(files[name]) for name in ("history.atom", "history.rss"))  # noqa: S314 - our own
    entries, items = atom.findall(f"{ATOM}entry"), rss.findall("channel/item")
    titles = [re.sub("[\x00\x1b\ud800\ufffe]", "", each.title) for each in page.posts]
    assert [each.findtext(f"{ATOM}title") for each in entries] == [each.findtext("title") for each in items] == titles
    links = [static_api.link(page, each) for each in page.posts]
    assert [each.findtext(f"{ATOM}id") for each in entries] == [each.findtext("guid") for each in items] == links
    for each in entries:
        content = Parsed(each.findtext(f"{ATOM}content") or "")
        assert {tag for tag, dummy in content.elements} <= {"p", "strong", "br", "div", "a"}


# The folder

FILES = ["index.html", "a.txt", "history/2026-11.html", "api/v2/incidents/unresolved.json", "api/v2/summary.json"]


def version(number: int, more: int = 0) -> dict[str, bytes]:
    """The files of a version: each names it, but for one that is the same in all."""
    return {name: f"{name} of {number}\n".encode() * (1 + more) for name in FILES} | {"same.txt": b"same\n"}


def shown(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir() if path != folder)


def state(folder: Path) -> list[tuple[str, int, int, int]]:
    paths = [folder.parent, folder, *sorted(folder.rglob("*"))]
    return [(str(path), (found := path.lstat()).st_ino, found.st_mtime_ns, found.st_ctime_ns) for path in paths]


@pytest.fixture(params=["link", "folder"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a page goes: to a link of ours, or to a folder that is there."""
    path = tmp_path / "page"
    if request.param == "folder":
        path.mkdir()
    return path


def test_what_is_written_is_shown(folder: Path) -> None:
    assert write(version(1), folder) == 6
    assert shown(folder) == version(1)
    assert write(version(2), folder) == 5
    assert shown(folder) == version(2)
    assert len(beside(folder)) == folder.is_symlink()


def test_an_unchanged_page_touches_nothing(folder: Path) -> None:
    write(version(1), folder)
    before = state(folder)
    assert write(version(1), folder) == 0
    assert state(folder) == before


def test_every_web_server_may_read_it_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        write(version(1), folder)
    finally:
        os.umask(before)
    there = list(folder.resolve().rglob("*")) + ([folder.resolve()] if folder.is_symlink() else [])
    assert {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in there} == {(True, 0o755), (False, 0o644)}


def test_a_file_that_is_no_longer_there_goes(tmp_path: Path) -> None:
    write(version(1), tmp_path / "page")
    fewer = {name: data for name, data in version(1).items() if name != "a.txt"}
    assert write(fewer, tmp_path / "page") == 1
    assert shown(tmp_path / "page") == fewer


def test_unchanged_files_are_shared_and_where_they_can_not_be_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page"
    write(version(1), page)
    before = (page / "same.txt").stat().st_ino
    write(version(2), page)
    assert (page / "same.txt").stat().st_ino == before

    def refuse(*arguments: object, **more: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    write(version(3), page)
    assert shown(page) == version(3)


def test_what_others_put_there_stays(folder: Path) -> None:
    foreign = [folder.parent / name for name in (".page-backup", ".page-0123456789abcdeg", ".other-0123456789abcdef", ".page-0123456789abcdef.tmp")]
    for each in foreign:
        each.mkdir()
    if folder.is_dir():
        (folder / "robots.txt").write_text("mine")
    write(version(1), folder)
    write(version(2), folder)
    assert all(each.is_dir() for each in foreign)
    assert folder.is_symlink() or (folder / "robots.txt").read_text() == "mine"


@pytest.mark.parametrize("target", ["/srv/www", "elsewhere", ".page-0123456789abcdef/../elsewhere"])
def test_a_link_to_anywhere_else_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "page").symlink_to(target)
    with pytest.raises(FileExistsError, match=r"is a link to .*, which is not a status page of ours"):
        write(version(1), tmp_path / "page")
    assert ((tmp_path / "page").readlink(), shown(tmp_path / "elsewhere")) == (Path(target), {})


def test_a_version_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    write(version(1), tmp_path / "page")
    shutil.rmtree((tmp_path / "page").resolve())
    assert write(version(1), tmp_path / "page") == 6
    assert shown(tmp_path / "page") == version(1)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("mine")
    with pytest.raises(NotADirectoryError, match="is a file"):
        write(version(1), tmp_path / "page")
    assert (tmp_path / "page").read_text() == "mine"


def test_a_full_disk_leaves_the_old_page(folder: Path) -> None:
    """A file that can't be written to its end, in the middle of a version."""
    write(version(1), folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(version(2) | {"index.html": b"2" * 100_000}, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder / "index.html").read_bytes() == version(1)["index.html"]
    assert folder.is_dir() and len(beside(folder)) == folder.is_symlink()
    assert list(folder.rglob("*.tmp")) == []
    if folder.is_symlink():
        assert shown(folder) == version(1)
    assert write(version(3), folder) == 5


PROGRAM = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(COLLECTIONS)!r})
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.folder import write
folder, files = Path(sys.argv[1]), {FILES!r}
def version(number):
    return {{name: f"{{name}} of {{number}}\\n".encode() for name in files}} | {{"same.txt": b"same\\n"}}
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM + program, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def test_a_folder_that_may_not_be_written_shows_the_old_page() -> None:
    """As a user who isn't its owner."""
    program = """
if os.geteuid() == 0: os.setgroups([]), os.setgid(65534), os.setuid(65534)
try: print(write(version(2), folder))
except OSError as error: print(type(error).__name__)
"""
    with tempfile.TemporaryDirectory() as made:
        for name in ("linked", "real"):
            parent = Path(made) / name
            parent.mkdir()
            if name == "real":
                (parent / "page").mkdir()
            write(version(1), parent / "page")
            for each in (Path(made), parent, parent / "page"):
                each.chmod(0o555)
            answer = start(program, parent / "page").communicate(timeout=A_RUN)[0]
            for each in (Path(made), parent, parent / "page"):
                each.chmod(0o755)
            assert answer == "PermissionError\n"
            assert shown(parent / "page") == version(1)


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_sigkill_at_any_step_leaves_one_whole_page(tmp_path: Path, kind: str) -> None:
    """A writer is killed before its first call of the operating system, then one before its second, until one gets through."""
    program = """
def step(event, arguments):
    global left
    if event == "open" or event.startswith("os."):
        left -= 1
        if left == 0: os.kill(os.getpid(), signal.SIGKILL)
left, number = int(sys.argv[2]), int(sys.argv[3])
sys.addaudithook(step)
write(version(number), folder)
os._exit(0)
"""
    forked = f"""
for step_number in range(1, 2000):
    child = os.fork()
    if child == 0:
        sys.argv[2:] = [str(step_number), str(step_number + 1)]
        exec({program!r})
    ended = os.waitpid(child, 0)[1]
    names = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".tmp")]
    found = {{str(path.relative_to(folder)): path.read_text() for path in names}}
    print(step_number, os.waitstatus_to_exitcode(ended), repr(found), sep="\\t", flush=True)
    if os.WIFEXITED(ended): break
"""
    page = tmp_path / "page"
    if kind == "folder":
        page.mkdir()
    write(version(1), page)
    lines = start(forked, page).communicate(timeout=A_RUN)[0].splitlines()
    assert len(lines) > 25
    last = 1
    for line in lines:
        step, code, found = line.split("\t")
        numbers = {name: int(data.split(" of ")[1]) for name, data in eval(found).items() if name != "same.txt"}  # noqa: S307 - a repr of our own
        assert set(numbers) == set(FILES)
        assert int(code) == (-9 if line is not lines[-1] else 0)
        if kind == "link":
            assert set(numbers.values()) in ({last}, {int(step) + 1}), line
            last = numbers["index.html"]
        elif numbers["index.html"] == int(step) + 1:
            assert set(numbers.values()) == {int(step) + 1}, "index.html comes last"
    assert write(version(9999), page) == 5
    assert set(shown(page)) == {*FILES, "same.txt"}
    assert len(beside(page)) == page.is_symlink()


def test_sigkill_at_any_moment_leaves_one_whole_page(tmp_path: Path) -> None:
    """A writer that goes on and on is killed from outside."""
    page, chance = tmp_path / "page", random.Random(5)  # noqa: S311 - the same at each run
    write(version(0), page)
    for moment in [chance.uniform(0, 0.05) for dummy in range(12)]:
        process = start("number = 0\nprint(flush=True)\nwhile True:\n    number += 1\n    write(version(number), folder)\n", page)
        assert process.stdout
        process.stdout.readline()
        time.sleep(moment)
        process.kill()
        process.wait()
        found = shown(page)
        number = int(found["index.html"].split(b" of ")[1])
        assert found == version(number)
    assert write(version(-1), page) == 5
    assert len(beside(page)) == 1


def test_leftovers_go_even_where_nothing_has_changed(folder: Path) -> None:
    write(version(1), folder)
    left = folder.with_name(".page-0123456789abcdef") if folder.is_symlink() else folder / "api" / "v2"
    left.mkdir(exist_ok=True)
    (left / ".incident-response-0123456789abcdef.tmp").write_text("half")
    if folder.is_symlink():
        folder.with_name(".page-0123456789abcdef.link").symlink_to("nowhere")
    assert write(version(1), folder) == 0
    assert shown(folder) == version(1)
    assert len(beside(folder)) == folder.is_symlink()
