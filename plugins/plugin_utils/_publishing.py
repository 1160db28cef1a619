# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status page, texts and recipients of the configuration in the form of the use cases."""

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
from ansible_collections.incident.response.plugins.module_utils import _gate, _owned
from ansible_collections.incident.response.plugins.module_utils._core import communication as communication_rules
from ansible_collections.incident.response.plugins.module_utils._core.incident import Entry, seconds, utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import shown
from ansible_collections.incident.response.plugins.module_utils._core.status_page import Account, Post, Shown, Update
from ansible_collections.incident.response.plugins.module_utils._mail import Mailer, MailError
from ansible_collections.incident.response.plugins.module_utils._ports import Journal, StatusPage, StatusPageError
from ansible_collections.incident.response.plugins.module_utils._statuspage import static
from ansible_collections.incident.response.plugins.module_utils._statuspage.static_bars import lasting
from ansible_collections.incident.response.plugins.module_utils._usecases import communication, status_page_sync, status_page_view
from ansible_collections.incident.response.plugins.plugin_utils import _config
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).absolute().parents[2] / "templates"
_PACKAGE = static.__name__.rpartition(".")[0]
_PROVIDERS = Path(static.__file__).parent
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
        write=_templates(config).write,
        channel=config["channels"]["customer_success"],
        recipients={audience: len(found) for audience, found in words["recipients"].items() if words.get("mail")},
        send=partial(_send, config) if words.get("mail") else None,
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
            static.write(static.render(page, now, TEMPLATES / "status_page"), pages)
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
        return importlib.import_module(f"{_PACKAGE}.{name}") if (_PROVIDERS / f"{name}.py").is_file() else None
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


def _templates(config: Mapping[str, Any]) -> Templates:
    section = config["status_page"]
    return Templates(config["communication"].get("templates", ""), section["url"] if section["provider"] == status_page_view.STATIC else "")


class Templates:
    """The templates for each audience and occasion. A custom folder overrides the collection's templates file by file."""

    def __init__(self, own: str, page_url: str) -> None:
        folders = [*([Path(own).expanduser()] if own else []), TEMPLATES / "communication"]
        self._own, self._page_url = folders[0] if own else None, page_url
        loader = jinja2.FileSystemLoader(folders)
        self._text = ImmutableSandboxedEnvironment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=False, keep_trailing_newline=False)
        self._html = ImmutableSandboxedEnvironment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=True)
        self._text.filters |= {"clock": _clock, "since": _since}

    def write(self, audience: str, occasion: str, facts: Mapping[str, Any]) -> tuple[str, str]:
        """The subject (the first line of the template) and the text. Raises publish.TemplateError."""
        name = f"{audience}/{occasion}.j2"
        if self._own and not self._own.is_dir():
            raise communication.TemplateError(f"communication.templates: there is no folder {self._own}")
        text = self._made(self._text, name, {**facts, "page_url": self._page_url})
        first, _line, rest = text.strip().partition("\n")
        if not first.startswith("Subject:") or not rest.strip():
            raise communication.TemplateError(f"the template {name} must begin with a line 'Subject: …', and say something after it")
        return " ".join(first.removeprefix("Subject:").split()), rest.strip()

    def html(self, subject: str, text: str) -> str:
        """The text in the format of a mail. Raises publish.TemplateError."""
        paragraphs = [Markup("<br>").join(escape(line) for line in part.splitlines()) for part in text.split("\n\n") if part.strip()]
        return self._made(self._html, "mail.html.j2", {"subject": subject, "paragraphs": paragraphs, "page_url": self._page_url})

    @staticmethod
    def _made(environment: jinja2.Environment, name: str, facts: Mapping[str, Any]) -> str:
        try:
            return environment.get_template(name).render(facts)
        except jinja2.TemplateNotFound as error:
            raise communication.TemplateError(f"there is no template {error.name}") from None
        except jinja2.TemplateSyntaxError as error:
            raise communication.TemplateError(f"the template {error.name}, line {error.lineno}: {error.message}") from None
        except (jinja2.TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise communication.TemplateError(f"the template {name}: {error}") from None


def _send(config: Mapping[str, Any], mail: communication_rules.Mail) -> str:
    """Send the mail. Returns the text for the timeline. Raises publish.Undelivered."""
    words = config["communication"]
    given, to = words["mail"], words["recipients"][mail.audience]
    password = os.environ.get(given.get("password_env", ""), "").strip()
    if "user" in given and not password:
        raise communication.Undelivered(f"the environment has no {given['password_env']}")
    mailer = Mailer(given["host"], given["from"], given.get("port", 0), given.get("security", "starttls"), given.get("user", ""), password)
    templates = _templates(config)
    try:
        mailer.send(to, mail.subject, f"{mail.text}\n", templates.html(mail.subject, mail.text), hidden=True)
    except communication.TemplateError as error:
        raise communication.Undelivered(str(error)) from None
    except MailError as error:
        raise communication.Undelivered(str(error), partly=error.partly) from None
    return f"Wrote to {mail.audience}: {', '.join(to) if len(to) <= 5 else f'{len(to)} addresses'}"


@jinja2.pass_context
def _clock(context: jinja2.runtime.Context, at: str) -> str:
    return communication_rules.clock(at, str(context["at"]))


def _since(until: str, at: str) -> str:
    """A duration in the words of the status page."""
    return lasting(seconds(until) - seconds(at))
