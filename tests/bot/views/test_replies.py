from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from bot.views import replies
from commands.costs.spent import Bill
from state.checks import CheckResult
from state.records import Approval, Counts
from state.transitions import RunState
from tests.bot.views.reading import check_mrkdwn, hostile
from tests.state.examples import ADA, BEN, NOW, a_lab, a_run


def test_those_who_must_approve_are_called() -> None:
    run = a_run(counts=Counts(add=2))
    assert replies.needs_approval(run, a_lab(), {"infra": 1, "security": 1}, [ADA, BEN]) == (
        "<@U1> <@U2> *demo* needs your approval for *infra* and *security* "
        "(2 to add, nothing to change or destroy)."
    )
    assert replies.needs_approval(run, a_lab(), {"infra": 2}).startswith(
        "*infra* (2 people): *demo* needs your approval"
    )


def test_the_requester_hears_that_it_is_ready() -> None:
    assert replies.ready(a_run(), a_lab()) == "<@U1> *demo* is ready."
    assert "It expires <!date^" in replies.ready(a_run(), a_lab(expires_at=NOW))


def test_the_requester_hears_how_it_was_found_from_outside() -> None:
    found = [CheckResult("run1", place, "tcp a:1", "passed", "open", 1, NOW) for place in range(5)]
    assert replies.ready(a_run(), a_lab(), found) == "<@U1> *demo* is ready. 5 of 5 checks passed."
    assert replies.ready(a_run(), a_lab(), found[:1]) == "<@U1> *demo* is ready. 1 of 1 check passed."


def test_the_requester_hears_that_it_is_gone() -> None:
    run = a_run(kind="destroy", resources_done=4, ended_at=NOW + timedelta(hours=8))
    assert replies.gone(run, a_lab(applied_at=NOW), Bill(16.0)) == (
        "<@U1> *demo* is gone: 4 resources destroyed, nothing left behind. It lived 8 h and cost $0.16."
    )
    assert "nothing left behind. Its keys and credentials have ended. It lived 8 h" in replies.gone(
        run, a_lab(applied_at=NOW), Bill(16.0), had_keys=True
    )
    assert replies.gone(run, a_lab(applied_at=NOW), Bill(16.0, 32.0)).endswith(
        " It lived 8 h and cost $0.16. That it was destroyed by itself saved about $0.32."
    )


def test_the_requester_hears_what_others_or_time_have_ended() -> None:
    no = Approval("a1", "run1", "d1", BEN, "infra", "reject", "ssh is open", NOW)
    rejected = a_run(state=RunState.REJECTED)
    assert replies.ended_by(rejected, a_lab(), [no]) == (
        "<@U1> <@U2> rejected the plan of *demo*: ssh is open\nPress `Re-plan` on its card to ask again."
    )
    assert replies.ended_by(rejected, a_lab(), [replace(no, person=ADA)]) == ""
    assert replies.ended_by(a_run(state=RunState.EXPIRED), a_lab(), []).startswith(
        "<@U1> Nobody approved the plan of *demo* in time."
    )
    stopped = a_run(state=RunState.CANCELLED, cancelled_by=BEN, sentence="Stopped by <@U2>.")
    assert replies.ended_by(stopped, a_lab(), []) == "<@U1> *demo* was stopped. Stopped by <@U2>."
    assert replies.ended_by(replace(stopped, cancelled_by=ADA), a_lab(), []) == ""
    assert replies.ended_by(a_run(state=RunState.SUPERSEDED), a_lab(), []) == ""


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        ("failed", "apply", "did not come up"),
        ("failed", "destroy", "could not be destroyed"),
        ("stale", "apply", "was not applied"),
    ],
)
def test_the_requester_hears_what_went_wrong_and_what_to_do(state: str, kind: Any, said: str) -> None:
    told = replies.failed(a_run(state=RunState(state), kind=kind, sentence="No such size."), a_lab())
    assert told == (
        f"<@U1> *demo* {said}. No such size.\nPress `Re-plan` on its card, or read `/lab logs run1`."
    )


def test_what_its_lifetime_could_not_destroy_is_tried_again_without_anybody() -> None:
    run = a_run(state=RunState.FAILED, kind="destroy", cause="lifetime", sentence="The cloud is away.")
    assert replies.failed(run, a_lab()) == (
        "<@U1> *demo* could not be destroyed. The cloud is away.\n"
        "I try again by myself, and its card says when. `/lab logs run1` has all that Terraform said."
    )


def test_the_requester_hears_of_an_interruption() -> None:
    run = a_run(resources_done=2, resources_total=4)
    assert replies.interrupted(run, a_lab()) == (
        "<@U1> *demo* was interrupted. The machine that applied it stopped, with 2 of 4 resources done."
    )


@given(hostile, hostile)
def test_no_reply_pings_anybody_else(name: str, sentence: str) -> None:
    lab, run = a_lab(name=name), a_run(sentence=sentence)
    for told in (
        replies.failed(run, lab),
        replies.interrupted(run, lab),
        replies.ready(run, lab),
        replies.gone(run, lab, Bill(100, 100)),
        replies.needs_approval(run, lab, {name: 1}, [BEN]),
    ):
        assert len(told) <= 3000
        check_mrkdwn(told)
