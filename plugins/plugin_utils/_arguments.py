# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks all variables of a playbook of the collection before a play has hosts, so before an incident is opened or anybody is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible.utils.vars import load_extra_vars
from ansible_collections.incident.response.plugins.module_utils._core import argument, drill
from ansible_collections.incident.response.plugins.module_utils._core.argument import Variable, Wrong
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _command_line, _journal, _options, _own_role, _words
from ansible_collections.incident.response.plugins.plugin_utils._command_line import CommandLine
from ansible_collections.incident.response.plugins.plugin_utils._terminal import Terminal
from ansible_collections.incident.response.plugins.plugin_utils._variables import ONE_OF, PLAYBOOKS, ROLES, Variables

_NOTHING = "Nothing was touched."
_TO_FILL_IN = "…"
"""The placeholder for a text in printed commands."""
_ACTIONS = {"restart_service", "rollback", "scale_up", "undo"}
_TEXTS = {"text", "reason", "name"}
"""The kinds of values that are only texts for people."""
_NO_DRILL = {
    "incident_open": "an incident that is opened by hand is a real one, and calls people",
    **dict.fromkeys(("incident_communicate", "status_page"), "nothing of a drill goes out"),
}
_LOOSE = "_raw_params"
_OWN = {"undo": {"service", "app"}}
"""Variables that a playbook sets for its roles. Only typed values count as given."""

Given = MutableMapping[str, Any]
_asked: set[tuple[str, str]] = set()


def given(playbook: str, variables: Given, lookup: LookupBase) -> dict[str, Any]:
    """The checked variables, by the playbook's own names. Raises AnsibleError for unknown names and invalid values. A value that was typed under
    another name, or in another form, becomes an extra variable in the playbook's form."""
    loader: Any = lookup._loader
    template: Any = lookup._templar
    known, typed, line = PLAYBOOKS[playbook], load_extra_vars(loader), _command_line.read()
    own = _OWN.get(playbook, set())
    if line.alone:
        _take_sentence(known, typed, variables)
    _defuse(known, typed, variables, alone=line.alone)
    seen = {name: variables[name] for name in known if name in variables and (name in typed or name not in own)}
    _refuse_loose_words(typed, known)
    if line.alone and not _command_line.only_lists():
        _refuse_names(playbook, typed, line)
        _refuse_cut_off(playbook, known, {name for other in line.ours for name in argument.spellings(PLAYBOOKS[other])})
    elif not line.alone:
        _warn_of_names(playbook, typed, line)
        if playbook in _ACTIONS:
            _take_for_engine(typed, seen, line.others)
    if line.alone or playbook == "undo":  # `action` has always been taken for `run`
        _take(known, typed, seen, {name for other in line.ours if other != playbook for name in PLAYBOOKS[other]})
    _command_line.refuse_parts(line, playbook, acts=playbook in _ACTIONS)
    found = _values(known, typed, seen, template.template)
    if list(line.ours) == [playbook] and line.alone and not _command_line.only_lists():
        _choose(playbook, known, typed, found)
    variables.update({name: typed[name] for name in known if name in typed})
    for name, each in known.items():
        if each.required and name not in found and not _command_line.only_lists():
            raise AnsibleError(f"{playbook} needs {name}: -e {name}={each.example}. {_NOTHING}")
    _refuse_nothing(playbook, found)
    if playbook in _NO_DRILL:
        _refuse_drill(playbook, template.template(variables.get("drill", variables.get("incident_drill", ""))))
    if (playbook, str(found)) not in _asked:  # once: a later change must not end a running run
        _ask(known, found)
        if playbook not in _ACTIONS and not _command_line.only_lists():
            from ansible_collections.incident.response.plugins.plugin_utils import _rehearsal  # an action would wait for this import: it is slow

            _rehearsal.refuse(playbook, found, _options.settings())
        _asked.add((playbook, str(found)))
    return found


def of_own_action(variables: Given, lookup: LookupBase) -> None:
    """Checks the extra variables of somebody's own action, and renames those that the engine takes under other names, such as `dry_run`. A name that
    the playbook or the role mentions is theirs. Raises AnsibleError for a name that looks like one of every action's; if the role's files are not
    found, it is only a warning."""
    loader: Any = lookup._loader
    line, typed = _command_line.read(), load_extra_vars(loader)
    said = _own_role.texts(str(variables["action_role"]), str(variables.get("playbook_dir", "."))) if "action_role" in variables else None
    theirs = f"{line.others}\n{said or ''}"
    _take_for_engine(typed, variables, theirs)
    ours = {name for known in PLAYBOOKS.values() for name in argument.spellings(known)}
    for name in (str(each) for each in typed):
        if name in ours or name.startswith(_words.PASS) or _mentions(theirs, name):
            continue
        near = argument.meant(name, PLAYBOOKS["restart_service"])
        if near and said is not None:
            raise AnsibleError(f"-e {name}= is not known to this action: did you mean {near}? {_NOTHING}")
        if near:
            Terminal().warning(f"incident.response: -e {name}= is not known to this action: if you mean {near}, end this and run it again")
    if "action_role" in variables:
        _command_line.refuse_parts(line, "this action", acts=True)


