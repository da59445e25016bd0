"""`Approve` and `Reject`: one person's word on exactly the plan that they were shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from commands import consuming, words
from commands.authorise import asker_of, operator_of
from commands.blueprints import sources
from commands.blueprints.proposals import RepositoryAway
from commands.deps import Deps
from commands.engines.vault.protocol import Operator
from commands.lifetime import moments as lifetime
from commands.people import factors
from commands.request import Field, Form, NotTrusted, Outcome, Refused, Request, id_from
from commands.words import listed, mention
from state import approvals, audit, cards, runs, tfstate
from state.records import Approval, Decision, Person, Run
from state.transitions import RunState


def approve(request: Request, deps: Deps) -> Outcome:
    """The `Approve` button. Its value is `RUN:DIGEST`, and the digest is what the approval is bound to."""
    run = _for_approval(request, deps)
    if run.second_factor:
        factors.require_one(deps, request.person)
        return Outcome(form=factors.form(run, request.words[1]))
    return _approved(request, deps, run)


def approve_with_code(request: Request, deps: Deps) -> Outcome:
    """The form that `approve` opened came back with the code of the person's second factor."""
    run = _for_approval(request, deps)
    factors.require_code(request, deps)
    return _approved(request, deps, run)


def _for_approval(request: Request, deps: Deps) -> Run:
    """The run that this person may be about to approve. Raises Refused."""
    run = shown_run(request, deps)
    operator, needed = _reviewer(request, deps, run), listed(sorted(run.approvals_needed))
    if request.person == run.requester and not run.self_approval:
        raise Refused(f"You asked for this plan, so {needed} people approve it.")
    if not set(operator.roles) & set(run.approvals_needed):
        raise Refused(f"This plan needs {needed} people, and you hold {listed(operator.roles)}.")
    refuse_moved(deps, run)
    return run


def _approved(request: Request, deps: Deps, run: Run) -> Outcome:
    operator = _reviewer(request, deps, run)
    given = standing_approvals(deps, run)
    with deps.database.transaction():
        now = deps.now()
        waiting = runs.get(deps.database, run.id) or run
        if waiting.state != RunState.PROPOSED:
            raise not_waiting(waiting)
        before = approvals.of_run(deps.database, run.id, run.digest or "")
        if any(each.person == request.person and each.decision == "approve" for each in before):
            return Outcome(f"Your approval of *{run.lab_name}* counts already. {waiting_words(run, before)}")
        role = _role_for(operator, run, before, given, deps)
        _record(request, deps, run, role, now)
        after = approvals.of_run(deps.database, run.id, run.digest or "")  # somebody may have moved over
        if not still_needed(run, after):
            runs.move(deps.database, run.id, RunState.PROPOSED, RunState.APPROVED, now)
        else:
            cards.mark_dirty(deps.database, run.id)
    return Outcome(f"Your approval of *{run.lab_name}* counts for *{role}*. {waiting_words(run, after)}")


def reject(request: Request, deps: Deps) -> Outcome:
    """The `Reject` button: ask for the reason in a form."""
    run = shown_run(request, deps)
    _require_rejecter(request, deps, run)
    return Outcome(
        form=Form(
            action="reject_with_reason",
            value=request.words[1],
            title="Reject the plan",
            submit="Reject",
            introduction=f"The plan of *{run.lab_name}* will not be applied. The reason is shown on its card.",
            fields=(Field(name="reason", label="Reason", hint="What should be different?", multiline=True),),
        )
    )


def reject_with_reason(request: Request, deps: Deps) -> Outcome:
    """The form that `reject` opened came back."""
    run = shown_run(request, deps)
    _require_rejecter(request, deps, run)
    reason = " ".join(request.form.get("reason", "").split())[:500]
    if not reason:
        raise Refused("Say why, so that the requester knows what to change.", "ssh is open to the world")
    now = deps.now()
    mine = _roles(request, deps, run)
    role = next((role for role in sorted(run.approvals_needed) if role in mine), "requester")
    with deps.database.transaction():
        moved = runs.move(
            deps.database,
            run.id,
            RunState.PROPOSED,
            RunState.REJECTED,
            now,
            sentence=f"Rejected by {mention(request.person)} for {role}.",
        )
        if not moved:
            raise not_waiting(runs.get(deps.database, run.id) or run)
        for each in approvals.of_run(deps.database, run.id, run.digest or ""):
            if each.person == request.person:  # they thought again
                approvals.void(deps.database, each.id, now)
        _record(request, deps, run, role, now, reason)
    return Outcome(f"Rejected. *{run.lab_name}* stays as it is.")


