"""Buttons, menus and fields as a person finds and fills them, and the JSON that Slack makes of that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.playground.checks import blocks_in, elements_of, options_of
from bot.playground.model import Json
from bot.playground.mrkdwn import parts_of
from bot.playground.typed import escaped

PICKERS = {
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels",
    "multi_conversations_select": "selected_conversations",
}
ONE_OPTION = {"static_select", "radio_buttons", "overflow", "external_select"}
SOME_OPTIONS = {"multi_static_select", "checkboxes", "multi_external_select"}
PRESSED = {"button", "icon_button", "feedback_buttons", "workflow_button", "overflow"}


def usable(blocks: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """Each (block, element) that a person can use, in reading order."""
    for block in blocks_in(blocks):
        for element in elements_of(block):
            if element.get("type") != "image":
                yield block, element


def label_of(element: Json) -> str:
    """What stands on a button, or in an empty menu or field."""
    shown = element.get("text") or element.get("placeholder") or {}
    return str(shown.get("text", "")) if isinstance(shown, dict) else ""


def find(blocks: Sequence[Json], wanted: str, block_id: str = "") -> tuple[Json, Json]:
    """By label, action_id, value, or an option's text. Raises LookupError, which tells what is there."""
    known = [(block, element) for block, element in usable(blocks) if block_id in ("", block["block_id"])]
    for block, element in known:
        if block_id and element.get("action_id") == wanted:  # exactly this one, whatever another is called
            return block, element
    for block, element in known:
        if wanted in (label_of(element), element.get("action_id"), element.get("value")):
            return block, element
    for block, element in known:
        if element.get("type") in ("overflow", "static_select", "radio_buttons") and option(element, wanted):
            return block, element
    there = ", ".join(repr(label_of(element) or element.get("action_id")) for _, element in known)
    raise LookupError(f"There is no {wanted!r} to press; there is: {there or 'nothing'}.")


def option(element: Json, wanted: str) -> Json | None:
    """An option of a menu by its value or its text."""
    for choice in options_of(element):
        if wanted in (choice.get("value"), (choice.get("text") or {}).get("text")):
            return choice
    return None


def action_of(block: Json, element: Json, chosen: Any, action_ts: str) -> Json:
    """The entry in a block_actions payload. chosen: what was picked or typed, for all but buttons."""
    action: Json = {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "type": element["type"],
        "action_ts": action_ts,
    }
    if element["type"] in ("button", "icon_button"):
        names = ("text", "value", "style", "url", "icon", "confirm")
        action |= {key: element[key] for key in names if key in element}
    elif element["type"] == "feedback_buttons":
        offered = (element["positive_button"], element["negative_button"])
        pressed = next((each for each in offered if each.get("value") == chosen), offered[0])
        action |= {"text": pressed["text"], "value": pressed.get("value", "")}
    else:
        action |= state_of(element, chosen)
        for key, value in element.items():
            if key in ("placeholder", "confirm") or key.startswith("initial_"):
                action[key] = value
    return action


def state_of(element: Json, chosen: Any) -> Json:
    """What stands in one field, as in view.state.values. Raises LookupError for an unknown choice."""
    kind = str(element["type"])
    if kind in ONE_OPTION:
        return {"type": kind, "selected_option": None if chosen in (None, "") else _chosen(element, chosen)}
    if kind in SOME_OPTIONS:
        wanted = [chosen] if isinstance(chosen, str) else list(chosen or [])
        return {"type": kind, "selected_options": [_chosen(element, one) for one in wanted]}
    if kind in PICKERS:
        nothing: Any = [] if kind.startswith("multi_") else None
        return {"type": kind, PICKERS[kind]: chosen or nothing}
    if kind == "rich_text_input":
        parts = parts_of(escaped(str(chosen))) if isinstance(chosen, str) else (chosen or {}).get("elements")
        rich = {"type": "rich_text", "elements": parts} if parts else None
        return {"type": kind, "rich_text_value": rich}
    if kind == "file_input":
        return {"type": kind, "files": [{"id": each} for each in chosen or []]}
    return {"type": kind, "value": None if chosen in (None, "") else str(chosen)}


