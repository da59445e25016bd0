"""The workspace's page: what one person sees of it, what they can do, and that other web sites cannot."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from slack_sdk import WebClient

import bot.playground
from bot.playground.__main__ import from_manifest
from bot.playground.page import FILES
from bot.playground.server import LocalSlack
from tests.bot.playground.conftest import Place
from tests.bot.playground.small_app import button, section

FOLDER = Path(bot.playground.__file__).parent


def ask(slack: LocalSlack, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    address = urlsplit(slack.page_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    try:
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def seen(slack: LocalSlack, user: str, channel: str) -> Any:
    status, body = ask(slack, "GET", "/page/state?" + urlencode({"user": user, "channel": channel}))
    assert status == 200
    return json.loads(body)


def do(slack: LocalSlack, user: str, **act: Any) -> str:
    status, body = ask(slack, "POST", "/page/do", {"user": user, **act})
    assert status == 200
    return str(json.loads(body)["problem"])


def test_the_page_comes_from_this_machine_alone(slack: LocalSlack) -> None:
    for name in FILES:
        status, body = ask(slack, "GET", f"/{name}")
        assert status == 200
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", body)
        assert not re.search(r"""(src|href|from|import)\s*=?\s*["']https?:""", body)
    assert ask(slack, "GET", "/")[1].startswith("<!doctype html>")
    assert ask(slack, "GET", "/server.py")[0] == 404
    assert ask(slack, "GET", "/%2e%2e/server.py")[0] == 404


def test_every_file_of_the_page_is_served(slack: LocalSlack) -> None:
    assert {path.name for path in FOLDER.iterdir() if path.suffix in (".html", ".css", ".js")} == set(FILES)


def test_one_sees_what_is_for_oneself(slack: LocalSlack, client: WebClient, place: Place) -> None:
    client.chat_postMessage(channel=place.channel, text="for all")
    client.chat_postEphemeral(channel=place.channel, user=place.ines, text="for ines")
    mine, theirs = seen(slack, place.ines, place.channel), seen(slack, place.bo, place.channel)
    assert [message["text"] for message in mine["messages"]] == ["for all", "for ines"]
    assert [message["is_ephemeral"] for message in mine["messages"]] == [False, True]
    assert [message["text"] for message in theirs["messages"]] == ["for all"]
    assert seen(slack, place.stranger, place.channel)["channels"] == []


def test_writing_and_commands(slack: LocalSlack, place: Place) -> None:
    assert do(slack, place.ines, kind="say", channel=place.channel, text="hello <b>") == ""
    assert do(slack, place.ines, kind="say", channel=place.channel, text="/echo back") == ""
    texts = [message["text"] for message in seen(slack, place.ines, place.channel)["messages"]]
    assert texts == ["hello &lt;b&gt;", "read hello &lt;b&gt;", "back"]
    first = slack.messages(place.channel)[0].ts
    told = do(slack, place.ines, kind="say", channel=place.channel, text="/echo x", thread_ts=first)
    assert told == "/echo is not supported in threads. Sorry!"


def test_buttons_and_forms(slack: LocalSlack, place: Place) -> None:
    do(slack, place.ines, kind="say", channel=place.channel, text="/card")
    ts = slack.messages(place.channel)[-1].ts
    press = {"kind": "click", "ts": ts, "block_id": "decide", "action_id": "approve"}
    assert do(slack, place.bo, **press, values={"decide/size": "large"}) == ""
    assert slack.message(ts).text == f"demo: approved by <@{place.bo}>"
    assert "There is no 'approve' to press" in do(slack, place.bo, **press)
    do(slack, place.ines, kind="say", channel=place.channel, text="/form")
    (view,) = seen(slack, place.ines, place.channel)["modals"]
    send = {"kind": "submit", "view_id": view["id"]}
    assert "required field" in do(slack, place.ines, **send, values={"reason/text": ""})
    do(slack, place.ines, **send, values={"reason/text": "bad", "size/size": "large"})
    assert seen(slack, place.ines, place.channel)["modals"][0]["errors"] == {"reason": "Say more."}
    assert "not open any more" in do(slack, place.bo, **send, values={})
    assert do(slack, place.ines, kind="close", view_id=view["id"]) == ""
    assert seen(slack, place.ines, place.channel)["modals"] == []


