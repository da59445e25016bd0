"""The bricks of a message: text that nobody can ping through, blocks within Slack's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    ImageBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from commands import words
from commands.request import Button

SECTION_LIMIT = 3000
TEXT_LIMIT = 3000
BLOCKS_LIMIT = 50
# Slack refuses a message whose blocks pass about 13,000 characters in all (FACTS: slackapi/bolt-js #2509).
CHARACTERS_LIMIT = 12_000

_KEPT = re.compile(
    r"<@[UW][A-Z0-9]{1,20}>"
    r"|<#C[A-Z0-9]{1,20}>"
    r"|<!date\^\d{1,12}\^[A-Za-z0-9 ,.:{}_-]{1,80}\|[A-Za-z0-9 ,.:_-]{1,60}>"
)
_PIECE = re.compile(r"&(?:amp|lt|gt);|<[^<>]*>|.", re.DOTALL)


@dataclass(frozen=True)
class Message:
    """What is posted: text for notifications and screen readers, blocks for everybody else."""

    text: str
    blocks: list[dict[str, Any]]


def escape(text: str) -> str:
    """Text in which Slack sees no markup of its own: no mention, no link, no entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shorten(mrkdwn: str, limit: int) -> str:
    """Cut escaped text between characters, entities and mentions; a code span that was open is closed."""
    if len(mrkdwn) <= limit:
        return mrkdwn
    kept: list[str] = []
    room = limit - len("…\n```")
    for piece in _PIECE.findall(mrkdwn):
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    text = "".join(kept).rstrip() + "…"
    if text.count("```") % 2:
        return text + "\n```"
    return text + "`" if text.replace("```", "").count("`") % 2 else text


def safe_mrkdwn(text: str, limit: int = SECTION_LIMIT) -> str:
    """Our own sentence, which may quote others: everything is escaped but people, channels and dates.

    What looks like `<@U1>` in others' words is a mention here too: commands take it out with words.plain.
    """
    lines = "\n".join(words.printable(line) for line in text.split("\n"))
    safe, end = [], 0
    for token in _KEPT.finditer(lines):
        safe += [escape(lines[end : token.start()]), token[0]]
        end = token.end()
    whole = "".join([*safe, escape(lines[end:])])
    if whole.count("```") % 2:  # a block that is opened and not closed would take in what we say after it
        whole = "'''".join(whole.rsplit("```", 1))
    return shorten(whole, limit)


def data(text: str, limit: int = 200) -> str:
    """Somebody's words in one line, as plain text: no mention in it, and no markup that it could open."""
    shown = words.plain(words.printable(text)).translate(_PLAIN).strip()
    return shorten(escape(shown), limit)


_PLAIN = str.maketrans({"*": "∗", "`": "'", "~": "∼"})


def span(text: str, limit: int = 80) -> str:
    """Somebody's value as a `code` span of at most limit characters."""
    shown = words.plain(words.printable(text)).replace("`", "'").strip()
    return f"`{shorten(escape(shown), limit - 2) or ' '}`"


def within(parts: Iterable[str], most: int, more: Callable[[int], str]) -> list[str]:
    """The first parts, and how many there are beyond: more(12) says it."""
    everything = list(parts)
    beyond = len(everything) - most
    return everything if beyond <= 0 else [*everything[:most], more(beyond)]


def section(mrkdwn: str, button: Button | None = None, block_id: str | None = None) -> Block:
    """Escaped text, with at most one button beside it."""
    return SectionBlock(
        text=MarkdownTextObject(text=shorten(mrkdwn.strip(), SECTION_LIMIT) or "…"),
        accessory=None if button is None else _element(button, button.action),
        block_id=block_id,
    )


def context(parts: Sequence[str], block_id: str | None = None) -> Block:
    """Small grey text: at most ten parts, escaped."""
    return ContextBlock(
        elements=[MarkdownTextObject(text=shorten(part, 500) or "…") for part in parts[:10]],
        block_id=block_id,
    )


def actions(buttons: Sequence[Button], block_id: str) -> Block:
    """A row of buttons. An action that comes twice gets a number, `extend:2`, which action_of takes off."""
    seen: dict[str, int] = {}
    elements = []
    for button in buttons[:25]:
        count = seen[button.action] = seen.get(button.action, 0) + 1
        elements.append(_element(button, button.action if count == 1 else f"{button.action}:{count}"))
    return ActionsBlock(elements=elements, block_id=block_id)


def picture(file_id: str, alt: str) -> Block:
    """A picture that was uploaded, by its file's id, and what it shows for those who cannot see it."""
    shown = words.cut(words.plain(words.printable(alt)).strip(), 1000) or "A picture"
    return ImageBlock(slack_file={"id": file_id}, alt_text=shown)


def action_of(action_id: str) -> str:
    """The action that a click's action_id means: `extend:2` is `extend`."""
    return action_id.partition(":")[0]


def _element(button: Button, action_id: str) -> ButtonElement:
    label = words.cut(words.printable(button.label).strip() or "…", 75)
    confirm = None
    if button.confirm:
        confirm = ConfirmObject(
            title=PlainTextObject(text=words.cut(label, 100)),
            text=MarkdownTextObject(text=safe_mrkdwn(button.confirm, 300).strip() or "…"),
            confirm=PlainTextObject(text=words.cut(label, 30)),
            deny=PlainTextObject(text="Leave it"),
            style="danger" if button.style == "danger" else None,
        )
    return ButtonElement(
        text=PlainTextObject(text=label),
        action_id=action_id,
        value=button.value,
        style=None if button.style == "default" else button.style,
        confirm=confirm,
    )


def message(text: str, blocks: Sequence[Block]) -> Message:
    """Validate and fit: the longest texts give way until all blocks together are short enough for Slack."""
    plain = [block.to_dict() for block in blocks[:BLOCKS_LIMIT]]
    fit(plain, lambda shown: characters(shown) > CHARACTERS_LIMIT)
    return Message(shorten(text.strip(), TEXT_LIMIT) or "…", plain)


def fit(blocks: list[dict[str, Any]], is_too_long: Callable[[list[dict[str, Any]]], bool]) -> None:
    """Let the longest texts give way, and then what stands last but one, until it is short enough."""
    while is_too_long(blocks):
        longest = max(blocks, key=lambda block: len(_text_of(block)))
        length = len(_text_of(longest))
        if length > 200:
            longest["text"]["text"] = shorten(longest["text"]["text"], length * 2 // 3)
        else:
            blocks.pop(max(0, len(blocks) - 2))


def characters(blocks: Sequence[dict[str, Any]]) -> int:
    """How much of Slack's limit these blocks take."""
    return len(json.dumps(blocks, ensure_ascii=False))


def _text_of(block: dict[str, Any]) -> str:
    return str(block["text"]["text"]) if block["type"] == "section" else ""
