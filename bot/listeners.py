"""Bolt listeners: check, record, acknowledge, hand over. No decision is made here."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt import Ack, App

from bot import requests
from bot.intake import Intake
from commands.table import COMMANDS

SLASH_COMMANDS = tuple(dict.fromkeys(f"/{command.words[0]}" for command in COMMANDS))
EVENTS = ("app_home_opened", "app_mention", "user_change")
SHORTCUTS = {
    "ask_for_lab": "global",
    "lab_from_thread": "message",
}  # callback id, which is an action of the table

_ANY = re.compile(r".*", re.DOTALL)


def register(app: App, intake: Intake) -> None:
    """Connect a Bolt app to the intake: commands, clicks, forms, mentions and visits to the Home tab."""

    def take_command(body: dict[str, Any], ack: Ack) -> None:
        intake.take(requests.from_command(body, intake.now(), intake.blueprint_of))
        ack()

    def take_click(body: dict[str, Any], ack: Ack) -> None:
        intake.take(requests.from_click(body, intake.now()))
        ack()

    def take_form(body: dict[str, Any], ack: Ack) -> None:
        try:
            intake.take(requests.from_submission(body, intake.now(), intake.seal, intake.wrong_fields))
        except requests.WrongFields as wrong:
            ack(response_action="errors", errors=wrong.errors)
            return
        ack()

    def take_shortcut(body: dict[str, Any], ack: Ack) -> None:
        intake.take(requests.from_shortcut(body, intake.now(), intake.told_in))
        ack()

    def take_mention(body: dict[str, Any], ack: Ack) -> None:
        intake.take(requests.from_mention(body, intake.now(), intake.blueprint_of))
        ack()

    def take_departure(body: dict[str, Any], ack: Ack) -> None:
        intake.take(requests.from_departure(body, intake.now()))
        ack()

    def take_visit(body: dict[str, Any], ack: Ack) -> None:
        intake.take(requests.from_home(body, intake.now()))
        ack()

    for command in SLASH_COMMANDS:
        app.command(command)(take_command)
    app.action(_ANY)(take_click)
    app.view(_ANY)(take_form)
    for shortcut in SHORTCUTS:
        app.shortcut(shortcut)(take_shortcut)
    visit, mention, change = EVENTS
    app.event(visit, matchers=[requests.is_home])(take_visit)
    app.event(visit)(_let_pass)
    app.event(mention)(take_mention)
    app.event(change, matchers=[requests.is_departure])(take_departure)
    app.event(change)(_let_pass)


def _let_pass(ack: Ack) -> None:
    """Somebody changed their picture, or looks at their messages: nothing of ours."""
    ack()
