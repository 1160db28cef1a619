# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever a run's entries say: there is a sentence about it, which calls nobody, and an evidence has a line, or none."""

from __future__ import annotations

from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core import chat_text
from ansible_collections.incident.response.plugins.module_utils._core.clip import clip
from ansible_collections.incident.response.plugins.module_utils._core.decisive import decisive, kept
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from hypothesis import example, given
from hypothesis import strategies as st

AT = "2025-11-10T10:05:00.000Z"
PARTS = st.sampled_from(
    ("@all", "#room", "`", "*", "👩\u200d👧", "🇩🇪", "e\u0301", "\u202e", "שלום", "\n", "http://x", "error", "x" * 40, "{{ x }}", " ")
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PARTS, max_size=12).map("".join))
KEYS = st.sampled_from(("health", "hosts", "plan", "scope", "risk", "verdict", "seen", "evidence", "why", "detail", "arguments", "service", "failed",
                        "refused", "check", "left", "for"))  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers()), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
ENTRIES = st.builds(
    Entry, st.sampled_from(("run_started", "task", "run_ended", "run_vanished")), st.just(AT), actor=TEXTS, text=TEXTS, run=st.just("r"), host=TEXTS,
    action=st.one_of(TEXTS, st.sampled_from(("incident.response.action_plan", "restart", "scale-up"))),
    state=st.sampled_from(("ok", "failed", "rescued", "worked", "no_effect", "nothing_to_do", "x")), duration_ms=st.none() | st.integers(0, 2**40),
    data=st.dictionaries(KEYS, VALUES, max_size=5),
)  # fmt: skip


@given(st.lists(ENTRIES, min_size=1, max_size=6))
def test_any_run_has_a_sentence_that_calls_nobody(entries: list[Entry]) -> None:
    text = chat_text.root(entries, "P1")
    assert chat_text.mentioned(text) == []
    assert all(line.count("`") % 2 == 0 for line in text.splitlines())
    assert chat_text.units(text) < chat_text.LIMIT
    if any(entry.kind in {"run_ended", "run_vanished"} for entry in entries):
        assert chat_text.closing(entries, "0" * 12, 3).splitlines()[-1] == f"record: 3 entries, head `{'0' * 12}`"


@given(TEXTS, st.integers(1, 60))
@example("@alice", 3)
def test_a_cut_text_is_no_longer_than_asked_for_and_begins_as_the_whole(text: str, limit: int) -> None:
    cut = clip(text, limit)
    assert len(cut) <= limit
    assert text == cut or text.startswith(cut.removesuffix("…"))


@given(st.lists(TEXTS, max_size=30).map("\n".join), st.integers(50, 400))
def test_any_evidence_has_a_line_or_none_and_is_kept_within_its_room(evidence: str, limit: int) -> None:
    line = decisive(evidence)
    assert "\n" not in line
    assert len(kept(evidence, limit)) <= limit
