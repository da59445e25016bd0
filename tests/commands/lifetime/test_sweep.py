"""A lab that nobody uses: its owner is asked, and it goes on time, whatever happens to the bot meanwhile."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands.engines.terraform.engine import Diagnostic
from commands.lifetime import sweep as lifetime_sweep
from state import habits, labs, runs, usages
from state.habits import Habits
from state.records import Lab, Person
from tests.bot.test_crashes import MortalInn
from tests.inn import ADMIN, BLUEPRINTS, CHANNEL, REQUESTER, Inn

GRACE = timedelta(minutes=30)
KEPT = """
        approvals: {operator: 1, self: true}
        lifetime: {ttl: 2d, max: 3d, idle: 3h, auto_destroy: false}"""
POLITE = """
        approvals: {operator: 1, self: true}
        lifetime: {ttl: 2d, max: 3d, idle: 3h, auto_destroy: polite}"""
AWAY = Diagnostic("error", "the cloud is away", "")


def sweeps_for(inn: Inn, hours: float, every: timedelta = timedelta(minutes=5)) -> None:
    """Sweep every few minutes for so long, and let everything that follows happen."""
    ends_at = inn.clock() + timedelta(hours=hours)
    while inn.clock() < ends_at:
        inn.clock.until(min(inn.clock() + every, ends_at))
        lifetime_sweep.sweep(inn.deps, inn.clock())
        inn.works()


def reminders(inn: Inn, person: Person = REQUESTER) -> list[str]:
    """What an owner was told directly about their lab's end, the oldest first."""
    return [said.text for said in inn.slack.private(person.user) if "destroyed" in said.text]


def lab_at(inn: Inn, name: str = "demo") -> Lab:
    found = labs.living(inn.database, name)
    assert found is not None
    return found


def test_an_idle_lab_is_reminded_of_and_then_destroyed(inn: Inn) -> None:
    card = inn.has("demo")
    sweeps_for(inn, 3.9)
    assert reminders(inn) == []
    sweeps_for(inn, 0.2)
    (told,) = reminders(inn)
    assert told.startswith("Nobody has used *demo* for 4 h 4 min (last: <@U1>, /lab up, <!date")
    assert "It will be destroyed <!date" in told
    assert any("Nobody has used *demo*" in each for each in inn.replies(inn.card(card)))
    sweeps_for(inn, 0.6)
    assert labs.living(inn.database, "demo") is None
    gone = inn.newest_card()
    assert gone.text.startswith("demo: destroyed")
    gone_run = runs.latest_of(inn.database, labs.with_name(inn.database, "demo")[0].id)
    assert gone_run is not None
    assert gone_run.cause == "lifetime"


def test_a_lab_that_is_used_is_left_alone(inn: Inn) -> None:
    inn.has("demo")
    for _ in range(3):
        sweeps_for(inn, 2)
        inn.says(REQUESTER, "/lab output demo")
    assert reminders(inn) == []
    assert lab_at(inn).gone_at is None


def test_used_after_the_reminder_it_lives(inn: Inn) -> None:
    inn.has("demo")
    sweeps_for(inn, 4.2)
    assert len(reminders(inn)) == 1
    inn.says(REQUESTER, "/lab output demo")
    sweeps_for(inn, 2)
    assert lab_at(inn).reminders == 0


def test_before_it_expires_it_is_reminded_of_and_goes_after_its_grace(inn: Inn) -> None:
    inn.has("demo")
    expires_at = lab_at(inn).expires_at
    assert expires_at is not None
    while inn.clock() < expires_at - timedelta(minutes=75):
        sweeps_for(inn, 0.1)
        labs.touch(inn.database, lab_at(inn), inn.clock(), REQUESTER, "a login")
        assert reminders(inn) == []
    while inn.clock() < expires_at + GRACE - timedelta(minutes=6):
        sweeps_for(inn, 0.1)
        labs.touch(inn.database, lab_at(inn), inn.clock(), REQUESTER, "a login")
    assert len(reminders(inn)) == 2  # an hour before, and at its end
    assert "*demo* expires <!date" in reminders(inn)[0]
    sweeps_for(inn, 0.3)
    assert labs.living(inn.database, "demo") is None


def test_one_that_only_reminds_tells_the_channel_and_the_admins_after_three(inn: Inn) -> None:
    inn.offers("kept", KEPT)
    inn.has("demo", "kept")
    habits.keep(inn.database, Habits(REQUESTER, "UTC", 0, 0, False))  # at any hour
    sweeps_for(inn, 5.5)
    assert len(reminders(inn)) == 3
    assert "It is not destroyed by itself." in reminders(inn)[0]
    assert [each for each in inn.slack.private(ADMIN.user) if "*demo*" in each.text] == []
    sweeps_for(inn, 1)
    (told,) = [each for each in inn.slack.private(ADMIN.user) if "*demo*" in each.text]
    assert "has not answered 3 reminders" in told.text
    assert any("has not answered 3 reminders" in said.text for said in inn.slack.public(CHANNEL))
    assert lab_at(inn).gone_at is None


