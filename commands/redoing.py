"""Steps that are done again without a plan: `Retry step`, and what `/lab deploy` and `/lab test` ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.blueprints import sources
from commands.blueprints.sources import Source
from commands.deps import Deps
from commands.labs import require_may_run
from commands.request import Outcome, Refused, Request, id_from
from commands.words import listed
from state import audit, cards, labs, runs, steps
from state.records import STEP_NAMES, Card, Lab, Person, Run, StepName, StepState
from state.transitions import RunState


def start_steps(
    deps: Deps,
    lab: Lab,
    requester: Person,
    cause_id: str,
    only: tuple[StepName, ...],
    *,
    channel: str = "",
    options: Mapping[str, Any] | None = None,
    states: Mapping[StepName, StepState] | None = None,
) -> Run:
    """Begin some steps of a lab that is there, with a card. cause_id makes the run's id, so a cause is one run.

    states: what is shown of the other steps. Raises Refused when the lab has nothing to do them on, or is busy.
    """
    source = _checked(deps, lab, only)
    now = deps.now()
    run = Run(
        id=id_from(cause_id),
        lab_id=lab.id,
        lab_name=lab.name,
        kind="steps",
        state=RunState.APPROVED,  # it changes nothing that was not approved with the lab's plan
        requester=requester,
        channel=channel or lab.channel,
        variables=options or {},
        sealed_variables=None,
        approvals_needed={},
        self_approval=False,
        created_at=now,
        commit=source.commit,
        branch=source.branch,
    )
    others: dict[StepName, StepState] = {**dict.fromkeys(STEP_NAMES, "skipped"), **(states or {})}
    with deps.database.transaction():
        if runs.get(deps.database, run.id) is not None:
            return run
        runs.supersede(deps.database, lab.id, now, "refresh")
        try:
            runs.create(deps.database, run)
        except runs.LabBusy as busy:
            doing = busy.run.state if busy.run is not None else "busy"
            raise Refused(
                f"*{lab.name}* is {doing} right now. Wait for its end, or stop it.", f"/lab cancel {lab.name}"
            ) from None
        steps.start_all(deps.database, run.id, {**others, **dict.fromkeys(only, "waiting")})
        cards.create(deps.database, Card(id=id_from(f"card {run.id}"), run_id=run.id, channel=run.channel))
        labs.touch(deps.database, lab, now, requester, f"/lab {only[0] if len(only) == 1 else 'steps'}")
        detail = {"run": run.id, "kind": run.kind, "steps": list(only)}
        audit.append(deps.database, now, requester.key, "requested", lab.name, **detail)
    return run


def _checked(deps: Deps, lab: Lab, only: tuple[StepName, ...]) -> Source:
    """What to do these steps from. Raises Refused when the lab has nothing to do them on."""
    source = sources.of_lab(deps, lab)
    blueprint = source.blueprint
    unknown = [name for name in only if name not in blueprint.steps]
    if unknown:
        raise Refused(
            f"The blueprint of *{lab.name}* asks for {listed(list(blueprint.steps))}, and not for "
            f"{listed(unknown)}.",
            f"/lab show {lab.name}",
        )
    if lab.applied_at is None or lab.asleep_at is not None:
        raise Refused(f"Nothing of *{lab.name}* is there yet.", f"/lab show {lab.name}")
    if lab.frozen_because is not None:
        raise Refused(f"*{lab.name}* is frozen: {lab.frozen_because}", f"/lab show {lab.name}")
    return source


def retry(request: Request, deps: Deps) -> Outcome:
    """The `Retry step` button: the step that failed, and those after it, once for each failure."""
    run = runs.get(deps.database, request.words[1])
    lab = labs.get(deps.database, run.lab_id) if run is not None else None
    if run is None or lab is None or lab.gone_at is not None:
        raise Refused("That lab is gone, so there is nothing left to do.", "/lab list all")
    require_may_run(request, lab)
    before = {step.name: step.state for step in steps.of_run(deps.database, run.id)}
    left = tuple(name for name in STEP_NAMES if before.get(name) in ("failed", "waiting", "running"))
    if run.state not in (RunState.FAILED, RunState.CANCELLED) or not left or before["provision"] == "failed":
        raise Refused("No step of this run waits to be done again.", f"/lab show {lab.name}")
    options = run.variables if run.kind == "steps" else {}
    states = {name: state for name, state in before.items() if name not in left}
    start_steps(
        deps,
        lab,
        request.person,
        f"retry {run.id}",
        left,
        channel=request.channel,
        options=options,
        states=states,
    )
    return Outcome()
