"""The inbox: what was asked, on the disk before it is acknowledged, once however often it is delivered."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from state.database import Database
from state.records import InboxEntry
from state.rows import Table, from_text, to_json, to_text

INBOX: Table[InboxEntry] = Table(
    name="inbox",
    record=InboxEntry,
    decoders={"payload": json.loads, "received_at": from_text, "done_at": from_text},
)

# Written out, because it stands between a person and the acknowledgement of what they typed.
_RECORD = (
    "INSERT INTO inbox (id, kind, payload, received_at, answer, attempts, taken_by)"
    " VALUES (:id, :kind, :payload, :received_at, '', :attempts, :taken_by) ON CONFLICT (id) DO NOTHING"
)


def record(database: Database, entry: InboxEntry) -> bool:
    """Keep a request. False: it is there already, and somebody else sees to it."""
    recorded = database.execute(
        _RECORD,
        id=entry.id,
        kind=entry.kind,
        payload=to_json(entry.payload),
        received_at=to_text(entry.received_at),
        attempts=entry.attempts,
        taken_by=entry.taken_by,
    )
    if recorded:
        database.ring("inbox")
    return recorded == 1


def get(database: Database, entry_id: str) -> InboxEntry | None:
    """The request with this id of Slack's."""
    return INBOX.one(database, "WHERE id = :id", id=entry_id)


def pending(database: Database) -> list[InboxEntry]:
    """What nobody has answered yet, the oldest first."""
    return INBOX.select(database, "WHERE done_at IS NULL ORDER BY seq")


def take(database: Database, entry: InboxEntry, process: str) -> InboxEntry | None:
    """Take a request in hand, as it was read. None: another was faster, or has answered it meanwhile."""
    taken = replace(entry, taken_by=process, attempts=entry.attempts + 1)
    changes = {"taken_by": process, "attempts": taken.attempts}
    where = "id = :id AND attempts = :seen AND done_at IS NULL"
    done = INBOX.update(database, changes, where, id=entry.id, seen=entry.attempts)
    return taken if done == 1 else None


def finish(database: Database, entry_id: str, now: datetime, answer: str) -> bool:
    """The request was answered. False: it had been already."""
    where = "id = :id AND done_at IS NULL"
    return INBOX.update(database, {"done_at": now, "answer": answer}, where, id=entry_id) == 1


def discard(database: Database, entry_id: str) -> None:
    """Nothing came of a request, and whoever asked is told so and asks again."""
    database.execute("DELETE FROM inbox WHERE id = :id AND done_at IS NULL", id=entry_id)


def forget(database: Database, done_before: datetime) -> int:
    """Delete what was answered before then, and count it. Slack delivers nothing again after five minutes.

    So is what came to the API before then and was never answered: whoever asked has gone away.
    """
    sql = (
        "DELETE FROM inbox WHERE done_at < :done_before"
        " OR (kind = 'api' AND done_at IS NULL AND received_at < :done_before)"
    )
    return database.execute(sql, done_before=done_before)
