# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.plugin_utils import _config


def written(folder: Path, text: str) -> Path:
    path = folder / "incident-response.yml"
    path.write_text(text)
    return path


def test_no_file_an_empty_one_and_the_null_device_mean_the_handbook(tmp_path: Path) -> None:
    config = _config.load(None)
    assert config["severities"]["P1"]["ack_within"] == "5m"
    assert (config["channels"]["incidents"], config["oncall"]["team"]) == ("incidents", "oncall")
    assert [level["name"] for level in config["escalation"]["levels"]][-1] == "CEO"
    assert _config.load(written(tmp_path, "")) == config
    assert _config.load(written(tmp_path, "# nothing\n---\n")) == config
    assert _config.load(Path("/dev/null")) == config


def test_what_is_given_replaces_only_itself(tmp_path: Path) -> None:
    config = _config.load(written(tmp_path, "severities: {P1: {ack_within: 3m}}\nservices: {api: {hosts: api, health: {retries: 3}}}\n"))
    assert config["severities"]["P1"] == {**_config.load(None)["severities"]["P1"], "ack_within": "3m"}
    api = _config.service(config, "api")
    assert (api["hosts"], api["unit"], api["backend"]) == ("api", "api.service", "systemd")
    assert api["health"] == {"http": "", "tcp": "", "retries": 3, "delay": 0.5, "passes": 2, "steady_for": 3, "timeout": 10}


