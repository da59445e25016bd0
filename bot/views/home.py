"""The Home tab: a pure projection of commands/home.py's record. Its buttons are those that messages have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from slack_sdk.models.blocks import Block, DividerBlock, HeaderBlock, PlainTextObject
from slack_sdk.models.views import View

from bot.views import review_lines
from bot.views.card import (
    CHANGES_SHOWN,
    WARNINGS_SHOWN,
    change_lines,
    counts_words,
    role_words,
    state_word,
)
from bot.views.message import actions, context, data, fit, picture, safe_mrkdwn, section, span, within
from commands import words
from commands.audience import is_direct
from commands.grants.issuing import KINDS
from commands.home import Home, MyLab, Waiting
from commands.lifetime import moments as lifetime
from commands.lifetime.words import extend_button, until
from commands.request import Button
from state.extensions import Extension
from state.records import Grant, Lab

BYTES_LIMIT = 245_000  # as JSON in ASCII; Slack takes 250 KB of a view
_MAY = {
    "operator": ("ask for labs", "run your own"),
    "infra": ("review plans", "run everybody's labs", "decide who gets more time than a blueprint allows"),
    "security": ("review plans", "read the audit"),
    "admin": ("say who is an operator", "set budgets", "read the audit"),
}


def home(home: Home, note: str = "", picture_id: str = "", picture_alt: str = "") -> dict[str, Any]:
    """The view for `views.publish`. note: what came of a click, as a message would say it, already escaped.

    picture_id: the file of the month's picture, once it is drawn.
    """
    blocks: list[Block] = [section(note, block_id="note"), DividerBlock()] if note else []
    blocks += _waiting(home)
    blocks += _labs(home)
    blocks += _held(home)
    blocks += _month(home, picture_id, picture_alt)
    blocks += _rights(home)
    return _view(blocks)


def turned_away(text: str) -> dict[str, Any]:
    """The view for who has no rights here, or when that cannot be told. text: as a message says it, escaped."""
    return _view(
        [section(text, block_id="note"), actions([Button("Look again", "home", "again")], "look_again")]
    )


def _view(blocks: Sequence[Block]) -> dict[str, Any]:
    shape = dict(View(type="home", callback_id="home", blocks=list(blocks[:100])).to_dict())
    fit(shape["blocks"], lambda shown: len(json.dumps(shown)) > BYTES_LIMIT)
    return shape


def _header(text: str) -> Block:
    return HeaderBlock(text=PlainTextObject(text=text))


def _waiting(home: Home) -> Iterator[Block]:
    if not home.waiting and not home.questions:
        return
    yield _header("Waiting for you")
    for place, each in enumerate(home.waiting):
        run = each.run
        yield section(_plan_words(each), block_id=f"waiting_{place}")
        shown = f"{run.id}:{run.digest or ''}"
        yield actions(
            [Button("Approve", "approve", shown, "primary"), Button("Reject", "reject", shown)],
            f"decide_{place}",
        )
    for place, (question, lab) in enumerate(home.questions):
        yield section(_question_words(question, lab), block_id=f"question_{place}")
        yield actions(
            [
                Button("Approve", "approve_extension", question.id, "primary"),
                Button("Reject", "reject_extension", question.id),
            ],
            f"answer_{place}",
        )
    if more := home.waiting_in_all - len(home.waiting):
        yield context([f"and {words.plural(more, 'plan')} more, on their cards"])


def _plan_words(waiting: Waiting) -> str:
    """The same as on the card: an approval is of exactly the plan that is shown."""
    run = waiting.run
    what = "to be destroyed" if run.kind == "destroy" else "proposed"
    changes = within(
        [span(line, 120) for line in change_lines(run)],
        CHANGES_SHOWN,
        lambda more: f"and {more:,} more, in its card's thread",
    )
    lines = [
        f"*{data(run.lab_name)}* · {what} · asked for by {words.mention(run.requester)} {_in(run.channel)}",
        *review_lines.branch_lines(run),
        counts_words(run),
        *([safe_mrkdwn(run.notice, 500)] if run.notice else []),
        *(["  ".join(changes)] if changes else []),
        *within(
            [f"Warning: {data(warning, 300)}" for warning in run.warnings],
            WARNINGS_SHOWN,
            lambda more: f"and {words.plural(more, 'warning')} more",
        ),
        *review_lines.guardrail_lines(run),
        f"Waiting for {role_words(waiting.needed)}."
        + (f" Expires {words.at(run.expires_at)}." if run.expires_at else ""),
    ]
    return "\n".join(lines)


def _question_words(question: Extension, lab: Lab) -> str:
    return (
        f"{words.mention(question.requester)} wants *{data(lab.name)}* to live until {words.at(question.expires_at)}, "
        f"longer than the {words.duration(lab.lifetime.max_seconds)} of its kind."
    )


def _labs(home: Home) -> Iterator[Block]:
    yield _header("Your labs")
    may_ask = "operator" in home.roles
    if not home.labs:
        yield section("You have no lab." + ("" if may_ask else " Operators ask for them."))
    if may_ask:
        yield actions([Button("Ask for a lab", "ask_for_lab", "form", "primary")], "ask")
    for place, each in enumerate(home.labs):
        yield section(_lab_words(each, home), block_id=f"lab_{place}")
        if buttons := _lab_buttons(each):
            yield actions(buttons, f"do_{place}")
    if more := home.labs_in_all - len(home.labs):
        yield context([f"and {more:,} more: `/lab list mine`"])


def _lab_words(mine: MyLab, home: Home) -> str:
    lab, run = mine.lab, mine.run
    state = (
        "asleep" if lab.asleep_at is not None else state_word(run).replace("_", " ") if run else "asked for"
    )
    lines = [f"*{data(lab.name)}* · {data(lab.blueprint)} · {state}"]
    money = []
    if mine.spent_cents >= 1:
        money.append(f"{words.money(mine.spent_cents, data(lab.currency, 10))} so far")
    if lab.cost_per_hour_cents and lab.applied_at is not None and lab.asleep_at is None:
        money.append(f"{words.money(lab.cost_per_hour_cents, data(lab.currency, 10))} an hour")
    left = []
    if lab.asleep_at is None and lab.expires_at is not None:
        left.append(
            f"Expires {until(lab.expires_at, home.at)}" if lab.expires_at > home.at else "Its time is over"
        )
        destroyed_at = lifetime.destroys_at(lab)
        if lifetime.is_idle(lab, home.at) and destroyed_at is not None:
            left = [f"Nobody uses it, so it will be destroyed {until(destroyed_at, home.at)}"]
    if told := " · ".join([*left, *money]):
        lines.append(told)
    if run is not None and run.ended_at is not None and run.sentence:
        lines.append(safe_mrkdwn(run.sentence, 300))
    return "\n".join(lines)


def _lab_buttons(mine: MyLab) -> list[Button]:
    lab, run = mine.lab, mine.run
    is_there = lab.applied_at is not None and lab.expires_at is not None
    buttons = []
    if is_there and lab.asleep_at is None and mine.has_ssh:
        buttons.append(Button("ssh", "ssh", lab.id))
    if is_there:
        buttons += [extend_button(lab), Button("Extend…", "extend_how_long", lab.id)]
    if run is not None and lab.applied_at is None and run.ended_at is None:
        ask = f"Stop asking for {words.printable(lab.name)}?"
        buttons.append(Button("Cancel", "cancel", run.id, "danger", ask))
    elif run is not None:
        ask = f"Plan the destruction of {words.printable(lab.name)}? It is destroyed when that plan is approved."
        buttons.append(Button("Destroy", "destroy", run.id, "danger", ask))
    return buttons


def _held(home: Home) -> Iterator[Block]:
    yield _header("Your keys")
    if not home.keys:
        yield section(
            "No ssh key of yours is on file.", Button("Enroll a key", "enroll", "key"), block_id="no_key"
        )
    for place, key in enumerate(home.keys):
        ask = "Trust this key no more, and revoke every certificate of it?"
        remove = Button("Remove", "remove_key", key.fingerprint, "danger", ask)
        yield section(f"{data(key.type)} key {span(key.fingerprint)}", remove, f"key_{place}")
    for place, (grant, lab) in enumerate(home.grants):
        yield section(_grant_words(grant, lab, home), _revoke_button(grant, lab), f"grant_{place}")
    if more := home.grants_in_all - len(home.grants):
        yield context([f"and {more:,} more: `/key list`"])


def _grant_words(grant: Grant, lab: str, home: Home) -> str:
    return f"*{KINDS[grant.kind]}* · {data(lab)} · ends {until(grant.expires_at, home.at)}"


def _revoke_button(grant: Grant, lab: str) -> Button:
    ask = f"End this {KINDS[grant.kind]} on {words.printable(lab)} now?"
    return Button("Revoke", "revoke_grant", grant.id, "danger", ask)


def _month(home: Home, picture_id: str, picture_alt: str) -> Iterator[Block]:
    if home.month is None:
        return
    yield _header("The month")
    total = sum(sum(cents) for cents in home.month.series.values())
    spent = words.money(total, data(home.month.currency, 10))
    yield section(f"Labs {_in(home.channel)} came to {spent} in the last {len(home.month.days)} days.")
    if picture_id:
        yield picture(picture_id, picture_alt)


def _in(channel: str) -> str:
    return "in direct messages" if is_direct(channel) else f"in <#{channel}>"


def _rights(home: Home) -> Iterator[Block]:
    yield _header("What you may do")
    rights = dict.fromkeys(right for role in _MAY if role in home.roles for right in _MAY[role])
    if "infra" in home.roles:
        rights.pop("run your own", None)  # they are among everybody's
    may = words.listed([*rights])
    who = words.listed([words.mention(person) for person in home.admins], "or") or "an admin"
    more = "" if "admin" in home.roles else f" For more, ask {who}."
    yield section(f"You hold {role_words(dict.fromkeys(home.roles, 1))}, so you may {may}.{more}")
    yield actions([Button("Refresh", "home", "again")], "refresh")
    yield context([f"As of {words.at(home.at)}. `/lab help` shows every command."])
