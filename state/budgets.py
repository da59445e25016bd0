"""Budgets: what a channel's labs may cost in a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from state.database import Database
from state.records import Person
from state.rows import Table, from_text


@dataclass(frozen=True)
class Budget:
    """What a channel's labs may cost in a calendar month (UTC)."""

    channel: str
    per_month_cents: float
    currency: str
    set_by: Person
    set_at: datetime


BUDGETS: Table[Budget] = Table(
    name="budgets",
    record=Budget,
    decoders={"set_by": Person.parse, "set_at": from_text},
)


def of(database: Database, channel: str) -> Budget | None:
    """The channel's budget."""
    return BUDGETS.one(database, "WHERE channel = :channel", channel=channel)


def all(database: Database) -> list[Budget]:
    """Every budget that is set."""
    return BUDGETS.select(database, "ORDER BY seq")


def set(database: Database, budget: Budget) -> None:
    """From now on the channel has this budget."""
    BUDGETS.insert(
        database,
        budget,
        "ON CONFLICT (channel) DO UPDATE SET per_month_cents = excluded.per_month_cents,"
        " currency = excluded.currency, set_by = excluded.set_by, set_at = excluded.set_at",
    )


def remove(database: Database, channel: str) -> bool:
    """The channel has no budget any more. False: it had none."""
    return database.execute("DELETE FROM budgets WHERE channel = :channel", channel=channel) == 1
