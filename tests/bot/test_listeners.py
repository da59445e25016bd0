"""What Slack delivers reaches the inbox through Bolt, signed as Slack signs it; what is nothing of ours does not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request import BoltRequest
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from bot import listeners
from state import inbox
from tests.inn import Inn

SECRET = "signing-secret"


class Front:
    """A Bolt app before the inn's intake."""

    def __init__(self, inn: Inn) -> None:
        self._inn = inn
        self._app = App(
            client=WebClient("xoxb-test", base_url="http://127.0.0.1:9/"),
            signing_secret=SECRET,
            process_before_response=True,
            token_verification_enabled=False,
            authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None, bot_token="xoxb-test"),
        )
        listeners.register(self._app, inn.intake)

    def delivers(self, event: dict[str, Any], event_id: str = "Ev1") -> int:
        """Bolt's answer to an event."""
        payload = {"type": "event_callback", "team_id": "T1", "event_id": event_id, "event": event}
        body, now = json.dumps(payload), str(int(time.time()))
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=now, body=body)
        headers = {
            "content-type": ["application/json"],
            "x-slack-request-timestamp": [now],
            "x-slack-signature": [signature or ""],
        }
        answer = self._app.dispatch(BoltRequest(body=body, headers=headers))
        return int(answer.status)

    def recorded(self) -> list[tuple[str, Any]]:
        return [(each.kind, each.payload["words"]) for each in inbox.pending(self._inn.database)]


@pytest.fixture
def front(inn: Inn) -> Front:
    return Front(inn)


def change(**user: Any) -> dict[str, Any]:
    return {"type": "user_change", "user": {"id": "U1", "team_id": "T1", **user}}


def test_an_account_that_is_deactivated_is_recorded_once(front: Front) -> None:
    assert front.delivers(change(deleted=True)) == 200
    assert front.delivers(change(deleted=True)) == 200
    assert front.recorded() == [("event", ["left_slack", "T1-U1"])]


def test_a_new_picture_is_nothing_of_ours(front: Front) -> None:
    assert front.delivers(change(deleted=False)) == 200
    assert front.delivers(change(), "Ev2") == 200
    assert front.recorded() == []


def test_a_mention_is_recorded(front: Front) -> None:
    event = {"type": "app_mention", "user": "U1", "text": "<@U0> key list", "channel": "C1", "ts": "1.1"}
    assert front.delivers(event) == 200
    assert front.recorded() == [("mention", ["key", "list"])]
