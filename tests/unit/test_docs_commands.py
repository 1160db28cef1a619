# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guides show is there: commands with their variables, links, configurations, messages. Each check is also shown to find a mistake."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import picture
import pytest
import yaml
from ansible.parsing.splitter import parse_kv
from ansible_collections.incident.response.plugins.module_utils._core import chat_command
from ansible_collections.incident.response.plugins.module_utils._core.argument import Wrong, spellings, value
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._variables import PLAYBOOKS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("roles/*/README.md"))]
GUIDES = [page for page in PAGES if page.parent in {ROOT, DOCS}]
OWN = {
    "docs/actions.md": {"switch.yml", "feature_switch_file", "flush-cache.yml"}, "roles/service_restart/README.md": {"restart.yml"},
    "roles/service_rollback/README.md": {"rollback.yml"}, "roles/service_scale/README.md": {"scale-up.yml"},
}  # fmt: skip
"""Playbooks and variables that a page has its reader write, beside the page."""
OPEN = "…"
"""Stands for a value that the reader fills in."""
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    .*\n(?:\n(?=    ))?)+", re.MULTILINE)
INLINE = re.compile(r"`((?:[^`\n]|\n(?!\n))+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"(Refused|AnsibleError|NoAnswer)$")
"""The exceptions that a person reads."""
STEP = re.compile(
    r"\b(Allow|Ask|Bring|Call|Check|Choose|Close|Correct|Free|Give|Install|Keep"
    r"|Leave|Look|Make|Mend|Name|Open|Put|Run|Say|Scale|See|Set|Take|Undo|Use|Wait|Write)\b"
    r"|\b([Dd]id you mean|must be|is one of|are:|has:|It has|[Oo]pen now|Drafts:|such as|the first is|are numbers of|ansible-playbook|-e [a-z'{]"
    r"|chmod|(leave|write|say|name|run|set|try|see|open|draft|resolve) )"
)
"""What tells the reader what to do next: a request, a command, or what there is to choose from."""
SHOUTED = re.compile(r"\b[A-Z]{2,}(?: [A-Z]+){2,}\b")
SQL = re.compile("NOT NULL|INSERT|CREATE|PRIMARY")
HERE = re.compile(r"cat > incident-response\.yml <<'?(\w+)'?\n(.*?)^\1$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    """What pytest calls a page."""
    return str(page.relative_to(ROOT))


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The code of a page: each block with its language, which an indented one does not say."""
    yield from FENCED.findall(text)
    for block in INDENTED.findall(FENCED.sub("", text)):
        yield "", re.sub(r"^    ", "", block, flags=re.MULTILINE)


def commands(text: str, program: str) -> list[list[str]]:
    """The arguments of each call of a program, in blocks and within sentences."""
    code = [line for language, block in blocks(text) if language != "yaml" for line in block.replace("\\\n", " ").splitlines()]
    code += [" ".join(each.split()) for each in INLINE.findall(FENCED.sub("", text))]
    found = [match[1] for line in code for match in re.finditer(rf"(?:^|\s){program} (\S.*)", line)]
    calls = [shlex.split(each, comments=True) for each in found]
    return [call[: call.index("&&")] if "&&" in call else call for call in calls]


def extra(arguments: list[str]) -> dict[str, Any]:
    """The variables behind each `-e`."""
    found: dict[str, Any] = {}
    for option, given in zip(arguments, arguments[1:], strict=False):
        if option == "-e":
            found |= yaml.safe_load(given) if given.startswith("{") else parse_kv(given)
    return found


def called(name: str) -> str:
    """The playbook that a path or a full name leads to; empty where there is none."""
    if name.startswith("incident.response."):
        playbook = name.removeprefix("incident.response.")
        return playbook if (ROOT / "playbooks" / f"{playbook}.yml").is_file() and playbook in PLAYBOOKS else ""
    path = ROOT / name.removeprefix("infrastructure/")
    if not name.removeprefix("infrastructure/").startswith("playbooks/") or not path.is_file():
        return ""
    imported = re.search(r"import_playbook: (?:\.\./)*(\w+)\.yml", path.read_text())
    return imported[1] if imported else path.stem


def wrong(arguments: list[str], own: Collection[str] = ()) -> list[str]:
    """What is wrong with a call of ansible-playbook. `own`: the reader's playbooks and variables."""
    values = [given for option, given in zip(["", *arguments], arguments, strict=False) if not given.startswith("-") and option not in {"-i", "-e"}]
    if not values:
        return [f"{shlex.join(arguments)} names no playbook"]
    if values[0] in own:
        return []
    name, given = called(values[0]), extra(arguments)
    if not name:
        return [f"{values[0]} is no playbook"]
    known = PLAYBOOKS[name]
    names = spellings(known)
    missing = {each for each, about in known.items() if about.required} - {names.get(each, each) for each in given}
    problems = [f"{name} needs {each}" for each in sorted(missing)] if given else []  # a sentence may name a playbook alone
    for each, what in given.items():
        if each not in names:
            problems += [f"{name} doesn't know {each}"] if each not in own else []
        elif what not in ("", OPEN):
            try:
                value(known[names[each]], what)
            except Wrong as error:
                problems.append(f"{each}={what!r} {error}")
    return problems


@cache
def options(module: str) -> frozenset[str]:
    """The options that a module documents itself."""
    found = re.search(r'DOCUMENTATION = r"""\n(.*?)"""', (ROOT / "plugins" / "modules" / f"{module}.py").read_text(), re.DOTALL)
    return frozenset(yaml.safe_load(found[1])["options"]) if found else frozenset()


def wrong_module(arguments: list[str]) -> list[str]:
    """What is wrong with a call of ansible."""
    given = dict(zip(arguments, arguments[1:], strict=False))
    module = given["-m"].removeprefix("incident.response.")
    if not (ROOT / "plugins" / "modules" / f"{module}.py").is_file():
        return [f"{module} is no module"]
    return [f"{module} doesn't know {each}" for each in parse_kv(given.get("-a", "")) if each not in options(module)]


def broken(page: Path, text: str) -> list[str]:
    """The links within this repository that lead nowhere."""
    found = []
    for link in LINK.findall(text):
        path, dummy, part = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" in link:
            continue
        if not target.exists() or part and part not in headings(target):
            found.append(link)
    return found


def headings(page: Path) -> set[str]:
    """The names that links reach the headings of a page by."""
    text = FENCED.sub("", page.read_text())
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def configurations(text: str) -> list[str]:
    """The examples of `incident-response.yml` in a page: mappings that are no inventory and no play."""
    found = [block for dummy, block in HERE.findall(text)]
    for language, block in blocks(text):
        if language not in {"yaml", ""}:
            continue
        try:
            read = yaml.safe_load(block)
        except yaml.YAMLError:
            if language:
                raise
            continue
        if isinstance(read, Mapping) and "all" not in read:
            found.append(block)
    return found


def mistakes(text: str, folder: Path) -> list[str]:
    """What the collection says about a configuration."""
    path, provider = folder / "incident-response.yml", folder / "provider.py"  # one that a reader wrote
    provider.touch()
    path.write_text(re.sub(r"(?<=provider: )/\S+\.py", str(provider), text))
    try:
        _config.load(path)
    except _config.ConfigError as error:
        return [str(error)]
    return []


def messages(text: str) -> list[str]:
    """The messages in the first columns of the tables of troubles, without those of Ansible."""
    table = text.partition("## Troubleshooting")[2].partition("\nThese messages are Ansible's own")[0]
    cells = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    return [part.strip() for cell in cells for message in INLINE.findall(cell) for part in message.split(OPEN)]


@cache
def sources() -> str:
    """All that can be said by us: the texts in the code, without what only describes it."""
    rooms = [ROOT / "plugins", ROOT / "roles", ROOT / "playbooks"]
    paths = [path for room in rooms for path in sorted(room.rglob("*"))]
    plain = [path.read_text() for path in paths if path.suffix == ".yml"]
    return "\n".join([*plain, *(text for path in paths if path.suffix == ".py" for text in said(ast.parse(path.read_text())))])


def said(tree: ast.Module) -> Iterator[str]:
    """The texts in a file of Python; what is filled in is left open."""
    for node in tree.body:  # the documentation of a plugin
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in {"DOCUMENTATION", "EXAMPLES", "RETURN"}:
            node.value = ast.Constant(None)
    described = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for found in ast.walk(tree):
        if isinstance(found, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else OPEN for part in found.values)
        elif isinstance(found, ast.Constant) and isinstance(found.value, str) and found not in described:
            yield found.value


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_command_names_a_playbook_that_is_there_and_variables_that_it_knows(page: Path) -> None:
    own = OWN.get(name(page), set())
    assert [problem for call in commands(page.read_text(), "ansible-playbook") for problem in wrong(call, own)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_module_that_is_called_is_there_and_knows_the_options(page: Path) -> None:
    assert [problem for call in commands(page.read_text(), "ansible") if "-m" in call for problem in wrong_module(call)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_relative_link_leads_somewhere(page: Path) -> None:
    assert broken(page, page.read_text()) == []


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_each_configuration_that_is_shown_is_valid(page: Path, tmp_path: Path) -> None:
    for example in configurations(page.read_text()):
        assert mistakes(example, tmp_path) == [], example


def test_the_example_of_a_whole_configuration_is_valid(tmp_path: Path) -> None:
    assert mistakes((DOCS / "incident-response.example.yml").read_text(), tmp_path) == []


def keys(schema: object) -> set[str]:
    """All keys that a configuration may have somewhere."""
    found: set[str] = set()
    for name, below in schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ():
        found |= keys(below)
        if name == "properties" and isinstance(below, dict) and "$comment" not in below:
            found |= {key for key, rules in below.items() if isinstance(rules, dict) and "const" not in rules}
    return found


def test_each_key_of_the_configuration_is_in_its_table() -> None:
    paths = re.findall(r"^\| `([^`]+)`", (DOCS / "configuration.md").read_text(), re.MULTILINE)
    shown = {part.removesuffix("[]") for path in paths for part in path.replace(" to ", ".").split(".")} | {"P1", "P2"}
    every = keys(_config.schema())
    assert len(every) > 100
    assert every - shown == set()
    assert len(paths) == len(set(paths))


def test_the_first_page_stays_short_and_leads_to_every_guide() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 120
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} - set(LINK.findall(text)) == set()
    assert "docs/timeline.svg" in LINK.findall(text)


def test_every_playbook_is_shown_in_a_guide() -> None:
    made = {DOCS / "playbooks.md", DOCS / "plugins.md"}
    shown = {called(word) for page in set(GUIDES) - made for call in commands(page.read_text(), "ansible-playbook") for word in call}
    assert set(PLAYBOOKS) - shown == set()


def test_each_command_in_chat_is_one() -> None:
    said = {word for page in GUIDES for code in INLINE.findall(page.read_text()) for word in re.findall(r"^!\w+", code)}
    assert {"!ack", "!escalate", "!publish", "!approve", "!deny"} <= said
    assert [word for word in said - {"!approve", "!deny"} if not chat_command.parse(word)] == []


def test_each_message_of_the_table_of_troubles_is_one_of_ours() -> None:
    found = messages((DOCS / "operate.md").read_text())
    assert len(found) > 20
    assert [message for message in found if message not in sources()] == []


def test_each_message_in_capitals_is_in_the_table_of_troubles() -> None:
    told = {each for each in SHOUTED.findall(sources()) if not SQL.search(each)} - {"THIS IS A DRILL"}
    assert len(told) > 5
    listed = " ".join(messages((DOCS / "operate.md").read_text()))
    assert [each for each in told if each not in listed] == []


def refusals() -> Iterator[str]:
    """What a playbook, a module or a lookup says when it refuses something: the text of each of its sentences that is more than what is filled in."""
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args and NAMED.search(ast.unparse(node.exc.func)):
                text = next(said(ast.Module([ast.Return(node.exc.args[0])], [])), "")
                if len(re.findall(r"[a-z]{2,}", re.sub("Nothing was [a-z]+", "", text))) > 2:
                    yield text


def test_each_refusal_says_what_to_do_or_is_in_the_table_of_troubles() -> None:
    found = set(refusals())
    assert len(found) > 100
    listed = messages((DOCS / "operate.md").read_text())
    assert sorted(text for text in found if not STEP.search(text) and not any(each in text for each in listed)) == []


def test_the_picture_of_a_timeline_is_one_that_its_program_draws() -> None:
    drawn = picture.PICTURE.read_text()
    assert picture.drawn(picture.texts(drawn)) == drawn
    assert picture.texts(drawn)[0] == f"$ {picture.COMMAND}"


def test_a_picture_that_was_changed_by_hand_is_found() -> None:
    changed = picture.PICTURE.read_text().replace("<svg ", "<svg id='mine' ")
    assert picture.drawn(picture.texts(changed)) != changed


def test_a_picture_shows_no_account_keeps_indentation_and_breaks_long_lines() -> None:
    said = ["incident-1 · P1", "  10:05 - Run started by root from vm: worked", "  10:05 - Acknowledged (root)", "  10:06 - " + "long <w> " * 30]
    lines = picture.told("\n".join(["PLAY", "TASK [Show it] ***", *said, "ok: [localhost]", "PLAY RECAP ***"]))
    blank = picture.BLANK * 2
    assert lines[2:5] == ["incident-1 · P1", f"{blank}10:05 - Run started by ada from laptop: worked", f"{blank}10:05 - Acknowledged (ada)"]
    rows = picture.texts(picture.drawn(lines))
    assert max(map(len, rows)) <= picture.WIDTH
    assert " ".join(row.strip() for row in rows[5:]) == lines[5].strip()


def test_there_is_something_to_check() -> None:
    texts = [page.read_text() for page in PAGES]
    assert sum(len(commands(text, "ansible-playbook")) for text in texts) > 40
    assert sum(len(commands(text, "ansible")) for text in texts) > 5
    assert sum(len(configurations(page.read_text())) for page in GUIDES) > 12


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`ansible-playbook incident.response.restart -e service=api`", "incident.response.restart is no playbook"),
        ("    ansible-playbook playbooks/emergency/restart.yml -e service=api\n", "playbooks/emergency/restart.yml is no playbook"),
        ("```sh\nansible-playbook -i hosts incident.response.rollback -e verison=previous\n```\n", "rollback doesn't know verison"),
        ("```sh\nansible-playbook incident.response.rollback -e version=previous\n```\n", "rollback needs app"),
        ("```sh\ncd /srv && ansible-playbook incident.response.tick -e watch=often  # a comment\n```\n", "watch='often' must be a number of seconds"),
        ('    ansible-playbook incident.response.incident_open \\\n      -e \'{"tilte": "a b"}\'\n', "incident_open doesn't know tilte"),
        ("`ansible-playbook -e service=api`", "names no playbook"),
    ],
)
def test_a_command_that_would_not_work_is_found(text: str, problem: str) -> None:
    (call,) = commands(text, "ansible-playbook")
    assert problem in "; ".join(wrong(call))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`ansible localhost -m incident.response.info`", "info is no module"),
        ('`ansible localhost -m incident.response.incident_info -a "sinse=7d"`', "incident_info doesn't know sinse"),
    ],
)
def test_a_call_of_a_module_that_would_not_work_is_found(text: str, problem: str) -> None:
    (call,) = commands(text, "ansible")
    assert wrong_module(call) == [problem]


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "[a](gone.md) [b](operate.md#gone) [c](#gone) [d](operate.md#the-tick) [e](https://example.com/gone)"
    assert broken(DOCS / "oncall.md", text) == ["gone.md", "operate.md#gone", "#gone"]


