# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is written in chat, or given as a ticket: only the command alone approves, by who may, and only the plan's own ticket lets it be done."""

from __future__ import annotations

from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core import plan
from ansible_collections.incident.response.plugins.module_utils._core.approval import NOBODY, YES, Ballot, Person, Said, tally
from hypothesis import example, given
from hypothesis import strategies as st

PLAN = "1a2b3c4d5e6f"
PART = st.sampled_from(
    ["!approve", "!deny", "!APPROVE", PLAN, PLAN.upper(), " ", "\n", "`", "```", "NOT", ",", "\u200b", "\u00a0", "@ada", "> ", "*", "\x00"]
)
TEXT = st.lists(PART | st.text(max_size=3), max_size=7).map("".join) | st.text(max_size=40)
NAME = st.sampled_from(["ada", "Ada", "grace", "lin", "root", ""]) | st.text(max_size=5)
PEOPLE = {
    "ada-id": Person("ada-id", "ada"), "grace-id": Person("grace-id", "grace", roles=frozenset({"user"})), "lin-id": Person("lin-id", "lin"),
    "guest-id": Person("guest-id", "guest", roles=frozenset({"guest"})), "bot-id": Person("bot-id", "robot", "bot"),
}  # fmt: skip
USER_ID = st.sampled_from([*PEOPLE, ""]) | st.text(max_size=4)
SAID = st.builds(
    Said, st.sampled_from(["request", "other"]), NAME, TEXT,
    st.dictionaries(st.sampled_from(sorted(YES)) | st.text(max_size=3), st.lists(NAME, max_size=2), max_size=2), USER_ID,
    edited=st.booleans(), automatic=st.booleans(),
)  # fmt: skip
BALLOT = Ballot("request", PLAN, ["ada-id", "lin-id", "guest-id", "bot-id"], {"lin"}, ["lin-id"], {"root": "lin", "l": "LIN"})


def who(user_id: str, name: str) -> Person | None:
    return PEOPLE.get(user_id) if user_id else next((each for each in PEOPLE.values() if each.name == name.lower()), None)


def approves(said: Said) -> bool:
    """By the words of the promise: the command alone, or a mark under the question, by ada, as it was written at first."""
    wrote = said.text.lower().replace("`", " ").split() == ["!approve", PLAN]
    alone = wrote and not said.edited and not said.automatic and who(said.user_id, said.user) == PEOPLE["ada-id"]
    marks = [name for emoji, names in said.reactions.items() if emoji in YES for name in names]
    return alone or (said.message == "request" and not said.edited and any(name.lower() == "ada" for name in marks))


@given(st.lists(SAID, max_size=4))
@example([Said("other", "ada", f"!approve {PLAN} NOT, wait", user_id="ada-id")])
@example([Said("other", "ada", f"!approve {PLAN}", user_id="ada-id", edited=True)])
@example([Said("other", "lin", f"!approve {PLAN}", user_id="lin-id")])
def test_only_the_command_alone_by_somebody_else_who_may_approves(said: list[Said]) -> None:
    found = tally(said, BALLOT, who)
    assert set(found.yes) == ({"ada"} if any(map(approves, said)) else set())
    assert all(each.void for each in found.void)
    assert found.no is None or (found.no.user_id or found.no.user.lower()) in {"ada-id", "lin-id", "ada", "lin"}


ROLES = st.sets(st.sampled_from(sorted(NOBODY)) | st.text(max_size=5), min_size=1)


@given(ROLES, st.sampled_from(["user", "bot", "app", "", "unknown"]), st.booleans())
def test_no_guest_and_no_bot_approves(roles: set[str], kind: str, active: bool) -> None:
    person = Person("ada-id", "ada", kind, active=active, roles=frozenset(roles))
    found = tally([Said("other", "ada", f"!approve {PLAN}", user_id="ada-id")], BALLOT, lambda _id, _name: person)
    assert bool(found.yes) == (kind == "user" and active and not roles & NOBODY)


HEX = st.text(alphabet="0123456789abcdef", min_size=1, max_size=14)
TICKET = st.builds("{}-{}-{}".format, st.just(PLAN) | HEX, HEX, HEX) | st.text(max_size=40)


@given(TICKET, NAME, st.floats(min_value=0, max_value=4e9))
@example(f"{PLAN}-ffffffffffff-00000000", "ada", 0.0)
def test_no_ticket_but_the_plans_own_is_good(given_: str, name: str, now: float) -> None:
    own = str(plan.ticket(PLAN, name, now))
    assert plan.refusal(own, PLAN, name, now=now, lasts=60) == ""
    assert plan.refusal(own, PLAN, f"{name}x", now=now, lasts=60)
    assert plan.refusal(own, PLAN, name, now=now + 62, lasts=60)
    assert plan.refusal(own, f"{PLAN[:-1]}0", name, now=now, lasts=60)
    if given_.strip() != own:
        assert plan.refusal(given_, PLAN, name, now=now, lasts=60)


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_a_ticket_of_any_time_ends_in_words(at: int) -> None:
    assert plan.refusal(str(plan.ticket(PLAN, "ada", at)), PLAN, "ada", now=0, lasts=60) or at <= 60


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800")
SETTINGS: st.SearchStrategy[Any] = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8
)


@given(SETTINGS, SETTINGS)
def test_what_is_touched_has_one_hash_and_words(one: Any, other: Any) -> None:
    assert plan.digest({"a": one}) == plan.digest({"a": one})
    assert isinstance(plan.pairs(one), str)
    if repr(one) != repr(other) and one != other and str(one) != str(other):
        assert plan.digest({"a": one}) != plan.digest({"a": other})
