"""Usages: the times in which something of a lab was there and cost something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from state.database import Database
from state.records import Lab, Person
from state.rows import Table, from_text


@dataclass(frozen=True)
class Usage:
    """A time in which something of a lab was there and cost something: what reports and budgets are counted from."""

    id: str
    lab_id: str
    lab_name: str
    blueprint: str
    owner: Person
    channel: str
    per_hour_cents: float
    currency: str
    started_at: datetime
    ended_at: datetime | None = None
    ended_by: str = (
        ""  # cause of the run that ended it: asked, lifetime, office_hours, changed (another cost)
    )
    saved_cents: float = 0  # what it would have cost on, had its lifetime not ended it


USAGES: Table[Usage] = Table(
    name="usages",
    record=Usage,
    decoders={"owner": Person.parse, "started_at": from_text, "ended_at": from_text},
)


def open_of(database: Database, lab_id: str) -> Usage | None:
    """The lab's usage that still goes on."""
    return USAGES.one(database, "WHERE lab_id = :lab_id AND ended_at IS NULL", lab_id=lab_id)


def of_lab(database: Database, lab_id: str) -> list[Usage]:
    """The lab's usages, the oldest first."""
    return USAGES.select(database, "WHERE lab_id = :lab_id ORDER BY seq", lab_id=lab_id)


def start(database: Database, lab: Lab, per_hour_cents: float, now: datetime, usage_id: str) -> None:
    """From now on the lab costs that. One that goes on at another cost is ended, at the same cost it goes on."""
    going_on = open_of(database, lab.id)
    if going_on is not None:
        if going_on.per_hour_cents == per_hour_cents:
            return
        end(database, lab.id, now, "changed")
    usage = Usage(
        id=usage_id,
        lab_id=lab.id,
        lab_name=lab.name,
        blueprint=lab.blueprint,
        owner=lab.owner,
        channel=lab.channel,
        per_hour_cents=per_hour_cents,
        currency=lab.currency,
        started_at=now,
    )
    USAGES.insert(database, usage, "ON CONFLICT (id) DO NOTHING")


def end(database: Database, lab_id: str, now: datetime, ended_by: str, saved_cents: float = 0) -> None:
    """Nothing of the lab is there any more."""
    changes = {"ended_at": now, "ended_by": ended_by, "saved_cents": saved_cents}
    USAGES.update(database, changes, "lab_id = :lab_id AND ended_at IS NULL", lab_id=lab_id)


def spent_cents(usages: Sequence[Usage], now: datetime) -> float:
    """What these cost until now, in cents."""
    return sum(
        each.per_hour_cents * ((each.ended_at or now) - each.started_at).total_seconds() / 3600
        for each in usages
    )
