"""Slack's mrkdwn, read into the parts of a rich_text block: both are then shown by one template.

Source: https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bot.playground.model import Json

# One pattern for everything inline; what stands between two marks of emphasis is read again.
_INLINE = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<angle>[^<>\n]+)>"
    r"|(?P<bare>https?://[^\s<>|`]*[^\s<>|`.,:;!?)\]'\"*_~])"
    r"|(?<![\w*])\*(?=\S)(?P<bold>[^*\n]*?\S)\*(?![\w*])"
    r"|(?<![\w_])_(?=\S)(?P<italic>[^_\n]*?\S)_(?![\w_])"
    r"|(?<![\w~])~(?=\S)(?P<strike>[^~\n]*?\S)~(?![\w~])"
    r"|:(?P<emoji>[a-z0-9_+'-]+(?:::skin-tone-[2-6])?):"
)
_BROADCASTS = ("here", "channel", "everyone")
_VERBATIM = re.compile(
    _INLINE.pattern.replace("(?P<bare>https?", "(?P<bare>(?!)https?")
)  # no link that is not marked
_QUOTE_ALL = re.compile(r"^(?:&gt;|>){3}[ \t]?", re.MULTILINE)  # from there to the end
_QUOTE = re.compile(r"^(?:&gt;|>)[ \t]?(.*)$")
_CODE_LINK = re.compile(r"<(https?:[^|>]+|mailto:[^|>]+)(?:\|([^>]*))?>")


def parts_of(text: str, is_verbatim: bool = False) -> list[Json]:
    """A text as rich_text_section, rich_text_quote and rich_text_preformatted, in order.

    is_verbatim: addresses that are not marked as links stay text.
    """
    pattern = _VERBATIM if is_verbatim else _INLINE
    found: list[Json] = []
    for place, part in enumerate(re.split(r"```([\s\S]*?)```", text)):
        if place % 2:
            plain = _CODE_LINK.sub(
                lambda link: link[2] or link[1], part
            )  # in code only links lose their brackets
            code = {"type": "text", "text": unescaped(plain.removeprefix("\n").removesuffix("\n"))}
            found.append({"type": "rich_text_preformatted", "elements": [code]})
        elif part.strip():
            found += _paragraphs(part.strip("\n") if found else part.rstrip("\n"), pattern)
    return found


def text_of(rich: Json) -> str:
    """A rich_text as somebody would type it, so that they can go on writing it."""
    lines: list[str] = []
    for part in rich.get("elements") or ():
        kind = part.get("type")
        inner = "".join(map(_typed, part.get("elements") or ()))
        if kind == "rich_text_quote":
            inner = "\n".join(f"> {line}" for line in inner.split("\n"))
        elif kind == "rich_text_preformatted":
            inner = f"```{inner}```"
        elif kind == "rich_text_list":
            items = ["".join(map(_typed, each.get("elements") or ())) for each in part.get("elements") or ()]
            marks = [
                f"{place}." if part.get("style") == "ordered" else "•" for place in range(1, len(items) + 1)
            ]
            inner = "\n".join(f"{mark} {item}" for mark, item in zip(marks, items, strict=True))
        lines.append(inner)
    return "\n".join(lines)


def _typed(part: Json) -> str:
    words = {"emoji": f":{part.get('name')}:", "link": part.get("url"), "user": f"@{part.get('user_id')}"}
    said = str(words.get(str(part.get("type"))) or part.get("text") or "")
    inner = said.strip()  # marks do not count beside a space
    before, _, after = said.partition(inner) if inner else (said, "", "")
    for name, mark in (("code", "`"), ("strike", "~"), ("italic", "_"), ("bold", "*")):
        if inner and (part.get("style") or {}).get(name):
            inner = f"{mark}{inner}{mark}"
    return f"{before}{inner}{after}"


def unescaped(text: str) -> str:
    """The three entities that Slack knows, as characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _paragraphs(text: str, pattern: re.Pattern[str]) -> Iterator[Json]:
    if found := _QUOTE_ALL.search(text):
        if found.start():
            yield from _paragraphs(text[: found.start()].removesuffix("\n"), pattern)
        yield {"type": "rich_text_quote", "elements": list(_inline(text[found.end() :], {}, pattern))}
        return
    kind = ""
    lines: list[str] = []
    for line in text.split("\n"):
        quoted = _QUOTE.match(line)
        this = "rich_text_quote" if quoted else "rich_text_section"
        if lines and this != kind:
            yield {"type": kind, "elements": list(_inline("\n".join(lines), {}, pattern))}
            lines = []
        kind = this
        lines.append(quoted[1] if quoted else line)
    yield {"type": kind, "elements": list(_inline("\n".join(lines), {}, pattern))}


def _inline(text: str, style: Mapping[str, bool], pattern: re.Pattern[str]) -> Iterator[Json]:
    end = 0
    for found in pattern.finditer(text):
        if found.start() > end:
            yield _styled({"type": "text", "text": unescaped(text[end : found.start()])}, style)
        name = str(found.lastgroup)
        inside = found[name]
        if name in ("bold", "italic", "strike"):
            yield from _inline(inside, {**style, name: True}, pattern)
        elif name == "code":
            plain = _CODE_LINK.sub(lambda link: link[2] or link[1], inside)
            yield _styled({"type": "text", "text": unescaped(plain)}, {**style, "code": True})
        elif name == "angle":
            yield _styled(_angle(inside), style)
        elif name == "bare":
            yield _styled({"type": "link", "url": unescaped(inside)}, style)
        else:
            yield _styled({"type": "emoji", "name": inside}, style)
        end = found.end()
    if end < len(text):
        yield _styled({"type": "text", "text": unescaped(text[end:])}, style)


def _angle(inside: str) -> Json:
    """What stands between < and >: somebody, a channel, a time, everybody, or a link."""
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return {"type": "user", "user_id": target[1:], "label": unescaped(label)}
    if target.startswith("#"):
        return {"type": "channel", "channel_id": target[1:], "label": unescaped(label)}
    if target.startswith("!date^"):
        _, seconds, shape, address, *_ = [*target.split("^"), "", "", ""]
        if seconds.lstrip("-").isdigit():
            date: Json = {"type": "date", "timestamp": int(seconds), "format": unescaped(shape)}
            return date | {"fallback": unescaped(label), "url": unescaped(address)}
        return {"type": "text", "text": unescaped(label)}
    if target.startswith("!subteam^"):
        return {
            "type": "usergroup",
            "usergroup_id": target.removeprefix("!subteam^"),
            "label": unescaped(label),
        }
    if target.startswith("!"):
        name = target[1:].split("^")[0]
        if name in _BROADCASTS:
            return {"type": "broadcast", "range": name, "label": unescaped(label)}
        return {"type": "text", "text": unescaped(label) or f"<{target}>"}
    return {"type": "link", "url": unescaped(target), "text": unescaped(label)}


def _styled(part: Json, style: Mapping[str, bool]) -> Json:
    return part | {"style": dict(style)} if style else part
