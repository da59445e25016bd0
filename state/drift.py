"""Looks for drift: whose turn it is, when the last one was, and what was told of a lab before."""

from __future__ import annotations

from datetime import datetime

from state.database import Database
from state.labs import LABS
from state.records import Lab, Run
from state.rows import from_text
from state.runs import ALIVE_SQL, RUNS
from state.transitions import RunState

_LOOKED_AT = "COALESCE(drift_checked_at, applied_at)"  # as in the index labs_drift
_THERE = "gone_at IS NULL AND applied_at IS NOT NULL"


def next_lab(database: Database, looked_at_before: datetime) -> Lab | None:
    """The lab that was looked at (or applied first) longest ago, of those that are there and have no living run."""
    tail = (
        f"WHERE {_THERE} AND asleep_at IS NULL AND frozen_because IS NULL AND {_LOOKED_AT} <= :before"  # noqa: S608
        f" AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.lab_id = labs.id AND {ALIVE_SQL})"
        f" ORDER BY {_LOOKED_AT} LIMIT 1"
    )
    return LABS.one(database, tail, before=looked_at_before)


def labs_there(database: Database) -> int:
    """How many labs there are to look at, more or less."""
    row = database.row(f"SELECT COUNT(*) AS number FROM labs WHERE {_THERE}")  # noqa: S608
    return int(row["number"]) if row is not None else 0


def last_look_at(database: Database) -> datetime | None:
    """When a look that nobody had asked for began last, at whichever lab."""
    row = database.row("SELECT MAX(created_at) AS at FROM runs WHERE cause = 'drift'")
    return from_text(row["at"]) if row is not None and row["at"] is not None else None


def is_quiet(database: Database) -> bool:
    """Whether no plan waits or is being made."""
    sql = "SELECT 1 AS one FROM runs WHERE state IN (:queued, :planning) LIMIT 1"
    return database.row(sql, queued=RunState.QUEUED, planning=RunState.PLANNING) is None


def people_wait(database: Database) -> bool:
    """Whether a plan waits that is more than a look."""
    sql = "SELECT 1 AS one FROM runs WHERE state = :queued AND cause <> 'drift' LIMIT 1"
    return database.row(sql, queued=RunState.QUEUED) is not None


def begin(database: Database, lab: Lab, now: datetime) -> bool:
    """The lab is looked at from now. False: somebody has begun since this record was read."""
    where = "id = :id AND gone_at IS NULL AND COALESCE(drift_checked_at, '') = COALESCE(:seen, '')"
    return LABS.update(database, {"drift_checked_at": now}, where, id=lab.id, seen=lab.drift_checked_at) == 1


def last_of(database: Database, lab_id: str) -> Run | None:
    """The lab's newest look, whoever asked for it."""
    tail = "WHERE lab_id = :lab_id AND kind = 'refresh' ORDER BY seq DESC LIMIT 1"
    return RUNS.one(database, tail, lab_id=lab_id)


def told_before(database: Database, run: Run) -> Run | None:
    """What was told of the lab last, before this look: a look that found something, or an apply since."""
    tail = (
        "WHERE lab_id = :lab_id AND id <> :id"
        " AND ((kind = 'apply' AND state = :applied) OR (kind = 'refresh' AND proposed_at IS NOT NULL))"
        " ORDER BY seq DESC LIMIT 1"
    )
    return RUNS.one(database, tail, lab_id=run.lab_id, id=run.id, applied=RunState.APPLIED)
