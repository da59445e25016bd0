"""Terraform's state: its versions, sealed by Vault, and who holds its lock.

The last hundred versions of a lab are kept. A write is safe when the lock is the writer's, the lineage agrees
and the serial is higher, or the bytes are the same.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from state.database import Database
from state.records import Lab, StateLock, StateVersion
from state.rows import Table, from_text
from state.transitions import RunState

KEPT_VERSIONS = 100
USERNAME_PREFIX = "run-"

VERSIONS: Table[StateVersion] = Table("tfstate", StateVersion, {"written_at": from_text})
LOCKS: Table[StateLock] = Table("tflocks", StateLock, {"info": json.loads, "locked_at": from_text})

_LIST = (
    "SELECT lab_id, serial, lineage, md5, resources, written_by, written_at FROM tfstate"
    " WHERE lab_id = :lab_id ORDER BY serial DESC"
)
_PRUNE = (
    "DELETE FROM tfstate WHERE lab_id = :lab_id AND serial < (SELECT MIN(serial) FROM"
    " (SELECT serial FROM tfstate WHERE lab_id = :lab_id ORDER BY serial DESC LIMIT :kept) AS kept)"
)


class Conflict(Exception):
    """A state or a lock that does not fit what is there. sentence says what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotState(Conflict):
    """A body that is not a Terraform state."""


class Sealer(Protocol):
    """What Vault does for a body (commands/engines/vault/protocol.py)."""

    def seal(self, plaintext: bytes, about: str) -> bytes: ...
    def unseal(self, sealed: bytes, about: str) -> bytes: ...


@dataclass(frozen=True)
class Outline:
    """What a state says of itself. resources counts the instances that Terraform manages."""

    serial: int
    lineage: str
    resources: int


def holder_of_run(run_id: str) -> str:
    """How a run is called where a state or a lock says whose it is."""
    return f"run:{run_id}"


def username_of_run(run_id: str) -> str:
    """What a run's Terraform signs in as. Its password is the one whose sha256 is the run's token_sha256."""
    return f"{USERNAME_PREFIX}{run_id}"


def outline(body: bytes) -> Outline:
    """Read a state's serial, lineage and size. Raises NotState for anything that Terraform did not write."""
    try:
        state = json.loads(body)
    except (ValueError, RecursionError):
        raise NotState("That is not a Terraform state: it is not JSON.") from None
    if not isinstance(state, dict):
        raise NotState("That is not a Terraform state: it is not a JSON object.")
    for name in ("version", "serial"):
        if type(state.get(name)) is not int or not 0 <= state[name] < 2**63:
            raise NotState(f"That is not a Terraform state: it has no {name}.")
    lineage = state.get("lineage")
    if not isinstance(lineage, str) or not lineage or len(lineage) > 200:
        raise NotState("That is not a Terraform state: it has no lineage.")
    return Outline(state["serial"], lineage, _resources(state.get("resources")))


def _resources(resources: object) -> int:
    if not isinstance(resources, list):
        return 0
    managed = [each for each in resources if isinstance(each, dict) and each.get("mode") == "managed"]
    instances = [each.get("instances") for each in managed]
    return sum(len(each) for each in instances if isinstance(each, list))


def sealed(lab_id: str, body: bytes, vault: Sealer, written_by: str, now: datetime) -> StateVersion:
    """The version to put for a clear body. Raises NotState, and what Vault raises."""
    said = outline(body)
    return StateVersion(
        lab_id=lab_id,
        serial=said.serial,
        lineage=said.lineage,
        body=vault.seal(body, _about(lab_id, said.serial)),
        md5=hashlib.md5(body, usedforsecurity=False).hexdigest(),
        resources=said.resources,
        written_by=written_by,
        written_at=now,
    )


def clear(version: StateVersion, vault: Sealer) -> bytes:
    """The body as Terraform wrote it. Raises what Vault raises."""
    return vault.unseal(version.body, _about(version.lab_id, version.serial))


def _about(lab_id: str, serial: int) -> str:
    return f"tfstate:{lab_id}:{serial}"


def current(database: Database, lab_id: str) -> StateVersion | None:
    """The lab's newest state, or None where there was never one."""
    return VERSIONS.one(database, "WHERE lab_id = :lab_id ORDER BY serial DESC LIMIT 1", lab_id=lab_id)


def resources(database: Database, lab_id: str) -> int:
    """How many resources the lab's newest state holds; 0 where there was never one. Its body is not read."""
    sql = "SELECT resources FROM tfstate WHERE lab_id = :lab_id ORDER BY serial DESC LIMIT 1"
    row = database.row(sql, lab_id=lab_id)
    return 0 if row is None else int(row["resources"])


def version(database: Database, lab_id: str, serial: int) -> StateVersion | None:
    """One version of the lab's state."""
    return VERSIONS.one(database, "WHERE lab_id = :lab_id AND serial = :serial", lab_id=lab_id, serial=serial)


def versions(database: Database, lab_id: str) -> list[StateVersion]:
    """The versions that are kept, the newest first, without their bodies (b"")."""
    return [VERSIONS.read({**row, "body": b""}) for row in database.rows(_LIST, lab_id=lab_id)]


def put(database: Database, new: StateVersion, lock_id: str | None) -> bool:
    """Keep a new version. False: it is the current one already.

    Raises Conflict unless the writer holds the lock under lock_id, and lineage and serial follow.
    """
    with database.transaction():
        lock_now = lock_of(database, new.lab_id)
        if lock_now is None:
            raise Conflict("Nobody has locked this state, so nothing was written. Leave out -lock=false.")
        if lock_now.holder != new.written_by or lock_now.lock_id != lock_id:
            raise Conflict(f"This state is locked by {lock_now.holder}, so nothing was written.")
        return _put(database, new)


