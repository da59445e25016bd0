"""`Approve` and `Reject` where a lab shall live longer than its max: one infra person's word, not the asker's own."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.authorise import asker_of, may_run
from commands.deps import Deps
from commands.lifetime.extending import call_off, give, is_destroyed, say_in_thread
from commands.lifetime.words import until
from commands.request import Outcome, Refused, Request
from commands.words import at, mention
from state import audit, extensions, labs, runs
from state.extensions import Extension
from state.records import Lab


def approve_extension(request: Request, deps: Deps) -> Outcome:
    """An infra person's yes to a question, EXTENSION. Everything is checked afresh."""
    # Not within the transaction: Slack and Vault may take their time.
    why_not = _why_asker_may_not(deps, _question(request, deps))
    with deps.database.transaction():
        now = deps.now()
        question = _question(request, deps)
        lab = labs.get(deps.database, question.lab_id)
        why_void = _why_void(deps, question, lab, now) or why_not
        if lab is None or why_void:
            extensions.decide(deps.database, question.id, "void", None, now)
        else:
            extensions.decide(deps.database, question.id, "approved", request.person, now)
            call_off(deps, lab, request.person, now)
            kept_until = min(now + timedelta(seconds=question.seconds), question.expires_at)
            said = f"Extended until {at(question.expires_at)}: {mention(question.requester)} asked, "
            said += f"{mention(request.person)} approved."
            given = (question.expires_at, max(lab.kept_until or now, kept_until))
            give(deps, lab, given, request.person, "an extension", f"extended {question.id}", said, now)
            return Outcome(f"*{lab.name}* lives until {until(question.expires_at, now)}.")
    raise Refused(f"{why_void} So the question is void, and nothing has changed.", "/lab list all")


def reject_extension(request: Request, deps: Deps) -> Outcome:
    """An infra person's no to a question, EXTENSION."""
    with deps.database.transaction():
        now = deps.now()
        question = _question(request, deps)
        extensions.decide(deps.database, question.id, "rejected", request.person, now)
        lab = labs.get(deps.database, question.lab_id)
        if lab is None or lab.gone_at is not None or lab.expires_at is None:
            return Outcome("Rejected. That lab is gone by now.")
        audit.append(
            deps.database, now, request.person.key, "extension_rejected", lab.name, extension=question.id
        )
        said = f"{mention(question.requester)} *{lab.name}* gets no more time: {mention(request.person)} said no."
        say_in_thread(deps, lab, f"extension rejected {question.id}", said, now)
    return Outcome(f"Rejected. *{lab.name}* expires {until(lab.expires_at, now)}.")


def _question(request: Request, deps: Deps) -> Extension:
    """The question on the button. Raises Refused when it was answered, or is theirs."""
    question = extensions.get(deps.database, request.words[1])
    if question is None:
        raise Refused("I do not know that question.", "/lab list all")
    if question.state == "void":
        raise Refused(
            "That question is void: the lab was extended, asked about again, or ended.", "/lab list all"
        )
    if question.state != "asked":
        by = f" by {mention(question.decided_by)}" if question.decided_by is not None else ""
        raise Refused(f"That question was {question.state} already{by}.")
    if question.requester == request.person:
        raise Refused("You asked for this, so another infra person decides.")
    return question


def _why_void(deps: Deps, question: Extension, lab: Lab | None, now: datetime) -> str:
    """Why a question is no question any more; empty where it is one."""
    if lab is None or lab.gone_at is not None:
        return "That lab is gone."
    if is_destroyed(runs.active_of(deps.database, lab.id)):
        return f"*{lab.name}* is being destroyed right now."
    if now >= question.expires_at:
        return f"The time that was asked for *{lab.name}* has passed."
    return ""


def _why_asker_may_not(deps: Deps, question: Extension) -> str:
    """Why whoever asked may not any more, as Slack and Vault say now; empty where they may."""
    lab = labs.get(deps.database, question.lab_id)
    try:
        asker = asker_of(question.requester, deps.vault, deps.standing)
    except Refused:
        return f"{mention(question.requester)} asked, and is no trusted operator now."
    if lab is not None and not may_run(asker, lab.owner):
        return f"{mention(question.requester)} asked, and may not change *{lab.name}* now."
    return ""
