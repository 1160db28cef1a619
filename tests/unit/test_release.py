# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which release was there before the current one, and when that can't be told."""

from __future__ import annotations

import pytest
from ansible_collections.incident.response.plugins.module_utils._backends.release import Doubt, Release, in_order, listed, previous

INSTANTS = ("20261101100000", "20261110100000", "20261120100000")


def releases(*names: str, parts: frozenset[str] = frozenset()) -> dict[str, Release]:
    """Made one after the other."""
    return {name: Release(name, float(day) * 86400, parts) for day, name in enumerate(names)}


def before(current: str, *names: str) -> str:
    made = releases(*names)
    return previous(made[current], reversed(made.values())).name


@pytest.mark.parametrize(
    ("current", "names", "found"),
    [
        ("100", ["98", "99", "100", "101"], "99"),
        ("101", ["101", "100", "99", "98"], "100"),
        ("1000", ["999", "1000", "1001"], "999"),
        (INSTANTS[2], INSTANTS, INSTANTS[1]),
        ("20261120", ["20261101", "20261120"], "20261101"),
        ("v1.10.0", ["v1.9.0", "v1.10.0", "v1.2.0"], "v1.9.0"),
        ("1.2.0", ["1.2.0-rc.2", "1.2.0-rc.10", "1.1.9", "1.2.0"], "1.2.0-rc.10"),
        ("1.2.0-rc.1", ["1.2.0-beta", "1.2.0", "1.1", "1.2.0-rc.1"], "1.2.0-beta"),
        ("api-2.0", ["api-1.9.9", "web-1.9.10", "api-2.0"], "api-1.9.9"),
        ("release-12", ["release-9", "release-12", "release-13"], "release-9"),
        ("2026-11-20_10-00", ["2026-11-01_10-00", "2026-11-20_10-00"], "2026-11-01_10-00"),
        ("20261120100000-abc1234", ["20261101100000-1234567", "20261120100000-abc1234"], "20261101100000-1234567"),
        ("a1b2c3d", ["f000000", "1234567", "a1b2c3d", "b000000"], "1234567"),
        ("git-a1b2c3d", ["git-fffffff", "git-a1b2c3d"], "git-fffffff"),
        (INSTANTS[1], [*INSTANTS, "lost+found"], INSTANTS[0]),
        ("1.0.0", ["0.9.8", "0.9.9-broken", "0.9.9.bad", "0.9.9-copy", "1.0.0"], "0.9.8"),
        ("2026-11-02", ["2026-10-30", "2026-11-02"], "2026-10-30"),
    ],
)
def test_the_one_before_is_the_next_older_of_its_kind(current: str, names: list[str], found: str) -> None:
    assert before(current, *names) == found


@pytest.mark.parametrize("stray", ["upload.tmp", "lost+found", ".incoming", "98", "shared", "20261115100000.old", "20261115100000_new", "latest"])
def test_a_stray_folder_among_instants_is_no_release(stray: str) -> None:
    assert before(INSTANTS[2], INSTANTS[0], INSTANTS[1], stray, INSTANTS[2]) == INSTANTS[1]


