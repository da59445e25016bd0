"""Steps, approvals and grants of a run and its lab."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from state import approvals, cards, labs, runs, steps
from state.database import Database
from state.records import Approval, Step
from state.transitions import RunState
from tests.state.examples import ADA, BEN, NOW, a_card, a_lab, a_run, all_at_once, keep_a_run

LATER = NOW + timedelta(minutes=1)


def an_approval(**changes: Any) -> Approval:
    given = {
        "id": "approval1",
        "run_id": "run1",
        "digest": "d1",
        "person": ADA,
        "role": "infra",
        "decision": "approve",
        "reason": "",
        "decided_at": NOW,
    }
    return Approval(**{**given, **changes})


def test_steps_come_in_their_order_with_their_times(database: Database) -> None:
    keep_a_run(database)
    cards.create(database, a_card(dirty=False))
    steps.start_all(database, "run1", {"test": "skipped", "provision": "waiting", "secure": "waiting"})
    steps.set(database, "run1", "provision", "running", NOW)
    steps.set(database, "run1", "provision", "done", LATER, "4 resources made")
    steps.set(database, "run1", "secure", "running", LATER)
    assert steps.of_run(database, "run1") == [
        Step("run1", "provision", "done", NOW, LATER, "4 resources made"),
        Step("run1", "secure", "running", LATER),
        Step("run1", "test", "skipped"),
    ]
    assert [card.id for card in cards.dirty(database)] == ["card1"]


def test_a_run_that_begins_again_begins_its_steps_again(database: Database) -> None:
    keep_a_run(database)
    steps.start_all(database, "run1", {"provision": "waiting"})
    steps.set(database, "run1", "provision", "failed", NOW, "no")
    steps.start_all(database, "run1", {"provision": "waiting"})
    assert steps.of_run(database, "run1") == [Step("run1", "provision", "waiting")]


def test_one_person_decides_once_on_one_digest(database: Database) -> None:
    keep_a_run(database)
    approvals.add(database, an_approval())
    with pytest.raises(approvals.AlreadyDecided) as raised:
        approvals.add(database, an_approval(id="approval2", role="security", decision="reject"))
    assert raised.value.approval == an_approval()
    approvals.add(database, an_approval(id="approval3", digest="d2"))
    approvals.add(database, an_approval(id="approval4", person=BEN, role="security"))
    assert [each.id for each in approvals.of_run(database, "run1", "d1")] == ["approval1", "approval4"]


def test_a_double_click_is_one_approval(database: Database) -> None:
    keep_a_run(database)
    answers = all_at_once(8, lambda index: approvals.add(database, an_approval(id=f"approval{index}")))
    assert answers.count(None) == 1
    assert sum(isinstance(answer, approvals.AlreadyDecided) for answer in answers) == 7


def test_a_void_approval_counts_no_longer_and_can_be_given_again(database: Database) -> None:
    keep_a_run(database)
    cards.create(database, a_card(dirty=False))
    approvals.add(database, an_approval())
    assert [card.revision for card in cards.dirty(database)] == [1]
    assert approvals.void(database, "approval1", LATER)
    assert not approvals.void(database, "approval1", LATER)
    assert approvals.of_run(database, "run1", "d1") == []
    approvals.add(database, an_approval(id="approval2"))
    assert approvals.history(database, "run1") == [an_approval(void_at=LATER), an_approval(id="approval2")]


def test_what_was_approved_and_is_not_applied_yet_is_found_by_its_person(database: Database) -> None:
    keep_a_run(database, state=RunState.PROPOSED)
    labs.create(database, a_lab(id="lab2", name="other"))
    runs.create(database, a_run(id="run2", lab_id="lab2", state=RunState.APPLYING))
    approvals.add(database, an_approval())
    approvals.add(database, an_approval(id="approval2", person=BEN))
    approvals.add(database, an_approval(id="approval3", run_id="run2"))
    assert [each.id for each in approvals.not_applied(database, ADA, NOW)] == ["approval1"]
    assert approvals.not_applied(database, ADA, NOW - timedelta(seconds=1)) == []
    approvals.void(database, "approval1", LATER)
    assert approvals.not_applied(database, ADA, NOW) == []
