# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever stands in the configuration: it is used, or refused in words; nothing else, and in the end."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.incident.response.plugins.plugin_utils import _config, _config_text
from fuzz.made_up import ODD, VALUE, nearly
from hypothesis import example, given
from hypothesis import strategies as st

SAMPLE: dict[str, Any] = {
    "services": {
        "api": {
            "hosts": "web", "aliases": ["backend"], "health": {"http": "http://127.0.0.1/", "retries": 3, "delay": 0.5, "timeout": 5}, "timeout": 60,
            "backend": "command", "commands": {"start": ["true"], "stop": ["true"], "status": ["true"]}, "replicas": {"min": 1, "max": 3},
        }
    },
    "severities": {"P1": {"ack_within": "5m", "notify": ["oncall"]}},
    "oncall": {
        "people": {"ada": {"name": "Ada", "email": "ada@example.com"}},
        "schedule": {
            "time_zone": "Europe/Berlin",
            "layers": [{"name": "first", "people": ["ada"], "start": "2026-01-05T09:00", "every": "1w", "hours": "08:00-16:00"}],
            "overrides": [{"layer": "first", "person": "ada", "from": "2026-01-05T09:00", "until": "2026-01-06T09:00"}],
        },
        "sources": [{"type": "chat_topic", "channel": "devops", "pattern": "(x)"}],
    },
    "status_page": {"provider": "static", "components": ["API", {"name": "Shop"}]},
    "communication": {"mail": {"host": "mail.example.com", "from": "a@example.com"}, "recipients": {"customers": ["b@example.com"]}},
    "paging": {"notifiers": [{"type": "command", "command": ["true"]}], "severities": ["p1"]},
    "safety": {"max_hosts": 1, "lock_expires": "15m", "approval": {"within": "10m"}},
}  # fmt: skip
ANY_YAML = st.recursive(
    st.text(max_size=10)
    | ODD
    | st.sampled_from(["*a", "&a x", "!!int ''", "!!timestamp q", "!!set {a}", "<<: *a", "? [a]", "~", "1:2:3", "0o9", ".nan", "\t"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda found: "[" + ", ".join(found) + "]")
        | st.lists(st.tuples(inner, inner), max_size=3).map(lambda found: "{" + ", ".join(f"{key}: {value}" for key, value in found) + "}")
    ),
    max_leaves=8,
)
"""What looks like YAML."""


def used_or_refused(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "incident-response.yml"
        path.write_bytes(raw)
        try:
            config = _config.load(path)
            for name in config["services"]:
                assert _config.service(config, name)["name"]
        except _config.ConfigError as error:
            assert error.problems and all(each.startswith(str(path)) for each in error.problems)


@given(nearly(SAMPLE))
def test_nearly_a_configuration_is_used_or_refused(made_up: Any) -> None:
    used_or_refused(yaml.safe_dump(made_up).encode("utf-8", errors="surrogatepass"))


@given(st.lists(st.tuples(st.sampled_from([*SAMPLE, "x", "? [a]"]), ANY_YAML), max_size=4))
@example([("services", "{[a, b]: 1}")])
@example([("services", "!!timestamp q")])
def test_what_looks_like_yaml_is_used_or_refused(lines: list[tuple[str, str]]) -> None:
    used_or_refused("".join(f"{key}: {value}\n" for key, value in lines).encode("utf-8", errors="surrogatepass"))


@given(st.binary(max_size=200))
def test_any_bytes_are_used_or_refused(raw: bytes) -> None:
    try:
        _config_text.parsed(Path(os.devnull), raw)
    except _config.ConfigError as error:
        assert str(error)


@given(VALUE)
def test_any_value_is_used_or_refused(made_up: Any) -> None:
    used_or_refused(yaml.safe_dump(made_up).encode("utf-8", errors="surrogatepass"))
