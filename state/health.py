"""Health: when each living lab is looked at next, and which of them were not well when they were last."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from state import cards
from state.database import Database
from state.labs import LABS
from state.records import Lab
from state.rows import Table, from_text
from state.runs import ALIVE_SQL

FAILURES_TOLD = 2  # in a row

_IS_QUIET = f"NOT EXISTS (SELECT 1 FROM runs WHERE runs.lab_id = labs.id AND {ALIVE_SQL})"  # noqa: S608


@dataclass(frozen=True)
class Illness:
    """A lab whose last health check failed. It is unhealthy when that was not the first in a row."""

    lab_id: str
    failures: int  # in a row
    since: datetime  # the first of them
    sentence: str  # which checks failed the last time, and why; no secret is in it
    run_id: str | None = None  # whose card says so

    @property
    def is_told(self) -> bool:
        """Whether people know of it."""
        return self.failures >= FAILURES_TOLD


ILLNESSES: Table[Illness] = Table(name="illnesses", record=Illness, decoders={"since": from_text})


def due(database: Database, blueprints: Collection[str], now: datetime, limit: int) -> list[Lab]:
    """The labs of these blueprints that are to be looked at by now, the longest due first.

    None that sleeps or was not made yet, and none for which something is under way.
    """
    names = {f"blueprint_{number}": name for number, name in enumerate(sorted(blueprints))}
    if not names:
        return []
    is_one_of = f"blueprint IN ({', '.join(f':{each}' for each in names)})"
    tail = (
        "WHERE gone_at IS NULL AND applied_at IS NOT NULL AND COALESCE(health_at, applied_at) <= :now"
        f" AND asleep_at IS NULL AND {is_one_of} AND {_IS_QUIET}"
        " ORDER BY COALESCE(health_at, applied_at) LIMIT :limit"
    )
    return LABS.select(database, tail, now=now, limit=limit, **names)


def take(database: Database, lab: Lab, next_at: datetime) -> bool:
    """The lab is ours to look at, and is due again at next_at. False: another process has taken it."""
    where = "id = :id AND gone_at IS NULL AND COALESCE(health_at, '') = COALESCE(:seen, '')"
    return LABS.update(database, {"health_at": next_at}, where, id=lab.id, seen=lab.health_at) == 1


def of_lab(database: Database, lab_id: str) -> Illness | None:
    """What is the matter with the lab. None: nothing that is known."""
    return ILLNESSES.one(database, "WHERE lab_id = :lab_id", lab_id=lab_id)


def failed(database: Database, illness: Illness) -> None:
    """Keep what is the matter, and let the card say so, and the one that did before."""
    with database.transaction():
        before = of_lab(database, illness.lab_id)
        database.execute("DELETE FROM illnesses WHERE lab_id = :lab_id", lab_id=illness.lab_id)
        ILLNESSES.insert(database, illness)
        _render(database, before, illness)


def recovered(database: Database, lab_id: str) -> None:
    """Nothing is the matter any more. Harmless where nothing was."""
    with database.transaction():
        before = of_lab(database, lab_id)
        database.execute("DELETE FROM illnesses WHERE lab_id = :lab_id", lab_id=lab_id)
        _render(database, before, None)


def _render(database: Database, *illnesses: Illness | None) -> None:
    for run_id in {each.run_id for each in illnesses if each is not None and each.run_id is not None}:
        cards.mark_dirty(database, run_id)
