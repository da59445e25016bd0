"""What else a reminder can be answered with: `Destroy now`, and `Take over` where the owner has left."""

from __future__ import annotations

from dataclasses import replace

from commands import labs as lab_commands
from commands.authorise import is_trusted
from commands.deps import Deps
from commands.labs import require_may_run
from commands.lifetime import moments as lifetime
from commands.lifetime import sweep as lifetime_sweep
from commands.lifetime.extending import call_off, living, say_in_thread, what_happened
from commands.lifetime.words import until, why_idle
from commands.request import Outcome, Refused, Request, id_from
from commands.words import mention
from state import audit, labs, runs, usages
from state.records import Lab
from state.transitions import RunState


def destroy_now(request: Request, deps: Deps) -> Outcome:
    """`Destroy now`: the lab's lifetime ends it, only earlier. Its value is LAB:WITNESS, as of the reminder."""
    lab_id, _, witness = request.words[1].partition(":")
    with deps.database.transaction():  # so that nobody extends it between our look and our word
        lab = living(deps, lab_id)
        require_may_run(request, lab)
        active = runs.active_of(deps.database, lab.id)
        by_itself = lab.lifetime.auto_destroy is not False
        if active is not None and active.kind == "destroy":
            if active.state is not RunState.PROPOSED:
                return Outcome(f"*{lab.name}* is being destroyed already: look at its card.")
            if not by_itself:
                return Outcome(
                    f"The destruction of *{lab.name}* waits for approvals already: look at its card."
                )
        _refuse_outdated(deps, lab, witness)
        if not by_itself:
            # The reminder may have been a direct message, where nobody else could approve it.
            asked = replace(request, words=("lab", "down", lab.name), channel=lab.channel)
            done = lab_commands.down(asked, deps)
            planned = f"The destruction of *{lab.name}* is planned, and people approve it: look at its card."
            return done if done.text else Outcome(planned)
        run = lifetime_sweep.start_destruction(deps, lab, deps.now(), request.person)
    if run is not None:
        return Outcome(f"*{lab.name}* is destroyed now. Its card shows how far that is.")
    after = labs.get(deps.database, lab.id)
    if after is None or after.gone_at is not None:
        return Outcome(f"*{lab.name}* held nothing any more, so it is simply gone. Its history stays.")
    raise Refused(
        f"*{lab.name}* is busy, so it cannot be destroyed right now. Wait for its end.",
        f"/lab show {lab.name}",
    )


def take_over(request: Request, deps: Deps) -> Outcome:
    """`Take over`: who presses it is the owner from now on, if the owner is no operator any more. Its value is LAB."""
    left = living(deps, request.words[1]).owner
    still_there = is_trusted(left, deps.vault)
    with deps.database.transaction():
        now = deps.now()
        lab = living(deps, request.words[1])
        if lab.owner == request.person:
            return Outcome(f"*{lab.name}* is yours already.")
        if lab.owner != left or still_there:
            owners = f"*{lab.name}* is {mention(lab.owner)}'s, who is a trusted operator."
            raise Refused(
                f"{owners} It is taken over from nobody but those who have left.", f"/lab show {lab.name}"
            )
        call_off(deps, lab, request.person, now)
        labs.update(deps.database, lab.id, owner=request.person, look_at=now)
        mine = replace(lab, owner=request.person)
        labs.touch(deps.database, mine, now, request.person, "Take over")
        going_on = usages.open_of(deps.database, lab.id)
        if going_on is not None:  # what it costs from now on is its new owner's
            usages.end(deps.database, lab.id, now, "changed")
            usages.start(deps.database, mine, going_on.per_hour_cents, now, id_from(f"usage {request.id}"))
        audit.append(deps.database, now, request.person.key, "taken_over", lab.name, owner_before=left.key)
        said = f"Taken over by {mention(request.person)} from {mention(left)}."
        say_in_thread(deps, mine, f"taken over {request.id}", said, now)
    expires = f" It expires {until(lab.expires_at, now)}." if lab.expires_at is not None else ""
    return Outcome(f"*{lab.name}* is yours now.{expires}")


def _refuse_outdated(deps: Deps, lab: Lab, witness: str) -> None:
    """A reminder that was answered since destroys nothing: what its button was shown with is no longer so."""
    why = ""
    if witness != lifetime.witness(lab):
        why = what_happened(deps, lab)
    else:
        begins_at = lifetime.begins_at(lab)
        if begins_at is None or begins_at > deps.now():
            why = f"*{lab.name}* was used since this was shown. {why_idle(lab, deps.now())}."
    if why:
        raise Refused(f"{why} So I have not destroyed it; you can plan that.", f"/lab down {lab.name}")
