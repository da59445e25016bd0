"""What is sent, in which order, how often, and what becomes of it when Slack or the process fails."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from bot.notifier import Notifier
from bot.views.message import Message
from commands.authorise import Standing
from commands.offers import NOTHING
from state import cards, inbox, outbox, runs
from state.records import OutboxMessage
from state.transitions import RunState
from tests.fakes.slack import Killed
from tests.inn import BLUEPRINTS, CHANNEL, INFRA, REQUESTER, SECURITY, STRANGER, Inn

SAID = Message("hello", [])


def queued(inn: Inn, name: str = "demo") -> None:
    """A run that is queued, with a card that was not posted yet."""
    inn.intake.work(inn.command(REQUESTER, f"/lab up web {name}"), inn.clock())


def test_one_card_a_run_edited_in_place(inn: Inn) -> None:
    queued(inn)
    inn.notifier.send_cards(inn.clock())
    first = inn.newest_card()
    assert first.text.startswith("demo: queued")
    inn.works()
    assert inn.cards() == [inn.card(first)]
    assert inn.card(first).text.startswith("demo: proposed")
    assert first.said.metadata == {
        "event_type": "innkeeper_card",
        "event_payload": {"id": cards.of_run(inn.database, inn.run().id).id},  # type: ignore[union-attr]
    }


def test_one_edit_a_second_a_message(inn: Inn) -> None:
    queued(inn)
    inn.works()
    for done in range(1, 20):
        runs.update(inn.database, inn.run().id, resources_done=done, sentence=f"step {done}")
        inn.notifier.send_cards(inn.clock())
        inn.clock.passes(0.1)
    edits = [call.at for call in inn.slack.calls_of("chat.update")]
    assert len(edits) <= 4
    assert all(later - sooner >= timedelta(seconds=1) for sooner, later in pairwise(edits))
    inn.works()
    assert "step 19" in inn.newest_card().all


def test_one_edit_a_second_also_after_one_for_which_slack_took_its_time(inn: Inn) -> None:
    queued(inn)
    inn.works()
    inn.slack.meanwhile("chat.update", lambda: inn.clock.passes(5))
    for sentence in ("one", "two"):
        runs.update(inn.database, inn.run().id, sentence=sentence)
        _, again = inn.notifier.send_cards(inn.clock())
    assert "one" in inn.newest_card().all
    assert again == inn.clock() + timedelta(seconds=1)
    inn.clock.passes(1)
    inn.notifier.send_cards(inn.clock())
    assert "two" in inn.newest_card().all


def test_a_plan_is_shown_at_once_without_a_word_of_its_beginning(inn: Inn) -> None:
    queued(inn)
    inn.notifier.send_cards(inn.clock())
    run = inn.run()
    runs.move(inn.database, run.id, RunState.QUEUED, RunState.PLANNING, inn.clock())
    inn.notifier.send_cards(inn.clock())
    assert inn.newest_card().text.startswith("demo: queued")
    runs.move(inn.database, run.id, RunState.PLANNING, RunState.PROPOSED, inn.clock())
    inn.notifier.send_cards(inn.clock())
    assert inn.newest_card().text.startswith("demo: proposed")


def test_a_plan_that_takes_long_is_shown_to_have_begun(inn: Inn) -> None:
    queued(inn)
    inn.notifier.send_cards(inn.clock())
    runs.move(inn.database, inn.run().id, RunState.QUEUED, RunState.PLANNING, inn.clock())
    _, again = inn.notifier.send_cards(inn.clock())
    assert again == inn.clock() + timedelta(seconds=2)
    inn.clock.passes(2)
    inn.notifier.send_cards(inn.clock())
    assert inn.newest_card().text.startswith("demo: planning")


def test_a_clock_that_is_set_back_stops_no_card(inn: Inn) -> None:
    queued(inn)
    inn.works()
    runs.update(inn.database, inn.run().id, sentence="one")
    inn.notifier.send_cards(inn.clock())
    inn.clock.passes(hours=-1)
    runs.update(inn.database, inn.run().id, sentence="two")
    inn.notifier.send_cards(inn.clock())
    assert "two" in inn.newest_card().all


def test_what_did_not_change_is_not_sent(inn: Inn) -> None:
    queued(inn)
    inn.works()
    before = len(inn.slack.calls)
    cards.mark_dirty(inn.database, inn.run().id)
    inn.works()
    assert len(inn.slack.calls) == before


def test_retry_after_is_obeyed_for_that_method_and_channel_alone(inn: Inn) -> None:
    queued(inn)
    began = inn.clock()
    inn.slack.rate_limit("chat.postMessage", 30)
    said, again = inn.notifier.send_cards(inn.clock())
    assert (said, again) == ("showed 0 cards", began + timedelta(seconds=30))
    inn.clock.passes(29)
    inn.notifier.send_cards(inn.clock())
    assert len(inn.slack.calls_of("chat.postMessage")) == 1
    inn.intake.work(inn.command(REQUESTER, "/lab up web other", channel="C2"), inn.clock())
    inn.notifier.send_cards(inn.clock())
    assert inn.cards("C2")[0].text.startswith("other: queued")
    assert inn.cards() == []
    inn.clock.passes(2)
    inn.notifier.send_cards(inn.clock())
    assert inn.newest_card().text.startswith("demo: queued")


def test_a_card_that_was_posted_and_not_recorded_is_found_again(inn: Inn) -> None:
    queued(inn)
    inn.slack.kill_after("chat.postMessage")
    with pytest.raises(Killed):
        inn.notifier.send_cards(inn.clock())
    inn.clock.passes(minutes=5)
    inn.kills()
    inn.works()
    assert len(inn.cards()) == 1
    assert inn.newest_card().text.startswith("demo: proposed")
    inn.is_tidy()


def test_a_card_whose_answer_was_lost_is_not_posted_twice(inn: Inn) -> None:
    queued(inn)
    inn.slack.lose_answer("chat.postMessage")
    inn.works()
    assert len(inn.cards()) == 1
    inn.is_tidy()


def test_a_card_that_did_not_arrive_is_posted_again(inn: Inn) -> None:
    queued(inn)
    card = cards.of_run(inn.database, inn.run().id)
    assert card is not None
    cards.begin_posting(inn.database, card, inn.clock())
    inn.kills()
    inn.works()
    assert len(inn.cards()) == 1


def test_two_processes_post_one_card_and_send_each_reply_once(inn: Inn) -> None:
    """The other one reads what is to do while the first one's message is on its way."""
    queued(inn)
    other = Notifier(inn.slack, inn.database, inn.clock, lambda roles: [], lambda lab: NOTHING)  # type: ignore[arg-type]
    inn.slack.meanwhile("chat.postMessage", lambda: other.send_cards(inn.clock()))
    inn.notifier.send_cards(inn.clock())
    inn.worker.plan_once(inn.clock())
    inn.slack.meanwhile("files.upload", lambda: other.send_replies(inn.clock()))
    inn.notifier.send_replies(inn.clock())
    inn.works()
    assert len(inn.cards()) == 1
    assert inn.replies(inn.newest_card()).count("plan.txt") == 1
    inn.is_tidy()


