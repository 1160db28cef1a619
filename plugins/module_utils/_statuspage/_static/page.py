# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The embedded status page: plain files for any web server. Texts of incidents are escaped, and never become markup."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import formatdate
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

try:
    import jinja2
except ImportError:
    jinja2 = None  # type: ignore[assignment]

from ..._core.entry import utc
from ..._core.status_page import COMPONENT_STATES, OPERATIONAL, Component, Page, Post, worst
from ..._core.uptime import DAY, Day, days, instant, percentage
from ..._ports import StatusPageError
from . import api
from .bars import lasting, paths, tokens, told

PAST_DAYS = 14
MANY = 12
"""From this number of components on, a group without problems is shown folded."""
KINDS = dict(zip(COMPONENT_STATES, ("ok", "maint", "minor", "partial", "major"), strict=True))
"""The look of a state: the name of its icon and colours."""
_LOOKS = {"none": "ok", "minor": "minor", "major": "partial", "critical": "major"}
_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow, and lone carriage returns: w3.org/TR/xml, "Char"."""
_LINK = re.compile(r"https?://[^\s<>\"'`\\^{|}]+", re.IGNORECASE)
_T = TypeVar("_T")


def render(page: Page, now: float, templates: Path) -> dict[str, bytes]:
    """Every file of the page by its path: HTML, two feeds, and Statuspage's API v2. The same page on the same day gives the same bytes, unless a
    component is not operational: then its bar shows the duration. `now` is Unix time, `templates` the folder of the templates. Raises StatusPageError
    if jinja2 is missing, jinja2.TemplateError for a broken template."""
    if jinja2 is None:
        raise StatusPageError("the Python library jinja2 is missing where Ansible runs: pip install jinja2", lasting=True)
    page = _clean(page)
    found = {name: _json(document) for name, document in api.documents(page).items()}
    return found | _Site(page, now, templates).files()


def _clean(value: _T) -> _T:
    """The text without characters that our documents may not contain."""
    made: Any = value
    if isinstance(value, str):
        made = _FORBIDDEN.sub("", value.replace("\r\n", "\n"))
    elif isinstance(value, tuple):
        made = tuple(_clean(each) for each in value)
    elif isinstance(value, Mapping):
        made = {_clean(key): _clean(each) for key, each in value.items()}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        made = type(value)(*[_clean(getattr(value, name)) for name in value.__dataclass_fields__])
    return made  # type: ignore[no-any-return]


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


# Texts


def _states(state: str) -> str:
    return state.replace("_", " ").capitalize()


def _impact(post: Post) -> str:
    return "Maintenance" if post.is_maintenance else "No impact" if post.impact == "none" else f"{post.impact.capitalize()} impact"


def _impact_kind(post: Post) -> str:
    return "maint" if post.is_maintenance else "none" if post.impact == "none" else _LOOKS.get(post.impact, "none")


@lru_cache(8192)
def _machine(at: str) -> str:
    """The time for `<time>` and feeds, in seconds precision; empty for a damaged one."""
    when = instant(at)
    return "" if when is None else utc(when)[:19] + "Z"


@lru_cache(8192)
def _readable(at: str) -> str:
    """`24 Nov 2026, 14:03 UTC`; a damaged time stays unchanged."""
    when = instant(at)
    return at if when is None else f"{datetime.fromtimestamp(when, UTC):%-d %b %Y, %H:%M} UTC"


def _between(begun: str, ended: str) -> str:
    first, last = instant(begun), instant(ended)
    return "" if first is None or last is None or last < first else lasting(last - first)


def _begun(post: Post) -> str:
    return post.starts or post.updates[0].at


def _lasted(post: Post) -> str:
    return _between(_begun(post), post.updates[-1].at) if post.is_over else ""


def _planned(post: Post) -> str:
    """The planned duration of the maintenance."""
    taking = _between(post.starts, post.ends)
    return f"for {taking}" if taking else ""


def _touched(post: Post) -> list[str]:
    """Every component that was ever in the post."""
    return list(dict.fromkeys([*(name for update in post.updates for name in update.components), *post.components]))


def _worst_first(post: Post) -> list[tuple[str, str]]:
    return sorted(post.components.items(), key=lambda each: -_rank(each[1]))


def _rank(state: str) -> int:
    return COMPONENT_STATES.index(state) if state in COMPONENT_STATES else 0


def _counted(posts: Sequence[Post]) -> str:
    """`3 incidents, 1 maintenance`."""
    works = sum(post.is_maintenance for post in posts)
    incidents = len(posts) - works
    said = [f"{incidents} incident{'' if incidents == 1 else 's'}"] * (incidents > 0) + [f"{works} maintenance"] * (works > 0)
    return ", ".join(said) or "No incidents reported."


def _paragraphs(text: str) -> list[list[list[tuple[str, str]]]]:
    """The paragraphs of a text, with their lines, with their pieces: the words, and the address if they are a web link."""
    return [[_pieces(line) for line in each.strip("\n").split("\n")] for each in re.split(r"\n[ \t]*\n", text) if each.strip()]


def _pieces(line: str) -> list[tuple[str, str]]:
    found, last = [], 0
    for match in _LINK.finditer(line):
        address = match[0].rstrip(".,;:!?*_~")
        while address.endswith((")", "]")) and address.count(address[-1]) > address.count({")": "(", "]": "["}[address[-1]]):
            address = address[:-1].rstrip(".,;:!?*_~")
        if not _web(address):
            continue
        found += [(line[last : match.start()], ""), (address, address)]
        last = match.start() + len(address)
    return [piece for piece in [*found, (line[last:], "")] if piece[0]]


def _web(address: str) -> str:
    """The address if it is a web address whose site is visible in it; otherwise empty."""
    try:
        parts = urlsplit(address)
        return address if parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc else ""
    except ValueError:
        return ""


# Pages


@dataclass(frozen=True, slots=True)
class _Shown:
    """A component in its row."""

    name: str
    description: str
    kind: str
    words: str
    uptime: str
    paths: Sequence[tuple[str, str]]
    data: str
    told: str


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of components; components without a group have an empty name."""

    name: str
    kind: str
    words: str
    components: Sequence[_Shown]
    open: bool


