"""Usages: the times in which something of a lab was there and cost something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

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

_WENT_ON = "started_at < :until AND (ended_at IS NULL OR ended_at > :since)"


def open_of(database: Database, lab_id: str) -> Usage | None:
    """The lab's usage that still goes on."""
    return USAGES.one(database, "WHERE lab_id = :lab_id AND ended_at IS NULL", lab_id=lab_id)


def of_lab(database: Database, lab_id: str) -> list[Usage]:
    """The lab's usages, the oldest first."""
    return USAGES.select(database, "WHERE lab_id = :lab_id ORDER BY seq", lab_id=lab_id)


def within(database: Database, since: datetime, until: datetime, channel: str | None = None) -> list[Usage]:
    """Those that went on at some time between since and until, in one channel or anywhere, the oldest first."""
    named = {} if channel is None else {"channel": channel}
    only = "".join(f" AND {name} = :{name}" for name in named)
    tail = f"WHERE {_WENT_ON}{only} ORDER BY seq"
    return USAGES.select(database, tail, since=since, until=until, **named)


def channels_within(database: Database, since: datetime, until: datetime) -> list[str]:
    """The channels whose labs went on at some time between since and until."""
    sql = f"SELECT DISTINCT channel FROM usages WHERE {_WENT_ON}"  # noqa: S608
    return sorted(row["channel"] for row in database.rows(sql, since=since, until=until))


def busiest_channel(database: Database, since: datetime, until: datetime, owner: Person | None = None) -> str:
    """The channel with most usages of an owner, or of all, between since and until. Empty: there was none."""
    named = {} if owner is None else {"owner": owner}
    only = "".join(f" AND {name} = :{name}" for name in named)
    sql = (
        f"SELECT channel FROM usages WHERE {_WENT_ON}{only}"  # noqa: S608
        " GROUP BY channel ORDER BY COUNT(*) DESC, channel LIMIT 1"
    )
    row = database.row(sql, since=since, until=until, **named)
    return str(row["channel"]) if row else ""


def month_cents(
    database: Database, now: datetime, channel: str | None = None, owner: Person | None = None
) -> dict[str, float]:
    """Currency → cents spent since the calendar month of now began (UTC): in one channel, by one person, or by all."""
    now = now.astimezone(UTC)
    since = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    asked = {"channel": channel, "owner": owner}
    named = {name: value for name, value in asked.items() if value is not None}
    only = "".join(f" AND {name} = :{name}" for name in named)
    began = f"CASE WHEN started_at < :since THEN 0 ELSE {_second_of_month('started_at')} END"
    ended = f"CASE WHEN ended_at > :until THEN :passed ELSE {_second_of_month('ended_at')} END"
    # Apart, so that each is read from one end of an index that holds all of it.
    parts = " UNION ALL ".join(
        f"SELECT currency, per_hour_cents * ({until} - {began}) AS cents FROM usages"  # noqa: S608
        f" WHERE {went_on} AND started_at < :until{only}"
        for until, went_on in ((":passed", "ended_at IS NULL"), (ended, "ended_at > :since"))
    )
    sql = f"SELECT currency, SUM(cents) / 3600 AS cents FROM ({parts}) AS parts GROUP BY currency"  # noqa: S608
    passed = (now - since).total_seconds()
    rows = database.rows(sql, since=since, until=now, passed=passed, **named)
    return {row["currency"]: float(row["cents"]) for row in rows}


def _second_of_month(column: str) -> str:
    """SQL: how many seconds of its month had passed, of a time as it is kept (2026-11-24T09:00:00.000000Z).

    Both databases take that; neither takes the other's words for times.
    """
    parts = ((9, 2, 86_400), (12, 2, 3600), (15, 2, 60), (18, 9, 1))
    whole = " + ".join(
        f"CAST(SUBSTR({column}, {first}, {length}) AS DOUBLE PRECISION) * {size}"
        for first, length, size in parts
    )
    return f"({whole} - 86400)"


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


def came_back(database: Database, lab_id: str, now: datetime) -> None:
    """A lab that slept is there again: what its sleep has saved is at most what it would have cost until now."""
    last = USAGES.one(database, "WHERE lab_id = :lab_id ORDER BY seq DESC LIMIT 1", lab_id=lab_id)
    if last is None or last.ended_at is None:
        return
    slept_hours = max(0.0, (now - last.ended_at).total_seconds()) / 3600
    saved_cents = min(last.saved_cents, last.per_hour_cents * slept_hours)
    USAGES.update(database, {"saved_cents": saved_cents}, "id = :id", id=last.id)


def spent_cents(usages: Sequence[Usage], now: datetime) -> float:
    """What these cost until now, in cents."""
    return sum(
        each.per_hour_cents * ((each.ended_at or now) - each.started_at).total_seconds() / 3600
        for each in usages
    )