def test_a_card_that_somebody_deleted_comes_back(inn: Inn) -> None:
    queued(inn)
    inn.works()
    inn.slack.delete(inn.newest_card().said.ts)
    runs.update(inn.database, inn.run().id, sentence="news")
    inn.works()
    assert "news" in inn.newest_card().all
    assert len(inn.cards()) == 1


@pytest.mark.parametrize("code", ["channel_not_found", "not_in_channel", "is_archived", "restricted_action"])
def test_a_closed_channel_means_a_direct_message(inn: Inn, code: str) -> None:
    inn.slack.closed[CHANNEL] = code
    queued(inn)
    inn.works()
    mine = inn.slack.direct_channel(REQUESTER.user)
    (card,) = inn.cards(mine)
    assert card.text.startswith("demo: proposed")
    assert inn.replies(card)[0] == "plan.txt"
    inn.is_tidy()


def test_a_direct_card_that_was_not_recorded_is_found_again(inn: Inn) -> None:
    inn.slack.closed[CHANNEL] = "restricted_action"
    queued(inn)
    inn.slack.kill_after("conversations.open")
    with pytest.raises(Killed):
        inn.notifier.send_cards(inn.clock())
    inn.slack.lose_answer("chat.postMessage")
    inn.slack.lose_answer("chat.postMessage")
    inn.kills()
    inn.works()
    assert len(inn.cards(inn.slack.direct_channel(REQUESTER.user))) == 1


