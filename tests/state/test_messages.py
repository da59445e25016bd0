"""Inbox, cards and outbox: recorded once, shown as it is, sent once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from state import cards, inbox, outbox
from state.database import Database
from tests.state.examples import ADA, NOW, a_card, a_message, a_request, all_at_once, keep_a_run

LATER = NOW + timedelta(minutes=1)


def test_a_request_that_is_delivered_again_is_one_request(database: Database) -> None:
    assert inbox.record(database, a_request())
    assert not inbox.record(database, a_request(payload={"text": "something else"}))
    assert inbox.pending(database) == [a_request()]


def test_sixteen_deliveries_at_once_are_one_request(database: Database) -> None:
    recorded = all_at_once(16, lambda _: inbox.record(database, a_request()))
    assert sorted(recorded) == [False] * 15 + [True]


def test_what_was_not_finished_is_still_to_do_with_its_attempts(database: Database) -> None:
    for name in ("first", "second"):
        inbox.record(database, a_request(id=name))
    assert inbox.take(database, a_request(id="second"), "host:1:1")
    assert inbox.finish(database, "first", LATER, "demo is on its way.")
    assert not inbox.finish(database, "first", LATER, "demo is on its way again.")
    assert inbox.pending(database) == [a_request(id="second", attempts=1, taken_by="host:1:1")]
    assert inbox.get(database, "first") == a_request(id="first", done_at=LATER, answer="demo is on its way.")


def test_of_many_who_take_a_request_one_has_it(database: Database) -> None:
    inbox.record(database, a_request())
    taken = all_at_once(16, lambda number: inbox.take(database, a_request(), f"host:{number}:1"))
    (entry,) = inbox.pending(database)
    assert [each for each in taken if each is not None] == [entry]
    again = inbox.take(database, entry, "host:99:1")
    assert again == replace(entry, attempts=2, taken_by="host:99:1")
    inbox.finish(database, entry.id, LATER, "")
    assert inbox.take(database, again, "host:99:1") is None


def test_only_what_was_answered_long_ago_is_forgotten(database: Database) -> None:
    for name in ("old", "new", "open"):
        inbox.record(database, a_request(id=name))
    inbox.finish(database, "old", NOW, "")
    inbox.finish(database, "new", LATER, "")
    assert inbox.forget(database, LATER) == 1
    assert inbox.get(database, "old") is None
    assert [entry.id for entry in inbox.pending(database)] == ["open"]


def test_a_run_has_one_card(database: Database) -> None:
    keep_a_run(database)
    assert cards.create(database, a_card())
    assert not cards.create(database, a_card(id="card2", channel="C2"))
    assert cards.of_run(database, "run1") == a_card()
    assert cards.dirty(database) == [a_card()]


def test_a_card_is_clean_when_it_shows_the_newest(database: Database) -> None:
    keep_a_run(database)
    cards.create(database, a_card())
    assert cards.begin_posting(database, a_card(), NOW)
    assert cards.of_run(database, "run1") == a_card(posting_at=NOW)
    cards.posted(database, "card1", "17.5", "digest1", LATER, revision=0)
    shown = a_card(posting_at=NOW, ts="17.5", rendered_digest="digest1", updated_at=LATER, dirty=False)
    assert cards.of_run(database, "run1") == shown
    assert cards.dirty(database) == []


def test_of_two_who_begin_to_post_a_card_or_to_send_a_message_one_does(database: Database) -> None:
    keep_a_run(database)
    cards.create(database, a_card())
    assert cards.begin_posting(database, a_card(), NOW)
    assert not cards.begin_posting(database, a_card(), LATER)
    assert cards.begin_posting(database, a_card(posting_at=NOW), LATER)
    outbox.add(database, a_message())
    assert outbox.begin(database, a_message(), NOW)
    assert not outbox.begin(database, a_message(), LATER)


def test_a_change_during_the_rendering_is_not_taken_for_shown(database: Database) -> None:
    keep_a_run(database)
    cards.create(database, a_card(ts="17.5"))
    (card,) = cards.dirty(database)
    cards.mark_dirty(database, "run1")
    cards.posted(database, "card1", "17.5", "digest1", LATER, card.revision)
    (card,) = cards.dirty(database)
    cards.posted(database, "card1", "17.5", "digest2", LATER, card.revision)
    assert cards.dirty(database) == []
    card_now = cards.of_run(database, "run1")
    assert card_now is not None
    assert (card_now.ts, card_now.rendered_digest) == ("17.5", "digest2")


def test_a_message_is_due_in_its_time_and_sent_once(database: Database) -> None:
    message = a_message(person=ADA, file_name="plan.txt", body="+ web")
    assert outbox.add(database, message)
    assert not outbox.add(database, message)
    assert outbox.due(database, NOW - timedelta(seconds=1)) == []
    assert outbox.due(database, NOW) == [message]
    assert outbox.begin(database, message, NOW)
    outbox.sent(database, "message1", LATER)
    assert outbox.due(database, LATER) == []
    assert not outbox.begin(database, replace(message, attempts=1), LATER)


def test_a_message_begun_and_not_finished_is_due_and_says_so(database: Database) -> None:
    outbox.add(database, a_message())
    outbox.begin(database, a_message(), NOW)
    assert outbox.due(database, NOW) == [a_message(sending_at=NOW, attempts=1)]


def test_a_postponed_message_waits(database: Database) -> None:
    outbox.add(database, a_message())
    outbox.begin(database, a_message(), NOW)
    outbox.postpone(database, "message1", LATER)
    assert outbox.due(database, NOW) == []
    assert outbox.due(database, LATER) == [a_message(due_at=LATER, attempts=1)]
