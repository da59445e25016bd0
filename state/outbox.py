"""The outbox: messages that must be sent once."""

from __future__ import annotations

import json
from datetime import datetime

from state.database import Database
from state.records import Button, OutboxMessage, Person
from state.rows import Table, from_text

OUTBOX: Table[OutboxMessage] = Table(
    name="outbox",
    record=OutboxMessage,
    decoders={
        "person": Person.parse,
        "due_at": from_text,
        "buttons": lambda text: tuple(Button(**each) for each in json.loads(text)),
        "fallback": Person.parse,
        "sending_at": from_text,
        "sent_at": from_text,
    },
)


def add(database: Database, message: OutboxMessage) -> bool:
    """Keep a message, and wake the notifier. False: one with this id is there already, or nobody would read it.

    An agent reads no messages; it asks how its runs are.
    """
    if message.person is not None and message.person.is_agent and not message.channel:
        return False
    added = OUTBOX.insert(database, message, "ON CONFLICT (id) DO NOTHING") == 1
    database.ring("outbox")
    return added


def due(database: Database, now: datetime) -> list[OutboxMessage]:
    """What should be sent by now, in the order of its coming.

    One with sending_at was begun and not finished: it may be in Slack, so look there before sending it again.
    """
    return OUTBOX.select(database, "WHERE sent_at IS NULL AND due_at <= :now ORDER BY seq", now=now)


def begin(database: Database, message: OutboxMessage, now: datetime) -> bool:
    """The message is about to be sent. False: it was sent already, or another process has begun since it was read."""
    sql = (
        "UPDATE outbox SET sending_at = :now, attempts = attempts + 1"
        " WHERE id = :id AND sent_at IS NULL AND attempts = :attempts"
    )
    return database.execute(sql, id=message.id, now=now, attempts=message.attempts) == 1


def get(database: Database, message_id: str) -> OutboxMessage | None:
    """The message with this id, sent or not."""
    return OUTBOX.one(database, "WHERE id = :id", id=message_id)


def sent(
    database: Database, message_id: str, now: datetime, channel: str | None = None, ts: str | None = None
) -> None:
    """The message is in Slack, there (or, without a channel, will never be)."""
    changes = {"sent_at": now, "sent_channel": channel, "ts": ts}
    OUTBOX.update(database, changes, "id = :id", id=message_id)


def postpone(database: Database, message_id: str, due_at: datetime) -> None:
    """Slack did not take the message: try again then."""
    OUTBOX.update(database, {"due_at": due_at, "sending_at": None}, "id = :id", id=message_id)
