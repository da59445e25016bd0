"""The clock on somebody's wall: their zone, and the moments at which it shows a time, also when it is changed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from commands.words import MINUTE

DAY_MINUTES = 24 * MINUTE
_DAY = timedelta(days=1)


def zone(name: str) -> ZoneInfo:
    """The time zone of that name; UTC where there is none, or one that nobody knows."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no name at all; the name of a folder of zones
        return ZoneInfo("UTC")


def shows(minute: int) -> str:
    """A minute of the day as `08:00`."""
    return f"{minute // MINUTE:02}:{minute % MINUTE:02}"


def minute_of(hours: str, minutes: str | None) -> int | None:
    """`8`, `30` as a minute of the day, its end as 24:00; None where no clock shows that."""
    minute = int(hours) * MINUTE + int(minutes or 0)
    return minute if int(minutes or 0) < MINUTE and minute <= DAY_MINUTES else None


def turns(zone: ZoneInfo, at: datetime, minutes: Collection[int]) -> Iterator[datetime]:
    """From before at on, in their order and in UTC: every midnight, these minutes of each day, changes of the clock.

    Whatever depends on the weekday and on these minutes changes at no other moment.
    """
    walls = sorted({time(0), *(time(*divmod(minute % DAY_MINUTES, MINUTE)) for minute in minutes)})
    day = at.astimezone(zone).date() - _DAY
    while True:
        # Where the clock is set back a time may come twice, and each of the two counts.
        folded = [wall.replace(fold=fold) for wall in walls for fold in (0, 1)]
        shown = (datetime.combine(day, wall, zone).astimezone(UTC) for wall in folded)
        yield from sorted({*shown, *_shifts(zone, day)})
        day += _DAY


def _shifts(zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """When the clock is changed on a day, to the second: then it may skip what it should show."""
    begin, end = (datetime.combine(each, time(0), zone).astimezone(UTC) for each in (day, day + _DAY))
    offset = begin.astimezone(zone).utcoffset()
    if end.astimezone(zone).utcoffset() == offset:
        return
    while end - begin > timedelta(seconds=1):
        middle = (begin + (end - begin) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            begin = middle
        else:
            end = middle
    yield end
