"""A state that Terraform could not write to us after an apply: kept, taken in, and the lab frozen until then."""

from __future__ import annotations

import structlog

from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from commands.request import id_from
from state import audit, labs, outbox, tfstate
from state.records import Lab, OutboxMessage, Run

logger = structlog.get_logger()


def keep_errored(deps: Deps, run: Run, body: bytes) -> None:
    """Terraform could not write its state: keep it, sealed, and let nothing start before it is taken in."""
    lab = labs.get(deps.database, run.lab_id)
    if lab is None:
        return
    labs.update(
        deps.database,
        lab.id,
        frozen_because="its state could not be written at the end of the last apply. I take it in as soon as I can.",
    )
    audit.append(deps.database, deps.now(), "innkeeper", "frozen", lab.name, run=run.id)
    kept = deps.data_path / "errored" / lab.id / f"{run.id}.sealed"
    if take_in(deps, lab, run.id, body):
        return
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        kept.write_bytes(deps.vault.seal(body, f"errored {run.id}"))
    except VaultError:
        # Better a state in a file for this user alone than infrastructure that nobody knows of.
        kept.with_suffix(".tfstate").write_bytes(body)
        kept.with_suffix(".tfstate").chmod(0o600)


def take_in(deps: Deps, lab: Lab, run_id: str, body: bytes) -> bool:
    """Take in a state that Terraform could not write to us, keeping lineage and serial, and thaw the lab."""
    holder = tfstate.holder_of_run(run_id)
    try:
        tfstate.take_in_errored(deps.database, lab, body, deps.vault, deps.now(), holder)
    except (tfstate.Conflict, tfstate.NotState, VaultError) as why:
        logger.warning("a state is not taken in yet", lab=lab.name, run=run_id, because=why.sentence)
        return False
    said = f"The state of *{lab.name}* has been taken in with its lineage and serial. You can plan it again."
    with deps.database.transaction():
        labs.update(deps.database, lab.id, frozen_because=None)
        audit.append(deps.database, deps.now(), "innkeeper", "state_taken_in", lab.name, run=run_id)
        outbox.add(
            deps.database,
            OutboxMessage(
                id=id_from(f"taken in {run_id}"), channel="", text=said, due_at=deps.now(), run_id=run_id
            ),
        )
    return True
