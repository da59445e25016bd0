"""The sweep that asks the owners of idle labs, and destroys what nobody keeps. It records; others send and apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from commands import consuming
from commands.authorise import is_trusted, known_admins
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from commands.lifetime import activity, office_hours_sweep
from commands.lifetime import moments as lifetime
from commands.lifetime import words as lifetime_words
from commands.request import Refused, id_from
from commands.starting import start_run
from commands.words import plural
from state import audit, habits, labs, lifetimes, outbox, runs, tfstate, usages
from state.habits import Habits
from state.records import Lab, OutboxMessage, Person, Run
from state.transitions import RunState

CAUSE = "lifetime"
LABS_AT_ONCE = 1000
LABS_IN_A_COMMIT = 50
BUSY_PAUSE = timedelta(minutes=1)

log = structlog.get_logger()


def sweep(deps: Deps, now: datetime) -> str:
    """Look at every lab whose time to be looked at has come."""
    due = labs.to_look_at(deps.database, now, LABS_AT_ONCE)
    if not due:
        return "no lab is due"
    office_hours_sweep.look(deps, due, now)
    owners = Owners(deps)
    done = {"wait": 0, "remind": 0, "destroy": 0}
    for start in range(0, len(due), LABS_IN_A_COMMIT):
        batch = due[start : start + LABS_IN_A_COMMIT]
        owners.look(batch)  # before the transaction: Vault may take its time
        destroyed: list[Lab] = []
        with deps.database.transaction():
            for lab in batch:
                deed = look(deps, lab, owners, now)
                done[deed] += 1
                if deed == "destroy":
                    destroyed.append(lab)
        for lab in destroyed:
            start_destruction(deps, lab, now)
    reminded, ended = plural(done["remind"], "reminder"), plural(done["destroy"], "destruction")
    return f"queued {reminded} and {ended}, {done['wait']} labs have more time"


def start_destruction(deps: Deps, lab: Lab, now: datetime, requester: Person | None = None) -> Run | None:
    """Queue the destruction of a lab that is due, under its lifetime: nobody has to approve it.

    requester: who has brought it forward. None: something else must end first, and the sweep comes back, or the lab
    held nothing and is gone.
    """
    attempts = lab.destroy_attempts + 1
    admins = (
        known_admins(deps.vault) if attempts > 1 else ()
    )  # before the transaction: Vault may take its time
    again_at = now + (lifetime.retry_pause(attempts) if requester is None else BUSY_PAUSE)
    try:
        with deps.database.transaction():
            lab = labs.get(deps.database, lab.id) or lab
            if lab.gone_at is not None or (requester is None and not lifetime.is_over(lab, now)):
                return None  # somebody was quicker
            active = runs.active_of(deps.database, lab.id)
            if lab.frozen_because is not None or (active is not None and _must_end_first(active)):
                labs.update(deps.database, lab.id, look_at=now + BUSY_PAUSE)
                return None
            labs.update(deps.database, lab.id, destroy_attempts=attempts, look_at=again_at)
            runs.supersede(deps.database, lab.id, now)
            if tfstate.resources(deps.database, lab.id) == 0:
                labs.leave(deps.database, lab.id, now)
                audit.append(deps.database, now, "innkeeper", "discarded", lab.name, cause=CAUSE)
                return None
            cause_id = f"lifetime {lab.id} {attempts} {lab.reminded_at} {now if requester else ''}"
            run = start_run(
                deps,
                lab,
                "destroy",
                requester or lab.owner,
                cause_id,
                channel=lab.channel,
                cause=CAUSE,
                approvals={},
            )
            if attempts > 1:
                _call_for_help(deps, lab, attempts, now, admins)
            return run
    except runs.LabBusy:
        return None  # the sweep comes back
    except Refused as refused:
        admins = admins or known_admins(deps.vault)
        log.warning("a lab that is due cannot be destroyed", lab=lab.name, because=str(refused))
        with deps.database.transaction():
            labs.update(deps.database, lab.id, destroy_attempts=attempts, look_at=again_at)
            _call_for_help(deps, lab, attempts, now, admins, refused.sentence)
        return None


class Owners:
    """What is known besides of some labs: when their owners want peace, whether they are operators now, who is told."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self.blueprints = deps.catalogue.blueprints()
        self._habits: dict[Person, Habits] = {}
        self._left: dict[Person, bool] = {}
        self.admins: Sequence[Person] = ()  # once somebody has to tell them something

    def look(self, batch: Sequence[Lab]) -> None:
        """Ask the database and Vault for what is not known yet."""
        for person in {lab.owner for lab in batch} - set(self._habits):
            self._habits[person] = habits.of(self._deps.database, person)
            self._left[person] = self._has_left(person)
        if not self.admins and any(_is_escalated(lab) or self._left[lab.owner] for lab in batch):
            self.admins = known_admins(self._deps.vault)

    def habits_of(self, person: Person) -> Habits:
        """When somebody wants peace."""
        return self._habits[person]

    def have_left(self, person: Person) -> bool:
        """Whether somebody is no operator any more. Where Vault cannot say, they are taken to be one."""
        return self._left[person]

    def _has_left(self, person: Person) -> bool:
        try:
            return not is_trusted(person, self._deps.vault)
        except VaultError:
            return False


