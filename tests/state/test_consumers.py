"""Which lab's outputs another lab is given."""

from __future__ import annotations

from datetime import timedelta

from state import consumers, labs
from state.consumers import Consumer
from state.database import Database
from tests.state.examples import NOW, a_lab


def test_a_variable_means_the_lab_that_was_named_last(database: Database) -> None:
    for name in ("web", "orders", "archive"):
        labs.create(database, a_lab(id=name, name=name))
    consumers.set(database, Consumer("web", "db", "orders"))
    consumers.set(database, Consumer("web", "db", "archive"))
    consumers.set(database, Consumer("web", "queue", "orders"))
    found = consumers.of_consumer(database, "web")
    assert {variable: lab.name for variable, lab in found.items()} == {"db": "archive", "queue": "orders"}


def test_what_is_gone_uses_nothing(database: Database) -> None:
    for name in ("web", "api", "orders"):
        labs.create(database, a_lab(id=name, name=name))
    for name in ("web", "api"):
        consumers.set(database, Consumer(name, "db", "orders"))
    assert [lab.name for lab in consumers.of_provider(database, "orders")] == ["api", "web"]
    labs.leave(database, "api", NOW + timedelta(hours=1))
    assert [lab.name for lab in consumers.of_provider(database, "orders")] == ["web"]
