"""Files, as slack-sdk's files_upload_v2 brings them."""

from __future__ import annotations

import urllib.request

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.server import LocalSlack
from tests.bot.playground.conftest import Place


def test_a_file_is_shared_in_a_thread(slack: LocalSlack, client: WebClient, place: Place) -> None:
    parent = client.chat_postMessage(channel=place.channel, text="plan")["ts"]
    answer = client.files_upload_v2(
        channel=place.channel,
        thread_ts=parent,
        content="+ droplet.web",
        filename="plan.txt",
        title="The plan",
        initial_comment="In full:",
    )
    message = slack.messages(place.channel)[-1]
    assert (message.thread_ts, message.text) == (parent, "In full:")
    (file,) = message.files
    assert (file.name, file.title, file.content) == ("plan.txt", "The plan", b"+ droplet.web")
    info = client.files_info(file=answer["file"]["id"])["file"]
    assert (info["mimetype"], info["size"]) == ("text/plain", 13)
    (_, shown) = client.conversations_replies(channel=place.channel, ts=parent)["messages"]
    assert shown["files"][0]["title"] == "The plan"


def test_several_files_are_one_message(slack: LocalSlack, client: WebClient, place: Place) -> None:
    uploads = [{"content": "a", "filename": "a.txt"}, {"content": b"\x89PNG", "filename": "b.png"}]
    client.files_upload_v2(channel=place.channel, file_uploads=uploads)
    (message,) = slack.messages(place.channel)
    assert [file.mimetype for file in message.files] == ["text/plain", "image/png"]


def test_a_page_in_a_file_is_text(slack: LocalSlack, client: WebClient, place: Place) -> None:
    script = "<script>alert(1)</script>"
    client.files_upload_v2(channel=place.channel, content=script, filename="x.html")
    (message,) = slack.messages(place.channel)
    with urllib.request.urlopen(f"{slack.page_url}files/{message.files[0].id}") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_was_not_uploaded_is_not_shared(client: WebClient, place: Place) -> None:
    asked = client.files_getUploadURLExternal(filename="a.txt", length=3)
    with pytest.raises(SlackApiError, match="file_not_found"):
        client.files_completeUploadExternal(files=[{"id": asked["file_id"]}], channel_id=place.channel)
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        client.files_getUploadURLExternal(filename="a.txt", length=0)


def test_a_file_goes_only_where_the_app_is(slack: LocalSlack, client: WebClient, place: Place) -> None:
    elsewhere = slack.add_channel("elsewhere", [place.ines], with_app=False)
    with pytest.raises(SlackApiError, match="not_in_channel"):
        client.files_upload_v2(channel=elsewhere, content="a", filename="a.txt")
    assert slack.messages(elsewhere) == []
