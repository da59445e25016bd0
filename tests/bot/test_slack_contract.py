"""The fake Slack of the tests and the real bot.slack.Slack, over HTTP to a local workspace, keep the same promises."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest

from bot.playground.server import LocalSlack
from bot.slack import BESIDE, Later, NotTaken, Slack
from bot.views.home import turned_away
from bot.views.message import Message, message, picture, section
from bot.views.modals import modal
from bot.web_client import KeptWebClient
from commands.engines.kept_http import Answer
from commands.pictures import Picture
from commands.request import Field, Form
from tests.fakes.clock import FakeClock
from tests.fakes.slack import FakeSlack

HELLO, BYE = message("hello", [section("*hello*")]), message("bye", [section("*bye*")])
CARD = {"event_type": "innkeeper_card", "event_payload": {"id": "card1"}}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
HOME = turned_away("Nothing here.")
FORM = Form("reject_with_reason", "run1", "Reject", "Reject", (Field("reason", "Reason"),))


class FakeSide:
    """A channel with one person in it, as the fake has it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.slack: Any = FakeSlack(self.clock)
        self.channel, self.user = "C1", "U1"

    def texts(self, channel: str) -> list[str]:
        return [each.text for each in self.slack.public(channel)]

    def whispered(self) -> list[str]:
        return [each.text for each in self.slack.messages if each.only == self.user]

    def new_url(self, message_ts: str = "") -> str:
        return str(self.slack.new_response_url(self.channel, self.user, message_ts))

    def new_trigger(self) -> str:
        return str(self.slack.new_trigger())

    def archives(self) -> None:
        self.slack.closed[self.channel] = "is_archived"

    def sends_the_app_away(self) -> None:
        self.slack.closed[self.channel] = "not_in_channel"

    def befalls(self, what: str, method: str, *how: Any) -> None:
        getattr(self.slack, what)(method, *how)

    def views(self) -> int:
        return len(self.slack.views)


class RealSide:
    """The same in a workspace that slack-sdk reaches over HTTP."""

    def __init__(self, workspace: LocalSlack, clock: FakeClock) -> None:
        self.clock, self.workspace = clock, workspace
        client = KeptWebClient(workspace.bot_token, base_url=workspace.api_url, retry_handlers=[])
        self.slack: Any = Slack(client, clock)
        number = len(workspace.workspace.users)
        self.user = workspace.add_user(f"ines{number}")
        self.channel = workspace.add_channel(f"lab{number}", [self.user])

    def texts(self, channel: str) -> list[str]:
        shown = self.workspace.messages(channel)
        return [each.text for each in shown if not each.thread_ts and not each.ephemeral_to]

    def whispered(self) -> list[str]:
        shown = self.workspace.messages(self.channel)
        return [each.text for each in shown if each.ephemeral_to == self.user]

    def new_url(self, message_ts: str = "") -> str:
        ticket = self.workspace.workspace.tickets.issue_response_url(self.channel, self.user, message_ts)
        return f"{self.workspace.workspace.base_url}/response/{ticket}"

    def new_trigger(self) -> str:
        return str(self.workspace.workspace.tickets.issue_trigger(self.user))

    def archives(self) -> None:
        self.workspace.workspace.change_channel(self.channel, is_archived=True)

    def sends_the_app_away(self) -> None:
        self.workspace.workspace.change_channel(self.channel, members=frozenset({self.user}))

    def befalls(self, what: str, method: str, *how: Any) -> None:
        if method == "files.upload":
            method = "files.completeUploadExternal" if what == "lose_answer" else "files.getUploadURLExternal"
        getattr(self.workspace, what)(method, *how)

    def views(self) -> int:
        return len(self.workspace.views_of(self.user))


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def workspace(clock: FakeClock) -> Iterator[LocalSlack]:
    with LocalSlack(clock=lambda: clock().timestamp()) as opened:
        yield opened


@pytest.fixture(params=["fake", "real"])
def side(request: pytest.FixtureRequest) -> FakeSide | RealSide:
    if request.param == "fake":
        return FakeSide()
    return RealSide(request.getfixturevalue("workspace"), request.getfixturevalue("clock"))


def test_a_message_is_posted_and_edited(side: FakeSide) -> None:
    sent = side.slack.post(side.channel, HELLO, metadata=CARD)
    assert sent["channel"] == side.channel
    assert side.texts(side.channel) == ["hello"]
    side.slack.edit(side.channel, sent["ts"], BYE)
    assert side.texts(side.channel) == ["bye"]