def _take_for_engine(typed: Given, variables: Given, theirs: str) -> None:
    """Beside other people's plays, only what decides whether, and on which hosts, an action acts is taken under its other names."""
    known = {
        name: replace(each, same=tuple(other for other in each.same if not _mentions(theirs, other)))
        for name, each in PLAYBOOKS["restart_service"].items() if name in {"plan", "host"}
    }  # fmt: skip
    seen = {name: variables[name] for name in known if name in typed}
    _take(known, typed, seen, set())
    variables.update({name: typed[name] for name in known if name in typed})


def _mentions(text: str, name: str) -> bool:
    return bool(re.search(rf"\b{re.escape(name)}\b", text))


def refuse_switches(variables: Mapping[str, Any], template: Callable[[Any], Any]) -> None:
    """Raises AnsibleError for a switch of the roles that is neither true nor false, or that differs between the hosts of the play. Other people's
    plays may use the roles with unchecked variables, and a decision for the first host counts for all hosts."""
    for name, known in ROLES.items():
        if name in variables:
            value = template(variables[name])
            if value != "" or name != "break_glass":  # no reason was given, so there is no override
                _value(name, known, value)
    hosts, there = variables.get("ansible_play_hosts_all", []), variables.get("hostvars")
    if len(hosts) < 2 or there is None:
        return
    first, *others = ({name: found[name] for name in ROLES if name in found} for found in map(there.raw_get, hosts))
    for host, found in zip(hosts[1:], others, strict=True):
        differs = [name for name in ROLES if first.get(name) != found.get(name)]
        if differs:
            raise AnsibleError(f"{differs[0]} is not the same on {hosts[0]} and {host}. {_NOTHING} Say it for all hosts: -e {differs[0]}=…")


def reason(name: str, given: str) -> str:
    """The given reason; empty if there is none. Raises AnsibleError for a value that is not a reason, such as false."""
    return str(_value(name, Variable("", "reason"), given)).strip() if given.strip() else ""


def switch(name: str, given: Any) -> bool:
    """Whether the switch is true. Raises AnsibleError for a value that is neither true nor false."""
    return bool(_value(name, Variable("", "switch"), given))


def _defuse(known: Variables, typed: Given, variables: Given, *, alone: bool) -> None:
    """Prevent that a given template is rendered, because it may come from an alert. A text stays unchanged; raises AnsibleError for a template in any
    other variable. In other people's playbooks, a variable that is not one of our texts may be theirs, and Ansible handles it."""
    for name, meant in argument.spellings(known).items():
        if name not in typed or not _holds_template(typed[name]) or not (alone or name in known):
            continue
        if known[meant].kind in _TEXTS and isinstance(typed[name], str):
            typed[name] = variables[name] = wrap_var(typed[name])
        elif alone:
            raise AnsibleError(
                f"{name} holds a template ({{{{ … }}}}), which is never filled in: what came from an alert must not run. {_NOTHING} "
                "Write the value itself."
            )


def _holds_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_template, (*value, *value.values())))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_template, value))
    return isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#"))


def refuse_severity(variables: Mapping[str, Any], template: Callable[[Any], Any]) -> None:
    """Raises AnsibleError for an invalid severity, also in other people's plays. Otherwise the incident would silently open with another severity."""
    if variables.get("severity"):
        _value("severity", Variable("", "severity", example="P1"), template(variables["severity"]))


def _take_sentence(known: Variables, typed: Given, variables: Given) -> None:
    """Append the words after a text to that text, if it is clear that they belong to it."""
    found = _words.sentence(_words.typed(), known) if typed.get(_LOOSE) else None
    if found:
        name, text = found
        typed[name] = variables[name] = text
        del typed[_LOOSE]
        variables.pop(_LOOSE, None)


def _choose(playbook: str, known: Variables, typed: Given, found: dict[str, Any]) -> None:
    """If a step names no incident, use the only open incident. Raises AnsibleError with a list if several are open. If the journal can't be read, the
    step itself reports that."""
    about, options = known.get("incident"), _options.settings()
    if playbook == "undo" or about is None or about.kind != "incident" or found.get("incident") or found.get("service") or options["incident"]:
        return
    from ansible_collections.incident.response.plugins.module_utils._usecases import query  # only steps need it

    try:
        name = _journal.meant(playbook, options)
    except query.Several as several:
        raise AnsibleError(f"{playbook}: {_NOTHING} {several}") from None
    except (OSError, JournalError, ValueError):
        return
    if name:
        _set("incident", name, typed, found)


