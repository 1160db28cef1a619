# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which values of a play are secrets, and what it takes to find that out."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.plugin_utils._secrets import Kept, secret_values, secrets_of_hosts, unseen


def test_values_are_secrets_by_the_names_that_lead_to_them() -> None:
    variables = {
        "db_password": "one1", "settings": {"keys": [{"private_key": "two2"}], "port": 5432}, "oauth": {"client_secret": {"value": "three"}},
        "pin": 4711, "host": "prod-api-01", "password_file": "/etc/api/password", "use_token": True, "api_token": "none", "otp": "123",
        "hostvars": {"x": {"password": "never looked at"}},
    }  # fmt: skip
    assert secret_values(variables) == {"one1", "two2", "three", "4711"}


def test_a_template_counts_as_what_comes_of_it() -> None:
    filled = {"{{ a }}": "from-a", "{{ b }}": {"user": "ada", "more": ["from-b"]}}

    def fill(template: Any) -> Any:
        if template not in filled:
            raise AnsibleError("undefined")
        return filled[template]

    variables = {"api_token": "{{ a }}", "db_password": "{{ b }}", "admin_secret": "{{ not there }}", "title": "{{ a }}"}
    assert secret_values(variables, fill) == {"from-a", "from-b"}
    assert secret_values(variables) == set()


def test_a_lookup_is_made_once_in_a_run_and_for_each_host_only_where_it_names_something_of_one() -> None:
    made = list[str]()

    def fill(template: str) -> str:
        made.append(template)
        if "broken" in template:
            raise AnsibleError("no answer")
        return f"value {len(made)}"

    kept = Kept()
    everywhere, own, plain, broken = "{{ lookup('env', 'X') }}", "{{ lookup('file', name) }}", "{{ base }}", "{{ query('url', 'broken') }}"
    for host in ("web1", "web2"):
        fills = kept.of(host, fill)
        for template in (everywhere, own, plain, broken, everywhere, own):
            secret_values({"token": template}, fills)
    assert (made.count(everywhere), made.count(own), made.count(plain), made.count(broken)) == (1, 2, 2, 1)


class HostVars(dict[str, Any]):
    """As Ansible's."""

    def raw_get(self, host: str) -> Any:
        if self[host] is None:
            raise AnsibleError("Decryption failed")
        return self[host]


def test_other_hosts_have_secrets_too_and_one_that_cannot_be_read_keeps_none_of_the_others() -> None:
    hostvars = HostVars({"web1": {"token": "one1"}, "db1": None, "db2": {"token": "{{ where }}"}})
    assert secrets_of_hosts(hostvars, lambda host, variables: lambda template: f"of {host}") == {"one1", "of db2"}
    assert secrets_of_hosts(None) == set()


@pytest.mark.parametrize(("asked", "found"), [
    (None, set()), ([], set()), ([{"name": "a"}, {"name": "b", "private": False}, {"name": "c", "private": True}, "d"], {"a", "c"}),
])  # fmt: skip
def test_what_is_typed_unseen_is_a_secret_whatever_its_name(asked: Any, found: set[str]) -> None:
    play = type("Play", (), {"vars_prompt": asked})
    assert unseen(play) == found
    assert secret_values({"a": "typed-a", "b": "typed-b"}, named=unseen(play)) == ({"typed-a"} if found else set())