def test_history_tells_of_metadata_and_not_of_threads_and_whispers(side: FakeSide) -> None:
    before = side.clock()
    side.clock.passes(1)
    first = side.slack.post(side.channel, HELLO, metadata=CARD)
    side.slack.post(side.channel, Message("a reply", []), first["ts"])
    side.slack.whisper(side.channel, side.user, BYE)
    second = side.slack.post(side.channel, BYE)
    told = side.slack.history(side.channel, before)
    assert [each["ts"] for each in told] == [second["ts"], first["ts"]]
    assert told[1]["metadata"]["event_payload"] == {"id": "card1"}
    side.clock.passes(5)
    assert side.slack.history(side.channel, side.clock()) == []


def test_a_thread_tells_of_its_first_message_replies_and_files(side: FakeSide) -> None:
    first = side.slack.post(side.channel, HELLO)
    reply = {"event_type": "innkeeper_reply", "event_payload": {"id": "reply1"}}
    side.slack.post(side.channel, Message("a reply", []), first["ts"], reply)
    side.slack.upload(side.channel, first["ts"], "plan.txt", "+ a", "The whole plan.")
    told = side.slack.replies(side.channel, first["ts"])
    assert told[0]["ts"] == first["ts"]
    assert told[1]["metadata"]["event_payload"] == {"id": "reply1"}
    assert [file["name"] for file in told[2]["files"]] == ["plan.txt"]
    assert side.texts(side.channel) == ["hello"]


def test_an_empty_file_and_one_for_somebody_directly(side: FakeSide) -> None:
    direct = side.slack.direct(side.user)
    side.slack.upload(direct, None, "run.log", "", "")
    side.slack.post(direct, HELLO)
    assert side.texts(direct)[-1] == "hello"


def test_a_picture_stands_in_a_message_and_nowhere_before(side: FakeSide) -> None:
    file_id = side.slack.upload("", None, "picture.png", PNG, alt="Two bars")
    assert side.texts(side.channel) == []
    sent = side.slack.post(side.channel, message("hello", [section("*hello*"), picture(file_id, "Two bars")]))
    assert side.texts(side.channel) == ["hello"]
    side.slack.edit(side.channel, sent["ts"], BYE)


def test_a_picture_that_is_not_there_is_not_shown(side: FakeSide) -> None:
    with pytest.raises(NotTaken) as refused:
        side.slack.post(side.channel, message("hello", [picture("F0NOTHING00", "Two bars")]))
    assert refused.value.code == "invalid_blocks"
    assert side.texts(side.channel) == []


def test_a_picture_in_a_thread(side: FakeSide) -> None:
    first = side.slack.post(side.channel, HELLO)
    assert side.slack.upload(side.channel, first["ts"], "picture.png", PNG, alt="Two bars")
    told = side.slack.replies(side.channel, first["ts"])
    assert [file["name"] for file in told[1]["files"]] == ["picture.png"]


def test_a_picture_beside_a_text_is_one_message(side: FakeSide) -> None:
    first = side.slack.post(side.channel, HELLO)
    side.slack.upload(side.channel, first["ts"], "plan.txt", "+ a", "", beside=Picture(PNG, "Two bars"))
    told = side.slack.replies(side.channel, first["ts"])
    assert [[file["name"] for file in each["files"]] for each in told[1:]] == [["plan.txt", BESIDE]]


def test_a_home_tab_is_shown_and_changed_while_it_is_the_same(side: FakeSide) -> None:
    first = side.slack.publish_home(side.user, HOME)
    second = side.slack.publish_home(side.user, HOME, first)
    assert second
    with pytest.raises(NotTaken) as conflict:
        side.slack.publish_home(side.user, HOME, first)
    assert conflict.value.code == "hash_conflict"


def test_a_picture_in_a_home_tab(side: FakeSide) -> None:
    file_id = side.slack.upload("", None, "picture.png", PNG, alt="Two bars")
    shown = [section("*hello*"), picture(file_id, "Two bars")]
    assert side.slack.publish_home(side.user, {**HOME, "blocks": [block.to_dict() for block in shown]})
    wrong = [picture("F0NOTHING00", "Two bars")]
    with pytest.raises(NotTaken) as refused:
        side.slack.publish_home(side.user, {**HOME, "blocks": [block.to_dict() for block in wrong]})
    assert refused.value.code == "invalid_blocks"


def test_a_picture_in_what_one_person_sees(side: FakeSide) -> None:
    file_id = side.slack.upload("", None, "picture.png", PNG, alt="Two bars")
    shown = message("hello", [section("*hello*"), picture(file_id, "Two bars")])
    side.slack.respond(side.new_url(), shown, replace=False)
    side.slack.whisper(side.channel, side.user, shown)
    assert side.whispered() == ["hello", "hello"]


