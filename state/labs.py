"""Labs: what was asked for, whose it is, until when."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from state import cards
from state.database import Database
from state.lifetime_records import Lifetime, OfficeHours
from state.records import Lab, Person
from state.rows import Table, from_text


class NameTaken(Exception):
    """A living lab has this name. lab is that lab, where it is still there."""

    def __init__(self, name: str, lab: Lab | None) -> None:
        super().__init__(f"a lab named {name} is alive")
        self.lab = lab


def _lifetime(text: str) -> Lifetime:
    told = json.loads(text)
    hours = told.pop("office_hours")
    if hours is not None:
        hours = OfficeHours(tuple(hours["days"]), hours["up_minute"], hours["down_minute"])
    return Lifetime(**told, office_hours=hours)


LABS: Table[Lab] = Table(
    name="labs",
    record=Lab,
    decoders={
        "owner": Person.parse,
        "variables": json.loads,
        "created_at": from_text,
        "last_active_at": from_text,
        "expires_at": from_text,
        "applied_at": from_text,
        "gone_at": from_text,
        "lifetime": _lifetime,
        "idle_at": from_text,
        "kept_until": from_text,
        "last_active_by": Person.parse,
        "reminded_at": from_text,
        "look_at": from_text,
        "asleep_at": from_text,
        "drift_checked_at": from_text,
        "probed_at": from_text,
        "health_at": from_text,
    },
)


def create(database: Database, lab: Lab) -> None:
    """Keep a new lab. Raises NameTaken when a living lab has the name."""
    if not LABS.insert(database, lab, "ON CONFLICT (name) WHERE gone_at IS NULL DO NOTHING"):
        raise NameTaken(lab.name, living(database, lab.name))


def get(database: Database, lab_id: str) -> Lab | None:
    """The lab with this id, gone or not."""
    return LABS.one(database, "WHERE id = :id", id=lab_id)


def living(database: Database, name: str) -> Lab | None:
    """The living lab with this name."""
    return LABS.one(database, "WHERE name = :name AND gone_at IS NULL", name=name)


def all_living(database: Database) -> list[Lab]:
    """All living labs, by name."""
    # Sorted here, because each database has its own idea of where a hyphen belongs.
    return sorted(LABS.select(database, "WHERE gone_at IS NULL"), key=lambda lab: lab.name)


@dataclass(frozen=True)
class Kind:
    """Which of the living labs: an owner's, a channel's, those that are idle at a time. Without any: all."""

    owner: Person | None = None
    channel: str | None = None
    idle_at: datetime | None = None

    def where(self) -> tuple[str, dict[str, Any]]:
        """SQL that selects them, and its values."""
        asked = {"owner": self.owner, "channel": self.channel}
        named: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        sql = "gone_at IS NULL" + "".join(f" AND {name} = :{name}" for name in named)
        if self.idle_at is not None:
            sql += " AND idle_at <= :idle AND (kept_until IS NULL OR kept_until <= :idle)"
            named["idle"] = self.idle_at
        return sql, named


def page(database: Database, kind: Kind, limit: int, offset: int = 0) -> list[Lab]:
    """A page of the living labs: the newest first; of idle ones those that have been so for longest."""
    where, values = kind.where()
    order = "idle_at, seq" if kind.idle_at is not None else "seq DESC"
    tail = f"WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset"
    return LABS.select(database, tail, limit=limit, offset=offset, **values)


def totals(database: Database, kind: Kind) -> tuple[int, dict[str, float]]:
    """How many living labs there are, and currency → cents that those which are up cost an hour."""
    where, values = kind.where()
    sql = (
        "SELECT currency, COUNT(*) AS number, SUM(CASE WHEN applied_at IS NOT NULL AND asleep_at IS NULL"  # noqa: S608
        f" THEN cost_per_hour_cents ELSE 0 END) AS cents FROM labs WHERE {where} GROUP BY currency"
    )
    rows = database.rows(sql, **values)
    return sum(row["number"] for row in rows), {row["currency"]: float(row["cents"]) for row in rows}


def made_within(database: Database, channel: str, since: datetime, until: datetime) -> set[str]:
    """The ids of a channel's labs of which something was made first between since and until."""
    sql = "SELECT id FROM labs WHERE channel = :channel AND applied_at >= :since AND applied_at < :until"
    return {row["id"] for row in database.rows(sql, channel=channel, since=since, until=until)}


