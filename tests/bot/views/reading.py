"""Reading a view as a person sees it, and holding it to what Slack takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.playground import checks
from bot.views.message import Message

_WRITTEN_BY_US = re.compile(r"<@[UW][A-Z0-9]+>|<!date\^\d+\^[^<>|]+\|[^<>|]+>|<#C[A-Z0-9]+>")

# Messages that were looked at already: slack-sdk takes its time, and tests look at a card again and again.
_taken: set[tuple[str, str]] = set()

# What people, blueprints and Terraform may bring.
hostile = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "<!channel>",
            "<!here|x>",
            "<@U666>",
            "<<@U666>@U666>",
            "<https://evil.test|bank>",
            "&lt;@U666&gt;",
            "*bold* _it_ ~no~ `code` ```block",
            "\u202egnp.exe",
            "line\nline\n\n# head",
            "x" * 3000,
            "<&>" * 1000,
            "`" * 500,
            "👩‍💻" * 300,
            "",
        ]
    ),
)


@dataclass(frozen=True)
class Seen:
    """What a person sees of a message."""

    text: str
    sections: list[str]
    contexts: list[str]
    buttons: dict[str, dict[str, Any]]  # label → element

    @property
    def all(self) -> str:
        return "\n".join([*self.sections, *self.contexts])


def seen(message: Message) -> Seen:
    """The message's texts, with Slack's limits and escapes checked on the way."""
    check(message)
    sections = [block["text"]["text"] for block in message.blocks if block["type"] == "section"]
    contexts = [
        each["text"] for block in message.blocks if block["type"] == "context" for each in block["elements"]
    ]
    buttons = {each["text"]["text"]: each for each in _buttons(message.blocks)}
    return Seen(message.text, sections, contexts, buttons)


def check(message: Message) -> None:
    """Raise AssertionError, or slack-sdk's error, unless Slack would take the message and it pings nobody unasked."""
    assert message.text.strip()
    assert len(message.text) <= 3000
    assert 1 <= len(message.blocks) <= 50
    written = json.dumps(message.blocks, ensure_ascii=False)
    assert len(written) <= 12_000
    if (message.text, written) in _taken:
        return
    assert [block.to_dict() for block in Block.parse_all(message.blocks)] == message.blocks
    checks.check_message(message.text, message.blocks, checks.UPDATE_TEXT)
    _check_blocks(message.blocks)
    check_mrkdwn(message.text)
    _taken.add((message.text, written))


def check_view(view: dict[str, Any]) -> None:
    """The same for a modal and a Home tab."""
    assert View(**view).to_dict() == view
    checks.check_view(view)
    assert len(view["blocks"]) <= 100
    _check_blocks(view["blocks"])


def check_mrkdwn(text: str) -> None:
    """Nothing is left that Slack would take for markup, but people, channels and dates; entities are whole."""
    rest = _WRITTEN_BY_US.sub("", text)
    assert "<" not in rest
    assert ">" not in rest
    assert re.sub(r"&(?:amp|lt|gt);", "", rest).count("&") == 0
    assert text.count("```") % 2 == 0


def _check_blocks(blocks: list[dict[str, Any]]) -> None:
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    assert len(ids) == len(set(ids))
    for block in blocks:
        for text in _mrkdwn(block):
            assert text.strip()
            check_mrkdwn(text)
        actions = [element["action_id"] for element in block.get("elements", []) if "action_id" in element]
        assert len(actions) == len(set(actions))
    for button in _buttons(blocks):
        assert 1 <= len(button["text"]["text"]) <= 75
        assert len(button["value"]) <= 2000


def _mrkdwn(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _mrkdwn(each)
    elif isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for each in value.values():
            yield from _mrkdwn(each)


def _buttons(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        beside = [block["accessory"]] if "accessory" in block else []
        yield from (each for each in [*block.get("elements", []), *beside] if each["type"] == "button")
