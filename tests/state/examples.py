"""Records as a test wants them, with what it does not care about filled in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from state import labs, runs
from state.database import Database
from state.records import Card, Grant, InboxEntry, Lab, OutboxMessage, Person, Run
from state.transitions import RunState

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ADA = Person("T1", "U1")
BEN = Person("T1", "U2")

_LAB = Lab(
    id="lab1",
    name="demo",
    blueprint="sandbox",
    commit="4c1d2e9",
    owner=ADA,
    channel="C1",
    variables={"size": "small"},
    sealed_variables=None,
    cost_per_hour_cents=2.5,
    currency="USD",
    ttl_seconds=28_800,
    created_at=NOW,
    last_active_at=NOW,
)

_RUN = Run(
    id="run1",
    lab_id="lab1",
    lab_name="demo",
    kind="apply",
    state=RunState.QUEUED,
    requester=ADA,
    channel="C1",
    variables={"size": "small"},
    sealed_variables=None,
    approvals_needed={"infra": 1, "security": 1},
    self_approval=False,
    created_at=NOW,
)


def a_lab(**changes: Any) -> Lab:
    return replace(_LAB, **changes)


def a_run(**changes: Any) -> Run:
    return replace(_RUN, **changes)


def a_card(**changes: Any) -> Card:
    return replace(Card(id="card1", run_id="run1", channel="C1"), **changes)


def a_request(**changes: Any) -> InboxEntry:
    entry = InboxEntry(id="trigger1", kind="command", payload={"text": "up sandbox"}, received_at=NOW)
    return replace(entry, **changes)


def a_message(**changes: Any) -> OutboxMessage:
    return replace(OutboxMessage(id="message1", channel="C1", text="demo is ready.", due_at=NOW), **changes)


def a_grant(**changes: Any) -> Grant:
    grant = Grant(
        id="grant1",
        kind="ssh",
        person=ADA,
        lab_id="lab1",
        name="SHA256:9fX",
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        serial="0f",
        accessor="accessor1",
        vault_request_id="request1",
    )
    return replace(grant, **changes)


def keep_a_run(database: Database, state: RunState = RunState.QUEUED, **changes: Any) -> Run:
    """A lab and its run, in that state."""
    if labs.get(database, "lab1") is None:
        labs.create(database, a_lab())
    run = a_run(state=state, **changes)
    runs.create(database, run)
    return run


def all_at_once(many: int, do: Callable[[int], Any]) -> list[Any]:
    """What do(0), do(1), … answer, or raise, when as many threads call them at the same moment."""
    answers: list[Any] = [None] * many
    ready = threading.Barrier(many)

    def one(index: int) -> None:
        ready.wait(30)
        try:
            answers[index] = do(index)
        except Exception as error:
            answers[index] = error

    threads = [threading.Thread(target=one, args=(index,)) for index in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers
