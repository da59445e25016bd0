"""The card: one run of a lab, as the channel sees it. A pure projection of rows and `now`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from bot.views import checks_lines, drift_card, message, output_lines, review_lines, steps_lines
from bot.views.message import Message, data, safe_mrkdwn, section, span
from commands import offers as lab_offers
from commands import words
from commands.approvals import approved_roles, still_needed
from commands.blueprint import written
from commands.costs.spent import NOTHING, Bill
from commands.lifetime.words import extend_button
from commands.offers import Offers
from commands.request import Button
from state.checks import CheckResult
from state.health import Illness
from state.records import Approval, Lab, Run, Step
from state.transitions import RunState

_S = RunState

CHANGES_SHOWN, WARNINGS_SHOWN, VARIABLES_SHOWN, APPROVALS_SHOWN = 8, 3, 6, 8
SIGNS = {
    "create": "+",
    "update": "~",
    "delete": "-",
    "replace": "±",
    "read": "·",
    "import": "←",
    "move": "→",
    "forget": "×",
}
# What takes something away is shown first, so that it never hides in "and 12 more".
_DANGER = ("delete", "replace", "forget", "update")
_PLANNED = (_S.PROPOSED, _S.APPROVED)
_SAID = {
    _S.NO_CHANGES: "What is there is what was asked for.",
    _S.SUPERSEDED: "A newer plan has taken its place.",
    _S.EXPIRED: "Nobody approved it in time.",
    _S.STALE: "The lab has changed since this was planned.",
    _S.CANCELLED: "It was stopped.",
}
_BECAUSE = {
    "interrupted": "What the interrupted run left is planned again here.",
    "rekey": "The operators' ssh keys have changed, and the lab's root keys follow them.",
    "office_hours": "Its office hours put it to sleep in the evening, and bring it back in the morning.",
    "lifetime": "Its time is over and nobody has kept it, so it is destroyed without anybody's approval.",
}
_BY_ITSELF = {"lifetime": "lifetime", "office_hours": "office hours"}
_REPLANNED = (_S.STALE, _S.EXPIRED, _S.REJECTED, _S.FAILED, _S.CANCELLED, _S.INTERRUPTED)


def card(
    run: Run,
    lab: Lab,
    steps: Sequence[Step],
    approvals: Sequence[Approval],
    now: datetime,
    bill: Bill = NOTHING,
    checks: Sequence[CheckResult] = (),
    illness: Illness | None = None,
    offers: Offers = lab_offers.NOTHING,
) -> Message:
    """The message that shows a run. approvals: those of its digest that are not void; bill: the lab's, until its end.

    Its buttons: `approve` and `reject` have the value RUN:DIGEST; `replan`, `cancel` and `destroy` have RUN; `ssh` and
    `connect` have LAB.
    """
    if run.kind == "refresh":
        return drift_card.card(run, lab)
    blocks = [section(_head(run, lab, steps, now, bill), block_id="head")]
    parts = {
        "branch": review_lines.branch_lines(run),
        "plan": _plan_lines(run, lab),
        "guardrails": review_lines.guardrail_lines(run),
        "approvals": _approval_lines(run, approvals),
        "end": _end_lines(run, lab, approvals, offers),
        "checks": checks_lines.check_lines(lab, checks),
        "health": [line for line in [checks_lines.illness_line(run, lab, illness)] if line],
    }
    blocks += [section("\n".join(lines), block_id=name) for name, lines in parts.items() if lines]
    if steps:
        blocks.append(message.context([steps_lines.ticks(run, steps)], block_id="steps"))
    if references := _references(run, lab):
        blocks.append(message.context([references], block_id="references"))
    if until := _until(run, lab):
        blocks.append(section(until, block_id="until"))
    if buttons := _buttons(run, lab, steps, offers):
        blocks.append(message.actions(buttons, block_id="buttons"))
    return message.message(f"{data(lab.name)}: {state_word(run)}{_tail(run, lab, steps, now, bill)}", blocks)


def state_word(run: Run) -> str:
    """The state as in the transition table; an applied destruction is `destroyed`, drift that was found `drifted`."""
    if run.kind == "refresh":
        return drift_card.state_word(run)
    return "destroyed" if run.kind == "destroy" and run.state == _S.APPLIED else run.state.value


def counts_words(run: Run, bold: bool = True) -> str:
    """`*2 to add*, nothing to change or destroy`."""
    counts = {"add": run.counts.add, "change": run.counts.change, "destroy": run.counts.destroy}
    star = "*" if bold else ""
    some = [f"{star}{number:,} to {verb}{star}" for verb, number in counts.items() if number]
    none = [verb for verb, number in counts.items() if not number]
    if not some:
        return f"{star}Nothing to add, change or destroy{star}" + (
            ", but what is recorded of it changes" if run.changes else ""
        )
    return ", ".join([*some, *([f"nothing to {words.listed(none, 'or')}"] if none else [])])


def change_lines(run: Run) -> list[str]:
    """`+ address` for each change, what is destroyed or replaced first. Unescaped."""
    order = {action: place for place, action in enumerate(_DANGER)}
    ordered = sorted(run.changes, key=lambda change: order.get(change.action, len(order)))
    return [f"{SIGNS.get(change.action, '?')} {change.address}" for change in ordered]


def elapsed_seconds(run: Run, now: datetime) -> float:
    """How long the apply has taken, so far or in all. 0 where there was none."""
    return 0.0 if run.applying_at is None else ((run.ended_at or now) - run.applying_at).total_seconds()


def lived_seconds(lab: Lab, until: datetime) -> float:
    """How long ago something of a lab was made first."""
    return 0.0 if lab.applied_at is None else max(0.0, (until - lab.applied_at).total_seconds())


def role_words(needed: Mapping[str, int], given: Collection[str] = ()) -> str:
    """words.roles() as data: a role may be `owner of LAB`."""
    return words.roles({data(role): count for role, count in needed.items()}, {data(role) for role in given})


# The lines, from above to below


def _head(run: Run, lab: Lab, steps: Sequence[Step], now: datetime, bill: Bill) -> str:
    parts = [f"*{data(lab.name)}*", data(lab.blueprint), _state_phrase(run, lab, steps, now, bill)]
    asked = [_asked_by(run, steps)]
    if run.kind in ("apply", "steps"):
        given = sorted(run.variables.items())
        if run.kind == "steps":  # what was asked of them, where anything was
            given = [(name, value) for name, value in given if value]
        variables = [f"{name}={written(value)}" for name, value in given]
        asked += message.within(
            (span(each) for each in variables),
            VARIABLES_SHOWN,
            lambda more: f"and {words.plural(more, 'value')} more",
        )
    if run.kind == "apply":
        asked.append(f"up to {words.duration(lab.ttl_seconds)}")
        if per_hour_cents := _per_hour_cents(run, lab):
            asked.append(f"about {words.money(per_hour_cents, data(lab.currency, 10))} an hour")
    return f"{' · '.join(parts)}\n{' · '.join(asked)}"


def _asked_by(run: Run, steps: Sequence[Step]) -> str:
    who = words.mention(run.requester)
    if run.cause in _BY_ITSELF:
        return f"By its {_BY_ITSELF[run.cause]} · {who}'s lab"
    if run.kind == "steps":
        return f"{steps_lines.asked_for(steps).capitalize() or 'Nothing'} asked for by {who}"
    return f"{'Destruction asked' if run.kind == 'destroy' else 'Asked'} for by {who}"


def _state_phrase(run: Run, lab: Lab, steps: Sequence[Step], now: datetime, bill: Bill) -> str:
    took = words.duration(elapsed_seconds(run, now))
    if run.state == _S.APPLYING:
        return f"{'destroying' if run.kind == 'destroy' else 'applying'} · {_progress(run, steps, now)}"
    if run.state == _S.APPLIED and run.kind in ("apply", "steps"):
        return f"applied in {took}"
    if run.state == _S.APPLIED:
        seconds = lived_seconds(lab, run.ended_at or now)
        after = f" after {words.duration(seconds)}" if seconds else ""
        spent = words.money(bill.spent_cents, data(lab.currency, 10))
        cost = f" · {spent}" if bill.spent_cents >= 1 else ""
        left = "" if any(step.state == "failed" for step in steps) else ", nothing left behind"
        return f"destroyed{after}{cost} · {words.plural(run.resources_done, 'resource')} gone{left}"
    phrase = run.state.value.replace("_", " ")
    return f"{phrase} to be destroyed" if run.kind == "destroy" and run.state in _PLANNED else phrase


def _per_hour_cents(run: Run, lab: Lab) -> float:
    """What the run makes of the lab, where that is known."""
    return lab.cost_per_hour_cents if run.cost_per_hour_cents is None else run.cost_per_hour_cents


def _progress(run: Run, steps: Sequence[Step], now: datetime) -> str:
    took = words.duration(elapsed_seconds(run, now))
    if run.kind == "steps" or steps_lines.under_way(steps):
        return f"{steps_lines.under_way(steps) or steps_lines.asked_for(steps)} · {took}"
    total = run.resources_total or run.counts.add + run.counts.change + run.counts.destroy
    return f"{run.resources_done} of {words.plural(total, 'resource')} · {took}" if total else took


def _tail(run: Run, lab: Lab, steps: Sequence[Step], now: datetime, bill: Bill) -> str:
    """What follows `LAB: STATE` in the notification."""
    if run.state in _PLANNED:
        return f" — {counts_words(run, bold=False)}"
    if run.state == _S.APPLYING:
        return f" — {_progress(run, steps, now)}"
    if run.state == _S.APPLIED:
        return _state_phrase(run, lab, steps, now, bill).removeprefix(state_word(run))
    return f" — {safe_mrkdwn(run.sentence, 300)}" if run.sentence else ""


def _plan_lines(run: Run, lab: Lab) -> list[str]:
    if run.state not in (*_PLANNED, _S.APPLYING, *_REPLANNED, _S.SUPERSEDED) or run.digest is None:
        return []
    lines = [_BECAUSE[run.cause]] if run.cause in _BECAUSE else []
    cost = ""
    if run.kind == "apply" and run.state in _PLANNED and (per_hour_cents := _per_hour_cents(run, lab)):
        cents = per_hour_cents * lab.ttl_seconds / words.HOUR
        cost = f" · about {words.money(cents, data(lab.currency, 10))} for {words.duration(lab.ttl_seconds)}"
    lines.append(counts_words(run) + cost)
    if run.notice and run.state in _PLANNED:
        lines.append(safe_mrkdwn(run.notice, 500))
    if run.state in _PLANNED:
        changes = [span(line, 120) for line in change_lines(run)]
        shown = message.within(changes, CHANGES_SHOWN, lambda more: f"and {more:,} more, in the thread")
        if shown:
            lines.append("  ".join(shown))
        warned = [f"Warning: {data(warning, 300)}" for warning in run.warnings]
        lines += message.within(
            warned, WARNINGS_SHOWN, lambda more: f"and {words.plural(more, 'warning')} more"
        )
    return lines


def _approval_lines(run: Run, approvals: Sequence[Approval]) -> list[str]:
    if run.state in (_S.APPLIED, _S.NO_CHANGES, _S.SUPERSEDED):
        return []
    lines = []
    for each in approvals:
        done = "Approved" if each.decision == "approve" else "Rejected"
        who = f"{words.mention(each.person)} for *{data(each.role, 40)}*"
        reason = f" {data(each.reason, 500)}" if each.reason else ""
        lines.append(f"{done} by {who}, {words.at(each.decided_at)}.{reason}")
    lines = message.within(lines, APPROVALS_SHOWN, lambda more: f"and {more} more")
    if run.state == _S.PROPOSED and (missing := still_needed(run, list(approvals))):
        expiry = f" Expires {words.at(run.expires_at)}." if run.expires_at else ""
        lines.append(f"Waiting for {role_words(missing, approved_roles(approvals))}.{expiry}")
    return lines


def _end_lines(run: Run, lab: Lab, approvals: Sequence[Approval], offers: Offers) -> list[str]:
    """What became of it: the run's own sentence, the outputs."""
    lines = []
    told = run.state == _S.REJECTED and any(each.decision == "reject" for each in approvals)
    if not told and (sentence := run.sentence or _SAID.get(run.state, "")):
        lines.append(safe_mrkdwn(sentence, 2000))
    by_itself = run.kind == "destroy" and run.cause in _BY_ITSELF
    if by_itself and run.state in (_S.FAILED, _S.INTERRUPTED) and lab.gone_at is None:
        again = f" I try again {words.at(lab.look_at)}." if lab.look_at else ""
        lines.append(f":red_circle: It should be gone, and still costs money.{again}")
    if run.state == _S.APPLIED and run.kind == "apply":
        shown = output_lines.output_line(run.outputs, offers.publish, lab.name)
        if lab.gone_at is not None:
            shown = f"Gone {words.at(lab.gone_at)}."
        lines += [shown] if shown else []
    return lines


