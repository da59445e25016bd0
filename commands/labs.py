"""`/lab up, plan, down, cancel, unlock`: what makes runs, and what stops them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from commands import audience, consuming
from commands.authorise import may_run
from commands.blueprint import Blueprint, check_values, written
from commands.blueprints import sources
from commands.blueprints.records import checked_ttl
from commands.blueprints.sources import Source
from commands.deps import Deps
from commands.forms import up_form
from commands.forms.secret_form import sealed_secrets, secret_form, words_of
from commands.grammar import assignments, lab_name
from commands.lab_names import holds_nothing, is_free, is_leftover, taken
from commands.request import Outcome, Refused, Request, id_from
from commands.starting import approvals_for, start_run
from commands.words import ago, mention, nearest
from state import audit, labs, runs, tfstate
from state.records import Lab, Person, Run, RunKind
from state.transitions import RunState


def up(request: Request, deps: Deps) -> Outcome:
    """`/lab up BLUEPRINT[@BRANCH] [NAME] [VAR=VALUE…] [ttl=8h]`: make a lab and its first plan. Alone: a form."""
    if len(request.words) == 2:
        return Outcome(form=up_form.form(request, deps))
    values, ttl_seconds, rest = assignments(request.words[2:])
    if not 1 <= len(rest) <= 2:
        raise Refused(
            "Say which blueprint, and how to call the lab. `/lab catalog` shows the blueprints.",
            "/lab up sandbox demo",
        )
    name = lab_name(rest[1]) if len(rest) == 2 else ""
    source = sources.asked_for(deps, rest[0])
    blueprint = source.blueprint
    name = name or f"{blueprint.name[:30]}-{id_from(request.id, 4)}"
    variables = check_values(blueprint, values)
    consuming.require_may_consume(request, deps, blueprint, variables)
    ttl_seconds = checked_ttl(blueprint.lifetime, ttl_seconds, f"/lab up {blueprint.name} {name}")
    if runs.get(deps.database, id_from(request.id)) is not None:
        return Outcome()
    if not is_free(deps, request.person, name):
        raise taken(name)
    now = deps.now()
    lab = Lab(
        id=id_from(f"lab {request.id}"),
        name=name,
        blueprint=blueprint.name,
        commit=source.commit,
        branch=source.branch,
        owner=request.person,
        channel=request.channel,
        variables=variables,
        sealed_variables=None,
        cost_per_hour_cents=blueprint.cost.per_hour_cents or 0,
        currency=blueprint.cost.currency,
        ttl_seconds=ttl_seconds,
        created_at=now,
        last_active_at=now,
        last_active_by=request.person,
        last_active_how="/lab up",
        lifetime=blueprint.lifetime,
    )
    channel = _channel_for(request, deps, lab, "apply", source)
    secret_names = [variable.name for variable in blueprint.variables.values() if variable.from_form]
    if secret_names:
        if request.sealed_form is None:
            return Outcome(form=secret_form(blueprint, secret_names, name, request.words))
        sealed = sealed_secrets(deps, blueprint, request.sealed_form, lab.id)
        lab = replace(lab, sealed_variables=sealed)
    with deps.database.transaction():
        _discard_leftover(deps, request.person, name, now)
        try:
            labs.create(deps.database, lab)
        except labs.NameTaken:
            raise taken(name) from None
        start_run(deps, lab, "apply", request.person, request.id, channel=channel, source=source)
    return Outcome()


def up_with_secrets(request: Request, deps: Deps) -> Outcome:
    """The form that `up` opened came back: its words are in the form's value, its secrets sealed."""
    return up(replace(request, words=words_of(request.words[1])), deps)


def plan(request: Request, deps: Deps) -> Outcome:
    """`/lab plan NAME [VAR=VALUE…]`: plan a lab again, with other values if any are given."""
    values, ttl_seconds, rest = assignments(request.words[2:])
    if len(rest) != 1 or ttl_seconds is not None:
        raise Refused("Say which lab to plan, and what to change.", "/lab plan demo size=large")
    lab = lab_called(deps, rest[0])
    require_may_run(request, lab)
    source = sources.again(deps, lab, lab.branch)
    variables = values_for(source.blueprint, lab, values)
    consuming.require_may_consume(request, deps, source.blueprint, variables)
    return plan_again(request, deps, lab, "apply", variables, request.id, source)


