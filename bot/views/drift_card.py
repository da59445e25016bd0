"""The card of a look for drift: what has changed outside, and what can be done about it. Pure."""

from __future__ import annotations

from bot.views import message
from bot.views.message import Message, data, safe_mrkdwn, section, span
from commands import words
from commands.engines.terraform.drift import OUTPUT
from commands.request import Button
from state.records import Lab, PlannedChange, Run
from state.transitions import RunState

_S = RunState

CHANGES_SHOWN, ATTRIBUTES_SHOWN = 8, 6
_SIGNS = {"create": "+", "update": "~", "delete": "-"}
_PHRASES = {
    _S.QUEUED: "looks for what has changed outside",
    _S.PLANNING: "looks for what has changed outside",
    _S.APPROVED: "what changed outside was accepted",
    _S.APPLYING: "accepts what changed outside",
    _S.APPLIED: "accepted what changed outside",
    _S.NO_CHANGES: "nothing changed outside",
}
_SAID = {
    _S.SUPERSEDED: "A newer plan has taken its place.",
    _S.STALE: "The lab has changed since this was looked at.",
    _S.CANCELLED: "It was stopped.",
}
_CHOICE = (
    "`Re-plan` plans what was asked for against what is there, which brings it back. "
    "`Accept` takes what is there into the state, and changes nothing of the lab."
)


def card(run: Run, lab: Lab) -> Message:
    """The message that shows a look for drift. Its buttons: `replan` has the value RUN, `accept_drift` RUN:DIGEST."""
    parts = {"changes": _change_lines(run), "end": _end_lines(run)}
    blocks = [section(_head(run, lab), block_id="head")]
    blocks += [section("\n".join(lines), block_id=name) for name, lines in parts.items() if lines]
    if run.digest:
        told = f"plan {data(run.digest[:7])}, state {run.serial or 0}"
        blocks.append(message.context([told], block_id="references"))
    elif run.state == _S.FAILED:
        blocks.append(message.context([f"log: `/lab logs {data(run.id)}`"], block_id="references"))
    if buttons := _buttons(run, lab):
        blocks.append(message.actions(buttons, block_id="buttons"))
    return message.message(f"{data(lab.name)}: {state_word(run)}{_tail(run)}", blocks)


def state_word(run: Run) -> str:
    """The state as in the transition table; a look that found something is `drifted`."""
    return "drifted" if run.state == _S.PROPOSED else run.state.value


def drift_words(run: Run) -> str:
    """`2 resources and 1 output have changed outside`."""
    outputs = sum(each.address.startswith(OUTPUT) for each in run.changes)
    numbers = {"resource": len(run.changes) - outputs, "output": outputs}
    told = [words.plural(number, what) for what, number in numbers.items() if number]
    return f"{words.listed(told)} {'has' if len(run.changes) == 1 else 'have'} changed outside"


def _head(run: Run, lab: Lab) -> str:
    who = words.mention(run.requester)
    asked = f"Asked for by {who}"
    if run.state in (_S.APPROVED, _S.APPLYING, _S.APPLIED):
        asked = f"Accepted by {who}"
    elif run.cause == "drift":
        asked = f"Found by looking · {who}'s lab"
    phrase = _PHRASES.get(run.state, state_word(run).replace("_", " "))
    return f"*{data(lab.name)}* · {data(lab.blueprint)} · {phrase}\n{asked}"


def _tail(run: Run) -> str:
    """What follows `LAB: STATE` in the notification."""
    if run.state == _S.PROPOSED:
        return f" — {drift_words(run)}"
    if run.state == _S.APPLIED:
        return f" — {_PHRASES[run.state]}"
    return f" — {safe_mrkdwn(run.sentence, 300)}" if run.sentence else ""


def _change_lines(run: Run) -> list[str]:
    if not run.changes or run.digest is None:
        return []
    shown = message.within(
        [_change(each) for each in run.changes],
        CHANGES_SHOWN,
        lambda more: f"and {more:,} more, in the thread",
    )
    lines = [f"*{drift_words(run)}*:", *shown]
    if run.state == _S.PROPOSED:
        expiry = f" Expires {words.at(run.expires_at)}." if run.expires_at else ""
        lines.append(f"{_CHOICE}{expiry}")
    return lines


def _change(change: PlannedChange) -> str:
    """`~ aws_sqs_queue.q`: visibility_timeout_seconds, tags."""
    line = span(f"{_SIGNS.get(change.action, '?')} {change.address}", 120)
    if change.action == "delete":
        return f"{line} is gone"
    names = [data(name, 60) for name in change.attributes]
    told = message.within(names, ATTRIBUTES_SHOWN, lambda more: f"{more} more")
    return f"{line}: {words.listed(told)}" if told else line


def _end_lines(run: Run) -> list[str]:
    sentence = run.sentence or _SAID.get(run.state, "")
    return [safe_mrkdwn(sentence, 2000)] if sentence else []


def _buttons(run: Run, lab: Lab) -> list[Button]:
    again = Button("Re-plan", "replan", run.id)
    if lab.gone_at is not None:
        return []
    if run.state == _S.PROPOSED:
        ask = f"Take what is there into the state of {words.printable(lab.name)}? Nothing of the lab is changed."
        return [again, Button("Accept", "accept_drift", f"{run.id}:{run.digest or ''}", "default", ask)]
    return [again] if run.state in (_S.STALE, _S.EXPIRED) else []
