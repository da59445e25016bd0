"""Terraform's state and lock: only the holder writes, only forward, and nothing is lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from state import labs, runs, tfstate
from state.database import Database
from state.records import StateLock
from state.transitions import ENDED, RunState
from tests.fakes.vault import FakeVault
from tests.state.examples import ADA, NOW, a_lab, a_run, all_at_once, keep_a_run

LINEAGE = "8a1f"


def a_state(serial: int, lineage: str = LINEAGE, **parts: Any) -> bytes:
    return json.dumps({"version": 4, "serial": serial, "lineage": lineage, "resources": [], **parts}).encode()


def a_lock(**changes: Any) -> StateLock:
    given = {
        "lab_id": "lab1",
        "lock_id": "L1",
        "holder": "run:run1",
        "info": {"Who": "run"},
        "locked_at": NOW,
    }
    return StateLock(**{**given, **changes})


@pytest.fixture
def vault() -> FakeVault:
    return FakeVault()


@pytest.fixture
def locked(database: Database) -> Database:
    """A run that applies and holds its lab's lock."""
    keep_a_run(database, RunState.APPLYING)
    assert tfstate.lock(database, a_lock()) is None
    return database


def put(database: Database, vault: FakeVault, body: bytes, lock_id: str = "L1", by: str = "run:run1") -> bool:
    return tfstate.put(database, tfstate.sealed("lab1", body, vault, by, NOW), lock_id)


def test_a_version_comes_back_byte_for_byte_and_is_kept_sealed(locked: Database, vault: FakeVault) -> None:
    secret = a_state(1, outputs={"password": {"value": "hunter2"}})
    assert put(locked, vault, secret)
    current = tfstate.current(locked, "lab1")
    assert current is not None
    assert (current.serial, current.lineage, current.written_by) == (1, LINEAGE, "run:run1")
    assert b"hunter2" not in current.body
    assert tfstate.clear(current, vault) == secret


def test_the_newest_is_current_and_the_older_are_kept(locked: Database, vault: FakeVault) -> None:
    for serial in (1, 2, 7):
        put(locked, vault, a_state(serial))
    assert [each.serial for each in tfstate.versions(locked, "lab1")] == [7, 2, 1]
    older = tfstate.version(locked, "lab1", 2)
    assert older is not None
    assert tfstate.clear(older, vault) == a_state(2)
    assert tfstate.version(locked, "lab1", 3) is None


def test_the_last_hundred_versions_are_kept(locked: Database, vault: FakeVault) -> None:
    for serial in range(1, 104):
        put(locked, vault, a_state(serial))
    kept = [each.serial for each in tfstate.versions(locked, "lab1")]
    assert kept == list(range(103, 3, -1))


def test_what_the_newest_states_hold_is_known_also_of_labs_that_are_gone(
    locked: Database, vault: FakeVault
) -> None:
    one = [{"mode": "managed", "name": "a", "instances": [{}]}]
    assert tfstate.resources(locked, "lab1") == 0
    put(locked, vault, a_state(1, resources=one))
    put(locked, vault, a_state(2, resources=one * 3))
    assert tfstate.resources(locked, "lab1") == 3
    assert tfstate.holding(locked) == [("lab1", 3)]
    labs.leave(locked, "lab1", NOW)
    assert tfstate.holding(locked) == [("lab1", 3)]
    put(locked, vault, a_state(3))
    assert tfstate.holding(locked) == []


def test_the_same_bytes_again_are_no_new_version(locked: Database, vault: FakeVault) -> None:
    assert put(locked, vault, a_state(1))
    assert not put(locked, vault, a_state(1))
    assert len(tfstate.versions(locked, "lab1")) == 1


