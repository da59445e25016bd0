"""Slack in a bad mood: too many requests, lost answers, a card that somebody deleted, a channel that is closed."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from state.rows import to_text
from tests.integration.house import House
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def at_rest(house: House) -> None:
    """What goes wrong befalls the next call: that of the test, and not one that is still to come from before."""
    house.rests()


def approved_by_riley(house: House, lab: str) -> None:
    house.presses(house.riley, house.card(f"{lab}: proposed"), "Approve", expect="counts for")


def test_retry_after_is_obeyed_and_nothing_is_lost(house: House) -> None:
    house.slack.rate_limit("chat.postMessage", retry_after_seconds=2)
    house.asks(house.riley, "/lab up solo limited")
    house.slack.rate_limit("chat.update", retry_after_seconds=2)
    house.card("limited: proposed")
    limited = [call for call in house.slack.calls_of("chat.postMessage") if call.status == 429][-1]
    after = house.wait_for(
        lambda: [call for call in house.slack.calls_of("chat.postMessage") if call.at > limited.at]
    )
    assert after[0].at - limited.at >= 2
    approved_by_riley(house, "limited")
    card = house.card("limited: applied")
    house.reply(card, "is ready")
    house.rests()
    updates = [call for call in house.slack.calls_of("chat.update") if call.arguments.get("ts") == card.ts]
    pauses = [after.at - before.at for before, after in itertools.pairwise(updates)]
    refused = [place for place, call in enumerate(updates[:-1]) if call.status == 429]
    assert refused, "one was answered with 429"
    assert all(pauses[place] >= 2 for place in refused)
    assert all(pause >= 0.9 for pause in pauses), "one edit a second at most"


def test_a_lost_answer_is_no_second_message(house: House) -> None:
    house.slack.lose_answer("chat.postMessage", "500", times=2)  # that of the card, and of the first reply
    house.asks(house.riley, "/lab up solo lost")
    approved_by_riley(house, "lost")
    card = house.card("lost: applied")
    house.reply(card, "is ready")
    house.rests()
    assert len(house.cards("lost")) == 1
    assert house.thread(card).count("is ready") == 1


def test_a_deleted_card_comes_again(house: House) -> None:
    house.asks(house.riley, "/lab up solo deleted")
    card = house.card("deleted: proposed")
    house.reply(card, "terraform_data")
    house.slack.workspace.remove_message(card.ts)
    house.presses(house.riley, card, "Approve", expect="counts for")

    def again() -> bool:
        return [each.text.partition(" ")[2][:7] for each in house.cards("deleted")] == ["applied"]

    house.wait_for(again)
    assert house.cards("deleted")[0].ts != card.ts


def test_in_a_channel_without_the_bot_the_card_goes_to_the_requester(house: House) -> None:
    closed = house.slack.add_channel("closed", [house.riley], with_app=False)
    house.slack.command(house.riley, closed, "/lab up solo homeless")
    direct = house.slack.direct_channel(house.riley)

    def card():  # type: ignore[no-untyped-def]
        return [m for m in house.slack.messages(direct) if m.text.startswith("homeless: proposed")]

    shown = house.wait_for(card)[0]
    house.slack.click(house.riley, shown, "Approve")
    house.wait_for(lambda: house.slack.message(shown.ts).text.startswith("homeless: applied"))
    assert len([m for m in house.slack.messages(direct) if m.text.startswith("homeless: ")]) == 1


def test_a_form_that_slack_does_not_open_is_told(house: House) -> None:
    house.slack.refuse("views.open", "expired_trigger_id")
    house.asks(house.riley, "/lab up leaky formless", expect="Slack did not open the form in time.")
    assert house.rows("SELECT * FROM labs WHERE name = 'formless'") == []


def test_an_answer_finds_its_way_when_the_response_url_is_used_up(house: House) -> None:
    whispers = len(house.slack.calls_of("chat.postEphemeral"))
    house.slack.delay("users.info", 3)  # the time to be quicker
    asked = house.slack.command(house.riley, house.channel, "/lab list")
    with house.held_still():
        address = asked.payload["response_url"]
        for _ in range(5):
            assert requests.post(address, json={"text": "used up"}, timeout=30).ok
        assert requests.post(address, json={"text": "used up"}, timeout=30).status_code == 404
    house.wait_for(lambda: len(house.slack.calls_of("chat.postEphemeral")) > whispers)
    whispered = house.slack.calls_of("chat.postEphemeral")[whispers]
    assert "lab" in str(whispered.arguments)


def test_slack_that_does_not_know_a_person_makes_them_nobody(house: House) -> None:
    house.slack.refuse("users.info", "user_not_found")
    house.asks(house.riley, "/lab up solo unknown-person", expect="Slack does not tell me who you are")
    assert house.rows("SELECT * FROM labs WHERE name = 'unknown-person'") == []


def test_a_request_that_broke_is_kept_and_done_a_minute_later(house: House) -> None:
    house.slack.lose_answer("users.info", "dropped")
    house.asks(house.riley, "/lab up solo broke-once", expect="on my side")
    (waiting,) = unfinished(house, "broke-once")
    earlier(house, waiting["id"], minutes=2)
    house.card("broke-once: proposed")
    until(lambda: not unfinished(house, "broke-once"))
    assert len(house.runs("broke-once")) == 1


def test_what_was_asked_too_long_ago_is_answered_with_an_apology_and_not_done(house: House) -> None:
    house.slack.delay("users.info", 9)  # nobody waits for it: the bot is gone long before
    house.asks(house.riley, "/lab up solo too-late")
    house.kill()
    (waiting,) = unfinished(house, "too-late")
    earlier(house, waiting["id"], minutes=31)
    house.start()

    def apologised() -> bool:
        return any(
            "I was away when you asked for `lab up solo`" in m.text for m in house.private(house.riley)
        )

    house.wait_for(apologised)
    assert house.rows("SELECT * FROM labs WHERE name = 'too-late'") == []


def unfinished(house: House, lab: str) -> list[dict[str, Any]]:
    """The requests for a lab that are not recorded as answered. What a person sees is a moment ahead of that."""
    return house.rows("SELECT * FROM inbox WHERE done_at IS NULL AND payload LIKE ?", f'%"{lab}"%')


def earlier(house: House, inbox_id: str, minutes: int) -> None:
    """As if the request had come so many minutes ago."""
    then = to_text(datetime.now(UTC) - timedelta(minutes=minutes))
    with house.database() as database:
        database.execute("UPDATE inbox SET received_at = ? WHERE id = ?", (then, inbox_id))
