"""What a local Slack workspace remembers: people, channels, messages, views. In memory, behind one lock."""

from __future__ import annotations

import copy
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

from bot.playground.checks import blocks_in, elements_of
from bot.playground.model import (
    App,
    Channel,
    File,
    FunctionRun,
    Guest,
    Json,
    Message,
    Scheduled,
    SlackError,
    Team,
    User,
    View,
)
from bot.playground.tickets import Tickets

SLACKBOT = "USLACKBOT"
TOMBSTONE = "tombstone"  # the subtype of what stands where a message with answers was deleted
DELETED = "This message was deleted."


class Workspace:
    """One app's workspace, and the people of others who share a channel with it.

    clock gives seconds since 1970. `lock` guards everything; `changed` is notified after each change.
    """

    def __init__(self, app: App, team_name: str, domain: str, clock: Callable[[], float] = time.time) -> None:
        self.app = app
        self.clock = clock
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.version = 0
        self.base_url = ""  # where it is served, set at the start
        self.on_change: list[Callable[[], None]] = []
        self.on_edit: list[Callable[[Message, Message | None], None]] = []  # as it was, as it is; None: gone
        self.team = Team("T00000001", team_name, domain)
        self.teams = {self.team.id: self.team}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, Message] = {}  # by ts, in the order of posting
        self.files: dict[str, File] = {}
        self.upload_tickets: dict[str, str] = {}  # ticket → file id
        self.views: dict[str, list[View]] = {}  # user → open modals, the top one last
        self.homes: dict[str, View] = {}
        self.emoji: dict[str, str] = {}  # the workspace's own, by name: their addresses
        self.pins: dict[str, dict[str, tuple[str, int]]] = {}  # channel → message → who, seconds since 1970
        self.bookmarks: dict[str, list[Json]] = {}  # by channel, as the Web API gives them
        self.usergroups: dict[str, Json] = {}  # by id, as the Web API gives them
        self.scheduled: dict[str, Scheduled] = {}
        self.streams: dict[str, tuple[str, list[Json]]] = {}  # growing message → how it shows tasks, chunks
        self.statuses: dict[str, str] = {}  # thread → the message that says what the app is busy with there
        self.function_runs: dict[str, FunctionRun] = {}
        self.events: SimpleQueue[tuple[str, Json] | None] = SimpleQueue()  # still to be told
        self.tickets = Tickets(self.lock, clock)
        self._threads: dict[str, set[str]] = {}  # first message → its replies
        self._numbers: dict[str, int] = {}
        self._last_ts = 0
        self.users[app.user_id] = User(
            app.user_id,
            self.team.id,
            app.name.lower().replace(" ", "-"),
            app.name,
            is_bot=True,
            bot_id=app.bot_id,
        )
        self.users[SLACKBOT] = User(SLACKBOT, self.team.id, "slackbot", "Slackbot")

    # Numbers and news

    def next_id(self, prefix: str) -> str:
        """U00000001, C00000002, …: counted for each prefix, so that a test can tell them beforehand."""
        with self.lock:
            self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
            return f"{prefix}{self._numbers[prefix]:08d}"

    def next_ts(self) -> str:
        """Slack's message id: the time in microseconds, never the same twice."""
        with self.lock:
            self._last_ts = max(int(self.clock() * 1_000_000), self._last_ts + 1)
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def happened(self, name: str, inner: Json) -> None:
        """Something that the app hears of if it has subscribed to it; name: as in the manifest."""
        self.events.put((name, {"event_ts": self.next_ts(), **inner}))

    def note(self) -> None:
        """Tell everybody who waits that something changed."""
        with self.changed:
            self.version += 1
            self.changed.notify_all()
            listeners = list(self.on_change)
        for listener in listeners:
            listener()

    # People and channels

    def add_team(self, name: str) -> str:
        with self.lock:
            team = Team(f"T{len(self.teams) + 1:08d}", name, name.lower().replace(" ", "-"))
            self.teams[team.id] = team
        return team.id

    def add_user(
        self,
        name: str,
        real_name: str = "",
        team_id: str = "",
        timezone: str = "Europe/Paris",
        is_bot: bool = False,
        deleted: bool = False,
        guest: Guest = "",
        is_admin: bool = False,
        title: str = "",
    ) -> str:
        with self.lock:
            user = User(
                id=self.next_id("U"),
                team_id=team_id or self.team.id,
                name=name,
                real_name=real_name or name.replace(".", " ").title(),
                title=title,
                timezone=timezone,
                is_bot=is_bot,
                deleted=deleted,
                guest=guest,
                is_admin=is_admin,
                bot_id=self.next_id("B") if is_bot else "",
            )
            self.users[user.id] = user
        self.note()
        return user.id

    def change_user(self, user_id: str, **values: Any) -> User:
        with self.lock:
            user = replace(self.users[user_id], **values)
            self.users[user_id] = user
        self.note()
        return user

    def add_channel(
        self, name: str, members: tuple[str, ...], with_app: bool = True, is_private: bool = False
    ) -> str:
        with self.lock:
            everybody = {*members, *([self.app.user_id] if with_app else [])}
            channel = Channel(
                self.next_id("C"),
                name,
                frozenset(everybody),
                is_private=is_private,
                created=int(self.clock()),
            )
            self.channels[channel.id] = channel
        self.note()
        return channel.id

    def change_channel(self, channel_id: str, **values: Any) -> Channel:
        with self.lock:
            channel = replace(self.channels[channel_id], **values)
            self.channels[channel_id] = channel
        self.note()
        return channel

    def direct_channel(self, user: str) -> Channel:
        """The conversation between the app and one person; made when there is none yet."""
        with self.lock:
            members = frozenset({user, self.app.user_id})
            for channel in self.channels.values():
                if channel.is_im and channel.members == members:
                    return channel
            channel = Channel(self.next_id("D"), "", members, is_im=True)
            self.channels[channel.id] = channel
        self.note()
        return channel

    # Messages

    def put_message(self, message: Message) -> Message:
        """Post a message, or put its new version in the place of the old one."""
        with self.lock:
            self.messages[message.ts] = message
            if message.thread_ts:
                self._threads.setdefault(message.thread_ts, set()).add(message.ts)
        self.note()
        return message

    def threads(self) -> set[str]:
        """The messages that have been answered, also those whose answers are gone."""
        with self.lock:
            return set(self._threads)

    def replies(self, ts: str) -> list[Message]:
        """What stands in a message's thread for everybody, in order."""
        with self.lock:
            found = [self.messages[reply] for reply in sorted(self._threads.get(ts, ()))]
        return [message for message in found if not message.ephemeral_to]

    def remove_message(self, ts: str) -> None:
        """Take a message away. What was answered leaves a tombstone, which goes with the last of its answers."""
        with self.lock:
            gone = self.messages.get(ts)
            if gone is None:
                return
            left, root = None, self.messages.get(gone.thread_ts)
            if any(reply.ts != ts for reply in self.replies(ts)):
                left = Message(
                    ts,
                    gone.channel,
                    SLACKBOT,
                    DELETED,
                    thread_ts=gone.thread_ts,
                    by_slack=True,
                    subtype=TOMBSTONE,
                )
                self.messages[ts] = left
            else:
                del self.messages[ts]
                self._threads.get(gone.thread_ts, set()).discard(ts)
            self._edited(gone, left)
            if root and root.subtype == TOMBSTONE and not self.replies(root.ts):
                self.remove_message(root.ts)
        self.note()

    def _edited(self, before: Message, after: Message | None) -> None:
        for tell in self.on_edit:
            tell(before, after)

    def edit(self, ts: str, **values: Any) -> Message:
        """Change a message in one go, keeping what it said before. Raises SlackError when it is gone."""
        with self.lock:
            message = self.messages.get(ts)
            if message is None:
                raise SlackError("message_not_found")
            changed = self.put_message(message.changed(self.clock(), self.next_ts(), **values))
            self._edited(message, changed)
            return changed

    def react(self, ts: str, name: str, user: str) -> None:
        with self.lock:
            message = self.messages[ts]
            self.put_message(replace(message, reactions=(*message.reactions, (name, user))))

    def toggle_reaction(self, ts: str, name: str, user: str) -> bool:
        """Put a person's emoji to a message, or take it away. Gives whether it is there now."""
        with self.lock:
            message, mine = self.messages[ts], (name, user)
            if mine not in message.reactions:
                self.react(ts, name, user)
                return True
            left = tuple(each for each in message.reactions if each != mine)
            self.put_message(replace(message, reactions=left))
            return False

    def with_ids(self, blocks: Sequence[Json]) -> tuple[Json, ...]:
        """The blocks with a block_id each and an action_id for each thing to use, as Slack adds them."""
        named = []
        for block in blocks:
            block = copy.deepcopy(block)
            for each in blocks_in([block]):
                each.setdefault("block_id", self.next_id("b"))
                for element in elements_of(each):
                    element.setdefault("action_id", self.next_id("a"))
            named.append(block)
        return tuple(named)

    def say_as_slack(self, user: str, channel: str, text: str, thread_ts: str = "") -> Message:
        """Slack's own word to one person."""
        return self.put_message(
            Message(
                self.next_ts(), channel, SLACKBOT, text, (), (), thread_ts, ephemeral_to=user, by_slack=True
            )
        )

    def visible(self, channel: str, user: str | None = None) -> list[Message]:
        """A channel's messages in order, as one person sees them; user None: everything."""
        with self.lock:
            found = [message for message in self.messages.values() if message.channel == channel]
        found.sort(key=lambda message: message.ts)
        if user is None:
            return found
        return [message for message in found if message.ephemeral_to in ("", user)]

    # Views

    def find_view(self, view_id: str = "", external_id: str = "") -> View | None:
        with self.lock:
            open_views = [view for stack in self.views.values() for view in stack]
            for view in (*open_views, *self.homes.values()):
                if (view_id and view.id == view_id) or (external_id and view.external_id == external_id):
                    return view
        return None

    def put_view(self, view: View, on_top: bool = False) -> View:
        """Show a view: in the place of the one with its id, or else as its person's only or top one."""
        with self.lock:
            view = replace(view, hash=f"{int(self.clock())}.{secrets.token_hex(4)}")
            if view.type == "home":
                self.homes[view.user] = view
            else:
                stack = self.views.get(view.user, [])
                if any(known.id == view.id for known in stack):
                    stack = [view if known.id == view.id else known for known in stack]
                else:
                    stack = [*stack, view] if on_top else [view]
                self.views[view.user] = stack
        self.note()
        return view

    def set_errors(self, view: View, errors: tuple[tuple[str, str], ...]) -> None:
        """Show sentences under the fields of an open modal."""
        with self.lock:
            stack = self.views.get(view.user, [])
            self.views[view.user] = [
                replace(known, errors=errors) if known.id == view.id else known for known in stack
            ]
        self.note()

    def drop_view(self, user: str, view_id: str = "") -> None:
        """Close one modal, or with no view_id all of them."""
        with self.lock:
            stack = self.views.get(user, [])
            self.views[user] = [view for view in stack if view_id and view.id != view_id]
        self.note()
