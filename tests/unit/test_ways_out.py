# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each way out of a process leads through the gate: what writes, sends or shows is found in the code, and must be one that is known here.

A new one fails: let what it says pass `_gate.clean` or `_gate.clean_data` in the same function, then name it in THROUGH_THE_GATE; or say in
WITHOUT_TEXT why nothing that anybody wrote goes out there.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
WRITES = {
    "write", "writelines", "write_text", "write_bytes", "send", "sendall", "sendmail", "send_message", "request", "ask", "urlopen", "call", "emit",
    "execute", "executemany", "executescript", "dump", "symlink_to", "Popen", "run", "check_output", "check_call", "system", "print", "excepthook",
}  # fmt: skip
SHOWS = {"display", "warning", "error", "deprecated", "v", "vv", "vvv", "vvvv", "verbose", "banner"}
LIBRARIES = {"requests", "smtplib", "socket", "socketio", "http.client", "urllib.request", "sqlite3", "logging", "syslog", "ftplib", "telnetlib"}

THROUGH_THE_GATE = {
    "plugin_utils/_spool.py": {"Spool._write: write", "_write_shared: write"},
    "plugin_utils/_courier/log.py": {"log: write"},
    "plugin_utils/_courier/main.py": {"Courier._write: write_text"},
    "plugin_utils/_wiring/oncall.py": {"LastAnswer.keep: write_text"},
    "plugin_utils/_wiring/paging.py": {"Command.page: write", "Command.page: Popen"},
    "plugin_utils/_wiring/status_page.py": {"_render: write"},
    "plugin_utils/_terminal.py": {"Terminal.display: display", "Terminal.warning: warning", "Terminal.error: error"},
    "module_utils/_http.py": {"Api._asked: ask"},
    "module_utils/_mail.py": {"Mailer.send: send_message"},
    "module_utils/_rocketchat/client.py": {"RocketChat._answer: ask"},
    "module_utils/_statuspage/uptime_kuma.py": {"UptimeKuma._session: call"},
    "module_utils/_journal/sqlite.py": {
        "SqliteJournal.append: execute", "SqliteJournal.plan: execute", "SqliteJournal.remember: execute",
    },
}  # fmt: skip
"""By file: what takes a text out, and asks the gate. The lines of `Spool._write` are made by `encoded`."""

_STATES = "rows of names, numbers and states, which are derived from entries"
WITHOUT_TEXT = {
    "plugin_utils/_courier/lock.py": {"wake: write": "one point"},
    "module_utils/_state.py": {"sealing_key: create": "a key, made at random"},
    "module_utils/_statuspage/_static/folder.py": {
        "_create: write": "files of the page, of what _wiring.status_page has cleaned", "_as_link: symlink_to": "a folder's name",
    },
    "module_utils/_paging/mail.py": {"Mail.page: send": "Mailer.send"},
    "module_utils/_usecases/communication.py": {"mail: send": "Mailer.send", "draft: write": "makes a text, which is cleaned there"},
    "plugin_utils/_wiring/mail.py": {"send: send": "Mailer.send"},
    "plugin_utils/_wiring/status_page.py": {"_unbroken: call": "an adapter's method"},
    "module_utils/_usecases/chat_delivery.py": {"Delivery._optional: call": "a method of the chat's client"},
    "module_utils/_journal/sqlite.py": {
        f"SqliteJournal.{what}": _STATES for what in (
            "_index: execute", "_index: executemany", "project: execute", "sight: executemany", "take: execute", "want_chat: execute",
            "sight: execute",
        )
    } | {"SqliteJournal.__init__: executescript": "the tables", "SqliteJournal._became: execute": "what refuse and drop have cleaned"},
    "module_utils/_journal/marks.py": {"Marks.keep: execute": "a copy of a row as it was written"},
    "module_utils/_journal/mending.py": {
        f"Mending.{what}": _STATES for what in (
            "_mend_messages: execute", "_mend_projection: execute", "_mend_index: executemany", "_plan_again: execute", "_mend_index: execute",
        )
    },
    "module_utils/_owned.py": {"_draft: write": "what it is given: who calls write_text or create is found, too"},
    "module_utils/_exchange.py": {"Exchange._asked: request": "what Api and RocketChat have cleaned"},
    "module_utils/_command.py": {"told: run": "run, below", "run: Popen": "a command of the host that is acted on"},
    "module_utils/_backends/web.py": {"_status: request": "asks an address of the configuration how it is, without a body"},
    "module_utils/_statuspage/uptime_kuma.py": {f"UptimeKuma.{what}: call": "by _session" for what in ("create", "update")},
    "plugin_utils/_spool.py": {"start_courier: Popen": "the courier, which gets its settings in its environment"},
    "plugin_utils/_wiring/oncall_source.py": {
        ": dump": "the answer to the process of ours that started it", "Apart.on_call: run": "a process of ours, which gets its settings",
    },
    "plugin_utils/_process.py": {"started: run": "asks the system since when a process runs"},
    "plugin_utils/_terminal.py": {"careful: run": "a lookup's own"},
}  # fmt: skip
"""By file: why what looks like a way out takes no text of anybody's out."""
OF_OURS = {"_display", "_client", "_public", "super", "self", "Terminal", "moment"}
"""What is called on these is ours, or is found where it is made: the display of an action is a Terminal, the client of a provider an Api."""
CHANGES = ("INSERT", "UPDATE", "REPLACE", "CREATE")


