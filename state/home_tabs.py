"""Whose Home tab is open, so that one still follows what happens when the process that showed it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from state.database import Database
from state.records import Person
from state.rows import Table, from_text


@dataclass(frozen=True)
class OpenTab:
    """touched_at: they opened it, or pressed something there. Slack never tells when somebody leaves it."""

    person: Person
    touched_at: datetime


TABS: Table[OpenTab] = Table(
    name="home_tabs", record=OpenTab, decoders={"person": Person.parse, "touched_at": from_text}
)


def touch(database: Database, person: Person, now: datetime) -> None:
    """Somebody looks at their tab."""
    TABS.insert(
        database, OpenTab(person, now), "ON CONFLICT (person) DO UPDATE SET touched_at = excluded.touched_at"
    )


def touched_since(database: Database, moment: datetime) -> list[OpenTab]:
    """Whose tab somebody has touched since then, the first first. The others are forgotten."""
    database.execute("DELETE FROM home_tabs WHERE touched_at < :moment", moment=moment)
    return TABS.select(database, "ORDER BY touched_at, seq")
