"""Drift: labs are looked at in quiet moments, and what has changed outside is planned back or accepted.

A look is a run of kind `refresh`. It touches nothing, and gives way to every other plan of its lab.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.approvals import not_waiting, refuse_moved, shown_run
from commands.deps import Deps
from commands.labs import lab_called, require_may_run
from commands.request import Outcome, Refused, Request, id_from
from commands.starting import start_run
from commands.words import ago
from state import audit, labs, runs
from state import drift as looks
from state.records import Lab
from state.transitions import RunState

CAUSE = "drift"
EACH_LAB_EVERY = timedelta(days=1)
LEFT_ALONE = timedelta(hours=1)  # after its apply, or after the last look


def sweep(deps: Deps, now: datetime) -> str:
    """Look at one lab, if it is a quiet moment and the last look was long enough ago."""
    lab = looks.next_lab(deps.database, now - LEFT_ALONE)
    if lab is None:
        return "there is no lab to look at"
    last_at = looks.last_look_at(deps.database)
    pause = EACH_LAB_EVERY / max(1, looks.labs_there(deps.database))
    if last_at is not None and timedelta(0) <= now - last_at < pause:
        return "the last look was a moment ago"
    if not looks.is_quiet(deps.database):
        return "plans come first"
    cause_id = f"drift {lab.id} {lab.drift_checked_at}"
    try:
        with deps.database.transaction():
            if not looks.begin(deps.database, lab, now):
                return f"{lab.name}: another bot looks at it"
            start_run(deps, lab, "refresh", lab.owner, cause_id, channel=lab.channel, cause=CAUSE)
    except runs.LabBusy:
        return f"{lab.name}: is busy"
    except Refused as refused:  # its blueprint is gone or broken: the others must have their turn
        looks.begin(deps.database, lab, now)
        return f"{lab.name}: {refused.sentence}"
    return f"{lab.name}: looks whether it has drifted"


def ask(request: Request, deps: Deps) -> Outcome:
    """`/lab drift NAME`: look now. Its card answers, also when nothing has changed."""
    if len(request.words) != 3:
        raise Refused("Say which lab to look at.", "/lab drift demo")
    lab = lab_called(deps, request.words[2])
    require_may_run(request, lab)
    if lab.applied_at is None or lab.asleep_at is not None:
        raise Refused(f"Nothing of *{lab.name}* is there, so nothing can drift.", f"/lab show {lab.name}")
    if lab.frozen_because is not None:
        raise Refused(f"*{lab.name}* is frozen: {lab.frozen_because}", f"/lab show {lab.name}")
    now = deps.now()
    try:
        with deps.database.transaction():
            if runs.get(deps.database, id_from(request.id)) is not None:
                return Outcome()
            runs.supersede(deps.database, lab.id, now, "refresh")
            labs.touch(deps.database, lab, now, request.person, "/lab drift")
            labs.update(deps.database, lab.id, drift_checked_at=now)
            start_run(deps, lab, "refresh", request.person, request.id, channel=request.channel)
    except runs.LabBusy as busy:
        doing = busy.run.state if busy.run is not None else "busy"
        said = f"*{lab.name}* has a plan that is {doing}. Wait for its end, or stop it: then I can look."
        raise Refused(said, f"/lab cancel {lab.name}") from None
    return Outcome()


def accept(request: Request, deps: Deps) -> Outcome:
    """The `Accept` button, its value `RUN:DIGEST`: the state takes over exactly what was shown."""
    run = shown_run(request, deps)
    lab = labs.get(deps.database, run.lab_id)
    if run.kind != "refresh" or lab is None or lab.gone_at is not None:
        raise Refused("There is nothing to accept here. Look at the newest card of the lab.")
    require_may_run(request, lab)
    refuse_moved(deps, run)
    now = deps.now()
    with deps.database.transaction():
        accepted = {"requester": request.person, "sentence": ""}
        if not runs.move(deps.database, run.id, RunState.PROPOSED, RunState.APPROVED, now, **accepted):
            raise not_waiting(runs.get(deps.database, run.id) or run)
        labs.touch(deps.database, lab, now, request.person, "Accept")
        detail = {"run": run.id, "digest": run.digest}
        audit.append(deps.database, now, request.person.key, "accepted", lab.name, **detail)
    return Outcome(f"The state of *{lab.name}* takes over what is there. Nothing of the lab is changed.")


def last_look(deps: Deps, lab: Lab, now: datetime) -> list[str]:
    """When the lab was looked at last, and what came of it, as `/lab show` says it. Empty: it never was."""
    run = looks.last_of(deps.database, lab.id)
    if run is None:
        return []
    when = f"Looked for changes from outside {ago(run.created_at, now)}"
    again = f"`/lab drift {lab.name}` looks again."
    if run.state in (RunState.QUEUED, RunState.PLANNING):
        return ["Looking for changes from outside now."]
    if run.state == RunState.FAILED and run.applying_at is None:
        return [f"{when}, and could not: {run.sentence} {again}"]
    if run.state == RunState.APPLIED:
        return [f"{when}: what was found was accepted."]
    if run.state == RunState.PROPOSED:
        return [f"{when}: it has drifted, as its card says."]
    if run.state == RunState.NO_CHANGES and not run.changes:
        return [f"{when}: there were none."]
    found = "it had drifted" if run.changes else "another plan came first"
    return [f"{when}: {found}. {again}"]
