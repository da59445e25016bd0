"""Checks: how each look at a lab from outside went, in the step `test` of one run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from state import cards
from state.database import Database
from state.rows import Table, from_text

CheckState = Literal["passed", "failed"]


@dataclass(frozen=True)
class CheckResult:
    """One check. name is what was looked at: `http http://10.0.0.1/`; no secret is in it, nor in the sentence."""

    run_id: str
    position: int
    name: str
    state: CheckState
    sentence: str  # `200 in 12 ms`, or why it is not as it should be
    took_ms: int
    checked_at: datetime


CHECKS: Table[CheckResult] = Table(name="checks", record=CheckResult, decoders={"checked_at": from_text})


def record(database: Database, run_id: str, results: Iterable[CheckResult]) -> None:
    """Keep what was found, instead of what an earlier attempt of the run had."""
    with database.transaction():
        database.execute("DELETE FROM checks WHERE run_id = :run_id", run_id=run_id)
        for result in results:
            CHECKS.insert(database, result)
        cards.mark_dirty(database, run_id)


def of_run(database: Database, run_id: str) -> list[CheckResult]:
    """The run's checks, in the blueprint's order."""
    return CHECKS.select(database, "WHERE run_id = :run_id ORDER BY position", run_id=run_id)