@pytest.mark.parametrize(
    ("body", "lock_id", "by", "sentence"),
    [
        (a_state(5, outputs={"other": 1}), "L1", "run:run1", "it is not newer"),
        (a_state(4), "L1", "run:run1", "serial 5, this one 4: it is not newer"),
        (a_state(6, lineage="other"), "L1", "run:run1", "different infrastructure"),
        (a_state(6), "L2", "run:run1", "locked by run:run1"),
        (a_state(6), "L1", "T1-U1", "locked by run:run1"),
    ],
)
def test_what_does_not_follow_is_not_written(
    locked: Database, vault: FakeVault, body: bytes, lock_id: str, by: str, sentence: str
) -> None:
    put(locked, vault, a_state(5))
    with pytest.raises(tfstate.Conflict, match=sentence):
        put(locked, vault, body, lock_id, by)
    assert [each.serial for each in tfstate.versions(locked, "lab1")] == [5]


def test_without_the_lock_nothing_is_written(database: Database, vault: FakeVault) -> None:
    labs.create(database, a_lab())
    with pytest.raises(tfstate.Conflict, match="Nobody has locked"):
        put(database, vault, a_state(1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"version": 4, "serial": 1}',
        b'{"version": 4, "serial": -1, "lineage": "a"}',
        b'{"version": 4, "serial": true, "lineage": "a"}',
        b'{"version": 4, "serial": 1.5, "lineage": "a"}',
        b'{"version": 4, "serial": 99999999999999999999, "lineage": "a"}',
        b'{"version": 4, "serial": 1, "lineage": ""}',
        b'{"serial": 1, "lineage": "a"}',
    ],
)
def test_what_terraform_did_not_write_is_no_state(body: bytes) -> None:
    with pytest.raises(tfstate.NotState, match="not a Terraform state"):
        tfstate.outline(body)


def test_only_what_terraform_manages_is_counted() -> None:
    resources = [
        {"mode": "managed", "type": "terraform_data", "instances": [{}, {}]},
        {"mode": "data", "type": "http", "instances": [{}]},
        {"mode": "managed", "type": "odd"},
        "odd",
    ]
    assert tfstate.outline(a_state(1, resources=resources)).resources == 2


def test_of_many_who_lock_at_once_one_gets_it(database: Database) -> None:
    labs.create(database, a_lab())
    held = all_at_once(
        12, lambda index: tfstate.lock(database, a_lock(lock_id=f"L{index}", holder=f"T1-U{index}"))
    )
    assert held.count(None) == 1
    winner = tfstate.lock_of(database, "lab1")
    assert [each for each in held if each is not None] == [winner] * 11


def test_a_lock_asked_for_again_is_still_ones_own(locked: Database) -> None:
    assert tfstate.lock(locked, a_lock()) is None
    assert tfstate.lock(locked, a_lock(lock_id="L2")) == a_lock()
    assert tfstate.lock(locked, a_lock(holder="T1-U1")) == a_lock()


def test_a_lock_is_given_back_by_its_holder_under_its_id(locked: Database) -> None:
    assert not tfstate.unlock(locked, "lab1", "L2", "run:run1")
    assert not tfstate.unlock(locked, "lab1", "L1", "T1-U1")
    assert tfstate.locks(locked) == [a_lock()]
    assert tfstate.unlock(locked, "lab1", "L1", "run:run1")
    assert tfstate.lock_of(locked, "lab1") is None


def test_unlocking_by_hand_says_whose_it_was(locked: Database) -> None:
    assert tfstate.release(locked, "lab1") == a_lock()
    assert tfstate.release(locked, "lab1") is None


@pytest.mark.parametrize("end", sorted(ENDED & {RunState.APPLIED, RunState.FAILED, RunState.INTERRUPTED}))
def test_the_lock_of_an_ended_run_is_released_by_itself(locked: Database, end: RunState) -> None:
    assert tfstate.release_ended(locked) == []
    runs.move(locked, "run1", RunState.APPLYING, end, NOW)
    assert tfstate.release_ended(locked) == [a_lock()]
    assert tfstate.locks(locked) == []


