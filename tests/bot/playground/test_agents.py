"""Bolt's own Assistant and custom steps, as an app has them, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import App, Assistant
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.events import SERVED
from bot.playground.server import LocalSlack
from tests.bot.playground.conftest import heard
from tests.bot.playground.listening_app import client_of
from tests.bot.playground.small_app import button, field, modal, section, served_app


def an_assistant(slack: LocalSlack) -> App:
    """Greets with suggestions, thinks about what was said, and does one step of workflows."""
    app = App(client=client_of(slack), signing_secret=slack.signing_secret, process_before_response=True)
    assistant = Assistant()

    @assistant.thread_started
    def started(say: Any, set_suggested_prompts: Any, get_thread_context: Any) -> None:
        context = get_thread_context()
        say(f"Hello, {context.channel_id if context else 'nowhere'}")
        set_suggested_prompts(
            title="Ask me", prompts=["What is up?", {"title": "Help", "message": "Help me"}]
        )

    @assistant.user_message
    def written(payload: Any, set_status: Any, set_title: Any, say: Any, say_stream: Any) -> None:
        set_status("is thinking...")
        set_title(payload["text"])
        if payload["text"] == "wait":
            return
        stream = say_stream(buffer_size=1)
        stream.append(markdown_text=f"You said *{payload['text']}*")
        stream.stop()

    app.use(assistant)

    @app.function("greet")
    def greet(inputs: Any, complete: Any, fail: Any) -> None:
        if inputs["name"]:
            complete({"greeting": f"Hello {inputs['name']}"})
        else:
            fail("Nobody to greet")

    @app.function("ask")
    def ask(inputs: Any, say: Any) -> None:
        block = section("Done?") | {"accessory": button("Done", "done")}
        say(channel=inputs["user"], text="Done?", blocks=[block])

    @app.action("done")
    def done(ack: Any, body: Any, client: WebClient) -> None:
        ack()
        pointer = body["interactivity"]["interactivity_pointer"]
        view = modal("How was it?", [field("word", "A word")], callback_id="word")
        client.views_open(trigger_id="", interactivity_pointer=pointer, view=view)

    @app.view("word")
    def word(ack: Any, view: Any, inputs: Any, complete: Any) -> None:
        ack()
        complete({"word": view["state"]["values"]["word"]["text"]["value"], "user": inputs["user"]})

    return app


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with (
        LocalSlack(app_name="Keeper", events=SERVED, ack_limit_seconds=30) as workspace,
        served_app(an_assistant(workspace)) as url,
    ):
        workspace.app_url = url
        yield workspace


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return client_of(slack)


def test_a_chat_begins_with_suggestions(slack: LocalSlack) -> None:
    ada = slack.add_user("ada")
    lab = slack.add_channel("lab", [ada])
    chat = slack.start_thread(ada, viewing=lab)
    shown = slack.messages(slack.direct_channel(ada), ada)
    assert {message.thread_ts for message in shown[1:]} == {chat.ts}
    assert [message.text for message in shown] == [
        "New chat",
        f"Hello, {lab}",
        "Ask me\n• What is up?\n• Help: Help me",
    ]


def test_it_is_busy_until_it_answers(slack: LocalSlack, client: WebClient) -> None:
    bo = slack.add_user("bo")
    chat = slack.start_thread(bo)
    where = slack.direct_channel(bo)
    slack.say(bo, where, "wait", chat)
    assert slack.messages(where, bo)[-1].text == "_Keeper is thinking..._"
    slack.say(bo, where, "ping", chat)
    texts = [message.text for message in slack.messages(where, bo)]
    assert texts[0] == "ping"
    assert texts[-1] == "You said *ping*"
    assert "_Keeper is thinking..._" not in texts
    with pytest.raises(SlackApiError, match="invalid_thread_ts"):
        client.assistant_threads_setStatus(channel_id=where, thread_ts="1.0", status="is lost")
    many = [{"title": "a", "message": "b"}] * 5
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        client.assistant_threads_setSuggestedPrompts(channel_id=where, thread_ts=chat.ts, prompts=many)


def test_a_message_to_an_assistant_begins_a_chat(slack: LocalSlack) -> None:
    cy = slack.add_user("cy")
    where = slack.direct_channel(cy)
    slack.has_assistant = True
    try:
        said = slack.say(cy, where, "hello")
    finally:
        slack.has_assistant = False
    assert slack.message(said.thread_ts).subtype == "assistant_app_thread"
    told = [each["event"]["type"] for each in heard(slack, "event")]
    # That somebody has joined is told beside it, sooner or later.
    assert [kind for kind in told if kind != "team_join"][-2:] == ["assistant_thread_started", "message"]
    assert slack.messages(where, cy)[-1].text == "You said *hello*"


def test_a_step_of_a_workflow_is_done(slack: LocalSlack, client: WebClient) -> None:
    done, failed = (slack.run_function("greet", {"name": name}) for name in ("Ada", ""))
    assert slack.function_run(done).outputs == {"greeting": "Hello Ada"}
    assert (slack.function_run(failed).state, slack.function_run(failed).error) == (
        "failed",
        "Nobody to greet",
    )
    with pytest.raises(SlackApiError, match="execution_not_in_running_state"):
        client.functions_completeSuccess(function_execution_id=done, outputs={})
    with pytest.raises(SlackApiError, match="function_execution_not_found"):
        client.functions_completeError(function_execution_id="Fx0", error="x")


def test_a_step_may_ask_somebody_first(slack: LocalSlack, client: WebClient) -> None:
    dee = slack.add_user("dee")
    run_id = slack.run_function("ask", {"user": dee})
    assert slack.function_run(run_id).state == "running"
    asked = slack.messages(slack.direct_channel(dee))[-1]
    sent = slack.click(dee, asked, "Done").payload
    assert sent["function_data"]["execution_id"] == run_id
    slack.submit(dee, slack.views_of(dee)[-1], {"word": "fine"})
    assert slack.function_run(run_id).outputs == {"word": "fine", "user": dee}
    said = client.chat_postMessage(
        channel=dee, text="x", blocks=[section("x") | {"accessory": button("Go", "x")}]
    )
    assert "function_data" not in slack.click(dee, said["ts"], "Go").payload
