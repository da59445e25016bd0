"""Modals: a Form as Slack shows it, and what came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ConversationFilter,
    ConversationSelectElement,
    InputBlock,
    InputInteractiveElement,
    Option,
    OptionGroup,
    PlainTextInputElement,
    PlainTextObject,
    StaticMultiSelectElement,
    StaticSelectElement,
    UserSelectElement,
)
from slack_sdk.models.views import View

from bot.views.message import actions, data, escape, safe_mrkdwn, section
from commands import words
from commands.request import Field, Form, Revealed

METADATA_LIMIT = 3000
VALUE = "value"  # the action_id of every input
SEALED = "secret:"  # what a sensitive field's block_id, and so its name in submitted(), begins with
_FIELDS, _CHOICES, _BOXES, _OPTION, _INPUT = 90, 100, 10, 75, 3000
_GROUPS = 5  # of _CHOICES each; Slack takes more, but a view has an end too
_CODE = 2900  # characters in a code block of one section


def modal(form: Form, private_metadata: str) -> dict[str, Any]:
    """The view that asks for a form's fields; submitted() reads what came back.

    Its callback_id is the form's action; form.value is the caller's to carry in private_metadata, of at
    most 3,000 characters: more raises ValueError.
    """
    if len(private_metadata) > METADATA_LIMIT:
        raise ValueError(
            f"private_metadata has {len(private_metadata)} characters; Slack takes {METADATA_LIMIT}"
        )
    introduction: list[Block] = [section(safe_mrkdwn(form.introduction))] if form.introduction else []
    summary: list[Block] = [section(safe_mrkdwn(form.summary))] if form.summary else []
    view = View(
        type="modal",
        callback_id=form.action,
        title=_label(form.title, 24),
        submit=_label(form.submit, 24),
        close=_label("Leave it", 24),
        private_metadata=private_metadata,
        blocks=[*introduction, *(_input(field) for field in form.fields[:_FIELDS]), *summary]
        or [section(data(form.title))],
    )
    return dict(view.to_dict())


def submitted(view: Mapping[str, Any]) -> dict[str, str]:
    """Field name → what was typed or chosen, of a submitted view; an empty field is an empty string.

    Several choices are joined by commas; a person and a channel are their ids. A sensitive field's name has SEALED
    before it: its value is sealed before anything is recorded.
    """
    return {
        name: _given(inputs.get(VALUE) or {}) for name, inputs in (view.get("state") or {})["values"].items()
    }


def _given(element: Mapping[str, Any]) -> str:
    some = ",".join(str(each.get("value")) for each in element.get("selected_options") or ())
    one = (element.get("selected_option") or {}).get("value")
    who = element.get("selected_user") or element.get("selected_conversation")
    return str(one or some or who or element.get("value") or "")


def waiting(title: str, private_metadata: str) -> dict[str, Any]:
    """A view that will show something in a moment."""
    view = View(
        type="modal",
        callback_id="shown",
        title=_label(title, 24),
        close=_label("Close", 24),
        private_metadata=private_metadata,
        blocks=[section("One moment…")],
    )
    return dict(view.to_dict())


def shown(title: str, revealed: Revealed, private_metadata: str) -> dict[str, Any]:
    """A view that shows secrets, each as text to copy. Nothing of it is ever part of a message."""
    blocks: list[Block] = [section(safe_mrkdwn(revealed.introduction))]
    for secret in revealed.secrets:
        blocks += [section(f"*{data(secret.label)}*"), *map(section, _copied(secret.value))]
    if revealed.closing:
        blocks.append(section(safe_mrkdwn(revealed.closing)))
    if revealed.buttons:
        blocks.append(actions(revealed.buttons, block_id="shown"))
    return {**waiting(title, private_metadata), "blocks": [block.to_dict() for block in blocks]}


def _copied(value: str) -> Iterator[str]:
    """The value as code blocks, cut between lines where it is too long for one; not a character is changed."""
    part = ""
    for line in value.split("\n"):
        if part and len(escape(part)) + len(escape(line)) > _CODE:
            yield f"```\n{escape(part)}\n```"
            part = ""
        part = f"{part}\n{line}" if part else line
    yield f"```\n{escape(part)}\n```"


def _input(field: Field) -> InputBlock:
    return InputBlock(
        block_id=f"{SEALED}{field.name}" if field.sensitive else field.name,
        label=_label(field.label, 200),
        hint=_label(field.hint, 500) if field.hint else None,
        optional=field.optional,
        dispatch_action=True if field.live else None,
        element=_element(field),
    )


def _element(field: Field) -> InputInteractiveElement:
    if field.kind == "person":
        return UserSelectElement(action_id=VALUE)
    if field.kind == "channel":
        # Of a shortcut Slack knows where it was used, and the app does not.
        only = ConversationFilter(include=["public", "private"], exclude_bot_users=True)
        return ConversationSelectElement(action_id=VALUE, default_to_current_conversation=True, filter=only)
    if not _fits_select(field):
        return _typed(field)
    return _several(field) if field.kind == "some" else _select(field)


def _fits_select(field: Field) -> bool:
    """Whether Slack can show the choices; otherwise one is typed, and checked like any other value."""
    return 0 < len(field.choices) <= _CHOICES * _GROUPS and all(
        0 < len(choice) <= _OPTION for choice in field.choices
    )


def _select(field: Field) -> StaticSelectElement:
    options = _options(field)
    initial = options.get(field.default)
    if len(options) > _CHOICES:
        return StaticSelectElement(action_id=VALUE, option_groups=_groups(options), initial_option=initial)
    return StaticSelectElement(action_id=VALUE, options=list(options.values()), initial_option=initial)


def _several(field: Field) -> CheckboxesElement | StaticMultiSelectElement:
    options = _options(field)
    chosen = [options[each] for each in field.default.split(",") if each in options] or None
    if len(options) <= _BOXES:
        return CheckboxesElement(action_id=VALUE, options=list(options.values()), initial_options=chosen)
    if len(options) > _CHOICES:
        return StaticMultiSelectElement(
            action_id=VALUE, option_groups=_groups(options), initial_options=chosen
        )
    return StaticMultiSelectElement(action_id=VALUE, options=list(options.values()), initial_options=chosen)


def _groups(options: Mapping[str, Option]) -> list[OptionGroup]:
    """More than one list can hold, in their order, each part named by its first and last: `c0 to c99`."""
    labels = list(options)
    parts = [labels[start : start + _CHOICES] for start in range(0, len(labels), _CHOICES)]
    return [
        OptionGroup(
            label=_label(f"{words.cut(part[0], 34)} to {words.cut(part[-1], 34)}", _OPTION),
            options=[options[value] for value in part],
        )
        for part in parts
    ]


def _options(field: Field) -> dict[str, Option]:
    shown = dict(zip(field.choices, field.labels or field.choices, strict=True))
    return {value: Option(value=value, text=_label(label, _OPTION)) for value, label in shown.items()}


def _typed(field: Field) -> PlainTextInputElement:
    return PlainTextInputElement(
        action_id=VALUE,
        multiline=field.multiline,
        initial_value=field.default[:_INPUT] or None,
        max_length=_INPUT,
    )


def _label(text: str, limit: int) -> PlainTextObject:
    return PlainTextObject(text=words.cut(words.printable(text).strip(), limit) or "…")
