"""Channels that are made, joined and left, by the app and by people, and what the app hears of it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.server import LocalSlack
from tests.bot.playground.listening_app import client_of, event, listening_workspace


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with listening_workspace(app_name="Keeper") as workspace:
        yield workspace


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return client_of(slack)


@pytest.fixture
def ada(slack: LocalSlack) -> str:
    return slack.add_user(f"ada{len(slack.workspace.users)}")


def error_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def test_the_app_makes_a_channel_and_invites(slack: LocalSlack, client: WebClient, ada: str) -> None:
    made = client.conversations_create(name="incident-1")["channel"]
    assert (made["name"], made["is_member"], made["creator"]) == ("incident-1", True, slack.bot_user)
    assert event(slack, "channel_created", channel=made["id"])["channel"]["name"] == "incident-1"
    assert client.conversations_invite(channel=made["id"], users=[ada])["channel"]["num_members"] == 2
    joined = event(slack, "member_joined_channel", user=ada, channel=made["id"])
    assert (joined["inviter"], joined["channel_type"]) == (slack.bot_user, "C")
    assert event(slack, "message", subtype="channel_join", user=ada, channel=made["id"])["text"] == (
        f"<@{ada}> has joined the channel"
    )
    assert error_of(client.conversations_invite, channel=made["id"], users=ada) == "already_in_channel"
    assert error_of(client.conversations_invite, channel=made["id"], users="U0NOBODY") == "user_not_found"
    me = {"channel": made["id"], "users": slack.bot_user}
    assert error_of(client.conversations_invite, **me) == "cant_invite_self"
    assert error_of(client.conversations_invite, channel=made["id"], users="") == "no_user"
    line = slack.messages(made["id"])[0].ts
    assert error_of(client.pins_add, channel=made["id"], timestamp=line) == "not_pinnable"
    assert error_of(client.conversations_open, users="") == "users_list_not_supplied"
    client.conversations_kick(channel=made["id"], user=ada)
    assert event(slack, "member_left_channel", user=ada)["channel"] == made["id"]
    assert error_of(client.conversations_kick, channel=made["id"], user=ada) == "not_in_channel"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("taken", "name_taken"),
        ("", "invalid_name_required"),
        ("x" * 81, "invalid_name_maxlength"),
        ("Two Words", "invalid_name_specials"),
        ("--", "invalid_name_punctuation"),
    ],
)
def test_a_name_that_no_channel_can_have(slack: LocalSlack, client: WebClient, name: str, error: str) -> None:
    if "taken" not in [channel.name for channel in slack.workspace.channels.values()]:
        slack.add_channel("taken", [])
    assert error_of(client.conversations_create, name=name) == error


def test_a_channel_is_named_described_and_archived(slack: LocalSlack, client: WebClient) -> None:
    where = client.conversations_create(name="work")["channel"]["id"]
    assert client.conversations_rename(channel=where, name="work-2")["channel"]["name"] == "work-2"
    assert event(slack, "channel_rename", channel=where)["channel"]["name"] == "work-2"
    assert client.conversations_setTopic(channel=where, topic="Hosts")["topic"] == "Hosts"
    assert client.conversations_setPurpose(channel=where, purpose="For hosts")["purpose"] == "For hosts"
    info = client.conversations_info(channel=where, include_num_members=True)["channel"]
    assert (info["topic"]["value"], info["purpose"]["value"], info["num_members"]) == (
        "Hosts",
        "For hosts",
        1,
    )
    assert error_of(client.conversations_setTopic, channel=where, topic="x" * 251) == "too_long"
    assert client.conversations_mark(channel=where, ts="1.0")["ok"]
    client.conversations_archive(channel=where)
    assert event(slack, "channel_archive", channel=where)["user"] == slack.bot_user
    assert error_of(client.conversations_archive, channel=where) == "already_archived"
    assert error_of(client.conversations_setTopic, channel=where, topic="x") == "is_archived"
    client.conversations_unarchive(channel=where)
    assert error_of(client.conversations_unarchive, channel=where) == "not_archived"
    client.conversations_leave(channel=where)
    assert event(slack, "channel_left", channel=where)
    assert client.conversations_leave(channel=where)["not_in_channel"]
    assert error_of(client.conversations_setTopic, channel=where, topic="x") == "not_in_channel"


def test_direct_messages_of_several(slack: LocalSlack, client: WebClient, ada: str) -> None:
    bo = slack.add_user("bo")
    opened = client.conversations_open(users=[ada, bo])["channel"]
    assert (opened["is_mpim"], opened["is_private"]) == (True, True)
    assert client.conversations_open(users=[bo, ada])["channel"]["id"] == opened["id"]
    assert opened["id"] in [each["id"] for each in client.conversations_list(types="mpim")["channels"]]
    slack.say(bo, opened["id"], "hello both")
    assert event(slack, "message", text="hello both")["channel_type"] == "mpim"
    assert (
        error_of(client.conversations_join, channel=opened["id"]) == "method_not_supported_for_channel_type"
    )
    alone = client.conversations_open(users=ada)["channel"]
    again = client.conversations_open(users=ada, return_im=True)
    assert (again["already_open"], again["channel"]["id"]) == (True, alone["id"])
    assert client.conversations_close(channel=alone["id"])["ok"]
    assert error_of(client.conversations_list, types="rooms") == "invalid_types"
    assert error_of(client.conversations_open, users=["U1"] * 9) == "too_many_users"


def test_a_private_channel_is_unknown_to_who_is_not_in_it(slack: LocalSlack, client: WebClient) -> None:
    where = client.conversations_create(name="hush", is_private=True)["channel"]
    assert (where["is_private"], where["is_group"]) == (True, True)
    client.conversations_leave(channel=where["id"])
    assert event(slack, "group_left", channel=where["id"])
    assert error_of(client.conversations_info, channel=where["id"]) == "channel_not_found"
    assert where["id"] not in [
        each["id"] for each in client.conversations_list(types="private_channel")["channels"]
    ]


def test_pages_of_a_list(slack: LocalSlack, client: WebClient, ada: str) -> None:
    where = slack.add_channel("paged", [ada])
    for number in range(5):
        client.chat_postMessage(channel=where, text=str(number))
    pages = [
        [each["text"] for each in page["messages"]]
        for page in client.conversations_history(channel=where, limit=2)
    ]
    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    assert error_of(client.conversations_history, channel=where, cursor="what?") == "invalid_cursor"


# People do so with Slack's own commands


def test_a_person_invites_the_app(slack: LocalSlack, client: WebClient, ada: str) -> None:
    where = slack.add_channel("without", [ada], with_app=False)
    assert error_of(client.chat_postMessage, channel=where, text="x") == "not_in_channel"
    slack.command(ada, where, "/invite @keeper")
    joined = event(slack, "member_joined_channel", user=slack.bot_user, channel=where)
    assert joined["inviter"] == ada
    client.chat_postMessage(channel=where, text="Thanks for having me")
    slack.command(ada, where, "/topic Hosts & more")
    assert slack.workspace.channels[where].topic == "Hosts & more"
    slack.command(ada, where, "/me waves")
    assert event(slack, "message", subtype="me_message")["text"] == "waves"
    slack.command(ada, where, "/who")
    assert "@keeper" in slack.messages(where, ada)[-1].text
    slack.command(ada, where, "/remove @keeper")
    assert event(slack, "channel_left", channel=where)["actor_id"] == ada
    slack.command(ada, where, "/invite @nobody")
    assert "user_not_found" in slack.messages(where, ada)[-1].text
    slack.command(ada, where, "/leave")
    assert ada not in slack.workspace.channels[where].members


def test_a_person_comes_to_a_channel_and_to_the_workspace(slack: LocalSlack, ada: str) -> None:
    here, there = slack.add_channel("here", [ada]), slack.add_channel("there", [])
    slack.command(ada, here, "/join #there")
    assert event(slack, "member_joined_channel", user=ada, channel=there)
    slack.command(ada, there, "/rename elsewhere")
    assert event(slack, "channel_rename", channel=there)["channel"]["name"] == "elsewhere"
    slack.command(ada, there, "/shrug oh well")
    assert event(slack, "message", channel=there, text="oh well ¯\\_(ツ)_/¯")
    slack.command(ada, there, "/archive")
    assert event(slack, "channel_archive", channel=there)["user"] == ada
    new = slack.add_user("newcomer")
    assert event(slack, "team_join", user=new)["user"]["name"] == "newcomer"


def test_an_app_s_own_command_is_the_app_s() -> None:
    with listening_workspace(commands=["/topic"]) as slack:
        ada = slack.add_user("ada")
        where = slack.add_channel("lab", [ada])
        slack.command(ada, where, "/topic mine")
        (asked,) = [each.payload for each in slack.deliveries if each.kind == "command"]
        assert asked["command"] == "/topic"
        assert slack.workspace.channels[where].topic == ""


def test_slack_s_own_commands_are_offered(slack: LocalSlack, ada: str) -> None:
    where = slack.add_channel("offered", [ada], with_app=False)

    def offered(typed: str) -> list[str]:
        asked = urlencode({"text": typed, "user": ada, "channel": where})
        with urllib.request.urlopen(f"{slack.page_url}page/hints?{asked}") as answer:
            return [each["shown"] for each in json.load(answer)]

    assert offered("/") == []
    assert offered("/in") == ["/invite @name"]
    assert "@keeper" in offered("/invite @keep")
    assert offered("hello @ada") == [f"@{slack.workspace.users[ada].name}"]