@pytest.mark.parametrize(
    "text",
    [
        "```yaml\nservcies: {api: {hosts: api}}\n```\n", "Said:\n\n    safety:\n      max_hosts: 0\n", "```yaml\nsafety:\n  max_host: 2\n```\n",
        "```sh\ncat > incident-response.yml <<END\nservices:\n  api: {backend: command}\nEND\n```\n",
    ],
)  # fmt: skip
def test_a_configuration_that_would_be_refused_is_found(text: str, tmp_path: Path) -> None:
    (example,) = configurations(text)
    assert mistakes(example, tmp_path)


def test_a_message_that_we_do_not_say_is_found() -> None:
    (message,) = messages("## Troubleshooting\n\n| `RECORDING IS DEGRADDED` | mend it |\n")
    assert message not in sources()


PROGRAMS = ("ansible-playbook", "ansible", "ansible-galaxy", "make", "pip")


def shown_commands(page: Path) -> list[str]:
    """Each command that a page shows whole."""
    calls = ((program, call) for program in PROGRAMS for call in commands(page.read_text(), program))
    return [f"{program} {shlex.join(call)}" for program, call in calls if len(call) > 1 or program == "make"]


def untyped(command: str, tests: str) -> bool:
    """Whether no test types the playbook, or calls the module."""
    named = re.search(r"incident\.response\.(\w+)|playbooks/(?:incident/|emergency/)?([\w-]+)\.yml|([\w-]+)\.yml", command)
    return named is None or next(filter(None, named.groups())).removeprefix("incident_") not in tests


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_each_command_is_typed_by_a_test_or_says_why_not(page: Path) -> None:
    known = yaml.safe_load((ROOT / "tests" / "commands.yml").read_text())
    tests = "\n".join((ROOT / path).read_text() for path in known["typed"].get(name(page), []))
    left = [each for each in shown_commands(page) if not each.startswith(tuple(known["not_typed"]))]
    if name(page) in {"README.md", "docs/quickstart.md", "docs/handbook.md"}:
        assert page.name in tests, "its test reads the page, and types whatever it says"
    else:
        assert [each for each in left if untyped(each, tests)] == []


def test_the_commands_that_nobody_types_are_few_and_still_shown() -> None:
    shown = [each for page in GUIDES for each in shown_commands(page)]
    not_typed = yaml.safe_load((ROOT / "tests" / "commands.yml").read_text())["not_typed"]
    assert [each for each in not_typed if not any(command.startswith(each) for command in shown)] == []
    assert len(not_typed) == 13
    assert all(len(reason) > 10 for reason in not_typed.values())


def test_a_command_that_no_test_knows_is_found() -> None:
    assert untyped("ansible-playbook incident.response.incident_flush -e x=1", "restart_service rollback")
    assert not untyped("ansible-playbook -i hosts playbooks/emergency/rollback.yml -e app=api", "playbooks/emergency/rollback.yml")
