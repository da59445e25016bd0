"""What labs have cost: pure sums over the times in which they were there, cut at the ends of an interval.

Sums are by currency, as one currency's cents are not another's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from commands.pictures import Picture as Picture
from commands.words import HOUR
from state.usages import Usage

K = TypeVar("K")
Totals = dict[str, float]  # currency → cents


@dataclass(frozen=True)
class Interval:
    """From since until until, both aware."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Bill:
    """What a lab has cost in all, and what it would have cost on had its lifetime not ended it. In cents."""

    spent_cents: float = 0
    saved_cents: float = 0


NOTHING = Bill()


@dataclass(frozen=True)
class DailyCosts:
    """What a picture of costs shows: name → cents on each of the days."""

    title: str
    days: tuple[date, ...]
    series: dict[str, tuple[float, ...]]
    currency: str


def bill(usages: Iterable[Usage], now: datetime) -> Bill:
    """The bill of the lab that these are of, until now."""
    spent = saved = 0.0
    for each in usages:
        spent += (
            each.per_hour_cents * max(0.0, ((each.ended_at or now) - each.started_at).total_seconds()) / HOUR
        )
        saved += each.saved_cents
    return Bill(spent, saved)


def seconds(usage: Usage, interval: Interval) -> float:
    """How much of the interval it went on."""
    end = interval.until if usage.ended_at is None else min(usage.ended_at, interval.until)
    return max(0.0, (end - max(usage.started_at, interval.since)).total_seconds())


def cents(usage: Usage, interval: Interval) -> float:
    """What it cost in the interval."""
    return usage.per_hour_cents * seconds(usage, interval) / HOUR


def total(usages: Iterable[Usage], interval: Interval) -> Totals:
    """What they cost in the interval."""
    return grouped(usages, interval, lambda usage: None).get(None, {})


def grouped(usages: Iterable[Usage], interval: Interval, of: Callable[[Usage], K]) -> dict[K, Totals]:
    """The same for each that of() gives: a person, a blueprint, a channel, a lab. The dearest come first."""
    found: dict[K, Totals] = {}
    for each in usages:
        if (cost := cents(each, interval)) or seconds(each, interval):
            totals = found.setdefault(of(each), {})
            totals[each.currency] = totals.get(each.currency, 0.0) + cost
    return dict(sorted(found.items(), key=lambda item: -sum(item[1].values())))


def saved(usages: Iterable[Usage], interval: Interval) -> Totals:
    """What those would have cost on whose lifetime ended them in the interval."""
    found: Totals = {}
    for each in usages:
        if (
            each.saved_cents
            and each.ended_at is not None
            and interval.since < each.ended_at <= interval.until
        ):
            found[each.currency] = found.get(each.currency, 0.0) + each.saved_cents
    return found


def days_of(interval: Interval, zone: ZoneInfo) -> tuple[date, ...]:
    """The days of a zone's calendar that an interval touches."""
    first = interval.since.astimezone(zone).date()
    last = (interval.until - timedelta(microseconds=1)).astimezone(zone).date()
    return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))


def by_day(
    usages: Iterable[Usage], days: Sequence[date], zone: ZoneInfo, until: datetime, currency: str
) -> dict[str, tuple[float, ...]]:
    """Blueprint → cents on each of the days, up to until. A day of a clock change has its 23 or 25 hours."""
    starts = [midnight(day, zone) for day in (*days, days[-1] + timedelta(days=1))]
    found: dict[str, list[float]] = {}
    for each in usages:
        if each.currency != currency:
            continue
        series = found.setdefault(each.blueprint, [0.0] * len(days))
        end = min(each.ended_at or until, until)
        place = max(0, bisect_right(starts, each.started_at) - 1)
        while place < len(days) and starts[place] < end:
            series[place] += cents(each, Interval(starts[place], min(starts[place + 1], end)))
            place += 1
    return {name: tuple(series) for name, series in found.items()}


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a zone, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
