"""When a lab is reminded of and destroyed. Pure: a lab's row, its owner's habits, and a moment.

A lab is due at the earlier of its expiry and the moment it has been idle for long enough, and `grace` after that it is
destroyed. Its owner is asked before, so however late we look (the bot was down, the clock has jumped), a reminder comes
first, and then there is still a while to answer it.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Literal

from commands.lifetime import office_hours
from commands.lifetime.quiet_hours import quiet_until
from commands.request import id_from
from commands.words import DAY, HOUR
from state.habits import Habits
from state.records import Lab

Deed = Literal["wait", "remind", "destroy"]

BY_THEMSELVES = ("lifetime", "office_hours")  # causes of destructions that nobody has to approve
ESCALATED_AFTER = 3  # reminders that nobody has answered
LONGEST_PAUSE_SECONDS = DAY  # between two reminders


def idle_from(lab: Lab) -> datetime | None:
    """From when it counts as idle, unless it is used before. None: nothing is there, or it sleeps."""
    if lab.idle_at is None or lab.kept_until is None:
        return lab.idle_at
    return max(lab.idle_at, lab.kept_until)


def is_idle(lab: Lab, now: datetime) -> bool:
    """Whether nobody has used it for so long that it is reminded of."""
    since = idle_from(lab)
    return since is not None and since <= now


def due_at(lab: Lab) -> datetime | None:
    """When it has lived long enough. None: it holds nothing yet."""
    return min((at for at in (lab.expires_at, idle_from(lab)) if at is not None), default=None)


def begins_at(lab: Lab) -> datetime | None:
    """When reminders begin: as it goes idle, or one remind_every before it expires."""
    before = timedelta(seconds=lab.lifetime.remind_every_seconds)
    expiry = lab.expires_at - before if lab.expires_at is not None else None
    return min((at for at in (expiry, idle_from(lab)) if at is not None), default=None)


def destroys_at(lab: Lab) -> datetime | None:
    """When it is destroyed if nobody does anything. None: that is never done by itself."""
    due = due_at(lab)
    if due is None or lab.lifetime.auto_destroy is False:
        return None
    at = due + timedelta(seconds=lab.lifetime.grace_seconds)
    late = _late(lab) * (4 if lab.lifetime.auto_destroy == "polite" else 1)
    if is_reminded(lab) and lab.reminded_at is not None and lab.reminded_at >= at - late:
        # We were away, or silent, when it should have been asked: there is still a while to answer.
        at = max(at, lab.reminded_at + 4 * _late(lab))
    return at


def is_reminded(lab: Lab) -> bool:
    """Whether a reminder was sent since they began for what is due now."""
    begins = begins_at(lab)
    return lab.reminded_at is not None and begins is not None and lab.reminded_at >= begins


def next_reminder_at(lab: Lab, habits: Habits, now: datetime) -> datetime | None:
    """When its owner is reminded next: not in their quiet hours, unless destruction is nearer than the morning."""
    wanted = begins_at(lab)
    if wanted is None or (destroys_at(lab) is not None and _was_asked(lab)):
        return None  # a last one, just before it goes, would only put that off
    if is_reminded(lab) and lab.reminded_at is not None:
        # A clock that was set back does not silence us.
        wanted = min(lab.reminded_at, now) + pause(lab)
    morning = quiet_until(habits, max(wanted, now))
    destroyed = destroys_at(lab)
    if destroyed is None or lab.lifetime.auto_destroy == "polite" or destroyed >= morning + 4 * _late(lab):
        return max(wanted, morning) if morning > max(wanted, now) else wanted
    if morning > max(wanted, now):  # in the night, once is enough
        last_call = destroyed - timedelta(seconds=lab.lifetime.remind_every_seconds)
        return max(wanted, last_call)
    return wanted


def pause(lab: Lab) -> timedelta:
    """Between two reminders: remind_every; longer and longer once channel and admins have been told too."""
    beyond = max(0, lab.reminders - ESCALATED_AFTER)
    seconds = lab.lifetime.remind_every_seconds * 2 ** min(beyond, 20)
    return timedelta(seconds=min(seconds, max(LONGEST_PAUSE_SECONDS, lab.lifetime.remind_every_seconds)))


def is_over(lab: Lab, now: datetime) -> bool:
    """Whether its time has come: it is due, its owner was asked, and nobody has kept it."""
    destroyed = destroys_at(lab)
    return destroyed is not None and destroyed <= now and _was_asked(lab)


def deed(lab: Lab, habits: Habits, now: datetime) -> Deed:
    """What is to be done about it now. One that sleeps is left in peace: its office hours see to it."""
    if lab.asleep_at is not None:
        return "wait"
    if is_over(lab, now):
        return "destroy"
    reminder_at = next_reminder_at(lab, habits, now)
    if reminder_at is not None and reminder_at <= now:
        return "remind"
    return "wait"


def next_look_at(lab: Lab, habits: Habits, now: datetime) -> datetime | None:
    """When there is something to do about it next. None: never, unless it is changed."""
    hours_at = office_hours.next_look(lab, habits, now)
    if lab.asleep_at is not None:
        return hours_at
    reminder_at, destroyed = next_reminder_at(lab, habits, now), destroys_at(lab)
    if destroyed is not None and not _was_asked(lab):
        destroyed = None  # a reminder comes first
    return min((at for at in (reminder_at, destroyed, hours_at) if at is not None), default=None)


def destroyed_anyway_at(lab: Lab, now: datetime) -> datetime | None:
    """Until when it would have lived, had its lifetime not ended it now: its expiry, and beyond that max."""
    if lab.expires_at is not None and now < lab.expires_at:
        return lab.expires_at
    if lab.applied_at is None:
        return None
    return lab.applied_at + timedelta(seconds=lab.lifetime.max_seconds)


def saved_cents(lab: Lab, per_hour_cents: float, now: datetime) -> float:
    """What it would have cost on, had its lifetime not ended it now."""
    until = destroyed_anyway_at(lab, now)
    return 0.0 if until is None else max(0.0, (until - now).total_seconds()) / HOUR * per_hour_cents


def witness(lab: Lab) -> str:
    """Ten characters that change when it is extended or kept: what a button was shown with."""
    return id_from(f"{lab.id} {lab.expires_at} {lab.kept_until}")


def retry_pause(attempts: int) -> timedelta:
    """Before a destruction that did not come to its end is tried again: growing, six hours at most."""
    return timedelta(minutes=min(2 ** min(math.floor(max(attempts, 1)) - 1, 20), 360))


def _was_asked(lab: Lab) -> bool:
    """Whether the reminders that had to come before its destruction have come: not so after we were away."""
    due = due_at(lab)
    if not is_reminded(lab) or lab.reminded_at is None or due is None:
        return False
    if lab.lifetime.auto_destroy == "polite":
        return True  # none was sent in the night, so one is enough
    destroyed = due + timedelta(seconds=lab.lifetime.grace_seconds)
    return lab.reminded_at >= destroyed - pause(lab) - _late(lab)


def _late(lab: Lab) -> timedelta:
    """A reminder that comes so shortly before the destruction comes late."""
    return timedelta(seconds=min(lab.lifetime.remind_every_seconds, lab.lifetime.grace_seconds) / 4)
