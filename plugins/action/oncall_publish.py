# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core import chat_text
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._ports import (
    ChatError,
    ChatForbidden,
    ChatRejected,
    JournalError,
    Message,
    OncallError,
    Room,
)
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from ansible_collections.incident.response.plugins.module_utils._usecases import chat_messages, oncall
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _options
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._wiring import oncall as oncall_wiring

_LAST_OWNER = "last-owner-can-not-be-removed"


class ActionModule(ControllerAction):
    """Compares the topic and the team with the people on call, and posts the changes."""

    SPEC: ClassVar = {"channel": {"type": "str"}, "team": {"type": "str"}}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        config = _catalogue.configuration(self.options["config"])
        channel = params["channel"] or config["channels"]["devops"]
        try:
            answer = self._answer(config["oncall"])
            people = answer.oncall
            connection = _options.connection(self.options)
            if not connection or not channel:
                raise Refused("There is nowhere to say who is on call: configure Rocket.Chat, and channels.devops.")
            chat = RocketChat.of(connection, timeout=10)
            try:
                published = self._publish(chat, channel, people)
                team = config["oncall"]["team"] if params["team"] is None else params["team"]
                joined, left = self._team(chat, team, people, config["oncall"]["people"]) if team else ([], [])
                changed = published["changed"] or bool(joined or left)
                if not self.check:
                    self._done(published, joined, left)
                return published | {"changed": changed, "uncovered": answer.uncovered, "joined": joined, "left": left}
            finally:
                chat.close()
        except (OncallError, ChatError, OSError, JournalError, ValueError) as error:
            raise Refused(f"It can't be said who is on call: {error}") from None

    def _done(self, published: dict[str, Any], joined: list[str], left: list[str]) -> None:
        told = published["told"]
        who = f"#{told['channel']} says who is on call: {', '.join(f'@{name}' for name in told['mentioned']) or published['topic']}"
        moved = "".join(f" · {word} the team: {', '.join(names)}" for word, names in (("joined", joined), ("left", left)) if names)
        self._display.display(f"incident.response: {who}{'' if published['changed'] else ', as before'}{moved}")

    def _answer(self, section: dict[str, Any]) -> oncall.Answer:
        sources, memory = oncall_wiring.sources(section, self.options), oncall_wiring.memory(section, self.folder())
        answer = oncall.ask(sources, section["people"], datetime.now(UTC), memory)
        if answer.as_of:
            raise OncallError("; ".join(answer.problems))
        for problem in [*answer.problems, *answer.uncovered]:
            self._display.warning(f"incident.response: {problem}")
        return answer

    def _publish(self, chat: RocketChat, channel: str, people: list[dict[str, Any]]) -> dict[str, Any]:
        room = chat.room(channel)
        if room is None or room.archived:
            raise Refused(f"#{channel} can't say who is on call: it {'is archived' if room else 'is not there'}. Make it, and invite the bot.")
        names = [f"@{each['username']}" if each["username"] else chat_text.inert(each["name"]) for each in people]
        topic = chat_text.duty(room.topic, names)
        if topic != room.topic and not self.check:
            try:
                self._say(chat, room, names, people[0])  # first: where it is refused, the next run says it
                chat.set_topic(room.rid, topic)
            except (ChatRejected, ChatForbidden) as error:
                needs = f"Make the bot a moderator of #{room.name}, or give it the permission edit-room, and let it write there"
                raise Refused(f"#{room.name} can't say that {', '.join(names)} is on call: {str(error).rstrip('.')}. {needs}.") from None
        told = {"channel": room.name, "mentioned": [each["username"] for each in people if each["username"]], "delivered": not self.check}
        return {"changed": topic != room.topic, "topic": topic, "told": told, "diff": {"before": f"{room.topic}\n", "after": f"{topic}\n"}}

    def _team(self, chat: RocketChat, team: str, people: list[dict[str, Any]], known: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
        """The people who joined and left the team. Only people in the configuration are removed: others are in the team for another reason."""
        try:
            members = {name: person for person, name in chat.members(team)}
            wanted = [each["username"] for each in people if each["username"]]
            others = {about.get("username", short) for short, about in known.items()} - set(wanted)
            ids = {name: chat.user(name) for name in wanted if name not in members}
            for name in (name for name, person in ids.items() if person is None):
                self._display.warning(f"incident.response: chat knows no user {name}, so the team {team} lacks who is on call")
            joined, left = [name for name, person in ids.items() if person], [name for name in members if name in others]
            if not self.check:
                chat.add_members(team, [person for person in ids.values() if person])
                left = [name for name in left if self._leaves(chat, team, name, members[name])]
        except (ChatRejected, ChatForbidden) as error:
            needs = "there must be a team of this name, and the bot needs the permissions view-all-teams and edit-team-member"
            raise Refused(f"the team {team} can't be changed: {error} ({needs}; with team='' it is left alone)") from None
        return joined, left

    def _leaves(self, chat: RocketChat, team: str, name: str, person: str) -> bool:
        """Whether the person was removed from the team. Raises ChatForbidden. Any other refusal is reported, and the other people are still
        removed."""
        try:
            chat.remove_member(team, person)
        except ChatRejected as error:
            hint = ": make somebody else its owner, too" if error.code == _LAST_OWNER or _LAST_OWNER in str(error) else ""
            self._display.warning(f"incident.response: {name}, who is not on call, stays in the team {team}{hint} ({error})")
            return False
        return True

    def _say(self, chat: RocketChat, room: Room, names: list[str], first: dict[str, Any]) -> None:
        with self.journal(self.folder()) as journal:
            still_open = [journal.incident(each) for each in journal.open_incidents()]
        # if the source doesn't say since when, the day separates one hand-over to the same people from the next
        text = chat_text.handover(names, first["until"], [each for each in still_open if not each.drill])
        chat.post(Message(chat_messages.message_id("on call", room.rid, first["from"] or utc(time.time())[:10], *names), room.rid, text))