@pytest.mark.parametrize(
    ("current", "names", "why"),
    [
        ("98", ["98", "99", "100", "101"], "There is no release before 98"),
        (INSTANTS[0], INSTANTS, "There is no release before 20261101100000"),
        ("v1.0.0", ["v1.0.0", "v1.1.0", "upload.tmp"], "There is no release before v1.0.0"),
        ("a1b2c3d", ["a1b2c3d", "b000000"], "There is no release before a1b2c3d"),
        ("blue", ["green", "blue"], "blue has neither a number nor a hash in its name"),
        ("hotfix-1", [*INSTANTS, "hotfix-1"], "There is no release before hotfix-1"),
        ("99", ["98", "098", "99"], "are equally old"),
        ("1.0.0+b2", ["0.9.0", "1.0.0+b1", "1.0.0+b2"], r"1.0.0\+b1 and 1.0.0\+b2 are equally old"),
        ("30-10-2026", ["30-10-2026", "02-11-2026"], "doesn't say which number is the day"),
        ("11-30-2026", ["11-30-2026", "01-05-2027"], "doesn't say which number is the day"),
        ("api_01.12.26", ["api_30.11.26", "api_01.12.26"], "doesn't say which number is the day"),
        ("1.2.0-hotfix", ["1.2.0", "1.1.0", "1.2.0-hotfix"], "There is no release before 1.2.0-hotfix"),
        ("1.2.0", ["v1.1.0", "1.1", "1.2.0"], "are equally old"),
    ],
)
def test_doubt_names_its_reason(current: str, names: list[str], why: str) -> None:
    with pytest.raises(Doubt, match=why):
        before(current, *names)


def test_hashes_of_one_age_have_no_order() -> None:
    made = [Release(name, 5.0) for name in ("a000000", "b000000")]
    with pytest.raises(Doubt, match="a000000 and b000000 are equally old"):
        previous(Release("c000000", 9.0), made)
    with pytest.raises(Doubt, match="no release before c000000"):
        previous(Release("c000000", 5.0), made)


def test_what_a_service_writes_into_its_release_makes_no_newer_one_of_it() -> None:
    """By its last change c000000 was before b000000, which runs since a rollback and has written a pid file into its folder."""
    folders = {name: Release(name, made, frozenset("x"), born) for name, made, born in (("a000000", 1, 1), ("b000000", 9, 2), ("c000000", 3, 3))}
    with pytest.raises(Doubt, match="c000000 would be the one before b000000 by its last change, but a000000 was made here before b000000"):
        previous(folders["b000000"], folders.values())
    assert previous(folders["c000000"], [folders["a000000"], Release("b000000", 2, frozenset("x"), 2)]).name == "b000000"


FULL = frozenset({"app", "config", "lib", "server.py"})


def test_a_half_copy_is_refused_and_named() -> None:
    half = Release(INSTANTS[1], 5.0, frozenset({"app", "config"}))
    with pytest.raises(Doubt, match=f"{INSTANTS[1]} would be the one before {INSTANTS[2]}, but it looks like a half copy: it lacks lib, server.py"):
        previous(Release(INSTANTS[2], 9.0, FULL), [Release(INSTANTS[0], 1.0, FULL), half])


def test_an_older_one_may_lack_what_is_new_and_an_empty_folder_is_none() -> None:
    older = Release(INSTANTS[0], 1.0, FULL - {"lib"})
    assert previous(Release(INSTANTS[2], 9.0, FULL), [older, Release(INSTANTS[1], 5.0)]) == older


def test_a_whole_release_of_another_name_between_the_two_is_a_doubt() -> None:
    older, now = Release(INSTANTS[0], 1.0, FULL), Release(INSTANTS[2], 9.0, FULL)
    with pytest.raises(Doubt, match="hotfix, which is named otherwise, has all that"):
        previous(now, [older, Release("hotfix", 5.0, FULL)])
    with pytest.raises(Doubt, match="1.0.0-hotfix, which is named otherwise"):
        previous(Release("1.1.0", 9.0, FULL), [Release("0.9.0", 1.0, FULL), Release("1.0.0-hotfix", 5.0, FULL)])
    assert previous(now, [older, Release("hotfix", 0.5, FULL), Release("shared", 5.0, FULL - {"app"})]) == older


def test_what_is_there_is_listed_in_order_with_its_age() -> None:
    made = releases("101", "99", "100")
    assert [each.name for each in in_order(made.values())] == ["99", "100", "101"]
    assert listed(made.values()) == "There are 99 (folder changed 1970-01-02 00:00 UTC), 100 (1970-01-03 00:00 UTC), 101 (1970-01-01 00:00 UTC)"
    assert listed([]) == "There are none"
