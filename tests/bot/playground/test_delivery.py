"""How requests reach the app: signatures, the three seconds, retries, Socket Mode, and what expires."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.playground.events import SERVED
from bot.playground.page.acts import act
from bot.playground.server import LocalSlack
from tests.bot.playground.conftest import Place
from tests.bot.playground.small_app import modal, section, served, small_app
from tests.waiting import until


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def lab(**options: object) -> Iterator[tuple[LocalSlack, str, str]]:
    """A workspace of its own with one person in one channel."""
    with LocalSlack(**options) as slack:  # type: ignore[arg-type]
        ines = slack.add_user("ines")
        yield slack, ines, slack.add_channel("lab", [ines])


def test_bolt_believes_the_signature_and_no_other(slack: LocalSlack, place: Place) -> None:
    good = slack.command(place.ines, place.channel, "/echo hello")
    assert slack.deliver_again(good).status == 200
    assert slack.deliver_again(good, signed_at=time.time() - 600).status == 401
    assert slack.deliver_again(good, secret="forged").status == 401


def test_a_replay_carries_the_same_bytes(slack: LocalSlack, place: Place) -> None:
    first = slack.command(place.ines, place.channel, "/echo hello")
    second = slack.deliver_again(first)
    assert second.request_body == first.request_body
    assert second.payload["trigger_id"] == first.payload["trigger_id"]


def test_the_address_is_verified_with_a_challenge(slack: LocalSlack) -> None:
    assert slack.verify_url().error == ""
    with (
        served(lambda request, body: PlainTextResponse("hello")) as url,
        LocalSlack(app_url=url, ack_limit_seconds=30) as other,
    ):
        assert other.verify_url().error == "challenge_failed"


def test_a_command_that_is_not_acked_in_time() -> None:
    enough = threading.Event()

    def slow(request: Request, body: bytes) -> Response:
        enough.wait(30)
        return PlainTextResponse("too late")

    with served(slow) as url, lab(app_url=url, ack_limit_seconds=0.1) as (slack, ines, channel):
        delivery = slack.command(ines, channel, "/lab up")
        enough.set()
        assert delivery.error == "operation_timeout"
        (told,) = slack.messages(channel, ines)
        assert told.text == '/lab failed with the error "operation_timeout"'
        assert (told.ephemeral_to, told.by_slack) == (ines, True)


def test_a_command_that_nobody_takes() -> None:
    with lab(app_url="http://127.0.0.1:9/slack/events") as (slack, ines, channel):
        assert slack.command(ines, channel, "/lab up").error == "dispatch_failed"
        assert 'failed with the error "dispatch_failed"' in slack.messages(channel, ines)[0].text


def test_an_app_that_answers_with_an_error() -> None:
    with (
        served(lambda request, body: Response(status_code=500)) as url,
        lab(app_url=url, ack_limit_seconds=30) as (slack, ines, channel),
    ):
        delivery = slack.command(ines, channel, "/lab up")
        assert (delivery.status, delivery.error) == (500, "dispatch_failed")


def test_events_are_sent_again_until_they_are_acked() -> None:
    seen: list[tuple[str, str, str]] = []

    def third_time(request: Request, body: bytes) -> Response:
        number = request.headers.get("x-slack-retry-num", "")
        reason = request.headers.get("x-slack-retry-reason", "")
        seen.append((json.loads(body)["event_id"], number, reason))
        return Response(status_code=200 if number == "2" else 503)

    with (
        served(third_time) as url,
        lab(app_url=url, ack_limit_seconds=30, retry_pauses=(0.0, 0.0, 0.0)) as (slack, ines, channel),
    ):
        slack.mention(ines, channel, "hello")
        assert [number for _, number, _ in seen] == ["", "1", "2"]
        assert {reason for _, _, reason in seen} == {"", "http_error"}
        assert len({event_id for event_id, _, _ in seen}) == 1
        assert (slack.deliveries[-1].status, slack.deliveries[-1].attempts) == (200, 3)


def test_an_app_can_ask_for_no_retries_and_commands_never_have_any() -> None:
    seen: list[bytes] = []

    def never(request: Request, body: bytes) -> Response:
        seen.append(body)
        return Response(status_code=500, headers={"X-Slack-No-Retry": "1"})

    with (
        served(never) as url,
        lab(app_url=url, ack_limit_seconds=30, retry_pauses=(0.0, 0.0)) as (slack, ines, channel),
    ):
        slack.mention(ines, channel, "hello")
        slack.command(ines, channel, "/lab up")
        assert len(seen) == 2


def test_a_trigger_opens_one_modal_within_three_seconds() -> None:
    clock = Clock()
    view = modal("Form", [section("x")])
    with lab(clock=clock) as (slack, ines, _):
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        trigger = slack.workspace.tickets.issue_trigger(ines)
        clock.now += 2.9
        client.views_open(trigger_id=trigger, view=view)
        with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
            client.views_open(trigger_id=trigger, view=view)
        late = slack.workspace.tickets.issue_trigger(ines)
        clock.now += 3.1
        with pytest.raises(SlackApiError, match="expired_trigger_id"):
            client.views_open(trigger_id=late, view=view)
        with pytest.raises(SlackApiError, match="invalid_trigger_id"):
            client.views_open(trigger_id="1.2.3", view=view)


def test_a_response_url_lives_thirty_minutes() -> None:
    clock = Clock()
    with lab(clock=clock, ack_limit_seconds=30) as (slack, ines, channel):
        url = slack.command(ines, channel, "/lab list").payload["response_url"]
        clock.now += 29 * 60
        assert WebhookClient(url).send(text="in time").status_code == 200
        clock.now += 2 * 60
        assert "expired_url" in WebhookClient(url).send(text="too late").body


def test_many_people_press_at_once(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/card")
    message = slack.messages(place.channel)[-1]
    crowd = [slack.add_user(f"crowd{number}") for number in range(24)]
    members = slack.workspace.channels[place.channel].members | set(crowd)
    slack.workspace.change_channel(place.channel, members=members)
    acks: list[bool] = []
    threads = [
        threading.Thread(target=lambda user=user: acks.append(slack.click(user, message, "Approve").is_acked))
        for user in crowd
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert acks == [True] * 24
    assert len(slack.message(message.ts).revisions) == 24


def test_socket_mode_serves_the_same_app() -> None:
    with lab(app_name="Keeper", ack_limit_seconds=30) as (slack, ines, channel):
        handler = SocketModeHandler(small_app(slack), slack.app_token)
        try:
            handler.connect()
            until(lambda: handler.client.is_connected() and slack.sockets == 1)  # it tries until it is
            delivery = slack.command(ines, channel, "/echo hello")
            assert (delivery.status, delivery.answer) == (200, {"text": "hello"})
            slack.command(ines, channel, "/card")
            card = slack.messages(channel)[-1]
            assert slack.click(ines, card, "Approve").is_acked
            slack.mention(ines, channel, "hello")
            assert slack.message(card.ts).text == f"demo: approved by <@{ines}>"
            assert any(message.text.startswith("heard") for message in slack.messages(channel))
            slack.command(ines, channel, "/form")
            answer = slack.submit(ines, slack.views_of(ines)[-1], {"reason": "bad"}).answer
            assert answer == {"response_action": "errors", "errors": {"reason": "Say more."}}
            slack.close_sockets()
            slack.wait_for(lambda: slack.sockets == 1 and len(slack.calls_of("apps.connections.open")) >= 2)
            # What is sent while a client changes its connection is lost at times, as in Slack: one types it again.
            again = {"text": "again"}
            until(lambda: slack.command(ines, channel, "/echo again").answer == again, seconds=120)
        finally:
            handler.client.auto_reconnect_enabled = False
            slack.close_sockets(is_announced=False)  # or else the client waits three seconds
            handler.close()
        slack.wait_for(lambda: slack.sockets == 0)


def test_a_socket_needs_the_address_it_was_given(slack: LocalSlack) -> None:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    address = slack.page_url.replace("http", "ws") + "link/?ticket=guessed"
    with pytest.raises(WebSocketException):
        connect(address)


def test_one_slow_event_holds_up_no_other() -> None:
    release = threading.Event()

    def answer(request: Request, body: bytes) -> Response:
        if json.loads(body)["event"]["type"] == "team_join":
            release.wait(60)
        return PlainTextResponse("")

    with served(answer) as url, LocalSlack(url, events=SERVED, ack_limit_seconds=60) as slack:
        ada = slack.add_user("ada")
        where = slack.add_channel("lab", [ada])
        WebClient(slack.bot_token, base_url=slack.api_url).conversations_setTopic(channel=where, topic="x")
        slack.wait_for(lambda: [each.payload["event"]["type"] for each in slack.deliveries] == ["message"])
        release.set()
        slack.wait_for(lambda: len(slack.deliveries) == 2)


def test_the_page_waits_for_no_event() -> None:
    release = threading.Event()

    def answer(request: Request, body: bytes) -> Response:
        release.wait(60)
        return PlainTextResponse("")

    with served(answer) as url, LocalSlack(url, events=SERVED, ack_limit_seconds=60) as slack:
        ada = slack.workspace.add_user("ada")
        where = slack.add_channel("lab", [ada])
        said = {"kind": "say", "user": ada, "channel": where, "text": "hello"}
        assert act(slack, said) == ""
        assert [message.text for message in slack.messages(where)] == ["hello"]
        assert slack.deliveries == []
        with pytest.raises(KeyError):
            act(slack, said | {"channel": "C0NONE"})
        release.set()
        slack.wait_for(lambda: len(slack.deliveries) == 1)


@pytest.mark.parametrize(
    ("status", "problem"), [(404, ""), (0, "The app did not take it (dispatch_failed).")]
)
def test_an_app_without_a_home_tab_is_not_complained_of(status: int, problem: str) -> None:
    def answer(request: Request, body: bytes) -> Response:
        return PlainTextResponse("", status_code=status)

    with (
        served(answer) as url,
        LocalSlack(url if status else "", ack_limit_seconds=30, retry_pauses=()) as slack,
    ):
        assert act(slack, {"kind": "home", "user": slack.add_user("ada")}) == problem
