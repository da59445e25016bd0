"""The outbox on its way to Slack: each message once, in its place or in the nearest one that is open."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.slack import Later, NotTaken, Slack
from bot.views.lists import ANSWER
from bot.views.message import Message, actions, escape, message, picture, section
from commands.pictures import Picture
from state import cards, outbox
from state.database import Database
from state.records import OutboxMessage, Person

REPLY_EVENT = "innkeeper_reply"
ON_ITS_WAY = timedelta(seconds=3)  # for so long what another process has begun to send is left to it
GIVE_UP_ATTEMPTS = 8
PICTURE_NAME, PICTURE_TRIES, PICTURE_PAUSE = "picture.png", 3, timedelta(seconds=1)
CLOSED = ("channel_not_found", "not_in_channel", "is_archived", "no_permission", "restricted_action")

log = structlog.get_logger()

Reviewers = Callable[[frozenset[str]], list[Person]]  # who holds any of these roles; none when Vault is away
Place = tuple[str, str | None]  # channel, and the thread in it


class Outgoing:
    """send_due() sends what is due, and says when to come back."""

    def __init__(self, slack: Slack, database: Database, reviewers: Reviewers) -> None:
        self._slack = slack
        self._database = database
        self._reviewers = reviewers
        self._begun: dict[str, datetime] = {}  # message → when this process began to send it
        self._pictures: dict[str, str] = {}  # message → the file of its picture, which waits to be shown

    def send_due(self, now: datetime) -> tuple[str, datetime | None]:
        """Send every message of the outbox that is due. Returns a sentence, and when to come back."""
        sent, again = 0, list[datetime]()
        for waiting in outbox.due(self._database, now):
            try:
                sent += self._send(waiting, now)
            except Later as later:
                again.append(later.at)
                if not later.maybe_sent:
                    outbox.postpone(self._database, waiting.id, later.at)
            except NotTaken as refused:
                log.warning("Slack does not take a reply", message=waiting.id, error=str(refused))
                if waiting.attempts + 1 >= GIVE_UP_ATTEMPTS:
                    outbox.sent(self._database, waiting.id, now)
                else:
                    outbox.postpone(self._database, waiting.id, now + timedelta(seconds=5))
            except Exception:
                log.exception("a reply cannot be sent", message=waiting.id)
        return f"sent {sent} replies", min(again, default=None)

    def _send(self, waiting: OutboxMessage, now: datetime) -> int:
        leave_to_another(self._begun.get(waiting.id), waiting.sending_at, now)
        channel, thread_ts = self._place(waiting, now)
        ts = None
        if waiting.sending_at is not None:
            ts = self._found(waiting, (channel, thread_ts))
        if ts is None:
            if not outbox.begin(self._database, waiting, now):
                return 0
            self._begun[waiting.id] = now
            channel, ts = self._posted(waiting, (channel, thread_ts), now)
        outbox.sent(self._database, waiting.id, now, channel, ts)
        self._begun.pop(waiting.id, None)
        self._pictures.pop(waiting.id, None)
        return 1

    def _place(self, waiting: OutboxMessage, now: datetime) -> Place:
        """Where it belongs. Raises Later while that is not there yet."""
        if waiting.run_id is not None:
            card = cards.of_run(self._database, waiting.run_id)
            if card is None or card.ts is None:
                raise Later(now + timedelta(milliseconds=200))
            return (waiting.channel, waiting.thread_ts) if waiting.thread_ts else (card.channel, card.ts)
        if waiting.thread_of is not None:
            above = outbox.get(self._database, waiting.thread_of)
            if above is not None and above.sent_at is None:
                raise Later(now + timedelta(milliseconds=200))
            if above is not None and above.ts and above.sent_channel:
                return above.sent_channel, above.ts
        if waiting.person is not None and not waiting.channel:
            return self._directly(waiting, waiting.person), None
        return waiting.channel, None

    def _directly(self, waiting: OutboxMessage, person: Person) -> str:
        """The direct messages with somebody; with others whom it concerns, where they have left Slack."""
        try:
            return self._slack.direct(person.user)
        except NotTaken:
            for other in self._others(waiting):
                with contextlib.suppress(NotTaken):
                    return self._slack.direct(other.user)
            raise

    def _others(self, waiting: OutboxMessage) -> list[Person]:
        """Who is told what its place does not take: whom it concerns, and else the admins."""
        if waiting.fallback is None:
            return []
        return [waiting.fallback, *self._reviewers(frozenset({"admin"}))]

    def _posted(self, waiting: OutboxMessage, place: Place, now: datetime) -> tuple[str, str]:
        """Into its place; where that is closed to us, to whom it concerns, and else to the admins."""
        try:
            return place[0], self._post(waiting, place, now)
        except NotTaken as refused:
            if refused.code not in CLOSED or waiting.fallback is None:
                raise
        for person in self._others(waiting):
            try:
                direct = self._slack.direct(person.user)
                return direct, self._post(waiting, (direct, None), now)
            except NotTaken as refused:
                log.warning("a message reaches nobody here", message=waiting.id, error=str(refused))
        raise NotTaken("chat.postMessage", "nobody")

    def _post(self, waiting: OutboxMessage, place: Place, now: datetime) -> str:
        if waiting.file_name is not None:
            beside = None if waiting.picture is None else Picture(waiting.picture, waiting.picture_alt)
            upload(self._slack, place, waiting.file_name, waiting.body, waiting.text, beside)
            return ""
        metadata = {"event_type": REPLY_EVENT, "event_payload": {"id": waiting.id}}
        if waiting.picture is not None:
            return self._post_with_picture(waiting, waiting.picture, place, metadata, now)
        message = _view(waiting)
        if waiting.thread_ts and waiting.run_id:
            message = Message(f"{message.text} {self._card_link(waiting.run_id)}".strip(), message.blocks)
        sent = self._slack.post(place[0], message, place[1], metadata)
        return str(sent.get("ts") or "")

    def _card_link(self, run_id: str) -> str:
        """`Its card.` as a link; empty where Slack does not tell it."""
        card = cards.of_run(self._database, run_id)
        try:
            link = self._slack.link(card.channel, card.ts) if card is not None and card.ts else ""
        except NotTaken as refused:
            log.info("a link is left out", error=str(refused))
            return ""
        return f"<{link}|Its card.>" if link else ""

    def _post_with_picture(
        self, waiting: OutboxMessage, png: bytes, place: Place, metadata: dict[str, Any], now: datetime
    ) -> str:
        """Text with its picture; where Slack does not show that, the picture is a file in the thread."""
        try:
            file_id = self._pictures.get(waiting.id) or self._slack.upload(
                "", None, PICTURE_NAME, png, alt=waiting.picture_alt
            )
            self._pictures[waiting.id] = file_id
            sent = self._slack.post(place[0], _view(waiting, file_id), place[1], metadata)
        except NotTaken as refused:
            if refused.code in CLOSED:
                raise
            if refused.code == "invalid_blocks" and waiting.attempts + 1 < PICTURE_TRIES:
                raise Later(now + PICTURE_PAUSE) from None  # a file takes a moment until it can be shown
            log.warning("a picture goes into the thread", message=waiting.id, error=str(refused))
            sent = self._slack.post(place[0], _view(waiting), place[1], metadata)
            self._attach(place[0], place[1] or str(sent.get("ts") or ""), png, waiting.picture_alt)
        return str(sent.get("ts") or "")

    def _attach(self, channel: str, thread_ts: str, png: bytes, alt: str) -> None:
        """The message is there, so whatever happens to its picture must not send it again."""
        try:
            self._slack.upload(channel, thread_ts, PICTURE_NAME, png, alt=alt)
        except (NotTaken, Later) as refused:
            log.warning("a picture is left out", error=str(refused))

    def _found(self, waiting: OutboxMessage, place: Place) -> str | None:
        """The ts of a message that was begun before and has arrived; empty for a file."""
        places = [place]
        if waiting.fallback is not None:
            places.append((self._slack.direct(waiting.fallback.user), None))
        for channel, thread_ts in places:
            try:
                if thread_ts is not None:
                    there = self._slack.replies(channel, thread_ts)
                else:
                    since = (waiting.sending_at or waiting.due_at) - timedelta(minutes=1)
                    there = self._slack.history(channel, since)
            except NotTaken:
                continue
            except Later as later:
                raise Later(later.at, maybe_sent=True) from None  # not known yet, so nothing is sent twice
            if waiting.file_name is not None and waiting.file_name in {
                file.get("name") for each in there for file in each.get("files") or []
            }:
                return ""
            ts = ts_of(there, REPLY_EVENT, waiting.id)
            if ts is not None:
                return ts
        return None


def upload(
    slack: Slack, place: Place, name: str, body: str, comment: str = "", beside: Picture | None = None
) -> None:
    """A text file, and a picture beside it; where files are not allowed, the beginning of it is better than nothing."""
    try:
        slack.upload(*place, name, body, comment, beside=beside)
    except NotTaken:
        beginning = escape(body[:2800].replace("```", "'''"))
        slack.post(place[0], Message(f"{comment}\n```{beginning}```".strip(), []), place[1])


def leave_to_another(ours: datetime | None, began_at: datetime | None, now: datetime) -> None:
    """What another process has just begun to send is probably on its way: raise Later, and look again then."""
    if began_at is None or ours == began_at:
        return
    if timedelta(0) <= now - began_at < ON_ITS_WAY:
        raise Later(began_at + ON_ITS_WAY, maybe_sent=True)


def ts_of(messages: list[dict[str, Any]], event_type: str, wanted_id: str) -> str | None:
    """The ts of the message that carries this id in its metadata."""
    for each in messages:
        metadata = each.get("metadata") or {}
        if (
            metadata.get("event_type") == event_type
            and metadata.get("event_payload", {}).get("id") == wanted_id
        ):
            return str(each["ts"])
    return None


def _view(waiting: OutboxMessage, file_id: str = "") -> Message:
    if not waiting.buttons and not file_id:
        return Message(waiting.text, [])
    blocks = [section(waiting.text)]
    if file_id:
        blocks.append(picture(file_id, waiting.picture_alt))
    if waiting.buttons:
        is_private = waiting.person is not None and not waiting.channel
        blocks.append(actions(waiting.buttons, ANSWER if is_private else "buttons"))
    return message(waiting.text, blocks)