def test_a_channel_that_was_archived_meanwhile(inn: Inn) -> None:
    queued(inn)
    inn.works()
    card = inn.newest_card()
    inn.slack.closed[CHANNEL] = "is_archived"
    inn.intake.work(inn.click(INFRA, card, "Approve"), inn.clock())
    inn.intake.work(inn.click(SECURITY, card, "Approve"), inn.clock())
    inn.works()
    (moved,) = inn.cards(inn.slack.direct_channel(REQUESTER.user))
    assert moved.text.startswith("demo: applied")
    assert inn.replies(moved)[-1].startswith("<@U1> *demo* is ready.")
    inn.is_tidy()


def test_a_card_that_slack_does_not_take_is_tried_again_later(inn: Inn) -> None:
    queued(inn)
    inn.slack.refuse("chat.postMessage", "invalid_blocks")
    assert inn.notifier.send_cards(inn.clock())[0] == "showed 0 cards"
    assert inn.notifier.send_cards(inn.clock())[0] == "showed 0 cards"
    assert len(inn.slack.calls_of("chat.postMessage")) == 1
    inn.clock.passes(minutes=1)
    assert inn.notifier.send_cards(inn.clock())[0] == "showed 1 cards"


def test_one_card_that_is_not_taken_does_not_stop_the_others(inn: Inn) -> None:
    queued(inn, "first")
    queued(inn, "second")
    inn.slack.refuse("chat.postMessage", "invalid_blocks")
    inn.notifier.send_cards(inn.clock())
    assert inn.newest_card().text.startswith("second: queued")


# Replies


def test_replies_are_sent_once(inn: Inn) -> None:
    inn.has("demo")
    before = inn.replies(inn.newest_card())
    for _ in range(3):
        cards.mark_dirty(inn.database, inn.run().id)
        inn.kills()
        inn.works()
    assert inn.replies(inn.newest_card()) == before
    assert len(before) == 3


@pytest.mark.parametrize("method", ["chat.postMessage", "files.upload"])
def test_a_reply_that_was_sent_and_not_recorded_is_not_sent_twice(inn: Inn, method: str) -> None:
    queued(inn)
    inn.worker.plan_once(inn.clock())
    inn.notifier.send_cards(inn.clock())
    inn.slack.kill_after(method)
    with pytest.raises(Killed):
        inn.notifier.send_replies(inn.clock())
    inn.kills()
    inn.slack.rate_limit("conversations.replies", 20)
    inn.works()
    replies = inn.replies(inn.newest_card())
    assert replies.count("plan.txt") == 1
    assert len(replies) == 2
    inn.is_tidy()


def test_a_reply_whose_answer_was_lost_is_not_sent_twice(inn: Inn) -> None:
    queued(inn)
    inn.slack.lose_answer("files.upload")
    inn.works()
    assert inn.replies(inn.newest_card()).count("plan.txt") == 1


def test_a_process_that_dies_as_the_end_is_shown_still_replies(inn: Inn) -> None:
    inn.terraform.holding = True
    card = inn.has("demo")
    inn.terraform.holding = False
    inn.terraform.finish(inn.terraform.work(inn.run().id))
    inn.follows()
    inn.slack.kill_after("chat.update")
    inn.clock.passes(2)
    with pytest.raises(Killed):
        inn.notifier.send_cards(inn.clock())
    inn.kills()
    inn.works()
    assert inn.card(card).text.startswith("demo: applied")
    assert inn.replies(card)[-1].startswith("<@U1> *demo* is ready.")


def test_replies_wait_for_their_card(inn: Inn) -> None:
    queued(inn)
    inn.worker.plan_once(inn.clock())
    assert inn.notifier.send_replies(inn.clock())[0] == "sent 0 replies"
    inn.works()
    assert sorted(inn.replies(inn.newest_card()))[1] == "plan.txt"


def test_where_files_are_not_taken_the_beginning_is_told(inn: Inn) -> None:
    inn.slack.refuse("files.upload", "file_uploads_disabled")
    queued(inn)
    inn.works()
    assert inn.replies(inn.newest_card())[0].endswith("```+ terraform_data.a\n\n+ terraform_data.b```")


