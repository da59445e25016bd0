"""Approvals: one person's word on one digest of one run. Another digest needs another word."""

from __future__ import annotations

from datetime import datetime

from state import cards
from state.database import Database
from state.records import Approval, Person
from state.rows import Table, from_text


class AlreadyDecided(Exception):
    """This person has said their word on this digest. approval is what they said."""

    def __init__(self, approval: Approval | None) -> None:
        super().__init__("this person has decided on this digest")
        self.approval = approval


APPROVALS: Table[Approval] = Table(
    name="approvals",
    record=Approval,
    decoders={"person": Person.parse, "decided_at": from_text, "void_at": from_text},
)


def add(database: Database, approval: Approval) -> None:
    """Keep a decision. Raises AlreadyDecided when the person has one on this digest that is not void."""
    with database.transaction():
        once = "ON CONFLICT (run_id, digest, person) WHERE void_at IS NULL DO NOTHING"
        if not APPROVALS.insert(database, approval, once):
            said = of_run(database, approval.run_id, approval.digest)
            raise AlreadyDecided(next((each for each in said if each.person == approval.person), None))
        cards.mark_dirty(database, approval.run_id)


def of_run(database: Database, run_id: str, digest: str) -> list[Approval]:
    """What was said on this digest and is not void, in the order in which it was said."""
    tail = "WHERE run_id = :run_id AND digest = :digest AND void_at IS NULL ORDER BY seq"
    return APPROVALS.select(database, tail, run_id=run_id, digest=digest)


def history(database: Database, run_id: str) -> list[Approval]:
    """Everything that was said on the run, void or not, in the order in which it was said."""
    return APPROVALS.select(database, "WHERE run_id = :run_id ORDER BY seq", run_id=run_id)


def not_applied(database: Database, person: Person, decided_before: datetime) -> list[Approval]:
    """What the person approved by then, is not void, and is not being applied yet."""
    tail = (
        "WHERE person = :person AND decision = 'approve' AND void_at IS NULL AND decided_at <= :decided_before"
        " AND run_id IN (SELECT id FROM runs WHERE state IN ('proposed', 'approved')) ORDER BY seq"
    )
    return APPROVALS.select(database, tail, person=person, decided_before=decided_before)


def withdrawn(database: Database, person: Person, since: datetime) -> list[Approval]:
    """What the person approved and has become void since."""
    tail = "WHERE person = :person AND decision = 'approve' AND void_at >= :since ORDER BY seq"
    return APPROVALS.select(database, tail, person=person, since=since)


def void(database: Database, approval_id: str, now: datetime) -> bool:
    """A decision counts no longer. False: it was void already."""
    with database.transaction():
        done = APPROVALS.update(database, {"void_at": now}, "id = :id AND void_at IS NULL", id=approval_id)
        if done:
            row = database.row("SELECT run_id FROM approvals WHERE id = :id", id=approval_id)
            cards.mark_dirty(database, row["run_id"] if row else "")
    return done == 1


def change_role(database: Database, approval_id: str, role: str) -> None:
    """Let an approval count for another role that its person holds."""
    APPROVALS.update(database, {"role": role}, "id = :id", id=approval_id)
