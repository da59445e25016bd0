"""`innkeeper doctor`: look at every part, and say what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rich.console import Console
from slack_sdk import WebClient

from bot.readiness import check
from commands.blueprint import approvals_needed
from commands.costs import prices
from commands.deps import Deps
from commands.engines.terraform.engine import TerraformFailed
from commands.engines.vault.protocol import VaultError
from commands.lifetime import moments as lifetime
from commands.words import ago, listed, plural
from state import audit, labs, tfstate
from state.records import Lab

REMEDIES = {
    "database": "Look at STATE_URL, and whether this user may write there.",
    "vault": "Look at VAULT_ADDR, unseal it, or get a new login from `innkeeper init`.",
    "catalogue": "Mend the repository, or look at LABS_PATH and at how this user reaches it.",
    "slack": "Look at SLACK_BOT_TOKEN and SLACK_API_URL; install the app again if its token was revoked.",
}

# How long after its time a lab that should be gone is called forgotten. polite: a long weekend may be in between.
LATE = {True: timedelta(hours=1), "polite": timedelta(days=4)}
FAILED_ATTEMPTS = 2  # the first may be under way


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
    yield from about_deploying(deps)
    yield from about_labs(deps, datetime.now(UTC))
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
    if (wrong := prices.broken(deps.catalogue.path)) is not None:
        yield False, f"prices: {wrong.file}:{wrong.line}: {wrong.sentence}"
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


def about_deploying(deps: Deps) -> Iterator[tuple[bool, str]]:
    """Whether this machine can deploy, where a blueprint asks for that."""
    deployed = [name for name, each in deps.catalogue.blueprints().items() if each.deploy is not None]
    if deployed:
        missing = deps.ansible.missing()
        yield not missing, f"ansible: {missing}, for {listed(deployed)}" if missing else "ansible: ready"


def about_labs(deps: Deps, now: datetime) -> Iterator[tuple[bool, str]]:
    """Nothing is forgotten: what states still hold is told, also of labs that are gone, and what should be gone."""
    for lab_id, resources in tfstate.holding(deps.database):
        lab = labs.get(deps.database, lab_id)
        name, held = lab.name if lab is not None else lab_id, plural(resources, "resource")
        if lab is not None and lab.gone_at is None:
            yield True, f"{name}: its state holds {held}"
            continue
        since = f" {ago(lab.gone_at, now)}" if lab is not None and lab.gone_at is not None else ""
        remedy = f"Remove by hand what is named or tagged after it: `/lab history {name}` shows its runs."
        yield False, f"{name}: its state holds {held}, though it went{since}. {remedy}"
    for lab in labs.all_living(deps.database):
        if lab.frozen_because is not None:
            yield False, f"{lab.name}: frozen: {lab.frozen_because}"
    for lab in labs.overdue(deps.database, now):
        finding = _overdue(lab, now)
        if finding is not None:
            yield finding
    for lock in tfstate.locks(deps.database):
        holder = labs.get(deps.database, lock.lab_id)
        name = holder.name if holder is not None else lock.lab_id
        yield True, f"{name}: its state is locked by {lock.holder}, since {ago(lock.locked_at, now)}"


def _overdue(lab: Lab, now: datetime) -> tuple[bool, str] | None:
    destroys_at, due_at = lifetime.destroys_at(lab), lifetime.due_at(lab)
    if due_at is None:
        return None
    if destroys_at is None:
        return True, f"{lab.name}: due {ago(due_at, now)}, and not destroyed by itself, as its blueprint says"
    is_late = now - destroys_at >= LATE[lab.lifetime.auto_destroy]
    if not is_late and lab.destroy_attempts < FAILED_ATTEMPTS:
        return None
    said = f"{lab.name}: it should have been destroyed {ago(destroys_at, now)}"
    if lab.destroy_attempts:
        times = plural(lab.destroy_attempts, "attempt")
        return False, f"{said}, and {times} did not do it. Its newest card says why: `/lab logs {lab.name}`."
    return False, f"{said}. See whether `innkeeper serve` is running, then `/lab down {lab.name}`."
