"""Puts labs to sleep when their office hours end, and brings them back. It records; others apply and send.

commands/lifetime/sweep.py calls look() with the labs whose time to be looked at has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from commands.authorise import is_trusted
from commands.blueprints.records import Blueprint
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from commands.grants import rekeying
from commands.lifetime import moments as lifetime
from commands.lifetime import office_hours
from commands.lifetime.extending import say_in_thread
from commands.lifetime.office_hours import CAUSE
from commands.lifetime.wall_clock import zone
from commands.request import Button, Refused, id_from
from commands.starting import start_run
from commands.steps import presence
from commands.words import mention
from state import audit, habits, labs, rekeys, runs, tfstate
from state.habits import Habits
from state.records import Lab, PlannedChange, Run
from state.transitions import RunState

TRIES = 3  # a morning; people are told of each, and can go on by hand
PAUSE = timedelta(minutes=5)

log = structlog.get_logger()


def look(deps: Deps, due: Sequence[Lab], now: datetime) -> str:
    """See to those labs among these that have office hours."""
    slept = woke = left = 0
    for lab in due:
        if lab.lifetime.office_hours is None and lab.asleep_at is None:
            continue
        owners = habits.of(deps.database, lab.owner)
        if lab.asleep_at is None:
            slept += _is_past(office_hours.sleeps_at(lab, owners, now), now) and _put_to_sleep(
                deps, lab, owners, now
            )
        elif _is_past(lab.expires_at, now):
            left += _leave(deps, lab, now)
        elif _is_past(office_hours.wakes_at(lab, owners, now), now):
            woke += _wake(deps, lab, owners, now)
    return f"put {slept} labs to sleep, woke {woke}, let {left} go"


def judged(
    deps: Deps, run: Run, blueprint: Blueprint, sources_digest: str, changes: Sequence[PlannedChange]
) -> Run:
    """A plan that brings a lab back, without approvals where it goes by itself, or with the reason why it does not."""
    wishes = [wish for wish in rekeys.waiting(deps.database) if wish.lab_id == run.lab_id]
    new_keys = bool(wishes) and not rekeying.is_allowed(blueprint, wishes)
    last = runs.last_applied(deps.database, run.lab_id)
    why = office_hours.why_proposed(run, last, sources_digest, changes, new_keys)
    return replace(run, sentence=why) if why else replace(run, approvals_needed={})


def _put_to_sleep(deps: Deps, lab: Lab, owners: Habits, now: datetime) -> bool:
    """Queue the destruction for the night. Growing pauses where it fails: its lifetime ends it all the same."""
    try:
        with deps.database.transaction():
            lab = labs.get(deps.database, lab.id) or lab
            active = runs.active_of(deps.database, lab.id)
            if lab.gone_at is not None or not _is_past(office_hours.sleeps_at(lab, owners, now), now):
                return False  # somebody was quicker, or keeps it
            if lifetime.is_over(lab, now) or lab.frozen_because is not None or _must_end_first(active):
                return False
            if _was_stopped(deps, lab):
                return False
            attempts = lab.destroy_attempts + 1
            again_at = now + lifetime.retry_pause(attempts)
            labs.update(deps.database, lab.id, destroy_attempts=attempts, look_at=again_at)
            runs.supersede(deps.database, lab.id, now)
            if tfstate.resources(deps.database, lab.id) == 0:
                presence.asleep(deps, lab, now)
                return True
            cause_id = f"office hours down {lab.id} {now.isoformat()}"
            start_run(
                deps, lab, "destroy", lab.owner, cause_id, channel=lab.channel, cause=CAUSE, approvals={}
            )
            return True
    except (Refused, runs.LabBusy) as why:
        log.warning("a lab cannot be put to sleep", lab=lab.name, because=str(why))
        return False


def _was_stopped(deps: Deps, lab: Lab) -> bool:
    """Somebody has stopped it from going to sleep: they want it for as long as it may be idle."""
    latest = runs.latest_of(deps.database, lab.id)
    if latest is None or (latest.kind, latest.cause) != ("destroy", CAUSE):
        return False
    if latest.cancelled_by is None or latest.ended_at is None:
        return False
    if lab.kept_until is not None and lab.kept_until >= latest.ended_at:
        return False  # that was seen before
    kept_until = latest.ended_at + timedelta(seconds=lab.lifetime.idle_seconds)
    labs.update(deps.database, lab.id, kept_until=kept_until)
    return True


def _wake(deps: Deps, lab: Lab, owners: Habits, now: datetime) -> bool:
    """Queue the plan that brings it back: once a morning, and a few times where it fails."""
    morning = f"{lab.id} {now.astimezone(zone(owners.timezone)):%Y-%m-%d}"
    cause_id = _next_try(deps, morning, now)
    if cause_id is None or lab.frozen_because is not None:
        return False
    try:
        if not is_trusted(lab.owner, deps.vault):
            return _ask_who_takes_over(deps, lab, morning, now)
        with deps.database.transaction():
            lab = labs.get(deps.database, lab.id) or lab
            if (
                lab.gone_at is not None
                or lab.asleep_at is None
                or runs.active_of(deps.database, lab.id) is not None
            ):
                return False
            start_run(deps, lab, "apply", lab.owner, cause_id, channel=lab.channel, cause=CAUSE)
            return True
    except VaultError:
        return False  # it is looked at again
    except (Refused, runs.LabBusy) as why:
        said = why.sentence if isinstance(why, Refused) else "Something else is under way for it."
        say_in_thread(
            deps, lab, f"cannot wake {morning}", f"*{lab.name}* does not come back yet. {said}", now
        )
        return False


def _next_try(deps: Deps, morning: str, now: datetime) -> str | None:
    """What the next run of this morning follows from. None: one goes on, people have judged it, or it is too soon."""
    for number in range(TRIES):
        cause_id = f"office hours up {morning} {number}"
        run = runs.get(deps.database, id_from(cause_id))
        if run is None:
            return cause_id
        if (
            run.state is not RunState.FAILED
            or run.ended_at is None
            or now < run.ended_at + PAUSE * (number + 1)
        ):
            return None
    return None


def _ask_who_takes_over(deps: Deps, lab: Lab, morning: str, now: datetime) -> bool:
    text = (
        f"*{lab.name}* sleeps, and {mention(lab.owner)}, whose lab it is, is no trusted operator any more. "
        "It comes back when somebody takes it over."
    )
    button = Button("Take over", "take_over", lab.id, "primary")
    say_in_thread(deps, lab, f"take over {morning}", text, now, (button,))
    return False


def _leave(deps: Deps, lab: Lab, now: datetime) -> bool:
    """It expired asleep: nothing of it is there, so it is simply gone."""
    with deps.database.transaction():
        lab = labs.get(deps.database, lab.id) or lab
        active = runs.active_of(deps.database, lab.id)
        if lab.gone_at is not None or lab.asleep_at is None or not _is_past(lab.expires_at, now):
            return False
        if lab.frozen_because is not None or _must_end_first(active):
            return False
        if tfstate.resources(
            deps.database, lab.id
        ):  # somebody has brought it back by hand: its lifetime ends it
            labs.update(deps.database, lab.id, asleep_at=None)
            return False
        runs.supersede(deps.database, lab.id, now)
        labs.leave(deps.database, lab.id, now)
        audit.append(deps.database, now, "innkeeper", "expired", lab.name, asleep_since=lab.asleep_at)
        text = (
            f"The time of *{lab.name}* has ended while it slept, so it does not come back. Its history stays."
        )
        say_in_thread(deps, lab, f"expired asleep {lab.id}", text, now)
    return True


def _is_past(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _must_end_first(active: Run | None) -> bool:
    if active is None:
        return False
    by_itself = active.kind == "destroy" and active.cause in lifetime.BY_THEMSELVES
    return by_itself or active.state in (RunState.APPROVED, RunState.APPLYING)
