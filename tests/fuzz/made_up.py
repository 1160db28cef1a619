# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What fuzz tests make up: JSON of any kind, and JSON that is nearly what a page of an API's documentation shows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

ODD = st.sampled_from(["", " ", "0", "-1", "null", "9" * 400, "\x00", "\ud800", "ä" * 300, "2026-01-01", "9999-12-31T23:59:59Z", "<html>", "{{ 1 }}"])
"""Texts that have broken something, somewhere."""
LEAF: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | ODD
VALUE: st.SearchStrategy[Any] = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12
)
"""Any JSON, not too large."""


@st.composite
def nearly(draw: st.DrawFn, sample: Any) -> Any:
    """The sample with some of its parts left out, repeated, or replaced by something else."""
    match draw(st.sampled_from(["as it is"] * 12 + ["other"])):
        case "other":
            return draw(VALUE)
        case _ if isinstance(sample, dict):
            kept = {key: draw(nearly(value)) for key, value in sample.items() if draw(st.integers(0, 11))}
            return kept | draw(st.dictionaries(st.text(max_size=8), VALUE, max_size=1))
        case _ if isinstance(sample, list):
            return [draw(nearly(each)) for each in sample for _time in range(draw(st.integers(0, 2)))]
        case _:
            return sample
