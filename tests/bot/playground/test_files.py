"""Files, as slack-sdk's files_upload_v2 brings them."""

from __future__ import annotations

import urllib.request

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.page.seen import history
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


def test_a_picture_says_what_it_shows(slack: LocalSlack, client: WebClient, place: Place) -> None:
    done = client.files_upload_v2(
        channel=place.channel, content=b"\x89PNG", filename="chart.png", alt_txt="Two <bars>"
    )
    assert done["files"][0]["alt_txt"] == "Two <bars>"
    ((_, html),) = history(slack, place.ines, place.channel)["put"]
    assert 'alt="Two &lt;bars&gt;"' in html


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


def test_a_picture_without_a_channel_is_shown_by_the_message_that_names_it(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    done = client.files_upload_v2(content=b"\x89PNG", filename="chart.png", alt_txt="Two bars")
    file_id = done["files"][0]["id"]
    assert slack.messages(place.channel) == []
    block = {"type": "image", "slack_file": {"id": file_id}, "alt_text": "Two bars"}
    client.chat_postMessage(channel=place.channel, text="Last week", blocks=[block])
    (message,) = slack.messages(place.channel)
    assert message.blocks[0]["slack_file"] == {"id": file_id}
    with urllib.request.urlopen(f"{slack.page_url}files/{file_id}") as answer:
        assert (answer.headers["Content-Type"], answer.read()) == ("image/png", b"\x89PNG")


@pytest.mark.parametrize("named", ["F0NOTHING00", "text"])
def test_what_is_no_picture_is_not_shown_as_one(client: WebClient, place: Place, named: str) -> None:
    text = client.files_upload_v2(content="a", filename="a.txt")["files"][0]["id"]
    block = {"type": "image", "slack_file": {"id": text if named == "text" else named}, "alt_text": "x"}
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel=place.channel, text="Last week", blocks=[block])
    assert refused.value.response["error"] == "invalid_blocks"
    assert "invalid slack file" in str(refused.value.response["response_metadata"]["messages"])
