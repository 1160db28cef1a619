# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page in the format of Statuspage's public API v2 (metastatuspage.com/api), for programs that read this format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..._core.status_page import COMPONENT_STATES, IMPACTS, OPERATIONAL, Component, Page, Post, Update, worst

NEWEST = 50
"""The largest number of posts in a list."""
SEVERITY = dict(zip(COMPONENT_STATES, (0, 0, 1, 2, 3), strict=True))
"""The impact of a component's state: support.atlassian.com/statuspage, "Top-level status and incident impact"."""
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def identifier(*words: str) -> str:
    """An id in Statuspage's form (twelve letters and digits), constant for the same words."""
    number, found = int.from_bytes(hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()), ""
    while len(found) < 12:
        number, digit = divmod(number, len(_LETTERS))
        found += _LETTERS[digit]
    return found


def post_id(post: Post) -> str:
    return identifier("post", post.id)


def link(page: Page, post: Post) -> str:
    """The permanent address of a post."""
    return f"{page.url.rstrip('/')}/incidents/{post_id(post)}.html".lstrip("/")


def overall(page: Page) -> tuple[str, str]:
    """The overall status: the indicator (none, minor, major or critical), and Statuspage's words for it. The worst component state or the worst
    impact of an open incident counts."""
    states = [component.state for component in page.components]
    impacts = [IMPACTS.index(post.impact) for post in page.posts if not post.is_over and not post.is_maintenance and post.impact in IMPACTS]
    by_states = max((SEVERITY.get(state, 0) for state in states), default=0)
    level = max(by_states, *impacts, 0)
    if level == 0:
        under_way = any(post.is_maintenance and not post.is_over and post.status != "scheduled" for post in page.posts)
        maintained = under_way or "under_maintenance" in states
        return IMPACTS[0], "Service Under Maintenance" if maintained else "All Systems Operational"
    if level == 1:
        return IMPACTS[1], "Partially Degraded Service" if by_states == 1 else "Minor Service Outage"
    return IMPACTS[level], "Partial System Outage" if level == 2 else "Major Service Outage"


def documents(page: Page) -> dict[str, dict[str, Any]]:
    """Each JSON document by its path."""
    head, shown = _page(page), _Shown(page)
    indicator, description = overall(page)
    status = {"indicator": indicator, "description": description}
    components = shown.all()
    incidents, works = ([post for post in page.posts if post.is_maintenance is kind] for kind in (False, True))

    def those(posts: Iterable[Post], wanted: Callable[[Post], bool]) -> list[dict[str, Any]]:
        return [shown.post(post) for post in posts if wanted(post)]

    unresolved = those(incidents, lambda post: not post.is_over)
    upcoming = those(works, lambda post: post.status == "scheduled")
    active = those(works, lambda post: post.status in {"in_progress", "verifying"})
    return {
        "api/v2/summary.json": {
            "page": head, "components": components, "incidents": unresolved, "scheduled_maintenances": [*active, *upcoming], "status": status,
        },
        "api/v2/status.json": {"page": head, "status": status},
        "api/v2/components.json": {"page": head, "components": components},
        "api/v2/incidents.json": {"page": head, "incidents": those(incidents[:NEWEST], lambda post: True)},
        "api/v2/incidents/unresolved.json": {"page": head, "incidents": unresolved},
        "api/v2/scheduled-maintenances.json": {"page": head, "scheduled_maintenances": those(works[:NEWEST], lambda post: True)},
        "api/v2/scheduled-maintenances/active.json": {"page": head, "scheduled_maintenances": active},
        "api/v2/scheduled-maintenances/upcoming.json": {"page": head, "scheduled_maintenances": upcoming},
    }  # fmt: skip


def _page(page: Page) -> dict[str, Any]:
    return {"id": _page_id(page), "name": page.title, "url": page.url, "time_zone": "Etc/UTC", "updated_at": page.updated_at}


def _page_id(page: Page) -> str:
    return identifier("page", page.url or page.title)


class _Shown:
    """Shows the components of one page, and the posts that name them."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._groups: dict[str, list[Component]] = {}
        for component in page.components:
            if component.group:
                self._groups.setdefault(component.group, []).append(component)
        self._components = {component.name: self._component(place, component) for place, component in enumerate(page.components, start=1)}

    def all(self) -> list[dict[str, Any]]:
        """The components, and each group before the first one in it."""
        found, seen = [], set()
        for component in self._page.components:
            if component.group and component.group not in seen:
                seen.add(component.group)
                found.append(self._group(len(seen), component.group))
            found.append(self._components[component.name])
        return found

    def post(self, post: Post) -> dict[str, Any]:
        made, first, last = post_id(post), post.updates[0], post.updates[-1]
        monitoring = [update.at for update in post.updates if update.status == "monitoring"]
        shown = {
            "id": made, "name": post.title, "status": post.status, "created_at": first.at, "updated_at": last.at,
            "monitoring_at": monitoring[0] if monitoring else None, "resolved_at": last.at if post.is_over else None,
            "impact": "maintenance" if post.is_maintenance else post.impact, "shortlink": link(self._page, post),
            "started_at": post.starts or first.at, "page_id": _page_id(self._page), "incident_updates": self._updates(post, made),
            "components": [self._components.get(name) or self._component(0, Component(name, state)) for name, state in post.components.items()],
        }  # fmt: skip
        return shown | ({"scheduled_for": post.starts or first.at, "scheduled_until": post.ends or last.at} if post.is_maintenance else {})

    def _updates(self, post: Post, made: str) -> list[dict[str, Any]]:
        """The posts, newest first, as in Statuspage."""
        states: dict[str, str] = {}
        found = []
        for update in post.updates:
            found.append({
                "id": identifier("update", post.id, str(update.seq)), "status": update.status, "body": update.body, "incident_id": made,
                "created_at": update.at, "updated_at": update.at, "display_at": update.at,
                "affected_components": self._affected(update, states) or None, "deliver_notifications": update.notify,
                "custom_tweet": None, "tweet_id": None,
            })  # fmt: skip
            states |= update.components
        return found[::-1]

    def _affected(self, update: Update, before: Mapping[str, str]) -> list[dict[str, str]]:
        return [
            {"code": identifier("component", name), "name": name, "old_status": before.get(name, OPERATIONAL), "new_status": state}
            for name, state in update.components.items()
        ]

    def _component(self, place: int, component: Component) -> dict[str, Any]:
        since = component.since or self._page.updated_at
        return {
            "id": identifier("component", component.name), "name": component.name, "status": component.state, "created_at": since,
            "updated_at": component.history[-1][0] if component.history else since, "position": place,
            "description": component.description or None, "showcase": True, "start_date": component.since[:10] or None,
            "group_id": identifier("group", component.group) if component.group else None, "page_id": _page_id(self._page), "group": False,
            "only_show_if_degraded": False,
        }  # fmt: skip

    def _group(self, place: int, name: str) -> dict[str, Any]:
        """A group is a component, too, in the worst state of its components."""
        within = self._groups[name]
        parts = [self._components[component.name] for component in within]
        shown = self._component(place, Component(name, worst(component.state for component in within), since=within[0].since))
        updated = max(part["updated_at"] for part in parts)
        more = {"id": identifier("group", name), "group": True, "updated_at": updated, "components": [part["id"] for part in parts]}
        return shown | more
