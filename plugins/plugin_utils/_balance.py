# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of an action's hosts in nginx, and the order in which the action changes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._backends import nginx
from ansible_collections.incident.response.plugins.module_utils._core.turns import Place, Situation, Turns, turns, where
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import Refused


def addresses(host: str, balancer: Mapping[str, Any], hostvars: Mapping[str, Any], seen: Iterable[Place]) -> list[str]:
    """The addresses of a host's servers in an upstream. Instances have separate ports: all servers with the host's address."""
    base = hostvars[host].get("ansible_host") or host
    if "port" in balancer:
        return [nginx.address(f"{base}:{balancer['port']}")]
    there = nginx.address(f"{base}:0").rpartition(":")[0]
    return sorted({each.address for each in seen if each.address.rpartition(":")[0] == there})


def places(looks: Iterable[Mapping[str, Any]]) -> list[Place]:
    """The servers in the results of `nginx_upstream`. `item` of each result is the balancer's name."""
    return [
        Place(str(look["item"]), upstream["name"], each["address"], each["state"], backup=each["backup"], answers=each["answers"])
        for look in looks for upstream in look["upstreams"] for each in upstream["servers"]
    ]  # fmt: skip


def situation(
    hosts: Collection[str], everywhere: Collection[str], balancer: Mapping[str, Any], looks: Iterable[Mapping[str, Any]], hostvars: Mapping[str, Any]
) -> Situation:
    """The situation in front of the hosts. `everywhere` are all hosts of the service, for readable names. Raises Refused if a balancer lacks one of
    the `hosts`."""
    looks = list(looks)
    seen = places(looks)
    names = {address: host for host in [*everywhere, *hosts] for address in addresses(host, balancer, hostvars, seen)}
    mine = {host: addresses(host, balancer, hostvars, seen) for host in hosts}
    pools = {each.pool for each in seen if any(each.address in own for own in mine.values())}
    _refuse_included(looks, {address for own in mine.values() for address in own}, balancer["path"])
    now = Situation(mine, [each for each in seen if each.pool in pools], changing=hosts, names=names)
    if "port" in balancer:
        _refuse_missing(now, [str(look["item"]) for look in looks], seen, balancer["path"])
    return now


def _refuse_included(looks: Iterable[Mapping[str, Any]], mine: Collection[str], path: str) -> None:
    """Raises Refused if an upstream includes unknown servers, and one of the hosts is, or may be, among them."""
    for look in looks:
        unseen = set(mine) - {each["address"] for upstream in look["upstreams"] for each in upstream["servers"]}
        for upstream in look["upstreams"]:
            if upstream["included"] and (unseen or any(each["address"] in mine for each in upstream["servers"])):
                raise Refused(
                    f"upstream {upstream['name']} in {path} on {look['item']} takes servers from another file ({upstream['included']}), so which "
                    "serve can't be told. Nothing was touched. If all its servers stand there, name that file as the balancer's path"
                )


def _refuse_missing(now: Situation, balancers: list[str], seen: list[Place], path: str) -> None:
    """Raises Refused if a balancer lacks one of the hosts."""
    for host, (address, *_others) in now.hosts.items():
        for balancer in balancers:
            if balancer not in {place.on for place in now.of(host)}:
                there = sorted({place.address for place in seen if place.on == balancer})
                has = f"It has {', '.join(there[:10])}" if there else "It has no upstream with a server"
                raise Refused(f"{path} on {balancer} has no upstream with the server {address}, which is {host}. {has}. Nothing was touched.")


def arranged(now: Situation, service: str, *, glass_broken: bool) -> Turns:
    """The turns of the hosts. Raises Refused if a turn would leave no serving host, although an earlier run has left other hosts out."""
    found = turns(now)
    for host, left in found.stuck.items():
        if not glass_broken:
            names = " and ".join(f"{now.named(address)}{f' ({address})' if now.named(address) != address else ''}" for address in left)
            raise Refused(
                f"{host} is the only server {where(found.alone[host])} that serves, since an earlier run left out {names}. Nothing was touched. "
                'Where nothing else is possible, add -e break_glass="reason" to the command that you gave. '
                f"Restart {now.named(left[0])} first, which puts it back: ansible-playbook incident.response.restart_service "
                f"-e 'service={service} host={now.named(left[0])}'"
            )
    return found
