"""What a look for drift found, and whether it is worth telling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.deps import Deps
from commands.engines.terraform.drift import OUTPUT, drift
from state import drift as looks
from state import tfstate
from state.records import Lab, PlannedChange, Run
from state.transitions import RunState


def found(lab: Lab, commit: str, shown: Mapping[str, Any]) -> tuple[PlannedChange, ...]:
    """What has changed outside. shown: `show -json` of a refresh-only plan, made from the blueprint at that commit.

    A blueprint that has changed since the lab was applied may say other outputs of the same things: they alone are
    no drift.
    """
    changes = drift(shown)
    if commit != lab.commit and all(each.address.startswith(OUTPUT) for each in changes):
        return ()
    return changes


def is_news(deps: Deps, run: Run) -> bool:
    """Whether what a look found (run.changes) is to be told. What nobody asked for is told once."""
    before = looks.told_before(deps.database, run) if run.cause == "drift" else None
    if before is None or before.kind != "refresh" or before.state == RunState.APPLIED:
        return bool(run.changes)
    return bool(run.changes) and run.changes != before.changes


def taken_over(deps: Deps, run: Run) -> str:
    """What is said once the state has taken over what is there."""
    said = "The state has taken over what is there."
    state = tfstate.current(deps.database, run.lab_id)
    if state is not None and state.resources == 0:
        return f"{said} Nothing of the lab is left: `/lab down {run.lab_name}` ends it."
    return said