def test_a_whisper_is_for_one_person(side: FakeSide) -> None:
    side.slack.whisper(side.channel, side.user, HELLO)
    assert side.whispered() == ["hello"]
    assert side.texts(side.channel) == []


def test_a_response_url_takes_five_answers_in_thirty_minutes(side: FakeSide) -> None:
    url = side.new_url()
    for _ in range(5):
        side.slack.respond(url, HELLO, replace=False)
    with pytest.raises(NotTaken) as used:
        side.slack.respond(url, HELLO, replace=False)
    assert used.value.code == "404"
    assert side.whispered() == ["hello"] * 5
    old = side.new_url()
    side.clock.passes(minutes=31)
    with pytest.raises(NotTaken):
        side.slack.respond(old, HELLO, replace=False)


def test_an_answer_in_the_place_of_the_message(side: FakeSide) -> None:
    sent = side.slack.post(side.channel, HELLO)
    side.slack.respond(side.new_url(sent["ts"]), BYE, replace=True)
    assert side.texts(side.channel) == ["bye"]


def test_a_form_opens_within_three_seconds_and_once(side: FakeSide) -> None:
    trigger = side.new_trigger()
    side.slack.open_view(trigger, modal(FORM, "{}"))
    assert side.views() == 1
    with pytest.raises(NotTaken):
        side.slack.open_view(trigger, modal(FORM, "{}"))
    late = side.new_trigger()
    side.clock.passes(4)
    with pytest.raises(NotTaken) as expired:
        side.slack.open_view(late, modal(FORM, "{}"))
    assert expired.value.code == "expired_trigger_id"


def test_what_a_form_shows_is_changed_while_it_is_open(side: FakeSide) -> None:
    view_id = side.slack.open_view(side.new_trigger(), modal(FORM, "{}"))
    side.slack.update_view(view_id, modal(FORM, "{}"))
    assert side.views() == 1
    with pytest.raises(NotTaken) as unknown:
        side.slack.update_view("V0NOTHING", modal(FORM, "{}"))
    assert unknown.value.code == "not_found"


def test_a_form_that_was_changed_meanwhile_is_left_alone(side: FakeSide) -> None:
    view_id = side.slack.open_view(side.new_trigger(), modal(FORM, "{}"))
    with pytest.raises(NotTaken) as conflict:
        side.slack.update_view(view_id, modal(FORM, "{}"), "an older one")
    assert conflict.value.code == "hash_conflict"


def test_a_message_has_an_address(side: FakeSide) -> None:
    sent = side.slack.post(side.channel, HELLO)
    assert side.slack.link(side.channel, sent["ts"]).endswith(f"/p{sent['ts'].replace('.', '')}")
    with pytest.raises(NotTaken) as gone:
        side.slack.link(side.channel, "1.000001")
    assert gone.value.code == "message_not_found"


def test_what_is_not_there(side: FakeSide) -> None:
    with pytest.raises(NotTaken) as gone:
        side.slack.edit(side.channel, "1.000001", HELLO)
    assert gone.value.code == "message_not_found"
    with pytest.raises(NotTaken) as thread:
        side.slack.replies(side.channel, "1.000001")
    assert thread.value.code == "thread_not_found"


def test_an_archived_channel_is_read_and_not_written(side: FakeSide) -> None:
    sent = side.slack.post(side.channel, HELLO)
    side.archives()
    for call in (
        lambda: side.slack.post(side.channel, HELLO),
        lambda: side.slack.edit(side.channel, sent["ts"], BYE),
        lambda: side.slack.upload(side.channel, sent["ts"], "plan.txt", "+ a", ""),
    ):
        with pytest.raises(NotTaken) as archived:
            call()
        assert archived.value.code == "is_archived"
    assert len(side.slack.replies(side.channel, sent["ts"])) == 1


def test_a_channel_that_the_app_is_not_in(side: FakeSide) -> None:
    side.sends_the_app_away()
    for call in (
        lambda: side.slack.post(side.channel, HELLO),
        lambda: side.slack.whisper(side.channel, side.user, HELLO),
        lambda: side.slack.history(side.channel, side.clock()),
    ):
        with pytest.raises(NotTaken) as away:
            call()
        assert away.value.code == "not_in_channel"


def test_retry_after_is_obeyed_for_that_method_and_channel_alone(side: FakeSide) -> None:
    side.befalls("rate_limit", "chat.postMessage", 30)
    at = side.clock() + timedelta(seconds=30)
    for _ in range(2):
        with pytest.raises(Later) as later:
            side.slack.post(side.channel, HELLO)
        assert (later.value.at, later.value.maybe_sent) == (at, False)
    assert side.texts(side.channel) == []
    side.slack.whisper(side.channel, side.user, HELLO)
    side.slack.post(side.slack.direct(side.user), HELLO)
    side.clock.passes(31)
    side.slack.post(side.channel, HELLO)
    assert side.texts(side.channel) == ["hello"]


