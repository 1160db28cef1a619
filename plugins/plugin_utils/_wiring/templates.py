# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes the texts for customers, executives and colleagues: fills the templates, the collection's or one's own, with the facts of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from ansible_collections.incident.response.plugins.module_utils._core import communication as communication_rules
from ansible_collections.incident.response.plugins.module_utils._core.entry import unix_time
from ansible_collections.incident.response.plugins.module_utils._statuspage._static.bars import lasting
from ansible_collections.incident.response.plugins.module_utils._usecases import communication, status_page_view
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).absolute().parents[1] / "_templates"


class Templates:
    """The templates for each audience and occasion. A custom folder overrides the collection's templates file by file."""

    def __init__(self, own: str, page_url: str) -> None:
        folders = [*([Path(own).expanduser()] if own else []), TEMPLATES / "communication"]
        self._own, self._page_url = folders[0] if own else None, page_url
        loader = jinja2.FileSystemLoader(folders)
        self._text = ImmutableSandboxedEnvironment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=False, keep_trailing_newline=False)
        self._html = ImmutableSandboxedEnvironment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=True)
        self._text.filters |= {"clock": _clock, "since": _since}

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Templates:
        """The templates of a validated configuration. Texts name the page's address if the page is the embedded one."""
        section = config["status_page"]
        return cls(config["communication"].get("templates", ""), section["url"] if section["provider"] == status_page_view.STATIC else "")

    def write(self, audience: str, occasion: str, facts: Mapping[str, Any]) -> tuple[str, str]:
        """The subject (the first line of the template) and the text. Raises communication.TemplateError."""
        name = f"{audience}/{occasion}.j2"
        if self._own and not self._own.is_dir():
            raise communication.TemplateError(f"communication.templates: there is no folder {self._own}")
        text = self._made(self._text, name, {**facts, "page_url": self._page_url})
        first, _line, rest = text.strip().partition("\n")
        if not first.startswith("Subject:") or not rest.strip():
            raise communication.TemplateError(f"the template {name} must begin with a line 'Subject: …', and say something after it")
        return " ".join(first.removeprefix("Subject:").split()), rest.strip()

    def html(self, subject: str, text: str) -> str:
        """The text in the format of a mail. Raises communication.TemplateError."""
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


@jinja2.pass_context
def _clock(context: jinja2.runtime.Context, at: str) -> str:
    return communication_rules.clock(at, str(context["at"]))


def _since(until: str, at: str) -> str:
    """A duration in the words of the status page."""
    return lasting(unix_time(until) - unix_time(at))