def commits(database: Database) -> set[str]:
    """What living labs were made from, and planned from since: commits, or digests of folders."""
    sql = (
        'SELECT "commit" AS made_from FROM labs WHERE gone_at IS NULL UNION'
        ' SELECT runs."commit" FROM runs JOIN labs ON labs.id = runs.lab_id WHERE labs.gone_at IS NULL'
    )
    return {row["made_from"] for row in database.rows(sql)}


def with_name(database: Database, name: str) -> list[Lab]:
    """Every lab that ever had this name, the newest first."""
    return LABS.select(database, "WHERE name = :name ORDER BY seq DESC", name=name)


def last_gone(database: Database, name: str) -> Lab | None:
    """The lab with this name that went last."""
    tail = "WHERE name = :name AND gone_at IS NOT NULL ORDER BY gone_at DESC, seq DESC LIMIT 1"
    return LABS.one(database, tail, name=name)


def update(database: Database, lab_id: str, **columns: Any) -> None:
    """Set the named columns of a lab."""
    LABS.update(database, columns, "id = :id", id=lab_id)


def touch(database: Database, lab: Lab, now: datetime, person: Person | None, how: str) -> None:
    """Somebody, or something, used the lab: it is not idle, and reminders have been answered.

    how: "/key ssh", "a login". look_at stays: the sweep looks, and finds that there is more time.
    """
    changes: dict[str, Any] = {"last_active_at": now, "last_active_by": person, "last_active_how": how}
    changes |= {"reminders": 0, "destroy_attempts": 0}
    if lab.applied_at is not None and lab.asleep_at is None:
        changes["idle_at"] = now + timedelta(seconds=lab.lifetime.idle_seconds)
    LABS.update(database, changes, "id = :id AND gone_at IS NULL", id=lab.id)


def to_look_at(database: Database, now: datetime, limit: int) -> list[Lab]:
    """The living labs that the lifetime sweep has to look at by now, the longest due first."""
    tail = "WHERE gone_at IS NULL AND look_at <= :now ORDER BY look_at LIMIT :limit"
    return LABS.select(database, tail, now=now, limit=limit)


def to_probe(
    database: Database, blueprints: Collection[str], now: datetime, asked_before: datetime, limit: int
) -> list[Lab]:
    """The labs of these blueprints that are idle by now unless their probe says otherwise, the longest idle first.

    Only those whose probe was last asked before asked_before; none that is kept, asleep or not made yet.
    """
    names = {f"blueprint_{number}": name for number, name in enumerate(sorted(blueprints))}
    if not names:
        return []
    tail = (
        "WHERE gone_at IS NULL AND idle_at <= :now AND applied_at IS NOT NULL AND asleep_at IS NULL"
        " AND (kept_until IS NULL OR kept_until <= :now) AND (probed_at IS NULL OR probed_at < :asked_before)"
        f" AND blueprint IN ({', '.join(f':{each}' for each in names)}) ORDER BY idle_at LIMIT :limit"
    )
    return LABS.select(database, tail, now=now, asked_before=asked_before, limit=limit, **names)


def overdue(database: Database, before: datetime) -> list[Lab]:
    """The living labs, asleep ones apart, that have expired or been idle since before that moment, by name."""
    tail = (
        "WHERE gone_at IS NULL AND applied_at IS NOT NULL AND asleep_at IS NULL AND (expires_at < :before"
        " OR (idle_at < :before AND (kept_until IS NULL OR kept_until < :before)))"
    )
    return sorted(LABS.select(database, tail, before=before), key=lambda lab: lab.name)


def give_active_token(database: Database, lab_id: str, sealed: bytes, sha256: str) -> bool:
    """Keep the token with which a lab's hosts report that they are used. False: it has one, which stays."""
    changes = {"sealed_active_token": sealed, "active_token_sha256": sha256}
    return LABS.update(database, changes, "id = :id AND active_token_sha256 IS NULL", id=lab_id) == 1


def leave(database: Database, lab_id: str, now: datetime) -> bool:
    """The lab is gone: its name is free, its history stays, its cards say so. False if it was gone already."""
    with database.transaction():
        left = LABS.update(database, {"gone_at": now}, "id = :id AND gone_at IS NULL", id=lab_id) == 1
        cards.mark_dirty_of_lab(database, lab_id)
    return left
