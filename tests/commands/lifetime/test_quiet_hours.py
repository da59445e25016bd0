"""When somebody is left in peace: in every zone, also in the nights in which its clock is changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.authorise import Standing
from commands.lifetime.quiet_hours import is_quiet, quiet_until, tomorrow_at
from state import habits as habits_table
from state.habits import Habits
from state.records import Person
from tests.inn import COLLEAGUE, REQUESTER, SECURITY, STRANGER, Inn

ANNA = Person("T1", "U1")
ZONES = sorted(available_timezones())
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def at(text: str, zone: str = "UTC") -> datetime:
    """A moment as a clock on the wall of that zone shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def habits(zone: str = "UTC", start: str = "", end: str = "", weekends: bool | None = None) -> Habits:
    return Habits(ANNA, zone, _minute(start), _minute(end), weekends)


def _minute(text: str) -> int | None:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes) if text else None


def nights_of_the_change(zone: str, year: int) -> list[date]:
    """The days of a year on which the zone's clock is changed."""
    days = [date(year, 1, 1) + timedelta(days=number) for number in range(366)]
    noons = [datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)) for day in days]
    return [
        day
        for day, noon, before in zip(days[1:], noons[1:], noons, strict=False)
        if noon.utcoffset() != before.utcoffset()
    ]


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and a moment in or near a night in which its clock is changed, if it is in that year."""
    zone, year = draw(st.sampled_from(ZONES)), draw(st.integers(1990, 2040))
    day = draw(st.sampled_from(nights_of_the_change(zone, year) or [date(year, 11, 24)]))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return zone, noon - draw(st.timedeltas(timedelta(0), timedelta(hours=42)))


def any_habits(zone: str) -> st.SearchStrategy[Habits]:
    minute = st.none() | st.integers(0, 1439)
    return st.builds(
        lambda start, end, weekends: Habits(ANNA, zone, start, end, weekends),
        minute,
        minute,
        st.none() | st.booleans(),
    )


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("2026-11-24T07:59", True),
        ("2026-11-24T08:00", False),
        ("2026-11-24T19:59", False),
        ("2026-11-24T20:00", True),
        ("2026-11-27T19:59", False),  # a Friday
        ("2026-11-28T12:00", True),
        ("2026-11-29T23:59", True),
        ("2026-11-30T07:59", True),
        ("2026-11-30T08:00", False),
    ],
)
def test_evenings_nights_and_weekends_are_quiet(moment: str, quiet: bool) -> None:
    assert is_quiet(habits("Europe/Paris"), at(moment, "Europe/Paris")) is quiet


def test_it_is_the_persons_own_evening() -> None:
    evening_in_paris = at("2026-11-24T21:00", "Europe/Paris")
    assert is_quiet(habits("Europe/Paris"), evening_in_paris)
    assert not is_quiet(habits("America/New_York"), evening_in_paris)


def test_the_morning_comes_at_eight_and_after_a_weekend_on_monday() -> None:
    zone = "America/New_York"
    assert quiet_until(habits(zone), at("2026-11-24T23:00", zone)) == at("2026-11-25T08:00", zone)
    assert quiet_until(habits(zone), at("2026-11-25T03:00", zone)) == at("2026-11-25T08:00", zone)
    assert quiet_until(habits(zone), at("2026-11-27T20:00", zone)) == at("2026-11-30T08:00", zone)
    noon = at("2026-11-25T12:00", zone)
    assert quiet_until(habits(zone), noon) == noon


def test_people_have_their_own_hours() -> None:
    night = habits("UTC", "22:00", "07:00", weekends=False)
    assert not is_quiet(night, at("2026-11-28T21:59"))
    assert quiet_until(night, at("2026-11-28T22:00")) == at("2026-11-29T07:00")
    siesta = habits("UTC", "13:00", "15:30")
    assert not is_quiet(siesta, at("2026-11-24T03:00"))
    assert quiet_until(siesta, at("2026-11-24T14:00")) == at("2026-11-24T15:30")
    assert quiet_until(siesta, at("2026-11-27T13:00")) == at("2026-11-27T15:30")
    assert quiet_until(siesta, at("2026-11-28T09:00")) == at("2026-11-30T00:00")


def test_from_and_until_the_same_is_at_no_hour() -> None:
    assert not is_quiet(habits("UTC", "08:00", "08:00", weekends=False), at("2026-11-28T03:00"))
    weekends_only = habits("UTC", "00:00", "00:00")
    assert not is_quiet(weekends_only, at("2026-11-27T23:59"))
    assert quiet_until(weekends_only, at("2026-11-28T00:00")) == at("2026-11-30T00:00")


@pytest.mark.parametrize(
    "zone", ["", "Nowhere/Never", "America", "../../etc/passwd", "Zürich", "\0", "x" * 300]
)
def test_a_person_with_no_zone_lives_in_utc(zone: str) -> None:
    assert not is_quiet(habits(zone), at("2026-11-24T08:00"))
    assert quiet_until(habits(zone), at("2026-11-24T20:00")) == at("2026-11-25T08:00")
    assert tomorrow_at(habits(zone), at("2026-11-24T23:59")) == at("2026-11-25T09:00")


def test_where_the_clock_skips_the_end_of_the_quiet_it_ends_with_the_skip() -> None:
    zone = "America/New_York"  # 02:00 EST becomes 03:00 EDT
    until_half_past_two = habits(zone, "22:00", "02:30", weekends=False)
    assert quiet_until(until_half_past_two, at("2026-03-08T01:00", zone)) == at("2026-03-08T03:00", zone)


def test_where_the_clock_shows_an_hour_twice_it_is_quiet_twice() -> None:
    zone = "America/New_York"  # 02:00 EDT becomes 01:00 EST again
    until_half_past_one = habits(zone, "22:00", "01:30", weekends=False)
    first = at("2026-11-01T01:30", zone)
    assert quiet_until(until_half_past_one, at("2026-11-01T00:00", zone)) == first
    assert is_quiet(until_half_past_one, first + HOUR / 2)
    assert quiet_until(until_half_past_one, first + HOUR / 2) == first + HOUR


def test_a_morning_after_the_change_is_at_eight_all_the_same() -> None:
    assert quiet_until(habits("Europe/Paris"), at("2026-10-23T21:00", "Europe/Paris")) == at(
        "2026-10-26T07:00"
    )  # an hour later in UTC than the Friday before


def test_midnight_that_does_not_exist() -> None:
    zone = "Africa/Cairo"  # Friday 00:00 becomes 01:00
    thursday = at("2026-04-23T23:30", zone)
    assert quiet_until(habits(zone, "22:00", "00:00"), thursday) == at("2026-04-24T01:00", zone)


def test_a_day_that_does_not_exist() -> None:
    thursday = at("2011-12-29T21:00", "Pacific/Apia")  # the next day was Saturday, the 31st
    assert quiet_until(habits("Pacific/Apia"), thursday) == at("2012-01-02T08:00", "Pacific/Apia")
    assert tomorrow_at(habits("Pacific/Apia"), thursday) == at("2011-12-31T09:00", "Pacific/Apia")


@given(st.data())
def test_the_quiet_ends_as_soon_as_it_does(data: st.DataObject) -> None:
    zone, moment = data.draw(moments())
    own = data.draw(any_habits(zone))
    until = quiet_until(own, moment)
    assert until.tzinfo is UTC
    assert until >= moment
    assert not is_quiet(own, until)
    assert quiet_until(own, until) == until
    if until > moment:
        assert is_quiet(own, until - timedelta(microseconds=1))
    looked_at = moment
    while looked_at < until:
        assert is_quiet(own, looked_at), looked_at
        looked_at += 7 * MINUTE if until - looked_at > HOUR * 2 else MINUTE


@given(moments(), st.integers(0, 23))
def test_tomorrow_is_the_next_day_of_the_calendar_at_that_hour(
    given_moment: tuple[str, datetime], hour: int
) -> None:
    zone, moment = given_moment
    found = tomorrow_at(Habits(ANNA, zone), moment, hour)
    local, before = found.astimezone(ZoneInfo(zone)), moment.astimezone(ZoneInfo(zone))
    assert found.tzinfo is UTC
    assert found > moment
    skipped = datetime.combine(before.date() + timedelta(days=1), local.time().replace(hour=hour, minute=0))
    is_there = (
        skipped.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    )
    if is_there == skipped:
        assert (local.date(), local.hour, local.minute) == (before.date() + timedelta(days=1), hour, 0)
    else:
        assert found > skipped.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC)


EVERYBODYS = (
    "I leave you in peace from 20:00 to 08:00 and at weekends, by the clock of Europe/Paris, like everybody who has "
    "set nothing. Only what cannot wait until then comes earlier."
)


def test_somebody_asks_when_they_are_left_in_peace(inn: Inn) -> None:
    habits_table.in_zone(inn.database, SECURITY, "Europe/Paris")
    inn.standings[SECURITY] = Standing(SECURITY, "u5", timezone="Europe/Paris")
    inn.says(SECURITY, "/lab quiet")
    assert inn.told(SECURITY) == (
        f"{EVERYBODYS} It can be set: `/lab quiet 22:00-07:00 weekends=yes`, `off` or `default`."
    )


def test_somebody_sets_hours_of_their_own_and_takes_them_back(inn: Inn) -> None:
    inn.standings[REQUESTER] = Standing(REQUESTER, "u1", timezone="Europe/Paris")
    habits_table.in_zone(inn.database, REQUESTER, "Europe/Paris")
    inn.says(REQUESTER, "/lab quiet 22:00-7 weekends=no")
    assert inn.told(REQUESTER).startswith(
        "I leave you in peace from 22:00 to 07:00, by the clock of Europe/Paris. "
    )
    assert is_quiet(habits_table.of(inn.database, REQUESTER), at("2026-11-28T06:30", "Europe/Paris"))
    assert not is_quiet(habits_table.of(inn.database, REQUESTER), at("2026-11-28T07:00", "Europe/Paris"))
    assert habits_table.of(inn.database, COLLEAGUE) == Habits(COLLEAGUE)
    inn.says(REQUESTER, "/lab quiet weekends=yes")
    assert "from 22:00 to 07:00 and at weekends" in inn.told(REQUESTER)
    inn.says(REQUESTER, "/lab quiet off")
    assert inn.told(REQUESTER) == "I remind you of your labs at any hour."
    assert not is_quiet(habits_table.of(inn.database, REQUESTER), at("2026-11-28T03:00"))
    inn.says(REQUESTER, "/lab quiet default")
    assert inn.told(REQUESTER) == EVERYBODYS


SLIPS = (
    *("always", "22:00", "25:00-07:00", "22:60-07:00", "24:01-07:00", "weekends=maybe", "off default"),
    *("weekends=yes weekends=no", "22:00-07:00 20:00-08:00", "hours=22:00-07:00", "-22:00-07:00", "<@U8>"),
)


@pytest.mark.parametrize("said", SLIPS)
def test_a_slip_is_answered_with_the_right_form(inn: Inn, said: str) -> None:
    inn.says(REQUESTER, f"/lab quiet {said}")
    assert inn.told(REQUESTER).endswith("`/lab quiet 22:00-07:00 weekends=yes`")
    assert habits_table.of(inn.database, REQUESTER).quiet_from_minute is None


def test_a_stranger_sets_nothing(inn: Inn) -> None:
    inn.says(STRANGER, "/lab quiet off")
    assert "not a trusted operator" in inn.told(STRANGER)
    assert habits_table.of(inn.database, STRANGER) == Habits(STRANGER)