def test_what_is_told_of_a_file_pings_nobody(inn: Inn) -> None:
    inn.terraform.resources = ('terraform_data.a["<!channel> & <@U1>"]',)
    inn.slack.refuse("files.upload", "file_uploads_disabled")
    queued(inn)
    inn.works()
    told = inn.replies(inn.newest_card())[0]
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in told
    assert "<" not in told


@pytest.mark.parametrize("method", ["chat.postMessage", "files.upload"])
def test_a_fault_in_one_message_does_not_hide_the_others(inn: Inn, method: str) -> None:
    queued(inn, "first")
    queued(inn, "second")
    inn.worker.plan_once(inn.clock())
    inn.worker.plan_once(inn.clock())
    inn.slack.break_in(method)
    for _ in range(2):
        inn.notifier.send_cards(inn.clock())
        inn.notifier.send_replies(inn.clock())
    assert any(each.text.startswith("second: proposed") for each in inn.cards())
    assert "plan.txt" in [said.file for said in inn.slack.messages]
    inn.clock.passes(minutes=1)
    inn.works()
    assert [inn.replies(each).count("plan.txt") for each in inn.cards()] == [1, 1]


def test_a_direct_message(inn: Inn) -> None:
    note = OutboxMessage(id="m1", channel="", text="hello", due_at=inn.clock(), person=REQUESTER)
    outbox.add(inn.database, note)
    later = inn.clock() + timedelta(hours=1)
    outbox.add(inn.database, OutboxMessage(id="m2", channel="", text="later", due_at=later, person=REQUESTER))
    inn.works()
    assert inn.told(REQUESTER) == "hello"
    inn.clock.passes(hours=1)
    inn.works()
    assert inn.told(REQUESTER) == "later"


def test_a_reply_that_slack_never_takes_is_given_up(inn: Inn) -> None:
    note = OutboxMessage(id="m1", channel="C9", text="hello", due_at=inn.clock())
    outbox.add(inn.database, note)
    inn.slack.closed["C9"] = "channel_not_found"
    for _ in range(20):
        inn.notifier.send_replies(inn.clock())
        inn.clock.passes(10)
    assert len(inn.slack.calls_of("chat.postMessage")) == 8
    inn.is_tidy()


def test_nobody_is_pinged_when_vault_is_away(inn: Inn) -> None:
    queued(inn)
    inn.worker.plan_once(inn.clock())
    inn.vault.state = "away"
    inn.works()
    assert inn.replies(inn.newest_card())[-1] == (
        "*infra* and *security*: *demo* needs your approval (2 to add, nothing to change or destroy)."
    )


# Private answers


