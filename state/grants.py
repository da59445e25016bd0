"""Grants: the credentials that somebody holds. Never the credential itself, only what finds and revokes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

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
        "reveal_until": from_text,
        "opened_at": from_text,
        "revoked_at": from_text,
        "ended_at": from_text,
    },
)

_LIVING = "revoked_at IS NULL AND expires_at > :now"


def add(database: Database, grant: Grant) -> bool:
    """Keep a grant, before anything is asked of Vault for it. False: the same request has made one already."""
    return GRANTS.insert(database, grant, "ON CONFLICT (id) DO NOTHING") == 1


def get(database: Database, grant_id: str) -> Grant | None:
    """The grant with this id."""
    return GRANTS.one(database, "WHERE id = :id", id=grant_id)


def of_person(database: Database, person: Person) -> list[Grant]:
    """Everything that was granted to the person, ended or not, the newest first."""
    return GRANTS.select(database, "WHERE person = :person ORDER BY seq DESC", person=person)


def of_lab(database: Database, lab_id: str) -> list[Grant]:
    """Everything that was granted on the lab, ended or not, the newest first."""
    return GRANTS.select(database, "WHERE lab_id = :lab_id ORDER BY seq DESC", lab_id=lab_id)


def living(
    database: Database, now: datetime, person: Person | None = None, lab_id: str | None = None
) -> list[Grant]:
    """What works now, the newest first: all of it, or that of one person, or on one lab."""
    given = {"person": person, "lab_id": lab_id}
    values = {name: value for name, value in given.items() if value is not None}
    where = " AND ".join([_LIVING, *(f"{name} = :{name}" for name in values)])
    return GRANTS.select(database, f"WHERE {where} ORDER BY seq DESC", now=now, **values)


def revoked(database: Database, now: datetime) -> list[Grant]:
    """The ssh certificates that were revoked and would still be valid: what the KRL is made of.

    One without a serial may have been issued all the same: it is known by its key id alone.
    """
    where = "WHERE kind = 'ssh' AND revoked_at IS NOT NULL AND expires_at > :now ORDER BY seq"
    return GRANTS.select(database, where, now=now)


def revocations(database: Database) -> tuple[int, int]:
    """Grows with every revocation, and when the serial of a revoked certificate becomes known: cheap to ask."""
    row = database.row(
        "SELECT COUNT(*) AS many, COUNT(serial) AS known FROM grants WHERE revoked_at IS NOT NULL"
    )
    return (int(row["many"]), int(row["known"])) if row else (0, 0)


def unfinished(database: Database, begun_before: datetime) -> list[Grant]:
    """What was begun before then and never issued, as far as we know: whoever began it has died."""
    where = "WHERE vault_request_id = '' AND revoked_at IS NULL AND issued_at < :begun_before ORDER BY seq"
    return GRANTS.select(database, where, begun_before=begun_before)


def unopened(database: Database, now: datetime) -> list[Grant]:
    """Secrets that nobody has looked at in their time: nobody will."""
    where = (
        "WHERE sealed_reveal IS NOT NULL AND opened_at IS NULL AND revoked_at IS NULL"
        " AND reveal_until <= :now ORDER BY seq"
    )
    return GRANTS.select(database, where, now=now)


def to_end(database: Database, now: datetime, person: Person | None = None, limit: int = 1000) -> list[Grant]:
    """What must not work any more and is not known to be gone from Vault: revoked, or expired. person: only theirs."""
    theirs = "" if person is None else "person = :person AND "
    where = (
        f"WHERE {theirs}ended_at IS NULL AND (revoked_at IS NOT NULL OR expires_at <= :now)"
        " ORDER BY seq LIMIT :limit"
    )
    values = {} if person is None else {"person": person}
    return GRANTS.select(database, where, now=now, limit=limit, **values)


def of_gone_labs(database: Database, now: datetime) -> list[Grant]:
    """What works on labs that are gone."""
    where = f"WHERE {_LIVING} AND lab_id IN (SELECT id FROM labs WHERE gone_at IS NOT NULL) ORDER BY seq"  # noqa: S608
    return GRANTS.select(database, where, now=now)


def expiring(database: Database, kind: str, now: datetime, until: datetime) -> list[Grant]:
    """What works now, and will have expired then."""
    where = f"WHERE {_LIVING} AND kind = :kind AND expires_at <= :until ORDER BY seq"
    return GRANTS.select(database, where, now=now, kind=kind, until=until)


def update(database: Database, grant_id: str, **columns: Any) -> bool:
    """Set the named columns of a grant that was not revoked. False: it was, so nothing may be handed over.

    What is learnt of it is kept in either case: a serial that is known revokes more than one that is not.
    """
    with database.transaction():
        GRANTS.update(database, columns, "id = :id", id=grant_id)
        row = database.row("SELECT revoked_at FROM grants WHERE id = :id", id=grant_id)
        if row is not None and row["revoked_at"] is not None:
            database.ring("grants")
            return False
    return row is not None


def revoke(database: Database, grant_id: str, now: datetime, because: str = "") -> bool:
    """From now on it must not work. False: it was revoked already."""
    changes = {"revoked_at": now, "revoked_because": because}
    done = GRANTS.update(database, changes, "id = :id AND revoked_at IS NULL", id=grant_id) == 1
    database.ring("grants")
    return done


def revoke_all(
    database: Database,
    now: datetime,
    because: str,
    person: Person,
    begun_before: datetime | None = None,
    name: str | None = None,
) -> int:
    """All that the person holds and that has not expired must not work from now on. Counts what did until now.

    begun_before: only what was begun by then. name: only that key, host name or role.
    """
    given = {"begun_before": begun_before, "name": name}
    values = {key: value for key, value in given.items() if value is not None}
    asked = {"begun_before": "issued_at <= :begun_before", "name": "name = :name"}
    where = " AND ".join(
        ["person = :person AND revoked_at IS NULL AND expires_at > :now", *map(asked.get, values)]  # type: ignore[list-item]
    )
    revoked_now = database.execute(
        f"UPDATE grants SET revoked_at = :now, revoked_because = :because WHERE {where}",  # noqa: S608
        now=now,
        because=because,
        person=person,
        **values,
    )
    database.ring("grants")
    return revoked_now


def begin_opening(database: Database, grant_id: str, now: datetime) -> bool:
    """Its secret is about to be opened. False: it was opened before, or may not be any more."""
    where = "id = :id AND opened_at IS NULL AND revoked_at IS NULL AND reveal_until > :now"
    return GRANTS.update(database, {"opened_at": now}, where, id=grant_id, now=now) == 1


def not_opened(database: Database, grant_id: str) -> None:
    """Vault did not answer, so the secret is still in its wrapping as far as we know."""
    GRANTS.update(database, {"opened_at": None}, "id = :id", id=grant_id)


def end(database: Database, grant_id: str, now: datetime) -> None:
    """It is gone from Vault too. What could open it is forgotten."""
    changes = {"ended_at": now, "sealed_reveal": None}
    GRANTS.update(database, changes, "id = :id AND ended_at IS NULL", id=grant_id)