def _refuse_loose_words(typed: Mapping[str, Any], known: Variables) -> None:
    loose = str(typed.get(_LOOSE) or "").strip()
    if loose:
        switches = [word for word in loose.split() if word in known and known[word].kind in {"switch", "drill"}]
        alone = f"Did you mean {switches[0]}=true?" if switches else "Put a text with blanks last in its -e."
        hint = alone if loose in switches else f'{alone} Or write the text as JSON: -e \'{{"message": "two words"}}\''
        raise AnsibleError(f"-e has words that belong to nothing: {loose[:80]!r}. {hint} {_NOTHING}")


def _refuse_names(playbook: str, typed: Mapping[str, Any], line: CommandLine) -> None:
    """Names that look like a variable of the playbook, and variables of another playbook: the person expects an effect that would not occur."""
    taken = argument.spellings(PLAYBOOKS[playbook])
    elsewhere = {name for other in line.ours for name in argument.spellings(PLAYBOOKS[other])}
    problems = []
    for name in (str(each) for each in typed):
        if name in taken or name in elsewhere or name.startswith(_words.PASS):
            continue
        near = argument.meant(name, PLAYBOOKS[playbook])
        others = [other for other, variables in PLAYBOOKS.items() if name in argument.spellings(variables)]
        if near:
            problems.append(f"-e {name}= is not known to {playbook}: did you mean {near}?")
        elif others:
            problems.append(f"-e {name}= is not known to {playbook}, only to {', '.join(others[:3])}. It takes {', '.join(PLAYBOOKS[playbook])}.")
    if problems:
        raise AnsibleError(f"{' '.join(problems)} {_NOTHING}")


def _refuse_cut_off(playbook: str, known: Variables, elsewhere: set[str]) -> None:
    """A text that continues after a word with `=`: Ansible would silently keep only its beginning."""
    name, word = _words.cut_off(_words.typed(), known)
    if word and word.partition("=")[0].strip() not in elsewhere:
        raise AnsibleError(
            f"-e {name}= is cut off before {word[:60]!r}, which is no variable of {playbook}. {_NOTHING} "
            f"Put the text in quotes of its own: -e \"{name}='…'\""
        )


def _warn_of_names(playbook: str, typed: Mapping[str, Any], line: CommandLine) -> None:
    """In other people's playbooks any name may be theirs, so a name that looks like ours only causes a warning."""
    taken = argument.spellings(PLAYBOOKS[playbook])
    for name in (str(each) for each in typed):
        near = "" if name in taken or name.startswith(_words.PASS) else argument.meant(name, PLAYBOOKS[playbook])
        if near and not re.search(rf"\b{re.escape(name)}\b", line.others):
            Terminal().warning(f"incident.response: -e {name}= is not known to {playbook}: if you mean {near}, end this and run it again")


def _take(known: Variables, typed: Given, seen: Given, elsewhere: set[str]) -> None:
    """Rename each value that was typed under another name to the playbook's name. Raises AnsibleError if two values differ. A name that another
    playbook on the command line uses (`elsewhere`) may be meant for that playbook."""
    for name, each in known.items():
        others = (other for other in each.same if other in typed and other not in known)
        said = {other: typed[other] for other in others if not (name in seen and other in elsewhere)}
        if not said:
            continue
        if name in seen:
            said = {name: seen[name], **said}
        if not argument.agree([_as_word(each, value) for value in said.values()]):
            shown = ", ".join(f"{other}={str(value)[:40]!r}" for other, value in said.items())
            raise AnsibleError(f"{' and '.join(said)} are the same, and differ: {shown}. {_NOTHING} Leave one of them out.")
        if name not in seen:
            _set(name, next(iter(said.values())), typed, seen)


def _as_word(known: argument.Variable, value: Any) -> Any:
    """A switch as true or false, however it was typed."""
    try:
        return argument.switch(value) if known.kind == "switch" else value
    except Wrong:
        return value


def _set(name: str, value: Any, typed: Given, seen: Given) -> None:
    """Set an extra variable in the mapping object of Ansible's variable manager, so that all plays, roles and callbacks see it."""
    typed[name] = seen[name] = value


def _values(known: Variables, typed: Given, seen: Given, template: Callable[[Any], Any]) -> dict[str, Any]:
    found = {}
    for name, each in known.items():
        if name not in seen:
            continue
        value = template(seen[name])
        if str(value).strip() == _TO_FILL_IN:
            raise AnsibleError(f"{name} is still {_TO_FILL_IN}, as the command was printed. {_NOTHING} Write what is meant in its place.")
        found[name] = _value(name, each, value)
        if name in typed and found[name] != value:
            _set(name, found[name], typed, seen)
    return found


