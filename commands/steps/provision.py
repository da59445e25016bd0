"""The first step: plan a lab with Terraform, and apply exactly the plan that was approved.

Each function performs a part of one run that a worker has claimed, records what came of it, and returns a sentence.
The process may die at any line of them: a plan then starts again, an apply is followed to its end by whoever is next.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import structlog

from commands import office_hours, office_hours_sweep, rekeying
from commands.approvals import make_stale, require_requester, standing_approvals, state_moved, still_needed
from commands.authorise import StandingUnknown
from commands.blueprint import Blueprint
from commands.deps import Deps
from commands.engines.terraform import (
    Access,
    AlreadyStarted,
    Child,
    ChildLost,
    PlanTampered,
    TerraformFailed,
    attribute_diff,
    scrub,
)
from commands.engines.terraform_drift import as_changes
from commands.engines.vault import VaultError, VaultUnavailable
from commands.request import Refused
from commands.steps import drifting, endings, pricing
from commands.steps.inputs import Inputs, gather, known_secrets
from commands.steps.log import RunLog
from commands.words import plain
from state import approvals, audit, labs, runs, steps, tfstate
from state import drift as looks
from state.records import Lab, Run
from state.transitions import ENDED, RunState

LOOK_SECONDS = 0.2
PROGRESS_SECONDS = 0.5
PLAN_LIMIT_SECONDS = 20 * 60
APPLY_LIMIT_SECONDS = 3 * 3600  # then it is asked to stop
STOP_GRACE_SECONDS = 10 * 60  # and ended after this
_PLAN_FOLDER = "-plan"

logger = structlog.get_logger()


class RunEnded(Exception):
    """Somebody cancelled or superseded the run while it was being planned."""


def plan(run: Run, deps: Deps, stopping: threading.Event) -> str:
    """Plan a run that is `planning`: it becomes proposed, no_changes, failed or cancelled; queued when stopping."""
    work: Path | None = None
    hidden: tuple[str, ...] = ()
    try:
        lab = _lab(deps, run)
        blueprint = deps.catalogue.pinned(lab.blueprint, run.commit)
        inputs = gather(deps, lab, run, blueprint)
        hidden = inputs.secrets
        access = _new_access(deps, run)
        before = tfstate.current(deps.database, lab.id)
        work = deps.terraform.stage(_plan_folder(run), blueprint.module)
        sources_digest = deps.terraform.sources_digest(deps.terraform.staged(work))
        deps.terraform.init(work, access, inputs.environment)
        child = deps.terraform.start_plan(work, access, inputs.variables, run.kind, inputs.environment)
        log = RunLog(deps.data_path, run.id, inputs.secrets)
        try:
            exit_code = _follow_plan(deps, run, child, log, stopping)
        finally:
            # Now, not later: from `proposed` on the lock may be that of the same run's apply.
            tfstate.release_of_run(deps.database, run.id)
        if exit_code is None:
            runs.move(deps.database, run.id, RunState.PLANNING, RunState.QUEUED, deps.now())
            return f"{run.lab_name}: its plan waits for the next start"
        if exit_code == 0:
            return endings.no_changes(deps, run, lab)
        if exit_code != 2:
            return endings.failed(deps, run, RunState.PLANNING, plain(log.why()))
        if run.kind == "refresh":
            shown = deps.terraform.show(work, access, inputs.environment)
            run = replace(run, changes=drifting.found(lab, deps.catalogue.commit(blueprint), shown))
            if not drifting.is_news(deps, run):
                return endings.no_changes(deps, run, lab)
        plan_file = deps.terraform.read_plan(work)
        if run.cause == rekeying.CAUSE and _goes_by_itself(deps, run, blueprint, work, access, inputs):
            run = replace(run, approvals_needed={})
        if run.cause == office_hours.CAUSE and run.kind == "apply":
            run = office_hours_sweep.judged(deps, run, blueprint, sources_digest, log.changes)
        proposed = endings.proposed(deps, run, lab, log, plan_file, sources_digest, before)
        if proposed.state in ENDED:
            return f"{run.lab_name}: {proposed.state} as its plan was made"
        return endings.detailed(deps, proposed, _whole_plan(deps, proposed, blueprint, work, access, inputs))
    except RunEnded:
        return endings.cancelled_plan(deps, run)
    except TerraformFailed as failed:
        return endings.failed(deps, run, RunState.PLANNING, plain(scrub(failed.sentence(), hidden)))
    except (Refused, VaultError) as refused:
        return endings.failed(deps, run, RunState.PLANNING, refused.sentence)
    except ChildLost:
        return endings.failed(
            deps, run, RunState.PLANNING, "Terraform was ended from outside. Plan it again."
        )
    finally:
        if work is not None:
            deps.terraform.remove(work)


def recover_plan(run: Run, deps: Deps) -> str:
    """A run that was `planning` when its process died: end what is left of it, and queue it again."""
    work = deps.terraform.work(_plan_folder(run))
    child = deps.terraform.attach(work)
    if child is not None and child.alive():
        child.kill()
    tfstate.release_of_run(deps.database, run.id)
    deps.terraform.remove(work)
    runs.move(deps.database, run.id, RunState.PLANNING, RunState.QUEUED, deps.now())
    return f"{run.lab_name}: queued its plan again"


def tidy(deps: Deps, is_lost: Callable[[Run], bool]) -> str:
    """Remove the folders of runs whose process died after a plan or an apply had ended: they hold secrets in the clear.

    What was still to be told of a plan is told first.
    """
    removed = 0
    for work in sorted((deps.data_path / "runs").glob("*")):
        run = runs.get(deps.database, work.name.removesuffix(_PLAN_FOLDER))
        is_plan = work.name.endswith(_PLAN_FOLDER)
        in_use = (RunState.QUEUED, RunState.PLANNING) if is_plan else (RunState.APPROVED, RunState.APPLYING)
        if run is None or run.state in in_use or not is_lost(run):
            continue
        try:
            if is_plan and run.state not in ENDED:
                lab = _lab(deps, run)
                blueprint = deps.catalogue.pinned(lab.blueprint, run.commit)
                inputs = gather(deps, lab, run, blueprint)
                body = _whole_plan(deps, run, blueprint, work, Access("", "", ""), inputs)
                endings.detailed(deps, run, body)
        except (TerraformFailed, Refused, VaultError, OSError) as why:
            logger.warning("the details of a plan stay untold", run=run.id, because=str(why))
        finally:
            deps.terraform.remove(work)
            removed += 1
    return f"removed {removed} folders of runs that died"


def start_apply(run: Run, deps: Deps, worker: str) -> bool:
    """Begin to apply an approved run: check everything once more, record the intent, start Terraform.

    False when it must not be applied; the run then says why. Raises VaultUnavailable and StandingUnknown, with the
    run still approved.
    """
    try:
        lab = _lab(deps, run)
        if state_moved(deps, run):
            make_stale(deps, run, deps.now())
            return False
        if run.cause != "lifetime":  # it ends on time, whoever its owner is by now
            require_requester(deps, run)
        if not _approvals_stand(deps, run):
            runs.move(deps.database, run.id, RunState.APPROVED, RunState.PROPOSED, deps.now())
            return False
        blueprint = deps.catalogue.pinned(lab.blueprint, run.commit)
        inputs = gather(deps, lab, run, blueprint)
        plan_file = deps.vault.unseal(run.plan or b"", f"plan {run.id}")
    except (VaultUnavailable, StandingUnknown) as away:
        if run.sentence != away.sentence:
            runs.update(deps.database, run.id, sentence=away.sentence)
        raise
    except (Refused, VaultError) as refused:
        endings.failed(
            deps, run, RunState.APPROVED, f"{refused.sentence} Nothing was applied. Plan it again."
        )
        return False
    now = deps.now()
    intent = {"worker": worker, "heartbeat_at": now, "applying_at": now, "sentence": ""}
    if not runs.move(deps.database, run.id, RunState.APPROVED, RunState.APPLYING, now, **intent):
        return False
    return _start_terraform(run, deps, blueprint, inputs, plan_file)


def _start_terraform(run: Run, deps: Deps, blueprint: Blueprint, inputs: Inputs, plan_file: bytes) -> bool:
    steps.set(deps.database, run.id, "provision", "running", deps.now())
    detail = {"run": run.id, "digest": run.digest, "plan_sha256": run.plan_sha256}
    audit.append(deps.database, deps.now(), "innkeeper", "applying", run.lab_name, **detail)
    access = _new_access(deps, run)
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
        endings.keep_errored(deps, run, errored_state)
    said = endings.interrupted(deps, run, log) if lost else endings.applied_or_not(deps, run, log, exit_code)
    tfstate.release_of_run(deps.database, run.id)
    deps.terraform.remove(work)
    return said


def _follow_plan(deps: Deps, run: Run, child: Child, log: RunLog, stopping: threading.Event) -> int | None:
    """The exit code, or None when stopping. Raises RunEnded, ChildLost."""
    started_at = deps.now()
    while True:
        progress = child.poll(LOOK_SECONDS)
        log.add(progress.lines)
        if progress.exit_code is not None:
            return progress.exit_code
        now = deps.now()
        current = runs.get(deps.database, run.id)
        over_limit = (now - started_at).total_seconds() > PLAN_LIMIT_SECONDS
        ended = current is None or current.state != RunState.PLANNING or current.cancelled_by is not None
        waits = stopping.is_set() or (run.cause == "drift" and looks.people_wait(deps.database))
        if ended or over_limit or waits:
            child.kill()  # a plan changes nothing, so it may be ended without ceremony
            if ended:
                raise RunEnded
            return None if waits else 1


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


def _goes_by_itself(
    deps: Deps, run: Run, blueprint: Blueprint, work: Path, access: Access, inputs: Inputs
) -> bool:
    """Whether new root keys are applied without approval. What Terraform does not show is for people to judge."""
    try:
        shown = deps.terraform.show(work, access, inputs.environment)
    except TerraformFailed:
        return False
    return rekeying.goes_by_itself(deps, run, blueprint, shown)


def _whole_plan(
    deps: Deps, run: Run, blueprint: Blueprint, work: Path, access: Access, inputs: Inputs
) -> str:
    """What each value becomes, in text; only what is touched where Terraform does not say more. Tells its cost, too."""
    try:
        shown = deps.terraform.show(work, access, inputs.environment)
        pricing.cost_of_plan(deps, run, blueprint, shown)
        return attribute_diff(as_changes(shown) if run.kind == "refresh" else shown, inputs.secrets)
    except TerraformFailed as failed:
        logger.warning("the values of a plan stay untold", run=run.id)
        why = plain(scrub(failed.sentence(), inputs.secrets))
        touched = [f"{each.action} {each.address}" for each in run.changes]
        return "\n".join([f"Its values cannot be shown: {why}", *touched])


def _plan_folder(run: Run) -> str:
    """Apart from the apply's: an apply may start while the details of its plan are still being told."""
    return f"{run.id}{_PLAN_FOLDER}"


def _lab(deps: Deps, run: Run) -> Lab:
    lab = labs.get(deps.database, run.lab_id)
    if lab is None or lab.gone_at is not None:
        raise Refused("The lab is gone, so there is nothing to plan.")
    if lab.frozen_because is not None:
        raise Refused(f"The lab is frozen: {lab.frozen_because}")
    return lab


def _new_access(deps: Deps, run: Run) -> Access:
    """A new password for this run's Terraform; only its sha256 is kept, and it dies with the run."""
    password = secrets.token_urlsafe(32)
    runs.update(deps.database, run.id, token_sha256=sha256(password.encode()).hexdigest())
    return Access(f"{deps.base_url}/tfstate/{run.lab_name}", tfstate.username_of_run(run.id), password)


def _approvals_stand(deps: Deps, run: Run) -> bool:
    standing: Mapping[Any, Any] = standing_approvals(deps, run)
    given = approvals.of_run(deps.database, run.id, run.digest or "")
    return not still_needed(run, [each for each in given if each.person in standing])
