# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is typed for a variable is taken, or refused in our words; and only the words for true are true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core import argument
from ansible_collections.incident.response.plugins.module_utils._core.argument import KINDS, Variable, Wrong
from ansible_collections.incident.response.plugins.plugin_utils import _arguments
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import Environment

WORDS = ("true", "false", "yes", "no", "on", "off", "1", "0", "dry", "ture", "maybe", "only", "2", "none", "y", "t", "P1", "7d", "{{ true }}", "\x00")
TYPED = st.sampled_from(WORDS) | st.text(max_size=12) | st.builds(str.__add__, st.sampled_from(WORDS), st.text(max_size=3))
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | TYPED | st.sampled_from(["9" * 5000, "-" * 5000, "1e999", "\ud800"])
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TYPED, inner, max_size=3), max_leaves=6
)


@given(ANYTHING)
@example("true ")
@example("ture")
@example(1.0)
def test_only_the_words_for_true_are_true(typed: Any) -> None:
    try:
        found = argument.switch(typed)
    except Wrong:
        return
    assert str(typed).strip().lower() in ({"true", "yes", "on", "1"} if found else {"false", "no", "off", "0"})


@given(st.sampled_from(sorted(KINDS)), ANYTHING)
@example("count", "9" * 5000)
@example("level", "9" * 5000)
def test_a_value_of_any_kind_is_taken_or_refused_in_our_words(kind: str, typed: Any) -> None:
    known = Variable("", kind, choices=("first", "second"))
    try:
        found = argument.value(known, typed)
    except Wrong as wrong:
        assert str(wrong)
    else:
        if kind == "switch":
            assert isinstance(found, bool)
        if kind == "drill":
            assert found in {True, False, "dry"}


@given(st.lists(ANYTHING, max_size=3), TYPED)
def test_names_are_looked_for_and_found_or_not(values: list[Any], name: str) -> None:
    assert argument.agree(values) in {True, False}
    known: Mapping[str, Variable] = {"plan": Variable("", "switch"), "host": replace(Variable(""), same=("hosts",))}
    assert argument.meant(name, known) in {"", "plan", "host", "hosts"}


@given(st.text(alphabet=st.sampled_from("{}%#-+ '\"ab|\n"), max_size=30) | st.text(max_size=30))
@example("{{ 1 }}")
@example("{#- x -#}")
def test_a_text_in_which_no_template_is_seen_is_none(text: str) -> None:
    if not _arguments._holds_template(text):
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        assert Environment(keep_trailing_newline=True, autoescape=False).from_string(plain).render() == plain  # noqa: S701 - nothing is shown
