"""New root keys: every lab whose module takes trusted_ssh_keys follows the keys of today's operators.

A wish is recorded for each such lab, and stays until a plan that was made after it is applied. A run that fulfils it
is planned as any other; it needs no approval where the blueprint says so and nothing else would be touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from commands.authorise import admins
from commands.blueprint import Blueprint
from commands.blueprints import sources
from commands.deps import Deps
from commands.engines.terraform.references import touches_only
from commands.engines.vault.protocol import VaultError
from commands.request import Refused, id_from
from commands.starting import start_run
from commands.words import plural
from state import labs, rekeys, runs
from state.records import Lab, Person, Run
from state.rekeys import Rekey, RekeyCause
from state.transitions import RunState

VARIABLE = "trusted_ssh_keys"
CAUSE = "rekey"
_PAUSE, _LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=1)
_RUNS_LOOKED_AT = 50
_JUDGED = {RunState.REJECTED: "rejected", RunState.CANCELLED: "stopped"}
_OLD_PLANS = (RunState.PLANNING, RunState.PROPOSED, RunState.APPROVED)


def want(
    deps: Deps,
    person: Person,
    because: RekeyCause,
    requester: Person | None,
    cause: str,
    leaving_id: str | None = None,
) -> str:
    """The person's keys changed: record the wish for every lab that has them, and begin. Says where, or nothing.

    The same cause is one wish. After a removal no older plan is applied: it would bring the old keys back.
    """
    now = deps.now()
    found = [lab for lab in labs.all_living(deps.database) if _has_root_keys(deps, lab, because)]
    wishes = [
        Rekey(
            id_from(f"rekey {cause} {lab.id}"), lab.id, person, because, requester, now, leaving_id=leaving_id
        )
        for lab in found
    ]
    with deps.database.transaction():
        new = [wish for wish in wishes if rekeys.add(deps.database, wish)]
        if because == "removed" and (
            new or not wishes
        ):  # else somebody else, who saw to the same, has done it
            _forget_older(deps, person, now, but={wish.id for wish in wishes})
            _end_older_plans(deps, now)
    sweep(deps, now)
    return f"New root keys are planned for {plural(len(found), 'lab')}: see their cards." if found else ""


def sweep(deps: Deps, now: datetime) -> str:
    """Look at every wish: end those that came true, start a run for those that can have one now."""
    by_lab: dict[str, list[Rekey]] = {}
    for wish in rekeys.waiting(deps.database):
        by_lab.setdefault(wish.lab_id, []).append(wish)
    started = sum(_look(deps, lab_id, wishes, now) for lab_id, wishes in by_lab.items())
    return f"started {plural(started, 'run')} for new root keys, {len(rekeys.waiting(deps.database))} wait"


def goes_by_itself(deps: Deps, run: Run, blueprint: Blueprint, shown: Mapping[str, Any]) -> bool:
    """Whether a plan for new root keys may be applied without anybody's approval. shown: Terraform's `show -json`."""
    wishes = rekeys.of_run(deps.database, run.id)
    lab = labs.get(deps.database, run.lab_id)
    if run.cause != CAUSE or run.kind != "apply" or lab is None or run.commit != lab.commit:
        return False  # with another blueprint it is another plan
    return is_allowed(blueprint, wishes) and touches_only(shown, VARIABLE)


def is_allowed(blueprint: Blueprint, wishes: Sequence[Rekey]) -> bool:
    """Whether the blueprint lets what these wishes ask for be applied by itself."""
    removal = any(wish.because == "removed" for wish in wishes)
    return blueprint.rekey == "auto" or (blueprint.rekey == "removals" and removal)


def _has_root_keys(deps: Deps, lab: Lab, because: RekeyCause) -> bool:
    """Whether keys of operators may be on it: it was applied or is being applied, and its module takes them."""
    active = runs.active_of(deps.database, lab.id)
    if lab.applied_at is None and (active is None or active.state is not RunState.APPLYING):
        return False
    try:
        return takes_root_keys(deps, lab)
    except Refused:  # its blueprint is gone, so nobody knows: after a removal that must not be forgotten
        return because == "removed"


def takes_root_keys(deps: Deps, lab: Lab) -> bool:
    """Whether the lab's module declares the variable. Raises Refused when its blueprint is gone."""
    return VARIABLE in deps.terraform.declared(sources.of_lab(deps, lab).blueprint.module)


def _forget_older(deps: Deps, person: Person, now: datetime, but: set[str]) -> None:
    for wish in rekeys.waiting(deps.database):
        if wish.person == person and wish.id not in but:
            rekeys.end(deps.database, wish.id, now, "somebody was seen out since")


