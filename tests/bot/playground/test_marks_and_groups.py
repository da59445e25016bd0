"""Reactions, pins, bookmarks and user groups, as slack-sdk asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.server import LocalSlack
from tests.bot.playground.listening_app import client_of, event, listening_workspace


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with listening_workspace() as workspace:
        yield workspace


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return client_of(slack)


@pytest.fixture
def where(slack: LocalSlack) -> str:
    ada = slack.add_user("ada")
    return slack.add_channel(f"lab{len(slack.workspace.channels)}", [ada])


def error_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def test_reactions_are_known_emoji_and_not_too_many(client: WebClient, where: str) -> None:
    ts = client.chat_postMessage(channel=where, text="x")["ts"]
    here = {"channel": where, "timestamp": ts}
    assert error_of(client.reactions_add, **here, name="no_such_emoji") == "invalid_name"
    names = [f"flag-{letter}{other}" for letter in "abcd" for other in "abcdefgh"]
    for name in names[:23]:
        client.reactions_add(**here, name=name)
    assert error_of(client.reactions_add, **here, name=names[23]) == "too_many_emoji"
    item = client.reactions_list()["items"][0]
    assert (item["type"], item["message"]["ts"], len(item["message"]["reactions"])) == ("message", ts, 23)
    assert error_of(client.reactions_list, user="U0NOBODY") == "user_not_found"


def test_messages_are_pinned(slack: LocalSlack, client: WebClient, where: str) -> None:
    first, second = (client.chat_postMessage(channel=where, text=text)["ts"] for text in "ab")
    for ts in (first, second):
        client.pins_add(channel=where, timestamp=ts)
    assert event(slack, "pin_added")["channel_id"] == where
    assert error_of(client.pins_add, channel=where, timestamp=first) == "already_pinned"
    assert [item["message"]["text"] for item in client.pins_list(channel=where)["items"]] == ["b", "a"]
    assert error_of(client.pins_add, channel=where) == "no_item_specified"
    client.pins_remove(channel=where, timestamp=first)
    assert event(slack, "pin_removed")["item"]["message"]["ts"] == first
    assert error_of(client.pins_remove, channel=where, timestamp=first) == "no_pin"
    client.chat_delete(channel=where, ts=second)
    assert client.pins_list(channel=where)["items"] == []


def test_bookmarks_stand_at_a_channel(client: WebClient, where: str) -> None:
    link = {"channel_id": where, "type": "link"}
    made = client.bookmarks_add(**link, title="Docs", link="https://example.test/")["bookmark"]
    asked = {"channel_id": where, "bookmark_id": made["id"]}
    client.bookmarks_edit(**asked, title="The docs")
    (known,) = client.bookmarks_list(channel_id=where)["bookmarks"]
    assert (known["title"], known["link"]) == ("The docs", "https://example.test/")
    client.bookmarks_remove(**asked)
    assert client.bookmarks_list(channel_id=where)["bookmarks"] == []
    assert error_of(client.bookmarks_remove, **asked) == "not_found"
    assert error_of(client.bookmarks_add, **link, title="Docs", link="docs") == "invalid_link"


def test_user_groups_are_made_and_filled(slack: LocalSlack, client: WebClient) -> None:
    ada = slack.add_user("ada")
    group = client.usergroups_create(name="On call")["usergroup"]["id"]
    assert event(slack, "subteam_created")["subteam"]["handle"] == "on-call"
    client.usergroups_users_update(usergroup=group, users=[ada])
    assert client.usergroups_users_list(usergroup=group)["users"] == [ada]
    (known,) = client.usergroups_list(include_users=True)["usergroups"]
    assert (known["name"], known["users"]) == ("On call", [ada])
    assert "users" not in client.usergroups_list()["usergroups"][0]
    client.usergroups_disable(usergroup=group)
    assert client.usergroups_list()["usergroups"] == []
    client.usergroups_enable(usergroup=group)
    client.usergroups_update(usergroup=group, description="Who answers")
    assert client.usergroups_list(include_count=True)["usergroups"][0]["user_count"] == 1
    assert error_of(client.usergroups_create, name="On call") == "name_already_exists"
    assert error_of(client.usergroups_users_update, usergroup=group, users=["U0"]) == "invalid_users"
    assert error_of(client.usergroups_disable, usergroup="S0NONE") == "no_such_subteam"


def test_who_is_there(slack: LocalSlack, client: WebClient) -> None:
    ada = slack.add_user("ada")
    assert client.users_getPresence(user=ada)["presence"] == "active"
    assert client.users_setPresence(presence="auto")["ok"]
    assert error_of(client.users_setPresence, presence="asleep") == "invalid_presence"
    assert client.dnd_info(user=ada)["dnd_enabled"] is False
    assert list(client.dnd_teamInfo(users=[ada])["users"]) == [ada]
    slack.add_emoji(":shipit:", "https://example.test/shipit.png")
    assert client.emoji_list()["emoji"] == {"shipit": "https://example.test/shipit.png"}
