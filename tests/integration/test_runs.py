"""What else may befall a run: it is stopped, it waits too long, somebody who approved it leaves, its sources change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from state.rows import to_text
from tests.integration.house import House, said
from tests.waiting import until

pytestmark = pytest.mark.integration


def test_a_running_apply_is_stopped_and_what_it_left_is_told(house: House, tmp_path: Path) -> None:
    house.asks(house.riley, f"/lab up slow stopped gate={tmp_path}")
    house.presses(house.riley, house.card("stopped: proposed"), "Approve", expect="counts for")
    until(lambda: (tmp_path / "applied").exists())
    house.asks(house.riley, "/lab down stopped", expect="*stopped* is applying right now.")
    house.asks(
        house.riley, "/lab unlock stopped", expect="A run of *stopped* that is applying holds the lock."
    )
    house.presses(house.riley, house.card("stopped: applying"), "Cancel", expect="I am stopping *stopped*.")
    cancelled = house.card("stopped: cancelled")
    assert f"Stopped by <@{house.riley}> with 1 of 2 done." in said(cancelled)
    assert "exist and cost money" in said(cancelled)
    assert until(house.is_tidy)
    (tmp_path / "go").touch()
    house.presses(house.riley, cancelled, "Destroy")
    house.presses(house.riley, house.card("stopped: proposed", number=2), "Approve", expect="counts for")
    house.card("stopped: destroyed")


def test_a_plan_is_stopped_while_it_is_made(house: House) -> None:
    house.hold("plan")
    house.asks(house.riley, "/lab up solo stopped-early")
    until(lambda: house.is_held("plan"))
    house.asks(house.riley, "/lab cancel stopped-early", expect="I am stopping *stopped-early*.")
    cancelled = house.card("stopped-early: cancelled")
    assert "Nothing was changed." in said(cancelled)
    assert until(house.is_tidy)
    house.let_go()
    house.presses(house.riley, cancelled, "Re-plan")
    house.card("stopped-early: proposed", number=2)


def test_a_plan_that_nobody_approves_in_time_expires(house: House) -> None:
    house.asks(house.riley, "/lab up solo late")
    card = house.card("late: proposed")
    with house.database() as database:
        past = to_text(datetime.now(UTC) - timedelta(minutes=1))
        database.execute("UPDATE runs SET expires_at = ? WHERE lab_name = 'late'", (past,))
    expired = house.card("late: expired")
    assert expired.ts == card.ts
    house.presses(house.riley, card, "Approve", expect="This plan has expired. Press `Re-plan` on its card.")
    house.presses(house.riley, expired, "Re-plan")
    house.card("late: proposed", number=2)


def test_the_word_of_somebody_who_left_does_not_count(house: House) -> None:
    gone = house.joins("gone")
    house.asks(house.ada, "/operator add @gone infra", expect="is a trusted operator now: infra")
    house.asks(house.riley, "/lab up pair outlived")
    card = house.card("outlived: proposed")
    house.presses(gone, card, "Approve", expect="Waiting for *security*")
    house.asks(house.ada, "/operator remove @gone", expect="is no longer an operator")
    house.presses(gone, card, "Approve", expect="not a trusted operator")
    house.presses(house.sam, card, "Approve", expect="Waiting for *infra*")
    assert house.runs("outlived")[0]["state"] == "proposed"
    house.presses(house.ines, card, "Approve", expect="It is applied now.")
    house.card("outlived: applied")
    assert house.audited("outlived", "approval_void") == 1


def test_a_requester_who_left_gets_nothing_applied(house: House) -> None:
    leaver = house.joins("leaver")
    house.trust(leaver, "operator")
    house.asks(leaver, "/lab up pair orphaned")
    card = house.card("orphaned: proposed")
    house.presses(house.ines, card, "Approve", expect="Waiting for *security*")
    house.slack.change_user(leaver, deleted=True)
    house.presses(house.sam, card, "Approve", expect="counts for")
    assert "Nothing was applied." in said(house.card("orphaned: failed"))
    assert house.audited("orphaned", "applying") == 0


def test_sources_that_change_after_the_approval_are_not_applied(house: House) -> None:
    module = house.labs / "pair" / "main.tf"
    before = module.read_text()
    house.asks(house.riley, "/lab up pair edited")
    card = house.card("edited: proposed")
    house.presses(house.ines, card, "Approve", expect="Waiting for *security*")
    module.write_text(before.replace("count = 2", "count = 3"))
    try:
        house.presses(house.sam, card, "Approve", expect="counts for")
        failed = house.card("edited: failed")
    finally:
        module.write_text(before)
    assert "The blueprint has changed since this was planned." in said(failed)
    assert house.rows("SELECT * FROM tfstate WHERE lab_id = ?", house.runs("edited")[0]["lab_id"]) == []


def test_people_are_let_in_and_seen_out_in_one_command(house: House) -> None:
    newcomer = house.joins("newcomer")
    house.asks(newcomer, "/lab list", expect="not a trusted operator")
    house.asks(house.riley, "/operator add @newcomer operator", expect="That is for people who hold admin")
    house.asks(house.ada, "/operator add @newcomer operator,infra", expect="is a trusted operator now")
    house.asks(newcomer, "/lab list", expect="lab")
    assert "operator and infra" in house.asks(house.ada, "/operator show @newcomer", expect="Added by")
    house.asks(house.ada, "/operator remove @newcomer", expect="is no longer an operator")
    house.asks(newcomer, "/lab list", expect="not a trusted operator")
