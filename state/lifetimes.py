"""What is done about a lab's lifetime: one conditional UPDATE of its row, so that of two bots one does it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from state.database import Database
from state.labs import LABS
from state.records import Lab

_AS_READ = ("expires_at", "idle_at", "kept_until", "reminded_at", "look_at", "asleep_at")


def change(database: Database, lab: Lab, **columns: Any) -> bool:
    """Set the named columns of a lab if nobody has used, extended or reminded of it since it was read."""
    same = " AND ".join(f"COALESCE({name}, '') = COALESCE(:was_{name}, '')" for name in _AS_READ)
    was = {f"was_{name}": getattr(lab, name) for name in _AS_READ}
    where = f"id = :id AND gone_at IS NULL AND reminders = :was_reminders AND {same}"
    return LABS.update(database, columns, where, id=lab.id, was_reminders=lab.reminders, **was) == 1


def look_again(database: Database, lab: Lab, at: datetime | None) -> bool:
    """There is nothing to do about the lab before then."""
    return change(database, lab, look_at=at)
