"""When a lab is reminded of and destroyed, whatever its lifetime, its owner's zone, and the hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import available_timezones

from hypothesis import given
from hypothesis import strategies as st

from commands.lifetime import moments as lifetime
from commands.lifetime import words as lifetime_words
from commands.lifetime.quiet_hours import is_quiet
from state.habits import Habits
from state.records import Lab, Lifetime
from tests.state.examples import ADA, a_lab

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALWAYS = Habits(ADA, "UTC", 0, 0, False)

lifetimes = st.builds(
    Lifetime,
    idle_seconds=st.integers(60, 86_400),
    remind_every_seconds=st.integers(1800, 86_400),
    grace_seconds=st.integers(0, 86_400),
    auto_destroy=st.sampled_from([True, False, "polite"]),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
people = st.builds(Habits, st.just(ADA), st.sampled_from(sorted(available_timezones())))


def applied(at: datetime, lived: Lifetime, ttl: timedelta = timedelta(hours=8)) -> Lab:
    return a_lab(
        lifetime=lived,
        applied_at=at,
        last_active_at=at,
        expires_at=at + ttl,
        idle_at=at + timedelta(seconds=lived.idle_seconds),
    )


def lives_through(lab: Lab, habits: Habits, until: datetime) -> list[tuple[datetime, str]]:
    """What is done about a lab that nobody touches, looked at exactly when it asks to be."""
    done: list[tuple[datetime, str]] = []
    now = lab.applied_at or until
    while (at := lifetime.next_look_at(lab, habits, now)) is not None and at <= until:
        now = max(at, now)
        deed = lifetime.deed(lab, habits, now)
        done.append((now, deed))
        assert deed != "wait", "it asked to be looked at for nothing"
        if deed == "destroy":
            break
        lab = replace(lab, reminded_at=now, reminders=lab.reminders + 1)
    return done


@given(lifetimes, moments, people)
def test_nothing_is_destroyed_before_its_owner_was_asked_and_had_its_time(
    lived: Lifetime, at: datetime, habits: Habits
) -> None:
    lab = applied(at, lived)
    done = lives_through(lab, habits, at + timedelta(days=5))
    due = lifetime.due_at(lab)
    assert due is not None
    assert done[0][1] == "remind"
    destroyed = [moment for moment, deed in done if deed == "destroy"]
    assert (destroyed == []) is (lived.auto_destroy is False)
    for moment in destroyed:
        assert moment >= due + timedelta(seconds=lived.grace_seconds)
        asked = min(lived.grace_seconds, lived.remind_every_seconds)
        assert moment - done[-2][0] >= timedelta(seconds=asked) or len(done) > 2


@given(lifetimes, moments, people)
def test_where_no_morning_comes_between_it_goes_exactly_on_time(
    lived: Lifetime, at: datetime, habits: Habits
) -> None:
    lab = applied(at, replace(lived, auto_destroy=True))
    done = lives_through(lab, ALWAYS, at + timedelta(days=5))
    due = lifetime.due_at(lab)
    assert due is not None
    assert done[-1] == (due + timedelta(seconds=lived.grace_seconds), "destroy")


@given(lifetimes, moments, people)
def test_quiet_hours_are_kept_unless_the_lab_goes_before_their_end(
    lived: Lifetime, at: datetime, habits: Habits
) -> None:
    lab = applied(at, lived)
    done = lives_through(lab, habits, at + timedelta(days=5))
    loud = [moment for moment, deed in done if deed == "remind" and is_quiet(habits, moment)]
    if lived.auto_destroy is True and loud:
        assert done[-1][1] == "destroy"
        assert done[-1][0] - loud[0] <= timedelta(days=4)  # a weekend and its nights
    if lived.auto_destroy is not True:
        assert loud == []


@given(lifetimes, moments, people, st.integers(1, 200))
def test_however_late_we_look_a_reminder_comes_first(
    lived: Lifetime, at: datetime, habits: Habits, hours: int
) -> None:
    lab = applied(at, lived)
    now = at + timedelta(hours=hours)
    assert lifetime.deed(lab, habits, now) != "destroy"


@given(lifetimes, moments)
def test_no_reminder_comes_sooner_than_remind_every_after_the_last(lived: Lifetime, at: datetime) -> None:
    done = lives_through(applied(at, lived), ALWAYS, at + timedelta(days=5))
    reminded = [moment for moment, deed in done if deed == "remind"]
    for sooner, later in pairwise(reminded):
        assert later - sooner >= timedelta(seconds=lived.remind_every_seconds)


def test_an_extension_begins_the_reminders_anew() -> None:
    lab = replace(applied(NOON, Lifetime(idle_seconds=10**6)), reminded_at=NOON + timedelta(hours=7))
    assert lifetime.is_reminded(lab)
    longer = replace(lab, expires_at=NOON + timedelta(hours=12))
    assert not lifetime.is_reminded(longer)
    assert lifetime.next_reminder_at(longer, ALWAYS, NOON) == NOON + timedelta(hours=11)


def test_what_somebody_keeps_is_not_idle() -> None:
    lab = replace(applied(NOON, Lifetime()), kept_until=NOON + timedelta(hours=6))
    assert lifetime.due_at(lab) == NOON + timedelta(hours=6)
    assert not lifetime.is_idle(lab, NOON + timedelta(hours=5))


def test_what_it_saves_is_counted_to_its_expiry_and_beyond_that_to_its_max() -> None:
    lab = applied(NOON, Lifetime(max_seconds=86_400))
    assert lifetime.saved_cents(lab, 10, NOON + timedelta(hours=5)) == 30
    assert lifetime.saved_cents(lab, 10, NOON + timedelta(hours=8, minutes=30)) == 155


def test_retries_come_after_growing_pauses() -> None:
    pauses = [lifetime.retry_pause(attempt).total_seconds() / 60 for attempt in range(1, 12)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]


def test_a_reminder_says_who_used_it_last_what_it_costs_and_when_it_goes() -> None:
    lab = replace(applied(NOON, Lifetime()), last_active_by=ADA, last_active_how="/key ssh", reminders=1)
    told = lifetime_words.reminder(lab, 31.4, NOON + timedelta(hours=4), owner_has_left=False)
    assert told.startswith("Nobody has used *demo* for 4 h (last: <@U1>, /key ssh, <!date")
    assert "It has cost $0.31 so far." in told
    assert told.endswith(", in 30 min.")
    labels = [each.label for each in lifetime_words.buttons(lab, owner_has_left=False)]
    assert labels == ["Extend 4h", "Keep until tomorrow 09:00", "Destroy now"]
