"""Fills the templates. Everything that an app or a person wrote is escaped there, by jinja2's autoescape."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, TemplateError
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from bot.playground import legacy
from bot.playground.checks import options_of
from bot.playground.fields import initial
from bot.playground.model import Channel, File, Json, Shortcut, User
from bot.playground.mrkdwn import parts_of, text_of
from bot.playground.page import dates, emoji_names
from bot.playground.typed import as_typed

TEMPLATES = Path(__file__).parents[1] / "templates"
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
TINTS = 8
_SCHEMES = ("http", "https", "mailto")


@dataclass(frozen=True)
class Picture:
    """An image as the page may show it. src: an address of this workspace; empty for one that is not loaded."""

    src: str
    alt: str
    host: str = ""  # of the picture that is not loaded
    url: str = ""


@dataclass(frozen=True)
class Reader:
    """Who looks at the page, when, and the names of what may be mentioned there."""

    me: str
    timezone: str
    now: float  # seconds since 1970
    people: Mapping[str, User]
    channels: Mapping[str, Channel]
    files: Mapping[str, File]
    base_url: str = ""
    app_name: str = "App"
    shortcuts: tuple[Shortcut, ...] = ()  # of messages

    def name(self, user: str) -> str:
        known = self.people.get(user)
        return known.real_name if known else user

    def handle(self, user: str) -> str:
        known = self.people.get(user)
        return known.name if known else user

    def typed(self, text: str) -> str:
        """A person's message as they typed it, to be edited."""
        return as_typed(text, self.handle)

    def channel_name(self, channel: str, otherwise: str = "") -> str:
        known = self.channels.get(channel)
        return known.name if known and known.name else otherwise or channel

    def when(self, seconds: Any, shape: str, fallback: str = "", with_ago: bool = True) -> str:
        """Without {ago} it stays as it is: the page itself says how long ago something was."""
        shape = shape if with_ago else shape.replace("{ago}", "\0")
        said = dates.formatted(float(seconds), shape, self.timezone, self.now, fallback)
        return said if with_ago else said.replace("\0", "{ago}")

    def picture(self, shape: Json) -> Picture:
        """Only what lies in the workspace is loaded: a picture elsewhere would tell its server who looks at it."""
        alt = str(shape.get("alt_text") or "")
        given = shape.get("slack_file")
        url = str((given.get("url") if isinstance(given, dict) else "") or shape.get("image_url") or "")
        file_id = str((given.get("id") if isinstance(given, dict) else "") or "")
        own = re.fullmatch(re.escape(self.base_url) + r"/files/(F\w+)", url) if self.base_url else None
        file = self.files.get(file_id or (own[1] if own else ""))
        if file and file.is_uploaded and file.mimetype in PICTURES:
            return Picture(f"/files/{file.id}", alt)
        return Picture("", alt, host_of(url) or "this workspace", safe_url(url))

    def choices(self, element: Json) -> list[Json]:
        """What a menu of people or conversations offers, as options."""
        kind = str(element["type"]).removeprefix("multi_")
        if kind == "users_select":
            known = [user for user in self.people.values() if not user.deleted and user.name != "slackbot"]
            return [
                _option(user.id, user.real_name)
                for user in known
                if not user.is_bot or user.id in self.people
            ]
        wanted = (element.get("filter") or {}).get("include") or ["public", "private", "im", "mpim"]
        if kind == "channels_select":
            wanted = ["public"]
        found = []
        for channel in self.channels.values():
            sort = "im" if channel.is_im else "private" if channel.is_private else "public"
            if (
                sort in wanted
                and not channel.is_archived
                and (sort == "public" or self.me in channel.members)
            ):
                found.append(_option(channel.id, f"# {channel.name}" if channel.name else self.app_name))
        return found


def _option(value: str, text: str) -> Json:
    return {"value": value, "text": {"type": "plain_text", "text": text}}


def safe_url(url: Any) -> str:
    """The address itself where a link may lead there (http, https, mailto); else empty."""
    text = str(url or "").strip()
    try:
        scheme = urlsplit(text).scheme.lower()
    except ValueError:
        return ""
    return text if scheme in _SCHEMES and not re.search(r"[\x00-\x20\x7f]", text) else ""


def host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def markdown(text: str) -> Markup:
    """A markdown block as HTML: tags in it are text, pictures in it are links."""
    return Markup(_markdown().render(text))  # noqa: S704 - markdown-it escapes, with html off


@cache
def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    parser.disable("image")
    parser.validateLink = lambda url: bool(safe_url(url))  # type: ignore[method-assign]

    def external(self: Any, tokens: Any, place: int, options: Any, env: Any) -> str:
        tokens[place].attrSet("target", "_blank")
        tokens[place].attrSet("rel", "noopener noreferrer")
        return str(self.renderToken(tokens, place, options, env))

    def with_emoji(self: Any, tokens: Any, place: int, options: Any, env: Any) -> str:
        return str(escape(emoji_names.replaced(tokens[place].content)))

    parser.add_render_rule("link_open", external)
    parser.add_render_rule("text", with_emoji)
    return parser


def size(count: int) -> str:
    """A file's size: `812 bytes`, `4.1 kB`, `2.0 MB`."""
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def tint(identity: str) -> int:
    """Which of the colours an avatar has."""
    return sum(ord(letter) for letter in identity) % TINTS


def pretty(shape: Any) -> str:
    return json.dumps(shape, indent=2, ensure_ascii=False)


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "mrkdwn": parts_of,
        "markdown": markdown,
        "emoji": emoji_names.character,
        "emoji_of": emoji_names.of_part,
        "with_emoji": emoji_names.replaced,
        "safe_url": safe_url,
        "size": size,
        "tint": tint,
        "pretty": pretty,
        "legacy_row": legacy.row,
        "options": lambda element: list(options_of(element)),
        "initial": initial,
        "rich_words": text_of,
        "colour": lambda text: bool(re.fullmatch(r"#[0-9a-fA-F]{3,8}", str(text))),
    }
    return made


def render(template: str, reader: Reader, **values: Any) -> str:
    """A template of templates/ as HTML."""
    return environment().get_template(template).render(reader=reader, **values)


def render_blocks(template: str, reader: Reader, blocks: Sequence[Json], **values: Any) -> str:
    """A template that shows blocks. Those that are no Block Kit are shown as JSON, and hide nothing beside them."""
    try:
        return render(template, reader, blocks=blocks, **values)
    except (TemplateError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError):
        return render(template, reader, blocks=[{"type": "malformed", "blocks": list(blocks)}], **values)
