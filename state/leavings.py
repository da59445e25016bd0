"""Leavings: who stops being an operator, and how far that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from state.database import Database
from state.records import Person
from state.rows import Table, from_text

LeavingCause = Literal["removed", "deactivated", "expired"]


@dataclass(frozen=True)
class Leaving:
    """Somebody stops being an operator. Each part that is done is recorded, and what is not is tried again.

    because: removed (by asked_by), deactivated (in Slack), expired (as their document says).
    """

    id: str
    person: Person
    asked_by: Person | None
    because: LeavingCause
    started_at: datetime
    document_gone_at: datetime | None = None
    factor_gone_at: datetime | None = None
    rekeyed_at: datetime | None = None  # it is recorded which labs get new root keys
    done_at: datetime | None = None  # all of it, root keys too


LEAVINGS: Table[Leaving] = Table(
    name="leavings",
    record=Leaving,
    decoders={
        "person": Person.parse,
        "asked_by": Person.parse,
        "started_at": from_text,
        "document_gone_at": from_text,
        "factor_gone_at": from_text,
        "rekeyed_at": from_text,
        "done_at": from_text,
    },
)


def start(database: Database, leaving: Leaving) -> Leaving:
    """Keep the intent, and give it; or the one that is under way for this person already."""
    with database.transaction():
        LEAVINGS.insert(database, leaving, "ON CONFLICT (person) WHERE done_at IS NULL DO NOTHING")
        tail = "WHERE person = :person AND done_at IS NULL"
        return LEAVINGS.one(database, tail, person=leaving.person) or leaving


def get(database: Database, leaving_id: str) -> Leaving | None:
    """The leaving with this id."""
    return LEAVINGS.one(database, "WHERE id = :id", id=leaving_id)


def under_way(database: Database) -> list[Leaving]:
    """Those of which something is not done, the oldest first."""
    return LEAVINGS.select(database, "WHERE done_at IS NULL ORDER BY seq")


def latest_of(database: Database, person: Person) -> Leaving | None:
    """The person's last one."""
    return LEAVINGS.one(database, "WHERE person = :person ORDER BY seq DESC LIMIT 1", person=person)


def update(database: Database, leaving_id: str, **columns: Any) -> None:
    """Set the named columns of a leaving."""
    LEAVINGS.update(database, columns, "id = :id", id=leaving_id)


def record_document_gone(database: Database, leaving_id: str, now: datetime) -> bool:
    """Their document is removed. False: somebody else has recorded that already, or it was discarded."""
    where = "id = :id AND document_gone_at IS NULL"
    return LEAVINGS.update(database, {"document_gone_at": now}, where, id=leaving_id) == 1


def discard(database: Database, leaving_id: str) -> None:
    """It must not be after all: nothing of it was done."""
    database.execute("DELETE FROM leavings WHERE id = :id AND document_gone_at IS NULL", id=leaving_id)
