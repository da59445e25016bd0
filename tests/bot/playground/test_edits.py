"""Messages that are edited and deleted, by people and by the app, and what the app hears of that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.server import LocalSlack
from bot.playground.typed import as_typed, message_text
from tests.bot.playground.conftest import Place
from tests.bot.playground.listening_app import client_of, listening_workspace

SHOUTED = "a<b & c @ines. #lab https://x.test/?a=1&b=2"


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with listening_workspace() as workspace:
        yield workspace


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return client_of(slack)


def told(slack: LocalSlack, ts: str, subtype: str) -> dict[str, Any]:
    """The latest event of that subtype about a message, waited for."""

    def found() -> list[Any]:
        events = [each.payload.get("event") or {} for each in slack.deliveries]
        wanted = [each for each in events if each.get("subtype") == subtype]
        return [each for each in wanted if each["previous_message"]["ts"] == ts]

    return dict(slack.wait_for(found)[-1])


def test_a_person_says_otherwise_what_they_have_said(slack: LocalSlack, place: Place) -> None:
    said = slack.say(place.ines, place.channel, "helo")
    assert slack.edit(place.ines, said, "helo").edited == ""  # nothing has changed
    slack.edit(place.ines, said, "hello")
    event = told(slack, said.ts, "message_changed")
    assert (event["type"], event["channel"], event["channel_type"]) == ("message", place.channel, "channel")
    assert event["hidden"] is True
    assert (event["previous_message"]["text"], event["message"]["text"]) == ("helo", "hello")
    assert event["message"]["ts"] == said.ts
    assert event["message"]["edited"]["user"] == place.ines
    assert event["ts"] == event["event_ts"] > said.ts


def test_what_the_app_edits_and_deletes_is_told_too(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    ts = str(client.chat_postMessage(channel=place.channel, text="one")["ts"])
    client.chat_update(channel=place.channel, ts=ts, text="two")
    changed = told(slack, ts, "message_changed")
    assert (changed["message"]["text"], changed["message"]["bot_id"]) == ("two", slack.workspace.app.bot_id)
    client.chat_delete(channel=place.channel, ts=ts)
    deleted = told(slack, ts, "message_deleted")
    assert (deleted["deleted_ts"], deleted["previous_message"]["text"]) == (ts, "two")
    assert "message" not in deleted


def test_one_deletes_and_edits_ones_own_messages_alone(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    said = slack.say(place.ines, place.channel, "mine")
    ts = str(client.chat_postMessage(channel=place.channel, text="the app's")["ts"])
    for shown in (said, ts):
        with pytest.raises(PermissionError, match="Only one's own"):
            slack.edit(place.bo, shown, "theirs")
        with pytest.raises(PermissionError, match="Only one's own"):
            slack.delete(place.bo, shown)
    slack.delete(place.ines, said)
    assert told(slack, said.ts, "message_deleted")["deleted_ts"] == said.ts
    assert [message.text for message in slack.messages(place.channel)] == ["the app's"]
    with pytest.raises(LookupError, match="gone"):
        slack.edit(place.ines, said, "again")


def test_a_message_that_was_answered_leaves_a_tombstone(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    root = slack.say(place.ines, place.channel, "root")
    answers = [slack.say(place.bo, place.channel, text, thread_ts=root) for text in ("one", "two")]
    slack.delete(place.ines, root)
    event = told(slack, root.ts, "message_changed")
    assert (event["message"]["subtype"], event["message"]["user"]) == ("tombstone", "USLACKBOT")
    replies = client.conversations_replies(channel=place.channel, ts=root.ts)["messages"]
    assert [each["text"] for each in replies] == ["This message was deleted.", "one", "two"]
    with pytest.raises(SlackApiError, match="message_not_found"):
        client.chat_update(channel=place.channel, ts=root.ts, text="x")
    for answer in answers:
        slack.delete(place.bo, answer)
    assert slack.messages(place.channel) == []


def test_what_one_person_alone_saw_is_nobodys_event(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x"}}]
    private = client.chat_postEphemeral(
        channel=place.channel, user=place.ines, text="private", blocks=blocks
    )["message_ts"]
    slack.workspace.edit(str(private), text="changed")
    slack.workspace.remove_message(str(private))
    public = slack.say(place.ines, place.channel, "public")
    slack.delete(place.ines, public)
    told(slack, public.ts, "message_deleted")  # they come in their order
    events = [each.payload.get("event") or {} for each in slack.deliveries]
    assert [each for each in events if (each.get("previous_message") or {}).get("ts") == private] == []


@given(st.one_of(st.just(SHOUTED), st.text(alphabet="ab<>&|@#.-/: ines lab http", max_size=60)))
def test_a_message_that_is_edited_without_a_change_stays_the_same(typed: str) -> None:
    slack = LocalSlack()
    ines = slack.add_user("ines")
    slack.add_channel("lab", [ines])
    text = message_text(slack.workspace, typed)
    names = {user.id: user.name for user in slack.workspace.users.values()}
    assert as_typed(text, names.__getitem__) == typed
    assert message_text(slack.workspace, as_typed(text, names.__getitem__)) == text
