"""What Slack asks of a block beyond what slack-sdk's models check: which element stands where, and its shape.

Source: https://docs.slack.dev/reference/block-kit
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from slack_sdk.models.blocks import Block, BlockElement

from bot.playground.model import Json

MENUS = {f"{kind}_select" for kind in ("static", "external", "users", "conversations", "channels")}
MENUS |= {f"multi_{kind}" for kind in MENUS}
CHOICES = MENUS | {"checkboxes", "radio_buttons", "datepicker", "timepicker"}
TYPED = {"plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input"}
ELEMENTS = {  # by block
    "section": CHOICES | {"button", "workflow_button", "overflow", "image"},
    "actions": CHOICES | {"button", "workflow_button", "overflow", "datetimepicker", "rich_text_input"},
    "input": CHOICES | TYPED | {"datetimepicker", "file_input"},
    "context": {"image", "plain_text", "mrkdwn"},
    "context_actions": {"feedback_buttons", "icon_button"},
    "card": {"button", "workflow_button"},
    "carousel": {"card"},
    "auth_provider": {"overflow"},
}
MESSAGES_ONLY = {"table", "markdown", "file", "context_actions"}
RICH_PARTS = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
RICH_WORDS = {
    *("text", "link", "emoji", "user", "usergroup", "team", "channel", "broadcast", "date", "color"),
}
PLAIN = {  # the fields that take plain_text alone, by what has them; the placeholder is one everywhere
    "header": ("text",),
    "input": ("label", "hint"),
    "image": ("title",),
    "video": ("title", "description"),
    **dict.fromkeys(("button", "workflow_button", "icon_button"), ("text",)),
}
CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}  # characters
OPTION_TEXT, OPTION_VALUE = 75, 150  # characters
FEW_OPTIONS = 10  # of checkboxes and radio buttons
INPUT_LENGTH = 3000  # characters
ROWS, CELLS = 100, 20


def wrong_block(block: Json, here: str, surface: str) -> Iterator[str]:
    """Slack's words for what is wrong, each with its place. surface: message, modal or home."""
    kind = block["type"]
    if surface != "message" and kind in MESSAGES_ONLY:
        yield f"unsupported type: {kind} [json-pointer:{here}/type]"
    yield from _unknown_keys(block, Block.parse(block), here)
    yield from _plain_fields(block, here)
    for name in ("elements", "actions"):
        if name in block and not isinstance(block[name], list):
            yield f"must be an array [json-pointer:{here}/{name}]"
    for place, element in parts_of(block, here):
        yield from _wrong_part(element, place, ELEMENTS[kind], surface)
    if kind == "section":
        for name, text in (("text", block.get("text")), *_numbered("fields", block.get("fields"))):
            yield from _wrong_text(text, f"{here}/{name}")
    if kind == "image":
        yield from _wrong_image(block, here)
    if kind == "rich_text":
        yield from _wrong_rich_text(block.get("elements"), f"{here}/elements", RICH_PARTS)
    if kind == "table":
        yield from _wrong_table(block, here)
    if kind == "video" and not str(block.get("video_url")).startswith("https://"):
        yield f"must be a valid https url [json-pointer:{here}/video_url]"


def parts_of(block: Json, here: str) -> Iterator[tuple[str, Any]]:
    """What stands in a block, each with its place."""
    if block["type"] not in ELEMENTS:
        return
    for name in ("elements", "actions"):
        for place, element in _numbered(name, block.get(name)):
            yield f"{here}/{place}", element
    for name in ("accessory", "element"):
        if name in block:
            yield f"{here}/{name}", block[name]


def _numbered(name: str, entries: Any) -> list[tuple[str, Any]]:
    return [
        (f"{name}/{place}", each) for place, each in enumerate(entries if isinstance(entries, list) else [])
    ]


def _wrong_part(element: Any, here: str, allowed: set[str], surface: str) -> Iterator[str]:
    if not isinstance(element, dict):
        yield f"must be an object [json-pointer:{here}]"
        return
    kind = element.get("type")
    if kind not in allowed or (kind == "file_input" and surface != "modal"):
        yield f"unsupported type: {kind} [json-pointer:{here}/type]"
        return
    if kind == "card":
        return  # a block of its own, which is looked at as such
    if kind in ("plain_text", "mrkdwn"):
        yield from _wrong_text(element, here)
        return
    yield from _unknown_keys(element, BlockElement.parse(element), here)
    yield from _plain_fields(element, here)
    if "confirm" in element:
        yield from _wrong_confirm(element["confirm"], f"{here}/confirm")
    yield from _wrong_choices(element, here)
    yield from _wrong_field(element, here)