def test_an_answer_that_is_lost_was_perhaps_heard(side: FakeSide) -> None:
    side.befalls("lose_answer", "chat.postMessage")
    with pytest.raises(Later) as later:
        side.slack.post(side.channel, HELLO)
    assert later.value.maybe_sent
    assert later.value.at == side.clock() + timedelta(seconds=1)
    assert side.texts(side.channel) == ["hello"]


def test_a_file_whose_answer_is_lost(side: FakeSide) -> None:
    first = side.slack.post(side.channel, HELLO)
    side.befalls("lose_answer", "files.upload")
    with pytest.raises(Later) as later:
        side.slack.upload(side.channel, first["ts"], "plan.txt", "+ a", "")
    assert later.value.maybe_sent
    assert [file["name"] for file in side.slack.replies(side.channel, first["ts"])[1]["files"]] == [
        "plan.txt"
    ]


@pytest.mark.parametrize("method", ["chat.postMessage", "files.upload"])
def test_what_slack_never_takes(side: FakeSide, method: str) -> None:
    side.befalls("refuse", method, "restricted_action")
    calls = {
        "chat.postMessage": lambda: side.slack.post(side.channel, HELLO),
        "files.upload": lambda: side.slack.upload(side.channel, None, "plan.txt", "+ a", ""),
    }
    with pytest.raises(NotTaken) as refused:
        calls[method]()
    assert refused.value.code == "restricted_action"
    side.slack.post(side.channel, HELLO)
    assert side.texts(side.channel) == ["hello"]


# What the real one does beyond that


def test_outages_are_waited_out_longer_and_longer(workspace: LocalSlack, clock: FakeClock) -> None:
    side = RealSide(workspace, clock)
    pauses = []
    for _ in range(8):
        workspace.lose_answer("chat.postMessage", "dropped")
        with pytest.raises(Later) as later:
            side.slack.post(side.channel, HELLO)
        pauses.append((later.value.at - clock()).total_seconds())
        clock.until(later.value.at)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    side.slack.post(side.channel, HELLO)
    workspace.lose_answer("chat.postMessage", "500")
    with pytest.raises(Later) as again:
        side.slack.post(side.channel, HELLO)
    assert again.value.at == clock() + timedelta(seconds=1)


def test_a_clock_that_is_set_back_ends_the_waiting(workspace: LocalSlack) -> None:
    side = RealSide(workspace, FakeClock())
    workspace.rate_limit("chat.postMessage", 30)
    with pytest.raises(Later):
        side.slack.post(side.channel, HELLO)
    side.clock.passes(hours=-1)
    side.slack.post(side.channel, HELLO)
    assert side.texts(side.channel) == ["hello"]


def test_nobody_answers_there(clock: FakeClock) -> None:
    slack = Slack(KeptWebClient("xoxb-1", base_url="http://127.0.0.1:9/api/", retry_handlers=[]), clock)
    with pytest.raises(Later) as away:
        slack.post("C1", HELLO)
    assert away.value.maybe_sent
    with pytest.raises(Later):
        slack.respond("http://127.0.0.1:9/response/x", HELLO, replace=False)


@pytest.mark.parametrize("replace", [True, False])
def test_it_is_always_said_whether_an_answer_takes_the_place_of_what_was_pressed(
    clock: FakeClock, replace: bool
) -> None:
    """What is left unsaid may have replaced the card that everybody sees."""
    sent = list[dict[str, Any]]()

    class Heard:
        def send(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
            sent.append(json.loads(body))
            return Answer(200, {}, b"ok")

    Slack(cast(KeptWebClient, Heard()), clock).respond("https://hooks.slack.test/1", HELLO, replace=replace)
    assert [each["replace_original"] for each in sent] == [replace]
    assert sent[0].get("response_type") == (None if replace else "ephemeral")


@contextmanager
def answering(status: int, page: bytes) -> Iterator[str]:
    """Something on the way to Slack that answers everything with the same page; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 403, 502])
def test_a_page_of_a_proxy_is_not_a_word_of_slacks(clock: FakeClock, status: int) -> None:
    with answering(status, b"<html>Log in to the network</html>") as address:
        slack = Slack(KeptWebClient("xoxb-1", base_url=address, retry_handlers=[]), clock)
        with pytest.raises(Later) as later:
            slack.post("C1", HELLO)
    assert later.value.maybe_sent
