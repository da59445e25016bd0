"""A lab with office hours: it sleeps in the evening, costs nothing, and comes back in the morning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.authorise import Standing
from commands.engines.terraform.events import Diagnostic
from commands.lifetime import sweep as lifetime_sweep
from commands.lifetime.office_hours import is_up, next_change, next_look, sleeps_at, wakes_at
from state import usages
from state.habits import Habits
from state.records import Lab, Lifetime, OfficeHours, Person, PlannedChange
from tests.bot.test_crashes import MortalInn
from tests.commands.lifetime.test_extending import leaves, presses, reminder
from tests.commands.test_keys import ONE, TWO
from tests.inn import ADMIN, COLLEAGUE, INFRA, REQUESTER, Inn, Shown
from tests.state.examples import a_lab

HOURS = OfficeHours((0, 1, 2, 3, 4), 8 * 60, 19 * 60)
ANNA = Habits(REQUESTER, "Europe/Paris")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OFFICE = """
        approvals: {infra: 1}
        cost: {per_hour: 0.10}
        lifetime: {ttl: 10d, max: 30d, idle: 3d}
        office_hours: {days: mon-fri, up: "08:00", down: "19:00"}"""


def at(text: str, zone: str = "Europe/Paris") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def office_lab(**changes: object) -> Lab:
    applied_at = at("2026-11-24T09:00")
    return a_lab(
        **{
            "lifetime": Lifetime(office_hours=HOURS),
            "applied_at": applied_at,
            "expires_at": applied_at + 240 * HOUR,
        }
        | changes
    )


# When


@pytest.mark.parametrize(
    ("moment", "up"),
    [
        ("2026-11-24T07:59", False),
        ("2026-11-24T08:00", True),
        ("2026-11-24T18:59", True),
        ("2026-11-24T19:00", False),
        ("2026-11-28T12:00", False),  # a Saturday
    ],
)
def test_a_lab_is_up_by_its_owners_clock(moment: str, up: bool) -> None:
    assert is_up(HOURS, ANNA, at(moment)) is up


def test_it_changes_in_the_evening_in_the_morning_and_after_the_weekend() -> None:
    assert next_change(HOURS, ANNA, at("2026-11-24T12:00")) == at("2026-11-24T19:00")
    assert next_change(HOURS, ANNA, at("2026-11-24T19:00")) == at("2026-11-25T08:00")
    assert next_change(HOURS, ANNA, at("2026-11-27T19:30")) == at("2026-11-30T08:00")
    assert next_change(HOURS, ANNA, at("2026-10-23T20:00")) == at("2026-10-26T08:00")  # an hour later in UTC


def test_it_sleeps_when_its_hours_end_or_as_long_as_it_is_kept_later() -> None:
    noon, night = at("2026-11-24T12:00"), at("2026-11-24T21:00")
    assert sleeps_at(office_lab(), ANNA, noon) == at("2026-11-24T19:00")
    assert sleeps_at(office_lab(), ANNA, night) == night
    assert sleeps_at(office_lab(kept_until=at("2026-11-24T23:00")), ANNA, noon) == at("2026-11-24T23:00")
    assert sleeps_at(office_lab(kept_until=at("2026-11-25T09:00")), ANNA, night) == at("2026-11-25T19:00")
    assert sleeps_at(office_lab(asleep_at=night), ANNA, night) is None
    assert sleeps_at(office_lab(applied_at=None), ANNA, night) is None
    assert sleeps_at(office_lab(expires_at=at("2026-11-24T18:59")), ANNA, noon) is None
    assert sleeps_at(office_lab(lifetime=Lifetime()), ANNA, night) is None


def test_it_wakes_when_its_hours_begin_unless_it_has_expired() -> None:
    night = at("2026-11-24T21:00")
    assert wakes_at(office_lab(asleep_at=night), ANNA, night) == at("2026-11-25T08:00")
    assert wakes_at(office_lab(asleep_at=night), ANNA, at("2026-11-25T10:00")) == at("2026-11-25T10:00")
    assert wakes_at(office_lab(asleep_at=night, expires_at=at("2026-11-25T08:00")), ANNA, night) is None
    assert wakes_at(office_lab(), ANNA, night) is None
    expires_at = at("2026-11-25T02:00")
    assert next_look(office_lab(asleep_at=night, expires_at=expires_at), ANNA, night) == expires_at


@given(
    st.sampled_from(sorted(available_timezones())),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1438),
    st.data(),
)
def test_it_changes_at_that_moment_and_not_before(
    zone: str, moment: datetime, days: set[int], up: int, data: st.DataObject
) -> None:
    hours = OfficeHours(tuple(sorted(days)), up, data.draw(st.integers(up + 1, 1439)))
    own = Habits(REQUESTER, zone)
    change = next_change(hours, own, moment)
    assert change > moment
    assert is_up(hours, own, change) != is_up(hours, own, moment)
    assert is_up(hours, own, change - timedelta(microseconds=1)) == is_up(hours, own, moment)
    looked_at = moment
    while looked_at < change:
        assert is_up(hours, own, looked_at) == is_up(hours, own, moment)
        looked_at += max((change - moment) / 50, MINUTE)


# What happens. The clock of these begins on Tuesday, 24 November 2026, 09:00 UTC, where their owner lives.


def an_office_lab(inn: Inn, blueprint: str = OFFICE) -> Shown:
    inn.offers("office", blueprint)
    card = inn.says(REQUESTER, "/lab up office demo").card()
    inn.clicks(INFRA, card, "Approve")
    return inn.card(card)


def until(inn: Inn, text: str, minutes: int = 10) -> None:
    """Sweep every few minutes until then, and let everything that follows happen."""
    ends_at = at(text, "UTC")
    while inn.clock() < ends_at:
        inn.clock.until(min(inn.clock() + minutes * MINUTE, ends_at))
        lifetime_sweep.sweep(inn.deps, inn.clock())
        inn.works()


def asleep(inn: Inn, blueprint: str = OFFICE) -> Lab:
    an_office_lab(inn, blueprint)
    until(inn, "2026-11-24T19:10")
    lab = inn.lab()
    assert lab.asleep_at is not None
    return lab


def direct(inn: Inn, person: Person = REQUESTER) -> list[str]:
    return [said.text for said in inn.slack.private(person.user)]


def test_it_sleeps_in_the_evening_and_is_back_in_the_morning(inn: Inn) -> None:
    first = an_office_lab(inn)
    until(inn, "2026-11-24T18:50")
    assert inn.runs() == ["applied"]
    until(inn, "2026-11-24T19:10")
    lab = inn.lab()
    assert (lab.gone_at, lab.idle_at, lab.asleep_at is not None) == (None, None, True)
    night = inn.run()
    assert (night.kind, night.cause, night.state, night.approvals_needed) == (
        "destroy",
        "office_hours",
        "applied",
        {},
    )
    card = inn.newest_card()
    assert card.text.startswith("demo: destroyed")
    (*_, told) = inn.replies(card)
    assert told.startswith("*demo* is down. It sleeps until <!date")
    assert told.endswith("and then comes back. `/lab plan demo` brings it back before.")
    until(inn, "2026-11-25T07:50", 60)
    assert len(inn.runs()) == 2
    until(inn, "2026-11-25T08:10")
    morning = inn.run()
    assert (morning.kind, morning.cause, morning.state, morning.approvals_needed) == (
        "apply",
        "office_hours",
        "applied",
        {},
    )
    assert inn.replies(inn.newest_card())[-1].startswith("*demo* is back. It expires <!date")
    lab = inn.lab()
    assert lab.asleep_at is None
    assert morning.ended_at is not None
    assert lab.idle_at == morning.ended_at + timedelta(days=3)
    assert lab.last_active_how == "/lab up"  # coming back is nobody's use of it
    assert lab.last_active_at < at("2026-11-24T10:00", "UTC")
    assert inn.audited("approved") == [(INFRA.key, "approved", "demo")]
    assert first.text.startswith("demo: applied")
    inn.is_tidy()


def test_it_costs_nothing_while_it_sleeps_and_nobody_is_reminded(inn: Inn) -> None:
    lab = asleep(inn)
    (usage,) = usages.of_lab(inn.database, lab.id)
    assert (usage.ended_by, usage.ended_at) == ("office_hours", lab.asleep_at)
    assert usage.saved_cents == pytest.approx(130, rel=0.05)  # 13 hours
    said = len(direct(inn))
    until(inn, "2026-11-25T07:55", 30)
    assert usages.open_of(inn.database, lab.id) is None
    assert len(direct(inn)) == said
    until(inn, "2026-11-25T08:10")
    going_on = usages.open_of(inn.database, lab.id)
    assert going_on is not None
    assert going_on.per_hour_cents == 10


def test_brought_back_before_the_morning_its_sleep_has_saved_less(inn: Inn) -> None:
    lab = asleep(inn)
    inn.clock.passes(hours=2)
    inn.approved(inn.says(REQUESTER, "/lab plan demo").card())
    assert inn.lab().asleep_at is None
    slept, going_on = usages.of_lab(inn.database, lab.id)
    assert going_on.ended_at is None
    assert slept.saved_cents == pytest.approx(20, rel=0.1)  # 2 of 13 hours


def test_over_the_weekend_it_sleeps_until_monday(inn: Inn) -> None:
    an_office_lab(inn)
    until(inn, "2026-11-27T19:10", 20)
    slept = len(inn.runs())
    until(inn, "2026-11-30T07:50", 60)
    assert len(inn.runs()) == slept
    until(inn, "2026-11-30T08:10")
    assert inn.lab().asleep_at is None


def test_the_evening_is_its_owners(inn: Inn) -> None:
    inn.standings[REQUESTER] = Standing(REQUESTER, "u1", timezone="Atlantic/Azores")  # an hour behind
    an_office_lab(inn)
    until(inn, "2026-11-24T19:50")
    assert inn.lab().asleep_at is None
    until(inn, "2026-11-24T20:10")
    assert inn.lab().asleep_at is not None
    until(inn, "2026-11-25T08:50", 30)
    assert inn.lab().asleep_at is not None
    until(inn, "2026-11-25T09:10")
    assert inn.lab().asleep_at is None


def test_two_bots_and_a_kill_put_it_to_sleep_once(inn: Inn) -> None:
    an_office_lab(inn)
    inn.clock.until(at("2026-11-24T19:01", "UTC"))
    lifetime_sweep.sweep(inn.deps, inn.clock())
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.kills()
    inn.clock.passes(minutes=1)
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.works()
    assert inn.runs() == ["applied", "applied"]
    inn.clock.until(at("2026-11-25T08:01", "UTC"))
    lifetime_sweep.sweep(inn.deps, inn.clock())
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.kills()
    inn.clock.passes(minutes=1)
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.works()
    assert inn.runs() == ["applied", "applied", "applied"]
    assert inn.lab().asleep_at is None


def test_a_bot_that_was_away_in_the_morning_wakes_it_later(inn: Inn) -> None:
    asleep(inn)
    inn.clock.until(at("2026-11-25T11:00", "UTC"))
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.works()
    assert inn.lab().asleep_at is None


@pytest.mark.parametrize("moment", ["2026-11-24T19:01", "2026-11-25T08:01"])
def test_killed_at_any_write_it_sleeps_and_wakes_once(tmp_path: Path, moment: str) -> None:
    inn = MortalInn(tmp_path)
    an_office_lab(inn)
    until(inn, f"{at(moment, 'UTC') - 2 * MINUTE:%Y-%m-%dT%H:%M}", 60)
    before = len(inn.runs())
    inn.clock.until(at(moment, "UTC"))
    deaths = inn.dies_at_each_write(lambda: lifetime_sweep.sweep(inn.deps, inn.clock()))
    assert deaths > 3
    until(inn, f"{inn.clock() + 5 * MINUTE:%Y-%m-%dT%H:%M}", 1)
    assert inn.runs() == ["applied"] * (before + 1)
    assert (inn.lab().asleep_at is not None) == (before == 1)


# Somebody wants it in the evening


def test_extended_after_its_hours_it_sleeps_when_that_ends(inn: Inn) -> None:
    an_office_lab(inn)
    until(inn, "2026-11-24T18:50")
    inn.says(REQUESTER, "/lab extend demo 3h")
    until(inn, "2026-11-24T21:40")
    assert inn.lab().asleep_at is None
    until(inn, "2026-11-24T22:00")
    assert inn.lab().asleep_at is not None


def test_kept_until_tomorrow_it_does_not_sleep_this_night(inn: Inn) -> None:
    an_office_lab(inn)
    until(inn, "2026-11-24T18:50")
    presses(inn, REQUESTER, reminder(inn)["Keep until tomorrow 09:00"])
    until(inn, "2026-11-25T18:50", 60)
    assert inn.runs() == ["applied"]
    until(inn, "2026-11-25T19:10")
    assert inn.lab().asleep_at is not None


def test_a_destruction_for_the_night_is_called_off_by_an_extension(inn: Inn) -> None:
    an_office_lab(inn)
    inn.clock.until(at("2026-11-24T19:01", "UTC"))
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.says(REQUESTER, "/lab extend demo 2h")
    assert inn.runs() == ["applied", "cancelled"]
    until(inn, "2026-11-24T20:50")
    assert inn.lab().asleep_at is None
    until(inn, "2026-11-24T21:10")
    assert inn.lab().asleep_at is not None


def test_whoever_stops_it_from_going_to_sleep_wants_it_a_while_longer(inn: Inn) -> None:
    an_office_lab(inn, OFFICE.replace("idle: 3d", "idle: 4h"))
    for _ in range(3):
        until(inn, f"{inn.clock() + 3 * HOUR:%Y-%m-%dT%H:%M}", 30)
        inn.says(REQUESTER, "/lab output demo")
    inn.clock.until(at("2026-11-24T19:01", "UTC"))
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.says(REQUESTER, "/lab cancel demo")
    assert inn.runs() == ["applied", "cancelled"]
    until(inn, "2026-11-24T22:50")
    assert inn.lab().asleep_at is None
    assert inn.runs() == ["applied", "cancelled"]
    until(inn, "2026-11-24T23:20")
    assert inn.lab().asleep_at is not None


def test_interrupted_it_goes_on_by_itself(inn: Inn) -> None:
    an_office_lab(inn)
    inn.terraform.holding = True
    until(inn, "2026-11-24T19:01", 1)
    child = inn.terraform.attach(inn.terraform.work(inn.run().id))
    assert child is not None
    inn.terraform.holding = False
    child.kill()
    inn.works()
    assert "I try again by myself." in inn.newest_card().all
    until(inn, "2026-11-24T19:10", 1)
    assert inn.runs() == ["applied", "interrupted", "applied"]
    assert inn.lab().asleep_at is not None


def test_brought_up_in_the_night_it_is_up_for_as_long_as_it_may_be_idle(inn: Inn) -> None:
    asleep(inn, OFFICE.replace("idle: 3d", "idle: 12h"))
    until(inn, "2026-11-24T20:00")
    inn.clicks(INFRA, inn.says(REQUESTER, "/lab plan demo").card(), "Approve")
    lab = inn.lab()
    assert (lab.asleep_at, lab.kept_until) == (None, lab.last_active_at + 12 * HOUR)
    until(inn, "2026-11-25T07:50", 60)
    assert inn.runs() == ["applied", "applied", "applied"]


# While it sleeps


def test_a_sleeping_lab_is_extended_and_stays_asleep(inn: Inn) -> None:
    asleep(inn)
    expires_at = inn.lab().expires_at
    inn.says(REQUESTER, "/lab extend demo 4h")
    assert inn.lab().expires_at == expires_at + 4 * HOUR
    assert "It sleeps until <!date" in inn.told(REQUESTER)
    until(inn, "2026-11-25T07:50", 60)
    assert inn.lab().asleep_at is not None
    until(inn, "2026-11-25T08:10")
    assert inn.lab().asleep_at is None


def test_a_sleeping_lab_that_is_destroyed_is_gone_at_once(inn: Inn) -> None:
    asleep(inn)
    inn.says(REQUESTER, "/lab down demo")
    assert inn.lab().gone_at is not None
    until(inn, "2026-11-25T08:30", 60)
    assert inn.runs() == ["applied", "applied"]


def test_one_that_expires_asleep_just_leaves(inn: Inn) -> None:
    inn.offers("office", OFFICE.replace("ttl: 10d", "ttl: 15h"))
    inn.clicks(INFRA, inn.says(REQUESTER, "/lab up office demo").card(), "Approve")
    until(inn, "2026-11-24T19:10")
    assert inn.replies(inn.newest_card())[-1].endswith(
        "Its time ends before its office hours begin, so it does not come back."
    )
    said = len(direct(inn))
    until(inn, "2026-11-25T00:20")
    assert inn.lab().gone_at is not None
    assert inn.replies(inn.newest_card())[-1] == (
        "The time of *demo* has ended while it slept, so it does not come back. Its history stays."
    )
    until(inn, "2026-11-25T08:30", 60)
    assert inn.runs() == ["applied", "applied"]
    assert len(direct(inn)) == said
    inn.is_tidy()


def test_there_is_nothing_to_open_while_it_sleeps(inn: Inn) -> None:
    asleep(inn)
    inn.says(REQUESTER, "/key ssh demo")
    assert inn.told(REQUESTER).startswith("*demo* is asleep until <!date")
    assert inn.told(REQUESTER).endswith("so there is nothing to open. `/lab plan demo`")


def test_show_and_list_say_until_when_it_sleeps(inn: Inn) -> None:
    asleep(inn)
    for typed in ("/lab show demo", "/lab list"):
        inn.says(REQUESTER, typed)
        assert "asleep until <!date" in inn.private(REQUESTER).all


def test_new_root_keys_wait_for_the_morning(inn: Inn) -> None:
    inn.vault.add(COLLEAGUE, "operator", keys=(TWO,))
    inn.vault.add(REQUESTER, "operator", keys=(ONE,))
    asleep(inn, f"{OFFICE} # its module takes trusted_ssh_keys")
    inn.sees_out(ADMIN, "<@U2>")
    inn.sweeps()
    inn.works()
    assert inn.runs() == ["applied", "applied"]
    until(inn, "2026-11-25T08:10", 30)
    assert inn.newest_card().text.startswith("demo: applied")
    assert inn.terraform.given_variables[-1]["trusted_ssh_keys"] == [ONE]


def test_one_that_somebody_brought_back_by_hand_is_not_forgotten(inn: Inn) -> None:
    asleep(inn, OFFICE.replace("ttl: 10d", "ttl: 15h"))
    inn.somebody_applies_by_hand()
    until(inn, "2026-11-25T00:20")
    assert (inn.lab().gone_at, inn.lab().asleep_at) == (None, None)
    until(inn, "2026-11-25T02:00")
    assert inn.lab().gone_at is not None
    assert inn.run().cause == "lifetime"


# In the morning


def test_another_version_of_the_blueprint_is_proposed_to_people(inn: Inn) -> None:
    asleep(inn)
    with (inn.folder / "labs" / "office" / "main.tf").open("a") as module:
        module.write("# another version\n")
    until(inn, "2026-11-25T08:10", 30)
    card = inn.newest_card()
    assert card.text.startswith("demo: proposed")
    assert "Its blueprint has changed since it was applied last, so people look at this first." in card.all
    inn.clicks(INFRA, card, "Approve")
    assert inn.card(card).text.startswith("demo: applied")
    assert inn.lab().asleep_at is None


def test_so_is_a_plan_that_does_more_than_create(inn: Inn) -> None:
    asleep(inn)
    inn.terraform.next_changes = [
        PlannedChange("terraform_data.a", "create"),
        PlannedChange("other.b", "delete"),
    ]
    until(inn, "2026-11-25T08:10", 30)
    card = inn.newest_card()
    assert card.text.startswith("demo: proposed")
    assert "It does more than bring back what was there, so people look at this first." in card.all


def test_so_are_new_root_keys_where_the_blueprint_asks_for_them(inn: Inn) -> None:
    inn.vault.add(REQUESTER, "operator", keys=(ONE,))
    asleep(inn, f"{OFFICE}\n        rekey: ask # its module takes trusted_ssh_keys")
    inn.vault.add(COLLEAGUE, "operator")
    inn.says(COLLEAGUE, f"/key enroll {TWO}")
    until(inn, "2026-11-25T08:10", 30)
    assert inn.newest_card().text.startswith("demo: proposed")
    assert "The operators' ssh keys have changed meanwhile" in inn.newest_card().all


def test_rejected_it_sleeps_until_the_next_morning(inn: Inn) -> None:
    asleep(inn)
    with (inn.folder / "labs" / "office" / "main.tf").open("a") as module:
        module.write("# another version\n")
    until(inn, "2026-11-25T08:10", 30)
    inn.clicks(INFRA, inn.newest_card(), "Reject")
    inn.submits(INFRA, reason="not today")
    until(inn, "2026-11-26T07:50", 60)
    assert inn.runs() == ["applied", "applied", "rejected"]
    until(inn, "2026-11-26T08:10")
    assert inn.newest_card().text.startswith("demo: proposed")


def test_what_fails_in_the_morning_is_tried_again(inn: Inn) -> None:
    asleep(inn)
    until(inn, "2026-11-25T07:58", 60)
    inn.terraform.plan_failure = Diagnostic("error", "the cloud is away", "")
    until(inn, "2026-11-25T08:02", 1)
    assert inn.newest_card().text.startswith("demo: failed")
    inn.terraform.plan_failure = None
    until(inn, "2026-11-25T08:10", 1)
    assert inn.newest_card().text.startswith("demo: applied")
    assert inn.lab().asleep_at is None


def test_whose_owner_has_left_is_not_brought_back_before_somebody_takes_it_over(inn: Inn) -> None:
    asleep(inn)
    leaves(inn, REQUESTER)
    until(inn, "2026-11-25T09:00")
    card = inn.newest_card()
    (asked,) = [Shown(said) for said in inn.slack.thread(card.said.ts) if said.blocks]
    assert asked.text.startswith(
        "*demo* sleeps, and <@U1>, whose lab it is, is no trusted operator any more."
    )
    assert inn.lab().asleep_at is not None
    inn.clicks(COLLEAGUE, asked, "Take over")
    until(inn, "2026-11-25T09:20")
    assert inn.lab().asleep_at is None
    assert inn.run().requester == COLLEAGUE


def test_an_owner_who_has_left_does_not_keep_it_up_at_night(inn: Inn) -> None:
    an_office_lab(inn)
    leaves(inn, REQUESTER)
    until(inn, "2026-11-24T19:10")
    assert inn.lab().asleep_at is not None


def test_one_who_leaves_between_the_plan_and_the_apply_gets_nothing(inn: Inn) -> None:
    asleep(inn)
    inn.clock.until(at("2026-11-25T08:01", "UTC"))
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.worker.plan_once(inn.clock())
    leaves(inn, REQUESTER)
    inn.works()
    assert inn.newest_card().text.startswith("demo: failed")
    assert "is no trusted operator now" in inn.newest_card().all
    assert inn.lab().asleep_at is not None


def test_vault_away_in_the_morning_loses_nothing(inn: Inn) -> None:
    asleep(inn)
    until(inn, "2026-11-25T07:50", 60)
    inn.vault.state = "away"
    until(inn, "2026-11-25T08:30")
    assert inn.lab().asleep_at is not None
    inn.vault.state = "ready"
    until(inn, "2026-11-25T08:50")
    assert inn.lab().asleep_at is None


def test_a_night_that_fails_is_tried_again(inn: Inn) -> None:
    an_office_lab(inn)
    until(inn, "2026-11-24T18:58")
    inn.terraform.apply_failure = Diagnostic("error", "the cloud is away", "")
    until(inn, "2026-11-24T19:02", 1)
    assert inn.newest_card().text.startswith("demo: failed")
    assert inn.lab().asleep_at is None
    inn.terraform.apply_failure = None
    until(inn, "2026-11-24T19:20", 1)
    assert inn.lab().asleep_at is not None