def _record(request: Request, deps: Deps, run: Run, role: str, now: datetime, reason: str = "") -> None:
    """The person's word, which the card shows and the audit keeps. A reason: it is a no."""
    decision: Decision = "reject" if reason else "approve"
    digest = run.digest or ""
    word = Approval(id_from(request.id), run.id, digest, request.person, role, decision, reason, now)
    approvals.add(deps.database, word)
    detail: dict[str, Any] = {"run": run.id, "digest": run.digest, "role": role}
    if decision == "approve":
        detail["second_factor"] = run.second_factor
    done = "approved" if decision == "approve" else "rejected"
    audit.append(deps.database, now, request.person.key, done, run.lab_name, **detail)


def standing_approvals(deps: Deps, run: Run) -> dict[Person, Operator]:
    """Who approved this digest and may still do so, as Slack and Vault say now; the others' approvals become void.

    Called at each click and right before the apply, so that the word of somebody who left does not count.
    Raises VaultUnavailable, StandingUnknown.
    """
    standing: dict[Person, Operator] = {}
    for each in approvals.of_run(deps.database, run.id, run.digest or ""):
        if each.decision != "approve":
            continue
        document = _operator_now(deps, each.person)
        if document is not None:
            document = replace(document, roles=consuming.with_owned(deps, document, run))
        if document is not None and each.role in document.roles:
            standing[each.person] = document
        else:
            now = deps.now()
            with deps.database.transaction():
                approvals.void(deps.database, each.id, now)
                audit.append(
                    deps.database,
                    now,
                    "innkeeper",
                    "approval_void",
                    run.lab_name,
                    run=run.id,
                    person=each.person.key,
                )
                cards.mark_dirty(deps.database, run.id)
    return standing


def _operator_now(deps: Deps, person: Person) -> Operator | None:
    try:
        return operator_of(person, deps.vault, deps.standing(person))
    except Refused:
        return None


def require_requester(deps: Deps, run: Run) -> None:
    """Raise Refused when who asked for this run is no operator now. Raises VaultUnavailable, StandingUnknown.

    What is destroyed by itself goes in its owner's name, whoever they are by now.
    """
    if run.kind == "destroy" and run.cause in lifetime.BY_THEMSELVES:
        return
    try:
        asker_of(run.requester, deps.vault, deps.standing)
    except Refused:
        raise Refused(f"{mention(run.requester)} asked for this, and is no trusted operator now.") from None


def still_needed(run: Run, given: list[Approval]) -> dict[str, int]:
    """Role → people that are still missing. Pure."""
    missing = {
        role: count - sum(1 for each in given if each.decision == "approve" and each.role == role)
        for role, count in run.approvals_needed.items()
    }
    return {role: count for role, count in missing.items() if count > 0}


def approved_roles(given: Iterable[Approval]) -> set[str]:
    """The roles of those who approved. Pure."""
    return {each.role for each in given if each.decision == "approve"}


def waiting_words(run: Run, given: list[Approval]) -> str:
    """`Waiting for *security*.`, or that it is applied (or destroyed) now. Pure."""
    missing = still_needed(run, given)
    if not missing:
        return "It is destroyed now." if run.kind == "destroy" else "It is applied now."
    return f"Waiting for {words.roles(missing, approved_roles(given))}."


def state_moved(deps: Deps, run: Run) -> bool:
    """Whether the lab's state is another one than the run was planned against; mere steps were against none."""
    if run.kind == "steps":
        return False
    current = tfstate.current(deps.database, run.lab_id)
    if current is None:
        return run.serial is not None
    return (current.lineage, current.serial) != (run.lineage, run.serial)


def shown_run(request: Request, deps: Deps) -> Run:
    """The proposed run that a button's value `RUN:DIGEST` means, still as it was shown. Raises Refused."""
    if request.person.is_agent:
        raise NotTrusted("An agent proposes and applies, and people approve.")
    run_id, _, digest = request.words[1].partition(":")
    run = runs.get(deps.database, run_id)
    if run is None:
        raise Refused("I do not know that plan. Ask for a new one.", "/lab list all")
    if run.state != RunState.PROPOSED:
        raise not_waiting(run)
    if not digest or digest != run.digest:
        raise Refused("This is not the plan that waits for approval. Look at the newest card of the lab.")
    now = deps.now()
    if run.expires_at is not None and now >= run.expires_at:
        expire(deps, run, now)
        raise not_waiting(runs.get(deps.database, run.id) or run)
    return run


