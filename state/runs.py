"""Runs: each change of one is a single conditional UPDATE, along an edge of state/transitions.py."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from state import cards
from state.database import Database
from state.records import BranchCommit, Counts, Finding, Person, PlannedChange, Run, RunKind, Verdict
from state.rows import Table, from_text
from state.transitions import ENDED, TRANSITIONS, RunState, check


class LabBusy(Exception):
    """The lab has a living run. run is that run, where it is still alive."""

    def __init__(self, lab_name: str, run: Run | None) -> None:
        super().__init__(f"the lab {lab_name} has a living run")
        self.run = run


def _change(address: str, action: str, attributes: Sequence[str] = ()) -> PlannedChange:
    return PlannedChange(address, action, tuple(attributes))


def _branch_commit(text: str) -> BranchCommit:
    told = json.loads(text)
    for name in ("files", "held_back"):
        told[name] = tuple(told[name])
    return BranchCommit(**told | {"committed_at": from_text(told["committed_at"])})


def _verdict(text: str) -> Verdict:
    told = json.loads(text)
    denials, warnings = (tuple(Finding(**each) for each in told[name]) for name in ("denials", "warnings"))
    return Verdict(denials, warnings, told["passed"])


RUNS: Table[Run] = Table(
    name="runs",
    record=Run,
    decoders={
        "state": RunState,
        "requester": Person.parse,
        "cancelled_by": Person.parse,
        "variables": json.loads,
        "approvals_needed": json.loads,
        "self_approval": bool,
        "second_factor": bool,
        "counts": lambda text: Counts(**json.loads(text)),
        "changes": lambda text: tuple(_change(**told) for told in json.loads(text)),
        "warnings": lambda text: tuple(json.loads(text)),
        "branch_commit": _branch_commit,
        "verdict": _verdict,
        "outputs": json.loads,
        "created_at": from_text,
        "heartbeat_at": from_text,
        "proposed_at": from_text,
        "expires_at": from_text,
        "applying_at": from_text,
        "ended_at": from_text,
    },
)

ALIVE_SQL = "state IN ('queued', 'planning', 'proposed', 'approved', 'applying')"
_TOLD_SQL = "(cause <> 'drift' OR proposed_at IS NOT NULL)"  # a look that found nothing has no card, and is no history


def create(database: Database, run: Run) -> None:
    """Keep a new run, and wake the workers. Raises LabBusy when its lab has a living one."""
    if not RUNS.insert(database, run, f"ON CONFLICT (lab_id) WHERE {ALIVE_SQL} DO NOTHING"):
        raise LabBusy(run.lab_name, active_of(database, run.lab_id))
    database.ring("runs")


def get(database: Database, run_id: str) -> Run | None:
    """The run with this id."""
    return RUNS.one(database, "WHERE id = :id", id=run_id)


def active_of(database: Database, lab_id: str) -> Run | None:
    """The lab's living run. There is at most one."""
    return RUNS.one(database, f"WHERE lab_id = :lab_id AND {ALIVE_SQL}", lab_id=lab_id)


def latest_of(database: Database, lab_id: str) -> Run | None:
    """The lab's newest run, whatever became of it; looks for drift that found nothing are none."""
    tail = f"WHERE lab_id = :lab_id AND {_TOLD_SQL} ORDER BY seq DESC LIMIT 1"
    return RUNS.one(database, tail, lab_id=lab_id)


def last_applied(database: Database, lab_id: str) -> Run | None:
    """The run that made the lab what it is: its newest apply that came to a good end."""
    tail = "WHERE lab_id = :lab_id AND kind = 'apply' AND state = :applied ORDER BY seq DESC LIMIT 1"
    return RUNS.one(database, tail, lab_id=lab_id, applied=RunState.APPLIED)


def last_begun(database: Database, lab_id: str) -> Run | None:
    """The newest run that may have made something of the lab, whatever became of it."""
    tail = "WHERE lab_id = :lab_id AND kind = 'apply' AND applying_at IS NOT NULL ORDER BY seq DESC LIMIT 1"
    return RUNS.one(database, tail, lab_id=lab_id)


def outputs_of(database: Database, lab_id: str) -> Mapping[str, Any] | None:
    """What the lab answered last: when it was applied, or when what had changed outside was accepted. None: never."""
    tail = "WHERE lab_id = :lab_id AND kind IN ('apply', 'refresh') AND state = :applied ORDER BY seq DESC LIMIT 1"
    run = RUNS.one(database, tail, lab_id=lab_id, applied=RunState.APPLIED)
    return run.outputs if run is not None else None


