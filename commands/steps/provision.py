"""The first step: plan a lab with Terraform, before anybody has approved it. applying.py applies what was approved.

Each function performs a part of one run that a worker has claimed, records what came of it, and returns a sentence.
The process may die at any line of them: a plan changes nothing, so it starts again.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from commands.blueprint import Blueprint
from commands.blueprints import sources
from commands.deps import Deps
from commands.engines.terraform.drift import as_changes
from commands.engines.terraform.engine import Access, Child, ChildLost, TerraformFailed, attribute_diff, scrub
from commands.engines.vault.protocol import VaultError
from commands.grants import rekeying
from commands.lifetime import office_hours, office_hours_sweep
from commands.request import Refused
from commands.steps import drifting, endings, graph, judging, pricing
from commands.steps.applying import LOOK_SECONDS, lab_of, new_access
from commands.steps.inputs import Inputs, gather
from commands.steps.log import RunLog
from commands.words import plain
from state import drift as looks
from state import runs, tfstate
from state.records import Lab, PlannedChange, Run
from state.transitions import ENDED, RunState

PLAN_LIMIT_SECONDS = 20 * 60
_PLAN_FOLDER = "-plan"

Show = Callable[[], dict[str, Any]]  # `terraform show -json` of the plan. Raises TerraformFailed

logger = structlog.get_logger()


class RunEnded(Exception):
    """Somebody cancelled or superseded the run while it was being planned."""


def plan(run: Run, deps: Deps, stopping: threading.Event) -> str:
    """Plan a run that is `planning`: it becomes proposed, no_changes, failed or cancelled; queued when stopping."""
    work: Path | None = None
    judge: judging.Judge | None = None
    hidden: tuple[str, ...] = ()
    try:
        lab = lab_of(deps, run)
        blueprint = sources.blueprint_of(deps, lab, run)
        work = deps.terraform.stage(_plan_folder(run), blueprint.module)
        facts = judging.of_sources(deps, run, blueprint, deps.terraform.staged(work))
        inputs = gather(deps, lab, run, blueprint)
        hidden = inputs.secrets
        judge = judging.Judge(deps, run, blueprint, facts)
        access = new_access(deps, run)
        before = tfstate.current(deps.database, lab.id)
        sources_digest = deps.terraform.sources_digest(deps.terraform.staged(work))
        deps.terraform.init(work, access, inputs.environment)
        child = deps.terraform.start_plan(work, access, inputs.variables, run.kind, inputs.environment)
        log = RunLog(deps.data_path, run.id, inputs.secrets)
        try:
            judge.begin()
            exit_code = _follow_plan(deps, run, child, log, stopping)
        finally:
            # Now, not later: from `proposed` on the lock may be that of the same run's apply.
            tfstate.release_of_run(deps.database, run.id)
        if exit_code != 2:
            return _without_plan(deps, run, lab, log, exit_code)
        show = _shown_once(deps, work, access, inputs)
        if run.kind == "refresh":
            run = replace(run, changes=drifting.found(lab, deps.catalogue.commit(blueprint), show()))
            if not drifting.is_news(deps, run):
                return endings.no_changes(deps, run, lab)
        plan_file = deps.terraform.read_plan(work)
        run = judge.judged(run, inputs, show)
        run = _by_itself(deps, run, blueprint, show, sources_digest, log.changes)
        proposed = endings.proposed(deps, run, lab, log, plan_file, sources_digest, before)
        if proposed.state in ENDED:
            return f"{run.lab_name}: {proposed.state} as its plan was made"
        body = _whole_plan(deps, proposed, blueprint, show, inputs)
        return endings.detailed(deps, proposed, body, graph.picture(deps, proposed, show, inputs.secrets))
    except RunEnded:
        return endings.cancelled_plan(deps, run)
    except judging.Denied as denied:
        return endings.denied(deps, run, denied.verdict)
    except TerraformFailed as failed:
        return endings.failed(deps, run, RunState.PLANNING, plain(scrub(failed.sentence(), hidden)))
    except (Refused, VaultError) as refused:
        return endings.failed(deps, run, RunState.PLANNING, refused.sentence)
    except ChildLost:
        return endings.failed(
            deps, run, RunState.PLANNING, "Terraform was ended from outside. Plan it again."
        )
    finally:
        if judge is not None:
            judge.close()
        if work is not None:
            deps.terraform.remove(work)


def _without_plan(deps: Deps, run: Run, lab: Lab, log: RunLog, exit_code: int | None) -> str:
    """Terraform has made no plan: there is nothing to do, it failed, or we are stopping."""
    if exit_code is None:
        runs.move(deps.database, run.id, RunState.PLANNING, RunState.QUEUED, deps.now())
        return f"{run.lab_name}: its plan waits for the next start"
    if exit_code == 0:
        return endings.no_changes(deps, run, lab)
    return endings.failed(deps, run, RunState.PLANNING, plain(log.why()))


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
                lab = lab_of(deps, run)
                blueprint = sources.blueprint_of(deps, lab, run)
                inputs = gather(deps, lab, run, blueprint)
                show = _shown_once(deps, work, Access("", "", ""), inputs)
                body = _whole_plan(deps, run, blueprint, show, inputs)
                endings.detailed(deps, run, body, graph.picture(deps, run, show, inputs.secrets))
        except (TerraformFailed, Refused, VaultError, OSError) as why:
            logger.warning("the details of a plan stay untold", run=run.id, because=str(why))
        finally:
            deps.terraform.remove(work)
            removed += 1
    return f"removed {removed} folders of runs that died"


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


def _shown_once(deps: Deps, work: Path, access: Access, inputs: Inputs) -> Show:
    """Asks Terraform for the plan's values when somebody needs them, and no second time."""
    return functools.cache(lambda: deps.terraform.show(work, access, inputs.environment))


def _by_itself(
    deps: Deps,
    run: Run,
    blueprint: Blueprint,
    show: Show,
    sources_digest: str,
    changes: Sequence[PlannedChange],
) -> Run:
    """Without approvals, where nobody has to look at it; with the reason where somebody has to."""
    if run.cause not in (rekeying.CAUSE, office_hours.CAUSE) or run.kind != "apply":
        return run
    if run.verdict is not None and run.verdict.denials:
        return replace(run, sentence="The guardrails deny it, so people look at this first.")
    if run.cause == office_hours.CAUSE:
        return office_hours_sweep.judged(deps, run, blueprint, sources_digest, changes)
    try:
        goes = rekeying.goes_by_itself(deps, run, blueprint, show())
    except TerraformFailed:  # what Terraform does not show is for people to judge
        goes = False
    return replace(run, approvals_needed={}) if goes else run


def _whole_plan(deps: Deps, run: Run, blueprint: Blueprint, show: Show, inputs: Inputs) -> str:
    """What each value becomes, in text; only what is touched where Terraform does not say more. Tells its cost, too."""
    try:
        shown = show()
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
