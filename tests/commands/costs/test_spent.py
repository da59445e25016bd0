"""What labs have cost, cut at the ends of an interval: the parts make the whole, whatever the days and zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.costs import spent as costs
from commands.costs.spent import Bill, Interval
from state.records import Person
from state.usages import Usage

ANNA, BEN = Person("T1", "U1"), Person("T1", "U2")
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
WEEK = Interval(MONDAY, MONDAY + timedelta(days=7))
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]


def a_usage(since_hours: float, until_hours: float | None, **changes: object) -> Usage:
    """A time of a lab, in hours from that Monday."""
    told = {
        "id": f"u{since_hours}",
        "lab_id": "lab1",
        "lab_name": "demo",
        "blueprint": "web",
        "owner": ANNA,
        "channel": "C1",
        "per_hour_cents": 10.0,
        "currency": "USD",
        "started_at": MONDAY + timedelta(hours=since_hours),
        "ended_at": None if until_hours is None else MONDAY + timedelta(hours=until_hours),
    }
    return Usage(**{**told, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        (1, 3, 2),
        (-5, 2, 2),  # began before
        (166, 180, 2),  # goes on after
        (-5, None, 168),
        (160, None, 8),
        (-9, -1, 0),
        (-9, 0, 0),
        (168, 170, 0),
        (5, 5, 0),
        (5, 3, 0),  # a clock that was set back
    ],
)
def test_only_what_lies_in_the_interval_counts(since: float, until: float | None, hours: float) -> None:
    usage = a_usage(since, until)
    assert costs.seconds(usage, WEEK) == hours * 3600
    assert costs.cents(usage, WEEK) == pytest.approx(hours * 10)


def test_sums_are_by_currency() -> None:
    usages = [a_usage(0, 1), a_usage(1, 3), a_usage(0, 1, currency="EUR", per_hour_cents=7)]
    assert costs.total(usages, WEEK) == {"USD": 30.0, "EUR": 7.0}
    assert costs.total([], WEEK) == {}


def test_by_person_and_by_blueprint_the_dearest_first() -> None:
    usages = [a_usage(0, 1), a_usage(0, 5, owner=BEN, blueprint="db"), a_usage(200, 300)]
    assert costs.grouped(usages, WEEK, lambda each: each.owner) == {BEN: {"USD": 50.0}, ANNA: {"USD": 10.0}}
    assert list(costs.grouped(usages, WEEK, lambda each: each.blueprint)) == ["db", "web"]


def test_what_was_saved_counts_when_it_ended() -> None:
    usages = [
        a_usage(-9, 2, saved_cents=40),
        a_usage(3, 5, saved_cents=2),
        a_usage(-9, -1, saved_cents=7),
        a_usage(100, 169, saved_cents=9),
    ]
    assert costs.saved(usages, WEEK) == {"USD": 42}
    assert costs.saved([a_usage(0, 1)], WEEK) == {}


def test_the_bill_of_a_lab() -> None:
    nights = [a_usage(0, 10), a_usage(24, 34, saved_cents=5), a_usage(48, None)]
    assert costs.bill(nights, MONDAY + timedelta(hours=50)) == Bill(220.0, 5)
    assert costs.bill([], MONDAY) == Bill(0, 0)


moments = st.floats(-400, 400).map(lambda hours: round(hours, 2))


@given(st.lists(st.tuples(moments, st.one_of(st.none(), moments)), max_size=6), st.sampled_from(ZONES))
def test_the_days_make_the_whole(times: list[tuple[float, float | None]], name: str) -> None:
    zone = ZoneInfo(name)
    usages = [
        a_usage(since, until, blueprint=f"b{number % 2}") for number, (since, until) in enumerate(times)
    ]
    days = costs.days_of(WEEK, zone)
    whole = Interval(costs.midnight(days[0], zone), WEEK.until)
    by_day = costs.by_day(usages, days, zone, WEEK.until, "USD")
    assert all(len(series) == len(days) for series in by_day.values())
    assert sum(map(sum, by_day.values())) == pytest.approx(costs.total(usages, whole).get("USD", 0.0))


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 1), 24)]
)
def test_a_day_of_a_clock_change_has_its_hours(day: date, hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    began = costs.midnight(day, zone)
    usage = a_usage(0, None, started_at=began - timedelta(days=3))
    by_day = costs.by_day([usage], [day], zone, began + timedelta(days=3), "USD")
    assert by_day == {"web": (pytest.approx(hours * 10),)}


def test_days_of_an_interval() -> None:
    assert costs.days_of(WEEK, ZoneInfo("UTC"))[-1] == date(2026, 11, 22)
    assert len(costs.days_of(WEEK, ZoneInfo("UTC"))) == 7
    assert costs.days_of(WEEK, ZoneInfo("Asia/Tokyo"))[0] == date(2026, 11, 16)
    assert len(costs.days_of(WEEK, ZoneInfo("Asia/Tokyo"))) == 8
