# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Converts posts for providers: titles that contain the incident's name, and the newest update in our words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from .._core.status_page import Post, Shown
from .errors import lasting
from .shape import text


def names(post: Post) -> tuple[str, ...]:
    """All names of the incident, the current one first."""
    return tuple(name for name in dict.fromkeys((post.name, *post.names)) if name)


def titled(post: Post, longest: int) -> str:
    """The title with the incident's name at its end. It identifies the post at a provider that can't store our key. Titles may be equal or change,
    but the name is unique and stays."""
    mark = f" ({post.name})"
    return short(post.title, longest - len(mark)) + mark


def short(title: str, longest: int) -> str:
    """A title that a provider accepts."""
    return title if len(title) <= longest else title[: longest - 1] + "…"


def is_titled(title: str, post: Post) -> bool:
    """Whether `titled` made it, under any of the incident's names."""
    return any(title.rstrip().endswith(f"({name})") for name in names(post))


def newest(updates: Iterable[Any], stamp: str) -> Any | None:
    """The update with the latest time at `stamp`; for equal times, the last one in the list. None if there is none."""
    found, latest = None, datetime.min
    for each in updates:
        when = moment(text(each, stamp))
        if found is None or when >= latest:
            found, latest = each, when
    return found


def moment(stamp: str) -> datetime:
    """A time of the JSON answer, which is in UTC without a zone. Raises StatusPageError."""
    try:
        when = datetime.fromisoformat(stamp)
        return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when
    except (ValueError, OverflowError):
        raise lasting(f"the provider answered with a time that is none: {stamp[:40]}") from None


def shown(ref: str, state: str, body: str, post: Post, theirs: Mapping[str, str]) -> Shown:
    """The provider's post in our words; `theirs` maps our states to its states. If several of our states map to one of its states, or if it has
    trimmed the text, our matching update is returned. An unknown state is empty."""
    fitting = [ours for ours, other in theirs.items() if other == state]
    for update in reversed(post.updates):
        if update.status in fitting and _plain(update.body) == _plain(body):
            return Shown(ref, update.status, update.body)
    return Shown(ref, fitting[0] if fitting else "", body)


def window(post: Post, what: str) -> tuple[str, str]:
    """Start and end of a maintenance. Raises StatusPageError if they are unknown."""
    if not (post.starts and post.ends):
        raise lasting(f"{what} takes a maintenance only with its start and its end: {post.name} lacks {'starts' if not post.starts else 'ends'}")
    return post.starts, post.ends


def no_maintenance(post: Post, what: str) -> None:
    """Raises StatusPageError for a maintenance, for providers without maintenance."""
    if post.is_maintenance:
        raise lasting(f"{what} can't be told of maintenance by this collection: enter {post.name} there by hand")


def _plain(body: str) -> str:
    return body.replace("\r\n", "\n").strip()
