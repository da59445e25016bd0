"""Files, as slack-sdk's files_upload_v2 brings them."""

from __future__ import annotations

import urllib.request

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.page.seen import history
from bot.playground.server import LocalSlack
from tests.bot.playground.conftest import Place
from tests.bot.playground.listening_app import client_of, event, listening_workspace


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


def test_files_are_listed_and_deleted(slack: LocalSlack, client: WebClient, place: Place) -> None:
    names = [f"{number}.txt" for number in range(3)]
    for name in names:
        client.files_upload_v2(channel=place.channel, content="a", filename=name)
    listed = client.files_list(channel=place.channel, count=2)
    assert ([file["name"] for file in listed["files"]], listed["paging"]["pages"]) == (["2.txt", "1.txt"], 2)
    (oldest,) = client.files_list(channel=place.channel, count=2, page=2)["files"]
    info = client.files_info(file=oldest["id"])["file"]
    assert (info["channels"], list(info["shares"]["public"])) == ([place.channel], [place.channel])
    client.files_delete(file=oldest["id"])
    assert [message.files[0].name for message in slack.messages(place.channel)] == ["1.txt", "2.txt"]
    with pytest.raises(SlackApiError, match="file_not_found"):
        client.files_info(file=oldest["id"])
    theirs = slack.share_file(place.ines, place.channel, "mine.txt", b"a").files[0].id
    with pytest.raises(SlackApiError, match="cant_delete_file"):
        client.files_delete(file=theirs)


def test_what_a_person_shares_is_told() -> None:
    with listening_workspace() as slack:
        ada = slack.add_user("ada")
        where = slack.add_channel("lab", [ada])
        said = slack.share_file(ada, where, "plan.csv", b"a,b", text="Look")
        heard = event(slack, "message", subtype="file_share")
        assert (heard["text"], heard["files"][0]["name"]) == ("Look", "plan.csv")
        assert event(slack, "file_shared")["file_id"] == said.files[0].id
        with urllib.request.urlopen(heard["files"][0]["url_private_download"]) as answer:
            assert answer.read() == b"a,b"


def test_a_link_is_unfurled() -> None:
    with listening_workspace(unfurl_domains=["example.test"]) as slack:
        ada, client = slack.add_user("ada"), client_of(slack)
        where = slack.add_channel("lab", [ada])
        url = "https://wiki.example.test/page"
        slack.say(ada, where, f"see {url} and https://elsewhere.test/")
        told = event(slack, "link_shared")
        assert told["links"] == [{"domain": "wiki.example.test", "url": url}]
        block = {"type": "section", "text": {"type": "mrkdwn", "text": "A page"}}
        asked = {"channel": told["channel"], "ts": told["message_ts"]}
        client.chat_unfurl(**asked, unfurls={url: {"blocks": [block]}})
        (attachment,) = slack.messages(where)[-1].attachments
        assert (attachment["from_url"], attachment["blocks"][0]["text"]["text"]) == (url, "A page")
        client.chat_unfurl(unfurl_id=told["unfurl_id"], source=told["source"], unfurls={url: {"text": "Old"}})
        assert [each["text"] for each in slack.messages(where)[-1].attachments] == ["Old"]
        with pytest.raises(SlackApiError, match="cannot_unfurl_message"):
            client.chat_unfurl(**asked, unfurls={"https://x.test": {"text": "x"}})
        with pytest.raises(SlackApiError, match="cannot_find_message"):
            client.chat_unfurl(channel=where, ts="1.0", unfurls={url: {"text": "x"}})
