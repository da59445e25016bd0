"""What there is of a lab after a run: from when it costs, when it is looked at next, and when it is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from commands import lifetime
from commands.deps import Deps
from commands.request import id_from
from state import labs, tfstate, usages
from state.habits import Habits
from state.records import Lab, Run


def note(deps: Deps, run: Run) -> None:
    """A lab that holds something has begun to cost, whatever its run is called."""
    lab = labs.get(deps.database, run.lab_id)
    state = tfstate.current(deps.database, run.lab_id)
    if lab is not None and lab.applied_at is None and state is not None and state.resources:
        alive(deps, run, lab, deps.now())


def alive(deps: Deps, run: Run, lab: Lab, now: datetime) -> None:
    """Something of the lab is there: from now on it costs, can go idle, and is looked at."""
    blueprint = deps.catalogue.blueprints().get(lab.blueprint)
    known = blueprint.lifetime if blueprint is not None else lab.lifetime
    per_hour_cents = lab.cost_per_hour_cents if run.cost_per_hour_cents is None else run.cost_per_hour_cents
    # New root keys are nobody's use of it.
    active_at = lab.last_active_at if run.cause == "rekey" else now
    changes: dict[str, Any] = {
        "lifetime": known,
        "cost_per_hour_cents": per_hour_cents,
        "applied_at": lab.applied_at or now,
        "expires_at": lab.expires_at or now + timedelta(seconds=lab.ttl_seconds),
        "last_active_at": active_at,
        "idle_at": active_at + timedelta(seconds=known.idle_seconds),
        "asleep_at": None,
    }
    there = replace(lab, **changes)
    labs.update(
        deps.database, lab.id, **changes, look_at=lifetime.next_look_at(there, Habits(lab.owner), now)
    )
    usages.start(deps.database, there, per_hour_cents, now, id_from(f"usage {run.id}"))


def gone(deps: Deps, run: Run, now: datetime) -> None:
    """Nothing of the lab is there any more."""
    lab = labs.get(deps.database, run.lab_id)
    going_on = usages.open_of(deps.database, run.lab_id)
    saved_cents = 0.0
    if lab is not None and going_on is not None and run.cause == "lifetime":
        saved_cents = lifetime.saved_cents(lab, going_on.per_hour_cents, now)
    usages.end(deps.database, run.lab_id, now, run.cause, saved_cents)
    labs.leave(deps.database, run.lab_id, now)
