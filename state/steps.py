"""Steps: how far each of the five came, in one run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from state import cards
from state.database import Database
from state.records import STEP_NAMES, Step, StepName, StepState
from state.rows import Table, from_text

STEPS: Table[Step] = Table(
    name="steps", record=Step, decoders={"started_at": from_text, "ended_at": from_text}
)


def start_all(database: Database, run_id: str, states: Mapping[StepName, StepState]) -> None:
    """Set out the run's steps afresh, each with its state, and forget what an earlier attempt left."""
    with database.transaction():
        database.execute("DELETE FROM steps WHERE run_id = :run_id", run_id=run_id)
        for name in STEP_NAMES:
            if name in states:
                STEPS.insert(database, Step(run_id=run_id, name=name, state=states[name]))
        cards.mark_dirty(database, run_id)


def set(
    database: Database, run_id: str, name: StepName, state: StepState, now: datetime, sentence: str = ""
) -> None:
    """Set one step's state. Running starts its time anew; done, failed and skipped end it."""
    begun = "CASE WHEN started_at IS NULL AND :state <> 'skipped' THEN :now ELSE started_at END"
    started = {"waiting": "NULL", "running": ":now"}.get(state, begun)
    ended = "NULL" if state in ("waiting", "running") else ":now"
    with database.transaction():
        database.execute(
            f"UPDATE steps SET state = :state, started_at = {started}, ended_at = {ended},"  # noqa: S608
            " sentence = :sentence WHERE run_id = :run_id AND name = :name",
            run_id=run_id,
            name=name,
            state=state,
            sentence=sentence,
            now=now,
        )
        cards.mark_dirty(database, run_id)


def tell(database: Database, run_id: str, name: StepName, sentence: str) -> None:
    """How far a step is, in a few words, while it is running."""
    with database.transaction():
        STEPS.update(
            database,
            {"sentence": sentence},
            "run_id = :run_id AND name = :step AND state = 'running'",
            run_id=run_id,
            step=name,
        )
        cards.mark_dirty(database, run_id)


def of_run(database: Database, run_id: str) -> list[Step]:
    """The run's steps, from provision to test."""
    found = STEPS.select(database, "WHERE run_id = :run_id", run_id=run_id)
    return sorted(found, key=lambda step: STEP_NAMES.index(step.name))
