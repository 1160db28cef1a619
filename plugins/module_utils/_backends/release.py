# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds the release before the current one, from names, ages and contents. In case of doubt it raises the reason. Also runs on managed hosts, so it
needs no more than Python 3.9."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_NEVER = re.compile(
    r"\.|lost\+found$|.*(~|[._-](tmp|temp|part|partial|new|old|bak|backup|orig|swp|lock|incoming|incomplete|failed|broken|bad|wip|copy))$",
    re.IGNORECASE,
)
"""Names of folders that are no release, or an incomplete one."""
_INSTANT = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])([0-5]\d([0-5]\d)?)?)?")
_HASH = re.compile(r"([A-Za-z]+[._-])?(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}")
_SEMVER = re.compile(r"((?!v\d)[A-Za-z][A-Za-z_.-]*?)?v?(\d+(?:\.\d+)+)(?:[-~]([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_NUMBERED = re.compile(r"(\d+[T\d_.-]*?)[._-]g?[0-9a-f]{7,40}")
_PRERELEASE = re.compile(r"(alpha|beta|rc|pre|preview|dev|snapshot|nightly|m)?[.-]?\d*([.-]\d+)*", re.IGNORECASE)
"""The allowed prefixes of a version. Other words after a version (a hotfix, a branch) have no order."""
_DAY_FIRST = re.compile(r"\D*(0?[1-9]|[12]\d|3[01])([^\w]|_)(0?[1-9]|[12]\d|3[01])\2((19|20)\d\d|\d\d)(\D.*)?")
"""A date whose year isn't first. It has no order, because the month is ambiguous."""
_HASHED, _SHOWN = "hash", 10


class Doubt(ValueError):
    """The previous release is not certain. The text says why."""


@dataclass(frozen=True)
class Release:
    """A release. `made` is the last change of its folder in seconds since 1970. `parts` are the names in it, if readable. `born` is the creation time
    of the folder on this disk, if the file system knows it; files that a service writes into its release don't change it."""

    name: str
    made: float
    parts: frozenset[str] = frozenset()
    born: float | None = None


def previous(current: Release, others: Iterable[Release]) -> Release:
    """The newest release that is older than the current one: by name if the names have an order, otherwise by age. Raises Doubt."""
    others = [each for each in others if each.name != current.name and not _NEVER.match(each.name)]
    others = [each for each in others if each.parts or not current.parts]  # an empty folder among non-empty ones was never a release
    form = pattern(current.name)[0]
    if _DAY_FIRST.fullmatch(current.name):
        raise Doubt(f"{current.name} doesn't say which number is the day, and which the month, so what was before it can't be told")
    if not form:
        raise Doubt(f"{current.name} has neither a number nor a hash in its name, so what was before it can't be told")
    same = [each for each in others if (_is_hash_like(each.name, current.name) if form == _HASHED else pattern(each.name)[0] == form)]
    twins = [each.name for each in same if _place(each, form) == _place(current, form)]
    if twins and form != _HASHED:
        raise Doubt(f"{twins[0]} and {current.name} are equally old, so what was before {current.name} can't be told")
    older = sorted((each for each in same if _place(each, form) < _place(current, form)), key=lambda each: _place(each, form))
    if not older:
        raise Doubt(f"There is no release before {current.name}")
    found = older[-1]
    alike = [each.name for each in older[:-1] if _place(each, form) == _place(found, form)]
    if alike:
        raise Doubt(f"{alike[0]} and {found.name} are equally old, so which was before {current.name} can't be told")
    if form == _HASHED:
        _refuse_restored(current, found, same)
    _refuse_strange(current, found, [each for each in others if each not in same])
    return found


def pattern(name: str) -> tuple[str, tuple[Any, ...]]:
    """The form of a name (empty for none), and its sort key within this form."""
    version = _SEMVER.fullmatch(name)
    numbered = _NUMBERED.fullmatch(name)
    if _INSTANT.fullmatch(name):
        return "instant", (name.ljust(14, "0"),)
    if re.fullmatch("[0-9]+", name):
        return "number", (int(name),)
    if version and _PRERELEASE.fullmatch(version[3] or ""):
        numbers = [int(each) for each in version[2].split(".")]
        while numbers and not numbers[-1]:  # 1.2 is 1.2.0
            numbers.pop()
        return f"version {version[1] or ''}", (tuple(numbers), not version[3], _prerelease(version[3] or ""))
    if numbered:
        return f"{re.sub(r'[0-9]+', '#', numbered[1])} with a hash", tuple(int(each) for each in re.findall(r"\d+", numbered[1]))
    if _HASH.fullmatch(name):
        return _HASHED, ()
    if version:  # a hotfix, or a branch: its order is unknown
        return f"version with {version[3]}", (version[2],)
    numbers = [int(each) for each in re.findall(r"\d+", name)]
    return re.sub(r"\d+", "#", name) if numbers else "", tuple(numbers)


def is_older(name: str, current: str) -> bool:
    """Whether both names have the same ordered form, and the first one is older."""
    (form, place), (now, there) = pattern(name), pattern(current)
    return form == now and bool(place) and place < there


def listed(releases: Iterable[Release]) -> str:
    """A list of the newest releases with the times of their folders, oldest first, for a person who must choose."""
    ordered = in_order(releases)
    words, what = [], "folder changed "
    for each in ordered[-_SHOWN:]:
        words.append(f"{each.name} ({what}{time.strftime('%Y-%m-%d %H:%M', time.gmtime(each.made))} UTC)")
        what = ""  # said once
    more = f" and {len(ordered) - _SHOWN} older ones" if len(ordered) > _SHOWN else ""
    return f"There {'are' if len(words) != 1 else 'is'} {', '.join(words) or 'none'}{more}"


def in_order(releases: Iterable[Release]) -> Sequence[Release]:
    """Sort the releases, oldest first: by name if all have the same ordered form, otherwise by age."""
    found = list(releases)
    forms = {pattern(each.name)[0] for each in found}
    if len(forms) == 1 and not forms & {"", _HASHED}:
        return sorted(found, key=lambda each: pattern(each.name)[1])
    return sorted(found, key=lambda each: (each.made, each.name))


def _place(release: Release, form: str) -> tuple[Any, ...]:
    return (release.made,) if form == _HASHED else pattern(release.name)[1]


def _refuse_restored(current: Release, found: Release, others: Iterable[Release]) -> None:
    """Raises Doubt if the ages of the folders contradict each other: a folder was changed later, or all were copied here at once."""
    known = [(each.born, each.name) for each in others if each.born is not None and current.born is not None and each.born < current.born]
    if current.born is not None and max(known, default=(0.0, ""))[1] != found.name:
        first = f"{max(known)[1]} was made here before {current.name}" if known else f"nothing was made here before {current.name}"
        raise Doubt(f"{found.name} would be the one before {current.name} by its last change, but {first}: something was written into them since")


def _refuse_strange(current: Release, found: Release, strange: Iterable[Release]) -> None:
    """Raises Doubt if the found release is incomplete, or if a release with another form of name may lie between the two."""
    lacks = current.parts - found.parts
    if len(lacks) * 2 >= len(current.parts) > 0:
        raise Doubt(
            f"{found.name} would be the one before {current.name}, but it looks like a half copy: "
            f"it lacks {', '.join(sorted(lacks)[:3])}{' and more' if len(lacks) > 3 else ''}"
        )
    for each in strange:
        if current.parts and each.parts >= current.parts and found.made < each.made < current.made:
            raise Doubt(f"{each.name}, which is named otherwise, has all that {current.name} has, and lies between it and {found.name} by age")


def _is_hash_like(name: str, current: str) -> bool:
    """Whether both names are hashes of the same kind. A hash may contain no letter."""
    before = current.rstrip("0123456789abcdef")
    return len(name) == len(current) and name.startswith(before) and bool(re.fullmatch("[0-9a-f]*", name[len(before) :]))


def _prerelease(words: str) -> tuple[tuple[bool, int, str], ...]:
    """The order of semver.org: numbers before words, each compared by its kind."""
    return tuple((not each.isdigit(), int(each) if each.isdigit() else 0, each) for each in words.split(".")) if words else ()