def look(deps: Deps, lab: Lab, owners: Owners, now: datetime) -> lifetime.Deed:
    """See to one lab, inside of a transaction. A destruction is only said: it follows in one of its own."""
    known = owners.habits_of(lab.owner)
    if lifetime.is_idle(lab, now):
        lab = consuming.used_by_consumers(deps, lab)
    deed = lifetime.deed(lab, known, now)
    if deed == "destroy" and not _has_reached(deps, lab):
        deed = "wait"
    blueprint = owners.blueprints.get(lab.blueprint)
    if deed != "wait" and lifetime.is_idle(lab, now) and activity.awaits_probe(blueprint, lab, now):
        deed = "wait"  # it may be used by what its probe knows of
    if deed == "wait":
        at = lifetime.next_look_at(lab, known, now)
        if at is not None and at <= now:  # a reminder is still on its way
            at = now + BUSY_PAUSE
        lifetimes.look_again(deps.database, lab, at)
    elif deed == "remind":
        _remind(deps, lab, owners, now)
    elif not lifetimes.look_again(deps.database, lab, now + BUSY_PAUSE):
        return "wait"  # another bot has it, or somebody has just used it
    return deed


def _remind(deps: Deps, lab: Lab, owners: Owners, now: datetime) -> None:
    """Queue one reminder, once: the row of the lab counts them."""
    reminded = replace(lab, reminded_at=now, reminders=lab.reminders + 1)
    at = lifetime.next_look_at(reminded, owners.habits_of(lab.owner), now)
    if not lifetimes.change(
        deps.database, lab, reminded_at=now, reminders=reminded.reminders, look_at=at or now + BUSY_PAUSE
    ):
        return
    latest = runs.latest_of(deps.database, lab.id)
    spent = usages.spent_cents(usages.of_lab(deps.database, lab.id), now)
    left = owners.have_left(lab.owner)
    escalated = _is_escalated(lab)
    text = lifetime_words.reminder(reminded, spent, now, owner_has_left=left)
    buttons = lifetime_words.buttons(reminded, owner_has_left=left)
    key = f"{lab.id} {lab.reminded_at} {lab.reminders}"
    told = OutboxMessage(
        id=id_from(f"reminder thread {key}"),
        channel=lab.channel,
        text=text,
        due_at=now,
        run_id=None if escalated or left or latest is None else latest.id,
        buttons=buttons,
        # Where the channel is closed, the direct message says all of it.
        fallback=next(iter(owners.admins), lab.owner) if left else None,
    )
    outbox.add(deps.database, told)
    if not left:
        direct = OutboxMessage(
            id=reminder_id(lab.id, now),
            channel="",
            text=text,
            due_at=now,
            person=lab.owner,
            buttons=buttons,
            fallback=lab.owner,
        )
        outbox.add(deps.database, direct)
    consuming.tell_owners(deps, lab, lifetime.destroys_at(reminded), now)
    if escalated:
        _tell_admins(deps, lab, text, f"reminder {key}", now, owners.admins)
    audit.append(
        deps.database, now, "innkeeper", "reminded", lab.name, number=reminded.reminders, owner=lab.owner.key
    )


def reminder_id(lab_id: str, reminded_at: datetime) -> str:
    """The id of the direct message that reminded a lab's owner then."""
    return id_from(f"reminder direct {lab_id} {reminded_at.isoformat()}")


def _is_escalated(lab: Lab) -> bool:
    return lab.reminders >= lifetime.ESCALATED_AFTER


def _has_reached(deps: Deps, lab: Lab) -> bool:
    """A polite lab goes only after its owner has been told."""
    if lab.lifetime.auto_destroy != "polite" or lab.reminded_at is None:
        return True
    told = outbox.get(deps.database, reminder_id(lab.id, lab.reminded_at))
    return told is None or (told.sent_at is not None and bool(told.ts))


def _call_for_help(
    deps: Deps, lab: Lab, attempts: int, now: datetime, admins: Sequence[Person], because: str = ""
) -> None:
    """A lab that should be gone and is not: its channel and the admins know, and we go on trying."""
    text = lifetime_words.still_there(lab, attempts, now + lifetime.retry_pause(attempts), because)
    key = f"still there {lab.id} {attempts}"
    loud = attempts == 2 or attempts % 10 == 0
    if because:  # there is no run, so no card says it
        loud |= attempts == 1
        told = OutboxMessage(id_from(key), lab.channel, text, now, fallback=lab.owner)
        outbox.add(deps.database, told)
    if loud:
        _tell_admins(deps, lab, text, key, now, admins)


def _tell_admins(deps: Deps, lab: Lab, text: str, key: str, now: datetime, admins: Sequence[Person]) -> None:
    for person in admins:
        if person != lab.owner:
            outbox.add(
                deps.database,
                OutboxMessage(
                    id=id_from(f"{key} {person.key}"), channel="", text=text, due_at=now, person=person
                ),
            )


def _must_end_first(active: Run) -> bool:
    if active.state in (RunState.APPROVED, RunState.APPLYING):
        return True
    return active.kind == "destroy" and active.cause == CAUSE