def _value(name: str, known: Variable, value: Any) -> Any:
    try:
        return argument.value(known, value)
    except Wrong as wrong:
        what = f"{name} {wrong}" if str(wrong) == "is empty" else f"{name}={str(value)[:40]!r} {wrong}"
        what = what if what.endswith("?") else f"{what}."
        hint = f" Write it as in -e {name}={known.example}" if known.example else ""
        raise AnsibleError(f"{what} {_NOTHING}{hint}") from None


def _refuse_nothing(playbook: str, found: Mapping[str, Any]) -> None:
    """Raises AnsibleError for a step without any of the texts that it requires."""
    wanted = ONE_OF.get(playbook, ())
    if wanted and not any(str(found.get(name, "")).strip() for name in wanted) and not _command_line.only_lists():
        empty = next((f"{name} is empty, and " for name in wanted if name in found), "")
        more = f" (or {', '.join(wanted[1:])})" if wanted[1:] else ""
        example = PLAYBOOKS[playbook][wanted[0]].example or '"the pool is full"'
        shown = json.dumps({wanted[0]: example.strip('"')})
        raise AnsibleError(f"{empty}{playbook} needs {wanted[0]}{more}: -e '{shown}'. {_NOTHING}")


def _refuse_drill(playbook: str, given: Any) -> None:
    """Raises AnsibleError for a drill of a step that reaches people."""
    try:
        unfit = bool(drill.parse(given))
    except ValueError as error:
        raise AnsibleError(f"{error}. {_NOTHING}") from None
    if unfit:
        raise AnsibleError(f"drill is for what acts on a service: {_NO_DRILL[playbook]}. {_NOTHING} Leave drill out.")


def _ask(known: Variables, found: Mapping[str, Any]) -> None:
    """Checks that need the configuration and the journal."""
    options = _options.settings()
    for name, value in found.items():
        match known[name].kind:
            case "service" if not known[name].required and not argument.switch(found.get("force", False)):
                _refuse_service(str(value).strip(), options, new="title" in known, forced="force" in known)
            case "person" if not argument.switch(found.get("force", False)):
                _refuse_person(name, str(value), options)
            case "level":
                levels = _catalogue.configuration(options["config"])["escalation"]["levels"]
                if int(value) > len(levels):
                    there = ", ".join(f"{number} {each['name']}" for number, each in enumerate(levels, start=1))
                    raise AnsibleError(f"{name}={value} is no level. The levels of escalation are: {there}. {_NOTHING}")
    if any(each.kind == "open_incident" for each in known.values()):
        _refuse_incident(str(found.get("incident") or options["incident"] or "").strip(), options)


def _refuse_service(name: str, options: Mapping[str, Any], *, new: bool, forced: bool) -> None:
    """Raises AnsibleError for a service that is neither in the catalogue nor in any incident: it is probably mistyped. A configuration with mistakes,
    or an unreadable journal, does not prevent the step; the step reports it."""
    try:
        there = _catalogue.names(_catalogue.configuration(options["config"]))
    except AnsibleError:
        return
    if not there or name in there:
        return
    try:
        there |= _journal.services(options, still_open=new)
    except (OSError, JournalError, ValueError):
        return
    if name not in there:
        hint = _catalogue.nearest(name, there)
        force = " To take it all the same: -e force=true" if forced else ""
        raise AnsibleError(f"service={name[:60]} is not in the service catalogue. {hint} {_NOTHING}{force}")


def _refuse_person(variable: str, name: str, options: Mapping[str, Any]) -> None:
    """Raises AnsibleError for a name that is similar to a name in `oncall.people`: it is probably mistyped. Any other name may only exist in chat."""
    try:
        people = _catalogue.configuration(options["config"])["oncall"]["people"]
    except AnsibleError:
        return
    names = {str(each): about.get("username", short) for short, about in people.items() for each in (short, about.get("name"), about.get("username"))}
    known = argument.mistyped(name, names)
    near = "" if not known or known.casefold() == name.casefold() else names[known]
    if near:
        raise AnsibleError(f"{variable}={name[:60]} is nobody of oncall.people. Did you mean {near}? {_NOTHING} To take it: -e force=true")


def _refuse_incident(name: str, options: Mapping[str, Any]) -> None:
    """Raises AnsibleError if an action names an unknown or ended incident. A broken journal stops no action."""
    if not name:
        return
    try:
        status, there = _journal.status_of(name, options)
    except (OSError, JournalError, ValueError):
        return
    if not status or status.is_over:
        what = f"is over ({status})" if status else "isn't known here"
        hint = f"Open now: {', '.join(there[:10])}." if there else "None is open."
        raise AnsibleError(f"incident={name[:60]} {what}. {hint} {_NOTHING} Without incident it is the open one of the service, or a new one.")
