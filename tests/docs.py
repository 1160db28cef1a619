# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generates docs/configuration.md from the schema, docs/plugins.md from ansible-doc, docs/playbooks.md from the declared variables, and
docs/record.md from the declared entries.

`--check` only compares the pages with their sources.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "meta" / "incident-response.schema.json").read_text())
SEVERITIES = {"P0", "P1", "P2", "P3"}
HEAD = """# The configuration file

Each run searches for `incident-response.yml` once, in this order. The first file counts:

1. the path in `INCIDENT_CONFIG` (relative to the working directory), or `config` in the section `[incident_response]` of ansible.cfg (relative to the
   folder of ansible.cfg);
2. the folder of the playbook on the command line, unless the playbook belongs to this collection;
3. the folder of each inventory (`-i`), or the inventory folder itself;
4. the folder of the ansible.cfg in use;
5. the working directory;
6. `$XDG_CONFIG_HOME/incident-response/`, which is `~/.config/incident-response/` by default;
7. `/etc/incident-response/`.

Each run prints which file it uses, or that there is none. The record keeps the path and the first characters of the SHA-256. If two of these places
have different files, the run names both. Without a file, or with an empty file, every key has the default below, which is the handbook's value.
Then there is no catalogue, no host is protected, and each run says so. With `INCIDENT_REQUIRE_CONFIG=true` (`require_config` in ansible.cfg) the
actions refuse to run in this case. A file with the name `incident-response.yaml` is not read, and the run says so. A mistake in the file is
reported with its line before anything is touched.

The file can contain commands. Therefore a file that was found is refused if somebody else could have written it: if the file or its folder belongs to
a user other than you and root, or if everybody, or a group with other members, can write it. Correct that with `chmod go-w`, or name the file
yourself: a file in `INCIDENT_CONFIG` or ansible.cfg is used, with a warning.

Below `services.NAME`, the keys `unit`, `commands`, `compose`, `swarm`, `kubernetes`, `health`, `versions`, `balancer` and `replicas` may contain
`{{ … }}`: variables of the inventory, rendered for each host, with simple filters and without lookups. In all other keys there is no host to render
for, so a template is refused with its line. Use one file for each inventory instead.

    services:
      api:
        hosts: api
        health: {http: "http://127.0.0.1:8080/health"}
    safety:
      max_hosts: 2

This version only checks the key `owner` of a service, and does not use it yet.

`make docs` generates this page from `meta/incident-response.schema.json`. `NAME` stands for a name that you choose, `[]` for each entry of a list.

| key | meaning | value | default |
|---|---|---|---|
"""

PLAYBOOKS_HEAD = """# The playbooks, and what they take

The playbooks check all variables before they touch a host, open an incident or send a message. They refuse a name that looks like one of these names
(`servcie=`), a name that only another playbook takes, and a value of the wrong kind: `plan=ture` is neither true nor false. They accept your own
variables, and the variables that AWX, Semaphore and rulebooks add. In your own playbook, which imports ours among other plays, any name may be
yours: a name that looks like ours only causes a warning, and the names in the last column are not accepted there.

The playbooks refuse `--tags`, `--skip-tags`, `--start-at-task` and `--step` if these leave out a part of the playbook. A tag on the line that
imports a playbook selects the whole playbook.

`make docs` generates this page from `plugins/plugin_utils/_variables.py`.
"""


def resolved(rules: dict[str, Any]) -> dict[str, Any]:
    return {**SCHEMA["$defs"][rules["$ref"].rpartition("/")[2]], **rules} if "$ref" in rules else rules


def rows(rules: dict[str, Any], where: str, default: Any = None) -> Iterator[str]:
    """A row for each key below `rules`."""
    for key, below in rules.get("properties", {}).items():
        below = resolved(below)
        path, value = f"{where}{key}", (default or {}).get(key, below.get("default"))
        free, items = below.get("additionalProperties"), resolved(below.get("items", {}))
        items = next((each for each in items.get("anyOf", []) if "properties" in each), items)
        if set(below.get("properties", {})) >= SEVERITIES:
            yield from by_severity(below, path)
        elif "properties" in below or isinstance(free, dict) and "properties" in resolved(free):
            yield from rows(below, f"{path}.", value)
            if isinstance(free, dict):
                yield from rows(resolved(free), f"{path}.NAME.")
        else:
            yield row(f"{path}.NAME" if isinstance(free, dict) else path, below, [shown(value)])
            required = items.get("required", [])
            yield from (each.replace("` |", "` (required) |", 1) if each.split("`")[1].rpartition(".")[2] in required else each
                        for each in rows(items, f"{path}[]."))  # fmt: skip


def by_severity(rules: dict[str, Any], path: str) -> Iterator[str]:
    """A row for what differs from severity to severity, with the default of each."""
    defaults = {name: resolved(below).get("default") for name, below in rules["properties"].items()}
    inner = resolved(rules["properties"]["P0"])
    for key, below in inner.get("properties", {"": inner | {"description": rules["description"]}}).items():
        of_each = {name: shown((default or {}).get(key) if key else default) for name, default in defaults.items()}
        values = [f"{name} {value}" for name, value in of_each.items() if value]
        yield row(f"{path}.P0 to P3{f'.{key}' if key else ''}", resolved(below), values)


