"""What there is of a lab after a run: from when it costs, when it is looked at next, and when it is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from commands.blueprints import sources
from commands.deps import Deps
from commands.lifetime import moments as lifetime
from commands.lifetime import office_hours
from commands.lifetime.extending import say_in_thread
from commands.request import Refused, id_from
from commands.words import HOUR, at
from state import audit, cards, habits, health, labs, tfstate, usages
from state.records import Lab, Lifetime, Run


def note(deps: Deps, run: Run) -> None:
    """A lab that holds something has begun to cost, whatever its run is called."""
    lab = labs.get(deps.database, run.lab_id)
    if lab is not None and lab.applied_at is None and tfstate.resources(deps.database, run.lab_id):
        alive(deps, run, lab, deps.now())


def alive(deps: Deps, run: Run, lab: Lab, now: datetime) -> None:
    """Something of the lab is there: from now on it costs, can go idle, and is looked at."""
    known = _lifetime(deps, run, lab)
    per_hour_cents = lab.cost_per_hour_cents if run.cost_per_hour_cents is None else run.cost_per_hour_cents
    owners = habits.of(deps.database, lab.owner)
    # New root keys, and coming back in the morning, are nobody's use of it.
    woke = run.cause == office_hours.CAUSE and not run.approvals_needed
    active_at = lab.last_active_at if woke or run.cause == "rekey" else now
    idle_seconds = timedelta(seconds=known.idle_seconds)
    changes: dict[str, Any] = {
        "lifetime": known,
        "cost_per_hour_cents": per_hour_cents,
        "applied_at": lab.applied_at or now,
        "expires_at": lab.expires_at or now + timedelta(seconds=lab.ttl_seconds),
        "last_active_at": active_at,
        "idle_at": (now if woke else active_at) + idle_seconds,
        "asleep_at": None,
    }
    hours = known.office_hours
    if active_at == now and hours is not None and not office_hours.is_up(hours, owners, now):
        changes["kept_until"] = max(lab.kept_until or now, now + idle_seconds)  # somebody wants it now
    there = replace(lab, **changes)
    labs.update(deps.database, lab.id, **changes, look_at=lifetime.next_look_at(there, owners, now))
    if lab.asleep_at is not None:
        usages.came_back(deps.database, lab.id, now)
    usages.start(deps.database, there, per_hour_cents, now, id_from(f"usage {run.id}"))


def _lifetime(deps: Deps, run: Run, lab: Lab) -> Lifetime:
    if not run.branch:
        blueprint = deps.catalogue.blueprints().get(lab.blueprint)
        return blueprint.lifetime if blueprint is not None else lab.lifetime
    try:
        return sources.blueprint_of(deps, lab, run).lifetime
    except Refused:
        return lab.lifetime


def gone(deps: Deps, run: Run, now: datetime) -> None:
    """Nothing of the lab is there any more. For the night it sleeps, else it is gone for good."""
    lab = labs.get(deps.database, run.lab_id)
    going_on = usages.open_of(deps.database, run.lab_id)
    if lab is not None and lab.gone_at is None and run.cause == office_hours.CAUSE:
        asleep(deps, lab, now)
        return
    saved_cents = 0.0
    if lab is not None and going_on is not None and run.cause == "lifetime":
        saved_cents = lifetime.saved_cents(lab, going_on.per_hour_cents, now)
    usages.end(deps.database, run.lab_id, now, run.cause, saved_cents)
    labs.leave(deps.database, run.lab_id, now)


def asleep(deps: Deps, lab: Lab, now: datetime) -> None:
    """Nothing of the lab is there until its office hours begin, and everybody is told."""
    owners = habits.of(deps.database, lab.owner)
    sleeping = replace(lab, asleep_at=now, idle_at=None)
    wakes_at = office_hours.wakes_at(sleeping, owners, now)
    back_at = wakes_at or lab.expires_at or now
    going_on = usages.open_of(deps.database, lab.id)
    per_hour_cents = going_on.per_hour_cents if going_on is not None else 0.0
    saved_cents = per_hour_cents * max(0.0, (back_at - now).total_seconds()) / HOUR
    usages.end(deps.database, lab.id, now, office_hours.CAUSE, saved_cents)
    look_at = office_hours.next_look(sleeping, owners, now)
    awake = {"idle_at": None, "reminders": 0, "destroy_attempts": 0}
    labs.update(deps.database, lab.id, asleep_at=now, look_at=look_at, **awake)
    health.recovered(deps.database, lab.id)
    cards.mark_dirty_of_lab(deps.database, lab.id)
    audit.append(deps.database, now, "innkeeper", "asleep", lab.name, until=wakes_at)
    comes_back = (
        f"It sleeps until {at(wakes_at)}, and then comes back. `/lab plan {lab.name}` brings it back before."
        if wakes_at is not None
        else "Its time ends before its office hours begin, so it does not come back."
    )
    say_in_thread(deps, lab, f"asleep {lab.id} {now.isoformat()}", f"*{lab.name}* is down. {comes_back}", now)
