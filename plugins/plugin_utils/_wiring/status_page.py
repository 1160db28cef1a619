# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds what is published, and the status page that shows it, from the configuration."""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import jinja2
from ansible_collections.incident.response.plugins.module_utils import _gate, _owned, _statuspage
from ansible_collections.incident.response.plugins.module_utils._core import communication as communication_rules
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import shown
from ansible_collections.incident.response.plugins.module_utils._core.status_page import Account, Post, Shown, Update
from ansible_collections.incident.response.plugins.module_utils._ports import Journal, StatusPage, StatusPageError
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.folder import write
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.page import render
from ansible_collections.incident.response.plugins.module_utils._usecases import communication, status_page_sync, status_page_view
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._wiring.mail import send
from ansible_collections.incident.response.plugins.plugin_utils._wiring.templates import TEMPLATES, Templates

_PROVIDERS = Path(_statuspage.__path__[0])
NONE = "none"
_PATIENCE = 30.0
"""The time to wait for another process that updates the page, in seconds."""
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Publishing:
    """The policy, and the function that updates the status page. `show` returns the results by record name, and the problems. Its second argument
    retries permanently refused updates."""

    policy: communication.Policy
    listed: tuple[str, ...]
    """The allowed components; empty if any component is allowed."""
    where: str
    """The public address of the page."""
    show: Callable[[Journal, bool], tuple[list[tuple[str, Entry]], list[str]]]


def publishing(config: Mapping[str, Any], folder: Path) -> Publishing:
    """Build the publishing policy from a validated configuration. An unusable part raises its reason when it is needed."""
    section, words = config["status_page"], config["communication"]
    listed = _listed(section["components"])
    services = {name: str(entry.get("component", name)) for name, entry in config["services"].items()}
    shows = section["provider"] != NONE
    policy = communication.Policy(
        rules=_rules(config),
        components=partial(_components, services, {each.name for each in listed}, section["provider"] == status_page_view.STATIC),
        write=Templates.of(config).write,
        channel=config["channels"]["customer_success"],
        recipients={audience: len(found) for audience, found in words["recipients"].items() if words.get("mail")},
        send=partial(send, config) if words.get("mail") else None,
        shows=shows,
    )
    names = tuple(each.name for each in listed)
    if section["provider"] == status_page_view.STATIC:
        pages = Path(section["folder"]).expanduser() if "folder" in section else folder / "page"
        used = sorted(set(services.values())) if services and not listed else ()
        frame = status_page_view.Frame(section["title"], section["url"], section["support_url"], listed, tuple(used))
        return Publishing(policy, names or tuple(used), str(pages / "index.html"), partial(_render, frame, pages, folder))
    if not shows:
        return Publishing(policy, names, "", lambda journal, again: ([], []))
    return Publishing(policy, names, section["provider"], partial(_bring, section))


def _rules(config: Mapping[str, Any]) -> communication_rules.Rules:
    words, clocks = config["communication"], config["severities"]

    def length(key: str) -> dict[str, float | None]:
        return {name: _config.seconds(each[key]) if each[key] else None for name, each in clocks.items()}

    return communication_rules.Rules(
        states={name: state for name, state in config["status_page"]["severities"].items() if state},
        drafts=frozenset(words["severities"]), auto=frozenset(words["auto_publish"]),
        after=_config.seconds(words["after"]), every=length("update_every"), resolve=length("resolve_within"),
    )  # fmt: skip


def _listed(components: Sequence[Any]) -> tuple[status_page_view.Listed, ...]:
    given = [{"name": each} if isinstance(each, str) else each for each in components]
    return tuple(status_page_view.Listed(each["name"], each.get("description", ""), each.get("group", "")) for each in given)


def _components(services: Mapping[str, str], listed: set[str], embedded: bool, service: str) -> list[str]:
    """The component of a service: the one in the catalogue, otherwise the one with the service's name, if the page has it. An embedded page without a
    list accepts any component."""
    name = services.get(service, service)
    return [name] if name and (name in listed or (embedded and not listed)) else []