def _unknown_keys(shape: Json, parsed: Any, here: str) -> Iterator[str]:
    for name in sorted(set(shape) - set(getattr(parsed, "attributes", shape))):
        yield f"invalid additional property: {name} [json-pointer:{here}/{name}]"


def _plain_fields(shape: Json, here: str) -> Iterator[str]:
    for name in (*PLAIN.get(shape["type"], ()), "placeholder"):
        text = shape.get(name)
        if text is not None and not is_plain(text):
            yield f"must be a plain_text object [json-pointer:{here}/{name}]"


def is_plain(text: Any) -> bool:
    """Whether it is a text object of the plain kind, with something in it."""
    return isinstance(text, dict) and text.get("type") == "plain_text" and bool(text.get("text"))


def _wrong_text(text: Any, here: str, most: int = 0) -> Iterator[str]:
    if text is None:
        return
    if not isinstance(text, dict) or text.get("type") not in ("plain_text", "mrkdwn"):
        yield f"must be a plain_text or mrkdwn object [json-pointer:{here}]"
    elif not isinstance(text.get("text"), str):
        yield f"must be a string [json-pointer:{here}/text]"
    elif most and len(text["text"]) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{here}/text]"


def _wrong_confirm(confirm: Any, here: str) -> Iterator[str]:
    if not isinstance(confirm, dict):
        yield f"must be an object [json-pointer:{here}]"
        return
    for name, most in CONFIRM.items():
        text = confirm.get(name)
        words = text.get("text") if isinstance(text, dict) else None
        if not isinstance(words, str) or not 1 <= len(words) <= most:
            yield f"must have 1 to {most} characters [json-pointer:{here}/{name}]"
        elif name != "text" and not is_plain(text):
            yield f"must be a plain_text object [json-pointer:{here}/{name}]"


def _wrong_choices(element: Json, here: str) -> Iterator[str]:
    """Options, those in groups too, and which of them is chosen at first."""
    kind = element["type"]
    offered: list[Any] = []
    for place, option in _numbered("options", element.get("options")):
        offered.append(option)
        yield from _wrong_option(option, f"{here}/{place}", kind)
    for place, group in _numbered("option_groups", element.get("option_groups")):
        if not isinstance(group, dict) or not is_plain(group.get("label")):
            yield f"must be a plain_text object [json-pointer:{here}/{place}/label]"
            continue
        yield from _wrong_text(group["label"], f"{here}/{place}/label", OPTION_TEXT)
        for inner, option in _numbered("options", group.get("options")):
            offered.append(option)
            yield from _wrong_option(option, f"{here}/{place}/{inner}", kind)
    if kind in ("checkboxes", "radio_buttons") and len(offered) > FEW_OPTIONS:
        yield f"no more than {FEW_OPTIONS} items allowed [json-pointer:{here}/options]"
    chosen = [("initial_option", element.get("initial_option"))]
    chosen += _numbered("initial_options", element.get("initial_options"))
    for place, option in chosen:
        if option and offered and option not in offered:
            yield f"must be one of the options [json-pointer:{here}/{place}]"


def _wrong_option(option: Any, here: str, kind: str) -> Iterator[str]:
    if not isinstance(option, dict):
        yield f"must be an object [json-pointer:{here}]"
        return
    for name in ("text", "description"):
        text = option.get(name)
        if name in option and kind not in ("checkboxes", "radio_buttons") and not is_plain(text):
            yield f"must be a plain_text object [json-pointer:{here}/{name}]"
        else:
            yield from _wrong_text(text, f"{here}/{name}", OPTION_TEXT)
    if not isinstance(option.get("text"), dict):
        yield f"missing required field: text [json-pointer:{here}]"
    value = option.get("value")
    if not isinstance(value, str) and not (kind == "overflow" and option.get("url")):
        yield f"missing required field: value [json-pointer:{here}]"
    elif isinstance(value, str) and len(value) > OPTION_VALUE:
        yield f"must be less than {OPTION_VALUE + 1} characters [json-pointer:{here}/value]"
    known = {"text", "value", "description"} | ({"url"} if kind == "overflow" else set())
    for name in sorted(set(option) - known):
        yield f"invalid additional property: {name} [json-pointer:{here}/{name}]"


