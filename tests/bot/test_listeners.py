"""What Slack delivers reaches the inbox through Bolt, signed as Slack signs it; what is nothing of ours does not."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request import BoltRequest
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from bot import listeners
from commands.request import Request
from state import inbox
from tests.inn import REQUESTER, Inn

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

    def interacts(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Bolt's answer to a click, a form or a shortcut: what is told to Slack with the acknowledgement."""
        whole = {"user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1"}, "trigger_id": "1.9", **payload}
        body, now = urlencode({"payload": json.dumps(whole)}), str(int(time.time()))
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=now, body=body)
        headers = {
            "content-type": ["application/x-www-form-urlencoded"],
            "x-slack-request-timestamp": [now],
            "x-slack-signature": [signature or ""],
        }
        answer = self._app.dispatch(BoltRequest(body=body, headers=headers))
        assert answer.status == 200
        return dict(json.loads(answer.body)) if answer.body else {}

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


def test_a_visit_to_the_home_tab_is_recorded_and_one_to_the_messages_is_not(front: Front) -> None:
    visit = {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home"}
    assert front.delivers(visit) == 200
    assert front.delivers({**visit, "tab": "messages"}, "Ev2") == 200
    assert front.recorded() == [("event", ["home", "opened"])]


def test_shortcuts_are_recorded(front: Front) -> None:
    front.interacts({"type": "shortcut", "callback_id": "ask_for_lab"})
    message = {"ts": "5.5", "thread_ts": "4.4", "type": "message"}
    below = {"type": "message_action", "callback_id": "lab_from_thread", "message": message}
    front.interacts({**below, "channel": {"id": "C1"}, "trigger_id": "2.9"})
    assert front.recorded() == [
        ("shortcut", ["ask_for_lab", ""]),
        ("shortcut", ["lab_from_thread", "4.4"]),
    ]


def a_form(action: str, values: dict[str, Any]) -> dict[str, Any]:
    about = json.dumps({"value": "x", "channel": "C1"})
    filled = {name: {"value": value} for name, value in values.items()}
    view = {"type": "modal", "callback_id": action, "private_metadata": about, "state": {"values": filled}}
    return {"type": "view_submission", "view": view}


def test_a_form_that_is_wrong_stays_open_and_is_not_recorded(front: Front) -> None:
    wrong = a_form("extend_by", {"more": {"selected_option": {"value": "other"}}, "other": {"value": "soon"}})
    assert front.interacts(wrong) == {
        "response_action": "errors",
        "errors": {"other": "soon is not a duration. Durations are written 45s, 30m, 4h or 2d."},
    }
    assert front.recorded() == []
    assert front.interacts(a_form("extend_by", {"more": {"selected_option": {"value": "4h"}}})) == {}
    assert front.recorded() == [("submission", ["extend_by", "x"])]


def test_secrets_that_vault_cannot_seal_keep_the_form_open(front: Front, inn: Inn) -> None:
    inn.vault.failing["I cannot encrypt what I have to keep"] = "sealed"
    filled = {"name": {"value": "demo"}, "secret:web/password": {"value": "canary"}}
    told = front.interacts(a_form("ask_lab_with_a_secret", filled))
    assert list(told["errors"]) == ["secret:web/password"]
    assert told["errors"]["secret:web/password"].startswith("Vault is sealed")
    assert front.recorded() == []


def test_a_form_whose_check_breaks_is_taken(front: Front, inn: Inn) -> None:
    inn.database.close()  # nothing can be looked up
    asked = Request("1", REQUESTER, "C1", ("ask_lab", "web"))
    assert inn.intake.wrong_fields(asked, {"blueprint": "web", "name": "demo"}) == {}