def of_lab(database: Database, lab_id: str, limit: int, offset: int = 0) -> list[Run]:
    """A page of the lab's runs, the newest first."""
    tail = f"WHERE lab_id = :lab_id AND {_TOLD_SQL} ORDER BY seq DESC LIMIT :limit OFFSET :offset"
    return RUNS.select(database, tail, lab_id=lab_id, limit=limit, offset=offset)


def in_state(database: Database, *states: RunState) -> list[Run]:
    """All runs in any of these states, the oldest first."""
    if not states:
        return []
    wanted = {f"state_{index}": state for index, state in enumerate(states)}
    places = ", ".join(f":{name}" for name in wanted)
    return RUNS.select(database, f"WHERE state IN ({places}) ORDER BY seq", **wanted)


def move(
    database: Database, run_id: str, before: RunState, after: RunState, now: datetime, **columns: Any
) -> bool:
    """Move a run from before to after, and set columns. False: it was not in before, and nothing was done.

    An end sets ended_at, and forgets the plan file. An end, a proposal and the way back to queued take the token
    away, the last the worker.
    Raises IllegalTransition for an edge that the table does not have.
    """
    check(before, after)
    changes: dict[str, Any] = {**columns, "state": after}
    if after in ENDED:
        changes |= {"ended_at": now, "token_sha256": None, "plan": None}
    elif after is RunState.QUEUED:
        changes |= {"worker": None, "heartbeat_at": None, "token_sha256": None}
    elif after is RunState.PROPOSED:
        # What the code of a plan has seen must not open the state to it once the apply begins.
        changes |= {"token_sha256": None}
    with database.transaction():
        if not RUNS.update(database, changes, "id = :id AND state = :before", id=run_id, before=before):
            return False
        cards.mark_dirty(database, run_id)
        database.ring("runs")
    return True


def update(database: Database, run_id: str, **columns: Any) -> None:
    """Set the named columns of a run: its progress, its counts. Its state has move for that: TypeError."""
    if "state" in columns:
        raise TypeError("a run changes its state through runs.move")
    with database.transaction():
        RUNS.update(database, columns, "id = :id", id=run_id)
        cards.mark_dirty(database, run_id)


def heartbeat(database: Database, run_id: str, worker: str, now: datetime) -> bool:
    """The worker still performs the run. False: the run has ended, or has another worker."""
    where = f"id = :id AND worker = :by AND {ALIVE_SQL}"
    return RUNS.update(database, {"heartbeat_at": now}, where, id=run_id, by=worker) == 1


def claim(database: Database, worker: str, now: datetime) -> Run | None:
    """Take the oldest queued run for planning, or None: looks for drift last. No two workers get the same one."""
    # Mostly there is nothing to claim, and looking must not make those who write wait.
    waiting = "SELECT id FROM runs WHERE state = :state ORDER BY CASE cause WHEN 'drift' THEN 1 ELSE 0 END, seq LIMIT 1"
    while (row := database.row(waiting, state=RunState.QUEUED)) is not None:
        if move(
            database, row["id"], RunState.QUEUED, RunState.PLANNING, now, worker=worker, heartbeat_at=now
        ):
            return get(database, row["id"])
    return None


def take_over(database: Database, run: Run, worker: str, now: datetime) -> bool:
    """Go on with a run whose worker is gone. False: somebody else has taken it over."""
    where = f"id = :id AND worker = :gone AND {ALIVE_SQL}"
    changes = {"worker": worker, "heartbeat_at": now}
    return RUNS.update(database, changes, where, id=run.id, gone=run.worker) == 1


def supersede(
    database: Database,
    lab_id: str,
    now: datetime,
    only_kind: RunKind | None = None,
    sentence: str = "A newer plan took its place.",
) -> str | None:
    """End the lab's queued, planning or proposed run (of that kind) in favour of a newer one, and give its id.

    None: there was none. An approved or applying run is not: the caller waits or asks to cancel it.
    """
    with database.transaction():
        run = active_of(database, lab_id)
        if run is None or RunState.SUPERSEDED not in TRANSITIONS[run.state]:
            return None
        if only_kind is not None and run.kind != only_kind:
            return None
        move(database, run.id, run.state, RunState.SUPERSEDED, now, sentence=sentence)
        return run.id
