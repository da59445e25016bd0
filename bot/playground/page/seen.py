"""What one person sees of a workspace, as HTML, and what of it has changed since they looked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.playground.model import Channel, Json, Message, User, View
from bot.playground.page.render import PICTURES, Reader, render, render_blocks
from bot.playground.people import People
from bot.playground.workspace import SLACKBOT, Workspace

WINDOW = 60  # messages that are shown at first, and that are added each time somebody scrolls up
PREVIEW_BYTES = 4_000
TEXTUAL = ("text", "json", "hcl", "diff", "yaml", "markdown", "python", "csv")


@dataclass(frozen=True)
class Opened:
    """What a browser has open. channel and thread are empty for none; home: the app's Home tab."""

    user: str
    channel: str = ""
    thread: str = ""
    is_home: bool = False


@dataclass(frozen=True)
class Replies:
    """What the channel tells of a message's thread."""

    count: int
    users: tuple[str, ...]
    latest: float


NONE = Replies(0, (), 0.0)


def actors(workspace: Workspace) -> list[User]:
    """Whom somebody at this page can be: people, not bots."""
    return [user for user in workspace.users.values() if not user.is_bot and user.id != SLACKBOT]


def reader_of(people: People, user: str) -> Reader:
    workspace = people.workspace
    with workspace.lock:
        return Reader(
            me=user,
            timezone=workspace.users[user].timezone if user in workspace.users else "UTC",
            now=workspace.clock(),
            people=dict(workspace.users),
            channels=dict(workspace.channels),
            files=dict(workspace.files),
            base_url=workspace.base_url,
            app_name=workspace.app.name,
            shortcuts=tuple(each for each in people.shortcuts if each.is_for_message),
        )


def replies_of(workspace: Workspace, message: Message) -> Replies:
    found = workspace.replies(message.ts)
    latest = float(found[-1].ts) if found else 0.0
    return Replies(len(found), tuple(dict.fromkeys(reply.user for reply in found)), latest)


def message_html(reader: Reader, message: Message, replies: Replies, in_channel: bool = True) -> str:
    """One message. What cannot be rendered is shown as such, so that one message never hides the others."""
    reactions: dict[str, list[str]] = {}
    for name, user in message.reactions:
        reactions.setdefault(name, []).append(user)
    previews = {file.id: _preview(file.content, file.mimetype, file.filetype) for file in message.files}
    values: dict[str, Any] = {
        "message": message,
        "replies": replies,
        "in_channel": in_channel,
        "reactions": reactions,
        "previews": previews,
        "pictures": PICTURES,
    }
    attached = [
        {"type": "attachment", "attachment": each, "number": number}
        for number, each in enumerate(message.attachments, 1)
    ]
    return render_blocks("message.html", reader, [*message.blocks, *attached], **values)


def _preview(content: bytes, mimetype: str, filetype: str) -> str:
    if not mimetype.startswith("text/") and filetype not in TEXTUAL:
        return ""
    text = content[:PREVIEW_BYTES].decode("utf-8", "replace")
    return text + ("\n…" if len(content) > PREVIEW_BYTES else "")


def on_top(message: Message) -> bool:
    """Whether it stands in the channel itself, not in a thread alone."""
    return not message.thread_ts or message.thread_ts == message.ts or message.reply_broadcast


