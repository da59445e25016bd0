"""How a run begins: queued with its card and its steps, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands import consuming
from commands.blueprint import approvals_needed
from commands.blueprints import sources
from commands.blueprints.records import Blueprint
from commands.blueprints.sources import Source
from commands.costs import budgeting
from commands.deps import Deps
from commands.request import id_from
from commands.words import code, listed
from state import audit, cards, outbox, runs, steps
from state.records import STEP_NAMES, Card, Lab, OutboxMessage, Person, Run, RunKind, StepName, StepState
from state.transitions import RunState

_TAKEN_BACK: tuple[StepName, ...] = ("provision", "secure", "integrate")  # before a lab is destroyed


def start_run(
    deps: Deps,
    lab: Lab,
    kind: RunKind,
    requester: Person,
    cause_id: str,
    *,
    channel: str,
    variables: Mapping[str, Any] | None = None,
    cause: str = "asked",
    approvals: Mapping[str, int] | None = None,
    source: Source | None = None,
) -> Run:
    """Queue a plan of a lab, with its card and steps. cause_id makes the run's id, so the same cause is one run.

    approvals: role → people, where it is not for the blueprint to say: none for what its lifetime destroys.
    source: what it is planned from, where that is not what the lab is made from.
    Call it inside a transaction. Raises runs.LabBusy when the lab has a run that must end first.
    """
    source = source or sources.of_lab(deps, lab, kind)
    blueprint = source.blueprint
    now = deps.now()
    needed, self_approval, notice = approvals_for(deps, lab, kind, requester, blueprint)
    run = Run(
        id=id_from(cause_id),
        lab_id=lab.id,
        lab_name=lab.name,
        kind=kind,
        state=RunState.QUEUED,
        requester=requester,
        channel=channel or lab.channel,
        variables=lab.variables if variables is None else variables,
        sealed_variables=lab.sealed_variables,
        approvals_needed=needed if approvals is None else approvals,
        self_approval=self_approval,
        second_factor=blueprint.second_factor and kind != "refresh",
        created_at=now,
        cause=cause,
        commit=lab.commit if kind == "refresh" else source.commit,
        branch=lab.branch if kind == "refresh" else source.branch,
        branch_commit=source.branch_commit,
        cost_per_hour_cents=blueprint.cost.per_hour_cents if kind == "apply" else None,
        notice=" ".join(each for each in (notice, source.notice, _held_back(source)) if each),
    )
    consuming.began(deps, lab, blueprint, run)
    if kind != "refresh":
        runs.supersede(deps.database, lab.id, now, "refresh")  # a look for drift can wait
    runs.create(deps.database, run)
    if kind != "refresh":
        steps.start_all(deps.database, run.id, _steps_of(blueprint, run))
    if cause != "drift":  # what nobody asked for has a card once there is something to tell
        cards.create(deps.database, Card(id=id_from(f"card {run.id}"), run_id=run.id, channel=run.channel))
    if source.diff:
        outbox.add(deps.database, _diff(deps, run, source))
    who = requester.key if cause != "drift" else "innkeeper"
    detail = {"run": run.id, "kind": kind, "commit": run.commit, "branch": run.branch, "cause": cause}
    audit.append(deps.database, now, who, "requested", lab.name, **detail)
    return run


def approvals_for(
    deps: Deps, lab: Lab, kind: RunKind, requester: Person, blueprint: Blueprint
) -> tuple[dict[str, int], bool, str]:
    """Role → people, whether the requester may be one of them, and what is to be known of that."""
    asked, self_approval = approvals_needed(blueprint, kind)
    needed, notice = budgeting.reviewed(deps.database, lab, kind, asked, deps.now())
    warning, owners = consuming.left_without(deps, lab, requester) if kind == "destroy" else ("", {})
    said = " ".join(each for each in (notice, warning) if each)
    return {**needed, **owners}, self_approval, said


def _held_back(source: Source) -> str:
    held = source.branch_commit.held_back if source.branch_commit is not None else ()
    return f"Until it is merged, not as the branch asks: {listed(held)}." if held else ""


def _diff(deps: Deps, run: Run, source: Source) -> OutboxMessage:
    return OutboxMessage(
        id=id_from(f"diff {run.id}"),
        channel="",
        text=f"What {code(source.branch, 80)} changes of what was reviewed.",
        due_at=deps.now(),
        run_id=run.id,
        file_name="branch.diff",
        body=source.diff,
    )


def _steps_of(blueprint: Blueprint, run: Run) -> dict[StepName, StepState]:
    """The steps that a run goes through wait, the others are skipped."""
    wanted = blueprint.steps
    if run.kind == "destroy":
        wanted = tuple(name for name in wanted if name in _TAKEN_BACK)
    if run.cause == "rekey":
        wanted = ("provision",)
    return {name: "waiting" if name in wanted else "skipped" for name in STEP_NAMES}