def test_nobody_is_reminded_at_night_unless_the_lab_goes_before_the_morning(inn: Inn) -> None:
    inn.offers("kept", KEPT)
    inn.has("demo", "kept")
    inn.clock.until(datetime(2026, 11, 24, 21, 0, tzinfo=UTC))
    inn.has("other")
    sweeps_for(inn, 10.9, timedelta(minutes=15))  # until 07:54
    told = reminders(inn)
    assert [text for text in told if "*demo*" in text] == []
    assert [text for text in told if "*other*" in text] != []
    sweeps_for(inn, 0.3)
    assert [text for text in reminders(inn) if "*demo*" in text] != []


def test_a_polite_lab_waits_for_a_reminder_outside_of_quiet_hours(inn: Inn) -> None:
    inn.offers("polite", POLITE)
    inn.clock.until(datetime(2026, 11, 24, 18, 0, tzinfo=UTC))
    inn.has("demo", "polite")
    sweeps_for(inn, 13.9, timedelta(minutes=15))  # until 07:54, long after it was due
    assert reminders(inn) == []
    assert lab_at(inn).gone_at is None
    sweeps_for(inn, 0.2)
    assert len(reminders(inn)) == 1
    sweeps_for(inn, 0.6)
    assert labs.living(inn.database, "demo") is None


class TestAwayOrAtTheWrongTime:
    def test_a_bot_that_was_away_asks_once_and_then_destroys(self, inn: Inn) -> None:
        inn.has("demo")
        inn.clock.passes(hours=23)  # Wednesday, 08:00
        sweeps_for(inn, 0.1)
        assert len(reminders(inn)) == 1
        sweeps_for(inn, 0.3)
        assert lab_at(inn).gone_at is None
        sweeps_for(inn, 0.3)
        assert labs.living(inn.database, "demo") is None
        assert len(reminders(inn)) == 1

    def test_a_clock_that_jumps_a_day_ahead_and_back_destroys_nothing(self, inn: Inn) -> None:
        inn.has("demo")
        inn.clock.passes(days=1)
        lifetime_sweep.sweep(inn.deps, inn.clock())
        inn.works()
        inn.clock.at -= timedelta(days=1)
        sweeps_for(inn, 3)
        assert lab_at(inn).gone_at is None

    def test_a_clock_that_is_set_back_an_hour_sends_nothing_twice(self, inn: Inn) -> None:
        inn.has("demo")
        sweeps_for(inn, 4.1)
        assert len(reminders(inn)) == 1
        inn.clock.at -= timedelta(hours=1)
        sweeps_for(inn, 1)
        assert len(reminders(inn)) == 1
        sweeps_for(inn, 0.6)
        assert labs.living(inn.database, "demo") is None

    def test_two_bots_remind_once(self, inn: Inn) -> None:
        inn.has("demo")
        inn.clock.passes(hours=4.1)
        seen = labs.to_look_at(inn.database, inn.clock(), 10)
        lifetime_sweep.sweep(inn.deps, inn.clock())
        owners = lifetime_sweep.Owners(inn.deps)
        owners.look(seen)
        lifetime_sweep.look(inn.deps, seen[0], owners, inn.clock())  # the other one had read it before
        inn.works()
        assert len(reminders(inn)) == 1

    def test_two_bots_destroy_once(self, inn: Inn) -> None:
        inn.has("demo")
        sweeps_for(inn, 4.1)
        inn.clock.passes(hours=0.6)
        seen = labs.to_look_at(inn.database, inn.clock(), 10)
        lifetime_sweep.sweep(inn.deps, inn.clock())
        assert lifetime_sweep.start_destruction(inn.deps, seen[0], inn.clock()) is None
        inn.works()
        assert [run.kind for run in runs.of_lab(inn.database, seen[0].id, 9)] == ["destroy", "apply"]