def test_whoever_locks_next_does_not_wait_for_the_sweep(locked: Database) -> None:
    runs.move(locked, "run1", RunState.APPLYING, RunState.FAILED, NOW)
    assert tfstate.lock(locked, a_lock(lock_id="L2", holder="T1-U1")) is None
    assert tfstate.release_ended(locked) == []
    assert tfstate.lock_of(locked, "lab1") == a_lock(lock_id="L2", holder="T1-U1")


def test_the_lock_of_a_run_that_went_back_to_the_queue_is_released(database: Database) -> None:
    keep_a_run(database, RunState.PLANNING)
    tfstate.lock(database, a_lock())
    runs.move(database, "run1", RunState.PLANNING, RunState.QUEUED, NOW)
    assert tfstate.release_of_run(database, "run1") == a_lock()
    assert tfstate.release_of_run(database, "run1") is None


def test_a_state_that_could_not_be_written_is_taken_in_as_it_is(locked: Database, vault: FakeVault) -> None:
    put(locked, vault, a_state(3))
    runs.move(locked, "run1", RunState.APPLYING, RunState.FAILED, NOW)
    later = NOW + timedelta(hours=1)
    assert tfstate.take_in_errored(locked, a_lab(), a_state(9), vault, later, "run:run1")
    current = tfstate.current(locked, "lab1")
    assert current is not None
    assert (current.serial, current.lineage, current.written_at) == (9, LINEAGE, later)
    assert not tfstate.take_in_errored(locked, a_lab(), a_state(9), vault, later, "run:run1")


def test_the_first_state_of_a_lab_can_be_taken_in(database: Database, vault: FakeVault) -> None:
    labs.create(database, a_lab())
    assert tfstate.take_in_errored(database, a_lab(), a_state(1), vault, NOW)
    assert [each.serial for each in tfstate.versions(database, "lab1")] == [1]


@pytest.mark.parametrize("body", [a_state(3, outputs={"x": 1}), a_state(2), a_state(9, lineage="other")])
def test_what_does_not_follow_is_not_taken_in(locked: Database, vault: FakeVault, body: bytes) -> None:
    put(locked, vault, a_state(3))
    with pytest.raises(tfstate.Conflict):
        tfstate.take_in_errored(locked, a_lab(), body, vault, NOW, "run:run1")
    assert [each.serial for each in tfstate.versions(locked, "lab1")] == [3]


def test_nothing_is_taken_in_under_somebody_who_may_still_write(database: Database, vault: FakeVault) -> None:
    labs.create(database, a_lab())
    tfstate.lock(database, a_lock(holder=ADA.key))
    with pytest.raises(tfstate.Conflict, match=r"locked by T1-U1.*`/lab unlock demo`"):
        tfstate.take_in_errored(database, a_lab(), a_state(1), vault, NOW, "run:run1")


def test_a_lab_of_the_same_name_has_a_state_of_its_own(locked: Database, vault: FakeVault) -> None:
    put(locked, vault, a_state(1))
    runs.move(locked, "run1", RunState.APPLYING, RunState.APPLIED, NOW)
    labs.leave(locked, "lab1", NOW)
    labs.create(locked, a_lab(id="lab2"))
    runs.create(locked, a_run(id="run2", lab_id="lab2", state=RunState.APPLYING))
    assert tfstate.current(locked, "lab2") is None
    assert tfstate.lock(locked, a_lock(lab_id="lab2", holder="run:run2")) is None


def test_what_a_first_apply_left_gets_the_lineage_that_terraform_had_no_time_to_give(
    database: Database, vault: FakeVault
) -> None:
    """Seen in Terraform 1.11: the errored.tfstate of a lab without a state has serial 0 and an empty lineage."""
    labs.create(database, a_lab())
    body = a_state(0, lineage="")
    assert tfstate.take_in_errored(database, a_lab(), body, vault, NOW)
    taken = tfstate.current(database, "lab1")
    assert taken is not None
    assert taken.serial == 1
    assert json.loads(tfstate.clear(taken, vault))["lineage"] == taken.lineage != ""
    assert not tfstate.take_in_errored(database, a_lab(), body, vault, NOW), "once is enough"
