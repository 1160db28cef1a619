# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for `{{ … }}` in the configuration: the allowed keys and the allowed content. `_catalogue` renders it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.incident.response.plugins.plugin_utils._config_text import Where, dotted

FILLED = ("unit", "commands", "compose", "swarm", "kubernetes", "health", "versions", "balancer", "replicas")
"""The keys of a service that can differ between hosts. All other keys are used without a host: by the courier, the tick, a lock."""
_FILTERS = """abs basename bool capitalize combine count d default dirname first float int join last length lower max min quote regex_replace
regex_search replace round sort split string sum ternary title trim unique upper urlencode"""
_TESTS = "defined eq equalto even falsy ge gt in le lt match ne none number odd regex search string truthy undefined version"
_METHODS = "endswith get lower lstrip removeprefix removesuffix replace rstrip split startswith strip upper"
"""The allowed filters. None of them reads a file, runs a program, or calls another filter by its name, as map does."""
_BUILTIN = "ansible.builtin."


def is_template(value: Any) -> bool:
    """Whether the text contains template syntax."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def templates(value: Any, where: Where = ()) -> Iterator[tuple[Where, str]]:
    """All templates below a value, with their paths. A key of a mapping may be a template, too."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from templates(key, (*where, str(key)))
            yield from templates(below, (*where, str(key)))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from templates(below, (*where, index))
    elif is_template(value):
        yield where, value


def may_stand(where: Where) -> bool:
    """Whether a template at this path is rendered."""
    return len(where) > 2 and where[0] == "services" and where[2] in FILLED and (len(where) > 3 or where[2] == "unit")


def refused(given: Any) -> Iterator[tuple[Where, str]]:
    """The templates that can't be rendered, with the reason."""
    for where, text in templates(given):
        if not may_stand(where):
            yield where, f"{dotted(where)}: {{{{ … }}}} is filled in below services.NAME alone, in {', '.join(FILLED)}. Write the value itself"
            continue
        why = _unfit(text)
        if why:
            yield where, f"{dotted(where)}: {why}"


def _unfit(text: str) -> str:
    """The reason why the text may not be rendered; empty if it may. Rendering must not read a file or run a program."""
    from jinja2 import Environment, TemplateSyntaxError, nodes

    try:
        tree = Environment().parse(text)  # noqa: S701 - nothing is rendered by it
    except TemplateSyntaxError as error:
        return f"this is no template ({error.message}). Braces as they are: {{{{ '{{{{.Name}}}}' }}}}"
    if any(not isinstance(each, nodes.Output) for each in tree.body):
        return "{% … %} is not filled in, only {{ … }}"
    for node in tree.find_all((nodes.Call, nodes.Filter, nodes.Test, nodes.Getattr, nodes.Getitem)):
        match node:
            case nodes.Call(node=nodes.Getattr(attr=method)) if method in _METHODS.split():
                pass
            case nodes.Call(node=nodes.Getattr(attr=name)) | nodes.Call(node=nodes.Name(name=name)):
                return f"{name}() can't be called in the configuration: it holds variables of the inventory, without lookups"
            case nodes.Call():
                return "nothing can be called in the configuration: it holds variables of the inventory, without lookups"
            case nodes.Filter() if node.name.removeprefix(_BUILTIN) not in _FILTERS.split():
                return f"the filter {node.name} can't be used in the configuration, but {', '.join(_FILTERS.split())}"
            case nodes.Test() if node.name.removeprefix(_BUILTIN) not in _TESTS.split():
                return f"the test {node.name} can't be used in the configuration, but {', '.join(_TESTS.split())}"
            case nodes.Getattr() if node.attr.startswith("_"):
                return f"{node.attr} can't be used in the configuration"
            case nodes.Getitem(arg=nodes.Const(value=str() as key)) if key.startswith("_"):
                return f"{key} can't be used in the configuration"
    return ""
