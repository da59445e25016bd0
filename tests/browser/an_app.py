"""The small app of the playground's tests, and more for what only a browser shows."""

from __future__ import annotations

from typing import Any

from slack_bolt import App
from slack_sdk import WebClient

from bot.playground.server import LocalSlack
from tests.bot.playground import block_kit
from tests.bot.playground.small_app import button, field, modal, plain, section, small_app


def an_app(slack: LocalSlack) -> App:
    """small_app, and /everything (a form of all elements, whose external menus offer hosts), shortcuts, a Home tab."""
    app = small_app(slack)

    @app.command("/everything")
    def everything(ack: Any, command: Any, client: WebClient) -> None:
        ack()
        view = modal("Everything", block_kit.form_blocks(), callback_id="everything")
        client.views_open(trigger_id=command["trigger_id"], view=view)

    @app.view("everything")
    def everything_sent(ack: Any) -> None:
        ack()

    @app.options("use-external_select")
    @app.options("use-multi_external_select")
    def hosts(ack: Any, payload: Any) -> None:
        names = [name for name in ("host-1", "host-2", "other") if name.startswith(payload["value"])]
        ack(options=[{"text": plain(name), "value": name} for name in names])

    @app.action("end")
    def end(ack: Any, body: Any, respond: Any) -> None:
        ack()
        respond(f"ended by {body['user']['name']}", replace_original=False)

    @app.shortcut("ask")
    def asked(ack: Any, body: Any, client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=modal("Asked", [field("why", "Why")]))

    @app.shortcut("tell")
    def told(ack: Any, body: Any, respond: Any) -> None:
        ack()
        respond(f"told of {body['message']['text']}")

    @app.action("again")
    def again(ack: Any, body: Any, client: WebClient) -> None:
        ack()
        blocks = [section("Pressed")]
        client.views_publish(user_id=body["user"]["id"], view={"type": "home", "blocks": blocks})

    return app


def home_blocks() -> list[dict[str, Any]]:
    return [section("*My labs*"), {"type": "actions", "elements": [button("Again", "again")]}]