def _until(run: Run, lab: Lab) -> str:
    """Until when it lives, right above the buttons with which that is changed."""
    lives = run.kind == "apply" and run.state == _S.APPLIED and lab.gone_at is None
    return f"Expires {words.at(lab.expires_at)}." if lives and lab.expires_at is not None else ""


def _references(run: Run, lab: Lab) -> str:
    parts = []
    if run.digest:
        parts += [f"plan {data(run.digest[:7])}", f"state {run.serial or 0}"]
    if run.commit:
        parts.append(review_lines.made_from(run, lab.blueprint))
    if run.state in (_S.FAILED, _S.CANCELLED, _S.INTERRUPTED):
        parts.append(f"log: `/lab logs {data(run.id)}`")
    return ", ".join(parts)


def _buttons(run: Run, lab: Lab, steps: Sequence[Step], offers: Offers) -> list[Button]:
    name = words.printable(lab.name)
    if run.state == _S.PROPOSED:
        shown = f"{run.id}:{run.digest or ''}"
        return [
            Button("Approve", "approve", shown, "primary"),
            Button("Reject", "reject", shown),
            Button("Re-plan", "replan", run.id),
        ]
    if run.state == _S.APPLYING:
        ask = f"Stop {name} now? What has been made stays, and the card will say what that is."
        return [Button("Cancel", "cancel", run.id, "danger", ask)]
    if lab.gone_at is not None:
        return []
    buttons = [Button("Re-plan", "replan", run.id)] if run.state in _REPLANNED else []
    if steps_lines.failed_step(run, steps):
        buttons = [steps_lines.retry_button(run)]
    if run.kind == "apply" and run.state == _S.APPLIED:
        buttons += _use_buttons(lab, offers)
    left_something = run.state in (_S.FAILED, _S.CANCELLED, _S.INTERRUPTED) and run.applying_at is not None
    if (run.kind == "apply" and run.state == _S.APPLIED) or (
        run.kind in ("apply", "steps") and left_something
    ):
        ask = f"Plan the destruction of {name}? It is destroyed when that plan is approved."
        buttons.append(Button("Destroy", "destroy", run.id, "danger", ask))
    return buttons


def _use_buttons(lab: Lab, offers: Offers) -> list[Button]:
    """What one may want of a lab that works."""
    buttons = []
    if lab.asleep_at is None and offers.has_ssh:
        buttons.append(Button("ssh", "ssh", lab.id))
    if lab.asleep_at is None and offers.publish:
        buttons.append(Button("Connect", "connect", lab.id))
    if lab.expires_at is not None:
        buttons.append(extend_button(lab))
    return buttons
