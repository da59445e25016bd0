"""The short replies in a card's thread, at the ends that somebody waits for: an edit pings nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.views.card import counts_words, lived_seconds, role_words
from bot.views.drift_card import drift_words
from bot.views.message import data, safe_mrkdwn
from commands import words
from commands.costs.spent import Bill
from commands.lifetime import moments as lifetime
from state.checks import CheckResult
from state.records import Approval, Lab, Person, Run
from state.transitions import RunState


def needs_approval(run: Run, lab: Lab, still_needed: Mapping[str, int], people: Sequence[Person] = ()) -> str:
    """`<@U2> <@U3> demo needs your approval.` people: who holds a role that is needed, if known."""
    roles = role_words(still_needed)
    what = counts_words(run, bold=False)
    if not people:
        return f"{roles}: *{data(lab.name)}* needs your approval ({what})."
    pinged = " ".join(map(words.mention, people))
    return f"{pinged} *{data(lab.name)}* needs your approval for {roles} ({what})."


def needs_approval_elsewhere(run: Run, lab: Lab, still_needed: Mapping[str, int]) -> str:
    """The same to one person, who does not see the card."""
    return (
        f"{words.mention(run.requester)}'s *{data(lab.name)}* needs your approval for {role_words(still_needed)} "
        f"({counts_words(run, bold=False)}). Its card is in their messages with me, where you do not see it: the plan "
        f"waits in my Home tab, and `/lab logs {data(run.id)}` has all of it."
    )


def called_directly(lab: Lab, still_needed: Mapping[str, int], people: Sequence[Person]) -> str:
    """What the requester is told then."""
    asked = words.listed([words.mention(person) for person in people])
    return (
        f"*{data(lab.name)}* waits for {role_words(still_needed)}. Nobody else sees our direct messages, so I have "
        f"told {asked} directly."
    )


def ready(run: Run, lab: Lab, checks: Sequence[CheckResult] = ()) -> str:
    """An apply came to a good end. checks: how it was found from outside; nothing is said where nobody looked."""
    if run.cause == "rekey":
        return f"The root keys of *{data(lab.name)}* are those of today's operators."
    until = f" It expires {words.at(lab.expires_at)}." if lab.expires_at is not None else ""
    if run.cause == "office_hours":
        return f"*{data(lab.name)}* is back.{until}"
    passed = sum(each.state == "passed" for each in checks)
    looked = f" {passed} of {words.plural(len(checks), 'check')} passed." if checks else ""
    return f"{words.mention(run.requester)} *{data(lab.name)}* is ready.{looked}{until}"


def gone(run: Run, lab: Lab, bill: Bill, had_keys: bool = False) -> str:
    """A destruction came to a good end, so nothing of the lab is left. bill: what it has cost.

    had_keys: somebody held a key of it, which opens nothing any more.
    """
    if run.cause == "office_hours":
        return ""  # it sleeps, and until when is told already
    seconds, currency = (
        lived_seconds(lab, run.ended_at or lab.gone_at or run.created_at),
        data(lab.currency, 10),
    )
    cost = f" and cost {words.money(bill.spent_cents, currency)}" if bill.spent_cents >= 1 else ""
    life = f" It lived {words.duration(seconds)}{cost}." if seconds else ""
    if bill.saved_cents >= 1:
        life += f" That it was destroyed by itself saved about {words.money(bill.saved_cents, currency)}."
    resources = words.plural(run.resources_done, "resource")
    keys = " Its keys and credentials have ended." if had_keys else ""
    told = f"*{data(lab.name)}* is gone: {resources} destroyed, nothing left behind.{keys}{life}"
    # Whoever asked waits for it; what its lifetime ended was told of before, and nobody has to do anything.
    return told if run.cause in lifetime.BY_THEMSELVES else f"{words.mention(run.requester)} {told}"


def failed(run: Run, lab: Lab, step: str = "") -> str:
    """A run ended without what was asked for: failed or stale. Its sentence says why.

    step: the one after provision that failed; the lab is there.
    """
    if step:
        why = safe_mrkdwn(run.sentence, 1500)
        return (
            f"{words.mention(run.requester)} *{data(lab.name)}* is there, but not all of its steps are done. "
            f"{why}\nPress `Retry step` on its card."
        )
    what = "could not be destroyed" if run.kind == "destroy" else "did not come up"
    if run.state == RunState.STALE:
        what = "was not applied"
    why = safe_mrkdwn(run.sentence, 1500) or "Its log says why."
    log = f"`/lab logs {data(run.id)}`"
    follows = f"Press `Re-plan` on its card, or read {log}."
    if run.kind == "destroy" and run.cause in lifetime.BY_THEMSELVES:
        follows = f"I try again by myself, and its card says when. {log} has all that Terraform said."
    return f"{words.mention(run.requester)} *{data(lab.name)}* {what}. {why}\n{follows}"


def ended_by(run: Run, lab: Lab, given: Sequence[Approval]) -> str:
    """Others, or time, ended what somebody asked for. Empty: they did so themselves. given: who said what."""
    name = f"*{data(lab.name)}*"
    again = "Press `Re-plan` on its card to ask again."
    if run.state == RunState.EXPIRED:
        return f"{words.mention(run.requester)} Nobody approved the plan of {name} in time. {again}"
    if run.state == RunState.CANCELLED and run.cancelled_by not in (None, run.requester):
        return f"{words.mention(run.requester)} {name} was stopped. {safe_mrkdwn(run.sentence, 1500)}"
    no = next((each for each in given if each.decision == "reject" and each.person != run.requester), None)
    if run.state != RunState.REJECTED or no is None:
        return ""
    who = f"{words.mention(run.requester)} {words.mention(no.person)} rejected the plan of {name}"
    return f"{who}: {data(no.reason, 500)}\n{again}"


def drift(run: Run, lab: Lab) -> str:
    """A look for drift has come to an end that somebody waits for, or must know of. Empty: to no such end."""
    name, why = f"*{data(lab.name)}*", safe_mrkdwn(run.sentence, 1500) or "Its log says why."
    again = f"Ask `/lab drift {data(lab.name)}` again, or read `/lab logs {data(run.id)}`."
    what = "could not be looked at" if run.applying_at is None else "has not accepted what is there"
    told = {
        RunState.PROPOSED: f"{name} has drifted: {drift_words(run)}.",
        RunState.APPLIED: f"{name}: its state has taken over what is there.",
        RunState.FAILED: f"{name} {what}. {why}\n{again}",
        RunState.INTERRUPTED: f"{name} was interrupted. {why}",
    }.get(run.state)
    return f"{words.mention(run.requester)} {told}" if told else ""


def interrupted(run: Run, lab: Lab) -> str:
    """The machine that applied a run stopped. The run's own sentence says how far it came."""
    made = f"{run.resources_done} of {words.plural(run.resources_total, 'resource')} done"
    why = safe_mrkdwn(run.sentence, 1500) or f"The machine that applied it stopped, with {made}."
    return f"{words.mention(run.requester)} *{data(lab.name)}* was interrupted. {why}"