def test_an_answer_goes_where_it_was_asked(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab list")
    (answer,) = inn.slack.private(REQUESTER.user)
    assert (answer.channel, answer.only) == (CHANNEL, REQUESTER.user)
    assert inn.slack.calls_of("chat.postEphemeral") == []


def test_a_response_url_that_is_used_up_means_an_ephemeral_message(inn: Inn) -> None:
    entry = inn.command(REQUESTER, "/lab list")
    for _ in range(5):
        inn.notifier.answer(entry, SAID)
    assert inn.slack.calls_of("chat.postEphemeral") == []
    inn.notifier.answer(entry, SAID)
    assert len(inn.slack.calls_of("chat.postEphemeral")) == 1
    inn.slack.closed[CHANNEL] = "not_in_channel"
    inn.notifier.answer(entry, SAID)
    assert inn.slack.private(REQUESTER.user)[-1].channel == inn.slack.direct_channel(REQUESTER.user)


def test_a_response_url_that_is_too_old(inn: Inn) -> None:
    entry = inn.command(REQUESTER, "/lab list")
    inn.clock.passes(minutes=31)
    inn.notifier.answer(entry, SAID)
    assert len(inn.slack.calls_of("chat.postEphemeral")) == 1


def test_an_answer_that_slack_takes_nowhere(inn: Inn) -> None:
    entry = inn.command(REQUESTER, "/lab list")
    inn.slack.refuse("response_url", "500")
    inn.slack.closed |= {CHANNEL: "not_in_channel", REQUESTER.user: "user_disabled"}
    inn.asks(entry)
    assert inn.slack.private(REQUESTER.user) == []
    assert inbox.pending(inn.database) == []


def test_a_bot_that_cannot_be_answered_is_refused_once(inn: Inn) -> None:
    inn.standings[STRANGER] = Standing(STRANGER, "robot", is_bot=True)
    inn.slack.closed |= {CHANNEL: "user_not_in_channel", STRANGER.user: "cannot_dm_bot"}
    inn.mentions(STRANGER, "up web demo")
    inn.clock.passes(minutes=2)
    assert inn.intake.resume(inn.clock()) == "took up 0 requests again"
    assert [each[0] for each in inn.audited("refused")] == [STRANGER.key]


def test_a_log_whose_file_reaches_nobody_is_told_all_the_same(inn: Inn) -> None:
    queued(inn)
    inn.works()
    inn.slack.closed[REQUESTER.user] = "cannot_dm_bot"
    asked = inn.says(REQUESTER, "/lab logs demo")
    assert asked.did == "done"
    assert inn.told(REQUESTER).startswith("The last lines of the run")


def test_a_mention_is_answered_in_its_thread(inn: Inn) -> None:
    card = inn.has("demo")
    inn.mentions(REQUESTER, "show demo", thread_ts=card.said.ts)
    (answer,) = [each for each in inn.slack.messages if each.only == REQUESTER.user and each.thread_ts]
    assert answer.thread_ts == card.said.ts
    assert answer.text.startswith("*demo* · web · applied")


def test_a_mention_opens_no_form_and_says_what_does(inn: Inn) -> None:
    inn.offers("form", BLUEPRINTS["form"])
    for typed, command in (
        ("up", "/lab up"),
        ("up form demo", "/lab up form demo"),
        ("key enroll", "/key enroll"),
    ):
        inn.mentions(REQUESTER, typed)
        said = inn.private(REQUESTER).all
        assert said.startswith("That needs a form, and Slack lets a mention open none. Ask with the command.")
        assert f"`{command}`" in said
    assert inn.cards() == []


def test_a_form_that_did_not_open_in_time(inn: Inn) -> None:
    entry = inn.command(REQUESTER, "/lab up form demo")
    inn.clock.passes(4)
    inn.asks(entry)
    assert (
        inn.told(REQUESTER) == "Slack did not open the form in time. Nothing has happened: ask for it again."
    )
    assert inn.cards() == []


def test_nobody_is_called_for_a_plan_that_its_requester_may_approve_alone(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up open demo").card()
    assert inn.replies(card) == ["plan.txt"]
    inn.clicks(REQUESTER, card, "Approve")
    assert inn.replies(card)[-1].startswith("<@U1> *demo* is ready.")
    other = inn.says(REQUESTER, "/lab up solo other").card()  # infra people say the word, which they are not
    assert inn.replies(other)[-1].startswith("<@U3> <@U4> <@U6> *other* needs your approval")


def test_who_waits_hears_what_somebody_else_has_ended(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.clicks(INFRA, card, "Reject")
    inn.submits(INFRA, reason="ssh is open to the world")
    assert inn.replies(card)[-1] == (
        "<@U1> <@U3> rejected the plan of *demo*: ssh is open to the world\nPress `Re-plan` on its card to ask again."
    )
    card = inn.says(REQUESTER, "/lab up web other").card()
    inn.says(INFRA, "/lab cancel other")
    assert inn.replies(card)[-1].startswith("<@U1> *other* was stopped. Cancelled by <@U3>.")
    card = inn.says(REQUESTER, "/lab up web third").card()
    inn.says(REQUESTER, "/lab cancel third")
    assert "needs your approval" in inn.replies(card)[-1]  # they know what they did
    card = inn.says(REQUESTER, "/lab up web fourth").card()
    inn.clock.passes(hours=24)
    inn.sweeps()
    inn.works()
    assert inn.replies(card)[-1].startswith("<@U1> Nobody approved the plan of *fourth* in time.")


def test_reviewers_are_called_below_the_whole_plan(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert [reply.partition(" ")[0] for reply in inn.replies(card)] == ["plan.txt", "<@U3>"]


def test_where_the_whole_plan_takes_its_time_they_are_called_without_it(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.database.execute("DELETE FROM outbox")  # as it is while Terraform still tells the details
    cards.mark_dirty(inn.database, inn.run().id)
    inn.notifier.send_cards(inn.clock())
    assert outbox.due(inn.database, inn.clock()) == []
    inn.clock.passes(seconds=0.5)
    (call,) = outbox.due(inn.database, inn.clock())
    assert "needs your approval" in call.text
