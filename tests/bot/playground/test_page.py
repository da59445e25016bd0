"""The workspace's page: what one person sees of it, what they can do, and that other web sites cannot."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from slack_sdk import WebClient
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import bot.playground
from bot.playground.manifest import Manifest, read_manifest
from bot.playground.model import SlashCommand
from bot.playground.page import dates
from bot.playground.page.seen import WINDOW, Feed, Opened, history
from bot.playground.server import LocalSlack
from tests.bot.playground import block_kit
from tests.bot.playground.conftest import Place, heard
from tests.bot.playground.small_app import button, section, served

FOLDER = Path(bot.playground.__file__).parent


def ask(slack: LocalSlack, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    address = urlsplit(slack.page_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def seen(slack: LocalSlack, user: str, channel: str, **opened: Any) -> Any:
    """All that the page shows somebody at first."""
    return Feed(slack, Opened(user, channel, **opened)).step()


def shown(view: Any) -> list[str]:
    """The texts of the messages, as they are read."""
    return [words(html) for _, html in view["messages"]["put"]]


def words(html: str) -> str:
    body = html[html.index('<div class="body">') : html.index('<div class="tools">')]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def do(slack: LocalSlack, user: str, **act: Any) -> str:
    status, body = ask(slack, "POST", "/page/do", {"user": user, **act})
    assert status == 200
    return str(json.loads(body)["problem"])


def test_the_page_comes_from_this_machine_alone(slack: LocalSlack) -> None:
    for path in (FOLDER / "static").iterdir():
        status, body = ask(slack, "GET", f"/static/{path.name}")
        assert status == 200
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", body)
        assert not re.search(r"""(src|href|from|import|url\()\s*=?\s*["']?https?:""", body)
    assert ask(slack, "GET", "/")[1].startswith("<!doctype html>")
    for path in ("/server.py", "/static/server.py", "/static/../server.py", "/static/%2e%2e/server.py"):
        assert ask(slack, "GET", path)[0] == 404


def test_one_sees_what_is_for_oneself(slack: LocalSlack, client: WebClient, place: Place) -> None:
    client.chat_postMessage(channel=place.channel, text="for all")
    client.chat_postEphemeral(channel=place.channel, user=place.ines, text="for ines")
    mine, theirs = seen(slack, place.ines, place.channel), seen(slack, place.bo, place.channel)
    assert shown(mine) == ["for all", "for ines"]
    assert ["Only visible to you" in html for _, html in mine["messages"]["put"]] == [False, True]
    assert shown(theirs) == ["for all"]
    assert "messages" in seen(slack, place.stranger, place.channel)
    assert place.channel not in seen(slack, place.stranger, place.channel)["sides"]


def test_only_what_changed_is_told_again(slack: LocalSlack, client: WebClient, place: Place) -> None:
    feed = Feed(slack, Opened(place.ines, place.channel))
    feed.step()
    assert feed.step() == {}
    first = str(client.chat_postMessage(channel=place.channel, text="first")["ts"])
    second = str(client.chat_postMessage(channel=place.channel, text="second")["ts"])
    told = feed.step()
    assert set(told) == {"sides", "messages"}
    assert shown(told) == ["first", "second"]
    client.chat_update(channel=place.channel, ts=first, text="edited")
    assert shown(feed.step()) == ["edited (edited)"]
    inside = client.chat_postMessage(channel=place.channel, text="inside", thread_ts=second)["ts"]
    assert shown(feed.step()) == [
        f"second {slack.workspace.app.name[0]} 1 reply Last reply today at {clock(str(inside))}"
    ]
    client.chat_delete(channel=place.channel, ts=first)
    assert feed.step()["messages"] == {"put": [], "gone": [first], "more": False}


def clock(ts: str) -> str:
    """What it said when that was posted."""
    return dates.formatted(float(ts), "{time}", "Europe/Paris", float(ts))


def test_a_long_channel_is_shown_in_windows(slack: LocalSlack, client: WebClient, place: Place) -> None:
    say = partial(client.chat_postMessage, channel=place.channel)
    posted = [str(say(text=f"number {number}")["ts"]) for number in range(2 * WINDOW + 5)]
    first = seen(slack, place.ines, place.channel)["messages"]
    assert [ts for ts, _ in first["put"]] == posted[-WINDOW:]
    assert first["more"]
    asked = {"user": place.ines, "channel": place.channel, "before": posted[-WINDOW]}
    older = json.loads(ask(slack, "GET", f"/page/history?{urlencode(asked)}")[1])
    assert [ts for ts, _ in older["put"]] == posted[5 : 5 + WINDOW]
    assert older["more"]
    oldest = history(slack, place.ines, place.channel, posted[5])
    assert [ts for ts, _ in oldest["put"]] == posted[:5]
    assert not oldest["more"]
    newer = history(slack, place.ines, place.channel, after=posted[0])
    assert [ts for ts, _ in newer["put"]] == posted[1 : 1 + WINDOW]
    assert newer["more"]
    assert history(slack, place.ines, place.channel, after=posted[-1]) == {"put": [], "more": False}
    asked["user"] = place.stranger
    told = json.loads(ask(slack, "GET", f"/page/history?{urlencode(asked)}")[1])
    assert told == {"problem": "You are not in this channel."}


def test_writing_and_commands(slack: LocalSlack, place: Place) -> None:
    assert do(slack, place.ines, kind="say", channel=place.channel, text="hello <b>") == ""
    slack.wait_for(lambda: len(slack.messages(place.channel)) == 2)  # what one says waits for no answer
    assert do(slack, place.ines, kind="say", channel=place.channel, text="/echo back") == ""
    assert shown(seen(slack, place.ines, place.channel)) == ["hello <b>", "read hello <b>", "back"]
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
    modal = seen(slack, place.ines, place.channel)["modal"]
    assert 'data-input="reason"' in modal["html"]
    send = {"kind": "submit", "view_id": modal["id"]}
    assert "required field" in do(slack, place.ines, **send, values={"reason/text": ""})
    do(slack, place.ines, **send, values={"reason/text": "bad", "size/size": "large"})
    assert seen(slack, place.ines, place.channel)["modal"]["errors"] == {"reason": "Say more."}
    assert "not open any more" in do(slack, place.bo, **send, values={})
    assert do(slack, place.ines, kind="close", view_id=modal["id"]) == ""
    assert seen(slack, place.ines, place.channel)["modal"] is None


def test_reactions_come_and_go(slack: LocalSlack, client: WebClient, place: Place) -> None:
    ts = str(client.chat_postMessage(channel=place.channel, text="look")["ts"])
    react = {"kind": "react", "ts": ts, "name": "eyes"}
    do(slack, place.bo, **react)
    assert slack.message(ts).reactions == (("eyes", place.bo),)
    assert shown(seen(slack, place.ines, place.channel)) == ["look 👀 1"]
    do(slack, place.bo, **react)
    assert slack.message(ts).reactions == ()
    assert "not in this channel" in do(slack, place.stranger, **react)
    assert do(slack, place.bo, **react | {"name": "sonrisa"}) == "There is no emoji :sonrisa: here."
    slack.add_emoji("sonrisa")
    client.reactions_add(channel=place.channel, timestamp=ts, name="sonrisa")  # one of the workspace's own
    assert do(slack, place.bo, **react | {"name": ":sonrisa:"}) == ""
    assert shown(seen(slack, place.ines, place.channel)) == ["look :sonrisa: 2"]


def test_a_reply_to_the_channel_leads_to_its_thread(slack: LocalSlack, place: Place) -> None:
    root = slack.say(place.ines, place.channel, "root")
    say = {"kind": "say", "channel": place.channel, "thread_ts": root.ts}
    do(slack, place.bo, **say, text="both", also_to_channel=True)
    do(slack, place.bo, **say, text="one", also_to_channel=False)
    view = seen(slack, place.ines, place.channel, thread=root.ts)
    put = dict(view["messages"]["put"])
    (both,) = [html for html in put.values() if words(html) == "both"]
    assert f'data-thread="{root.ts}">replied to a thread' in both
    assert not any(words(html) == "one" for html in put.values())
    assert "also sent to the channel" in view["thread"]["put"][1][1]


def test_the_same_action_in_several_rows(slack: LocalSlack, client: WebClient, place: Place) -> None:
    rows = [
        section(name) | {"block_id": name, "accessory": button("Reject", "reject", value=name)}
        for name in "ab"
    ]
    ts = client.chat_postMessage(channel=place.channel, text="rows", blocks=rows)["ts"]
    do(slack, place.ines, kind="click", ts=ts, block_id="b", action_id="reject")
    assert heard(slack, "interaction")[-1]["actions"][0]["value"] == "b"


def test_a_button_is_pressed_whatever_its_neighbour_is_called(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    row = {
        "type": "actions",
        "block_id": "b",
        "elements": [button("reject", "approve"), button("approve", "reject")],
    }
    ts = client.chat_postMessage(channel=place.channel, text="row", blocks=[row])["ts"]
    for wanted in ("reject", "approve"):
        do(slack, place.ines, kind="click", ts=ts, block_id="b", action_id=wanted)
        assert heard(slack, "interaction")[-1]["actions"][0]["action_id"] == wanted


def test_an_external_menu_offers_what_the_app_answers() -> None:
    answers: list[Any] = [
        {"option_groups": block_kit.GROUPS},
        {"options": block_kit.SIZES},
        {"option_groups": ["nonsense"]},
        {},
    ]
    asked: list[Any] = []

    def answer(request: Request, body: bytes) -> Response:
        asked.append(json.loads(parse_qs(body.decode())["payload"][0]))
        return JSONResponse(answers[len(asked) - 1])

    with LocalSlack(ack_limit_seconds=30) as slack, served(answer) as url:
        slack.app_url = url
        ada = slack.add_user("ada")
        channel = slack.add_channel("lab", [ada])
        menu = {"type": "actions", "block_id": "b", "elements": [block_kit.element("external_select")]}
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        ts = client.chat_postMessage(channel=channel, text="x", blocks=[menu])["ts"]
        typed = {"user": ada, "ts": ts, "block_id": "b", "action_id": "use-external_select", "query": "pa"}
        found = [json.loads(ask(slack, "POST", "/page/options", typed)[1])["html"] for _ in answers]
    assert asked[0]["value"] == "pa"
    assert asked[0]["channel"] == {"id": channel, "name": "lab"}
    assert asked[0]["container"]["is_ephemeral"] is False
    assert "Near" in found[0]
    assert "Lima" in found[0]
    assert "Medium" in found[1]
    assert all("Nothing found." in each for each in found[2:])


def test_the_app_being_away_is_said(place: Place) -> None:
    with LocalSlack() as slack:
        ines = slack.add_user("ines")
        channel = slack.add_channel("lab", [ines])
        blocks = [{"type": "actions", "block_id": "b", "elements": [button("Go", "go")]}]
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        ts = client.chat_postMessage(channel=channel, text="x", blocks=blocks)["ts"]
        told = do(slack, ines, kind="click", ts=ts, block_id="b", action_id="go")
        assert told == "The app did not take it (dispatch_failed)."


def inspected(slack: LocalSlack, user: str, ts: str = "") -> str:
    answer = json.loads(ask(slack, "GET", f"/page/inspect?{urlencode({'user': user, 'ts': ts})}")[1])
    return str(answer.get("html") or answer["problem"])


def test_traffic_and_messages_can_be_looked_into(slack: LocalSlack, client: WebClient, place: Place) -> None:
    slack.command(place.ines, place.channel, "/card")
    everything = inspected(slack, place.ines)
    assert "command /card" in everything
    assert "chat.postMessage" in everything
    assert re.search(r"[0-9.]+ ms<", everything)
    assert slack.bot_token not in everything
    ts = str(client.chat_postMessage(channel=place.channel, text="before")["ts"])
    client.chat_update(channel=place.channel, ts=ts, text="after")
    one = inspected(slack, place.ines, ts)
    assert "Before its 1 edit" in one
    assert "chat.update" in one
    assert "command /card" not in one
    private = client.chat_postEphemeral(channel=place.channel, user=place.ines, text="secret")["message_ts"]
    assert "secret" in inspected(slack, place.ines, str(private))
    assert inspected(slack, place.bo, str(private)) == "This message is gone."


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
        for path in ("/page/news", "/page/history", "/page/inspect", "/page/hints"):
            assert ask(slack, "GET", path, **headers)[0] == 403


def test_news_arrive_as_they_happen_and_end_with_the_workspace() -> None:
    with LocalSlack() as slack:
        address = urlsplit(slack.page_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        connection.request("GET", "/page/news")
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.readline().startswith(b"data: ")
        assert answer.readline().startswith(b"retry: ")
        answer.readline()
        slack.add_user("ines")
        told = answer.readline()
        assert told.startswith(b"data: ") or told.startswith(b": ")
        slack.stop()
        answer.read()
        assert answer.isclosed()
        connection.close()


@pytest.mark.integration
def test_its_docs_name_every_option() -> None:
    command = [sys.executable, "-m", "bot.playground", "--help"]
    told = subprocess.run(command, cwd=FOLDER.parents[1], capture_output=True, text=True, check=True).stdout
    page = (FOLDER.parents[1] / "docs" / "PLAYGROUND.md").read_text()
    assert set(re.findall(r"--[a-z-]+", told)) - {"--help"} == set(
        re.findall(r"^\| `(--[a-z-]+)`", page, re.M)
    )


@pytest.mark.integration
def test_the_workspace_runs_by_itself_for_any_app(tmp_path: Path) -> None:
    manifest = tmp_path / "app.yaml"
    manifest.write_text(
        "display_information: {name: Parrot}\n"
        "features: {slash_commands: [{command: /squawk}]}\n"
        "settings: {event_subscriptions: {bot_events: [app_mention]}}\n"
    )
    assert read_manifest(manifest) == Manifest("Parrot", [SlashCommand("/squawk")], ["app_mention"], False)
    command = [sys.executable, "-m", "bot.playground", "--port", "0", "--manifest", str(manifest)]
    secrets = {"SLACK_BOT_TOKEN": "xoxb-of-the-environment", "SLACK_SIGNING_SECRET": "s"}
    environment = {**os.environ, **secrets, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=FOLDER.parents[1], env=environment, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        first = run.stdout.readline()
        said = [run.stdout.readline() for _ in range(6)]  # all of it, before it is interrupted
        run.send_signal(signal.SIGINT)
        rest = "".join(said) + run.stdout.read()
        assert run.wait(30) == 0
    assert first.startswith("The workspace is at http://127.0.0.1:")
    assert "# SLACK_BOT_TOKEN as in the environment" in rest
    assert "xoxb-of-the-environment" not in rest