def row(path: str, rules: dict[str, Any], defaults: list[str]) -> str:
    kind = rules.get("$comment") or (f"one of {', '.join(rules['enum'])}" if "enum" in rules else rules.get("type", ""))
    return f"| `{path}` | {rules.get('description', '')} | {kind} | {', '.join(defaults)} |"


def shown(value: Any) -> str:
    """A default, as it is written; a list of mappings by their names."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = [each["name"] for each in value]
    return "" if value in (None, "", [], {}) else f"`{json.dumps(value, ensure_ascii=False)}`"


def plugins() -> Iterator[str]:
    """The options of every module and plugin, by ansible-doc."""
    yield "# Modules and plugins\n\n`make docs` generates this page. `ansible-doc -t TYPE NAME` also shows examples and return values.\n"
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}
    for kind in ("module", "callback", "lookup"):
        command = ["ansible-doc", "--json", "-t", kind, "--metadata-dump", "--no-fail-on-errors", "incident.response"]
        dump = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
        for name, found in sorted(dump["all"][kind].items()):
            doc = found["doc"]
            description = doc["description"] if isinstance(doc["description"], list) else [doc["description"]]
            yield f"## {kind} `{name}`\n\n{doc['short_description']}.\n"
            yield "\n".join(f"- {plain(line)}" for line in description) + "\n"
            if doc.get("options"):
                yield "| option | meaning | default |\n|---|---|---|"
                for option, about in sorted(doc["options"].items()):
                    lines = about["description"] if isinstance(about["description"], list) else [about["description"]]
                    default = "required" if about.get("required") else "" if about.get("default") in (None, "", {}, []) else f"`{about['default']}`"
                    sources = "".join(f" Environment: `{each['name']}`." for each in about.get("env", []))
                    choices = f" One of {', '.join(about['choices'])}." if about.get("choices") else ""
                    yield f"| `{option}` | {plain(' '.join(lines))}{choices}{sources} | {default} |"
                yield ""


def playbooks() -> Iterator[str]:
    """The variables of every playbook, as they are declared."""
    sys.path.insert(0, str(ROOT / "collections"))
    from ansible_collections.incident.response.plugins.module_utils._core.argument import WORDS
    from ansible_collections.incident.response.plugins.plugin_utils._variables import PLAYBOOKS

    yield PLAYBOOKS_HEAD
    for name, variables in PLAYBOOKS.items():
        yield f"## `incident.response.{name}`\n\n| variable | meaning | value | also |\n|---|---|---|---|"
        for variable, about in variables.items():
            kind = WORDS.get(about.kind) or f"{'any' if about.kind == 'choices' else 'one'} of {', '.join(about.choices)}"
            also = ", ".join(f"`{other}`" for other in about.same)
            yield f"| `{variable}`{' (required)' if about.required else ''} | {about.about} | {kind} | {also} |"
        yield ""


RECORD_HEAD = """# The record

The record of an incident is a list of entries. Entries are only added, and never changed. [Operate](operate.md#the-record) says where the journal
is, and [security.md](security.md) how it is sealed. `incident_info` returns the entries without their data.

Each entry is a JSON object with these keys:

| key | value |
|---|---|
| `kind` | one of the kinds below |
| `at` | the time: UTC, ISO 8601 with a `Z` |
| `actor` | who did it |
| `text` | the entry in words, without known secrets |
| `run`, `run_seq` | the run, and the position of the entry in it; together they are unique |
| `host`, `action`, `state`, `changed`, `duration_ms` | of a task, or of a whole run |
| `data` | the data of its kind, below |

An entry may lack each of the keys of `data`, because older versions wrote fewer. It may have others, which a later version wrote. If a key has a
value of another type, the entry is not recorded; a line of a spool is set aside, and reported. An entry in the journal that does not fit is shown as
damaged.

`make docs` generates this page from `plugins/module_utils/_core/entry.py`.
"""


def record() -> Iterator[str]:
    """The kinds of entries, and the data of each."""
    sys.path.insert(0, str(ROOT / "collections"))
    from ansible_collections.incident.response.plugins.module_utils._core.entry import ANY, DATA

    yield RECORD_HEAD
    yield "Entries of any kind may have in `data`:\n"
    yield from facts(ANY)
    for kind, known in DATA.items():
        yield f"## `{kind}`\n\n{kind.about}\n"
        if known:
            yield from facts(known)


def facts(known: Any) -> Iterator[str]:
    """The keys of an entry's data as a table."""
    yield "| key of `data` | value | meaning |\n|---|---|---|"
    for key, fact in known.items():
        yield f"| `{key}` | {fact.words} | {fact.about} |"
    yield ""


def plain(text: str) -> str:
    """Ansible's markup as Markdown."""
    return re.sub(r"\b(?:[CVOEMP]|RV)\((?:ignore:|[\w.]+#\w+:)?([^)#]+)(?:#\w+)?\)", r"`\1`", text).replace("|", "\\|")


def main() -> None:
    pages = {
        "configuration.md": HEAD + "\n".join(rows(SCHEMA, "")) + "\n",
        "plugins.md": "\n".join(plugins()).rstrip() + "\n",
        "playbooks.md": "\n".join(playbooks()).rstrip() + "\n",
        "record.md": "\n".join(record()).rstrip() + "\n",
    }
    for name, text in pages.items():
        path = ROOT / "docs" / name
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"docs/{name} is not what the sources say: run make docs")


if __name__ == "__main__":
    main()
