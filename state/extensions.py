"""Extensions: a lab shall live longer than its blueprint's max, which an infra person decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from state.database import Database
from state.records import Person
from state.rows import Table, from_text

ExtensionState = Literal["asked", "approved", "rejected", "void"]


@dataclass(frozen=True)
class Extension:
    """Somebody asked that a lab live longer than its blueprint's max, which an infra person decides."""

    id: str
    lab_id: str
    requester: Person
    asked_at: datetime
    seconds: int
    expires_at: datetime  # what the lab's expiry becomes
    state: ExtensionState = "asked"
    decided_by: Person | None = None
    decided_at: datetime | None = None


EXTENSIONS: Table[Extension] = Table(
    name="extensions",
    record=Extension,
    decoders={
        "requester": Person.parse,
        "asked_at": from_text,
        "expires_at": from_text,
        "decided_by": Person.parse,
        "decided_at": from_text,
    },
)


def ask(database: Database, extension: Extension) -> bool:
    """Keep a question. False: one of this lab waits for its answer already."""
    otherwise = "ON CONFLICT DO NOTHING"
    return EXTENSIONS.insert(database, extension, otherwise) == 1


def get(database: Database, extension_id: str) -> Extension | None:
    """The extension with this id."""
    return EXTENSIONS.one(database, "WHERE id = :id", id=extension_id)


def waiting_of(database: Database, lab_id: str) -> Extension | None:
    """The lab's question that nobody has answered."""
    return EXTENSIONS.one(database, "WHERE lab_id = :lab_id AND state = 'asked'", lab_id=lab_id)


def waiting(database: Database) -> list[Extension]:
    """Every question that nobody has answered, the oldest first."""
    return EXTENSIONS.select(database, "WHERE state = 'asked' ORDER BY seq")


def decide(
    database: Database, extension_id: str, state: ExtensionState, person: Person | None, now: datetime
) -> bool:
    """Answer a question once. False: it was answered already."""
    changes = {"state": state, "decided_by": person, "decided_at": now}
    return EXTENSIONS.update(database, changes, "id = :id AND decided_at IS NULL", id=extension_id) == 1
