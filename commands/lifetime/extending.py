"""More time for a lab: `/lab extend`, `Extend 4h`, `Keep until tomorrow 09:00`.

Beyond its blueprint's max an infra person decides: commands/lifetime/extension_approvals.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from commands.audience import is_direct
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from commands.forms import extend_form
from commands.grammar import duration as seconds_of
from commands.labs import lab_called, require_may_run
from commands.lifetime import moments as lifetime
from commands.lifetime import office_hours
from commands.lifetime.quiet_hours import tomorrow_at
from commands.lifetime.words import until
from commands.request import Button, Outcome, Refused, Request, id_from
from commands.words import HOUR, MINUTE, at, duration, mention, short
from state import audit, cards, extensions, labs, outbox, runs
from state import habits as habits_table
from state.extensions import Extension
from state.habits import Habits
from state.records import Lab, OutboxMessage, Person, Run
from state.transitions import RunState

_PINGED = 10


@dataclass(frozen=True)
class Wish:
    """What somebody wants for a lab. witness: counts only if the lab is as it was when that was shown."""

    more_seconds: int | None  # None: until tomorrow at nine, by its owner's clock
    how: str  # as its last use tells: "/lab extend"
    witness: str = ""


def extend(request: Request, deps: Deps) -> Outcome:
    """`/lab extend NAME 4h`, and the button, whose value is LAB:SECONDS:WITNESS: pressed twice it counts once."""
    if request.words[0] == "lab":
        if len(request.words) == 3:
            lab = lab_called(deps, request.words[2])
            require_may_run(request, lab)
            _require_made(lab)
            return Outcome(form=extend_form.form(lab, deps.now()))
        if len(request.words) != 4:
            raise Refused("Say which lab, and how much longer it shall live.", "/lab extend demo 4h")
        lab = lab_called(deps, request.words[2])
        more_seconds = seconds_of(request.words[3], f"/lab extend {lab.name} 4h")
        return _prolong(request, deps, lab, Wish(more_seconds, "/lab extend"))
    lab_id, more, *witness = request.words[1].split(":")
    return _prolong(request, deps, living(deps, lab_id), Wish(int(more), "Extend", "".join(witness)))


def ask_how_long(request: Request, deps: Deps) -> Outcome:
    """`Extend…`, whose value is LAB: a form asks how long."""
    return extend(replace(request, words=("lab", "extend", living(deps, request.words[1]).name)), deps)


def extend_by(request: Request, deps: Deps) -> Outcome:
    """That form came back."""
    lab = living(deps, request.words[1])
    return extend(replace(request, words=("lab", "extend", lab.name, extend_form.more(request.form))), deps)


def keep(request: Request, deps: Deps) -> Outcome:
    """`Keep until tomorrow 09:00`, whose value is LAB. Pressed twice it is the same."""
    return _prolong(request, deps, living(deps, request.words[1]), Wish(None, "Keep"))


def times(wish: Wish, lab: Lab, habits: Habits, now: datetime) -> tuple[datetime, datetime]:
    """When a lab expires, and until when it is kept, if it is as somebody wishes. habits: its owner's. Pure."""
    expires_at, kept_until = lab.expires_at or now, lab.kept_until or now
    if wish.more_seconds is None:
        morning = tomorrow_at(habits, now)
        return max(expires_at, morning), max(kept_until, morning)
    more = timedelta(seconds=wish.more_seconds)
    return max(expires_at, now) + more, max(kept_until, now + more)


def needs_approval(lab: Lab, expires_at: datetime) -> bool:
    """Whether that is longer than a lab of its kind may live without an infra person's word. Pure."""
    return expires_at > max(_limit(lab), lab.expires_at or expires_at)


def living(deps: Deps, lab_id: str) -> Lab:
    """The lab that a button means. Raises Refused when it is gone."""
    lab = labs.get(deps.database, lab_id)
    if lab is None or lab.gone_at is not None:
        gone = f"*{lab.name}* is gone since {at(lab.gone_at)}" if lab and lab.gone_at else "That lab is gone"
        raise Refused(f"{gone}, so there is nothing left to do.", "/lab list all")
    return lab


