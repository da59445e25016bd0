from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.playground.server import LocalSlack
from tests.bot.playground.small_app import served_app, small_app


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    """A workspace with the small app installed in it, over HTTP."""
    events = ("app_mention", "message.im", "message.channels", "app_home_opened", "user_change")
    slack = LocalSlack(app_name="Keeper", events=events, ack_limit_seconds=30)  # a machine may be slow
    with slack as workspace, served_app(small_app(workspace)) as url:
        workspace.app_url = url
        yield workspace


@dataclass(frozen=True)
class Place:
    """A channel of its own for each test, with two people in it and one who is not."""

    channel: str
    ines: str
    bo: str
    stranger: str


@pytest.fixture
def place(slack: LocalSlack) -> Place:
    number = len(slack.workspace.users)
    ines, bo = slack.add_user(f"ines{number}"), slack.add_user(f"bo{number}")
    stranger = slack.add_user(f"stranger{number}")
    return Place(slack.add_channel(f"lab{number}", [ines, bo]), ines, bo, stranger)


def heard(slack: LocalSlack, kind: str) -> list[Any]:
    """What the app was sent, command, interaction or event, in its order; edits are told when they come."""
    payloads = [each.payload for each in slack.deliveries if each.kind == kind]
    return [each for each in payloads if not (each.get("event") or {}).get("hidden")]


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
