"""Buttons and menus as attachments had them before blocks: shown as blocks, told to the app as they were.

Source: https://docs.slack.dev/legacy/legacy-messaging/legacy-making-messages-interactive
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Json = dict[str, Any]
PREFIX = "attachment-"  # of the block_id that such a row of buttons has here
SOURCES = {
    "static": "static_select",
    "users": "users_select",
    "channels": "channels_select",
    "conversations": "conversations_select",
}


def rows(attachments: Sequence[Json]) -> Iterator[Json]:
    """An actions block for each attachment that has actions."""
    for number, attachment in enumerate(attachments, 1):
        if attachment.get("actions"):
            yield row(attachment, number)


def row(attachment: Json, number: int) -> Json:
    elements = [_element(each, str(place)) for place, each in enumerate(attachment["actions"])]
    return {"type": "actions", "block_id": f"{PREFIX}{number}", "elements": elements}


def _element(action: Json, place: str) -> Json:
    """place, among its neighbours, is its action_id: several may have one name."""
    text = _plain(action.get("text"))
    shape: Json = {"action_id": place, **({"confirm": _confirm(action)} if action.get("confirm") else {})}
    if action.get("type") != "select":
        names = ("value", "style", "url")
        return {
            "type": "button",
            "text": text,
            **shape,
            **{key: action[key] for key in names if action.get(key)},
        }
    kind = SOURCES.get(str(action.get("data_source") or "static"), f"{action.get('data_source')}_menu")
    shape |= {"type": kind, "placeholder": text}
    if kind != "static_select":
        return shape
    for name in ("options", "option_groups"):
        if action.get(name):
            shape[name] = [_choice(each) for each in action[name]]
    chosen = [_choice(each) for each in action.get("selected_options") or []]
    return shape | ({"initial_option": chosen[0]} if chosen else {})


def _choice(shape: Json) -> Json:
    """An option, or a group of them."""
    if "options" in shape:
        return {"label": _plain(shape.get("text")), "options": [_choice(each) for each in shape["options"]]}
    return {"text": _plain(shape.get("text")), "value": str(shape.get("value") or "")}


def _confirm(action: Json) -> Json:
    asked: Any = action["confirm"] if isinstance(action["confirm"], dict) else {}
    return {
        "title": _plain(asked.get("title") or "Are you sure?"),
        "text": _plain(asked.get("text")),
        "confirm": _plain(asked.get("ok_text") or "Okay"),
        "deny": _plain(asked.get("dismiss_text") or "Cancel"),
    }


def _plain(text: Any) -> Json:
    return {"type": "plain_text", "text": str(text or ""), "emoji": True}


def pressed(attachments: Sequence[Json], action: Json) -> tuple[Json, Json] | None:
    """The attachment that something was pressed in, and the action as the app hears of it; None: in a block."""
    block_id = str(action["block_id"])
    if not block_id.startswith(PREFIX):
        return None
    attachment = attachments[int(block_id.removeprefix(PREFIX)) - 1]
    own: Json = attachment["actions"][int(action["action_id"])]
    shape: Json = {"name": str(own.get("name") or ""), "type": str(own.get("type") or "button")}
    if shape["type"] != "select":
        return attachment, shape | {"value": str(own.get("value") or "")}
    chosen = action.get("selected_option") or {}
    value = next(
        (action[key] for key in action if key.startswith("selected_") and key != "selected_option"), ""
    )
    return attachment, shape | {"selected_options": [{"value": chosen.get("value") or value}]}
