"""app.yaml is held to the code: its commands, events and scopes are those that the code uses, and no others.

Source: https://docs.slack.dev/reference/app-manifest and the page of each Web API method.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_sdk import WebClient

from bot.listeners import EVENTS, SHORTCUTS, SLASH_COMMANDS
from bot.playground import demo
from commands.table import ACTIONS, COMMANDS

ROOT = Path(__file__).parents[1]

# What each Web API method needs of a bot's token, by its name in slack-sdk.
SCOPES_OF_METHODS = {
    "auth_test": set(),
    "chat_postMessage": {"chat:write", "chat:write.public"},
    "chat_postEphemeral": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_history": {"channels:history", "groups:history", "im:history"},
    "conversations_open": {"im:write"},
    "conversations_replies": {"channels:history", "groups:history", "im:history"},
    "files_upload_v2": {"files:write"},
    "chat_getPermalink": set(),
    "users_info": {"users:read"},
    "views_open": set(),
    "views_publish": set(),
    "views_update": set(),
}
SCOPES_OF_EVENTS = {
    "app_home_opened": set(),
    "app_mention": {"app_mentions:read"},
    "user_change": {"users:read"},
}
SCOPE_OF_COMMANDS = "commands"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    shape: dict[str, Any] = yaml.safe_load((ROOT / "app.yaml").read_text())
    return shape


def methods_called() -> set[str]:
    """Each method of slack-sdk's WebClient that the bot calls, read from its source."""
    found = set()
    for path in sorted((ROOT / "bot").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = node.func.attr
                if re.fullmatch(r"[a-z]+_\w+", name) and name in vars(WebClient):
                    found.add(name)
    return found


def registered() -> set[str]:
    """What bot/listeners.py listens to: command, action, view, event."""
    tree = ast.parse((ROOT / "bot" / "listeners.py").read_text())
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "app"
    }


def test_the_slash_commands_are_those_of_the_table(manifest: dict[str, Any]) -> None:
    declared = [entry["command"] for entry in manifest["features"]["slash_commands"]]
    assert declared == list(SLASH_COMMANDS)
    assert set(declared) == {f"/{command.words[0]}" for command in COMMANDS}
    assert declared == list(demo.COMMANDS)


def test_people_in_commands_come_as_ids(manifest: dict[str, Any]) -> None:
    assert all(entry["should_escape"] for entry in manifest["features"]["slash_commands"])


def test_every_hint_names_commands_that_exist(manifest: dict[str, Any]) -> None:
    for entry in manifest["features"]["slash_commands"]:
        known = {command.words[1] for command in COMMANDS if f"/{command.words[0]}" == entry["command"]}
        hinted = {part.split()[0] for part in entry["usage_hint"].split("|")}
        assert hinted <= known
        assert "help" in hinted


def test_the_events_are_those_that_are_listened_to(manifest: dict[str, Any]) -> None:
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)


def test_buttons_and_forms_are_delivered(manifest: dict[str, Any]) -> None:
    assert {"command", "action", "view", "event", "shortcut"} == registered()
    assert manifest["settings"]["interactivity"]["is_enabled"] is True


def test_the_shortcuts_are_actions_of_the_table(manifest: dict[str, Any]) -> None:
    shortcuts = manifest["features"]["shortcuts"]
    assert {each["callback_id"]: each["type"] for each in shortcuts} == SHORTCUTS
    assert set(SHORTCUTS) <= set(ACTIONS)
    assert all(len(each["name"]) <= 24 and len(each["description"]) <= 150 for each in shortcuts)


def test_every_call_to_slack_has_its_scopes_and_no_scope_is_without_a_use(manifest: dict[str, Any]) -> None:
    called = methods_called()
    assert called == set(SCOPES_OF_METHODS), "say here which scopes a new method needs"
    needed = {SCOPE_OF_COMMANDS}.union(*(SCOPES_OF_METHODS[name] for name in called))
    needed |= set().union(*(SCOPES_OF_EVENTS[event] for event in EVENTS))
    declared = manifest["oauth_config"]["scopes"]["bot"]
    assert declared == sorted(needed)


def test_all_addresses_are_the_one_endpoint(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    addresses = {entry["url"] for entry in manifest["features"]["slash_commands"]}
    addresses |= {
        settings["event_subscriptions"]["request_url"],
        settings["interactivity"]["request_url"],
    }
    assert addresses == {"https://innkeeper.example.com/slack/events"}
    assert '"/slack/events"' in (ROOT / "bot" / "server.py").read_text()


def test_texts_are_within_slacks_limits(manifest: dict[str, Any]) -> None:
    display = manifest["display_information"]
    assert len(display["name"]) <= 35
    assert len(display["description"]) <= 140
    assert 174 <= len(display["long_description"]) <= 4000
    assert re.fullmatch("#[0-9a-f]{6}", display["background_color"])
    assert len(manifest["features"]["bot_user"]["display_name"]) <= 80


def test_http_mode_is_the_default_and_tokens_do_not_rotate(manifest: dict[str, Any]) -> None:
    assert manifest["settings"]["socket_mode_enabled"] is False
    assert manifest["settings"]["token_rotation_enabled"] is False