def call_off(deps: Deps, lab: Lab, person: Person, now: datetime) -> None:
    """A destruction that nobody had to approve ends, as somebody wants the lab. Raises Refused when it is too late.

    Call it inside a transaction.
    """
    active = runs.active_of(deps.database, lab.id)
    if active is None or active.kind != "destroy":
        return
    if is_destroyed(active):
        sentence = f"*{lab.name}* is being destroyed right now, so it is too late for that."
        raise Refused(sentence, f"/lab show {lab.name}")
    if active.cause in lifetime.BY_THEMSELVES:
        said = f"{mention(person)} wants to keep it, so it is not destroyed. Nothing was changed."
        runs.move(deps.database, active.id, active.state, RunState.CANCELLED, now, sentence=said)


def is_destroyed(active: Run | None) -> bool:
    """Whether a lab's living run destroys it for good: Terraform does so by now, or people have approved it."""
    if active is None or active.kind != "destroy":
        return False
    approved = active.state is RunState.APPROVED and active.cause not in lifetime.BY_THEMSELVES
    return approved or active.state is RunState.APPLYING


def what_happened(deps: Deps, lab: Lab) -> str:
    """Why a button that was shown before does not fit any more: `*demo* was extended by @x meanwhile, …`."""
    entries = audit.entries(deps.database, subject=lab.name, limit=50)
    by = next((each.actor for each in entries if each.action == "extended"), None)
    who = f" by {mention(Person.parse(by))}" if by is not None else ""
    lives = f" It lives until {at(lab.expires_at)}." if lab.expires_at is not None else ""
    return f"*{lab.name}* was extended{who} since this was shown.{lives}"


def say_in_thread(
    deps: Deps,
    lab: Lab,
    cause: str,
    text: str,
    now: datetime,
    buttons: Sequence[Button] = (),
    fallback: Person | None = None,
) -> None:
    """A line below the lab's newest card, for everybody to see, once for each cause."""
    latest = runs.latest_of(deps.database, lab.id)
    said = OutboxMessage(
        id=id_from(cause),
        channel=lab.channel,
        text=text,
        due_at=now,
        run_id=latest.id if latest is not None else None,
        buttons=tuple(buttons),
        fallback=fallback or lab.owner,
    )
    outbox.add(deps.database, said)


def _require_made(lab: Lab) -> None:
    if lab.expires_at is None:
        unmade = f"*{lab.name}* has not been applied yet, so its time has not begun."
        raise Refused(unmade, f"/lab show {lab.name}")


def _prolong(request: Request, deps: Deps, lab: Lab, wish: Wish) -> Outcome:
    habits = habits_table.of(deps.database, lab.owner)
    beyond = needs_approval(lab, times(wish, lab, habits, deps.now())[0])
    infra = _infra(deps) if beyond else ()  # not within: Vault may take its time
    with deps.database.transaction():
        now = deps.now()
        lab = living(deps, lab.id)
        require_may_run(request, lab)
        _require_made(lab)
        if wish.witness and wish.witness != lifetime.witness(lab):
            more = short(wish.more_seconds or 0)
            raise Refused(
                f"{what_happened(deps, lab)} Extend it again if that is not enough.",
                f"/lab extend {lab.name} {more}",
            )
        given = times(wish, lab, habits, now)
        if needs_approval(lab, given[0]):
            return _ask(request, deps, lab, wish, given[0], infra, now)
        call_off(deps, lab, request.person, now)
        if given == (lab.expires_at, lab.kept_until):
            return Outcome(f"*{lab.name}* is kept until {until(given[1], now)} already.")
        # Who has done it to their own lab knows: a name in a new message calls its bearer.
        by = "" if request.person == lab.owner else f" by {mention(request.person)}"
        done = f"Extended{by} until {at(given[0])}."
        if wish.more_seconds is None:
            done = f"Kept{by} until {at(given[1])}."
        give(deps, lab, given, request.person, wish.how, f"extended {request.id}", done, now)
        if waiting := extensions.waiting_of(deps.database, lab.id):
            extensions.decide(deps.database, waiting.id, "void", None, now)
    if wish.more_seconds is None and lab.asleep_at is None:
        return Outcome(f"*{lab.name}* is kept until {until(given[1], now)}.")
    sleeps = f" It sleeps until {at(wakes)}." if (wakes := office_hours.wakes_at(lab, habits, now)) else ""
    return Outcome(f"*{lab.name}* lives until {until(given[0], now)}.{sleeps}")


