"""An app may do what its manifest names, as in Slack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.manifest import read_manifest
from bot.playground.scopes import NEEDED
from bot.playground.server import LocalSlack
from bot.playground.web_api import METHODS
from tests.bot.playground.listening_app import client_of

FREE = ("api.", "auth.", "apps.", "views.", "functions.")


def refused(call: Any, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return dict(caught.value.response.data)


def test_every_method_says_what_it_needs() -> None:
    unsaid = [name for name in METHODS if not name.startswith((*NEEDED, *FREE))]
    assert unsaid == []
    assert [each for each in NEEDED if not any(name.startswith(each) for name in METHODS)] == []


def test_a_call_without_its_scope_is_refused() -> None:
    with LocalSlack(scopes=["chat:write", "channels:history", "users:read"]) as slack:
        client, ada = client_of(slack), slack.add_user("ada")
        where = slack.add_channel("lab", [ada])
        hidden = slack.add_channel("hidden", [ada], is_private=True)
        ts = client.chat_postMessage(channel=where, text="hello")["ts"]
        assert client.conversations_history(channel=where)["messages"]
        told = refused(client.conversations_history, channel=hidden)
        assert (told["error"], told["needed"]) == ("missing_scope", "groups:history")
        assert told["provided"] == "channels:history,chat:write,users:read"
        told = refused(client.reactions_add, channel=where, timestamp=ts, name="eyes")
        assert told["needed"] == "reactions:write"
        assert "email" not in client.users_info(user=ada)["user"]["profile"]
        assert refused(client.conversations_list)["needed"] == ("channels:read,groups:read,im:read,mpim:read")
        assert refused(client.conversations_setTopic, channel=where, topic="x")["needed"] == (
            "channels:manage,channels:write.topic"
        )


def test_a_scope_may_lead_to_every_public_channel() -> None:
    with LocalSlack(scopes=["chat:write", "chat:write.public"]) as slack:
        client, ada = client_of(slack), slack.add_user("ada")
        elsewhere = slack.add_channel("elsewhere", [ada], with_app=False)
        hidden = slack.add_channel("hidden", [ada], with_app=False, is_private=True)
        client.chat_postMessage(channel=elsewhere, text="hello")
        assert refused(client.chat_postMessage, channel=hidden, text="x")["error"] == "channel_not_found"


def test_the_manifest_names_them(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text("oauth_config: {scopes: {bot: [chat:write]}}\n")
    assert read_manifest(path).scopes == ["chat:write"]
    path.write_text("display_information: {name: Parrot}\n")
    assert read_manifest(path).scopes is None
    with LocalSlack() as slack:
        assert WebClient(slack.bot_token, base_url=slack.api_url).emoji_list()["ok"]
