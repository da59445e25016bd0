"""What Slack checks in the messages and views of an app. Raises SlackError with Slack's codes.

The lengths are slack-sdk's (slack_sdk.models); what its models let pass and Slack does not is checked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View as SdkView

from bot.playground import block_rules
from bot.playground.model import Json, SlackError

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
POST_TEXT = 40_000  # characters
UPDATE_TEXT = 4_000  # characters: chat.update is stricter than chat.postMessage
ALL_BLOCKS_TEXT = 13_200  # characters of a message's blocks together (slackapi/bolt-js #2509, #2867)
PART_OVERHEAD = 20  # what each block, element or text counts there beside its text
MARKDOWN_TEXT = 12_000  # characters of markdown_text
METADATA_CHARACTERS = 8_000
VIEW_BYTES = 250_000
ATTACHMENTS = 100
INNER_BLOCKS = 10  # of a container or a carousel
FIELD_TEXT = 2000  # characters
EXTERNAL_ID = 255  # characters
MALFORMED = (TypeError, AttributeError, LookupError, ValueError)  # what a model says of what is no Block Kit
# What an app reads of a view it may send back: Slack leaves the fields alone that it has added.
VIEW_FIELDS = {*SdkView.attributes, "bot_id", "app_installed_team_id", "submit_disabled"}
SELECTS = {"static_select", "multi_static_select", "radio_buttons", "checkboxes", "overflow"}


def check_message(
    text: str, blocks: Sequence[Json], text_limit: int, attachments: Sequence[Json] = ()
) -> None:
    """Raises no_text, msg_too_long, invalid_blocks, msg_blocks_too_long, invalid_ or too_many_attachments."""
    if not text.strip() and not blocks and not attachments:
        raise SlackError("no_text")
    if len(text) > text_limit:
        raise SlackError("msg_too_long")
    check_blocks(blocks, MESSAGE_BLOCKS)
    if [block["type"] for block in blocks_in(blocks)].count("table") > 1:
        raise SlackError("invalid_attachments", "[ERROR] only_one_table_allowed")
    if blocks and _weight(list(blocks)) > ALL_BLOCKS_TEXT:
        raise SlackError("msg_blocks_too_long")
    if len(attachments) > ATTACHMENTS:
        raise SlackError("too_many_attachments")
    for attachment in attachments:
        inner = attachment.get("blocks") or []
        if not isinstance(inner, list):
            raise SlackError("invalid_attachments")
        check_blocks(inner, MESSAGE_BLOCKS)


def check_blocks(blocks: Sequence[Json], limit: int, surface: str = "message") -> None:
    """Raises invalid_blocks with a line for each thing that is wrong, and where it is."""
    wrong = list(_wrong_blocks(blocks, limit, surface=surface))
    if wrong:
        raise SlackError("invalid_blocks", *(f"[ERROR] {line}" for line in wrong))


def check_metadata(metadata: Any) -> Json | None:
    """An event_type and a flat-enough event_payload; {} takes metadata away. Raises invalid_metadata_*."""
    if metadata is None or metadata == {}:
        return None
    if not isinstance(metadata, dict):
        raise SlackError("invalid_metadata_format")
    payload = metadata.get("event_payload")
    if not isinstance(metadata.get("event_type"), str) or not isinstance(payload, dict):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(metadata)) > METADATA_CHARACTERS:
        raise SlackError("metadata_too_large")
    return {"event_type": metadata["event_type"], "event_payload": payload}


def check_view(view: Any) -> Json:
    """A modal or Home tab as the app sent it. Raises invalid_arguments, invalid_blocks or view_too_large."""
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        raise SlackError("invalid_arguments", "[ERROR] view must be a modal or a home [json-pointer:/view]")
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    blocks = view.get("blocks")
    if not isinstance(blocks, list):
        raise SlackError("invalid_arguments", "[ERROR] missing required field: blocks [json-pointer:/view]")
    wrong = [
        *_wrong_blocks(blocks, VIEW_BLOCKS, "/view/blocks", view["type"]),
        *_wrong_view_fields(view),
    ]
    if not wrong:
        elements = [element for block in blocks_in(blocks) for element in elements_of(block)]
        if sum(bool(element.get("focus_on_load")) for element in elements) > 1:
            wrong.append("only one element may have `focus_on_load` [json-pointer:/view/blocks]")
    try:
        known = {key: value for key, value in view.items() if key in SdkView.attributes}
        SdkView(**{**known, "blocks": blocks[:1]}).to_dict()  # all were looked at above
    except (SlackObjectFormationError, *MALFORMED) as problem:
        if not wrong:
            wrong.append(f"{_in_slacks_words(problem)} [json-pointer:/view]")
    if wrong:
        raise SlackError("invalid_arguments", *(f"[ERROR] {line}" for line in dict.fromkeys(wrong)))
    return view


def _wrong_view_fields(view: Json) -> Iterator[str]:
    for name in sorted(set(view) - VIEW_FIELDS):
        yield f"invalid additional property: {name} [json-pointer:/view/{name}]"
    if len(str(view.get("external_id") or "")) > EXTERNAL_ID:
        yield f"must be less than {EXTERNAL_ID + 1} characters [json-pointer:/view/external_id]"
    for name in ("title", "submit", "close"):
        if view.get(name) is not None and not block_rules.is_plain(view[name]):
            yield f"must be a plain_text object [json-pointer:/view/{name}]"
    if view["type"] == "modal":
        if not view.get("title"):
            yield "missing required field: title [json-pointer:/view]"
        kinds = [each.get("type") for each in view["blocks"] if isinstance(each, dict)]
        if "input" in kinds and not view.get("submit"):
            yield "a view with an input block needs `submit` [json-pointer:/view/submit]"


def _wrong_blocks(
    blocks: Sequence[Any], limit: int, where: str = "/blocks", surface: str = "message"
) -> Iterator[str]:
    if len(blocks) > limit:
        yield f"no more than {limit} items allowed [json-pointer:{where}]"
    block_ids: set[str] = set()
    for place, block in enumerate(blocks):
        here = f"{where}/{place}"
        if not isinstance(block, dict) or not block.get("type"):
            yield f"missing required field: type [json-pointer:{here}]"
            continue
        block_id = block.get("block_id")
        if block_id and block_id in block_ids:
            yield f"`block_id` {block_id} already exists [json-pointer:{here}/block_id]"
        block_ids.add(str(block_id))
        try:
            yield from _wrong_block(block, here, surface)
        except (SlackObjectFormationError, *MALFORMED) as problem:
            yield f"{_in_slacks_words(problem)} [json-pointer:{here}]"


def _wrong_block(block: Json, here: str, surface: str) -> Iterator[str]:
    parsed = Block.parse(block)
    if parsed is None:
        yield f"unsupported type: {block['type']} [json-pointer:{here}/type]"
        return
    wrong = [*block_rules.wrong_block(block, here, surface), *_wrong_fields(block, here)]
    yield from wrong
    if not wrong:
        parsed.to_dict()  # raises for what is too long or too many
    for name in ("child_blocks", "elements"):
        if block["type"] == {"child_blocks": "container", "elements": "carousel"}[name]:
            yield from _wrong_blocks(block.get(name) or [], INNER_BLOCKS, f"{here}/{name}", surface)


def _wrong_fields(block: Json, here: str) -> Iterator[str]:
    kind = block["type"]
    if kind == "section" and not block.get("text") and not block.get("fields"):
        yield f"missing required field: text or fields [json-pointer:{here}]"
    if kind in ("actions", "context") and not block.get("elements"):
        yield f"must provide at least 1 item [json-pointer:{here}/elements]"
    if kind == "input" and not (block.get("label") and block.get("element")):
        yield f"missing required field: label or element [json-pointer:{here}]"
    for place, text in enumerate(block.get("fields") or []):
        if len(str(text.get("text", ""))) > FIELD_TEXT:
            yield f"must be less than {FIELD_TEXT + 1} characters [json-pointer:{here}/fields/{place}/text]"
    if kind != "rich_text":
        for text in _texts(block):
            if not isinstance(text.get("text"), str) or not text["text"]:
                yield f"must be more than 0 characters [json-pointer:{here}]"
    action_ids: set[str] = set()
    for element in elements_of(block):
        action_id = element.get("action_id")
        if action_id and action_id in action_ids:
            yield f"`action_id` {action_id} already exists for another element [json-pointer:{here}]"
        action_ids.add(str(action_id))
        yield from _wrong_menu(element, here)


def _wrong_menu(element: Json, here: str) -> Iterator[str]:
    if element.get("type") in SELECTS:
        values = [option.get("value") for option in options_of(element)]
        if not values:
            yield f"must provide at least 1 option [json-pointer:{here}]"
        if len(set(values)) < len(values):
            yield f"options need values of their own [json-pointer:{here}]"


def _in_slacks_words(problem: Exception) -> str:
    """What Python says of a model that was given the wrong fields, as Slack would say it."""
    said = str(problem.args[0] if isinstance(problem, KeyError) else problem)
    if isinstance(problem, KeyError):
        return f"missing required field: {said}"
    if found := re.search(r"unexpected keyword argument '(\w+)'", said):
        return f"invalid additional property: {found[1]}"
    if found := re.search(r"missing .* arguments?: '(\w+)'", said):
        return f"missing required field: {found[1]}"
    return said if isinstance(problem, SlackObjectFormationError) else "must be of another type"


def blocks_in(blocks: Sequence[Json]) -> Iterator[Json]:
    """The blocks, and those within containers and carousels."""
    for block in blocks:
        yield block
        inner = block.get("child_blocks") if block.get("type") == "container" else None
        inner = block.get("elements") if block.get("type") == "carousel" else inner
        yield from blocks_in([each for each in inner or [] if isinstance(each, dict)])


def elements_of(block: Json) -> Iterator[Json]:
    """The things in a block that a person can use: buttons, menus, fields."""
    if block.get("type") in ("context", "rich_text", "carousel"):
        return
    candidates = [*(block.get("elements") or []), *(block.get("actions") or [])]
    for element in (*candidates, block.get("accessory"), block.get("element")):
        if isinstance(element, dict):
            yield element


def options_of(element: Json) -> Iterator[Json]:
    """The choices of a menu, those in groups too."""
    yield from element.get("options") or []
    for group in element.get("option_groups") or []:
        yield from group.get("options") or []


def _texts(part: Any) -> Iterator[Json]:
    if isinstance(part, dict):
        if part.get("type") in ("plain_text", "mrkdwn"):
            yield part
        for inner in part.values():
            yield from _texts(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _texts(inner)


def _weight(part: Any) -> int:
    if isinstance(part, list):
        return sum(_weight(inner) for inner in part)
    if not isinstance(part, dict):
        return 0
    text = part.get("text")
    own = len(text) if isinstance(text, str) else 0
    return own + PART_OVERHEAD + sum(_weight(inner) for inner in part.values())
