"""The Web API through slack-sdk's own client: what works, and Slack's word for what does not."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.server import LocalSlack
from tests.bot.playground.conftest import Place, heard
from tests.bot.playground.small_app import SIZES, button, field, modal, plain, section


def error_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def test_the_app_learns_who_it_is(slack: LocalSlack, client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["user_id"], answer["team_id"]) == (slack.bot_user, slack.team)
    assert client.api_test()["ok"]


@pytest.mark.parametrize(("token", "error"), [("xoxb-wrong", "invalid_auth"), ("", "not_authed")])
def test_a_wrong_token_is_refused(slack: LocalSlack, token: str, error: str) -> None:
    assert error_of(WebClient(token, base_url=slack.api_url).auth_test) == error


def test_an_app_token_opens_sockets_and_nothing_else(slack: LocalSlack, client: WebClient) -> None:
    assert error_of(WebClient(slack.app_token, base_url=slack.api_url).auth_test) == "not_allowed_token_type"
    assert error_of(client.apps_connections_open, app_token=slack.bot_token) == "not_allowed_token_type"


def test_an_unknown_method(client: WebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        client.api_call("canvases.create")
    assert caught.value.response["error"] == "unknown_method"
    assert "canvases.create" in caught.value.response["response_metadata"]["messages"][0]
    assert error_of(client.search_messages, query="x") == "not_allowed_token_type"
    assert error_of(client.api_call, api_method="rtm.start") == "method_deprecated"


def test_people_are_described_as_slack_does(slack: LocalSlack, client: WebClient) -> None:
    other_team = slack.add_team("Other")
    guest = slack.add_user("gil", guest="multi_channel", tz="America/New_York")
    visitor = slack.add_user("vic", team=other_team, deleted=True)
    user = client.users_info(user=guest)["user"]
    assert (user["is_restricted"], user["is_ultra_restricted"], user["team_id"]) == (True, False, slack.team)
    assert user["tz"] == "America/New_York"
    assert user["tz_offset"] in (-5 * 3600, -4 * 3600)
    abroad = client.users_info(user=visitor)["user"]
    assert (abroad["team_id"], abroad["deleted"]) == (other_team, True)
    assert client.users_info(user=slack.bot_user)["user"]["is_bot"] is True
    assert error_of(client.users_info, user="U99999999") == "user_not_found"
    names = [member["name"] for member in client.users_list(limit=1000)["members"]]
    assert "gil" in names
    assert "vic" not in names


def test_a_message_is_posted_edited_and_deleted(slack: LocalSlack, client: WebClient, place: Place) -> None:
    ts = client.chat_postMessage(channel=place.channel, text="one", blocks=[section("*one*")])["ts"]
    client.chat_update(channel=place.channel, ts=ts, text="two")
    message = slack.message(ts)
    assert (message.text, message.blocks) == ("two", ())
    assert [revision.text for revision in message.revisions] == ["one"]
    assert message.edited
    client.chat_delete(channel=place.channel, ts=ts)
    assert slack.messages(place.channel) == []
    assert error_of(client.chat_update, channel=place.channel, ts=ts, text="three") == "message_not_found"


def test_where_the_app_may_not_write(slack: LocalSlack, client: WebClient, place: Place) -> None:
    elsewhere = slack.add_channel("elsewhere", [place.ines], with_app=False)
    hidden = slack.add_channel("hidden", [place.ines], with_app=False, is_private=True)
    assert error_of(client.chat_postMessage, channel=elsewhere, text="x") == "not_in_channel"
    assert error_of(client.chat_postMessage, channel=hidden, text="x") == "channel_not_found"
    assert error_of(client.chat_postMessage, channel="C99999999", text="x") == "channel_not_found"
    assert error_of(client.conversations_history, channel=elsewhere) == "not_in_channel"
    slack.workspace.change_channel(place.channel, is_archived=True)
    assert error_of(client.chat_postMessage, channel=place.channel, text="x") == "is_archived"


def test_what_the_app_may_not_change(slack: LocalSlack, client: WebClient, place: Place) -> None:
    theirs = slack.say(place.ines, place.channel, "mine").ts
    assert error_of(client.chat_update, channel=place.channel, ts=theirs, text="x") == "cant_update_message"
    assert error_of(client.chat_delete, channel=place.channel, ts=theirs) == "cant_delete_message"
    secret = client.chat_postEphemeral(channel=place.channel, user=place.ines, text="psst")["message_ts"]
    assert error_of(client.chat_update, channel=place.channel, ts=secret, text="x") == "message_not_found"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "blocks": [section("y" * 3001)]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("")]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "marquee"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("a") | {"block_id": "same"}] * 2}, "invalid_blocks"),
        (
            {"text": "x", "blocks": [{"type": "actions", "elements": [button("A", "a"), button("B", "a")]}]},
            "invalid_blocks",
        ),
        ({"text": "x", "blocks": [{"type": "header", "text": plain("y" * 151)}]}, "invalid_blocks"),
        (
            {"text": "x", "blocks": [{"type": "actions", "elements": [button("y" * 76, "a")]}]},
            "invalid_blocks",
        ),
        ({"text": "x", "blocks": [section("y" * 2900) for _ in range(5)]}, "msg_blocks_too_long"),
        ({"text": "x", "blocks": "[not json"}, "invalid_blocks_format"),
        ({"text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"text": "x", "metadata": {"event_type": "run"}}, "invalid_metadata_schema"),
        (
            {"text": "x", "metadata": {"event_type": "run", "event_payload": {"id": "y" * 9000}}},
            "metadata_too_large",
        ),
    ],
)
def test_a_message_that_slack_does_not_take(
    slack: LocalSlack, client: WebClient, place: Place, arguments: dict[str, Any], error: str
) -> None:
    assert error_of(client.chat_postMessage, channel=place.channel, **arguments) == error
    assert slack.messages(place.channel) == []


def test_a_message_that_says_nothing(client: WebClient, place: Place) -> None:
    empty = {"api_method": "chat.postMessage", "json": {"channel": place.channel}}
    assert error_of(client.api_call, **empty) == "no_text"
    assert error_of(client.api_call, api_method="chat.postMessage", json={}) == "invalid_arguments"


def test_what_is_wrong_with_blocks_is_said_and_where(client: WebClient, place: Place) -> None:
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=place.channel, text="x", blocks=[section("ok"), section("y" * 3001)])
    (message,) = caught.value.response["response_metadata"]["messages"]
    assert "3000 characters" in message
    assert "/blocks/1" in message


def test_nonsense_is_refused_and_breaks_nothing(slack: LocalSlack, client: WebClient, place: Place) -> None:
    nested: list[dict[str, Any]] = [{"type": "divider"}]
    for _ in range(200):
        nested = [{"type": "container", "title": plain("x"), "child_blocks": nested}]
    assert (
        error_of(client.chat_postMessage, channel=place.channel, text="x", blocks=nested) == "invalid_blocks"
    )
    for blocks in ("[" * 100_000, "{", "5"):
        asked = {"channel": place.channel, "text": "x", "blocks": blocks}
        assert error_of(client.chat_postMessage, **asked) == "invalid_blocks_format"
    for name in ("oldest", "latest"):
        asked = {"channel": place.channel, name: "yesterday"}
        assert error_of(client.conversations_history, **asked) == f"invalid_ts_{name}"
    assert slack.messages(place.channel) == []


def test_an_edit_takes_fewer_characters_than_a_post(client: WebClient, place: Place) -> None:
    ts = client.chat_postMessage(channel=place.channel, text="x" * 10_000)["ts"]
    assert error_of(client.chat_update, channel=place.channel, ts=ts, text="x" * 4_001) == "msg_too_long"


def test_an_ephemeral_message_is_for_one_person(slack: LocalSlack, client: WebClient, place: Place) -> None:
    client.chat_postEphemeral(channel=place.channel, user=place.ines, text="psst")
    assert [message.text for message in slack.messages(place.channel, place.ines)] == ["psst"]
    assert slack.messages(place.channel, place.bo) == []
    assert client.conversations_history(channel=place.channel)["messages"] == []
    outside = {"channel": place.channel, "user": place.stranger, "text": "psst"}
    assert error_of(client.chat_postEphemeral, **outside) == "user_not_in_channel"


def test_metadata_finds_a_message_again(client: WebClient, place: Place) -> None:
    metadata = {"event_type": "card", "event_payload": {"run": "run-7"}}
    ts = client.chat_postMessage(channel=place.channel, text="card", metadata=metadata)["ts"]
    client.chat_update(channel=place.channel, ts=ts, text="card, later")
    (found,) = client.conversations_history(channel=place.channel, include_all_metadata=True)["messages"]
    assert (found["ts"], found["metadata"]) == (ts, metadata)
    (without,) = client.conversations_history(channel=place.channel)["messages"]
    assert "metadata" not in without


def test_history_comes_in_pages_newest_first(client: WebClient, place: Place) -> None:
    posted = [client.chat_postMessage(channel=place.channel, text=str(n))["ts"] for n in range(5)]
    client.chat_postMessage(channel=place.channel, text="reply", thread_ts=posted[0])
    first = client.conversations_history(channel=place.channel, limit=3)
    assert [message["text"] for message in first["messages"]] == ["4", "3", "2"]
    assert first["has_more"] is True
    cursor = first["response_metadata"]["next_cursor"]
    rest = client.conversations_history(channel=place.channel, limit=3, cursor=cursor)
    assert [message["text"] for message in rest["messages"]] == ["1", "0"]
    assert rest["messages"][-1]["reply_count"] == 1
    since = client.conversations_history(channel=place.channel, oldest=posted[3])
    assert [message["text"] for message in since["messages"]] == ["4"]
    until = client.conversations_history(channel=place.channel, latest=posted[1], inclusive=True)
    assert [message["text"] for message in until["messages"]] == ["1", "0"]
    assert error_of(client.conversations_history, channel=place.channel, cursor="?") == "invalid_cursor"


def test_a_thread_is_read_oldest_first(client: WebClient, place: Place) -> None:
    parent = client.chat_postMessage(channel=place.channel, text="parent")["ts"]
    for text in ("a", "b"):
        client.chat_postMessage(channel=place.channel, text=text, thread_ts=parent)
    thread = client.conversations_replies(channel=place.channel, ts=parent)["messages"]
    assert [message["text"] for message in thread] == ["parent", "a", "b"]
    assert error_of(client.conversations_replies, channel=place.channel, ts="1.0") == "thread_not_found"


def test_direct_messages(slack: LocalSlack, client: WebClient, place: Place) -> None:
    opened = client.conversations_open(users=place.ines)["channel"]["id"]
    answer = client.chat_postMessage(channel=place.ines, text="to you")
    assert answer["channel"] == opened == slack.direct_channel(place.ines)
    assert client.conversations_info(channel=opened)["channel"]["is_im"] is True
    gone = slack.add_user("gone", deleted=True)
    assert error_of(client.conversations_open, users=gone) == "user_disabled"


def test_channels_and_their_members(slack: LocalSlack, client: WebClient, place: Place) -> None:
    assert set(client.conversations_members(channel=place.channel)["members"]) == {
        place.ines, place.bo, slack.bot_user,
    }  # fmt: skip
    assert place.channel in [channel["id"] for channel in client.users_conversations()["channels"]]
    assert place.channel in [channel["id"] for channel in client.conversations_list()["channels"]]
    info = client.conversations_info(channel=place.channel)["channel"]
    assert (info["is_member"], info["is_ext_shared"]) == (True, False)


def test_people_and_teams_are_looked_up(slack: LocalSlack, client: WebClient, place: Place) -> None:
    profile = client.users_profile_get(user=place.ines)["profile"]
    assert client.users_lookupByEmail(email=profile["email"])["user"]["id"] == place.ines
    assert error_of(client.users_lookupByEmail, email="nobody@e.test") == "users_not_found"
    assert client.team_info()["team"]["id"] == slack.team
    assert client.bots_info()["bot"]["user_id"] == slack.bot_user
    elsewhere = slack.add_channel("elsewhere", [place.ines], with_app=False)
    assert client.conversations_join(channel=elsewhere)["channel"]["is_member"]
    client.chat_postMessage(channel=elsewhere, text="here now")


def test_attachments_are_kept_and_their_buttons_pressed(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    block = section("inside") | {"accessory": button("Go", "go")}
    attachments = [{"color": "#36a64f", "text": "older"}, {"blocks": [block]}]
    asked = {"channel": place.channel, "text": " ", "attachments": attachments, "username": "Robo"}
    message = client.chat_postMessage(**asked)["message"]
    assert [each["id"] for each in message["attachments"]] == [1, 2]
    assert message["username"] == "Robo"
    slack.click(place.ines, message["ts"], "Go")
    pressed = heard(slack, "interaction")[-1]
    assert pressed["container"]["attachment_id"] == 2
    assert pressed["actions"][0]["action_id"] == "go"
    client.chat_update(channel=place.channel, ts=message["ts"], text="no more", attachments=[])
    assert slack.message(message["ts"]).attachments == ()
    many = [{"text": "x"}] * 101
    assert error_of(client.chat_postMessage, **(asked | {"attachments": many})) == "too_many_attachments"


def test_reactions_and_permalinks(slack: LocalSlack, client: WebClient, place: Place) -> None:
    ts = client.chat_postMessage(channel=place.channel, text="x")["ts"]
    client.reactions_add(channel=place.channel, timestamp=ts, name="eyes")
    assert slack.message(ts).reactions == (("eyes", slack.bot_user),)
    again = {"channel": place.channel, "timestamp": ts, "name": "eyes"}
    assert error_of(client.reactions_add, **again) == "already_reacted"
    seen = client.reactions_get(channel=place.channel, timestamp=ts)["message"]
    assert seen["reactions"] == [{"name": "eyes", "users": [slack.bot_user], "count": 1}]
    client.reactions_remove(**again)
    assert slack.message(ts).reactions == ()
    assert error_of(client.reactions_remove, **again) == "no_reaction"
    link = client.chat_getPermalink(channel=place.channel, message_ts=ts)["permalink"]
    assert link.endswith(f"/archives/{place.channel}/p{ts.replace('.', '')}")


@pytest.mark.parametrize(
    "view",
    [
        {"type": "modal", "blocks": []},
        modal("t" * 25, []),
        {"type": "modal", "title": plain("No submit"), "blocks": [field("a", "A")]},
        modal("Too much", [{"type": "divider"}] * 101),
        modal("Metadata", [], private_metadata="x" * 3001),
        modal("Select", [field("a", "A", element=SIZES | {"options": []})]),
    ],
)
def test_a_view_that_slack_does_not_take(
    slack: LocalSlack, client: WebClient, place: Place, view: dict[str, Any]
) -> None:
    trigger = slack.workspace.tickets.issue_trigger(place.ines)
    assert error_of(client.views_open, trigger_id=trigger, view=view) == "invalid_arguments"
    assert slack.views_of(place.ines) == []


def test_a_rate_limit_a_refusal_and_a_lost_answer(slack: LocalSlack, client: WebClient, place: Place) -> None:
    slack.rate_limit("chat.postMessage", retry_after_seconds=7)
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=place.channel, text="limited")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "7"
    slack.refuse("chat.postMessage", "internal_error")
    assert error_of(client.chat_postMessage, channel=place.channel, text="refused") == "internal_error"
    slack.lose_answer("chat.postMessage")
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel=place.channel, text="done all the same")
    slack.lose_answer("chat.postMessage", "dropped")
    with pytest.raises(Exception, match=r"IncompleteRead|Server|closed|disconnected"):
        client.chat_postMessage(channel=place.channel, text="done as well")
    assert [message.text for message in slack.messages(place.channel)] == [
        "done all the same",
        "done as well",
    ]


def test_a_slow_answer(slack: LocalSlack, client: WebClient) -> None:
    slack.delay("auth.test", 0.05)
    assert client.auth_test()["ok"]
    assert slack.calls_of("auth.test")[-1].seconds >= 0.05


def test_calls_are_recorded_without_the_token(slack: LocalSlack, client: WebClient, place: Place) -> None:
    client.chat_postMessage(channel=place.channel, text="seen")
    call = slack.calls_of("chat.postMessage")[-1]
    assert call.arguments == {"channel": place.channel, "text": "seen"}
    assert (call.status, call.answer["ok"]) == (200, True)
    assert slack.bot_token not in repr(slack.calls)


def test_a_profile_has_what_apps_read(slack: LocalSlack, client: WebClient) -> None:
    ada = slack.add_user("ada.lovelace")
    profile = client.users_info(user=ada)["user"]["profile"]
    assert (profile["first_name"], profile["last_name"], profile["status_text"]) == ("Ada", "Lovelace", "")
    assert profile["image_72"].startswith(slack.page_url)
    assert client.team_info()["team"]["email_domain"] == "local.test"
