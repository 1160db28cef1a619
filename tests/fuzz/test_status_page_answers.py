# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever the provider of a status page answers: it is read, or it is said why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.status_page import Account, Post, Shown, Update
from ansible_collections.incident.response.plugins.module_utils._ports import StatusPage, StatusPageError
from ansible_collections.incident.response.plugins.module_utils._statuspage import cachet, cachet2, incidentio, instatus, statuspage
from ansible_collections.incident.response.plugins.module_utils._statuspage.client import Client
from fuzz.made_up import nearly
from hypothesis import given
from hypothesis import strategies as st

AT = "2026-01-05T10:00:00Z"
UPDATE = Update(1, AT, "investigating", "We look into it.", {"API": "major_outage"})
POST = Post("i1", "incident-1", "API is slow", "major", (UPDATE,), {"API": "major_outage"}, ("incident-1",), AT)
PLACE = {"component_id": "c1", "component_status": "operational"}
THING: dict[str, Any] = {
    "id": 7, "name": "API (incident-1)", "status": 1, "message": "We look into it.", "body": "x", "createdAt": AT, "created_at": AT,
    "published_at": AT, "incident_status": "investigating", "component_id": "c1",
    "attributes": {"name": "API", "status": {"value": 1}, "message": "x"},
    "incident_updates": [{"id": "u1", "status": "investigating", "body": "x", "created_at": AT, "display_at": AT}],
    "updates": [{"id": 3, "status": 1, "message": "x", "createdAt": AT, "published_at": AT, "incident_status": "monitoring",
                 "component_statuses": [PLACE]}],
}  # fmt: skip
SAMPLE: dict[str, Any] = {
    **THING, "data": [THING, THING], "status_page_incidents": [THING], "status_page_maintenances": [THING], "status_page_incident": THING,
    "current_structure": {"items": [{"component": THING}, {"group": {"components": [THING]}, "items": []}]}, "pagination_meta": {"after": None},
}  # fmt: skip
PROVIDERS = {each.__name__.rpartition(".")[2]: each for each in (cachet, cachet2, incidentio, instatus, statuspage)}
CALLS: dict[str, Callable[[StatusPage], Any]] = {
    "find": lambda page: page.find(POST),
    "create": lambda page: page.create(POST, UPDATE),
    "update": lambda page: page.update("7", POST, UPDATE),
    "components": lambda page: page.components(),
    "set_component": lambda page: page.set_component("API", "operational"),
}


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
@given(made_up=st.data())
def test_whatever_the_provider_answers_is_read_or_said(provider: ModuleType, made_up: st.DataObject) -> None:
    page = provider.provider(Account("page", "http://provider", "token"))
    answers = nearly(SAMPLE) | nearly([THING, THING]) | nearly({"data": THING}) | nearly(THING)
    name = made_up.draw(st.sampled_from(list(CALLS)))
    with mock.patch.object(Client, "call", side_effect=lambda *_asked, **_more: made_up.draw(answers)):
        try:
            found = CALLS[name](page)
        except StatusPageError as error:
            assert str(error)
        else:
            assert found is None or isinstance(found, str | Shown | Mapping)
