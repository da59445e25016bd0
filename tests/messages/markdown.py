"""Block Kit as Markdown: what a message says, and what can be pressed on it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.fakes.slack import Said

NAMES = {
    "U0": "founder",
    "U1": "requester",
    "U2": "colleague",
    "U3": "infra",
    "U4": "infra-too",
    "U5": "security",
    "U6": "both",
    "U7": "admin",
    "U8": "stranger",
}
_CHOICES, _CODE, _LINE = (
    10,
    9,
    500,
)  # what is written down: of a menu, lines of a code block, characters of a line
# What another run of the same scene would say otherwise.
_CHANGING = (
    (r"(?<=plan )[0-9a-f]{7}\b", "7f3a91c"),
    (r"(?<= at )[0-9a-f]{7}\b", "4c1d2e9"),
    (r"(?<= at `)[0-9a-f]{10}\b", "4c1d2e90ab"),
    (r"(?<=commit `)[0-9a-f]{10}\b", "8b0f6a3c12"),
    (r"\bAAAA[A-Za-z0-9+/=]{20,}", "AAAA…"),
    (r"\bin \d+ ms\b", "in 12 ms"),
    (r"serial `[^`]+`", "serial `4f:2a:…`"),
    (r"incident [0-9A-F]{4}\b", "incident 3FQ7"),
    (r"(-----BEGIN [A-Z ]+-----\n).*?(\n-----END)", r"\1MIIB…\2"),
    (r"(\(anna@lab\.test\), )<!date\^\d+\^([^|]+)\|[^>]+>", r"\1<!date^1795507200^\2|2026-11-24 08:00 UTC>"),
)


def message(said: Said) -> Iterator[str]:
    """A message, line by line; a file by its name."""
    if said.only is not None or said.channel.startswith("D"):
        user = said.only or f"U{said.channel[1:]}"
        yield f"*only @{NAMES[user]} sees{'' if said.only else ', as a direct message'}*"
    if said.file is not None:
        yield f"{words(said.text)} `{said.file}`{' · `graph.png`' if said.beside else ''}".strip()
    elif said.blocks:
        yield from blocks(said.blocks)
    else:
        yield words(said.text)


def view(shown: dict[str, Any]) -> Iterator[str]:
    """A form, a window or a Home tab."""
    if "title" in shown:
        yield f"**{shown['title']['text']}**"
    yield from blocks(
        shown["blocks"] if "submit" in shown or shown["type"] == "home" else hidden(shown["blocks"])
    )
    if "submit" in shown:
        yield f"( {shown['submit']['text']} )"


def blocks(shown: Sequence[dict[str, Any]]) -> Iterator[str]:
    for block in shown:
        kind = block["type"]
        if kind == "section":
            beside = [block["accessory"]] if "accessory" in block else []
            yield " ".join([words(block["text"]["text"]), *map(_button, beside)])
        elif kind == "header":
            yield f"**{block['text']['text']}**"
        elif kind == "context":
            yield f"[ {' '.join(words(each['text']) for each in block['elements'])} ]"
        elif kind == "actions":
            yield " ".join(map(_button, block["elements"]))
        elif kind == "input":
            yield _input(block)
        elif kind == "image":
            yield f"*a picture: {words(block['alt_text'])}*"
        elif kind != "divider":
            raise ValueError(f"nobody has said how {kind} is written down")


def hidden(shown: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks of a window that shows secrets, without those: they are others in each run."""
    return list(_each(shown, lambda text: re.sub(r"```\n.*?\n```", "```\n…\n```", text, flags=re.DOTALL)))


def as_always(shown: Any) -> Any:
    """Blocks in which all that is otherwise in each run is as in the first."""
    return _each(shown, steady)


def _each(shown: Any, change: Callable[[str], str]) -> Any:
    """The same with each text in it changed."""
    if isinstance(shown, str):
        return change(shown)
    if isinstance(shown, dict):
        return {name: _each(value, change) for name, value in shown.items()}
    return [_each(value, change) for value in shown] if isinstance(shown, (list, tuple)) else shown


def words(mrkdwn: str) -> str:
    """Slack's markup as Markdown; what is otherwise in each run is put as in the first."""
    text = re.sub(r"<@(\w+)>", lambda match: f"@{NAMES.get(match[1], match[1])}", steady(mrkdwn))
    text = re.sub(r"<#(\w*)>", "#lab", text)
    text = re.sub(r"<!date\^[^|]*\|([^>]*)>", r"\1", text)
    text = re.sub(r"<https?://[^|>]+\|([^>]*)>", r"__\1__", text)
    text = re.sub(r"(?<![\w*`])\*([^*\n]+)\*(?![\w*])", r"**\1**", text)
    return html.unescape(text)


def steady(text: str) -> str:
    """The same in each run."""
    for pattern, said in _CHANGING:
        text = re.sub(pattern, said, text, flags=re.DOTALL)
    return text


def quoted(lines: Iterator[str] | list[str], depth: int) -> Iterator[str]:
    """As a quotation: each line a paragraph of its own, but in what is there to be copied."""
    told = [_shorter(line) for line in _folded([line for part in lines for line in part.splitlines()])]
    is_code = False
    for line, below in zip(told, [*told[1:], "```"], strict=True):
        is_fence = line.startswith("```")
        is_code ^= is_fence
        breaks = not (is_code or is_fence or below.startswith("```"))
        yield f"{'> ' * depth}{line}{chr(92) if breaks else ''}".rstrip()


def _folded(lines: list[str]) -> Iterator[str]:
    """Without the middle of a long code block."""
    block: list[str] = []
    for line in lines:
        if block or line.startswith("```"):
            block.append(line)
            if line.startswith("```") and len(block) > 1:
                inside = block[1:-1]
                inside = inside if len(inside) <= _CODE else [*inside[:3], "…", *inside[-2:]]
                yield from (block[0], *inside, block[-1])
                block = []
        else:
            yield line
    yield from block


def _shorter(line: str) -> str:
    return line if len(line) <= _LINE else f"{line[:_LINE]}… ({len(line):,} characters)"


def _input(block: dict[str, Any]) -> str:
    element = block["element"]
    options = [*(element.get("initial_options") or ()), element.get("initial_option") or {}]
    given = ", ".join(each["text"]["text"] for each in options if each) or element.get("initial_value") or ""
    offered = [each["text"]["text"] for each in _options(element)]
    more = len(offered) - _CHOICES
    choices = ", ".join(offered[:_CHOICES]) + (f" and {more} more" if more > 0 else "")
    hint = f" — {block['hint']['text']}" if "hint" in block else ""
    return f"{block['label']['text']}: [{given or '…'}]{f' of {choices}' if choices else ''}{hint}"


def _options(element: dict[str, Any]) -> list[dict[str, Any]]:
    grouped = [each for group in element.get("option_groups") or () for each in group["options"]]
    return [*(element.get("options") or ()), *grouped]


def _button(element: dict[str, Any]) -> str:
    asked = element.get("confirm")
    return (
        f"( {element['text']['text']}{'…' if asked and not element['text']['text'].endswith('…') else ''} )"
    )