def values_for(blueprint: Blueprint, lab: Lab, given: Mapping[str, str]) -> dict[str, Any]:
    """What a lab's module is given now: what it had, where the blueprint still has that, and what is given. Refused."""
    kept = {key: written(value) for key, value in lab.variables.items() if key in blueprint.variables}
    return check_values(blueprint, {**kept, **given})


def replan(request: Request, deps: Deps) -> Outcome:
    """The `Re-plan` button: the same wish as the run on that card, planned against what is there now, once."""
    lab = _lab_meant(request, deps, "", "")
    require_may_run(request, lab)
    run = runs.get(deps.database, request.words[1])
    if run is None:
        return Outcome()
    kind: RunKind = "apply" if run.kind == "refresh" else run.kind  # what has drifted is brought back
    source = sources.again(deps, lab, run.branch) if kind == "apply" else None
    return plan_again(request, deps, lab, kind, run.variables, f"replan {run.id}", source)


def down(request: Request, deps: Deps) -> Outcome:
    """`/lab down NAME`, and the `Destroy` button: plan the destruction. A lab that holds nothing is gone at once."""
    lab = _lab_meant(request, deps, "Say which lab to destroy.", "/lab down demo")
    require_may_run(request, lab)
    if holds_nothing(deps, lab):
        active = runs.active_of(deps.database, lab.id)
        if active is not None and active.state in (RunState.APPROVED, RunState.APPLYING):
            raise _busy(lab, active)
        with deps.database.transaction():
            given_up = "The lab was given up before this was applied."
            runs.supersede(deps.database, lab.id, deps.now(), sentence=given_up)
            labs.leave(deps.database, lab.id, deps.now())
            audit.append(deps.database, deps.now(), request.person.key, "discarded", lab.name)
        return Outcome(f"*{lab.name}* had nothing yet, so it is simply gone. Its history stays.")
    return plan_again(request, deps, lab, "destroy", lab.variables, request.id)


def cancel(request: Request, deps: Deps) -> Outcome:
    """`/lab cancel NAME`, and the `Cancel` button: stop what is under way, and say what was left behind."""
    lab = _lab_meant(request, deps, "Say which lab's run to stop.", "/lab cancel demo")
    require_may_run(request, lab)
    now = deps.now()
    with deps.database.transaction():  # so that it cannot become proposed between our look and our word
        run = runs.active_of(deps.database, lab.id)
        if run is None:
            raise Refused(f"Nothing is under way for *{lab.name}*.", f"/lab show {lab.name}")
        labs.touch(deps.database, lab, now, request.person, "/lab cancel")
        audit.append(
            deps.database, now, request.person.key, "cancelled", lab.name, run=run.id, state=run.state
        )
        if run.state in (RunState.PLANNING, RunState.APPLYING):
            runs.update(deps.database, run.id, cancelled_by=request.person)
            return Outcome(f"I am stopping *{lab.name}*. Its card will say what was left behind.")
        said = f"Cancelled by {mention(request.person)}. Nothing was changed."
        stopped = {"cancelled_by": request.person, "sentence": said}
        runs.move(deps.database, run.id, run.state, RunState.CANCELLED, now, **stopped)
    return Outcome(f"Cancelled. Nothing of *{lab.name}* was changed.")


def unlock(request: Request, deps: Deps) -> Outcome:
    """`/lab unlock NAME`: release a lab's state lock by hand, and say whose it was."""
    if len(request.words) != 3:
        raise Refused("Say which lab's state to unlock.", "/lab unlock demo")
    lab = lab_called(deps, request.words[2])
    require_may_run(request, lab)
    lock = tfstate.lock_of(deps.database, lab.id)
    if lock is None:
        return Outcome(f"The state of *{lab.name}* is not locked.")
    if lock.holder.startswith("run:"):
        run = runs.get(deps.database, lock.holder.removeprefix("run:"))
        if run is not None and run.state in (RunState.PLANNING, RunState.APPLYING):
            raise Refused(
                f"A run of *{lab.name}* that is {run.state} holds the lock. Stop it first.",
                f"/lab cancel {lab.name}",
            )
    now = deps.now()
    with deps.database.transaction():
        tfstate.release(deps.database, lab.id)
        labs.touch(deps.database, lab, now, request.person, "/lab unlock")
        audit.append(
            deps.database,
            now,
            request.person.key,
            "unlocked",
            lab.name,
            holder=lock.holder,
            lock=lock.lock_id,
        )
    return Outcome(
        f"The state of *{lab.name}* is unlocked. The lock was {holder_words(lock.holder)}, "
        f"taken {ago(lock.locked_at, now)}."
    )


