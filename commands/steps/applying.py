"""The second half of the first step: apply with Terraform exactly the plan that was approved (provision.py made it).

Each function performs a part of one run that a worker has claimed, records what came of it, and returns a sentence.
The process may die at any line of them: an apply is followed to its end by whoever is next.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import structlog

from commands.approvals import (
    branch_moved,
    make_stale,
    require_requester,
    standing_approvals,
    state_moved,
    still_needed,
)
from commands.authorise import StandingUnknown
from commands.blueprint import Blueprint
from commands.blueprints import sources
from commands.blueprints.proposals import RepositoryAway
from commands.deps import Deps
from commands.engines.terraform.engine import (
    Access,
    AlreadyStarted,
    Child,
    ChildLost,
    PlanTampered,
    TerraformFailed,
    scrub,
)
from commands.engines.vault.protocol import VaultError, VaultUnavailable
from commands.request import Refused
from commands.steps import endings, errored_states, spine
from commands.steps.inputs import Inputs, gather, known_secrets
from commands.steps.log import RunLog
from commands.words import plain
from state import approvals, audit, labs, runs, steps, tfstate
from state.records import Lab, Run
from state.transitions import RunState

LOOK_SECONDS = 0.2
PROGRESS_SECONDS = 0.5
APPLY_LIMIT_SECONDS = 3 * 3600  # then it is asked to stop
STOP_GRACE_SECONDS = 10 * 60  # and ended after this
_BEGINS = (RunState.APPROVED, RunState.APPLYING)

logger = structlog.get_logger()


def start_apply(run: Run, deps: Deps, worker: str) -> bool:
    """Begin to apply an approved run: check everything once more, record the intent, start Terraform.

    False when it must not be applied; the run then says why. Raises VaultUnavailable, StandingUnknown and
    RepositoryAway, with the run still approved.
    """
    try:
        lab = lab_of(deps, run)
        if state_moved(deps, run):
            make_stale(deps, run, deps.now())
            return False
        if run.cause != "lifetime":  # it ends on time, whoever its owner is by now
            require_requester(deps, run)
        if not _approvals_stand(deps, run):
            runs.move(deps.database, run.id, RunState.APPROVED, RunState.PROPOSED, deps.now())
            return False
        if run.kind == "steps":
            return runs.move(deps.database, run.id, *_BEGINS, deps.now(), **_intent(worker, deps.now()))
        blueprint = sources.blueprint_of(deps, lab, run)
        inputs = gather(deps, lab, run, blueprint)
        plan_file = deps.vault.unseal(run.plan or b"", f"plan {run.id}")
        if branch_moved(deps, run, deps.now()):
            return False
        if run.kind == "destroy":
            spine.undo(run, deps)
    except (VaultUnavailable, StandingUnknown, RepositoryAway) as away:
        if run.sentence != away.sentence:
            runs.update(deps.database, run.id, sentence=away.sentence)
        raise
    except (Refused, VaultError) as refused:
        endings.failed(
            deps, run, RunState.APPROVED, f"{refused.sentence} Nothing was applied. Plan it again."
        )
        return False
    if not runs.move(deps.database, run.id, *_BEGINS, deps.now(), **_intent(worker, deps.now())):
        return False
    return _start_terraform(run, deps, blueprint, inputs, plan_file)


def _intent(worker: str, now: datetime) -> dict[str, Any]:
    return {"worker": worker, "heartbeat_at": now, "applying_at": now, "sentence": ""}


def _start_terraform(run: Run, deps: Deps, blueprint: Blueprint, inputs: Inputs, plan_file: bytes) -> bool:
    steps.set(deps.database, run.id, "provision", "running", deps.now())
    detail = {"run": run.id, "digest": run.digest, "plan_sha256": run.plan_sha256}
    audit.append(deps.database, deps.now(), "innkeeper", "applying", run.lab_name, **detail)
    access = new_access(deps, run)
    try:
        work = deps.terraform.stage(run.id, blueprint.module)
        if deps.terraform.sources_digest(deps.terraform.staged(work)) != run.sources_digest:
            raise Refused("The blueprint has changed since this was planned.")
        deps.terraform.init(work, access, inputs.environment)
        deps.terraform.start_apply(
            work, access, plan_file, run.plan_sha256 or "", inputs.environment, inputs.ephemeral
        )
        return True
    except AlreadyStarted:
        return True
    except Refused as refused:
        said = refused.sentence
    except PlanTampered:
        audit.append(deps.database, deps.now(), "innkeeper", "plan_tampered", run.lab_name, **detail)
        said = "The plan file is not the one that was approved: its sha256 differs."
    except TerraformFailed as failed:
        said = plain(scrub(failed.sentence(), inputs.secrets))
    except OSError as error:
        logger.warning("Terraform could not be started", run=run.id, because=str(error))
        said = f"This machine could not start Terraform ({error.strerror}): the admins can look at DATA_PATH."
    endings.failed(deps, run, RunState.APPLYING, f"{said} Nothing was applied. Plan it again.")
    deps.terraform.remove(deps.terraform.work(run.id))
    return False


def follow_apply(run: Run, deps: Deps, stopping: threading.Event) -> str:
    """Follow the Terraform that applies a run to its end, whoever started it, and record the end.

    When stopping is set it lets go, and Terraform goes on: whoever starts next follows it.
    """
    work = deps.terraform.work(run.id)
    if spine.is_provisioned(deps, run):
        tfstate.release_of_run(deps.database, run.id)
        deps.terraform.remove(work)
        return spine.perform(run, deps, stopping)
    child = deps.terraform.attach(work)
    log = RunLog(deps.data_path, run.id, known_secrets(deps, run), run.counts)
    try:
        if child is None:
            raise ChildLost("Terraform was never started, or its folder is gone")
        exit_code = _follow_apply(deps, run, child, log, stopping)
    except ChildLost:
        exit_code = -1
    if exit_code is None:
        return f"{run.lab_name}: left Terraform running"
    run = runs.get(deps.database, run.id) or run
    lost = exit_code == -1
    if child is not None and (lost or run.cancelled_by is not None):
        child.kill()  # what Terraform's provisioners had started may have outlived it
    errored_state = deps.terraform.errored_state(work)
    if errored_state is not None:
        errored_states.keep_errored(deps, run, errored_state)
    said = endings.interrupted(deps, run, log) if lost else endings.applied_or_not(deps, run, log, exit_code)
    tfstate.release_of_run(deps.database, run.id)
    deps.terraform.remove(work)
    return spine.perform(run, deps, stopping) if _goes_on(deps, run) else said


def _goes_on(deps: Deps, run: Run) -> bool:
    """Whether Terraform was only the first of its steps."""
    current = runs.get(deps.database, run.id)
    return current is not None and current.state == RunState.APPLYING


def _follow_apply(deps: Deps, run: Run, child: Child, log: RunLog, stopping: threading.Event) -> int | None:
    """The exit code, or None when stopping. Raises ChildLost."""
    began_at = run.applying_at or deps.now()
    told_at = deps.now()
    told: dict[str, Any] = {}
    while not stopping.is_set():
        progress = child.poll(LOOK_SECONDS)
        log.add(progress.lines)
        now = deps.now()
        shown = {"resources_done": log.progress.done, "resources_total": log.progress.total}
        if shown != told and (not told or (now - told_at).total_seconds() >= PROGRESS_SECONDS):
            runs.update(deps.database, run.id, **shown)
            told, told_at = shown, now
        if progress.exit_code is not None:
            return progress.exit_code
        applied_seconds = (now - began_at).total_seconds()
        current = runs.get(deps.database, run.id) or run
        if current.cancelled_by is not None or applied_seconds > APPLY_LIMIT_SECONDS:
            child.interrupt()
        if applied_seconds > APPLY_LIMIT_SECONDS + STOP_GRACE_SECONDS:
            child.kill()
    return None


def lab_of(deps: Deps, run: Run) -> Lab:
    lab = labs.get(deps.database, run.lab_id)
    if lab is None or lab.gone_at is not None:
        raise Refused("The lab is gone, so there is nothing to plan.")
    if lab.frozen_because is not None:
        raise Refused(f"The lab is frozen: {lab.frozen_because}")
    return lab


def new_access(deps: Deps, run: Run) -> Access:
    """A new password for this run's Terraform; only its sha256 is kept, and it dies with the run."""
    password = secrets.token_urlsafe(32)
    runs.update(deps.database, run.id, token_sha256=sha256(password.encode()).hexdigest())
    return Access(f"{deps.base_url}/tfstate/{run.lab_name}", tfstate.username_of_run(run.id), password)


def _approvals_stand(deps: Deps, run: Run) -> bool:
    standing: Mapping[Any, Any] = standing_approvals(deps, run)
    given = approvals.of_run(deps.database, run.id, run.digest or "")
    return not still_needed(run, [each for each in given if each.person in standing])