def _end_older_plans(deps: Deps, now: datetime) -> None:
    said = (
        "An operator was seen out since this was planned, and it would bring their keys back. Plan it again."
    )
    for run in runs.in_state(deps.database, *_OLD_PLANS):
        lab = labs.get(deps.database, run.lab_id)
        try:
            # A branch's sources are not looked at here: the guardrails may not have seen them yet.
            takes = lab is not None and (bool(run.branch) or takes_root_keys(deps, lab))
            holds_keys = takes and run.kind == "apply"
        except Refused:
            holds_keys = False
        if holds_keys:
            runs.move(deps.database, run.id, run.state, RunState.STALE, now, sentence=said)


def _look(deps: Deps, lab_id: str, wishes: Sequence[Rekey], now: datetime) -> bool:
    """See to the wishes of one lab. Whether a run was started."""
    lab = labs.get(deps.database, lab_id)
    if lab is None or lab.gone_at is not None:
        return _end(deps, wishes, now, "the lab is gone")
    open_wishes = [wish for wish in wishes if not _came_true(deps, wish, now)]
    active = runs.active_of(deps.database, lab_id)
    if not open_wishes:
        return False
    if active is not None and active.kind != "refresh":
        own = active.cause == CAUSE and active.state is RunState.PROPOSED
        return _wait(deps, open_wishes, f"{lab.name} waits for approvals" if own else f"{lab.name} is busy")
    if lab.applied_at is None:
        return _end(deps, open_wishes, now, "nothing was made")
    last = next((wish.run_id for wish in reversed(open_wishes) if wish.run_id is not None), None)
    before = runs.get(deps.database, last) if last is not None else None
    if before is not None and before.state in _JUDGED:
        return _end(deps, open_wishes, now, f"{lab.name}: the plan was {_JUDGED[before.state]}")
    if lab.frozen_because is not None:
        return _wait(deps, open_wishes, f"{lab.name} is frozen")
    if lab.asleep_at is not None:  # it comes back with today's keys
        return _wait(deps, open_wishes, f"{lab.name} is asleep")
    if any(wish.next_at is not None and now < wish.next_at for wish in open_wishes):
        return False
    return _start(deps, lab, open_wishes, now)


def _came_true(deps: Deps, wish: Rekey, now: datetime) -> bool:
    """Whether a plan that was made after the wish has come to a good end, whoever asked for it."""
    for run in runs.of_lab(deps.database, wish.lab_id, _RUNS_LOOKED_AT):
        good = run.state in (RunState.APPLIED, RunState.NO_CHANGES)
        is_later = run.created_at > wish.wanted_at or run.id == wish.run_id
        if good and run.kind == "apply" and is_later:
            rekeys.end(deps.database, wish.id, now, "replaced")
            return True
    return False


def _start(deps: Deps, lab: Lab, wishes: Sequence[Rekey], now: datetime) -> bool:
    attempt = max(wish.attempts for wish in wishes) + 1
    next_at = now + min(_PAUSE * attempt, _LONGEST_PAUSE)
    try:
        requester = _requester(deps, wishes)
        cause_id = f"rekey {wishes[-1].id} {attempt}"
        with deps.database.transaction():
            run = start_run(deps, lab, "apply", requester, cause_id, channel=lab.channel, cause=CAUSE)
            for wish in wishes:
                rekeys.update(
                    deps.database, wish.id, run_id=run.id, attempts=attempt, next_at=next_at, sentence=""
                )
    except (Refused, VaultError) as refused:
        return _wait(deps, wishes, f"{lab.name}: {refused.sentence}")
    except runs.LabBusy:
        return _wait(deps, wishes, f"{lab.name} is busy")
    return True


def _requester(deps: Deps, wishes: Sequence[Rekey]) -> Person:
    """Whoever changed what made the wish, or the admin that is longest known. Raises Refused, VaultError."""
    for wish in reversed(wishes):
        operator = deps.vault.operator(wish.requester) if wish.requester is not None else None
        if operator is not None and operator.roles:
            return operator.person
    found = admins(deps.vault)
    if not found:
        raise Refused("there is no admin in whose name it could be planned.")
    return found[0].person


def _wait(deps: Deps, wishes: Sequence[Rekey], sentence: str) -> bool:
    for wish in wishes:
        if wish.sentence != sentence:
            rekeys.update(deps.database, wish.id, sentence=sentence)
    return False


def _end(deps: Deps, wishes: Sequence[Rekey], now: datetime, sentence: str) -> bool:
    for wish in wishes:
        rekeys.end(deps.database, wish.id, now, sentence)
    return False
