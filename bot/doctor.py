"""`innkeeper doctor`: look at every part, and say what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console
from slack_sdk import WebClient

from bot.readiness import check
from commands.blueprint import approvals_needed
from commands.deps import Deps
from commands.engines.terraform import TerraformFailed
from commands.engines.vault import VaultError
from commands.words import ago, listed, plural
from state import audit, labs, tfstate

REMEDIES = {
    "database": "Look at STATE_URL, and whether this user may write there.",
    "vault": "Look at VAULT_ADDR, unseal it, or get a new login from `innkeeper init`.",
    "catalogue": "Mend the repository, or look at LABS_PATH and at how this user reaches it.",
    "slack": "Look at SLACK_BOT_TOKEN and SLACK_API_URL; install the app again if its token was revoked.",
}


def examine(deps: Deps, client: WebClient) -> bool:
    """Print one line for each thing looked at. Returns whether all of them are well."""
    console = Console(highlight=False, soft_wrap=True)
    well = True
    for good, sentence in _findings(deps, client):
        well = well and good
        console.print(f"{'ok  ' if good else 'BAD '} {sentence}", markup=False)
    return well


def _findings(deps: Deps, client: WebClient) -> Iterator[tuple[bool, str]]:
    for part, said in check(deps, client).items():
        yield said == "ready", f"{part}: {said}" + ("" if said == "ready" else f". {REMEDIES[part]}")
    yield _terraform(deps)
    yield from _catalogue(deps)
    yield from _labs(deps)
    broken = audit.verify(deps.database)
    yield broken is None, "audit: whole" if broken is None else f"audit: broken at entry {broken}"


def _terraform(deps: Deps) -> tuple[bool, str]:
    try:
        return True, f"terraform: {deps.terraform.version()}"
    except (TerraformFailed, OSError) as error:
        return False, f"terraform: {error}. Look at TERRAFORM_BIN."


def _catalogue(deps: Deps) -> Iterator[tuple[bool, str]]:
    found = deps.catalogue.blueprints()
    yield (
        bool(found),
        f"catalogue: {plural(len(found), 'blueprint')}" + ("" if found else ". Look at LABS_PATH."),
    )
    for broken in deps.catalogue.broken():
        yield False, f"catalogue: {broken.file}:{broken.line}: {broken.sentence}"
    try:
        roles = {role for each in deps.vault.operators() for role in each.roles}
    except VaultError as error:
        yield False, f"operators: {error.sentence}"
        return
    needed = {role for each in found.values() for role in approvals_needed(each, "apply")[0]}
    missing = sorted(needed - roles)
    said = (
        f"nobody holds {listed(missing)}, so nobody can approve. Use /operator add." if missing else "enough"
    )
    yield not missing, f"operators: {said}"


def _labs(deps: Deps) -> Iterator[tuple[bool, str]]:
    """Nothing is forgotten: what Terraform's state still holds is told, also of labs that are called gone."""
    for row in deps.database.rows("SELECT DISTINCT lab_id FROM tfstate"):
        lab, state = labs.get(deps.database, row["lab_id"]), tfstate.current(deps.database, row["lab_id"])
        if lab is None or state is None:
            continue
        held = f"{lab.name}: its state holds {plural(state.resources, 'resource')}"
        if lab.gone_at is not None and state.resources:
            yield False, f"{held}, though it is gone"
        elif lab.frozen_because is not None:
            yield False, f"{lab.name}: frozen: {lab.frozen_because}"
        elif state.resources:
            yield True, held
    now = datetime.now(UTC)
    for lock in tfstate.locks(deps.database):
        lab = labs.get(deps.database, lock.lab_id)
        name = lab.name if lab is not None else lock.lab_id
        yield True, f"{name}: its state is locked by {lock.holder}, since {ago(lock.locked_at, now)}"