def test_the_same_action_in_several_rows(slack: LocalSlack, client: WebClient, place: Place) -> None:
    rows = [
        section(name) | {"block_id": name, "accessory": button("Reject", "reject", value=name)}
        for name in "ab"
    ]
    ts = client.chat_postMessage(channel=place.channel, text="rows", blocks=rows)["ts"]
    do(slack, place.ines, kind="click", ts=ts, block_id="b", action_id="reject")
    assert slack.deliveries[-1].payload["actions"][0]["value"] == "b"


def test_the_app_being_away_is_said(place: Place) -> None:
    with LocalSlack() as slack:
        ines = slack.add_user("ines")
        channel = slack.add_channel("lab", [ines])
        blocks = [{"type": "actions", "block_id": "b", "elements": [button("Go", "go")]}]
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        ts = client.chat_postMessage(channel=channel, text="x", blocks=blocks)["ts"]
        told = do(slack, ines, kind="click", ts=ts, block_id="b", action_id="go")
        assert told == "The app did not take it (dispatch_failed)."


def test_traffic_can_be_looked_into(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/card")
    entries = json.loads(ask(slack, "GET", "/page/inspect")[1])
    assert {entry["what"] for entry in entries} >= {"command /card", "chat.postMessage"}
    assert slack.bot_token not in json.dumps(entries)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Host": "evil.test"},
        {"Content_Type": "text/plain"},
        {"Origin": "null"},
    ],
)
def test_other_web_sites_cannot_act_here(slack: LocalSlack, place: Place, headers: dict[str, str]) -> None:
    act = {"user": place.ines, "kind": "say", "channel": place.channel, "text": "/echo x"}
    assert ask(slack, "POST", "/page/do", act, **headers)[0] in (403, 415)
    assert slack.messages(place.channel) == []
    if "Content_Type" not in headers:
        assert ask(slack, "GET", "/page/state", **headers)[0] == 403


def test_news_arrive_as_they_happen_and_end_with_the_workspace() -> None:
    with LocalSlack() as slack:
        address = urlsplit(slack.page_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
        connection.request("GET", "/page/news")
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.readline().startswith(b"data: ")
        answer.readline()
        slack.add_user("ines")
        assert answer.readline() == f"data: {slack.workspace.version}\n".encode()
        slack.stop()
        answer.read()
        assert answer.isclosed()
        connection.close()


def test_the_workspace_runs_by_itself_for_any_app(tmp_path: Path) -> None:
    manifest = tmp_path / "app.yaml"
    manifest.write_text(
        "display_information: {name: Parrot}\n"
        "features: {slash_commands: [{command: /squawk}]}\n"
        "settings: {event_subscriptions: {bot_events: [app_mention]}}\n"
    )
    assert from_manifest(str(manifest)) == ("Parrot", ["/squawk"], ["app_mention"])
    command = [sys.executable, "-m", "bot.playground", "--port", "0", "--manifest", str(manifest)]
    secrets = {"SLACK_BOT_TOKEN": "xoxb-of-the-environment", "SLACK_SIGNING_SECRET": "s"}
    environment = {**os.environ, **secrets, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=FOLDER.parents[1], env=environment, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        first = run.stdout.readline()
        said = [run.stdout.readline() for _ in range(4)]  # all of it, before it is interrupted
        run.send_signal(signal.SIGINT)
        rest = "".join(said) + run.stdout.read()
        assert run.wait(5) == 0
    assert first.startswith("The workspace is at http://127.0.0.1:")
    assert "SLACK_BOT_TOKEN=as in the environment" in rest
    assert "xoxb-of-the-environment" not in rest