def _wrong_field(element: Json, here: str) -> Iterator[str]:
    """What one kind of element alone has."""
    kind = element["type"]
    if "url" in element and not urlsplit(str(element["url"])).scheme:
        yield f"must be a valid url [json-pointer:{here}/url]"
    if kind == "image":
        yield from _wrong_image(element, here)
    elif kind == "icon_button" and element.get("icon") != "trash":
        yield f"must be a valid enum value [json-pointer:{here}/icon]"
    elif kind == "workflow_button" and not isinstance(element.get("workflow"), dict):
        yield f"missing required field: workflow [json-pointer:{here}]"
    elif kind == "number_input" and not isinstance(element.get("is_decimal_allowed"), bool):
        yield f"missing required field: is_decimal_allowed [json-pointer:{here}]"
    elif kind == "datetimepicker":
        first = element.get("initial_date_time")
        if first is not None and not re.fullmatch(r"\d{10}", str(first)):
            yield f"must be a timestamp of 10 digits [json-pointer:{here}/initial_date_time]"
    elif kind.endswith("conversations_select") and element.get("filter") == {}:
        yield f"must have one of include, exclude_bot_users [json-pointer:{here}/filter]"
    yield from _wrong_numbers(element, here)
    wanted = (element.get("dispatch_action_config") or {}).get("trigger_actions_on") or []
    if not set(wanted) <= {"on_enter_pressed", "on_character_entered"}:
        yield f"must be a valid enum value [json-pointer:{here}/dispatch_action_config/trigger_actions_on]"


def _wrong_numbers(element: Json, here: str) -> Iterator[str]:
    limits = {
        "max_selected_items": (1, 1000),
        "max_files": (1, 10),
        "min_length": (0, INPUT_LENGTH),
        "max_length": (1, INPUT_LENGTH),
    }
    for name, (least, most) in limits.items():
        number = element.get(name)
        if number is None:
            continue
        if not isinstance(number, int) or not least <= number <= most:
            yield f"must be a number from {least} to {most} [json-pointer:{here}/{name}]"
            return
    if (element.get("min_length") or 0) > (element.get("max_length") or INPUT_LENGTH):
        yield f"min_length must not be more than max_length [json-pointer:{here}/min_length]"


def _wrong_image(shape: Json, here: str) -> Iterator[str]:
    if bool(shape.get("image_url")) == bool(shape.get("slack_file")):
        yield f"must define either `slack_file` or `image_url` [json-pointer:{here}]"
    if not isinstance(shape.get("alt_text"), str) or not shape["alt_text"]:
        yield f"must be more than 0 characters [json-pointer:{here}/alt_text]"


def _wrong_rich_text(elements: Any, here: str, allowed: set[str]) -> Iterator[str]:
    if not isinstance(elements, list):
        yield f"must be an array [json-pointer:{here}]"
        return
    for number, part in enumerate(elements):
        place = f"{here}/{number}"
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in allowed:
            yield f"unsupported type: {kind} [json-pointer:{place}/type]"
        elif kind in RICH_PARTS:
            inner = {"rich_text_section"} if kind == "rich_text_list" else RICH_WORDS
            yield from _wrong_rich_text(part.get("elements"), f"{place}/elements", inner)
        elif kind == "text" and not part.get("text"):
            yield f"must be more than 0 characters [json-pointer:{place}/text]"


def _wrong_table(block: Json, here: str) -> Iterator[str]:
    rows = block.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= ROWS:
        yield f"must have 1 to {ROWS} items [json-pointer:{here}/rows]"
        return
    for number, row in enumerate(rows):
        place = f"{here}/rows/{number}"
        if not isinstance(row, list) or len(row) > CELLS:
            yield f"no more than {CELLS} items allowed [json-pointer:{place}]"
            continue
        for column, cell in enumerate(row):
            kind = cell.get("type") if isinstance(cell, dict) else None
            if kind not in ("raw_text", "raw_number", "rich_text"):
                yield f"unsupported type: {kind} [json-pointer:{place}/{column}/type]"
            elif kind == "raw_text" and not cell.get("text"):
                yield f"must be more than 0 characters [json-pointer:{place}/{column}/text]"
            elif kind == "rich_text":
                yield from _wrong_rich_text(cell.get("elements"), f"{place}/{column}/elements", RICH_PARTS)