@dataclass(frozen=True, slots=True)
class _Month:
    key: str
    year: str
    name: str
    posts: Sequence[Post]


def _shown(component: Component, now: float) -> _Shown:
    found = days(component, now)
    share = _share(found)
    return _Shown(
        component.name, component.description, KINDS.get(component.state, "none"), _states(component.state), share, paths(found), tokens(found),
        told(found),
    )  # fmt: skip


def _share(found: Sequence[Day]) -> str:
    """The uptime, rounded down, so that only a component without downtime has 100 %. Empty for less than a day."""
    known = percentage(found) if sum(day.known for day in found) >= DAY else None
    return "Uptime not known yet" if known is None else "100 % uptime" if known == 100 else f"{int(known * 100) / 100:.2f} % uptime"


class _Site:
    """The HTML pages and the feeds of a page, at one moment."""

    def __init__(self, page: Page, now: float, templates: Path) -> None:
        self._page, self._now = page, now
        self._months = self._by_month()
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
            keep_trailing_newline=False, auto_reload=False,
        )  # fmt: skip
        environment.filters |= {
            "id": api.post_id, "link": partial(api.link, page), "kind": lambda state: KINDS.get(state, "none"), "state": _states,
            "status": _states, "impact": _impact, "impact_kind": _impact_kind, "machine": _machine, "readable": _readable, "planned": _planned,
            "stamp": lambda at: _machine(at) or "1970-01-01T00:00:00Z", "rfc822": lambda at: formatdate(instant(at) or 0, usegmt=True),
            "begun": _begun, "lasted": _lasted, "touched": _touched, "worst_first": _worst_first, "counted": _counted, "paragraphs": _paragraphs,
        }  # fmt: skip
        site = _web(page.url).rstrip("/")
        support = page.support_url if _web(page.support_url) or page.support_url.startswith("mailto:") else ""
        environment.globals |= {
            "page": page, "site": site, "support": support, "style_hash": _hash(environment, "style.css"),
            "page_id": f"{site}/history.atom" if site else f"urn:incident-response:{api.identifier('page', page.title)}",
        }  # fmt: skip
        drawn: Any = environment.get_template("macros.html").module
        environment.globals |= {"sprite": drawn.sprite(), "favicons": {kind: drawn.favicon(kind) for kind in (*KINDS.values(), "none")}}
        self._scripts = {name: _hash(environment, name) for name in ("index.js", "script.js")}
        self._environment = environment

    def files(self) -> dict[str, bytes]:
        found = {"index.html": self._index(), "history/index.html": self._html("history.html", "../", "none", here="history", months=self._months)}
        for place, month in enumerate(self._months):  # the newest first
            before, after = self._neighbour(place + 1), self._neighbour(place - 1)
            about = {"name": month.name, "posts": month.posts, "before": before, "after": after}
            found[f"history/{month.key}.html"] = self._html("month.html", "../", "none", here="history", **about)
        for month in self._months:
            for post in month.posts:
                text = self._html("incident.html", "../", _impact_kind(post), here="", post=post, month=month)
                found[f"incidents/{api.post_id(post)}.html"] = text
        newest = self._page.posts[: api.NEWEST]
        entry = self._environment.get_template("entry.html")
        for name in ("history.atom", "history.rss"):
            found[name] = self._environment.get_template(name).render(posts=newest, content=lambda post: entry.render(post=post)).encode()
        return found

    def _html(self, template: str, root: str, kind: str, *, here: str, **words: Any) -> bytes:
        script = self._scripts["index.js" if here == "index" else "script.js"]
        return self._environment.get_template(template).render(root=root, kind=kind, here=here, script_hash=script, **words).encode()

    def _index(self) -> bytes:
        open_posts = [post for post in self._page.posts if not post.is_over]
        active = sorted((post for post in open_posts if not post.is_maintenance), key=lambda post: -_impact_rank(post))
        works = [post for post in open_posts if post.is_maintenance]
        under_way = [post for post in works if post.status != "scheduled"]
        kind, words = self._headline(active, under_way)
        return self._html(
            "index.html", "", kind, here="index", words=words, active=active, maintenance=under_way, groups=self._groups(),
            past=self._past([*active, *under_way]),
            upcoming=sorted((post for post in works if post.status == "scheduled"), key=lambda post: instant(post.starts) or 0),
            today=datetime.fromtimestamp(self._now, UTC).date().isoformat(),
        )  # fmt: skip

    def _headline(self, active: Sequence[Post], under_way: Sequence[Post]) -> tuple[str, str]:
        """The overall look and text: those of the component in the worst state, also used in its row."""
        state = worst(each.state for each in self._page.components if each.state in COMPONENT_STATES)
        if active and active[0].impact != "none" and state in {OPERATIONAL, COMPONENT_STATES[1]}:
            return _impact_kind(active[0]), "Incident in progress"
        if under_way and state == OPERATIONAL:
            state = COMPONENT_STATES[1]
        return KINDS[state], "All systems operational" if state == OPERATIONAL else _states(state)

    def _groups(self) -> list[_Group]:
        """The groups with the worst state first, and the components in the same way; otherwise in the order of the page."""
        found: dict[str, list[Component]] = {}
        for component in self._page.components:
            found.setdefault(component.group, []).append(component)
        states = {name: worst(each.state for each in within if each.state in COMPONENT_STATES) for name, within in found.items()}
        few = len(self._page.components) < MANY
        return [
            _Group(
                name, KINDS[states[name]], _states(states[name]),
                [_shown(each, self._now) for each in sorted(found[name], key=lambda each: -_rank(each.state))], few or states[name] != OPERATIONAL,
            )
            for name in sorted(found, key=lambda name: -_rank(states[name]))
        ]  # fmt: skip

    def _past(self, going_on: Sequence[Post]) -> list[tuple[str, list[Post], bool]]:
        """The posts that ended on each of the last days, today first, and whether a post was still `going_on`. Equal days without ended posts are
        combined."""
        ended: dict[date, list[Post]] = {}
        for post in self._page.posts:
            when = instant(post.updates[-1].at)
            if post.is_over and when is not None:
                ended.setdefault(datetime.fromtimestamp(when, UTC).date(), []).append(post)
        today = datetime.fromtimestamp(self._now, UTC).date()
        since = min((_machine(_begun(post))[:10] for post in going_on), default="9999")
        found: list[tuple[date, date, list[Post], bool]] = []
        for day in (today - timedelta(days=back) for back in range(PAST_DAYS)):
            ill = since <= day.isoformat()
            if day not in ended and found and not found[-1][2] and found[-1][3] is ill:
                found[-1] = (day, found[-1][1], [], ill)
            else:
                found.append((day, day, ended.get(day, []), ill))
        return [(_span(first, last), posts, ill) for first, last, posts, ill in found]

    def _by_month(self) -> list[_Month]:
        """Each month in which a post began, and the current month, newest first. Posts with a damaged start are in the current month."""
        now = f"{datetime.fromtimestamp(self._now, UTC):%Y-%m}"
        found: dict[str, list[Post]] = {now: []}
        for post in self._page.posts:
            found.setdefault(_machine(_begun(post))[:7] or now, []).append(post)
        return [_Month(key, key[:4], f"{date.fromisoformat(f'{key}-01'):%B %Y}", found[key]) for key in sorted(found, reverse=True)]

    def _neighbour(self, place: int) -> tuple[str, str] | None:
        return (self._months[place].key, self._months[place].name) if 0 <= place < len(self._months) else None


def _impact_rank(post: Post) -> int:
    return list(_LOOKS).index(post.impact) if post.impact in _LOOKS else 0


def _span(first: date, last: date) -> str:
    """`26 November 2026`, `20 – 26 November 2026`, `28 October – 2 November 2026`."""
    if first == last:
        return f"{last:%-d %B %Y}"
    begin = f"{first:%-d}" if (first.year, first.month) == (last.year, last.month) else f"{first:%-d %B}"
    return f"{begin} – {last:%-d %B %Y}"


def _hash(environment: jinja2.Environment, name: str) -> str:
    """The hash of a script or style for a Content-Security-Policy: w3.org/TR/CSP3, "hash-source"."""
    text = environment.get_template(name).render()
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