def ways_out(path: Path) -> Iterator[tuple[str, str, bool]]:
    """In which function what goes out, and whether the function asks the gate."""
    scopes: list[tuple[str, ast.AST]] = [("", ast.parse(path.read_text()))]
    while scopes:
        name, scope = scopes.pop()
        body = list(ast.iter_child_nodes(scope))
        gated = isinstance(scope, ast.FunctionDef) and any(_asks_gate(node) for node in ast.walk(scope))
        while body:
            node = body.pop()
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not isinstance(scope, ast.FunctionDef):
                scopes.append((f"{name}.{node.name}".lstrip("."), node))
                continue
            if isinstance(node, ast.Call) and (called := _way(node, scope)):
                yield name, called, gated
            body += ast.iter_child_nodes(node)


def _way(call: ast.Call, scope: ast.AST) -> str:
    """What a call sends, writes or shows by; empty where it does none of it."""
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(receiver, ast.Call):
        receiver = receiver.func
    on = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if on == "_owned" and called in {"replace", "create"}:
        return called
    if on in OF_OURS or called not in WRITES | SHOWS:
        return ""
    if called == "ask" and on != "_exchange":
        return ""
    if called.startswith("execute") and called != "executescript":
        texts = [node.value for node in ast.walk(scope) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        return called if any(word in text for text in texts for word in CHANGES) else ""
    return called


def _asks_gate(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in {"_gate", "_clean", "encoded"}


FILES = sorted(PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", [path for path in FILES if "modules" not in path.parts], ids=lambda path: str(path.relative_to(PLUGINS)))
def test_each_way_out_leads_through_the_gate(path: Path) -> None:
    """But for modules, which run on the host that is acted on: what they return, Ansible shows."""
    name = str(path.relative_to(PLUGINS))
    gated, excused = THROUGH_THE_GATE.get(name, set()), set(WITHOUT_TEXT.get(name, ()))
    found = {f"{where}: {what}": asks for where, what, asks in ways_out(path)}
    assert found.keys() >= gated | excused, "it is no longer there: take it out of the tables"
    assert found.keys() <= gated | excused, f"let what goes out there pass _gate.clean, and name it in {Path(__file__).name}"
    assert name == "plugin_utils/_spool.py" or all(found[way] for way in gated), "it is named as gated, and asks no gate"


def test_displays_are_terminals() -> None:
    """Ansible's own display is made in one file, and each action and the callback have ours."""
    made = {str(path.relative_to(PLUGINS)) for path in FILES if "Display()" in path.read_text()}
    assert made == {"plugin_utils/_terminal.py"}
    for name in ("plugin_utils/_controller_action.py", "callback/incident_timeline.py"):
        assert "self._display = Terminal(self._display)" in (PLUGINS / name).read_text()
    for path in (PLUGINS / "action").glob("*.py"):
        code = path.read_text()
        assert "ControllerAction" in code or "TellingAction" in code or "_display" not in code, path


def test_errors_of_lookups_are_cleaned() -> None:
    for path in (PLUGINS / "lookup").glob("*.py"):
        assert "    @careful\n    def run(" in path.read_text(), path


def test_no_other_file_imports_what_reaches_out() -> None:
    """The libraries that reach out of a process are used where the gate stands, and by what runs on hosts."""
    users = {
        (library, str(path.relative_to(PLUGINS)))
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        for library in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        )
        if library in LIBRARIES - {"sqlite3", "socket"}
    }  # fmt: skip
    assert users == {
        ("requests", "module_utils/_http.py"), ("requests", "module_utils/_exchange.py"), ("requests", "module_utils/_rocketchat/client.py"),
        ("smtplib", "module_utils/_mail.py"),
        ("http.client", "module_utils/_backends/web.py"), ("logging", "module_utils/_statuspage/uptime_kuma.py"),
    }  # fmt: skip


def test_the_gate_knows_the_environment_and_lets_out_what_is_meant_to_go() -> None:
    code = """
import json
from ansible_collections.incident.response.plugins.module_utils import _gate
_gate.ask(lambda: ["from-a-source"])
_gate.learn(["routing-key-1", "", None, "yes", True, "ab"])
print(json.dumps([
    _gate.clean("a hunter2hunter b from-a-source routing-key-1 /run/agent.sock yes ab"),
    _gate.clean_data({"text": ["x routing-key-1"], "more": ("y", 1, None), "api_token": "plain"}),
    _gate.clean_data({"routing_key": "routing-key-1", "text": "from-a-source"}, ["routing-key-1"]),
]))
"""
    environment = {"PYTHONPATH": str(ROOT / "collections"), "MY_TOKEN": "hunter2hunter", "SSH_AUTH_SOCK": "/run/agent.sock"}
    shown = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True).stdout
    assert json.loads(shown) == [
        "a [redacted] b [redacted] [redacted] /run/agent.sock yes ab",
        {"text": ["x [redacted]"], "more": ["y", 1, None], "api_token": "[redacted]"},
        {"routing_key": "routing-key-1", "text": "[redacted]"},
    ]
