"""How a lab's lifetime is spoken of: reminders, their buttons, and what is said of a lab that will not go. Pure."""

from __future__ import annotations

from datetime import datetime

from commands.lifetime import moments as lifetime
from commands.words import HOUR, MINUTE, ago, at, duration, mention, money
from state.records import Button, Lab

EXTENSION_SECONDS = 4 * HOUR


def until(moment: datetime, now: datetime) -> str:
    """A moment in the reader's zone, and how far it is: `today 18:35, in 3 h`."""
    left_seconds = (moment - now).total_seconds()
    if left_seconds > 10 * MINUTE:
        left_seconds = round(left_seconds / MINUTE) * MINUTE
    return f"{at(moment)}, in {duration(left_seconds)}" if left_seconds >= 1 else f"{at(moment)}, now"


def why_idle(lab: Lab, now: datetime) -> str:
    """`Nobody has used it for 4 h (last: @requester, /key ssh, 14:05)`, without a full stop."""
    unused = duration((now - lab.last_active_at).total_seconds())
    last = [mention(lab.last_active_by)] if lab.last_active_by is not None else []
    last += [lab.last_active_how] if lab.last_active_how else []
    return f"Nobody has used *{lab.name}* for {unused} (last: {', '.join([*last, at(lab.last_active_at)])})"


def use_and_end(lab: Lab, now: datetime) -> list[str]:
    """Whether a lab that is there counts as idle, since when and why, and until when it lives: a line for each."""
    idle_from = lifetime.idle_from(lab)
    if idle_from is None:
        return []
    follows = what_follows(lab, now)
    if lifetime.is_idle(lab, now):
        said = f"{why_idle(lab, now)}, so it is idle since {at(idle_from)}."
    elif idle_from == lab.kept_until:
        said = f"{last_use(lab, now)} It is kept, so it is not idle before {until(idle_from, now)}."
    else:
        said = f"{last_use(lab, now)} If nobody uses it, it is idle from {until(idle_from, now)}."
        if lab.expires_at is None or idle_from < lab.expires_at:
            follows = follows.replace("It will be destroyed", "Then it will be destroyed")
    lines = [f"{said} {follows}"]
    if lab.expires_at is not None:
        lines.append(
            f"It expires {until(lab.expires_at, now)}."
            if lab.expires_at > now
            else f"It has expired {at(lab.expires_at)}."
        )
    return lines


def last_use(lab: Lab, now: datetime) -> str:
    """`Last used 5 min ago (@requester, /key ssh).`"""
    by = [mention(lab.last_active_by)] if lab.last_active_by is not None else []
    told = ", ".join([*by, *([lab.last_active_how] if lab.last_active_how else [])])
    return f"Last used {ago(lab.last_active_at, now)}{f' ({told})' if told else ''}."


def reminder(lab: Lab, spent_cents: float, now: datetime, owner_has_left: bool) -> str:
    """What is asked of whoever can keep a lab. lab: as this reminder leaves it."""
    if lifetime.is_idle(lab, now):
        first = f"{why_idle(lab, now)}."
    elif lab.expires_at is not None and lab.expires_at > now:
        first = f"*{lab.name}* expires {until(lab.expires_at, now)}."
    else:
        first = f"The time of *{lab.name}* is over."
    if spent_cents >= 1:
        first += f" It has cost {money(spent_cents, lab.currency)} so far."
    lines = [first, what_follows(lab, now)]
    if owner_has_left:
        lines.append(
            f"{mention(lab.owner)}, whose lab it is, is no trusted operator any more: who takes it over?"
        )
    elif lab.reminders > lifetime.ESCALATED_AFTER:
        lines.append(f"{mention(lab.owner)} has not answered {lab.reminders - 1} reminders.")
    return "\n".join(lines)


def what_follows(lab: Lab, now: datetime) -> str:
    """`It will be destroyed at 18:35, in 30 min.`; that this does not work; or that nobody does it but people."""
    destroyed_at = lifetime.destroys_at(lab)
    if destroyed_at is None:
        cost = (
            f" It costs {money(lab.cost_per_hour_cents, lab.currency)} an hour."
            if lab.cost_per_hour_cents
            else ""
        )
        return f"It is not destroyed by itself.{cost}"
    if lab.destroy_attempts and destroyed_at <= now:
        again = f" I try again {until(lab.look_at, now)}." if lab.look_at and lab.look_at > now else ""
        return f"It should have been destroyed {at(destroyed_at)}, and that has not worked so far.{again}"
    return f"It will be destroyed {until(destroyed_at, now)}."


def buttons(lab: Lab, owner_has_left: bool) -> tuple[Button, ...]:
    """What can be done about a reminder with one press."""
    ask = f"Destroy {lab.name} now? Everything in it is lost."
    destroy = Button("Destroy now", "destroy_now", f"{lab.id}:{lifetime.witness(lab)}", "danger", ask)
    if owner_has_left:
        return Button("Take over", "take_over", lab.id, "primary"), destroy
    return (
        extend_button(lab),
        Button("Keep until tomorrow 09:00", "keep", lab.id),
        destroy,
    )


def extend_button(lab: Lab) -> Button:
    """So much longer, once for what it was shown with: a second press, or somebody else's, adds nothing."""
    return Button("Extend 4h", "extend", f"{lab.id}:{EXTENSION_SECONDS}:{lifetime.witness(lab)}")


def still_there(lab: Lab, attempts: int, again_at: datetime, because: str = "") -> str:
    """A lab that should be gone is not. again_at: when it is tried again if this attempt fails too.

    because: why not even that could be begun.
    """
    due = lifetime.due_at(lab)
    since = f", which was due {at(due)}," if due is not None else ""
    head = f":red_circle: *{lab.name}*{since} could not be destroyed so far, and still costs money."
    if because:
        return f"{head} {because} I try again {at(again_at)}."
    return f"{head} I am trying again now (attempt {attempts}); the one after that is {at(again_at)}."
