# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `{{ … }}` may say in the configuration. Real runs are in tests/integration/test_configuration.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.plugin_utils import _config, _config_template


def refusals(unit: str) -> list[str]:
    return [words for dummy, words in _config_template.refused({"services": {"api": {"unit": unit}}})]


@pytest.mark.parametrize(
    "text",
    [
        "{{ unit }}",
        "api@{{ inventory_hostname.split('.')[0] | upper }}.service",
        "{{ hostvars['web'].port | default(80) | int + 1 }}",
        "{{ 'a' if environment is defined and environment == 'b' else c['d'] }}",
        "{{ '{{.State.Running}}' }}",
        "{{ name | ansible.builtin.regex_replace('-', '_') }}",
    ],
)
def test_variables_and_what_changes_only_them_may_stand_there(text: str) -> None:
    assert refusals(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ lookup('pipe', 'id') }}", "lookup() can't be called"),
        ("{{ query('env', 'HOME') }}", "query() can't be called"),
        ("{{ q('file', '/etc/passwd') }}", "q() can't be called"),
        ("{{ ['id'] | map('lookup', 'pipe') }}", "the filter map can't be used"),
        ("{{ '/etc/*' | fileglob }}", "the filter fileglob can't be used"),
        ("{{ 'x' | vault('y') }}", "the filter vault can't be used"),
        ("{{ '/etc/passwd' is file }}", "the test file can't be used"),
        ("{{ ''.__class__.__mro__ }}", "__mro__ can't be used"),
        ("{{ ''['__class__'] }}", "__class__ can't be used"),
        ("{{ (x or y)() }}", "nothing can be called"),
        ("{{ now() }}", "now() can't be called"),
        ("{{ '{0.__class__}'.format(x) }}", "format() can't be called"),
        ("{% if x %}a{% endif %}", "{% … %} is not filled in"),
        ("{% include '/etc/passwd' %}", "{% … %} is not filled in"),
        ("{{ unit", "this is no template"),
        ("{{.State.Running}}", "Braces as they are: {{ '{{.Name}}' }}"),
    ],
)
def test_what_reads_files_or_runs_something_is_refused(text: str, words: str) -> None:
    (refusal,) = refusals(text)
    assert refusal.startswith("services.api.unit: ")
    assert words in refusal


@pytest.mark.parametrize(
    "section",
    [
        {"services": {"api": {"hosts": "{{ x }}"}}},
        {"services": {"api": {"component": "{{ x }}"}}},
        {"services": {"api": {"health": "{{ x }}"}}},
        {"services": {"{{ x }}": {}}},
        {"links": {"logs": "https://{{ x }}"}},
        {"oncall": {"people": {"ada": {"phone": "{{ x }}"}}}},
        {"severities": {"P1": {"ack_within": "{{ x }}"}}},
    ],
)
def test_where_there_is_no_host_it_is_refused(section: dict[str, Any]) -> None:
    (refusal,) = (words for dummy, words in _config_template.refused(section))
    assert "is filled in below services.NAME alone" in refusal


def test_each_refusal_has_its_line_and_a_number_may_be_a_template(tmp_path: Path) -> None:
    path = tmp_path / "incident-response.yml"
    text = "services:\n  api:\n    unit: \"{{ lookup('env', 'X') }}\"\n    health: {retries: '{{ n }}'}\nlinks:\n  logs: 'https://{{ x }}'\n"
    path.write_text(text)
    with pytest.raises(_config.ConfigError) as caught:
        _config.load(path)
    lines = {problem.removeprefix(f"{path}:").partition(":")[0] for problem in caught.value.problems}
    assert lines == {"3", "6"}
