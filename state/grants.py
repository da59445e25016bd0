"""Grants: the credentials that somebody holds. Never the credential itself, only what revokes it."""

from __future__ import annotations

from datetime import datetime

from state.database import Database
from state.records import Grant, Person
from state.rows import Table, from_text

GRANTS: Table[Grant] = Table(
    name="grants",
    record=Grant,
    decoders={
        "person": Person.parse,
        "issued_at": from_text,
        "expires_at": from_text,
        "revoked_at": from_text,
    },
)


def add(database: Database, grant: Grant) -> None:
    """Keep a grant, before its credential is handed over."""
    GRANTS.insert(database, grant)


def get(database: Database, grant_id: str) -> Grant | None:
    """The grant with this id."""
    return GRANTS.one(database, "WHERE id = :id", id=grant_id)


def of_person(database: Database, person: Person) -> list[Grant]:
    """Everything that was granted to the person, ended or not, the newest first."""
    return GRANTS.select(database, "WHERE person = :person ORDER BY seq DESC", person=person)


def of_lab(database: Database, lab_id: str) -> list[Grant]:
    """Everything that was granted on the lab, ended or not, the newest first."""
    return GRANTS.select(database, "WHERE lab_id = :lab_id ORDER BY seq DESC", lab_id=lab_id)


def revoke(database: Database, grant_id: str, now: datetime) -> bool:
    """The grant has ended before its time. False: it had already."""
    return GRANTS.update(database, {"revoked_at": now}, "id = :id AND revoked_at IS NULL", id=grant_id) == 1
