# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A refusal names what mends it, and never a way past what protects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _config, _options
from ansible_collections.incident.response.plugins.plugin_utils._location import Location

GROUPS = {"all": ["prod-db-02", "prod-api-01"], "db": ["prod-db-02"], "ungrouped": []}


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, text, *_args, **_more: said.append(text))
    return said


@pytest.mark.parametrize(
    ("called", "said"),
    [
        ("apii", "Did you mean api? Nothing was touched."), ("bd", "Did you mean db? Nothing was touched."), ("shpo", "Did you mean shop? "),
        ("payment", "It has: api, db, shop. If it is right, add services.payment. Nothing was touched."),
    ],
)  # fmt: skip
def test_a_service_that_is_not_there_is_refused_with_what_is_meant(tmp_path: Path, called: str, said: str) -> None:
    path = tmp_path / "config.yml"
    path.write_text("services: {api: {hosts: all, aliases: [shop]}, db: {hosts: db}}")
    with pytest.raises(AnsibleError) as refused:
        _catalogue.service_settings(_config.load(path), called)
    assert str(refused.value).startswith(f"service={called} is not in the service catalogue. {said}")
    assert "/dev/null" not in str(refused.value)


def test_a_configuration_with_mistakes_is_to_be_corrected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_options, "settings", lambda: {"location": Location()})
    path = tmp_path / "config.yml"
    path.write_text("servcies: {}")
    with pytest.raises(AnsibleError) as refused:
        _catalogue.configuration(str(path))
    assert str(refused.value).endswith("Correct them, and run it again.")


@pytest.mark.parametrize(
    ("protected", "said"),
    [
        ("prod-db-01", "safety.protected_hosts names prod-db-01, which is no host and no group of this inventory: did you mean prod-db-02?"),
        ("mail-*", "safety.protected_hosts names mail-*, which is no host and no group of this inventory"),
    ],
)
def test_a_protected_host_that_the_inventory_does_not_have_is_said_in_our_words(warned: list[str], protected: str, said: str) -> None:
    config: dict[str, Any] = {"safety": {"protected_hosts": [protected]}}
    _catalogue.refuse_protected(config, _catalogue.inventory(GROUPS), ["prod-api-01"])
    assert warned == [f"incident.response: {said}"]


@pytest.mark.parametrize("protected", ["prod-db-02", "db", "prod-db-*", "all:!prod-api-*", "~prod-db.*", "localhost"])
def test_what_is_protected_is_refused(warned: list[str], protected: str) -> None:
    config: dict[str, Any] = {"safety": {"protected_hosts": [protected]}}
    host = "localhost" if protected == "localhost" else "prod-db-02"
    with pytest.raises(AnsibleError, match=f"{host} is protected"):
        _catalogue.refuse_protected(config, _catalogue.inventory(GROUPS), [host])
    assert warned == []