def lab_called(deps: Deps, name: str) -> Lab:
    """The living lab of that name. Raises Refused with the nearest name there is."""
    lab = labs.living(deps.database, name)
    if lab is not None:
        return lab
    lab_name(name)  # a word that could not be a name is told so
    names = [each.name for each in labs.all_living(deps.database)]
    near = nearest(name, names)
    if near is not None:
        raise Refused(f"There is no lab `{name}`. Did you mean `{near}`?", f"/lab show {near}")
    raise Refused(f"There is no lab `{name}`.", "/lab list all")


def _lab_meant(request: Request, deps: Deps, question: str, example: str) -> Lab:
    """The lab that a command names, or the one whose card was clicked: never a later lab of the same name."""
    if request.words[0] == "lab":
        if len(request.words) != 3:
            raise Refused(question, example)
        return lab_called(deps, request.words[2])
    run = runs.get(deps.database, request.words[1])
    lab = labs.get(deps.database, run.lab_id) if run is not None else None
    if lab is None or lab.gone_at is not None:
        raise Refused("That lab is gone, so there is nothing left to do.", "/lab list all")
    return lab


def require_may_run(request: Request, lab: Lab) -> None:
    """Raise Refused unless the person may change this lab: its owner, or an infra person."""
    if request.operator is None or not may_run(request.operator, lab.owner):
        raise Refused(
            f"*{lab.name}* is {mention(lab.owner)}'s lab. Its owner and infra people may do that.",
            "/lab list mine",
        )


def holder_words(holder: str) -> str:
    """`run:abc` or `T1-U1`, as a person reads it."""
    if holder.startswith("run:"):
        return f"the run `{holder.removeprefix('run:')}`'s"
    try:
        return f"{mention(Person.parse(holder))}'s"
    except ValueError:
        return f"`{holder}`'s"


def plan_again(
    request: Request,
    deps: Deps,
    lab: Lab,
    kind: RunKind,
    variables: Mapping[str, Any],
    cause_id: str,
    source: Source | None = None,
) -> Outcome:
    """Queue a plan in the place of the one that waits. Of a button that is pressed twice, the first press counts.

    source: what it is planned from, where that is not what the lab is made from.
    """
    if lab.frozen_because is not None:
        raise Refused(f"*{lab.name}* is frozen: {lab.frozen_because}", f"/lab show {lab.name}")
    channel = _channel_for(request, deps, lab, kind, source)
    now = deps.now()
    try:
        with deps.database.transaction():
            active = runs.active_of(deps.database, lab.id)
            asked_before = runs.get(deps.database, id_from(cause_id)) is not None
            pressed = request.words[0] != "lab"
            if pressed and kind == "destroy" and active is not None and active.kind == "destroy":
                asked_before |= active.state not in (RunState.APPROVED, RunState.APPLYING)
            if asked_before:
                return Outcome(f"*{lab.name}* is planned again: look at its newest card." if pressed else "")
            runs.supersede(deps.database, lab.id, now)
            if kind == "apply":  # to destroy it is no use of it
                labs.touch(deps.database, lab, now, request.person, "Re-plan" if pressed else "/lab plan")
            start_run(
                deps,
                lab,
                kind,
                request.person,
                cause_id,
                channel=channel,
                variables=variables,
                source=source,
            )
    except runs.LabBusy:
        active = runs.active_of(deps.database, lab.id)
        raise _busy(lab, active) from None
    return Outcome()


def _channel_for(request: Request, deps: Deps, lab: Lab, kind: RunKind, source: Source | None) -> str:
    """Where the card of that plan belongs. Raises Refused where those who approve it would not see it."""
    if not audience.is_direct(request.channel or lab.channel):
        return request.channel
    blueprint = (source or sources.of_lab(deps, lab, kind)).blueprint
    needed, self_approval, _ = approvals_for(deps, lab, kind, request.person, blueprint)
    known = labs.get(deps.database, lab.id) is not None
    return audience.channel_for(request, lab.channel if known else "", needed, self_approval)


def _busy(lab: Lab, active: Run | None) -> Refused:
    doing = active.state if active is not None else "busy"
    return Refused(
        f"*{lab.name}* is {doing} right now. Wait for its end, or stop it.", f"/lab cancel {lab.name}"
    )


def _discard_leftover(deps: Deps, person: Person, name: str, now: datetime) -> None:
    lab = labs.living(deps.database, name)
    if lab is not None and is_leftover(deps, lab, person):
        labs.leave(deps.database, lab.id, now)