def expire(deps: Deps, run: Run, now: datetime) -> bool:
    """A proposal that waited too long ends."""
    said = "Nobody approved it in time."
    if run.state == RunState.APPROVED:
        said = "It could not be applied in time."
    elif run.kind == "refresh":
        said = f"Nobody said in time what is to be done. `/lab drift {run.lab_name}` looks again."
    return runs.move(deps.database, run.id, run.state, RunState.EXPIRED, now, sentence=said)


def make_stale(deps: Deps, run: Run, now: datetime) -> bool:
    """A plan whose state has moved must not be applied any more."""
    return runs.move(
        deps.database,
        run.id,
        run.state,
        RunState.STALE,
        now,
        sentence="The lab has changed since this was planned. Plan it again to see what would happen now.",
    )


def branch_moved(deps: Deps, run: Run, now: datetime) -> str:
    """Why a run's branch is not what was shown any more; the run is stale then, and its approvals are void.

    Empty: it still is. Raises RepositoryAway, with everything as it was.
    """
    why = sources.why_moved(deps, run)
    if why:
        with deps.database.transaction():
            for each in approvals.of_run(deps.database, run.id, run.digest or ""):
                approvals.void(deps.database, each.id, now)
            said = f"{why} Its approvals are void, and nothing was applied. Plan it again to see what it has now."
            if runs.move(deps.database, run.id, run.state, RunState.STALE, now, sentence=said):
                detail = {"run": run.id, "branch": run.branch, "commit": run.commit}
                audit.append(deps.database, now, "innkeeper", "branch_moved", run.lab_name, **detail)
    return why


def refuse_moved(deps: Deps, run: Run) -> None:
    """Raise Refused for a run whose lab's state, or whose branch, has moved since: it is stale from then on."""
    if state_moved(deps, run):
        if not make_stale(deps, run, deps.now()):  # what has moved it is perhaps the run itself
            raise not_waiting(runs.get(deps.database, run.id) or run)
        raise Refused(f"*{run.lab_name}* has changed since this was planned. Press `Re-plan` on its card.")
    try:
        why = branch_moved(deps, run, deps.now())
    except RepositoryAway as away:
        raise Refused(f"{away.sentence} So nothing was approved. Try again when it answers.") from None
    if why:
        raise Refused(f"{why} Press `Re-plan` on the card of *{run.lab_name}*.")


def not_waiting(run: Run) -> Refused:
    """What somebody is told who presses a button of a run that waits no more."""
    ended = {
        RunState.EXPIRED: "This plan has expired. Press `Re-plan` on its card.",
        RunState.SUPERSEDED: "A newer plan has taken its place. Look at the newest card of the lab.",
        RunState.STALE: "The lab has changed since this was planned. Press `Re-plan` on its card.",
    }
    return Refused(
        ended.get(run.state, f"This plan is {run.state.replace('_', ' ')}, so it waits for nobody.")
    )


def _roles(request: Request, deps: Deps, run: Run) -> tuple[str, ...]:
    return consuming.with_owned(deps, request.operator, run) if request.operator is not None else ()


def _reviewer(request: Request, deps: Deps, run: Run) -> Operator:
    """The person, with all that they may approve this run as."""
    if request.operator is None:
        raise Refused("You are not a trusted operator.")
    return replace(request.operator, roles=consuming.with_owned(deps, request.operator, run))


def _require_rejecter(request: Request, deps: Deps, run: Run) -> None:
    if request.person != run.requester and not set(_roles(request, deps, run)) & set(run.approvals_needed):
        raise Refused(f"This plan is for {listed(sorted(run.approvals_needed))} people to judge.")


def _role_for(
    operator: Operator, run: Run, before: list[Approval], standing: Mapping[Person, Operator], deps: Deps
) -> str:
    """The role that this person's word counts for. Raises Refused when there is none left for them."""
    needed = sorted(run.approvals_needed)
    mine = [role for role in needed if role in operator.roles]
    missing = still_needed(run, before)
    asked: set[str] = set()

    def place(roles: list[str]) -> str | None:
        """One of the roles that is missing, or that somebody leaves who holds another one that is."""
        for role in roles:
            if role in missing:
                return role
        for each in before:
            if each.role in roles and each.id not in asked and each.person in standing:
                asked.add(each.id)
                other = place([role for role in needed if role in standing[each.person].roles])
                if other is not None:
                    approvals.change_role(deps.database, each.id, other)
                    return each.role
        return None

    role = place(mine)
    if role is None:
        raise Refused(f"Enough {listed(mine)} people have approved already. {waiting_words(run, before)}")
    return role
