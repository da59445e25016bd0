"""Who is called for an approval, and where: below the card, or each directly where they do not see that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.views import replies
from commands.audience import is_direct
from commands.request import id_from
from state.records import Lab, OutboxMessage, Person, Run

CALLED = 10  # people; the others find it in their Home tab


def calls(
    run: Run, lab: Lab, missing: Mapping[str, int], who: Sequence[Person], channel: str, due_at: datetime
) -> list[OutboxMessage]:
    """What is said to those whose approval is needed. who: they hold a missing role; channel: of the card. Pure.

    Who has just asked, and may say the only word that is missing, need not be called, nor anybody else.
    """
    is_theirs = run.self_approval and run.requester in who and sum(missing.values()) == 1
    if not missing or is_theirs:
        return []
    others = [person for person in who if person != run.requester][:CALLED]
    if not others or not is_direct(channel):
        return [reply_of(run, replies.needs_approval(run, lab, missing, others), due_at)]
    told = [
        OutboxMessage(
            id=id_from(f"call {run.id} {person.key}"),
            channel="",
            text=replies.needs_approval_elsewhere(run, lab, missing),
            due_at=due_at,
            person=person,
        )
        for person in others
    ]
    return [reply_of(run, replies.called_directly(lab, missing, others), due_at), *told]


def reply_of(run: Run, text: str, due_at: datetime) -> OutboxMessage:
    """A line below the run's card, once for each state that it is in."""
    reply_id = id_from(f"reply {run.id} {run.state}")
    return OutboxMessage(id=reply_id, channel="", text=text, due_at=due_at, run_id=run.id)
