"""Buttons, menus and fields as a person finds and fills them, and the JSON that Slack makes of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.playground.checks import elements_of, options_of
from bot.playground.model import Json

PICKERS = {
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels",
}
ONE_OPTION = {"static_select", "radio_buttons", "overflow"}
SOME_OPTIONS = {"multi_static_select", "checkboxes"}


def usable(blocks: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """Each (block, element) that a person can use, in reading order."""
    for block in blocks:
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
    if element["type"] == "button":
        action |= {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    else:
        action |= state_of(element, chosen)
        for key in ("placeholder", "confirm"):
            if key in element:
                action[key] = element[key]
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
        return {"type": kind, PICKERS[kind]: chosen or None}
    return {"type": kind, "value": None if chosen in (None, "") else str(chosen)}


def _chosen(element: Json, wanted: Any) -> Json:
    if isinstance(wanted, dict):
        wanted = wanted.get("value")
    found = option(element, str(wanted))
    if found is None:
        offered = ", ".join(str((choice.get("text") or {}).get("text")) for choice in options_of(element))
        raise LookupError(f"There is no choice {wanted!r}; there is: {offered}.")
    return found


def initial(element: Json) -> Any:
    """What stands in a field before anybody touched it."""
    if element.get("initial_option"):
        return element["initial_option"]["value"]
    if element.get("initial_options"):
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
        if element["type"] in ("button", "overflow"):
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
        elif (complaint := _wrong_length(element, state.get("value"))) and not is_empty:
            missing[block["block_id"]] = complaint
    unknown = [name for name in given if name not in used]
    if unknown:
        there = ", ".join(repr(block["block_id"]) for block, _ in usable(blocks))
        raise LookupError(f"There is no field {unknown[0]!r}; there is: {there}.")
    return values, missing


def _wrong_length(element: Json, text: Any) -> str:
    shortest, longest = int(element.get("min_length") or 0), int(element.get("max_length") or 3000)
    if not isinstance(text, str) or shortest <= len(text) <= longest:
        return ""
    return f"Please enter between {shortest} and {longest} characters."
