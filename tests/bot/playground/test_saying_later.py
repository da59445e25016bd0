"""Messages that are said later, that grow, and that are written in markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.messages.chunk import MarkdownTextChunk, PlanUpdateChunk, TaskUpdateChunk

from bot.playground.server import LocalSlack
from bot.playground.web_scheduled import post_due
from tests.bot.playground.listening_app import client_of, listening_workspace
from tests.bot.playground.small_app import section

NOON = 1_800_000_000.0


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slack(clock: Clock) -> Iterator[LocalSlack]:
    with listening_workspace(clock=clock) as workspace:
        yield workspace


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return client_of(slack)


@pytest.fixture
def ada(slack: LocalSlack) -> str:
    return slack.add_user("ada")


@pytest.fixture
def where(slack: LocalSlack, ada: str) -> str:
    return slack.add_channel("lab", [ada])


def error_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def test_a_message_waits_for_its_time(slack: LocalSlack, client: WebClient, where: str, clock: Clock) -> None:
    later = client.chat_scheduleMessage(channel=where, text="Lunch", post_at=int(NOON) + 60)
    client.chat_scheduleMessage(channel=where, text="Never", post_at=int(NOON) + 90)
    listed = client.chat_scheduledMessages_list(channel=where)["scheduled_messages"]
    assert [(each["text"], each["post_at"] - NOON) for each in listed] == [("Lunch", 60), ("Never", 90)]
    assert post_due(slack.workspace) == 60
    assert slack.messages(where) == []
    client.chat_deleteScheduledMessage(channel=where, scheduled_message_id=listed[1]["id"])
    clock.now = NOON + 61
    post_due(slack.workspace)
    assert [message.text for message in slack.messages(where)] == ["Lunch"]
    gone = {"channel": where, "scheduled_message_id": later["scheduled_message_id"]}
    assert error_of(client.chat_deleteScheduledMessage, **gone) == "invalid_scheduled_message_id"
    assert client.chat_scheduledMessages_list()["scheduled_messages"] == []


@pytest.mark.parametrize(
    ("post_at", "error"),
    [(NOON - 1, "time_in_past"), (NOON + 121 * 86400, "time_too_far"), ("noon", "invalid_time")],
)
def test_a_time_that_cannot_be(client: WebClient, where: str, post_at: Any, error: str) -> None:
    asked = {"channel": where, "text": "x", "post_at": post_at if error == "invalid_time" else int(post_at)}
    assert error_of(client.chat_scheduleMessage, **asked) == error


def test_it_is_posted_by_itself(slack: LocalSlack, client: WebClient, where: str, clock: Clock) -> None:
    client.chat_scheduleMessage(channel=where, text="Now", post_at=int(NOON) + 1)
    clock.now = NOON + 1
    slack.workspace.happened("", {})  # whoever waits looks again, as after another call
    slack.wait_for(lambda: [message.text for message in slack.messages(where)] == ["Now"])


def test_markdown_and_what_the_app_does(slack: LocalSlack, client: WebClient, where: str) -> None:
    said = client.chat_postMessage(channel=where, markdown_text="**bold**")["message"]
    assert [(block["type"], block["text"]) for block in said["blocks"]] == [("markdown", "**bold**")]
    both = {"channel": where, "text": "x", "markdown_text": "y"}
    assert error_of(client.chat_postMessage, **both) == "markdown_text_conflict"
    assert error_of(client.chat_postMessage, channel=where, markdown_text="x" * 12_001) == "msg_too_long"
    client.chat_meMessage(channel=where, text="waves")
    assert slack.messages(where)[-1].subtype == "me_message"


def test_a_message_grows(slack: LocalSlack, client: WebClient, where: str, ada: str) -> None:
    asked = slack.say(ada, where, "why?")
    to = {"recipient_user_id": ada, "recipient_team_id": slack.team}
    stream = client.chat_stream(channel=where, thread_ts=asked.ts, buffer_size=1, **to)
    stream.append(markdown_text="Because ")
    stream.append(markdown_text="of **that**.")
    message = slack.messages(where)[-1]
    assert (message.thread_ts, message.text) == (asked.ts, "Because of **that**.")
    done = stream.stop(blocks=[section("Was it of use?")])
    assert [block["type"] for block in done["message"]["blocks"]] == ["markdown", "section"]
    assert all(block["block_id"] for block in slack.messages(where)[-1].blocks)
    ts = message.ts
    assert error_of(client.chat_appendStream, channel=where, ts=ts, markdown_text="x") == (
        "message_not_in_streaming_state"
    )
    assert error_of(client.chat_startStream, channel=where, thread_ts=asked.ts) == "missing_recipient_user_id"
    assert error_of(client.chat_appendStream, channel=where, ts=asked.ts, markdown_text="x") == (
        "message_not_owned_by_app"
    )


@pytest.mark.parametrize("mode", ["timeline", "plan"])
def test_tasks_are_told_as_they_go(slack: LocalSlack, client: WebClient, ada: str, mode: str) -> None:
    where = slack.direct_channel(ada)
    asked = slack.say(ada, where, "look")
    first = [
        MarkdownTextChunk(text="Looking."),
        TaskUpdateChunk(id="1", title="Look", status="in_progress", details="at all of it"),
    ]
    more = {"channel": where, "thread_ts": asked.ts, "chunks": first, "task_display_mode": mode}
    ts = client.chat_startStream(**more)["ts"]
    done = [TaskUpdateChunk(id="1", title="Look", status="complete", output="found")]
    if mode == "plan":
        done.append(PlanUpdateChunk(title="How I look"))
    client.chat_appendStream(channel=where, ts=ts, chunks=done)
    client.chat_stopStream(channel=where, ts=ts)
    blocks = slack.message(ts).blocks
    if mode == "plan":
        assert [block["type"] for block in blocks] == ["plan", "markdown"]
        assert blocks[0]["title"] == "How I look"
    else:
        assert [block["type"] for block in blocks] == ["markdown", "task_card"]
    (task,) = blocks[0]["tasks"] if mode == "plan" else blocks[1:]
    assert (task["status"], task["output"]["elements"][0]["elements"][0]["text"]) == ("complete", "found")
    assert error_of(client.chat_startStream, **(more | {"chunks": [{"type": "x"}]})) == "invalid_chunks"
