"""A small Bolt app of ordinary habits, which the local workspace is tried with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.playground.server import LocalSlack
from tests.listening import listening


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def button(text: str, action_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain(text), "action_id": action_id, **more}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def field(block_id: str, label: str, **more: Any) -> dict[str, Any]:
    element = more.pop("element", {"type": "plain_text_input", "action_id": "text"})
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": element, **more}


def modal(title: str, blocks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain(title), "submit": plain("Send"), "blocks": blocks, **more}


SIZES = {
    "type": "static_select",
    "action_id": "size",
    "options": [{"text": plain("Small"), "value": "small"}, {"text": plain("Large"), "value": "large"}],
    "initial_option": {"text": plain("Small"), "value": "small"},
}


def small_app(slack: LocalSlack) -> App:
    """/echo answers in its ack, /card posts buttons, /form opens a modal, /later answers by response_url."""
    app = App(
        client=WebClient(slack.bot_token, base_url=slack.api_url),
        signing_secret=slack.signing_secret,
        process_before_response=True,
    )

    @app.command("/echo")
    def echo(ack: Any, command: Any) -> None:
        ack(command["text"])

    @app.command("/quiet")
    def quiet(ack: Any) -> None:
        ack()

    @app.command("/aloud")
    def aloud(ack: Any, command: Any) -> None:
        ack(response_type="in_channel", text=command["text"])

    @app.command("/card")
    def card(ack: Any, command: Any, client: WebClient) -> None:
        ack()
        elements = [
            button("Approve", "approve", value="run-7", style="primary"),
            button("Reject", "reject", style="danger"),
            SIZES,
        ]
        client.chat_postMessage(
            channel=command["channel_id"],
            text="demo: proposed",
            blocks=[section("*demo*"), {"type": "actions", "block_id": "decide", "elements": elements}],
        )

    @app.action("approve")
    def approve(ack: Any, body: Any, client: WebClient) -> None:
        ack()
        client.chat_update(
            channel=body["channel"]["id"],
            ts=body["message"]["ts"],
            text=f"demo: approved by <@{body['user']['id']}>",
        )

    @app.action("size")
    def size(ack: Any, action: Any, respond: Any) -> None:
        ack()
        respond(f"size {action['selected_option']['value']}")

    @app.command("/form")
    def form(ack: Any, command: Any, client: WebClient) -> None:
        ack()
        fields = [field("reason", "Why"), field("size", "Size", element=SIZES)]
        view = modal("Reject", fields, callback_id="form", private_metadata="run-7", notify_on_close=True)
        client.views_open(trigger_id=command["trigger_id"], view=view)

    @app.view("form")
    def form_sent(ack: Any, view: Any) -> None:
        reason = view["state"]["values"]["reason"]["text"]["value"]
        if reason == "bad":
            ack(response_action="errors", errors={"reason": "Say more."})
        elif reason == "next":
            ack(response_action="push", view=modal("Next", [section("Sure?")], callback_id="next"))
        elif reason == "other":
            ack(response_action="update", view=modal("Other", [section("Thanks")], callback_id="next"))
        elif reason == "all":
            ack(response_action="clear")
        elif reason == "wrong":
            ack(response_action="errors", errors={"nowhere": "Say more."})
        else:
            ack()

    @app.view("next")
    def next_sent(ack: Any) -> None:
        ack()

    @app.view_closed("form")
    def form_closed(ack: Any) -> None:
        ack()

    @app.event("app_mention")
    def mentioned(event: Any, say: Any) -> None:
        say(f"heard {event['text']}", thread_ts=event.get("thread_ts") or event["ts"])

    @app.event("message")
    def written(event: Any, say: Any) -> None:
        if not event.get("hidden"):  # somebody edited or deleted something
            say(f"read {event['text']}")

    @app.event("app_home_opened")
    def home(event: Any, client: WebClient) -> None:
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("Home")]})

    @app.event("user_change")
    def changed(event: Any) -> None:
        pass

    return app


@contextmanager
def served(answer: Callable[[Request, bytes], Response]) -> Iterator[str]:
    """An HTTP server that answers POSTs with a plain function; gives its /slack/events address."""

    async def take(request: Request) -> Response:
        return await run_in_threadpool(answer, request, await request.body())

    with listening(Starlette(routes=[Route("/slack/events", take, methods=["POST"])])) as base_url:
        yield f"{base_url}/slack/events"


@contextmanager
def served_app(app: App) -> Iterator[str]:
    def answer(request: Request, body: bytes) -> Response:
        return to_starlette_response(app.dispatch(to_bolt_request(request, body)))

    with served(answer) as address:
        yield address
