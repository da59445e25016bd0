"""Office hours: when a lab is up, by its owner's clock, and how it comes back. Pure.

Outside of its hours a lab is destroyed for the night, unless somebody keeps it; it stays a lab, and comes back. Its
expiry counts on: one that expires asleep does not come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from commands.lifetime.wall_clock import shows, turns, zone
from commands.words import MINUTE, listed
from commands.words import at as clock_at
from state.habits import Habits
from state.records import Lab, OfficeHours, PlannedChange, Run

CAUSE = "office_hours"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def is_up(hours: OfficeHours, habits: Habits, at: datetime) -> bool:
    """Whether a lab is up then. habits: its owner's."""
    local = at.astimezone(zone(habits.timezone))
    return (
        local.weekday() in hours.days
        and hours.up_minute <= local.hour * MINUTE + local.minute < hours.down_minute
    )


def next_change(hours: OfficeHours, habits: Habits, at: datetime) -> datetime:
    """The first moment after at, in UTC, from which it is down if it was up then, and the other way round."""
    before = is_up(hours, habits, at)
    moments = turns(zone(habits.timezone), at, (hours.up_minute, hours.down_minute))
    return next(each for each in moments if each > at and is_up(hours, habits, each) != before)


def sleeps_at(lab: Lab, habits: Habits, now: datetime) -> datetime | None:
    """From when on it is to be destroyed for the night. None: it has no hours, sleeps, or has expired by then."""
    hours = lab.lifetime.office_hours
    if hours is None or lab.applied_at is None or lab.asleep_at is not None:
        return None
    at = max(now, lab.kept_until or now)
    at = next_change(hours, habits, at) if is_up(hours, habits, at) else at
    return None if lab.expires_at is not None and lab.expires_at <= at else at


def wakes_at(lab: Lab, habits: Habits, now: datetime) -> datetime | None:
    """From when on a lab that sleeps is to come back. None: it does not sleep, or has expired by then."""
    hours = lab.lifetime.office_hours
    if hours is None or lab.asleep_at is None:
        return None
    at = now if is_up(hours, habits, now) else next_change(hours, habits, now)
    return None if lab.expires_at is not None and lab.expires_at <= at else at


def next_look(lab: Lab, habits: Habits, now: datetime) -> datetime | None:
    """When its hours give something to do: it goes to sleep, it comes back, or it expires asleep. None: never."""
    expires_at = lab.expires_at if lab.asleep_at is not None else None
    looks = (sleeps_at(lab, habits, now), wakes_at(lab, habits, now), expires_at)
    return min((at for at in looks if at is not None), default=None)


def why_proposed(
    run: Run, last: Run | None, sources_digest: str, changes: Sequence[PlannedChange], new_keys: bool
) -> str:
    """Why people have to judge a plan that brings a lab back; empty where it goes by itself.

    last: what was applied last. new_keys: new root keys wait, which its blueprint does not take by themselves.
    """
    if last is None or last.sources_digest != sources_digest:
        return "Its blueprint has changed since it was applied last, so people look at this first."
    if (last.variables, last.sealed_variables) != (run.variables, run.sealed_variables):
        return "Its values have changed since it was applied last, so people look at this first."
    if any(each.action not in ("create", "read") for each in changes):
        return "It does more than bring back what was there, so people look at this first."
    if new_keys:
        return "The operators' ssh keys have changed meanwhile, so people look at this first."
    return ""


def asleep_words(lab: Lab, habits: Habits, now: datetime) -> str:
    """`asleep until tomorrow 08:00`, or `asleep` where it is late or never comes back. lab: one that sleeps."""
    back_at = wakes_at(lab, habits, now)
    return f"asleep until {clock_at(back_at)}" if back_at is not None and back_at > now else "asleep"


def hours_words(hours: OfficeHours) -> str:
    """`mon, tue and wed from 08:00 to 19:00`."""
    return f"{listed([DAYS[day] for day in hours.days])} from {shows(hours.up_minute)} to {shows(hours.down_minute)}"