def _render(frame: status_page_view.Frame, pages: Path, folder: Path, journal: Journal, again: bool) -> tuple[list[tuple[str, Entry]], list[str]]:
    """Write the embedded page. If two processes write it, the later writer has read the later state."""
    where = f"{socket.gethostname()}:{pages}"  # machines that share a journal each have their own page
    if not again and (pages / "index.html").exists() and status_page_view.is_rendered(journal, frame, where, utc(time.time())):
        return [], []
    try:
        with _owned.to_lock(folder / "page.lock") as lock:
            _take(lock)
            pages.parent.mkdir(parents=True, exist_ok=True)
            now = time.time()
            records = status_page_view.allowed(journal, status_page_view.STATIC)
            page = _gate.clean_data(status_page_view.page(journal, frame, records, at=utc(now), write=True))
            write(render(page, now, TEMPLATES / "status_page"), pages)
            status_page_view.rendered(journal, frame, records, where, utc(now))
    except OSError as error:
        return [], [f"the status page in {pages} can't be written: {error.strerror or error}"]
    except (jinja2.TemplateError, StatusPageError) as error:
        return [], [f"the status page can't be written: {error}"]
    return [], []


def _take(lock: int) -> None:
    """Lock the page. Raises OSError if another process writes the page for too long."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise OSError(f"somebody else has been writing it for {_PATIENCE:.0f} s") from None
        time.sleep(0.05)


def _bring(section: Mapping[str, Any], journal: Journal, again: bool) -> tuple[list[tuple[str, Entry]], list[str]]:
    """Publish all due updates. If another process publishes right now, and a caller waits for the result (`again`), wait for that process."""
    name, until = str(section["provider"]), time.monotonic() + _PATIENCE
    try:
        there = Guarded(provider(section))
        found, problems = status_page_sync.bring(journal, there, name, clock=time.time, again=again)
        while any(isinstance(each, status_page_sync.Busy) for each in problems) and time.monotonic() < until:
            time.sleep(0.5)
            more, problems = status_page_sync.bring(journal, there, name, clock=time.time, again=again)
            found += more
    except StatusPageError as error:
        return [], [f"the status page ({name}): {error}"]
    return found, [f"the status page ({name}): {each}" for each in problems]


class Guarded:
    """Wraps a provider, which may be custom code: any exception in it becomes a StatusPageError."""

    def __init__(self, there: StatusPage) -> None:
        self._there = there

    def find(self, post: Post) -> Shown | None:
        return _unbroken(self._there.find, post)

    def create(self, post: Post, update: Update) -> str:
        return _unbroken(self._there.create, post, update)

    def update(self, ref: str, post: Post, update: Update) -> None:
        _unbroken(self._there.update, ref, post, update)

    def components(self) -> Mapping[str, str]:
        return _unbroken(self._there.components)

    def set_component(self, name: str, state: str) -> None:
        _unbroken(self._there.set_component, name, state)


def _unbroken(call: Callable[..., _Answer], *arguments: object) -> _Answer:
    """The result of the call. Any exception in custom code becomes a StatusPageError."""
    try:
        return call(*arguments)
    except StatusPageError:
        raise
    except Exception as error:
        raise StatusPageError(f"the provider is broken: {type(error).__name__}: {shown(str(error), 200, _gate.known())}", lasting=True) from error


def provider(section: Mapping[str, Any]) -> StatusPage:
    """The external provider in the configuration's section `status_page`. Raises StatusPageError."""
    module = _loaded(section["provider"])
    make = getattr(module, "provider", None)
    if make is None:
        raise StatusPageError(f"status_page.provider: {section['provider']} has no function `provider`", lasting=True)
    variable = str(section.get("token_env") or getattr(module, "TOKEN", ""))
    components = {each["name"]: each.get("id", "") for each in section["components"] if isinstance(each, Mapping)}
    components |= {each: "" for each in section["components"] if isinstance(each, str)}
    token = os.environ.get(variable, "").strip()
    if variable and not token:
        raise StatusPageError(f"the environment has no {variable}, which is to hold the token (status_page.token_env)", lasting=True)
    account = Account(section.get("page", ""), section["url"], token, section.get("user", ""), components)
    found: StatusPage = _unbroken(make, account)
    return found


def _loaded(name: str) -> ModuleType | None:
    """The module of a built-in provider or of a file. Raises StatusPageError for an unusable file."""
    if not name.endswith(".py"):
        return importlib.import_module(f"{_statuspage.__name__}.{name}") if (_PROVIDERS / f"{name}.py").is_file() else None
    path = Path(name).expanduser()
    spec = importlib.util.spec_from_file_location(f"incident_response_{path.stem}", path)
    try:
        if spec is None or spec.loader is None:
            raise ImportError("it is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:  # it is custom code
        raise StatusPageError(f"status_page.provider: {path} can't be used: {type(error).__name__}: {error}", lasting=True) from None
    return module