def test_a_deployment_has_the_services_name_and_is_what_a_rollback_and_scaling_change(tmp_path: Path) -> None:
    text = "services: {api: {backend: kubernetes, kubernetes: {namespace: shop}}, web: {backend: kubernetes}}\n"
    config = _config.load(written(tmp_path, text))
    api = _config.service(config, "api")
    assert api["kubernetes"] == {"deployment": "api", "namespace": "shop", "timeout": 300}
    assert (api["versions"]["backend"], api["replicas"]["backend"], api["checks"]["unit"]) == ("kubernetes", "kubernetes", "")
    assert _config.service(config, "web")["kubernetes"]["namespace"] == "default"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("servcies: {}\n", ":1: servcies is not a key of the configuration: did you mean services?"),
        ("services:\n  api:\n    unti: x\n", ":3: services.api.unti is not a key of the configuration: did you mean unit?"),
        ("services:\n  api:\n    backend: docker\n", ":3: services.api.backend must be one of systemd, instances, command, compose, swarm, "),
        ("services:\n  api: {backend: command}\n", ":2: services.api needs commands (its backend is command)"),
        ("severities:\n  P1:\n    ack_within: 5 minutes\n", ":3: severities.P1.ack_within must be a duration such as 30s, 5m, 2h or 1d, or null"),
        ("safety:\n  max_hosts: 0\n", ":2: safety.max_hosts must be 1 or more, not 0"),
        ("safety:\n  max_hosts: many\n", ':2: safety.max_hosts must be a whole number, not "many"'),
        ("channels:\n  incidents: '#incidents'\n", ":2: channels.incidents must be a channel's name without the #"),
        ("safety:\n  approval:\n    within: 15m\n", ":3: safety.approval.within must be below safety.lock_expires (15m), not 15m"),
        ("services: []\n", ":1: services must be a mapping, not a list"),
        ("- a\n", ":1: the file must be a mapping, not a list"),
        ("services: {}\nservices: {}\n", ":2: services is there twice"),
        ("a: [\n", "this is no YAML"),
        ("services: {'a b': {}}\n", "a service's name"),
        ("safety: {max_hosts: 0}\nservices: {api: {unti: 1}}\n", "services.api.unti"),
    ],
)
def test_a_mistake_names_file_line_path_and_what_was_expected(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(_config.ConfigError) as caught:
        _config.load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "service: {api: {unit: '{{ unit }}', commands: {start: '{{ a }}'}}}\n",
            ":1: service is not a key of the configuration: did you mean services?",
        ),
        ("services: {api: {helth: {http: 'http://{{ a }}'}}}\n", ":1: services.api.helth is not a key of the configuration: did you mean health?"),
    ],
)
def test_a_misspelt_key_is_told_without_what_follows_from_it(tmp_path: Path, text: str, cause: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(_config.ConfigError) as caught:
        _config.load(path)
    assert caught.value.problems == [f"{path}{cause}"]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(_config.ConfigError) as caught:
        _config.load(written(tmp_path, "safety: {max_hosts: 0}\nservices: {api: {unti: 1}}\n"))
    assert len(caught.value.problems) == 2


def test_the_file_that_is_named_is_used_and_none_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What works for a run is told by it, and stands elsewhere: it must not find something else."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "")
    assert _config.find("", {"XDG_CONFIG_HOME": str(tmp_path)}) is None
    named = tmp_path / "named.yml"
    with pytest.raises(_config.ConfigError, match="there is no such file"):
        _config.find("", {"INCIDENT_CONFIG": str(named)})
    named.touch()
    assert _config.find("", {"INCIDENT_CONFIG": str(named)}) == named
    assert _config.find(str(tmp_path / "incident-response.yml"), {"INCIDENT_CONFIG": str(named)}) == tmp_path / "incident-response.yml"


def test_severities_are_understood_as_people_write_them(tmp_path: Path) -> None:
    text = """
severities: {p1: {ack_within: 3m}}
status_page: {severities: {" p2 ": partial_outage}}
paging: {severities: [p0, ' P1']}
communication: {severities: [p1], auto_publish: [p0]}
safety: {approval: {required: [{severities: [p0, p1]}]}}
"""
    config = _config.load(written(tmp_path, text))
    assert (config["severities"]["P1"]["ack_within"], config["severities"]["P1"]["respond_within"]) == ("3m", "15m")
    assert config["status_page"]["severities"]["P2"] == "partial_outage"
    assert config["paging"]["severities"] == ["P0", "P1"]
    assert (config["communication"]["severities"], config["communication"]["auto_publish"]) == (["P1"], ["P0"])
    assert config["safety"]["approval"]["required"] == [{"severities": ["P0", "P1"]}]


def test_a_mistake_below_a_severity_in_small_letters_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(_config.ConfigError, match=r":3: severities\.P1\.ack_within must be a duration"):
        _config.load(written(tmp_path, "severities:\n  p1:\n    ack_within: soon\n"))
    with pytest.raises(_config.ConfigError, match=r":3: severities\.p1 is there twice"):
        _config.load(written(tmp_path, "severities:\n  P1: {}\n  p1: {}\n"))
    with pytest.raises(_config.ConfigError, match=r'must be one of P0, P1, P2, P3, not "p9"'):
        _config.load(written(tmp_path, "paging: {severities: [p9]}\n"))


def test_paths_of_the_controller_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The courier, which starts in /, reads the same file as the run."""
    monkeypatch.chdir("/")
    text = """
oncall: {sources: [{type: ical, calendars: [a.ics, /srv/b.ics, 'https://c.example.com/c.ics', 'webcal://d.example.com/d.ics']}]}
paging: {notifiers: [{type: command, command: [./page.sh, ./x]}, {type: command, command: [notify, ./x]}]}
"""
    config = _config.load(written(tmp_path, text))
    (source,) = config["oncall"]["sources"]
    assert source["calendars"] == [f"{tmp_path}/a.ics", "/srv/b.ics", "https://c.example.com/c.ics", "webcal://d.example.com/d.ics"]
    assert [each["command"] for each in config["paging"]["notifiers"]] == [[f"{tmp_path}/page.sh", "./x"], ["notify", "./x"]]


@pytest.mark.parametrize("runbook", ["https://wiki.example.com/api", "docs/runbooks/api.md", "/srv/run books/api.md", "~/api.md"])
def test_a_runbook_is_an_address_or_a_path(tmp_path: Path, runbook: str) -> None:
    path = written(tmp_path, f"services:\n  api: {{runbook: '{runbook}'}}\nlinks: {{logs: 'https://logs.example.com/'}}\n")
    config = _config.load(path)
    assert (config["services"]["api"]["runbook"], config["links"]["logs"]) == (runbook, "https://logs.example.com/")


@pytest.mark.parametrize("runbook", ["javascript:alert(1)", "ftp://wiki", "http://", " "])
def test_a_runbook_that_leads_nowhere_is_refused(tmp_path: Path, runbook: str) -> None:
    with pytest.raises(_config.ConfigError, match=r":1: services\.api\.runbook must be an address that begins with http"):
        _config.load(written(tmp_path, f"services: {{api: {{runbook: '{runbook}'}}}}\n"))


def test_the_schema_is_one_and_its_defaults_hold_to_it() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(_config.schema())
    Draft202012Validator(_config.schema()).validate(_config.load(None))


def test_the_example_in_the_docs_is_a_valid_file() -> None:
    config = _config.load(Path(__file__).parents[2] / "docs" / "incident-response.example.yml")
    assert set(config["services"]) == {"api", "worker", "importer"}


def test_every_key_is_described() -> None:
    """The page docs/configuration.md is made of these descriptions."""

    def walk(rules: dict[str, object], where: str) -> list[str]:
        properties = rules.get("properties", {})
        assert isinstance(properties, dict)
        bare = [f"{where}.{key}" for key, below in properties.items() if not below.get("description") and key not in {"P0", "P1", "P2", "P3"}]
        return bare + [each for key, below in properties.items() for each in walk(below, f"{where}.{key}")]

    assert [each for rules in (_config.schema(), *_config.schema()["$defs"].values()) for each in walk(rules, "")] == []


def test_durations_are_seconds() -> None:
    assert [_config.seconds(each) for each in ("30s", "5m", "2h", "1d", "1.5m")] == [30, 300, 7200, 86400, 90]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("services:\n  api: {hosts: api}\n  8080: {hosts: web}\n", ":3: services.8080: YAML reads the name 8080 as a number: put it in quotes"),
        ("services:\n  2026-01-01: {hosts: web}\n", ":2: services.2026-01-01: YAML reads the name 2026-01-01 as a date: put it in quotes"),
        ("services: {on: {hosts: web}}\n", ":1: services.True: YAML reads the name True as true or false: put it in quotes"),
        ("services: {1.5: {hosts: web}}\n", ":1: services.1.5: YAML reads the name 1.5 as a number: put it in quotes"),
        ("services: {~: {hosts: web}}\n", ":1: services.None: YAML reads the name None as nothing: put it in quotes"),
        ("8080: {}\n", ":1: 8080: YAML reads the name 8080 as a number: put it in quotes"),
        ("oncall: {people: {1: {name: Ada}}}\n", ":1: oncall.people.1: YAML reads the name 1 as a number: put it in quotes"),
        ("services:\n  api:\n    health: {delay: .nan}\n", ":3: services.api.health.delay must be a number that ends, not nan"),
        ("services: {api: {health: {delay: .inf}}}\n", ":1: services.api.health.delay must be a number that ends, not inf"),
        ("services: {api: {health: {steady_for: -.inf}}}\n", ":1: services.api.health.steady_for must be a number that ends, not -inf"),
    ],
)
def test_what_yaml_makes_of_a_name_or_a_number_is_refused_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(_config.ConfigError) as told:
        _config.load(path)
    assert told.value.problems == [f"{path}{problem}"]


@pytest.mark.parametrize(("text", "shown"), [
    ("paging: {notifiers: [{type: pagerduty, token_env: [hunter2secret]}]}", "token_env"),
    ("communication: {mail: {host: mail.example.com, sender: ada@example.com, password_env: 4711}}", "password_env"),
    ("links: {grafana: {a: 'https://ada:hunter2secret@grafana.example.com'}}", "links.grafana"),
    ("status_page: {url: 'ftp://ada:hunter2secret@status.example.com/ and blanks'}", "status_page.url"),
    ("paging: {notifiers: [{type: pagerduty, token_env: *hunter2secret}]}", "what is there"),
])  # fmt: skip
def test_a_mistake_is_told_without_the_secret_that_it_is_in(tmp_path: Path, text: str, shown: str) -> None:
    with pytest.raises(_config.ConfigError) as told:
        _config.load(written(tmp_path, text))
    assert shown in str(told.value)
    assert "hunter2" not in str(told.value)
    assert "4711" not in str(told.value)


def test_what_stands_where_the_name_of_a_variable_should_is_not_told_by_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes the token itself there must not read it in the complaint that there is no such variable."""
    monkeypatch.setenv("PAGER", "hunter3secret")
    _config.load(written(tmp_path, "paging: {notifiers: [{type: pagerduty, token_env: PAGER}, {type: webhook, url_env: hunter2secret}]}"))
    said = _gate.clean("the environment has no hunter2secret, PAGER is hunter3secret")
    assert said == "the environment has no [redacted], PAGER is [redacted]"