class TestADestructionThatFails:
    def test_it_is_tried_again_with_growing_pauses_until_it_succeeds(self, inn: Inn) -> None:
        inn.has("demo")
        inn.terraform.apply_failure = AWAY
        sweeps_for(inn, 4.7)
        assert inn.newest_card().text.startswith("demo: failed")
        assert ":red_circle:" in inn.newest_card().all
        assert "the cloud is away. 2 resources exist and cost money still." in inn.newest_card().all
        sweeps_for(inn, 1, timedelta(minutes=1))
        tried = [run for run in runs.of_lab(inn.database, lab_at(inn).id, 99) if run.kind == "destroy"]
        assert 4 <= len(tried) <= 8
        assert any("could not be destroyed so far" in each.text for each in inn.slack.private(ADMIN.user))
        inn.terraform.apply_failure = None
        sweeps_for(inn, 2, timedelta(minutes=1))
        assert labs.living(inn.database, "demo") is None
        assert ":red_circle:" not in inn.card(inn.newest_card()).all

    def test_a_blueprint_that_is_gone_keeps_no_lab_alive(self, inn: Inn) -> None:
        inn.has("demo")
        sweeps_for(inn, 4.1)
        shutil.rmtree(inn.folder / "labs" / "web")
        sweeps_for(inn, 1)
        assert labs.living(inn.database, "demo") is None
        assert inn.newest_card().text.startswith("demo: destroyed")

    def test_a_blueprint_that_nobody_has_kept_is_told_and_nothing_is_forgotten(self, inn: Inn) -> None:
        inn.has("demo")
        sweeps_for(inn, 4.1)
        shutil.rmtree(inn.folder / "labs" / "web")
        shutil.rmtree(inn.folder / "data" / "kept")
        sweeps_for(inn, 1)
        told = [said.text for said in inn.slack.public(CHANNEL) if "could not be destroyed" in said.text]
        assert "There is no blueprint `web`." in told[0]
        inn.offers("web", BLUEPRINTS["web"])
        sweeps_for(inn, 3)
        assert labs.living(inn.database, "demo") is None

    def test_a_frozen_lab_waits(self, inn: Inn) -> None:
        inn.has("demo")
        labs.update(inn.database, lab_at(inn).id, frozen_because="its state could not be written.")
        sweeps_for(inn, 5)
        assert lab_at(inn).gone_at is None
        labs.update(inn.database, lab_at(inn).id, frozen_because=None)
        sweeps_for(inn, 0.2)
        assert labs.living(inn.database, "demo") is None


def test_who_left_is_not_asked_but_the_channel_is(inn: Inn) -> None:
    inn.has("demo")
    inn.vault.remove_operator(REQUESTER)
    sweeps_for(inn, 4.1)
    assert reminders(inn) == []
    (said,) = [each for each in inn.slack.public(CHANNEL) if "Nobody has used" in each.text]
    assert "who takes it over?" in said.text
    sweeps_for(inn, 0.6)  # whoever its owner is, it goes
    assert labs.living(inn.database, "demo") is None


def test_where_the_channel_is_closed_each_reminder_comes_once(inn: Inn) -> None:
    inn.has("demo")
    inn.slack.closed[CHANNEL] = "is_archived"
    sweeps_for(inn, 4.1)
    assert len(reminders(inn)) == 1


def test_where_the_channel_is_closed_and_the_owner_has_left_the_admins_are_asked(inn: Inn) -> None:
    inn.has("demo")
    inn.vault.remove_operator(REQUESTER)
    inn.slack.closed[CHANNEL] = "not_in_channel"
    sweeps_for(inn, 4.1)
    assert reminders(inn) == []
    (told,) = reminders(inn, ADMIN)
    assert "who takes it over?" in told


def test_a_polite_lab_of_somebody_who_has_left_slack_goes_once_the_admins_were_told(inn: Inn) -> None:
    inn.offers("polite", POLITE)
    inn.has("demo", "polite")
    inn.slack.closed[REQUESTER.user] = "user_disabled"
    sweeps_for(inn, 4.5)
    assert len(reminders(inn, ADMIN)) == 1
    assert labs.living(inn.database, "demo") is None


def test_vault_away_destroys_nothing_and_loses_nothing(inn: Inn) -> None:
    inn.has("demo")
    sweeps_for(inn, 4.1)
    inn.vault.state = "away"
    sweeps_for(inn, 1)
    assert lab_at(inn).gone_at is None
    inn.vault.state = "ready"
    sweeps_for(inn, 1)
    assert labs.living(inn.database, "demo") is None


def test_what_it_saved_is_remembered(inn: Inn) -> None:
    inn.has("demo")
    lab = lab_at(inn)
    sweeps_for(inn, 5)
    (used,) = usages.of_lab(inn.database, lab.id)
    assert used.ended_by == "lifetime"
    assert used.ended_at is not None
    assert lab.expires_at is not None
    left_hours = (lab.expires_at - used.ended_at).total_seconds() / 3600
    assert used.saved_cents == pytest.approx(left_hours * used.per_hour_cents)


def test_killed_at_any_write_of_a_sweep_each_reminder_is_sent_once(tmp_path: Path) -> None:
    inn = MortalInn(tmp_path)
    inn.has("demo")
    inn.clock.passes(hours=4.1)
    deaths = inn.dies_at_each_write(lambda: lifetime_sweep.sweep(inn.deps, inn.clock()))
    assert deaths > 3
    inn.works()
    assert len(reminders(inn)) == 1
    assert lab_at(inn).reminders == 1
