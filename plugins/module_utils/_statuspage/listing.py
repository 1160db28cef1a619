# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The components of a provider, by our names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .._core.status_page import Account
from .errors import lasting

_MANY = 20


@dataclass(frozen=True, slots=True)
class Listed:
    """A component at the provider; `state` is our word."""

    id: str
    name: str
    state: str


def states(listed: Iterable[Listed], account: Account) -> dict[str, str]:
    """The state of each component, by its name in the configuration (found by id), otherwise by the provider's name."""
    ours = {str(ident): name for name, ident in account.components.items() if ident}
    return {ours.get(each.id, each.name): each.state for each in listed}


def ids(names: Iterable[str], account: Account, fetch: Callable[[], Iterable[Listed]]) -> dict[str, str]:
    """The provider's id for each name: the configured id, otherwise the id of the component with exactly that name. The provider is only asked if the
    configuration has no id. Raises StatusPageError."""
    known = {name: str(account.components.get(name) or "") for name in names}
    if all(known.values()):
        return known
    listed = list(fetch())
    for name in (name for name, ident in known.items() if not ident):
        found = [each.id for each in listed if each.name == name]
        if len(found) != 1:
            raise lasting(_unknown(name, len(found), sorted({each.name for each in listed})))
        known[name] = found[0]
    return known


def word(state: str, theirs: Mapping[str, str], what: str) -> str:
    """The provider's word for one of our states. Raises StatusPageError if it has none."""
    if state not in theirs:
        raise lasting(f"{what} has no state for {state}: publish one of {', '.join(theirs)}")
    return theirs[state]


def named(state: str, theirs: Mapping[str, str], *, otherwise: str) -> str:
    """Our word for a provider's component state; `otherwise` if we have none."""
    return next((ours for ours, other in theirs.items() if other == state), otherwise)


def _unknown(name: str, count: int, there: list[str]) -> str:
    if count:
        return f"the status page has {count} components called {name}: give the id of the one that is meant in status_page.components"
    more = f" and {len(there) - _MANY} more" if len(there) > _MANY else ""
    known = f"It has {', '.join(there[:_MANY])}{more}" if there else "It has none"
    return f"the status page has no component {name}. {known}: correct the name, or give its id in status_page.components"
