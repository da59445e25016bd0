"""Which labs are to be looked at, how they were found, and whose card says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from state import cards, checks, health, labs, runs
from state.checks import CheckResult
from state.database import Database
from state.health import Illness
from state.records import Card
from state.transitions import RunState
from tests.state.examples import NOW, a_lab, a_run


def a_living(database: Database, name: str = "demo", **columns: object) -> str:
    lab = a_lab(id=f"id-{name}", name=name, applied_at=NOW, **columns)
    labs.create(database, lab)
    return lab.id


def due(database: Database, minutes: float = 0, *blueprints: str) -> list[str]:
    found = health.due(database, blueprints or ("sandbox",), NOW + timedelta(minutes=minutes), 10)
    return [lab.name for lab in found]


def test_labs_are_due_from_their_first_apply_the_longest_first(database: Database) -> None:
    a_living(database, "second", health_at=NOW + timedelta(minutes=2))
    a_living(database, "first")
    labs.create(database, a_lab(name="unmade"))
    assert due(database) == ["first"]
    assert due(database, 2) == ["first", "second"]
    assert due(database, 2, "other") == []
    assert health.due(database, (), NOW, 10) == []


def test_one_that_is_gone_asleep_or_busy_is_not(database: Database) -> None:
    a_living(database, "gone", gone_at=NOW)
    a_living(database, "asleep", asleep_at=NOW)
    busy = a_living(database, "busy")
    runs.create(database, a_run(id="r1", lab_id=busy))
    assert due(database) == []
    runs.move(database, "r1", RunState.QUEUED, RunState.CANCELLED, NOW)
    assert due(database) == ["busy"]


def test_one_of_two_takes_a_lab(database: Database) -> None:
    lab_id = a_living(database)
    lab = labs.get(database, lab_id)
    assert lab is not None
    later = NOW + timedelta(minutes=10)
    assert [health.take(database, lab, later) for _ in range(2)] == [True, False]
    again = labs.get(database, lab_id)
    assert again is not None
    assert again.health_at == later
    assert health.take(database, again, later + timedelta(minutes=10))


def test_an_illness_is_kept_until_it_is_over(database: Database) -> None:
    lab_id = a_living(database)
    runs.create(database, a_run(id="r1", lab_id=lab_id))
    cards.create(database, Card("c1", "r1", "C1", dirty=False))
    assert health.of_lab(database, lab_id) is None
    first = Illness(lab_id, 1, NOW, "tcp a:1: nobody answers.", "r1")
    second = replace(first, failures=2)
    for each, is_told in ((first, False), (second, True)):
        health.failed(database, each)
        assert health.of_lab(database, lab_id) == each
        assert each.is_told == is_told
    before = cards.of_run(database, "r1")
    health.recovered(database, lab_id)
    after = cards.of_run(database, "r1")
    assert health.of_lab(database, lab_id) is None
    assert before is not None
    assert after is not None
    assert after.dirty
    assert after.revision > before.revision
    health.recovered(database, lab_id)


def test_what_checks_found_takes_the_place_of_what_they_found_before(database: Database) -> None:
    lab_id = a_living(database)
    runs.create(database, a_run(id="r1", lab_id=lab_id))
    found = [
        CheckResult("r1", place, f"tcp a:{place}", "passed", "open in 1 ms", 1, NOW) for place in range(12)
    ]
    checks.record(database, "r1", reversed(found))
    assert checks.of_run(database, "r1") == found
    one = CheckResult("r1", 0, "tcp a:0", "failed", "nobody answers", 3, NOW)
    checks.record(database, "r1", [one])
    assert checks.of_run(database, "r1") == [one]
    assert checks.of_run(database, "r2") == []
