"""Quiet hours: when somebody wants to be left in peace, in their own zone, and `/lab quiet`, which says when."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from commands.deps import Deps
from commands.lifetime.wall_clock import DAY_MINUTES, minute_of, shows, turns, zone
from commands.request import Outcome, Refused, Request
from commands.words import MINUTE, code
from state import habits as habits_table
from state.habits import Habits

FROM_MINUTE, UNTIL_MINUTE, WEEKENDS = 20 * 60, 8 * 60, True  # of everybody who has set nothing
_SATURDAY = 5
_EXAMPLE = "/lab quiet 22:00-07:00 weekends=yes"
_HOURS = re.compile(r"(\d{1,2})(?::(\d{2}))?[-–](\d{1,2})(?::(\d{2}))?", re.ASCII)
_WEEKENDS = {"yes": True, "no": False}


def quiet(request: Request, deps: Deps) -> Outcome:
    """`/lab quiet [22:00-07:00] [weekends=yes|no] | off | default`: say when you want to be left in peace."""
    before = habits_table.of(deps.database, request.person)
    said = request.words[2:]
    if not said:
        return Outcome(f"{hours_words(before)} It can be set: `{_EXAMPLE}`, `off` or `default`.")
    after = _as_said(before, said)
    habits_table.keep(deps.database, after)
    return Outcome(hours_words(after))


def hours_words(habits: Habits) -> str:
    """`I leave you in peace from 20:00 to 08:00 and at weekends, as your clock in Europe/Paris shows it.` Pure."""
    from_minute, until_minute, weekends = hours_of(habits)
    when = [f"from {shows(from_minute)} to {shows(until_minute)}"] if from_minute != until_minute else []
    when += ["at weekends"] if weekends else []
    if not when:
        return "I remind you of your labs at any hour."
    everybodys = habits == Habits(habits.person, habits.timezone)
    ending = ", like everybody who has set nothing" if everybodys else ""
    return (
        f"I leave you in peace {' and '.join(when)}, by the clock of {zone(habits.timezone).key}{ending}. "
        "Only what cannot wait until then comes earlier."
    )


def _as_said(habits: Habits, said: tuple[str, ...]) -> Habits:
    """The habits with what somebody has typed. Raises Refused."""
    if said == ("off",):
        return replace(habits, quiet_from_minute=0, quiet_until_minute=0, quiet_weekends=False)
    if said == ("default",):
        return Habits(habits.person, habits.timezone)
    seen: set[str] = set()
    for word in said:
        name, equals, value = word.partition("=")
        if equals and name == "weekends" and value in _WEEKENDS:
            habits = replace(habits, quiet_weekends=_WEEKENDS[value])
        elif match := _HOURS.fullmatch(word):
            start, end = minute_of(match[1], match[2]), minute_of(match[3], match[4])
            if start is None or end is None:
                raise Refused(f"No clock shows {code(word)}. Hours go from 00:00 to 24:00.", _EXAMPLE)
            start, end = start % DAY_MINUTES, end % DAY_MINUTES
            habits = replace(habits, quiet_from_minute=start, quiet_until_minute=end)
        else:
            sentence = (
                "Quiet hours are written 22:00-07:00, weekends=yes or weekends=no; or say off or default."
            )
            raise Refused(f"I do not understand {code(word)}. {sentence}", _EXAMPLE)
        if (kind := name if equals else "hours") in seen:
            raise Refused(f"{code(word)} comes after another word that says the same. Say it once.", _EXAMPLE)
        seen.add(kind)
    return habits


def is_quiet(habits: Habits, at: datetime) -> bool:
    """Whether somebody wants to be left in peace then. at must be aware."""
    from_minute, until_minute, weekends = hours_of(habits)
    local = at.astimezone(zone(habits.timezone))
    if weekends and local.weekday() >= _SATURDAY:
        return True
    minute = local.hour * MINUTE + local.minute
    if from_minute <= until_minute:
        return from_minute <= minute < until_minute
    return minute >= from_minute or minute < until_minute


def quiet_until(habits: Habits, at: datetime) -> datetime:
    """The first moment from at on that is not quiet, in UTC: over a weekend Monday at 08:00."""
    at = at.astimezone(UTC)
    if not is_quiet(habits, at):
        return at
    # There is one: each weekday has a minute that is not quiet, and a change of the clock takes it from one day only.
    moments = turns(zone(habits.timezone), at, hours_of(habits)[:2])
    return next(each for each in moments if each >= at and not is_quiet(habits, each))


def tomorrow_at(habits: Habits, at: datetime, hour: int = 9) -> datetime:
    """That hour of somebody's next calendar day, in UTC. An hour that the clock skips is as much later."""
    own = zone(habits.timezone)
    tomorrow = at.astimezone(own).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(hour), own).astimezone(UTC)


def hours_of(habits: Habits) -> tuple[int, int, bool]:
    """From which minute of the day until which, and whether weekends too. From equal to until: at no hour."""
    return (
        FROM_MINUTE if habits.quiet_from_minute is None else habits.quiet_from_minute,
        UNTIL_MINUTE if habits.quiet_until_minute is None else habits.quiet_until_minute,
        WEEKENDS if habits.quiet_weekends is None else habits.quiet_weekends,
    )
