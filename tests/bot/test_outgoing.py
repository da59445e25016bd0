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
