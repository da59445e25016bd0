"""Quiet hours: when somebody wants to be left in peace, in their own zone, also where its clock is changed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from commands.words import MINUTE
from state.habits import Habits

FROM_MINUTE, UNTIL_MINUTE, WEEKENDS = 20 * 60, 8 * 60, True  # of everybody who has set nothing
_DAY = timedelta(days=1)
_SATURDAY = 5


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
