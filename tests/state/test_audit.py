"""The audit: one chain, and whatever is done to it shows."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest

from state import audit
from state.database import Database
from tests.state.examples import ADA, BEN, NOW, all_at_once


def write_five(database: Database) -> None:
    for number in range(1, 6):
        audit.append(database, NOW + timedelta(minutes=number), ADA, "requested", "demo", number=number)


def unlock(database: Database) -> None:
    """What somebody with the database's password can do."""
    for trigger in ("audit_is_not_changed", "audit_is_not_shortened"):
        for statement in (f"DROP TRIGGER {trigger}", f"DROP TRIGGER {trigger} ON audit"):
            # One of the two is how this database says it.
            with contextlib.suppress(Exception), database.transaction():
                database.execute(statement)


def test_an_entry_comes_back_as_it_was_written(database: Database) -> None:
    written = audit.append(database, NOW, ADA, "refused", BEN, reason="not <an> ü \0 \ud800", tries=2)
    assert (written.sequence, written.actor, written.subject) == (1, "T1-U1", "T1-U2")
    assert written.detail == {"reason": "not <an> ü \0 \ud800", "tries": 2}
    assert audit.entries(database) == [written]
    assert audit.verify(database) is None
    assert audit.head(database) == (1, written.hash)


def test_entries_are_found_by_whom_and_by_what_newest_first(database: Database) -> None:
    audit.append(database, NOW, ADA, "requested", "demo")
    audit.append(database, NOW, BEN, "approved", "demo")
    audit.append(database, NOW, BEN, "added", ADA)
    audit.append(database, NOW, "innkeeper", "destroyed", "other")
    assert [entry.sequence for entry in audit.entries(database, subject="demo")] == [2, 1]
    assert [entry.sequence for entry in audit.entries(database, about=ADA)] == [3, 1]
    assert [entry.sequence for entry in audit.entries(database, subject="demo", actor=BEN)] == [2]
    assert [entry.sequence for entry in audit.entries(database, limit=2, offset=1)] == [3, 2]
    assert audit.count(database) == 4
    assert audit.count(database, about=ADA) == 2
    assert audit.count(database, actor=BEN) == 2


def test_an_entry_belongs_to_the_transaction_it_is_written_in(database: Database) -> None:
    def fail() -> None:
        with database.transaction():
            audit.append(database, NOW, ADA, "requested", "demo")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert audit.entries(database) == []


@pytest.mark.parametrize(
    "sql", ["UPDATE audit SET actor = 'T1-U9'", "DELETE FROM audit WHERE sequence = 5", "DELETE FROM audit"]
)
def test_the_database_itself_refuses_to_change_or_shorten_it(database: Database, sql: str) -> None:
    write_five(database)
    with pytest.raises(Exception, match="append-only"):
        database.execute(sql)
    assert len(audit.entries(database)) == 5
    assert audit.verify(database) is None


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        ("UPDATE audit SET actor = 'T1-U9' WHERE sequence = 3", 3),
        ("UPDATE audit SET at = '2026-11-24T09:03:01.000000Z' WHERE sequence = 3", 3),
        ("UPDATE audit SET detail = '{\"number\":4}' WHERE sequence = 3", 3),
        ("UPDATE audit SET action = 'requestedd', subject = 'emo' WHERE sequence = 3", 3),
        ("UPDATE audit SET hash = previous_hash WHERE sequence = 5", 5),
        ("DELETE FROM audit WHERE sequence = 3", 3),
        ("DELETE FROM audit WHERE sequence = 1", 1),
        ("DELETE FROM audit WHERE sequence IN (2, 3)", 2),
        ("UPDATE audit SET sequence = sequence - 1 WHERE sequence > 3", 3),
    ],
)
def test_the_first_broken_entry_is_named(database: Database, sql: str, broken: int) -> None:
    write_five(database)
    unlock(database)
    if "sequence - 1" in sql:
        database.execute("DELETE FROM audit WHERE sequence = 3")
    database.execute(sql)
    assert audit.verify(database) == broken


def test_two_entries_that_changed_places_are_noticed(database: Database) -> None:
    write_five(database)
    unlock(database)
    for before, after in ((2, 99), (4, 2), (99, 4)):
        database.execute(
            "UPDATE audit SET sequence = :after WHERE sequence = :before", before=before, after=after
        )
    assert audit.verify(database) == 2


def test_a_forged_entry_that_fits_in_itself_does_not_fit_the_next(
    database: Database, sqlite_database: Database
) -> None:
    """Somebody writes another third entry with a hash of its own, made as we make it."""
    write_five(database)
    unlock(database)
    for number in (1, 2):
        audit.append(
            sqlite_database, NOW + timedelta(minutes=number), ADA, "requested", "demo", number=number
        )
    forged = audit.append(sqlite_database, NOW + timedelta(minutes=3), BEN, "requested", "demo", number=3)
    sql = "UPDATE audit SET actor = :actor, hash = :hash WHERE sequence = 3"
    database.execute(sql, actor=BEN, hash=forged.hash)
    assert audit.verify(database) == 4


def test_many_who_write_at_once_write_one_chain(database: Database) -> None:
    all_at_once(
        16, lambda index: [audit.append(database, NOW, ADA, "asked", f"lab-{index}") for _ in range(4)]
    )
    assert audit.count(database) == 64
    assert audit.verify(database) is None
