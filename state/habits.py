"""Habits: people's time zones, and when they want to be left in peace. Nothing of it is a right."""

from __future__ import annotations

from dataclasses import dataclass

from state.database import Database
from state.records import Person
from state.rows import Table


@dataclass(frozen=True)
class Habits:
    """When somebody wants to be left in peace, in the time zone that Slack told last. None: as everybody."""

    person: Person
    timezone: str = "UTC"  # an IANA name, as Slack tells it
    quiet_from_minute: int | None = None  # of the day
    quiet_until_minute: int | None = None
    quiet_weekends: bool | None = None


HABITS: Table[Habits] = Table(
    name="habits",
    record=Habits,
    decoders={"person": Person.parse, "quiet_weekends": bool},
)


def of(database: Database, person: Person) -> Habits:
    """Somebody's habits; those of everybody where nothing is known."""
    return HABITS.one(database, "WHERE person = :person", person=person) or Habits(person)


def in_zone(database: Database, person: Person, timezone: str) -> None:
    """Slack says that somebody is in this zone."""
    known = HABITS.one(database, "WHERE person = :person", person=person)
    if known is not None and known.timezone == timezone:
        return  # mostly, and looking must not make those who write wait
    HABITS.insert(
        database,
        Habits(person, timezone),
        "ON CONFLICT (person) DO UPDATE SET timezone = excluded.timezone",
    )


def keep(database: Database, habits: Habits) -> None:
    """Remember what somebody has set."""
    HABITS.insert(
        database,
        habits,
        "ON CONFLICT (person) DO UPDATE SET timezone = excluded.timezone,"
        " quiet_from_minute = excluded.quiet_from_minute, quiet_until_minute = excluded.quiet_until_minute,"
        " quiet_weekends = excluded.quiet_weekends",
    )
