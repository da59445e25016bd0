"""Messages of the outbox: their buttons, their threads, and where they go when their place is closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from state import outbox
from state.records import Button, OutboxMessage
from tests.fakes.slack import Killed
from tests.inn import ADMIN, CHANNEL, REQUESTER, Inn


def a_reminder(inn: Inn, **changes: object) -> OutboxMessage:
    told = OutboxMessage(
        id="reminder1",
        channel=CHANNEL,
        text="Nobody has used *demo* for 4 h.",
        due_at=inn.clock(),
        buttons=(Button("Extend 4h", "extend", "lab1:14400"), Button("Destroy now", "destroy_now", "lab1:x")),
        fallback=REQUESTER,
    )
    return replace(told, **changes)  # type: ignore[arg-type]


def test_a_message_has_buttons(inn: Inn) -> None:
    outbox.add(inn.database, a_reminder(inn))
    inn.works()
    (said,) = inn.slack.public(CHANNEL)
    assert said.text == "Nobody has used *demo* for 4 h."
    assert [each["text"]["text"] for each in said.blocks[1]["elements"]] == ["Extend 4h", "Destroy now"]


def test_it_goes_to_the_thread_of_another_message_once_that_is_there(inn: Inn) -> None:
    outbox.add(inn.database, a_reminder(inn, id="csv", thread_of="report", buttons=()))
    due_at = inn.clock() + timedelta(minutes=1)
    outbox.add(inn.database, a_reminder(inn, id="report", text="Last week: 14 labs.", due_at=due_at))
    inn.notifier.send_replies(inn.clock())
    assert inn.slack.public(CHANNEL) == []
    inn.clock.passes(minutes=1)
    inn.works()
    (report,) = inn.slack.public(CHANNEL)
    assert [each.text for each in inn.slack.thread(report.ts)] == ["Nobody has used *demo* for 4 h."]


@pytest.mark.parametrize("code", ["channel_not_found", "not_in_channel", "is_archived"])
def test_where_its_channel_is_closed_it_goes_to_whom_it_concerns(inn: Inn, code: str) -> None:
    inn.slack.closed[CHANNEL] = code
    outbox.add(inn.database, a_reminder(inn))
    inn.works()
    assert inn.told(REQUESTER) == "Nobody has used *demo* for 4 h."


def test_where_they_cannot_be_told_it_goes_to_the_admins(inn: Inn) -> None:
    inn.slack.closed[CHANNEL] = "is_archived"
    inn.slack.closed[inn.slack.direct_channel(REQUESTER.user)] = "channel_not_found"
    outbox.add(inn.database, a_reminder(inn))
    inn.works()
    assert inn.told(ADMIN) == "Nobody has used *demo* for 4 h."


def test_what_was_for_somebody_who_has_left_slack_goes_to_the_admins(inn: Inn) -> None:
    inn.slack.closed[REQUESTER.user] = "user_disabled"
    outbox.add(inn.database, a_reminder(inn, channel="", person=REQUESTER))
    inn.works()
    assert [said.text for said in inn.slack.private(ADMIN.user)] == ["Nobody has used *demo* for 4 h."]
    sent = outbox.get(inn.database, "reminder1")
    assert sent is not None
    assert sent.ts


@pytest.mark.parametrize("closed", [False, True])
def test_killed_between_sending_and_recording_it_is_sent_once(inn: Inn, closed: bool) -> None:
    if closed:
        inn.slack.refuse("chat.postMessage", "is_archived")
    outbox.add(inn.database, a_reminder(inn))
    inn.slack.kill_after("chat.postMessage")
    with pytest.raises(Killed):
        inn.notifier.send_replies(inn.clock())
    inn.kills()
    inn.clock.passes(10)
    inn.works()
    arrived = inn.slack.public(CHANNEL) + inn.slack.private(REQUESTER.user)
    assert len(arrived) == 1
    sent = outbox.get(inn.database, "reminder1")
    assert sent is not None
    assert sent.ts == arrived[0].ts
    assert sent.sent_at is not None


PNG = b"\x89PNG\r\n\x1a\npixels"


def a_report(inn: Inn) -> OutboxMessage:
    return a_reminder(
        inn,
        id="report",
        text="Last week: 14 labs.",
        buttons=(),
        fallback=None,
        picture=PNG,
        picture_alt="Cost last week",
    )


def test_a_picture_stands_below_the_text(inn: Inn) -> None:
    outbox.add(inn.database, a_report(inn))
    inn.works()
    (said,) = inn.slack.public(CHANNEL)
    assert said.text == "Last week: 14 labs."
    text, image = said.blocks
    assert text["text"]["text"] == "Last week: 14 labs."
    assert (image["type"], image["alt_text"]) == ("image", "Cost last week")
    assert inn.slack.files[image["slack_file"]["id"]] == PNG


def test_a_picture_that_is_not_ready_is_waited_for_and_not_uploaded_again(inn: Inn) -> None:
    inn.slack.refuse("chat.postMessage", "invalid_blocks", times=2)
    outbox.add(inn.database, a_report(inn))
    inn.works()
    (said,) = inn.slack.public(CHANNEL)
    assert [each["type"] for each in said.blocks] == ["section", "image"]
    assert len(inn.slack.files) == 1


def test_a_picture_that_slack_never_shows_goes_into_the_thread(inn: Inn) -> None:
    inn.slack.refuse("chat.postMessage", "invalid_blocks", times=3)
    outbox.add(inn.database, a_report(inn))
    inn.works()
    (said,) = inn.slack.public(CHANNEL)
    assert (said.text, said.blocks) == ("Last week: 14 labs.", [])
    assert [each.file for each in inn.slack.thread(said.ts)] == ["picture.png"]


def test_where_files_are_not_allowed_there_is_no_picture(inn: Inn) -> None:
    inn.slack.refuse("files.upload", "missing_scope", times=9)
    outbox.add(inn.database, a_report(inn))
    inn.works()
    (said,) = inn.slack.public(CHANNEL)
    assert said.text == "Last week: 14 labs."
    assert inn.slack.thread(said.ts) == []


def test_a_report_whose_answer_is_lost_is_sent_once(inn: Inn) -> None:
    inn.slack.lose_answer("chat.postMessage")
    outbox.add(inn.database, a_report(inn))
    inn.works()
    assert len(inn.slack.public(CHANNEL)) == 1


def test_killed_as_the_picture_is_uploaded_it_is_sent_once(inn: Inn) -> None:
    inn.slack.kill_after("files.upload")
    outbox.add(inn.database, a_report(inn))
    with pytest.raises(Killed):
        inn.works()
    inn.kills()
    inn.clock.passes(seconds=5)
    inn.works()
    (said,) = inn.slack.public(CHANNEL)
    assert [each["type"] for each in said.blocks] == ["section", "image"]