def give(
    deps: Deps,
    lab: Lab,
    given: tuple[datetime, datetime],
    person: Person,
    how: str,
    cause: str,
    said: str,
    now: datetime,
) -> None:
    """The lab expires, and is kept, until then: recorded, on its card and in its thread. Within a transaction."""
    expires_at, kept_until = given
    if lab.asleep_at is not None:
        kept_until = lab.kept_until or kept_until
    labs.touch(deps.database, lab, now, person, how)
    # The sweep works out anew when it has to come back.
    labs.update(deps.database, lab.id, expires_at=expires_at, kept_until=kept_until, look_at=now)
    detail = {"expires_at": expires_at, "kept_until": kept_until}
    audit.append(deps.database, now, person.key, "extended", lab.name, **detail)
    applied = runs.last_applied(deps.database, lab.id)
    if applied is not None:
        cards.mark_dirty(deps.database, applied.id)
    say_in_thread(deps, lab, cause, said, now)


def _ask(
    request: Request,
    deps: Deps,
    lab: Lab,
    wish: Wish,
    expires_at: datetime,
    infra: Sequence[Person],
    now: datetime,
) -> Outcome:
    """Ask the infra people, in the lab's thread or directly. A new question takes the place of one that waits."""
    waiting = extensions.waiting_of(deps.database, lab.id)
    if waiting is not None and waiting.expires_at == expires_at:
        return Outcome(
            f"An infra person is asked already whether *{lab.name}* may live until {at(expires_at)}."
        )
    if waiting is not None:
        extensions.decide(deps.database, waiting.id, "void", None, now)
    kept_seconds = wish.more_seconds or int((expires_at - now).total_seconds())
    question = Extension(
        id=id_from(f"extension {request.id}"),
        lab_id=lab.id,
        requester=request.person,
        asked_at=now,
        seconds=kept_seconds,
        expires_at=expires_at,
    )
    extensions.ask(deps.database, question)
    labs.touch(deps.database, lab, now, request.person, wish.how)
    detail = {"extension": question.id, "expires_at": expires_at}
    audit.append(deps.database, now, request.person.key, "extension_asked", lab.name, **detail)
    most = duration(lab.lifetime.max_seconds)
    others = [person for person in infra if person != request.person]
    text = (
        f"{mention(request.person)} wants *{lab.name}* to live until {at(expires_at)}. A lab of its kind "
        f"lives {most} at most, so an infra person decides."
    )
    asked = _call(deps, lab, question, others, text, now)
    return Outcome(
        f"A lab of this kind lives {most} at most, so an infra person decides whether *{lab.name}* may live until "
        f"{at(expires_at)}. {asked}{_as_far_as_it_goes(lab)}"
    )


def _call(
    deps: Deps, lab: Lab, question: Extension, infra: Sequence[Person], text: str, now: datetime
) -> str:
    """Put the question to the infra people: in the lab's thread, or directly where they do not see that."""
    buttons = (
        Button("Approve", "approve_extension", question.id, "primary"),
        Button("Reject", "reject_extension", question.id),
    )
    cause = f"asks {question.id}"
    if not infra or not is_direct(lab.channel):
        pinged = " ".join(map(mention, infra[:_PINGED])) or "*infra*:"
        say_in_thread(deps, lab, cause, f"{pinged} {text}", now, buttons, next(iter(infra), None))
        return "I have asked in its thread."
    for person in infra[:_PINGED]:
        message_id = id_from(f"{cause} {person.key}")
        outbox.add(deps.database, OutboxMessage(message_id, "", text, now, person=person, buttons=buttons))
    return "I have asked them directly."


def _as_far_as_it_goes(lab: Lab) -> str:
    """What needs nobody's word, if there is anything left."""
    if lab.expires_at is None:
        return ""
    left_seconds = int((_limit(lab) - lab.expires_at).total_seconds())
    if left_seconds < MINUTE:
        return ""
    whole = left_seconds // HOUR * HOUR or left_seconds // MINUTE * MINUTE
    return f" `/lab extend {lab.name} {short(whole)}` needs nobody's word."


def _limit(lab: Lab) -> datetime:
    return (lab.applied_at or lab.created_at) + timedelta(seconds=lab.lifetime.max_seconds)


def _infra(deps: Deps) -> list[Person]:
    try:
        return [each.person for each in deps.vault.operators() if "infra" in each.roles]
    except VaultError:
        return []
