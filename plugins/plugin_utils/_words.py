# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Handles a text of several words without quotes: `-e "service=api message=we are on it"`. Ansible splits it at the blanks, keeps the first word, and
sets the others aside. If it is clear to which text the words belong, the text is read from the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible import context
from ansible.errors import AnsibleError
from ansible.parsing.splitter import split_args
from ansible_collections.incident.response.plugins.module_utils._core.argument import spellings
from ansible_collections.incident.response.plugins.plugin_utils._variables import SENTENCES, Variables

PASS = ("ansible_", "awx_", "tower_", "semaphore_", "action_", "service_restart_", "service_rollback_", "service_scale_", "incident_", "drill")
"""Variables that AWX, Semaphore, rulebooks and Ansible add, and the variables of our roles. A step that can't be a drill reports that itself."""
_VALUE = re.compile(r"(?s).+?(?<!\\)=")
"""The beginning of a word that Ansible takes for a variable with its value."""


def typed() -> list[str]:
    """The argument of each `-e` on the command line."""
    return [str(each) for each in context.CLIARGS.get("extra_vars") or () if str(each)]


def sentence(options: Iterable[str], known: Variables) -> tuple[str, str] | None:
    """The variable (by the typed name) whose text continues to the end of its `-e`, and the whole text. None if it isn't clear: several `-e` have
    extra words, something other than words follows, the text begins with a quote, or one of the words is the name of a switch that somebody may have
    meant to set."""
    found = [(option, words) for option in options if (words := _words(option)) and not all(map(_VALUE.match, words))]
    if len(found) != 1:
        return None
    option, words = found[0]
    values = [word for word in words if _VALUE.match(word)]
    if not values or words.index(values[-1]) != len(values) - 1:
        return None
    name, dummy, value = values[-1].partition("=")
    loose = {word.strip() for word in words[len(values) :]}
    meant = spellings(known).get(name.strip(), "")
    switches = {each for each, about in known.items() if about.kind in {"switch", "drill"}}
    if meant not in SENTENCES or value.startswith(("'", '"')) or loose & switches:
        return None
    start = option.rfind(values[-1].strip())
    text = option[start:].partition("=")[2].strip()
    return (name.strip(), text) if start >= 0 and text else None


def cut_off(options: Iterable[str], known: Variables) -> tuple[str, str]:
    """A text without quotes (by the typed name), and a later word that Ansible reads as a variable although no such variable exists: the text
    probably continues there. Empty if there is none."""
    names = spellings(known)
    for option in options:
        text = ""
        for word in _words(option):
            name, dummy, value = word.partition("=")
            name = name.strip()
            if text and _VALUE.match(word) and name not in names and not name.startswith(PASS):
                return text, word
            if _VALUE.match(word):
                text = name if names.get(name, "") in SENTENCES and not value.startswith(("'", '"')) else ""
    return "", ""


def _words(option: str) -> list[str]:
    """The words of one `-e`, split like Ansible; empty for a file, JSON or YAML."""
    if option[0] in "@[{/.":
        return []
    try:
        return [word for word in split_args(option) if word.strip()]
    except AnsibleError:
        return []
