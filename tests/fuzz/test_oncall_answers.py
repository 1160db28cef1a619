# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever an on-call provider answers: somebody is on call, or its source says why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.oncall import Duty, result
from ansible_collections.incident.response.plugins.module_utils._http import Api
from ansible_collections.incident.response.plugins.module_utils._oncall.goalert import GoAlert
from ansible_collections.incident.response.plugins.module_utils._oncall.grafana import Grafana
from ansible_collections.incident.response.plugins.module_utils._oncall.incidentio import IncidentIo
from ansible_collections.incident.response.plugins.module_utils._oncall.jsm import Jsm, Opsgenie
from ansible_collections.incident.response.plugins.module_utils._oncall.pagerduty import PagerDuty
from ansible_collections.incident.response.plugins.module_utils._ports import OncallError
from fuzz.made_up import nearly
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
BEGIN, END = "2026-01-05T09:00:00Z", "2026-01-12T09:00:00Z"
EDGES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-01-01T00:00:00Z"]
SCHEDULES = {"url": "http://provider", "schedules": ["S1"], "cloud_id": "C", "user": "ada"}
USER = {"name": "Ada", "email": "ada@example.com"}
PROVIDERS: dict[str, tuple[Any, Mapping[str, Any], Any]] = {
    "pagerduty": (
        PagerDuty,
        {"escalation_policy": "P1", "url": "http://provider"},
        {"oncalls": [{"user": USER, "schedule": {"summary": "first"}, "escalation_level": 1, "start": BEGIN, "end": END}], "more": False},
    ),
    "grafana": (
        Grafana, SCHEDULES,
        {"results": [{"user_pk": "U1", "user_email": "a@example.com", "user_username": "ada", "shift_start": BEGIN, "shift_end": END}], "next": None},
    ),
    "goalert": (GoAlert, SCHEDULES, {"data": {"schedule": {"shifts": [{"user": USER, "start": BEGIN, "end": END}]}}, "errors": []}),
    "incidentio": (
        IncidentIo, SCHEDULES,
        {"schedule_entries": {"final": [{"user": USER, "start_at": BEGIN, "end_at": END}]}, "pagination_meta": {"after_url": ""}},
    ),
    "jsm": (
        Jsm, SCHEDULES,
        {"onCallParticipants": [{"id": "1", "type": "user"}, {"type": "team", "onCallParticipants": [{"id": "2", "type": "user"}]}]},
    ),
    "opsgenie": (Opsgenie, SCHEDULES, {"data": {"onCallRecipients": ["ada@example.com"]}}),
}  # fmt: skip
"""Each with its settings, and what its documentation shows."""


@pytest.mark.parametrize("end", EDGES)
@pytest.mark.parametrize("begin", EDGES)
@pytest.mark.parametrize("provider", ["pagerduty", "grafana", "goalert", "incidentio"])
def test_times_at_the_edges_are_shown_or_told(provider: str, begin: str, end: str) -> None:
    adapter, settings, sample = PROVIDERS[provider]
    answer = json.loads(json.dumps(sample).replace(BEGIN, begin).replace(END, end))
    with mock.patch.object(Api, "_object", return_value=answer), mock.patch.object(Api, "_asked"):
        try:
            found = adapter(provider, settings, "token").on_call(NOW)
        except OncallError:
            return
    assert all(result(each, provider, {}) for each in found)


@pytest.mark.parametrize("provider", PROVIDERS)
@given(made_up=st.data())
def test_whatever_it_answers_somebody_is_on_call_or_it_says_why_not(provider: str, made_up: st.DataObject) -> None:
    adapter, settings, sample = PROVIDERS[provider]
    source = adapter(provider, settings, "token")
    with mock.patch.object(Api, "_object", return_value=made_up.draw(nearly(sample))), mock.patch.object(Api, "_asked"):
        try:
            found = source.on_call(NOW)
        except OncallError:
            return
    assert found and all(isinstance(each, Duty) for each in found)
    assert all(result(each, provider, {})["source"] == provider for each in found)
    assert all(isinstance(text, str) for each in found for text in (each.layer, each.person.name, each.person.email))
