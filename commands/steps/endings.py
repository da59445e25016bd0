"""How a run's provision ends: what is recorded, and who is told. Each function returns a sentence of what it did."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import structlog

from commands.blueprints import sources
from commands.deps import Deps
from commands.guardrail_words import is_cut, report, verdict_words
from commands.lifetime import moments as lifetime
from commands.pictures import Picture
from commands.request import Refused, id_from
from commands.starting import start_run
from commands.steps import drifting, presence, spine
from commands.steps.log import RunLog
from commands.words import code, duration, mention, plain, plural
from state import audit, cards, labs, outbox, runs, steps, tfstate
from state.records import Card, Lab, OutboxMessage, Run, StateVersion, Verdict
from state.transitions import RunState

_SENTENCE_CHARACTERS = 1500

logger = structlog.get_logger()


def proposed(
    deps: Deps,
    run: Run,
    lab: Lab,
    log: RunLog,
    plan_file: bytes,
    sources_digest: str,
    before: StateVersion | None,
) -> Run:
    """The plan is made: bind it to its digest, and ask for approvals (or go on, where none is needed)."""
    now = deps.now()
    run = replace(
        run,
        lineage=before.lineage if before is not None else None,
        serial=before.serial if before is not None else None,
        plan_sha256=hashlib.sha256(plan_file).hexdigest(),
        sources_digest=sources_digest,
        changes=run.changes or log.changes,
    )
    digest = digest_of(run)
    sealed = deps.vault.seal(plan_file, f"plan {run.id}")
    with deps.database.transaction():
        cancelled_plan(deps, run)  # at the last moment
        moved = runs.move(
            deps.database,
            run.id,
            RunState.PLANNING,
            RunState.PROPOSED,
            now,
            plan=sealed,
            plan_sha256=run.plan_sha256,
            sources_digest=sources_digest,
            approvals_needed=run.approvals_needed,
            self_approval=run.self_approval,
            verdict=run.verdict,
            digest=digest,
            lineage=run.lineage,
            serial=run.serial,
            counts=log.counts,
            changes=run.changes,
            warnings=log.warnings,
            sentence=run.sentence,
            proposed_at=now,
            expires_at=now + timedelta(seconds=deps.plan_ttl_seconds),
        )
        if moved:
            detail: dict[str, Any] = {"digest": digest, "plan": run.plan_sha256}
            detail["approvals_needed"] = run.approvals_needed
            if run.verdict is not None:
                detail["denied_by"] = _deniers(run.verdict)
                _attach_verdict(deps, run, run.verdict)
            audit.append(deps.database, now, "innkeeper", "proposed", lab.name, run=run.id, **detail)
            if run.cause == "drift":  # only now is there something to tell
                shown = Card(id=id_from(f"card {run.id}"), run_id=run.id, channel=run.channel)
                cards.create(deps.database, shown)
            elif not run.approvals_needed and run.kind != "refresh":
                runs.move(deps.database, run.id, RunState.PROPOSED, RunState.APPROVED, now)
    return runs.get(deps.database, run.id) or run


def detailed(deps: Deps, run: Run, body: str, picture: Picture | None = None) -> str:
    """The details came after the card: the whole plan goes to its thread, with a picture. Both are free of secrets."""
    attached = OutboxMessage(
        id=id_from(f"plan {run.id}"),
        channel="",
        text="",  # its name says what it is, and it stands below its card
        due_at=deps.now(),
        run_id=run.id,
        file_name="drift.txt" if run.kind == "refresh" else "plan.txt",
        body=body,
        picture=None if picture is None else picture.png,
        picture_alt="" if picture is None else picture.alt,
    )
    outbox.add(deps.database, attached)
    return f"{run.lab_name}: {run.state}, {plural(len(run.changes), 'change')}"


def no_changes(deps: Deps, run: Run, lab: Lab) -> str:
    """The plan found nothing to do. A destruction that has nothing to destroy is done."""
    now = deps.now()
    said = "Everything is as it was asked for. There is nothing to do."
    if run.kind == "refresh":
        said = "It is still what was told before." if run.changes else "Nothing changed outside."
    with deps.database.transaction():
        steps.set(deps.database, run.id, "provision", "done", now)
        if run.kind == "destroy":
            said = "There was nothing left to destroy."
            presence.gone(deps, run, now)
        elif run.kind == "apply" and lab.asleep_at is not None:  # somebody has brought it back by hand
            presence.alive(deps, run, lab, now)
        if run.kind == "apply" and lab.branch and not run.branch:  # what was reviewed says the same
            labs.update(deps.database, lab.id, variables=run.variables, commit=run.commit, branch="")
            said = f"It is what was reviewed. The lab follows the branch {code(lab.branch, 80)} no more."
        seen = {"sentence": said, "changes": run.changes}
        runs.move(deps.database, run.id, RunState.PLANNING, RunState.NO_CHANGES, now, **seen)
        audit.append(deps.database, now, "innkeeper", "no_changes", run.lab_name, run=run.id)
    return f"{run.lab_name}: nothing to do"


def cancelled_plan(deps: Deps, run: Run) -> str:
    """Somebody stopped the run while it was being planned."""
    run = runs.get(deps.database, run.id) or run
    if run.state == RunState.PLANNING and run.cancelled_by is not None:
        said = f"Cancelled by {mention(run.cancelled_by)} while it was planned. Nothing was changed."
        runs.move(deps.database, run.id, RunState.PLANNING, RunState.CANCELLED, deps.now(), sentence=said)
    return f"{run.lab_name}: its plan was stopped"


def failed(deps: Deps, run: Run, before: RunState, sentence: str) -> str:
    """The run ends with a reason that a person can act on."""
    now = deps.now()
    said = sentence[:_SENTENCE_CHARACTERS]
    with deps.database.transaction():
        if runs.move(deps.database, run.id, before, RunState.FAILED, now, sentence=said):
            steps.set(deps.database, run.id, "provision", "failed", now)
            audit.append(deps.database, now, "innkeeper", "failed", run.lab_name, run=run.id, was=before)
    if run.cause == "drift" and before == RunState.PLANNING:  # it has no card that would say so
        logger.warning("a lab could not be looked at", lab=run.lab_name, because=said)
    return f"{run.lab_name}: failed while {before}"


def denied(deps: Deps, run: Run, verdict: Verdict) -> str:
    """The guardrails say no, and nobody may override that."""
    with deps.database.transaction():
        runs.update(deps.database, run.id, verdict=verdict)
        _attach_verdict(deps, run, verdict)
        audit.append(
            deps.database, deps.now(), "innkeeper", "denied", run.lab_name, run=run.id, by=_deniers(verdict)
        )
        return failed(deps, run, RunState.PLANNING, verdict_words(verdict))


def _deniers(verdict: Verdict) -> list[str]:
    return sorted({each.policy for each in verdict.denials})


def _attach_verdict(deps: Deps, run: Run, verdict: Verdict) -> None:
    """All that the guardrails say goes to the thread where the card has no room for it."""
    if not is_cut(verdict):
        return
    told = OutboxMessage(
        id=id_from(f"guardrails {run.id}"),
        channel="",
        text=f"What the guardrails say of *{run.lab_name}*.",
        due_at=deps.now(),
        run_id=run.id,
        file_name="guardrails.txt",
        body=report(verdict),
    )
    outbox.add(deps.database, told)


def applied_or_not(deps: Deps, run: Run, log: RunLog, exit_code: int) -> str:
    """Terraform has ended: what is there now, and what is the run called for it."""
    if exit_code == 0:
        return _applied(deps, run, log)
    state, said = _why_not(deps, run, log)
    now = deps.now()
    with deps.database.transaction():
        done = {"resources_done": log.progress.done, "resources_total": log.progress.total}
        runs.move(
            deps.database, run.id, RunState.APPLYING, state, now, sentence=said[:_SENTENCE_CHARACTERS], **done
        )
        steps.set(deps.database, run.id, "provision", "failed", now)
        presence.note(deps, run)
        audit.append(deps.database, now, "innkeeper", state, run.lab_name, run=run.id)
    return f"{run.lab_name}: {state}, {log.progress.done} of {log.progress.total} done"


def interrupted(deps: Deps, run: Run, log: RunLog) -> str:
    """Terraform was ended from outside: say how far it came, and plan again for the rest."""
    now = deps.now()
    progress = log.progress
    lab = labs.get(deps.database, run.lab_id)
    rest = "I read what is there and make a new plan for the rest. It needs the same approvals."
    if lab is not None and lab.frozen_because is not None:
        rest = "Its state has to be taken in first, which I do as soon as I can. Plan it again then."
    if _goes_on_by_itself(run):
        rest = "I try again by myself."
    made = f"{progress.done} of {plural(progress.total, 'resource')} done"
    said = f"The machine that applied it stopped, with {made}. {rest}"
    with deps.database.transaction():
        done = {"resources_done": progress.done, "resources_total": progress.total}
        if not runs.move(
            deps.database, run.id, RunState.APPLYING, RunState.INTERRUPTED, now, sentence=said, **done
        ):
            return f"{run.lab_name}: somebody else recorded its end"
        tfstate.release_of_run(deps.database, run.id)
        steps.set(deps.database, run.id, "provision", "failed", now)
        presence.note(deps, run)
        audit.append(
            deps.database, now, "innkeeper", "interrupted", run.lab_name, run=run.id, done=progress.done
        )
        # Together with the end: whoever dies in between would leave a plan that nobody makes.
        return f"{run.lab_name}: interrupted, {_planned_again(deps, run)}"


def _goes_on_by_itself(run: Run) -> bool:
    return run.kind == "destroy" and run.cause in lifetime.BY_THEMSELVES


def _planned_again(deps: Deps, run: Run) -> str:
    lab = labs.get(deps.database, run.lab_id)
    if lab is None or lab.frozen_because is not None:
        return "and not planned again before its state is taken in"
    if _goes_on_by_itself(run):
        return "and tried again by itself"
    try:
        with deps.database.transaction():
            start_run(
                deps,
                lab,
                run.kind,
                run.requester,
                f"interrupted {run.id}",
                channel=run.channel,
                variables=run.variables,
                cause="interrupted",
                source=sources.of_run(deps, lab, run)
                if run.branch
                else sources.reviewed(deps, lab.blueprint),
            )
    except (Refused, runs.LabBusy) as refused:
        return f"and not planned again: {refused}"
    return "and planned again"


def digest_of(run: Run) -> str:
    """What an approval is bound to: sources, variables, state, planned changes and the plan file itself. Hex."""
    shown = {
        "lab": run.lab_id,
        "kind": run.kind,
        "sources": run.sources_digest,
        "variables": dict(run.variables),
        "lineage": run.lineage,
        "serial": run.serial,
        "changes": sorted((each.address, each.action) for each in run.changes),
        "plan": run.plan_sha256,
        "branch": [run.branch, run.commit] if run.branch else None,
        "guardrails": asdict(run.verdict) if run.verdict is not None else None,
    }
    return hashlib.sha256(json.dumps(shown, sort_keys=True, default=str).encode()).hexdigest()


def _applied(deps: Deps, run: Run, log: RunLog) -> str:
    now = deps.now()
    lab = labs.get(deps.database, run.lab_id)
    took = duration((now - (run.applying_at or now)).total_seconds())
    with deps.database.transaction():
        steps.set(deps.database, run.id, "provision", "done", now)
        told = {
            "outputs": log.outputs,
            "warnings": tuple(dict.fromkeys((*run.warnings, *log.warnings))),
            "resources_done": log.progress.done,
            "resources_total": log.progress.total,
            "sentence": drifting.taken_over(deps, run) if run.kind == "refresh" else "",
        }
        what = "destroyed" if run.kind == "destroy" else "applied"
        if run.kind == "apply" and spine.is_left_to_do(deps, run):
            what = "provisioned"  # it is applied once its other steps are done; Terraform needs its token no more
            runs.update(deps.database, run.id, **told, token_sha256=None)
        else:
            runs.move(deps.database, run.id, RunState.APPLYING, RunState.APPLIED, now, **told)
        audit.append(deps.database, now, "innkeeper", what, run.lab_name, run=run.id, digest=run.digest)
        if run.kind == "destroy":
            presence.gone(deps, run, now)
        elif lab is not None and run.kind == "apply":
            made_from = {"commit": run.commit, "branch": run.branch}
            labs.update(deps.database, lab.id, variables=run.variables, **made_from)
            presence.alive(deps, run, lab, now)
    return f"{run.lab_name}: {what} in {took}"


def _why_not(deps: Deps, run: Run, log: RunLog) -> tuple[RunState, str]:
    if log.is_stale:
        return (
            RunState.STALE,
            "The lab has changed since this was planned. Nothing was applied. Plan it again.",
        )
    left = left_behind(deps, run)
    progress = log.progress
    if run.cancelled_by is not None:
        said = f"Stopped by {mention(run.cancelled_by)} with {progress.done} of {progress.total} done. {left}"
        return RunState.CANCELLED, said
    return RunState.FAILED, f"{_ended(plain(log.why())[:1200])} {left}"


def _ended(why: str) -> str:
    """With the full stop that what a program has said may lack."""
    why = why.strip().removesuffix("Output:").strip()
    return why if why.endswith((".", "!", "?")) else f"{why}."


def left_behind(deps: Deps, run: Run) -> str:
    """What the state holds after an apply that did not come to its end."""
    left = tfstate.resources(deps.database, run.lab_id)
    if left == 0:
        return "Nothing was left behind."
    there = "1 resource exists and costs" if left == 1 else f"{left} resources exist and cost"
    if run.kind == "destroy":
        return f"{there} money still."
    return f"{there} money: plan again to finish, or destroy the lab."
