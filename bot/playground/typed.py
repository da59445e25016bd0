"""What becomes of the text that a person types, before an app gets it.

Source: https://docs.slack.dev/messaging/formatting-message-text and the manifest's `should_escape`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.playground.workspace import Workspace

MENTION = re.compile(r"(?<![\w@<|/])([@#])([A-Za-z0-9][\w.-]*)")
MARKUP = re.compile(r"<(?:@(\w+)|#\w+\|([^>]+)|([^>]+))>")
LINK = re.compile(r"https?://[^\s<>|]+")


def escaped(text: str) -> str:
    """The three characters that mean something to Slack, as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def command_text(workspace: Workspace, text: str, should_escape: bool) -> str:
    """With should_escape, @name becomes <@U1|name>, #name <#C1|name> and an address <address>."""
    if not should_escape:
        return escaped(text)
    return _marked_up(workspace, text, lambda user_id, name: f"<@{user_id}|{name}>")


def message_text(workspace: Workspace, text: str) -> str:
    """In messages a mention carries the id alone: <@U1>."""
    return _marked_up(workspace, text, lambda user_id, name: f"<@{user_id}>")


def as_typed(text: str, handle: Callable[[str], str]) -> str:
    """A message as it was typed. handle: somebody's name, by their id."""

    def plain(found: re.Match[str]) -> str:
        user_id, channel, link = found.groups()
        return f"@{handle(user_id)}" if user_id else f"#{channel}" if channel else str(link)

    plain_text = MARKUP.sub(plain, text)
    return plain_text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _marked_up(workspace: Workspace, text: str, mention: Callable[[str, str], str]) -> str:
    people = {user.name: user.id for user in reversed(workspace.users.values())}
    channels = {channel.name: channel.id for channel in workspace.channels.values() if channel.name}

    def known(found: re.Match[str]) -> str:
        sign, word = found.groups()
        name = word
        while name:  # "@ines." at the end of a sentence is @ines
            if sign == "@" and name in people:
                return mention(people[name], name) + word[len(name) :]
            if sign == "#" and name in channels:
                return f"<#{channels[name]}|{name}>" + word[len(name) :]
            name = name[:-1] if name[-1] in ".-_" else ""
        return found.group()

    parts, end = [], 0
    text = escaped(text)
    for link in LINK.finditer(text):
        parts += [MENTION.sub(known, text[end : link.start()]), f"<{link.group()}>"]
        end = link.end()
    return "".join([*parts, MENTION.sub(known, text[end:])])
