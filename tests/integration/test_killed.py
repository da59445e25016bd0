"""SIGKILL to the bot, at every moment of a run: afterwards one apply, one card, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.playground.model import Message
from tests.integration.house import House, said
from tests.waiting import until

pytestmark = pytest.mark.integration


def expect_one_apply(house: House, lab: str, cards: int = 1) -> None:
    """One apply that ended well; one card a run; no lock, process or folder left."""
    house.card(f"{lab}: applied")
    assert house.audited(lab, "applied") == 1
    assert len(house.cards(lab)) == len(house.runs(lab)) == cards
    assert until(house.is_tidy)


def approved_by_riley(house: House, lab: str) -> None:
    house.presses(house.riley, house.card(f"{lab}: proposed"), "Approve", expect="counts for")


def test_killed_while_planning_it_plans_again(house: House) -> None:
    house.hold("plan")
    house.asks(house.riley, "/lab up solo killed-planning")
    house.card("killed-planning: planning")
    until(lambda: house.is_held("plan"))
    before = {process.pid for process in house.terraforms()}
    house.kill()
    assert before & {process.pid for process in house.terraforms()}, "Terraform outlives the bot"
    house.let_go()
    house.start()
    approved_by_riley(house, "killed-planning")
    expect_one_apply(house, "killed-planning")
    assert house.audited("killed-planning", "proposed") == 1


def test_killed_while_proposed_it_waits_on(house: House) -> None:
    house.asks(house.riley, "/lab up pair killed-proposed")
    card = house.card("killed-proposed: proposed")
    house.kill()
    house.start()
    house.presses(house.ines, card, "Approve", expect="Waiting for *security*")
    house.kill()
    house.start()
    house.presses(house.sam, card, "Approve", expect="It is applied now.")
    expect_one_apply(house, "killed-proposed")


def test_killed_before_the_details_of_a_plan_were_told_no_plan_lies_about(house: House) -> None:
    house.hold("show")
    house.asks(house.riley, "/lab up solo killed-showing")
    card = house.card("killed-showing: proposed")
    until(lambda: house.is_held("show"))
    house.kill()
    house.end_terraforms()
    house.let_go()
    house.start()
    assert until(house.is_tidy)
    house.reply(card, "+ terraform_data.thing")
    approved_by_riley(house, "killed-showing")
    expect_one_apply(house, "killed-showing")


def test_killed_while_applying_the_same_apply_is_followed_to_its_end(house: House, tmp_path: Path) -> None:
    house.asks(house.riley, f"/lab up slow killed-applying gate={tmp_path}")
    house.card("killed-applying: proposed")
    house.rests()  # so that no Terraform still tells of a plan
    approved_by_riley(house, "killed-applying")
    until(lambda: (tmp_path / "applied").exists())
    terraform = {process.pid for process in house.terraforms()}
    house.kill()
    assert {process.pid for process in house.terraforms()} == terraform
    house.start()
    house.card("killed-applying: applying — 1 of 2 resources")
    (tmp_path / "go").touch()
    expect_one_apply(house, "killed-applying")
    assert (tmp_path / "applied").read_text() == "started\n"


def test_an_apply_that_ends_while_the_bot_is_dead_is_recorded_after(house: House, tmp_path: Path) -> None:
    house.asks(house.riley, f"/lab up slow killed-late gate={tmp_path}")
    approved_by_riley(house, "killed-late")
    until(lambda: (tmp_path / "applied").exists())
    house.kill()
    (tmp_path / "go").touch()
    # It cannot write its state while the bot is away, and tries again until it can.
    house.start()
    expect_one_apply(house, "killed-late")
    assert "2 resources" in house.asks(house.riley, "/lab show killed-late", expect="Its state holds")


def test_killed_with_its_terraform_the_rest_is_planned_again(house: House, tmp_path: Path) -> None:
    house.asks(house.riley, f"/lab up slow killed-both gate={tmp_path}")
    house.card("killed-both: proposed")
    house.rests()  # so that its lock is the only one
    approved_by_riley(house, "killed-both")
    first = house.card("killed-both: applying")
    until(lambda: (tmp_path / "applied").exists())
    house.kill()
    house.end_terraforms()
    assert [lock["holder"] for lock in house.locks()] == [f"run:{house.runs('killed-both')[0]['id']}"]
    (tmp_path / "go").touch()
    house.start()
    again = house.card("killed-both: proposed", number=2)
    assert "What the interrupted run left is planned again here." in said(again)
    # The older card is edited at most once a second, so the newer one may come first.
    house.wait_for(lambda: house.slack.message(first.ts).text.startswith("killed-both: interrupted"))
    interrupted = house.slack.message(first.ts)
    assert "The machine that applied it stopped, with 1 of 2 resources done." in said(interrupted)
    house.reply(interrupted, "was interrupted")
    house.presses(house.riley, again, "Approve", expect="counts for")
    expect_one_apply(house, "killed-both", cards=2)
    assert house.audited("killed-both", "interrupted") == 1


def test_killed_before_an_answer_the_request_is_finished_after_the_start(house: House) -> None:
    house.rests()
    house.slack.delay("users.info", 3)
    house.asks(house.riley, "/lab up solo killed-early")
    house.kill()
    house.start()
    approved_by_riley(house, "killed-early")
    expect_one_apply(house, "killed-early")
    assert house.audited("killed-early", "requested") == 1


def test_killed_between_posting_a_card_and_recording_it_there_is_one_card(house: House) -> None:
    house.rests()  # so that it is the card's answer that is lost
    house.slack.lose_answer("chat.postMessage", "dropped")
    house.asks(house.riley, "/lab up solo killed-posting")
    house.wait_for(lambda: house.cards("killed-posting"))
    house.kill()
    house.start()
    approved_by_riley(house, "killed-posting")
    expect_one_apply(house, "killed-posting")


def test_a_destruction_survives_a_kill_too(house: House, tmp_path: Path) -> None:
    house.has("solo", "killed-going")
    house.asks(house.riley, "/lab down killed-going")
    card = house.card("killed-going: proposed", number=2)
    house.slack.click(house.riley, card, "Approve")
    house.kill()  # wherever it was
    house.start()

    def decided() -> Message | None:
        *before, newest = house.cards("killed-going")
        is_planned_again = len(before) == 2 and newest.text.startswith("killed-going: proposed")
        return newest if is_planned_again or newest.text.startswith("killed-going: destroyed") else None

    newest = house.wait_for(decided)
    if newest is not None and newest.ts != card.ts:  # killed before its Terraform was there
        house.presses(house.riley, newest, "Approve", expect="counts for")
    house.card("killed-going: destroyed")
    assert house.audited("killed-going", "destroyed") == 1
    assert until(house.is_tidy)
    house.asks(house.riley, "/lab show killed-going", expect="There is no lab")
