"""Attachments with buttons and menus, as apps had them before blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import App

from bot.playground.page.seen import history
from bot.playground.server import LocalSlack
from tests.bot.playground.listening_app import client_of
from tests.bot.playground.small_app import served_app

GAMES = {
    "text": "Choose a game",
    "fallback": "You cannot choose",
    "callback_id": "game",
    "actions": [
        {"name": "game", "text": "Chess", "type": "button", "value": "chess"},
        {
            "name": "game",
            "text": "War",
            "type": "button",
            "style": "danger",
            "value": "war",
            "confirm": {"title": "Sure?", "text": "Not chess?", "ok_text": "Yes", "dismiss_text": "No"},
        },
        {
            "name": "list",
            "text": "Pick another",
            "type": "select",
            "options": [{"text": "Hearts", "value": "hearts"}, {"text": "Bridge", "value": "bridge"}],
        },
        {"name": "with", "text": "With whom", "type": "select", "data_source": "users"},
    ],
}


def an_old_app(slack: LocalSlack) -> App:
    app = App(client=client_of(slack), signing_secret=slack.signing_secret, process_before_response=True)

    @app.attachment_action("game")
    def chosen(ack: Any, action: Any, respond: Any) -> None:
        if action["name"] == "list":
            ack()
            respond(f"{action['selected_options'][0]['value']} it is")
        elif action["name"] == "with":
            ack()
            respond(text=f"with <@{action['selected_options'][0]['value']}>", replace_original=False)
        else:
            ack(text=f"You chose {action['value']}", attachments=[])

    return app


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(ack_limit_seconds=30) as workspace, served_app(an_old_app(workspace)) as url:
        workspace.app_url = url
        yield workspace


@pytest.fixture
def ada(slack: LocalSlack) -> str:
    return slack.add_user("ada")


@pytest.fixture
def where(slack: LocalSlack, ada: str) -> str:
    lab = slack.add_channel("lab", [ada])
    client_of(slack).chat_postMessage(channel=lab, text="A game?", attachments=[{"text": "Hello"}, GAMES])
    return lab


def test_a_button_is_pressed_and_the_message_replaced(slack: LocalSlack, ada: str, where: str) -> None:
    (message,) = slack.messages(where)
    sent = slack.click(ada, message, "War").payload
    assert (sent["type"], sent["callback_id"], sent["attachment_id"]) == ("interactive_message", "game", "2")
    assert sent["actions"] == [{"name": "game", "type": "button", "value": "war"}]
    assert sent["original_message"]["attachments"][1]["actions"][0]["value"] == "chess"
    (message,) = slack.messages(where)
    assert (message.text, message.attachments) == ("You chose war", ())


def test_a_menu_is_chosen_from(slack: LocalSlack, ada: str, where: str) -> None:
    slack.click(ada, slack.messages(where)[0], "With whom", ada)
    assert [message.text for message in slack.messages(where)] == ["A game?", f"with <@{ada}>"]
    assert slack.messages(where)[-1].ephemeral_to == ""
    slack.click(ada, slack.messages(where)[0], "Bridge")
    assert slack.messages(where)[0].text == "bridge it is"


def test_they_are_shown_as_buttons_and_menus(slack: LocalSlack, ada: str, where: str) -> None:
    ((_, html),) = history(slack, ada, where)["put"]
    assert "does not know" not in html
    for shown in ("Chess", "War", "Not chess?", "Hearts", 'data-block="attachment-2"'):
        assert shown in html
