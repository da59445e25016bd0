"""Factors: how often a second factor was wrong. The factor itself is in Vault and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from state.database import Database
from state.records import Person
from state.rows import Table, from_text


@dataclass(frozen=True)
class FactorTries:
    """How often somebody's second factor was wrong since it was last right, and until when it is not asked."""

    person: Person
    wrong: int = 0
    locked_until: datetime | None = None


FACTORS: Table[FactorTries] = Table(
    name="factors",
    record=FactorTries,
    decoders={"person": Person.parse, "locked_until": from_text},
)


def of_person(database: Database, person: Person) -> FactorTries:
    """The person's tries."""
    return FACTORS.one(database, "WHERE person = :person", person=person) or FactorTries(person)


def begin_try(
    database: Database, person: Person, now: datetime, most: int, lock: timedelta
) -> FactorTries | None:
    """Count a try as wrong before the code is checked, so that many at once are no more than most. None: locked.

    The last of them locks; right() takes that back.
    """
    with database.transaction():
        before = of_person(database, person)
        if before.locked_until is not None and now < before.locked_until:
            return None
        wrong = 1 if before.locked_until is not None else before.wrong + 1
        after = FactorTries(person, wrong, now + lock if wrong >= most else None)
        FACTORS.insert(
            database,
            after,
            "ON CONFLICT (person) DO UPDATE SET wrong = excluded.wrong, locked_until = excluded.locked_until",
        )
    return after


def right(database: Database, person: Person) -> None:
    """The code was right, or the factor is a new one: count from the beginning."""
    database.execute("DELETE FROM factors WHERE person = :person", person=person)


def not_tried(database: Database, person: Person) -> None:
    """Vault did not answer, so the try that was counted was none."""
    database.execute(
        "UPDATE factors SET wrong = wrong - 1, locked_until = NULL WHERE person = :person AND wrong > 0",
        person=person,
    )