@dataclass
class Feed:
    """One browser's view: step() gives what changed since the last time, all of it at first.

    Messages are compared by identity: an edit makes a new one.
    """

    people: People
    opened: Opened
    _told: dict[str, tuple[Message, Replies]] = field(default_factory=dict)
    _thread: dict[str, Message] = field(default_factory=dict)
    _rest: dict[str, Any] = field(default_factory=dict)
    _is_new: bool = True

    @property
    def workspace(self) -> Workspace:
        return self.people.workspace

    def step(self) -> Json:
        """The changes, as JSON with HTML in it; {} for none."""
        workspace = self.workspace
        with workspace.lock:
            everybody = actors(workspace)
            me = next((user.id for user in everybody if user.id == self.opened.user), "")
            me = me or (everybody[0].id if everybody else "")
            wanted = self.opened.channel
            if me and (self.opened.is_home or self._is_anothers(wanted, me)):
                wanted = workspace.direct_channel(me).id
            channels = [channel for channel in workspace.channels.values() if me in channel.members]
            channels.sort(key=lambda channel: channel.is_im)  # what is opened at first is no direct message
            shown = next((each for each in channels if each.id == wanted), None) or next(iter(channels), None)
            messages = workspace.visible(shown.id, me) if shown else []
            answered = workspace.threads()
            replies = {each.ts: replies_of(workspace, each) for each in messages if each.ts in answered}
            modals, home = list(workspace.views.get(me, [])), workspace.homes.get(me)
            latest = {channel.id: self._latest(channel, me) for channel in channels}
        reader = reader_of(self.people, me)
        names = tuple(workspace.users.values())
        if self._rest.get("names", names) != names:
            self._told.clear()  # somebody is called otherwise now, and may be named anywhere
        self._rest["names"] = names
        changes: Json = {}
        if self._is_new:
            changes |= {
                "reset": True,
                "me": me,
                "channel": shown.id if shown else "",
                "people": self._actors(),
            }
        is_home = self.opened.is_home
        shown_id = shown.id if shown else ""
        self._put(changes, "sides", "sides.html", reader, channels=channels, latest=latest, open=shown_id)
        self._put(changes, "head", "head.html", reader, channel=shown, is_home=is_home)
        if is_home:
            self._put(changes, "home", "home.html", reader, home=home)
        else:
            changes |= self._messages(reader, messages, replies)
        if self.opened.thread:
            changes |= self._replies(reader, messages)
        changes |= self._modal(reader, modals) | self._tour(reader)
        self._is_new = False
        return changes

    def _is_anothers(self, channel_id: str, me: str) -> bool:
        """Whether these are somebody else's direct messages: whoever looked at them sees their own now."""
        channel = self.workspace.channels.get(channel_id)
        return channel is not None and channel.is_im and me not in channel.members

    def _latest(self, channel: Channel, me: str) -> str:
        visible = self.workspace.visible(channel.id, me)
        return visible[-1].ts if visible else ""

    def _actors(self) -> list[Json]:
        teams, own = self.workspace.teams, self.workspace.team.id
        return [
            {
                "id": user.id,
                "name": user.real_name
                + ("" if user.team_id == own else f" ({teams[user.team_id].name})")
                + (f" · {user.title}" if user.title else "")
                + (", guest" if user.guest else "")
                + (", deactivated" if user.deleted else ""),
            }
            for user in actors(self.workspace)
        ]

    def _put(
        self, changes: Json, name: str, template: str, reader: Reader, home: View | None = None, **values: Any
    ) -> None:
        """Add a part of the page to the changes, unless it was told already."""
        basis = (home, values, tuple(reader.people.values()), tuple(reader.channels.values()))
        if self._rest.get(name) != basis:
            self._rest[name] = basis
            changes[name] = render_blocks(template, reader, home.blocks if home else (), home=home, **values)

    def _messages(self, reader: Reader, messages: list[Message], replies: dict[str, Replies]) -> Json:
        top = {each.ts: (each, replies.get(each.ts, NONE)) for each in messages if on_top(each)}
        gone = [ts for ts in self._told if ts not in top]
        new = [ts for ts, now in top.items() if not self._same(self._told.get(ts), now)]
        if self._is_new:
            new = list(top)[-WINDOW:]
        self._told = top
        if not new and not gone and not self._is_new:
            return {}
        put = [[ts, message_html(reader, *top[ts])] for ts in new]
        return {"messages": {"put": put, "gone": gone, "more": len(top) > WINDOW}}

    @staticmethod
    def _same(before: tuple[Message, Replies] | None, now: tuple[Message, Replies]) -> bool:
        return before is not None and before[0] is now[0] and (before[1] is now[1] or before[1] == now[1])

    def _replies(self, reader: Reader, messages: list[Message]) -> Json:
        root = self.opened.thread
        inside = {message.ts: message for message in messages if root in (message.ts, message.thread_ts)}
        gone = [ts for ts in self._thread if ts not in inside]
        new = [message for ts, message in inside.items() if self._thread.get(ts) is not message]
        self._thread = inside
        if not new and not gone and not self._is_new:
            return {}
        put = [[message.ts, message_html(reader, message, NONE, in_channel=False)] for message in new]
        return {"thread": {"root": root, "put": put, "gone": gone}}

    def _modal(self, reader: Reader, modals: list[View]) -> Json:
        top = modals[-1] if modals else None
        known: View | None = self._rest.get("modal")
        if top is known and not self._is_new:
            return {}
        self._rest["modal"] = top
        if top is None:
            return {"modal": None}
        shape: Json = {"id": top.id, "hash": top.hash, "errors": dict(top.errors)}
        if known is None or (known.id, known.hash) != (top.id, top.hash):
            shape["html"] = render_blocks("modal.html", reader, top.blocks, view=top, depth=len(modals))
        return {"modal": shape}

    def _tour(self, reader: Reader) -> Json:
        guide = self.people.guide
        if guide is None:
            return {}
        scene = guide.scene
        if self._rest.get("tour") == scene:
            return {}
        self._rest["tour"] = scene
        html = render("tour.html", reader, scene=scene, channel=guide.channel, invitation=guide.invitation)
        user = scene.user if scene.state == "playing" else ""
        return {"tour": {"html": html, "user": user, "channel": guide.channel}}


def history(people: People, user: str, channel: str, before: str = "", after: str = "") -> Json:
    """The messages next to one, before or after it, as many as are shown at once. more: there are others beyond."""
    workspace = people.workspace
    with workspace.lock:
        if user not in workspace.channels[channel].members:
            raise PermissionError("You are not in this channel.")
        top = [each for each in workspace.visible(channel, user) if on_top(each)]
        beyond = [each for each in top if (each.ts < before if before else each.ts > after)]
        near = beyond[-WINDOW:] if before else beyond[:WINDOW]
        page = [(each, replies_of(workspace, each)) for each in near]
    reader = reader_of(people, user)
    return {
        "put": [[each.ts, message_html(reader, each, replies)] for each, replies in page],
        "more": len(beyond) > WINDOW,
    }