def _put(database: Database, new: StateVersion) -> bool:
    before = current(database, new.lab_id)
    if before is not None:
        if before.lineage != new.lineage:
            raise Conflict(
                f"The state here has lineage {before.lineage}, this one {new.lineage}: they describe "
                "different infrastructure, so nothing was written."
            )
        if before.serial == new.serial and before.md5 == new.md5:
            return False
        if new.serial <= before.serial:
            raise Conflict(
                f"The state here has serial {before.serial}, this one {new.serial}: it is not newer, so "
                "nothing was written. Plan again."
            )
    VERSIONS.insert(database, new)
    database.execute(_PRUNE, lab_id=new.lab_id, kept=KEPT_VERSIONS)
    return True


def take_in_errored(
    database: Database,
    lab: Lab,
    body: bytes,
    vault: Sealer,
    now: datetime,
    written_by: str = "innkeeper",
) -> bool:
    """Take in the errored.tfstate that a run left, with its lineage and serial. False: it has been already.

    Raises Conflict when the state here is another one or newer, or when somebody else may still write to it;
    and what Vault raises.
    """
    new = sealed(lab.id, _with_lineage(lab, body), vault, written_by, now)
    with database.transaction():
        release_ended(database, lab.id)
        lock_now = lock_of(database, lab.id)
        if lock_now is not None and lock_now.holder != written_by:
            raise Conflict(
                f"The state of {lab.name} is locked by {lock_now.holder}. What the run left is taken in when "
                f"that is done, or after `/lab unlock {lab.name}`."
            )
        return _put(database, new)


def _with_lineage(lab: Lab, body: bytes) -> bytes:
    """What a lab's first apply left has serial 0 and no lineage: Terraform gives it one when it writes, so we do.

    The same bytes get the same one, so that they can be taken in twice.
    """
    try:
        state = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not isinstance(state, dict) or state.get("lineage") != "" or state.get("serial") != 0:
        return body
    lineage = uuid.uuid5(uuid.NAMESPACE_OID, f"{lab.id} {hashlib.sha256(body).hexdigest()}")
    return json.dumps({**state, "serial": 1, "lineage": str(lineage)}, indent=2).encode()


def lock(database: Database, new: StateLock) -> StateLock | None:
    """Take the lock. None: it is yours. Else the lock that is held, by somebody else or under another id.

    The same lock asked for twice is granted twice: Terraform repeats a request whose answer got lost.
    """
    with database.transaction():
        release_ended(database, new.lab_id)
        if LOCKS.insert(database, new, "ON CONFLICT (lab_id) DO NOTHING"):
            return None
        held = lock_of(database, new.lab_id)
        same = held is not None and (held.lock_id, held.holder) == (new.lock_id, new.holder)
        return None if same else held


def lock_of(database: Database, lab_id: str) -> StateLock | None:
    """Who holds the lab's state."""
    return LOCKS.one(database, "WHERE lab_id = :lab_id", lab_id=lab_id)


def holding(database: Database) -> list[tuple[str, int]]:
    """Which labs' newest states hold how many resources: lab id and number, also of labs that are gone."""
    rows = database.rows(
        "SELECT lab_id, resources FROM tfstate WHERE resources > 0 AND NOT EXISTS"
        " (SELECT 1 FROM tfstate AS newer WHERE newer.lab_id = tfstate.lab_id AND newer.serial > tfstate.serial)"
        " ORDER BY lab_id"
    )
    return [(row["lab_id"], row["resources"]) for row in rows]


def locks(database: Database) -> list[StateLock]:
    """Every lock that is held, the oldest first."""
    return LOCKS.select(database, "ORDER BY locked_at, lab_id")


def unlock(database: Database, lab_id: str, lock_id: str, holder: str) -> bool:
    """Give the lock back. False: it is not held under that id by that holder, and stays as it is."""
    sql = "DELETE FROM tflocks WHERE lab_id = :lab_id AND lock_id = :lock_id AND holder = :holder"
    return database.execute(sql, lab_id=lab_id, lock_id=lock_id, holder=holder) == 1


def release(database: Database, lab_id: str) -> StateLock | None:
    """Take the lock away from whoever has it, and give what it was. For `/lab unlock`."""
    with database.transaction():
        held = lock_of(database, lab_id)
        database.execute("DELETE FROM tflocks WHERE lab_id = :lab_id", lab_id=lab_id)
        return held


def release_of_run(database: Database, run_id: str) -> StateLock | None:
    """Take the run's lock away, and give what it was. Only when no Terraform of that run lives any more."""
    with database.transaction():
        held = LOCKS.one(database, "WHERE holder = :holder", holder=holder_of_run(run_id))
        return None if held is None else release(database, held.lab_id)


def release_ended(database: Database, lab_id: str | None = None) -> list[StateLock]:
    """Release the locks (or that lab's) whose run neither plans nor applies now, and give what they were."""
    released = []
    with database.transaction():
        for held in locks(database):
            kind, _, run_id = held.holder.partition(":")
            if kind != "run" or (lab_id is not None and held.lab_id != lab_id):
                continue
            run = database.row("SELECT state FROM runs WHERE id = :id", id=run_id)
            if run is None or run["state"] not in (RunState.PLANNING, RunState.APPLYING):
                release(database, held.lab_id)
                released.append(held)
    return released


def lock_info(held: StateLock) -> Mapping[str, Any]:
    """The holder's lock info as Terraform reads it: whatever it sent, with its id."""
    return {**held.info, "ID": held.lock_id}
