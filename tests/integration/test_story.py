"""The main job from the first command to the last, as the people in the channel see it."""

from __future__ import annotations

import pytest

from tests.integration.house import House, said

pytestmark = pytest.mark.integration


def test_a_lab_is_asked_for_reviewed_applied_used_and_destroyed(house: House) -> None:
    house.asks(house.riley, "/lab up pair story size=large note='two words'")
    card = house.card("story: proposed")
    assert "2 to add" in card.text
    for shown in ("size=large", "two words", "terraform_data.thing[0]", "about $0.02 an hour", "provision"):
        assert shown in said(card)
    house.presses(house.ines, card, "Approve", expect="Waiting for *security*.")
    house.presses(house.sam, card, "Approve", expect="It is applied now.")
    applied = house.card("story: applied")
    assert applied.ts == card.ts, "one card a run, updated in place"
    house.reply(card, "*story* is ready")
    house.reply(card, f"<@{house.ines}>")  # whoever must approve was pinged
    house.reply(card, "+ terraform_data.thing[0]")  # the whole plan is a file in the thread
    assert "two words" in house.asks(house.riley, "/lab output story", expect="Outputs of story")

    house.asks(house.riley, "/lab down story")
    house.approve_all("story")
    destroyed = house.card("story: destroyed")
    assert destroyed.ts != card.ts
    house.asks(house.riley, "/lab show story", expect="There is no lab `story`")
    history = house.asks(house.riley, "/lab history story", expect="History of story")
    assert "destroyed" in history
    assert "applied" in history
    assert len(house.cards("story")) == 2
    house.rests()
    assert house.locks() == []


def test_a_stranger_is_refused_and_told_whom_to_ask(house: House) -> None:
    answer = house.asks(house.eve, "/lab up pair theirs", expect="not a trusted operator")
    assert f"<@{house.ada}>" in answer
    assert house.cards("theirs") == []
    assert house.rows("SELECT * FROM labs WHERE name = 'theirs'") == []
    refused = house.rows("SELECT * FROM audit WHERE action = 'refused' AND actor LIKE ?", f"%{house.eve}")
    assert "not a trusted operator" in refused[-1]["detail"]


def test_nobody_approves_what_they_asked_for_and_nobody_counts_twice(house: House) -> None:
    house.trust(house.riley, "operator", "infra", "security")
    house.asks(house.riley, "/lab up pair selfish")
    card = house.card("selfish: proposed")
    house.presses(house.riley, card, "Approve", expect="You asked for this plan")
    house.presses(house.ines, card, "Approve", expect="Waiting for *security*")
    house.presses(house.ines, card, "Approve", expect="counts already")
    house.presses(house.eve, card, "Approve", expect="not a trusted operator")
    assert house.runs("selfish")[0]["state"] == "proposed"
    house.trust(house.riley, "operator")


def test_a_rejected_plan_says_why_and_is_not_applied(house: House) -> None:
    house.asks(house.riley, "/lab up pair unwanted")
    card = house.card("unwanted: proposed")
    house.presses(house.sam, card, "Reject")
    form = house.form(house.sam)
    house.slack.submit(house.sam, form, {"reason": "too large for a demo"})
    rejected = house.card("unwanted: rejected")
    assert "too large for a demo" in said(rejected)
    house.presses(house.ines, card, "Approve", expect="This plan is rejected, so it waits for nobody.")
    assert house.audited("unwanted", "applying") == 0


def test_a_newer_plan_takes_the_place_of_the_older(house: House) -> None:
    house.asks(house.riley, "/lab up pair twice")
    older = house.card("twice: proposed")
    house.presses(house.ines, older, "Approve", expect="counts for")
    house.asks(house.riley, "/lab plan twice size=large")
    house.card("twice: proposed", number=2)
    house.wait_for(lambda: house.slack.message(older.ts).text.startswith("twice: superseded"))
    house.presses(house.sam, older, "Approve", expect="A newer plan has taken its place")
    house.approve_all("twice")
    house.card("twice: applied")
    assert [run["state"] for run in house.runs("twice")] == ["superseded", "applied"]


def test_a_mention_does_the_same_and_is_answered_in_its_thread(house: House) -> None:
    message = house.slack.mention(house.riley, house.channel, "up pair mentioned")
    house.card("mentioned: proposed")
    house.slack.mention(house.riley, house.channel, "show nothing-here", thread_ts=message)

    def answered() -> bool:
        return any(
            "There is no lab `nothing-here`" in each.text and each.thread_ts == message.ts
            for each in house.private(house.riley)
        )

    assert house.wait_for(answered)


def test_a_lab_that_holds_nothing_is_gone_at_once(house: House) -> None:
    house.asks(house.riley, "/lab up pair unused")
    house.card("unused: proposed")
    house.asks(house.riley, "/lab down unused", expect="had nothing yet, so it is simply gone")
    house.card("unused: superseded")
    assert house.asks(house.riley, "/lab show unused", expect="There is no lab `unused`")
