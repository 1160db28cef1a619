# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a text is cut, nothing is cut in two that people see as one."""

from __future__ import annotations

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.chat_text import mentioned, quoted
from ansible_collections.incident.response.plugins.module_utils._core.clip import clip, isolated, line, names

FAMILY = "👩\u200d👩\u200d👧"
FLAG = "🇩🇪"


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("short", 5, "short"),
        ("one two three", 9, "one two…"),
        (f"ab{FAMILY}cd", 6, "ab…"),
        (f"ab{FAMILY}", 7, f"ab{FAMILY}"),
        (f"ab{FLAG}cd", 4, "ab…"),
        ("ab👍🏽cd", 4, "ab…"),
        ("abe\u0301cd", 4, "ab…"),
        ("call @alice now", 9, "call…"),
        ("call #incidents now", 9, "call…"),
        ("call @alice now", 12, "call @alice…"),
        ("a" + "\u0301" * 50, 10, "…"),
        ("@" + "a" * 50, 10, "…"),
    ],
)
def test_a_cut_is_never_inside_of_one(text: str, limit: int, cut: str) -> None:
    assert clip(text, limit) == cut
    assert len(clip(text, limit)) <= limit


@pytest.mark.parametrize("limit", range(1, 40))
def test_a_quoted_text_cut_anywhere_names_nobody_and_ends_its_code(limit: int) -> None:
    text = quoted(f"see @alice `and` {FAMILY} *bold* e\u0301\u0301 #all http://x", limit)
    assert mentioned(text) == []
    assert text.count("`") % 2 == 0


def test_letters_from_right_to_left_turn_nothing_round_beside_them() -> None:
    assert quoted("שירות") == "\u2068שירות\u2069"
    assert quoted("evil \u202etxt.exe") == "`evil  txt.exe`"
    assert isolated("api") == "api"


def test_a_text_for_one_line_has_no_control_characters() -> None:
    assert line("a\nb\x1b[31m\tc\u202e") == "a b [31m c"


def test_names_that_do_not_fit_are_counted() -> None:
    assert names(["web03", "web07", "web11"], "host") == "web03, web07, web11"
    assert names([f"web{number:02}" for number in range(1, 21)], "host", 18) == "web01, web02 and 18 more hosts"
    assert names(["a", "b" * 100], "host", 20) == "a and 1 more host"
