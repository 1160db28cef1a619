# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a step says where all went well."""

from __future__ import annotations

from ansible_collections.incident.response.plugins.module_utils._core.step_line import delivered, line

TOLD = {"incident": "incident-2025-11-10-001", "channel": "incident-2025-11-10-001", "delivered": True}


def test_it_names_the_incident_what_became_of_it_where_and_who_was_mentioned() -> None:
    said = line(TOLD, "P1, opened", ["oncall", "alice", "alice"])
    assert said == "incident-2025-11-10-001 · P1, opened · in #incident-2025-11-10-001 · mentioned: @oncall, @alice"


def test_it_says_what_was_put_down_on_one_line() -> None:
    assert line(TOLD, "P1, open", noted=["Pool\nexhausted"]) == "incident-2025-11-10-001 · P1, open · Pool ⏎ exhausted · in #incident-2025-11-10-001"
    assert len(line(TOLD, "P1, open", noted=["x" * 500])) < 240


def test_what_is_not_in_chat_has_no_place_there_and_mentions_nobody() -> None:
    assert line({**TOLD, "delivered": False}, "P1, opened", ["alice"]) == "incident-2025-11-10-001 · P1, opened"
    assert line({**TOLD, "channel": ""}, "P1, opened") == "incident-2025-11-10-001 · P1, opened"


def test_a_delivery_says_what_it_brought_and_which_name_is_new() -> None:
    said = delivered({"a": "incident-p4f14", "b": "incident-2"}, {"a": "incident-008", "b": "incident-2"}, {"a": 3, "b": 1}, 2)
    entries = ["incident-p4f14 is now incident-008 · 3 entries brought to chat", "incident-2 · 1 entry brought to chat"]
    assert said == [*entries, "2 runs brought to the journal"]
    assert delivered({}, {}, {}, 0) == ["nothing was pending"]
