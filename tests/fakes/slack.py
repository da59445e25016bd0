"""Slack as bot/slack.py speaks of it, in memory, held to the real one by tests/bot/test_slack_contract.py.

Messages with blocks are held to Slack's limits as they come, so a test that shows one tests its shape too.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from bot.slack import AWAY_PAUSE, BESIDE, Later, NotTaken
from bot.views.message import Message
from commands.pictures import Picture
from tests.bot.views.reading import check, check_view

URL_USES, URL_LIFE = 5, timedelta(minutes=30)
TRIGGER_LIFE = timedelta(seconds=3)


class Killed(BaseException):
    """The process died here. No part of the bot catches it, as none could."""


@dataclass(frozen=True)
class Said:
    """A message as it is now. only: the one person who sees it; file: the name of the file in it."""

    ts: str
    channel: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: Mapping[str, Any] | None = None
    only: str | None = None
    file: str | None = None
    body: str = ""
    beside: str | None = None  # the words of the picture beside the file
    edits: int = 0


@dataclass(frozen=True)
class Call:
    """Something that was asked of Slack, and when."""

    method: str
    channel: str
    at: datetime


@dataclass(frozen=True)
class _Mishap:
    kind: Literal["limited", "refused", "lost", "broken", "killed"]
    seconds: float = 0
    code: str = ""


class FakeSlack:
    """now: the clock. Mishaps befall the next calls of a method, named as Slack names it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.messages: list[Said] = []
        self.calls: list[Call] = []  # those that reached Slack
        self.views: list[dict[str, Any]] = []
        self.homes: dict[str, dict[str, Any]] = {}  # user → what stands in their Home tab, with its hash
        self.files: dict[str, bytes] = {}  # by id
        self.closed: dict[str, str] = {}  # channel, or a person who takes no direct messages → Slack's code
        self._now = now
        self._mishaps: dict[str, deque[_Mishap]] = {}
        self._meanwhile: dict[str, Callable[[], object]] = {}
        self._not_before: dict[tuple[str, str], datetime] = {}
        self._urls: dict[str, tuple[str, str, str, datetime, int]] = {}
        self._triggers: dict[str, datetime] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    # What bot.slack.Slack has too.

    def post(
        self,
        channel: str,
        message: Message,
        thread_ts: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        def act() -> Mapping[str, Any]:
            self._refuse_closed("chat.postMessage", channel)
            if thread_ts is not None and not any(each.ts == thread_ts for each in self.messages):
                raise NotTaken("chat.postMessage", "thread_not_found")
            said = self._put(channel, message, thread_ts=thread_ts, metadata=metadata)
            return {"channel": channel, "ts": said.ts}

        return self._call("chat.postMessage", channel, act)

    def edit(self, channel: str, ts: str, message: Message) -> None:
        def act() -> Mapping[str, Any]:
            found = self._found("chat.update", channel, ts)
            if self.closed.get(channel) == "is_archived":
                raise NotTaken("chat.update", "is_archived")
            self._replace(found, message)
            return {}

        self._call("chat.update", channel, act)

    def whisper(self, channel: str, user: str, message: Message, thread_ts: str | None = None) -> None:
        def act() -> Mapping[str, Any]:
            self._refuse_closed("chat.postEphemeral", channel)
            self._put(channel, message, thread_ts=thread_ts, only=user)
            return {}

        self._call("chat.postEphemeral", channel, act)

    def respond(self, url: str, message: Message, replace: bool) -> None:
        mishap = self._next_mishap("response_url")
        if mishap is not None and mishap.kind == "refused":
            raise NotTaken("response_url", mishap.code)
        self._use_url(url, message, replace)
        if mishap is not None and mishap.kind == "killed":
            raise Killed
        if mishap is not None:
            raise Later(self._now(), maybe_sent=True)

    def upload(
        self,
        channel: str,
        thread_ts: str | None,
        name: str,
        body: str | bytes,
        comment: str = "",
        alt: str = "",
        beside: Picture | None = None,
    ) -> str:
        def act() -> Mapping[str, Any]:
            self._refuse_closed("files.upload", channel)
            file_id = f"F{next(self._numbers):08d}"
            self.files[file_id] = body if isinstance(body, bytes) else body.encode()
            if channel:
                text = body if isinstance(body, str) else ""
                drawn = None if beside is None else beside.alt
                more = {"file": name, "body": text, "beside": drawn}
                self._put(channel, Message(comment, []), thread_ts=thread_ts, **more)
            return {"id": file_id}

        return str(self._call("files.upload", channel, act)["id"])

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> str:
        def act() -> Mapping[str, Any]:
            issued_at = self._triggers.pop(trigger_id, None)
            if issued_at is None:
                raise NotTaken("views.open", "invalid_trigger_id")
            if self._now() - issued_at > TRIGGER_LIFE:
                raise NotTaken("views.open", "expired_trigger_id")
            check_view(view)
            view_id = f"V{next(self._numbers)}"
            self.views.append({**view, "id": view_id, "hash": view_id})
            return {"id": view_id}

        return str(self._call("views.open", "", act)["id"])

    def link(self, channel: str, ts: str) -> str:
        def act() -> Mapping[str, Any]:
            self._found("chat.getPermalink", channel, ts)
            return {"permalink": f"https://inn.slack.test/archives/{channel}/p{ts.replace('.', '')}"}

        return str(self._call("chat.getPermalink", channel, act)["permalink"])

    def update_view(self, view_id: str, view: dict[str, Any], shown_hash: str = "") -> None:
        def act() -> Mapping[str, Any]:
            place = next((at for at, each in enumerate(self.views) if each["id"] == view_id), None)
            if place is None:
                raise NotTaken("views.update", "not_found")
            if shown_hash and self.views[place]["hash"] != shown_hash:
                raise NotTaken("views.update", "hash_conflict")
            check_view(view)
            self.views[place] = {**view, "id": view_id, "hash": str(next(self._numbers))}
            return {}

        self._call("views.update", view_id, act)

    def publish_home(self, user: str, view: dict[str, Any], shown_hash: str = "") -> str:
        def act() -> Mapping[str, Any]:
            check_view(view)
            if shown_hash and self.homes.get(user, {}).get("hash", shown_hash) != shown_hash:
                raise NotTaken("views.publish", "hash_conflict")
            self._refuse_unknown_pictures("views.publish", view["blocks"])
            self.homes[user] = {**view, "hash": str(next(self._numbers))}
            return {"hash": self.homes[user]["hash"]}

        return str(self._call("views.publish", user, act)["hash"])

    def direct(self, user: str) -> str:
        def act() -> Mapping[str, Any]:
            if user in self.closed:
                raise NotTaken("conversations.open", self.closed[user])
            return {"id": self.direct_channel(user)}

        return str(self._call("conversations.open", user, act)["id"])

    def history(self, channel: str, since: datetime) -> list[dict[str, Any]]:
        def act() -> Mapping[str, Any]:
            self._refuse_closed("conversations.history", channel)
            shown = [each for each in self.public(channel) if float(each.ts) > since.timestamp()]
            return {"messages": [_as_slack_tells(each) for each in reversed(shown)]}

        return list(self._call("conversations.history", channel, act)["messages"])

    def replies(self, channel: str, ts: str) -> list[dict[str, Any]]:
        def act() -> Mapping[str, Any]:
            self._refuse_closed("conversations.replies", channel)
            first = self._found("conversations.replies", channel, ts, code="thread_not_found")
            return {"messages": [_as_slack_tells(each) for each in [first, *self.thread(ts)]]}

        return list(self._call("conversations.replies", channel, act)["messages"])

    # What a test does.

    def rate_limit(self, method: str, seconds: float, times: int = 1) -> None:
        """The next call is answered 429 with Retry-After, and nothing is done."""
        self._befalls(method, _Mishap("limited", seconds=seconds), times)

    def refuse(self, method: str, code: str, times: int = 1) -> None:
        """The next call is answered with this error of Slack's."""
        self._befalls(method, _Mishap("refused", code=code), times)

    def meanwhile(self, method: str, happens: Callable[[], object]) -> None:
        """While the next call is on its way, this happens."""
        self._meanwhile[method] = happens

    def break_in(self, method: str) -> None:
        """A fault of ours shows in the next call."""
        self._befalls(method, _Mishap("broken"), 1)

    def lose_answer(self, method: str, times: int = 1) -> None:
        """The next call is done, and its answer does not arrive."""
        self._befalls(method, _Mishap("lost"), times)

    def kill_after(self, method: str) -> None:
        """The process dies when the next call is done, before it hears the answer."""
        self._befalls(method, _Mishap("killed"), 1)

    def new_response_url(self, channel: str, user: str, message_ts: str = "") -> str:
        """An address that comes with a request: good for five answers within thirty minutes."""
        url = f"https://hooks.slack.test/{next(self._numbers)}"
        self._urls[url] = (channel, user, message_ts, self._now(), 0)
        return url

    def new_trigger(self) -> str:
        """A trigger id: good for one form within three seconds."""
        trigger = f"{next(self._numbers)}.trigger"
        self._triggers[trigger] = self._now()
        return trigger

    @staticmethod
    def direct_channel(user: str) -> str:
        return f"D{user.removeprefix('U')}"

    def public(self, channel: str) -> list[Said]:
        """What everybody sees in a channel, without the threads."""
        return [each for each in self._in(channel) if each.only is None and each.thread_ts is None]

    def thread(self, ts: str) -> list[Said]:
        """The replies to a message."""
        with self._lock:
            return [each for each in self.messages if each.thread_ts == ts and each.only is None]

    def private(self, user: str) -> list[Said]:
        """What only that person sees: ephemeral messages, and direct ones."""
        with self._lock:
            mine = self.direct_channel(user)
            return [each for each in self.messages if each.only == user or each.channel == mine]

    def delete(self, ts: str) -> None:
        """Somebody deletes a message."""
        with self._lock:
            self.messages = [each for each in self.messages if each.ts != ts]

    def calls_of(self, method: str) -> list[Call]:
        with self._lock:
            return [each for each in self.calls if each.method == method]

    def _in(self, channel: str) -> list[Said]:
        with self._lock:
            return [each for each in self.messages if each.channel == channel]

    def _call(self, method: str, channel: str, act: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        key, now = (method, channel), self._now()
        with self._lock:
            if now < self._not_before.get(key, now):
                raise Later(self._not_before[key])
            self.calls.append(Call(method, channel, now))
            mishap = self._next_mishap(method)
            if mishap is not None and mishap.kind == "limited":
                self._not_before[key] = now + timedelta(seconds=mishap.seconds)
                raise Later(self._not_before[key])
            if mishap is not None and mishap.kind == "refused":
                raise NotTaken(method, mishap.code)
            if mishap is not None and mishap.kind == "broken":
                raise RuntimeError(f"a fault in {method}")
            if (meanwhile := self._meanwhile.pop(method, None)) is not None:
                meanwhile()
            answer = act()
            if mishap is not None and mishap.kind == "lost":
                self._not_before[key] = now + AWAY_PAUSE
                raise Later(self._not_before[key], maybe_sent=True)
            if mishap is not None:
                raise Killed
            return answer

    def _befalls(self, method: str, mishap: _Mishap, times: int) -> None:
        self._mishaps.setdefault(method, deque()).extend([mishap] * times)

    def _next_mishap(self, method: str) -> _Mishap | None:
        waiting = self._mishaps.get(method)
        return waiting.popleft() if waiting else None

    def _refuse_closed(self, method: str, channel: str) -> None:
        code = self.closed.get(channel)
        if code is not None and not (code == "is_archived" and method.startswith("conversations")):
            raise NotTaken(method, code)

    def _refuse_unknown_pictures(self, method: str, blocks: list[dict[str, Any]]) -> None:
        for block in blocks:
            if block["type"] == "image" and block["slack_file"]["id"] not in self.files:
                raise NotTaken(method, "invalid_blocks")

    def _found(self, method: str, channel: str, ts: str, code: str = "message_not_found") -> Said:
        for each in self._in(channel):
            if each.ts == ts and each.only is None:
                return each
        raise NotTaken(method, code)

    def _put(self, channel: str, message: Message, **more: Any) -> Said:
        if message.blocks:
            check(message)
        if not message.text and not message.blocks and "file" not in more:
            raise NotTaken("chat.postMessage", "no_text")
        self._refuse_unknown_pictures("chat.postMessage", message.blocks)
        ts = f"{self._now().timestamp():.0f}.{next(self._numbers):06d}"
        said = Said(ts, channel, message.text, message.blocks, **more)
        with self._lock:
            self.messages.append(said)
        return said

    def _replace(self, old: Said, message: Message) -> None:
        if message.blocks:
            check(message)
        new = replace(old, text=message.text, blocks=message.blocks, edits=old.edits + 1)
        self.messages[self.messages.index(old)] = new

    def _use_url(self, url: str, message: Message, replaces: bool) -> None:
        with self._lock:
            if url not in self._urls:
                raise NotTaken("response_url", "404")
            channel, user, message_ts, issued_at, uses = self._urls[url]
            if uses >= URL_USES or self._now() - issued_at > URL_LIFE:
                raise NotTaken("response_url", "404")
            self._urls[url] = (channel, user, message_ts, issued_at, uses + 1)
            if replaces and message_ts:
                old = next((each for each in self.messages if each.ts == message_ts), None)
                if old is None:
                    raise NotTaken("response_url", "404")
                self._replace(old, message)
            else:
                self._put(channel, message, only=user)


def _as_slack_tells(said: Said) -> dict[str, Any]:
    told: dict[str, Any] = {"ts": said.ts, "text": said.text}
    if said.metadata is not None:
        told["metadata"] = dict(said.metadata)
    if said.thread_ts is not None:
        told["thread_ts"] = said.thread_ts
    if said.file is not None:
        told["files"] = [{"name": each} for each in (said.file, *((BESIDE,) if said.beside else ()))]
    return told
