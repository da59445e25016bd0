"""The audit: what happened, append-only, each entry chained to the one before by its hash.

Whoever changes, removes or reorders entries must compute every later hash anew, so a copy of the newest hash
kept elsewhere proves the whole. What was cut off at the end shows only against such a copy: see head.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from state.database import Database
from state.records import AuditEntry, Person
from state.rows import Table, from_text, to_column, to_json, to_text

AUDIT: Table[AuditEntry] = Table(
    name="audit", record=AuditEntry, decoders={"at": from_text, "detail": json.loads}
)

FIRST_HASH = "0" * 64
_PAGE = 1000


def append(
    database: Database, now: datetime, actor: str | Person, action: str, subject: str | Person, **detail: Any
) -> AuditEntry:
    """Add an entry. detail holds names, digests and counts, never a value that somebody keeps secret.

    It is part of the transaction it is called in. Writers queue for it, so that there is one chain.
    """
    with database.transaction():
        sequence, previous_hash = head(database)
        row = {
            "sequence": sequence + 1,
            "at": to_text(now),
            "actor": to_column(actor),
            "action": action,
            "subject": to_column(subject),
            "detail": to_json(dict(sorted(detail.items()))),
            "previous_hash": previous_hash,
        }
        row["hash"] = _hash(row)
        entry = AUDIT.read(row)
        database.execute(_APPEND, **row)
    return entry


_APPEND = (
    "INSERT INTO audit (sequence, at, actor, action, subject, detail, previous_hash, hash)"
    " VALUES (:sequence, :at, :actor, :action, :subject, :detail, :previous_hash, :hash)"
)


def head(database: Database) -> tuple[int, str]:
    """The newest entry's sequence and hash: 0 and zeros where there is none."""
    row = database.row("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
    return (row["sequence"], row["hash"]) if row else (0, FIRST_HASH)


def entries(
    database: Database,
    subject: str | Person | None = None,
    actor: str | Person | None = None,
    about: str | Person | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[AuditEntry]:
    """A page of entries, the newest first: with that subject, by that actor, about either."""
    where, values = _where(subject, actor, about)
    tail = f"{where} ORDER BY sequence DESC LIMIT :limit OFFSET :offset"
    return AUDIT.select(database, tail, limit=limit, offset=offset, **values)


def count(
    database: Database,
    subject: str | Person | None = None,
    actor: str | Person | None = None,
    about: str | Person | None = None,
) -> int:
    """How many entries that would be in all."""
    where, values = _where(subject, actor, about)
    row = database.row(f"SELECT COUNT(*) AS many FROM audit {where}", **values)  # noqa: S608
    return int(row["many"]) if row else 0


def _where(
    subject: str | Person | None, actor: str | Person | None, about: str | Person | None
) -> tuple[str, dict[str, str | Person]]:
    given = {"subject": subject, "actor": actor, "about": about}
    values = {name: value for name, value in given.items() if value is not None}
    asked = {
        "subject": "subject = :subject",
        "actor": "actor = :actor",
        "about": "(subject = :about OR actor = :about)",
    }
    conditions = " AND ".join(asked[name] for name in values)
    return (f"WHERE {conditions}" if conditions else ""), values


def verify(database: Database) -> int | None:
    """Walk the chain. None: it holds. Else the first sequence whose entry was changed, removed or moved."""
    expected, previous_hash = 1, FIRST_HASH
    while True:
        page = database.rows(
            "SELECT * FROM audit WHERE sequence >= :expected ORDER BY sequence LIMIT :page",
            expected=expected,
            page=_PAGE,
        )
        for row in page:
            broken = row["sequence"] != expected or row["previous_hash"] != previous_hash
            if broken or row["hash"] != _hash(row):
                return expected
            expected, previous_hash = expected + 1, row["hash"]
        if len(page) < _PAGE:
            return None


def _hash(row: dict[str, Any]) -> str:
    """sha256 of the entry as it is kept, in hex. As a JSON list, so that no text can pass for two fields."""
    kept = [row["sequence"], row["at"], row["actor"], row["action"], row["subject"], row["detail"]]
    return hashlib.sha256(to_json([*kept, row["previous_hash"]]).encode()).hexdigest()
