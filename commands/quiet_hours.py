"""Quiet hours: when somebody wants to be left in peace, in their own zone, and `/lab quiet`, which says when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from commands.deps import Deps
from commands.request import Outcome, Refused, Request
from commands.words import MINUTE, code
from state import habits as habits_table
from state.habits import Habits

FROM_MINUTE, UNTIL_MINUTE, WEEKENDS = 20 * 60, 8 * 60, True  # of everybody who has set nothing
_DAY = timedelta(days=1)
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
    when = [f"from {clock(from_minute)} to {clock(until_minute)}"] if from_minute != until_minute else []
    when += ["at weekends"] if weekends else []
    if not when:
        return "I remind you of your labs at any hour."
    everybodys = habits == Habits(habits.person, habits.timezone)
    ending = ", as everybody who has set nothing" if everybodys else ""
    return (
        f"I leave you in peace {' and '.join(when)}, by the clock of {zone_of(habits).key}{ending}. "
        "Only what cannot wait until then comes earlier."
    )


def clock(minute: int) -> str:
    """A minute of the day as `08:00`."""
    return f"{minute // MINUTE:02}:{minute % MINUTE:02}"


def minute_of(hours: str, minutes: str | None) -> int | None:
    """`8`, `30` as a minute of the day, midnight also as 24:00; None where no clock shows that."""
    minute = int(hours) * MINUTE + int(minutes or 0)
    return minute % (24 * MINUTE) if int(minutes or 0) < MINUTE and minute <= 24 * MINUTE else None


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
    local = at.astimezone(zone_of(habits))
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
    return next(each for each in _changes(habits, at) if each >= at and not is_quiet(habits, each))


def tomorrow_at(habits: Habits, at: datetime, hour: int = 9) -> datetime:
    """That hour of somebody's next calendar day, in UTC. An hour that the clock skips is as much later."""
    zone = zone_of(habits)
    tomorrow = at.astimezone(zone).date() + _DAY
    return datetime.combine(tomorrow, time(hour), zone).astimezone(UTC)


def hours_of(habits: Habits) -> tuple[int, int, bool]:
    """From which minute of the day until which, and whether weekends too. From equal to until: at no hour."""
    return (
        FROM_MINUTE if habits.quiet_from_minute is None else habits.quiet_from_minute,
        UNTIL_MINUTE if habits.quiet_until_minute is None else habits.quiet_until_minute,
        WEEKENDS if habits.quiet_weekends is None else habits.quiet_weekends,
    )


def zone_of(habits: Habits) -> ZoneInfo:
    """Somebody's time zone; UTC where Slack tells none, or one that nobody knows."""
    try:
        return ZoneInfo(habits.timezone)
    except (KeyError, ValueError, OSError):  # unknown; no name at all; the name of a folder of zones
        return ZoneInfo("UTC")


def _changes(habits: Habits, at: datetime) -> Iterator[datetime]:
    """In their order, from before at on, all moments in which it may stop being quiet, in UTC."""
    zone = zone_of(habits)
    day = at.astimezone(zone).date() - _DAY
    while True:
        yield from sorted({*_starts(zone, day, hours_of(habits)[1]), *_shifts(zone, day)})
        day += _DAY


def _starts(zone: ZoneInfo, day: date, minute: int) -> Iterator[datetime]:
    """Midnight and that minute of a day. Where the clock is set back both may come twice, and each of them counts."""
    for wall in (time(0), time(*divmod(minute, MINUTE))):
        for fold in (0, 1):
            yield datetime.combine(day, wall.replace(fold=fold), zone).astimezone(UTC)


def _shifts(zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """When the clock is changed on a day, to the second: then it may skip the end of the quiet."""
    begin, end = (
        datetime.combine(each, time(0), zone).astimezone(UTC).replace(microsecond=0)
        for each in (day, day + _DAY)
    )
    offset = begin.astimezone(zone).utcoffset()
    if end.astimezone(zone).utcoffset() == offset:
        return
    while end - begin > timedelta(seconds=1):
        middle = begin + (end - begin) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            begin = middle
        else:
            end = middle
    yield end