def put_choice(state: Json, block: Json, element: Json, action: Json) -> None:
    """What was chosen stands in its field by the time that the app hears of it."""
    if element["type"] not in PRESSED:
        chosen = {key: action[key] for key in state_of(element, None)}
        state.setdefault(block["block_id"], {})[element["action_id"]] = chosen


def _chosen(element: Json, wanted: Any) -> Json:
    if isinstance(wanted, dict):
        if "external" in element["type"]:
            return wanted  # the app has offered it; the workspace does not know its choices
        wanted = wanted.get("value")
    found = option(element, str(wanted))
    if found is None:
        offered = ", ".join(str((choice.get("text") or {}).get("text")) for choice in options_of(element))
        raise LookupError(f"There is no choice {wanted!r}; there is: {offered}.")
    return found


def initial(element: Json) -> Any:
    """What stands in a field before anybody touched it."""
    if element.get("initial_option"):
        if "external" in element["type"]:
            return element["initial_option"]
        return element["initial_option"]["value"]
    if element.get("initial_options"):
        if "external" in element["type"]:
            return element["initial_options"]
        return [choice["value"] for choice in element["initial_options"]]
    for key, value in element.items():
        if key.startswith("initial_"):
            return value
    return None


def filled(blocks: Sequence[Json], given: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    """The state.values of a form, and what is still missing, by block_id.

    given: by block_id, action_id, label or "block_id/action_id"; a field that is not named keeps what it began
    with. Raises LookupError for a name that no field has.
    """
    values: Json = {}
    missing: dict[str, str] = {}
    used: set[str] = set()
    for block, element in usable(blocks):
        if element["type"] in PRESSED:
            continue
        label = str((block.get("label") or {}).get("text", ""))
        exact = f"{block['block_id']}/{element['action_id']}"
        names = [name for name in (exact, block["block_id"], element["action_id"], label) if name in given]
        used |= set(names)
        chosen = given[names[0]] if names else initial(element)
        state = state_of(element, chosen)
        values.setdefault(block["block_id"], {})[element["action_id"]] = state
        is_empty = all(value in (None, "", []) for key, value in state.items() if key != "type")
        if block["type"] == "input" and is_empty and not block.get("optional"):
            missing[block["block_id"]] = "Please complete this required field."
        elif not is_empty and (complaint := _complaint(element, state)):
            missing[block["block_id"]] = complaint
    unknown = [name for name in given if name not in used]
    if unknown:
        there = ", ".join(repr(block["block_id"]) for block, _ in usable(blocks))
        raise LookupError(f"There is no field {unknown[0]!r}; there is: {there}.")
    return values, missing


def _complaint(element: Json, state: Json) -> str:
    """What Slack's client says under a field before it sends the form; empty when it is content."""
    text, kind = state.get("value"), element["type"]
    most = element.get("max_selected_items")
    if most and len(state.get("selected_options") or ()) > int(most):
        return f"Please choose {most} at most."
    if kind == "file_input" and len(state["files"]) > int(element.get("max_files") or 10):
        return f"Please choose {element.get('max_files') or 10} files at most."
    if not isinstance(text, str):
        return ""
    if kind == "number_input":
        return _wrong_number(element, text)
    if kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        return "Please enter a valid email address."
    if kind == "url_text_input" and not re.match(r"https?://[^\s/]+", text):
        return "Please enter a valid URL."
    shortest, longest = int(element.get("min_length") or 0), int(element.get("max_length") or 3000)
    return (
        ""
        if shortest <= len(text) <= longest
        else f"Please enter between {shortest} and {longest} characters."
    )


def _wrong_number(element: Json, text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return "Please enter a number."
    if not number.is_finite() or (number % 1 and not element.get("is_decimal_allowed")):
        return "Please enter a whole number." if number.is_finite() else "Please enter a number."
    if (least := element.get("min_value")) is not None and number < Decimal(str(least)):
        return f"Please enter a number of {least} or more."
    if (most := element.get("max_value")) is not None and number > Decimal(str(most)):
        return f"Please enter a number of {most} or less."
    return ""
