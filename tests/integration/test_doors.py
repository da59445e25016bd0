"""Who knocks at the bot's door: forged, stale and repeated requests, too large ones, and those who watch over it."""

from __future__ import annotations

import time

import pytest
import requests

from bot.playground.delivery import signature
from tests.integration.house import House

pytestmark = pytest.mark.integration


def inbox_rows(house: House) -> int:
    return len(house.rows("SELECT id FROM inbox"))


def test_a_forged_request_is_refused_and_leaves_nothing(house: House) -> None:
    genuine = house.slack.command(house.riley, house.channel, "/lab up solo forged")
    house.card("forged: proposed")
    before = inbox_rows(house)
    forged = house.slack.deliver_again(genuine, secret="guessed")
    assert forged.status == 401
    changed = genuine.request_body.replace(b"forged", b"forger")
    for headers in (
        {},
        {"X-Slack-Signature": "v0=0", "X-Slack-Request-Timestamp": str(int(time.time()))},
        {
            "X-Slack-Signature": signature(
                house.slack.signing_secret, int(time.time()), genuine.request_body
            ),
            "X-Slack-Request-Timestamp": str(int(time.time())),
        },
    ):
        answer = requests.post(
            f"{house.address}/slack/events",
            changed,
            headers={**headers, "Content-Type": "application/x-www-form-urlencoded"},
            timeout=30,
        )
        assert answer.status_code == 401
    assert inbox_rows(house) == before
    assert house.rows("SELECT * FROM labs WHERE name = 'forger'") == []


def test_a_stale_request_is_refused(house: House) -> None:
    card = _proposed(house, "stale-click")
    click = house.slack.click(house.eve, card, "Approve")  # a click that changes nothing
    assert house.slack.deliver_again(click, signed_at=time.time() - 600).status == 401
    assert house.slack.deliver_again(click, signed_at=time.time() + 600).status == 401
    assert house.runs("stale-click")[0]["state"] == "proposed"


def test_a_replayed_request_has_no_effect(house: House) -> None:
    card = _proposed(house, "replayed")
    approved = house.slack.click(house.riley, card, "Approve")
    house.card("replayed: applied")
    before = (inbox_rows(house), house.audited("replayed", "approved"), len(house.runs("replayed")))
    assert house.slack.deliver_again(approved).status == 200
    house.asks(house.riley, "/lab show replayed", expect="replayed")
    after = (inbox_rows(house) - 1, house.audited("replayed", "approved"), len(house.runs("replayed")))
    assert after == before


def test_what_is_too_large_or_no_request_of_slacks_is_turned_away(house: House) -> None:
    address = f"{house.address}/slack/events"
    assert requests.post(address, b"x" * 2_100_000, timeout=30).status_code == 413
    assert requests.get(address, timeout=30).status_code == 405
    assert requests.post(address, b"\xff\xfe", timeout=30).status_code == 400
    assert requests.post(address, b"hello", timeout=30).status_code == 401
    assert requests.get(f"{house.address}/admin", timeout=30).status_code == 404
    assert house.get("/healthz").status_code == 200


def test_slack_may_check_the_address(house: House) -> None:
    assert house.slack.verify_url().is_acked


def test_it_says_how_it_is(house: House) -> None:
    house.asks(house.riley, "/lab help", expect="What /lab does")  # it counts what it has acknowledged
    assert house.get("/healthz").text == "alive\n"
    ready = dict.fromkeys(("database", "vault", "slack", "catalogue", "ssh"), "ready")
    house.wait_for(lambda: house.get("/readyz").json() == ready)
    house.slack.refuse("auth.test", "token_revoked")
    answer = house.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["slack"] == "refuses the token (token_revoked)"
    house.front.become("sealed")
    house.wait_for(lambda: house.get("/readyz").json()["vault"] == "sealed")
    assert house.get("/readyz").status_code == 503
    metrics = house.get("/metrics").text
    assert 'innkeeper_runs{state="applied"}' in metrics
    assert 'innkeeper_ack_seconds_bucket{le="0.001",status="200"}' in metrics
    assert "innkeeper_labs " in metrics


def test_an_acknowledgement_waits_for_nothing_that_the_answer_waits_for(house: House) -> None:
    house.rests()
    looks = len(house.slack.calls_of("users.info"))
    house.slack.delay("users.info", 3)
    asked = house.slack.command(house.riley, house.channel, "/lab list")
    looked = house.wait_for(lambda: house.slack.calls_of("users.info")[looks:])[0]
    assert looked.seconds >= 3
    assert asked.sent_at + asked.ack_seconds < looked.at, "Slack waits three seconds"


def _proposed(house: House, lab: str):  # type: ignore[no-untyped-def]
    house.asks(house.riley, f"/lab up solo {lab}")
    return house.card(f"{lab}: proposed")
