"""Runs: along the edges of the table and no others, one step for one caller."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from state import cards, labs, runs
from state.database import Database
from state.records import BranchCommit, Counts, Finding, PlannedChange, Run, Verdict
from state.transitions import ALIVE, ENDED, TRANSITIONS, IllegalTransition, RunState
from tests.state.examples import BEN, NOW, a_card, a_lab, a_run, all_at_once, keep_a_run

EDGES = [(before, after) for before, following in TRANSITIONS.items() for after in sorted(following)]
NO_EDGES = sorted(set(itertools.product(RunState, RunState)) - set(EDGES))


def test_a_run_comes_back_as_it_was_kept(database: Database) -> None:
    labs.create(database, a_lab())
    run = a_run(
        plan=b"\x00PK",
        self_approval=True,
        counts=Counts(1, 2, 3),
        changes=(PlannedChange("web[0]", "create"), PlannedChange("web[1]", "delete")),
        warnings=("ssh is open",),
        branch="anna/larger",
        branch_commit=BranchCommit("Anna", NOW, ("web/main.tf +1 −0",), 1, ("its cost",)),
        verdict=Verdict((Finding("one", "no", True, "a.b", "main.tf", 3),), (Finding("two", "well"),), 11),
        outputs={"port": 443, "password": "(sensitive)"},
        cancelled_by=BEN,
        serial=2**40,
        heartbeat_at=NOW,
    )
    runs.create(database, run)
    assert runs.get(database, "run1") == run
    assert runs.get(database, "run2") is None


def test_what_may_have_made_something_last(database: Database) -> None:
    labs.create(database, a_lab())
    for number, (kind, began_at) in enumerate(
        (("apply", NOW), ("apply", NOW), ("apply", None), ("destroy", NOW))
    ):
        runs.create(
            database, a_run(id=f"run{number}", kind=kind, applying_at=began_at, state=RunState.FAILED)
        )
    found = runs.last_begun(database, "lab1")
    assert found is not None
    assert found.id == "run1"
    assert runs.last_begun(database, "lab2") is None


@pytest.mark.parametrize(("before", "after"), EDGES, ids=lambda state: str(state))
def test_each_edge_of_the_table_can_be_taken_once(
    sqlite_database: Database, before: RunState, after: RunState
) -> None:
    keep_a_run(sqlite_database, before, token_sha256="aa", worker="host:1")
    later = NOW + timedelta(minutes=1)
    assert runs.move(sqlite_database, "run1", before, after, later, sentence="because")
    assert not runs.move(sqlite_database, "run1", before, after, later, sentence="again")
    run = runs.get(sqlite_database, "run1")
    assert run is not None
    assert (run.state, run.sentence) == (after, "because")
    assert run.ended_at == (later if after in ENDED else None)
    assert run.token_sha256 == (None if after in ENDED or after in ("queued", "proposed") else "aa")
    assert run.worker == (None if after == "queued" else "host:1")


def test_no_other_edge_can_be_taken(sqlite_database: Database) -> None:
    kept = keep_a_run(sqlite_database)
    for before, after in NO_EDGES:
        with pytest.raises(IllegalTransition, match=f"{before} cannot become {after}"):
            runs.move(sqlite_database, "run1", before, after, NOW)
    assert runs.get(sqlite_database, "run1") == kept


def test_moving_sets_columns_and_dirties_the_card_and_wakes(database: Database) -> None:
    keep_a_run(database, RunState.PLANNING)
    cards.create(database, a_card(dirty=False))
    before = database.rung("runs"), database.rung("cards")
    runs.move(database, "run1", RunState.PLANNING, RunState.PROPOSED, NOW, digest="d1", counts=Counts(4))
    run = runs.get(database, "run1")
    assert run is not None
    assert (run.digest, run.counts) == ("d1", Counts(4))
    assert [card.id for card in cards.dirty(database)] == ["card1"]
    assert (database.rung("runs"), database.rung("cards")) == (before[0] + 1, before[1] + 1)


def test_a_lost_race_changes_nothing_and_wakes_nobody(database: Database) -> None:
    keep_a_run(database, RunState.REJECTED)
    cards.create(database, a_card(dirty=False))
    before = database.rung("runs")
    assert not runs.move(database, "run1", RunState.PROPOSED, RunState.APPROVED, NOW)
    assert cards.dirty(database) == []
    assert database.rung("runs") == before


def test_twenty_four_approvals_at_once_approve_once(database: Database) -> None:
    keep_a_run(database, RunState.PROPOSED)
    moved = all_at_once(24, lambda _: runs.move(database, "run1", RunState.PROPOSED, RunState.APPROVED, NOW))
    assert sorted(moved) == [False] * 23 + [True]


def test_a_state_is_not_updated_on_the_side(database: Database) -> None:
    keep_a_run(database)
    with pytest.raises(TypeError, match=r"runs\.move"):
        runs.update(database, "run1", state=RunState.APPLIED)
    with pytest.raises(TypeError, match="no column 'resources'"):
        runs.update(database, "run1", resources=3)


def test_progress_dirties_the_card_and_a_heartbeat_does_not(database: Database) -> None:
    keep_a_run(database, RunState.APPLYING, worker="host:1")
    cards.create(database, a_card(dirty=False))
    assert runs.heartbeat(database, "run1", "host:1", NOW)
    assert cards.dirty(database) == []
    runs.update(database, "run1", resources_done=3, resources_total=7)
    assert [card.run_id for card in cards.dirty(database)] == ["run1"]
    run = runs.get(database, "run1")
    assert run is not None
    assert (run.resources_done, run.heartbeat_at) == (3, NOW)


def test_a_heartbeat_of_another_worker_or_after_the_end_is_told(database: Database) -> None:
    keep_a_run(database, RunState.APPLYING, worker="host:1")
    assert not runs.heartbeat(database, "run1", "host:2", NOW)
    runs.move(database, "run1", RunState.APPLYING, RunState.APPLIED, NOW)
    assert not runs.heartbeat(database, "run1", "host:1", NOW)


def test_a_lab_has_one_living_run(database: Database) -> None:
    keep_a_run(database)
    with pytest.raises(runs.LabBusy) as raised:
        runs.create(database, a_run(id="run2"))
    assert raised.value.run == a_run()
    runs.move(database, "run1", RunState.QUEUED, RunState.CANCELLED, NOW)
    runs.create(database, a_run(id="run2"))
    assert runs.active_of(database, "lab1") == a_run(id="run2")


def test_every_living_state_keeps_the_lab_busy_and_no_end_does(sqlite_database: Database) -> None:
    labs.create(sqlite_database, a_lab())
    for state in sorted(ENDED):
        runs.create(sqlite_database, a_run(id=state, state=state))
    for state in sorted(ALIVE):
        runs.create(sqlite_database, a_run(id=state, state=state))
        with pytest.raises(runs.LabBusy):
            runs.create(sqlite_database, a_run(id="another"))
        assert runs.heartbeat(sqlite_database, state, "host:1", NOW) is False
        sqlite_database.execute("DELETE FROM runs WHERE id = :id", id=state)
    assert len(runs.of_lab(sqlite_database, "lab1", 100)) == len(ENDED)


def test_the_history_is_paged_newest_first(database: Database) -> None:
    labs.create(database, a_lab())
    for number in range(5):
        runs.create(database, a_run(id=f"run{number}", state=RunState.APPLIED))
    assert [run.id for run in runs.of_lab(database, "lab1", 2)] == ["run4", "run3"]
    assert [run.id for run in runs.of_lab(database, "lab1", 2, offset=4)] == ["run0"]
    latest = runs.latest_of(database, "lab1")
    assert latest is not None
    assert latest.id == "run4"


def test_workers_share_the_queue_without_a_run_twice(database: Database) -> None:
    for number in range(6):
        labs.create(database, a_lab(id=f"lab{number}", name=f"demo-{number}"))
        runs.create(database, a_run(id=f"run{number}", lab_id=f"lab{number}"))
    claimed = all_at_once(8, lambda index: runs.claim(database, f"host:{index}", NOW))
    got = [run for run in claimed if isinstance(run, Run)]
    assert sorted(run.id for run in got) == [f"run{number}" for number in range(6)]
    assert claimed.count(None) == 2
    assert all(run.state == "planning" and run.heartbeat_at == NOW and run.worker for run in got)


def test_the_oldest_is_claimed_first(database: Database) -> None:
    for number in range(2):
        labs.create(database, a_lab(id=f"lab{number}", name=f"demo-{number}"))
        runs.create(database, a_run(id=f"run{number}", lab_id=f"lab{number}", state=RunState.QUEUED))
    run = runs.claim(database, "host:1", NOW)
    assert run is not None
    assert (run.id, run.state, run.heartbeat_at) == ("run0", "planning", NOW)
    assert [run.id for run in runs.in_state(database, RunState.APPROVED, RunState.QUEUED)] == ["run1"]
    assert runs.in_state(database) == []


def test_a_run_whose_worker_is_gone_is_taken_over_once(database: Database) -> None:
    labs.create(database, a_lab(id="lab1"))
    runs.create(database, a_run(id="run1", lab_id="lab1", state=RunState.APPLYING, worker="host:1"))
    run = runs.get(database, "run1")
    assert run is not None
    assert runs.take_over(database, run, "host:2", NOW)
    assert not runs.take_over(database, run, "host:3", NOW)
    assert not runs.heartbeat(database, "run1", "host:1", NOW)


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.PLANNING, RunState.PROPOSED])
def test_a_newer_plan_takes_the_place_of_one_that_waits(sqlite_database: Database, state: RunState) -> None:
    keep_a_run(sqlite_database, state)
    assert runs.supersede(sqlite_database, "lab1", NOW) == "run1"
    run = runs.get(sqlite_database, "run1")
    assert run is not None
    assert (run.state, run.ended_at) == ("superseded", NOW)
    runs.create(sqlite_database, a_run(id="run2"))


@pytest.mark.parametrize("state", [RunState.APPROVED, RunState.APPLYING, RunState.APPLIED])
def test_what_is_approved_is_not_superseded(sqlite_database: Database, state: RunState) -> None:
    kept = keep_a_run(sqlite_database, state)
    assert runs.supersede(sqlite_database, "lab1", NOW) is None
    assert runs.get(sqlite_database, "run1") == kept
