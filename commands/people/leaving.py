"""What ends with a person: their document, what they hold, what they approved, their second factor, their root keys.

The intent is recorded first. walk() then does each part, and may be called again at any time: what is done stays done,
what could not be done is tried again by sweep() until it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from commands.approvals import still_needed
from commands.authorise import StandingUnknown, admins
from commands.deps import Deps
from commands.engines.vault.protocol import ENDED, Operator, VaultError
from commands.grants import issuing, rekeying
from commands.grants.reveals import tell, tell_admins
from commands.operators import last_admin, named, refuse_last_admin, remove_button
from commands.people.leaving_report import report, what_ends
from commands.request import Button, Outcome, Refused, Request, id_from
from commands.words import mention, plural
from state import approvals, audit, factors, grants, leavings, rekeys, runs
from state.leavings import Leaving, LeavingCause
from state.records import Person
from state.transitions import RunState


def ask(request: Request, deps: Deps) -> Outcome:
    """`/operator remove @USER`: who holds nothing goes at once; else what would end, and the button that ends it."""
    if len(request.words) != 3:
        raise Refused("Say whom to remove.", "/operator remove @anna")
    person = named(request, deps)
    operator = deps.vault.operator(person)
    if operator is None:
        raise Refused(f"{mention(person)} is no operator.", "/operator list")
    refuse_last_admin(deps, operator)
    if grants.living(deps.database, deps.now(), person=person):
        return Outcome(what_ends(deps, operator), buttons=(remove_button(person),))
    return _told(deps, walk(deps, begin(deps, person, request.person, "removed"), deps.now()))


def remove(request: Request, deps: Deps) -> Outcome:
    """The `Remove` button: see somebody out, and say what became of each part."""
    person = Person.parse(request.words[1])
    operator = deps.vault.operator(person)
    before = leavings.latest_of(deps.database, person)
    if operator is None and (before is None or before.done_at is not None):
        raise Refused(f"{mention(person)} is no operator.", "/operator list")
    if operator is not None:
        refuse_last_admin(deps, operator)
    leaving = begin(deps, person, request.person, "removed")
    return _told(deps, walk(deps, leaving, deps.now()))


def look(request: Request, deps: Deps) -> Outcome:
    """The `Look again` button of a report."""
    leaving = leavings.get(deps.database, request.words[1])
    if leaving is None:
        raise Refused("I do not know that report.", "/operator list")
    return _told(deps, leaving)


def left_slack(request: Request, deps: Deps) -> Outcome:
    """Slack says that an account was deactivated. It is asked again, as anybody could claim that.

    Raises nothing that a person should be told: there is nobody to tell it to.
    """
    person = Person.parse(request.words[1])
    if not person.is_agent and _is_deactivated(deps, person):
        _leaves_by_itself(deps, person, "deactivated", deps.now())
    return Outcome()


def begin(deps: Deps, person: Person, asked_by: Person | None, because: LeavingCause) -> Leaving:
    """Record that somebody leaves. The same person leaves once at a time."""
    now = deps.now()
    wanted = Leaving(
        id_from(f"leaving {person.key} {now.isoformat()}"), person, asked_by, because, started_at=now
    )
    with deps.database.transaction():
        leaving = leavings.start(deps.database, wanted)
        if leaving == wanted:
            by = asked_by.key if asked_by is not None else "innkeeper"
            audit.append(deps.database, now, by, "operator_removing", person.key, because=because)
    return leaving


def walk(deps: Deps, leaving: Leaving, now: datetime) -> Leaving:
    """Do what is not done yet, in the order in which it protects most. Raises Refused when the last admin would go.

    Several may walk the same leaving at once: each part is done by all of them, and recorded by one.
    """
    leaving = _as_it_is(deps, leaving)
    if leaving.document_gone_at is None:
        _remove_document(deps, leaving, now)
        leaving = _as_it_is(deps, leaving)
    until = leaving.document_gone_at or now
    with deps.database.transaction():
        because = f"leaving {leaving.id}"
        many = grants.revoke_all(deps.database, now, because, leaving.person, begun_before=until)
        if many:
            audit.append(deps.database, now, "innkeeper", "revoked_all", leaving.person.key, credentials=many)
        _withdraw_approvals(deps, leaving.person, until, now)
    issuing.end(deps, grants.to_end(deps.database, now, person=leaving.person), now)
    if leaving.factor_gone_at is None:
        _forget_factor(deps, leaving, now)
    if leaving.rekeyed_at is None and leaving.document_gone_at is not None:
        if not leaving.person.is_agent:  # which has no keys
            rekeying.want(deps, leaving.person, "removed", leaving.asked_by, leaving.id, leaving.id)
        leavings.update(deps.database, leaving.id, rekeyed_at=now)
    leaving = _as_it_is(deps, leaving)
    if leaving.done_at is None and _is_done(deps, leaving, now):
        leavings.update(deps.database, leaving.id, done_at=now)
        return replace(leaving, done_at=now)
    return leaving


def sweep(deps: Deps, now: datetime) -> str:
    """Go on with everybody who is leaving, and see those out whose time is over. Who asked is told at the end."""
    for operator in _operators(deps):
        if operator.problem == ENDED:
            _leaves_by_itself(deps, operator.person, "expired", now)
    finished = 0
    under_way = leavings.under_way(deps.database)
    for leaving in under_way:
        try:
            leaving = walk(deps, leaving, now)
        except Refused:
            continue  # the last admin stays
        if leaving.done_at is not None:
            finished += 1
            _tell(deps, leaving, "done")
    return f"{plural(finished, 'person', 'people')} left, {len(under_way) - finished} are leaving"


def look_for_leavers(deps: Deps, now: datetime) -> str:
    """See those out whom Slack has deactivated while we did not listen."""
    people = [each for each in _operators(deps) if not each.person.is_agent]
    found = [each for each in people if _is_deactivated(deps, each.person)]
    for operator in found:
        _leaves_by_itself(deps, operator.person, "deactivated", now)
    return f"found {plural(len(found), 'deactivated operator')}"


def _operators(deps: Deps) -> list[Operator]:
    """All there are, none while Vault is away: a sweep comes again."""
    try:
        return deps.vault.operators()
    except VaultError:
        return []


def _is_deactivated(deps: Deps, person: Person) -> bool:
    try:
        return deps.standing(person).is_deleted
    except (Refused, StandingUnknown):
        return False  # Slack does not say, and is asked again by the next sweep


def _leaves_by_itself(deps: Deps, person: Person, because: LeavingCause, now: datetime) -> None:
    try:
        known = deps.vault.operator(person) is not None
    except VaultError:
        known = True  # then the intent is kept, and the sweep does the rest
    if not known and not grants.living(deps.database, now, person=person):
        return
    leaving = begin(deps, person, None, because)
    _tell(deps, walk(deps, leaving, now), "begun")


def _as_it_is(deps: Deps, leaving: Leaving) -> Leaving:
    """How far it is by now. Raises Refused when somebody found that it would take the last admin away."""
    found = leavings.get(deps.database, leaving.id)
    if found is None:
        raise last_admin(leaving.person)
    return found


def _remove_document(deps: Deps, leaving: Leaving, now: datetime) -> None:
    """The document goes. Where that took the last admin away, it comes back: two removed one another at once."""
    try:
        before = deps.vault.operator(leaving.person)
        deps.vault.remove_operator(leaving.person)
        # None: somebody else has just removed it, and may have to bring it back.
        is_admin = before is None or "admin" in before.roles
        if is_admin and leaving.because == "removed" and not admins(deps.vault):
            if before is not None:
                deps.vault.write_operator(replace(before, version=0))
                leavings.discard(deps.database, leaving.id)
            raise last_admin(leaving.person)
    except VaultError:
        return
    by = leaving.asked_by.key if leaving.asked_by is not None else "innkeeper"
    with deps.database.transaction():
        if leavings.record_document_gone(deps.database, leaving.id, now):
            audit.append(
                deps.database, now, by, "operator_removed", leaving.person.key, because=leaving.because
            )


def _withdraw_approvals(deps: Deps, person: Person, until: datetime, now: datetime) -> None:
    """What they approved and is not being applied yet counts no more; a run that it was enough for waits again."""
    for approval in approvals.not_applied(deps.database, person, until):
        approvals.void(deps.database, approval.id, now)
        run = runs.get(deps.database, approval.run_id)
        if run is None:
            continue
        audit.append(
            deps.database, now, "innkeeper", "approval_void", run.lab_name, run=run.id, person=person.key
        )
        given = approvals.of_run(deps.database, run.id, run.digest or "")
        if run.state == RunState.APPROVED and still_needed(run, given):
            runs.move(deps.database, run.id, RunState.APPROVED, RunState.PROPOSED, now)


def _forget_factor(deps: Deps, leaving: Leaving, now: datetime) -> None:
    """What they prove with who they are: a person's second factor, what an agent logs in with and is logged in as."""
    try:
        if leaving.person.is_agent:
            deps.vault.remove_agent(leaving.person)
        else:
            deps.vault.totp_forget(leaving.person)
    except VaultError:
        return
    factors.right(deps.database, leaving.person)
    leavings.update(deps.database, leaving.id, factor_gone_at=now)


def _is_done(deps: Deps, leaving: Leaving, now: datetime) -> bool:
    parts = (leaving.document_gone_at, leaving.factor_gone_at, leaving.rekeyed_at)
    held = [each for each in grants.to_end(deps.database, now, person=leaving.person) if each.revoked_at]
    wishes = rekeys.of_leaving(deps.database, leaving.id)
    return None not in parts and not held and all(wish.done_at is not None for wish in wishes)


def _told(deps: Deps, leaving: Leaving) -> Outcome:
    buttons = () if leaving.done_at is not None else (Button("Look again", "leaving", leaving.id),)
    return Outcome(report(deps, leaving), buttons=buttons)


def _tell(deps: Deps, leaving: Leaving, stage: str) -> None:
    """Tell whoever asked, or else the admins."""
    cause, text = f"leaving {leaving.id} {stage}", report(deps, leaving)
    if leaving.asked_by is not None:
        tell(deps, leaving.asked_by, cause, text)
    else:
        tell_admins(deps, cause, text)
