"""Rekeys: the labs whose root keys must become those of today's operators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from state.database import Database
from state.records import Person
from state.rows import Table, from_text

RekeyCause = Literal["added", "changed", "removed"]


@dataclass(frozen=True)
class Rekey:
    """A lab whose root keys must become those of today's operators, until a plan with them was applied."""

    id: str
    lab_id: str
    person: Person  # whose keys changed
    because: RekeyCause
    requester: Person | None  # None: nobody asked, it follows from something
    wanted_at: datetime
    leaving_id: str | None = None
    run_id: str | None = None
    attempts: int = 0
    next_at: datetime | None = None  # not before then
    sentence: str = ""  # why it waits, or how it ended
    done_at: datetime | None = None


REKEYS: Table[Rekey] = Table(
    name="rekeys",
    record=Rekey,
    decoders={
        "person": Person.parse,
        "requester": Person.parse,
        "wanted_at": from_text,
        "next_at": from_text,
        "done_at": from_text,
    },
)


def add(database: Database, rekey: Rekey) -> bool:
    """Keep a wish. False: the same cause has wished it already."""
    return REKEYS.insert(database, rekey, "ON CONFLICT (id) DO NOTHING") == 1


def waiting(database: Database) -> list[Rekey]:
    """What is wished and not done, the oldest first."""
    return REKEYS.select(database, "WHERE done_at IS NULL ORDER BY seq")


def of_run(database: Database, run_id: str) -> list[Rekey]:
    """The wishes that a run fulfils."""
    return REKEYS.select(database, "WHERE run_id = :run_id ORDER BY seq", run_id=run_id)


def of_leaving(database: Database, leaving_id: str) -> list[Rekey]:
    """The wishes that follow from a leaving."""
    return REKEYS.select(database, "WHERE leaving_id = :leaving_id ORDER BY seq", leaving_id=leaving_id)


def update(database: Database, rekey_id: str, **columns: Any) -> None:
    """Set the named columns of a wish."""
    REKEYS.update(database, columns, "id = :id", id=rekey_id)


def end(database: Database, rekey_id: str, now: datetime, sentence: str) -> None:
    """It is done, or there is nothing left to do it on; the sentence says which."""
    REKEYS.update(database, {"done_at": now, "sentence": sentence}, "id = :id", id=rekey_id)
