# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import textwrap
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core import approval, argument, chat_text, plan, verdict
from ansible_collections.incident.response.plugins.module_utils._core.address import spelled
from ansible_collections.incident.response.plugins.module_utils._core.burden import Burden, burden, risk
from ansible_collections.incident.response.plugins.module_utils._core.drill import Drill
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut
from ansible_collections.incident.response.plugins.module_utils._core.scale import cautions, count, planned, refusal, running
from ansible_collections.incident.response.plugins.module_utils._core.severity import DEFAULT_SEVERITY, Severity
from ansible_collections.incident.response.plugins.module_utils._core.turns import Turns
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError, ChatRejected, JournalError, Message
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._usecases import approval as approval_cases
from ansible_collections.incident.response.plugins.module_utils._usecases import chat_messages
from ansible_collections.incident.response.plugins.plugin_utils import _arguments, _balance, _catalogue, _config, _options, _person, _pins
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused

_LONGEST = 600
_WRAPPED = textwrap.TextWrapper(100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
"""How long may be what is said of what is touched, and each line of it."""

Looks = dict[str, dict[str, Any]]
"""What the backend saw on each host."""


@dataclass(frozen=True, slots=True)
class _Place:
    """The catalogue's data about the service, and the number of its hosts; 0 if unknown."""

    settings: dict[str, Any]
    everywhere: int

    def words(self, count: int) -> str:
        """A text with the number of hosts in the plan, the number of all hosts, and the environment."""
        of = self.everywhere or count
        share = f"{count} of its " if count < of else "all " if self.everywhere > 1 else ""
        scope = f"{share}{of} host{'' if of == 1 else 's'}"
        environment = str(self.settings.get("environment", ""))
        return f"{scope} ({environment})" if environment else scope


class ActionModule(ControllerAction):
    """Shows the planned change on all hosts, and stores it for the undo."""

    TELLS_WHAT_IS_MISSING: ClassVar = False
    SPEC: ClassVar = {
        "action": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "role": {"type": "str", "required": True},
        "backend": {"type": "str", "required": True},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "health": {"type": "list", "elements": "dict", "default": []},
        "looks": {"type": "list", "elements": "dict", "default": []},
        "out": {"type": "int"},
        "replicas": {"type": "raw"},
        "limits": {"type": "dict", "default": {}},
        "approved": {"type": "str", "default": ""},
        "only": {"type": "raw", "default": False},
        "balancer": {"type": "dict", "default": {}},
        "balancers": {"type": "list", "elements": "dict", "default": []},
        "interrupted": {"type": "dict", "default": {}},
        "break_glass": {"type": "str", "default": ""},
    }

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        try:
            params |= {"only": _arguments.switch("plan", params["only"]), "break_glass": _arguments.reason("break_glass", params["break_glass"])}
        except AnsibleError as error:
            raise Refused(str(error)) from None
        health, seen = (_by_host(params["hosts"], params[name]) for name in ("health", "looks"))
        if params["out"] is not None and not 0 <= params["out"] <= 100:
            raise Refused(f"out={params['out']} is no share of a host: say how many per cent of it, 0 to 100, can't answer. Nothing was touched.")
        seen = seen if params["out"] is None else {host: {"out": params["out"], **look} for host, look in seen.items()}
        _refuse_twice(params["hosts"], variables["hostvars"])
        _refuse_unknown(health, params["service"])
        _refuse_lacking(health, params["service"])
        if params["replicas"] is not None:
            seen = _spread(seen, params["replicas"], params["limits"])
        order = self._turns(params, seen, health, variables)
        seen = {host: {**seen[host], **({"out": 100} if host in order.alone else {})} for host in order.order}
        pins = _pins.of_hosts(self._task, variables, list(seen), params["role"], self._loader)
        about_to = _about_to(params, seen, order)
        config = _catalogue.configuration(self.options["config"])
        behind = _pins.balancers(variables, params["balancer"], self._loader)
        found = plan.digest({**about_to, "pins": pins, "balancers": behind, "drill": str(self.drill(variables))})
        rules = config["safety"]["approval"]["required"]
        asks = bool(rules) and approval.needed(rules, self._facts(params, variables, config))
        place = _Place(_config.service(config, params["service"]), len(_hosts_of(params["service"], config, variables)))
        words = _words(seen, health)
        changing = _changing(params, seen)
        worst = _burden(seen, health, changing, place.everywhere, scales=params["replicas"] is not None)
        idle = not changing and not order.left_out
        lines = [*self._touched(params, pins, behind, variables), *words]
        text = self._text(params, lines, worst, found, place, order.notes, asks=asks, idle=idle)
        if params["only"]:
            text += "\n" + self._how(found, config, variables)
        self._display.display(text, stderr=True)
        if params["approved"]:
            self._check_approved(params["approved"], found, text, config, variables, check=params["only"] or self.check)
        about = f"{params['action']} of {params['service']}"
        scope = {"hosts": list(seen), "scope": place.words(len(seen)), "risk": risk(worst, stateful=bool(params["looks"]) and not idle)}
        result = {
            "id": f"{found}-{time.time_ns():x}", "hash": found, "text": text, "hosts": about_to["hosts"], "health": health, "about": about,
            "plan_only": params["only"], "approval": asks, "idle": idle, "order": order.order, "alone": list(order.alone), "first": order.order[0],
            "restore": [address for host in order.restore for address in _balance.addresses(host, params["balancer"], variables["hostvars"], ())],
        }  # fmt: skip
        if params["only"] or self.check:
            channel = config["channels"]["incidents"]
            if channel and self._incident(params["service"], variables) is None:
                self._post(channel, chat_text.plan(about, self.origin(variables).actor, text.splitlines()), found, variables)
            return self.recorded(result, {"only": True} | scope, variables, text=f"plan {found}: {'; '.join(words)}")
        # what a restart changes can't be undone, and needs no record; a dry drill changes nothing
        undoable = any(each["before"] or each["wanted"] for each in about_to["hosts"].values()) and self.drill(variables) is not Drill.DRY
        kept = {"plan": {**about_to, "actor": self.origin(variables).actor}} if undoable else {}
        data = {"health": {host: verdict.health(each) for host, each in health.items() if each}} | scope | kept
        return self.recorded(result, data, variables, text=f"plan {found}: {'; '.join(words)}")

    def _touched(
        self, params: dict[str, Any], pins: dict[str, _pins.Pins], behind: dict[str, _pins.Pins], variables: dict[str, Any]
    ) -> list[str]:  # fmt: skip
        """What the action touches and where, without secrets, in lines that chat shows completely."""
        words = {host: _pins.words(each, params["role"], params["backend"]) for host, each in pins.items()}
        lines = [*plan.touched(words), plan.addresses({host: _pins.address(host, each) for host, each in {**pins, **behind}.items()})]
        shown = (cut(_gate.clean(line, guess=True), _LONGEST) for line in lines)
        return [part for line in shown for part in _WRAPPED.wrap(line)]

    def _how(self, found: str, config: dict[str, Any], variables: dict[str, Any]) -> str:
        """The command that carries out a plan that was only shown."""
        now, lasts = time.time(), _config.seconds(config["safety"]["plan_expires"])
        who = _person.asks(self.origin(variables), config["safety"]["approval"]["logins"])
        until = f"until {utc(now + lasts)[11:16]} UTC, once, by {who}"
        return f"  to do exactly this, the same command with -e approved_plan={plan.ticket(found, who, now)} instead of plan=true: {until}"

    def _check_approved(self, given: str, found: str, text: str, config: dict[str, Any], variables: dict[str, Any], *, check: bool) -> None:
        """Raises Refused if the approved plan is not this plan, belongs to another person, is too old, or was already carried out."""
        who = _person.asks(self.origin(variables), config["safety"]["approval"]["logins"])
        then = "Make a plan anew, with plan=true"
        why = plan.refusal(given, found, who, now=time.time(), lasts=_config.seconds(config["safety"]["plan_expires"]))
        try:
            folder = self.folder()
            run = self.this_run(folder, variables).name
            with self.journal(folder, timeout=2) as journal:
                if self.clock and not why:
                    why = f"Whether plan {found} is still good can't be told: {self.clock}"
                    then = "Set the clock right, such as with: timedatectl set-ntp true, or leave approved_plan out"
                if not why:
                    why = approval_cases.spend(journal, given.strip(), run, check=check)
                    text = ""  # it is known: it was carried out
        except (OSError, JournalError, ValueError) as error:
            self._display.warning(f"incident.response: whether the approved plan was carried out before can't be told: {error}")
        if why:
            raise Refused(f"{why}. Nothing was touched. {then}.{chr(10) if text else ''}{text}", hash=found)

    def _facts(self, params: dict[str, Any], variables: dict[str, Any], config: dict[str, Any]) -> approval.Facts:
        settings = _catalogue.service_settings(config, params["service"])
        action, service = "undo" if params["action"].startswith("undo ") else params["action"], settings["name"]
        return approval.Facts(action, service, settings.get("environment", ""), self._severity(service, variables), params["backend"])

    def _severity(self, service: str, variables: dict[str, Any]) -> str:
        """The severity of the open incident, otherwise the severity of a new incident."""
        there = self._incident(service, variables)
        if there:
            return str(there["severity"])
        with suppress(ValueError):  # what is none opens an incident of the default, which the journal's rules say
            return str(Severity.parse(str(variables.get("severity") or DEFAULT_SEVERITY)))
        return str(DEFAULT_SEVERITY)

    def _incident(self, service: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        """The open incident in which this run is recorded. None with a broken journal, which was reported before."""
        asked = str(variables.get("incident") or self.options["incident"] or "")
        try:
            with self.journal(self.folder(), timeout=2) as journal:
                there = (journal.find(asked) if asked else None) or journal.open_for(service, drill=bool(self.drill(variables)))
                return journal.info(there) if there else None
        except (OSError, JournalError, ValueError):
            return None

    def _post(self, channel: str, text: str, found: str, variables: dict[str, Any]) -> None:
        """Show a plan in chat that is on no timeline. If chat can't be reached, only warn, because no action waits for the message."""
        try:
            connection = _options.connection(self.options)
            if not connection:
                return
            from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat  # not cheap

            chat = RocketChat.of(connection, timeout=5)
            try:
                room = chat.room(channel)
                if room is None or room.archived:
                    raise ChatRejected(f"#{channel} {'is archived' if room else 'is not there'}: make it, and invite the bot")
                shown = chat_text.marked(_gate.clean(text), drill=bool(self.drill(variables)))
                chat.post(Message(chat_messages.message_id(self.this_run(self.folder(), variables).name, "plan", found), room.rid, shown))
            finally:
                chat.close()
        except (connect.Misconfigured, ChatError, OSError) as error:
            self._display.warning(f"incident.response: the plan could not be shown in chat: {error}")

    def _turns(self, params: dict[str, Any], seen: Looks, health: Looks, variables: dict[str, Any]) -> Turns:
        """The order of the hosts: the order of the inventory, unless nginx in front of them requires another order. Raises Refused."""
        if not params["balancers"]:
            return Turns(list(seen))
        everywhere = _hosts_of(params["service"], _catalogue.configuration(self.options["config"]), variables)
        now = _balance.situation(list(seen), everywhere, params["balancer"], params["balancers"], variables["hostvars"])
        unwell = {host for host, look in health.items() if not look.get("healthy", True)}
        now = replace(now, changing=_changing(params, seen), unwell=unwell, half_way=params["interrupted"])
        return _balance.arranged(now, params["service"], glass_broken=bool(params["break_glass"]))

    def _text(
        self, params: dict[str, Any], words: list[str], worst: Burden, found: str, place: _Place, notes: list[str], *, asks: bool, idle: bool
    ) -> str:  # fmt: skip
        only = params["only"] or self.check
        kind, hosts = "Plan" if only else "About to act", len(params["hosts"])
        lines = [f"incident.response: {kind}: {params['action']} of {params['service']} on {place.words(hosts)}, plan {found}"]
        lines += [f"  {each}" for each in words]
        if idle:
            lines.append("  nothing to do: it is so already, on every host")
        else:
            lines.append(f"  one host at a time: {worst.out} % of the service is out meanwhile; it stops at the first that fails")
        lines += [f"  {note}" for note in notes]
        lines.append(f"  risk {risk(worst, stateful=bool(params['looks']) and not idle)}")
        if worst.unseen:
            more = "1 more host, which was" if worst.unseen == 1 else f"{worst.unseen} more hosts, which were"
            lines.append(f"  {params['service']} has {more} not looked at: see that somebody answers there")
        lines += [f"  careful: {caution}" for caution in (cautions(place.settings) if params["replicas"] is not None else [])]
        if asks:
            lines.append("  the policy asks for the approval of a second person (safety.approval)")
        return "\n".join(lines)


def _about_to(params: Mapping[str, Any], seen: Looks, order: Turns) -> dict[str, Any]:
    """The planned change on each host, in the form that the record keeps for the undo."""
    hosts = {
        host: {"before": look.get("state", {}), "wanted": look.get("wanted", {}), "text": look.get("text", "")}
        | ({"alone": True} if host in order.alone else {})
        for host, look in seen.items()
    }
    return {"name": params["action"], **{key: params[key] for key in ("service", "role", "backend")}, "hosts": hosts}


def _by_host(hosts: list[str], each: list[dict[str, Any]]) -> Looks:
    """The items by host; an empty mapping for each host if there are no items."""
    return dict(zip(hosts, each or [{}] * len(hosts), strict=True))


def _words(seen: Looks, health: Looks) -> list[str]:
    """The planned change on each host and the service's current health there, in words."""
    found = []
    for host, look in seen.items():
        now = verdict.health(health[host])
        parts = filter(None, (str(look.get("text") or ""), f"now {now}" if now else ""))
        found.append(": ".join(filter(None, (host, ", ".join(parts)))))
    return found


def _refuse_twice(hosts: list[str], hostvars: Mapping[str, Any]) -> None:
    """Raises Refused if two names in the inventory are one host: the action would run twice on it, and count it twice."""
    first: dict[tuple[str, str], str] = {}
    for host in hosts if len(hosts) > 1 else []:
        about = hostvars[host]
        if about.get("ansible_connection") == "local":
            continue
        where, port = about.get("ansible_host") or about.get("ansible_ssh_host"), about.get("ansible_port") or about.get("ansible_ssh_port")
        address = spelled(str(where or host)), str(port or 22).strip().lstrip("0")
        if address in first:
            raise Refused(
                f"{first[address]} and {host} are the same host ({address[0]}): the inventory has it under two names. "
                "Nothing was touched. Leave one of them out: -e host=…"
            )
        first[address] = host


def _refuse_lacking(health: Looks, service: str) -> None:
    """Raises Refused if a host lacks a program that the action runs. After the stop, a missing program would take the service down."""
    where: dict[str, list[str]] = {}
    for host, look in health.items():
        for program in look.get("lacking", ()):
            where.setdefault(program, []).append(host)
    if where:
        said = "; ".join(f"{program} is no program that can be run on {', '.join(hosts)}" for program, hosts in where.items())
        raise Refused(f"{said}. Nothing was touched. Mend commands.start and commands.stop of {service} in the catalogue, or install it there")


def _refuse_unknown(health: Looks, service: str) -> None:
    """Raises Refused if a host doesn't have the service, or has it under another name."""
    for host, look in health.items():
        unit = look.get("unit", "")
        if "masked" in look.get("detail", ""):
            raise Refused(f"{unit} is masked on {host}, so it can't be started. Nothing was touched. Allow it with: systemctl unmask {unit}")
        if not look.get("exists", True):
            hint = " Look with: systemctl list-units --type=service" if unit else ""
            raise Refused(f"{host} has no {f'unit {unit}' if unit else service}. Nothing was touched.{hint}")
        if look.get("alias") == f"{service}.service":
            raise Refused(
                f"{look['alias']} is another name of {unit} on {host}. Nothing was touched. One service has one lock and one incident: "
                f"name it {unit.removesuffix('.service')}, or put it into the service catalogue."
            )


def _hosts_of(service: str, config: dict[str, Any], variables: dict[str, Any]) -> list[str]:
    """The hosts of the service in the catalogue."""
    entry = config["services"].get(service)
    return _catalogue.matching(_catalogue.inventory(variables.get("groups", {})), entry["hosts"]) if entry else []


def _changing(params: dict[str, Any], seen: Looks) -> list[str]:
    """The hosts that the action changes: all hosts if the action changes no state."""
    stateful, interrupted = bool(params["looks"]), params["interrupted"]
    return [host for host, look in seen.items() if not stateful or look.get("wanted", {}) != look.get("state", {}) or host in interrupted]


def _burden(seen: Looks, health: Looks, changing: list[str], everywhere: int, *, scales: bool) -> Burden:
    """The part of the service that can't answer at the worst moment: one host's share, or the value of the backend, plus the hosts that are already
    down."""
    if scales:
        now, then = (sum(running(look[key]) for look in seen.values()) for key in ("state", "wanted"))
        return Burden(max(0, now - then) * 100 // max(1, now))
    unwell = [host for host in seen if not health.get(host, {}).get("healthy", True)]
    shares = {host: int(look["out"]) if "out" in look else None for host, look in seen.items()}
    return burden(shares, changing=changing, unwell=unwell, everywhere=everywhere)


def _spread(seen: Looks, given: Any, limits: dict[str, Any]) -> Looks:
    """The results of the backend, with the wanted state of each host. Raises Refused."""
    try:
        replicas, down = count(given), argument.switch(limits.get("down", False))
    except argument.Wrong as wrong:
        raise Refused(f"allow_scale_down={str(limits['down'])[:40]!r} {wrong}. Nothing was touched.") from None
    except ValueError as error:
        raise Refused(f"{error}. Nothing was touched.") from None
    now = {host: running(look["state"]) for host, look in seen.items()}
    total = sum(now.values())
    why = refusal(now=total, replicas=replicas, least=limits.get("min"), most=limits.get("max"), down=down)
    if why:
        raise Refused(f"{why}. Nothing was touched.")
    wanted = planned({host: look["state"] for host, look in seen.items()}, replicas)
    then = {host: running(state) for host, state in wanted.items()}
    for host, count_now in now.items():
        more = then[host] - count_now
        for limit, found, unit in (("memory_mb", "memory_left", "MiB"), ("cpus", "cpus_left", "processors")):
            each, left = float(limits.get(limit) or 0), float(seen[host].get(found, 0))
            if more > 0 and more * each > left:
                needs = f"{host} has {_amount(left)} {unit} left, and {more} more instances take {_amount(more * each)}"
                raise Refused(f"{needs}. Nothing was touched. Scale to fewer, or add hosts.")
    words = {host: f"{now[host]} to {then[host]} instances, of {total} to {replicas}" for host in seen}
    return {host: {**look, "wanted": wanted[host], "text": words[host]} for host, look in seen.items()}


def _amount(number: float) -> str:
    """A readable number: 99999999, 1.5, 0.25."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
