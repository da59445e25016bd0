"""A conversation printed as it happens: who does what, what the app says to whom, and how its messages change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from bot.playground.model import Message
from bot.playground.server import LocalSlack

_MARK = re.compile(
    r"```(?P<pre>.*?)```|`(?P<code>[^`\n]+)`|\*(?P<bold>[^*\n]+)\*|<@(?P<user>\w+)(?:\|[^>]*)?>"
    r"|<#(?P<channel>\w+)(?:\|[^>]*)?>|<!date\^(?P<at>\d+)\^[^|>]*(?:\|[^>]*)?>|<(?P<link>https?://[^|>]+)[^>]*>",
    re.DOTALL,
)
_STYLES = {"default": "reverse", "primary": "white on green", "danger": "white on red"}


class Transcript:
    """Prints what is new in a channel each time that catch_up() is called."""

    def __init__(self, slack: LocalSlack, channel: str, console: Console) -> None:
        self._slack = slack
        self._channel = channel
        self._console = console
        self._shown: dict[str, int] = {}  # message → how many of its versions were printed

    def caption(self, text: str) -> None:
        """What the next part is about."""
        self._console.print()
        self._console.rule(Text(text, style="bold"), style="dim", align="left")

    def does(self, user: str, doing: str) -> None:
        """Somebody acts."""
        self._console.print(Text.assemble((f"\n{self._name(user)} ", "bold cyan"), doing))

    def say(self, text: str) -> None:
        """Something that happens outside of Slack."""
        self._console.print(Text(f"  {text}", style="yellow"))

    def lets_reader(self, user: str, label: str, is_done: Callable[[], bool]) -> bool:
        """Nobody presses anything in a terminal: it is done for them."""
        return False

    def go_on(self) -> None:
        """Whoever reads this ends it with Ctrl-C."""

    def ending(self, text: str) -> None:
        """What follows is the end."""
        self.caption(text)

    def catch_up(self) -> None:
        """Print each version of each message that was not printed yet."""
        for message in self._slack.messages(self._channel):
            if message.user != self._slack.bot_user:
                continue
            versions = [
                *((each.text, each.blocks) for each in message.revisions),
                (message.text, message.blocks),
            ]
            printed = self._shown.get(message.ts, 0)
            for number, (text, blocks) in enumerate(versions[printed:], printed):
                self._print(message, text, blocks, is_edit=number > 0)
            self._shown[message.ts] = len(versions)

    def _print(self, message: Message, text: str, blocks: Iterable[dict[str, Any]], is_edit: bool) -> None:
        title = "innkeeper"
        if message.ephemeral_to:
            title += f" · only visible to {self._name(message.ephemeral_to)}"
        if is_edit:
            title += " · edited"
        lines = list(self._lines(blocks)) or [self._styled(text)]
        lines += [
            Text(f"📎 {file.name} ({len(file.content):,} bytes)", style="magenta") for file in message.files
        ]
        if not message.ephemeral_to and not message.thread_ts:
            lines.insert(0, Text(text, style="dim italic"))
        panel = Panel(
            Text("\n").join(lines),
            title=title,
            title_align="left",
            border_style="dim" if message.ephemeral_to else "blue",
            width=min(self._console.width - 4, 110),
        )
        self._console.print(Padding(panel, (0, 0, 0, 6 if message.thread_ts else 2)))

    def _lines(self, blocks: Iterable[dict[str, Any]]) -> Iterator[Text]:
        for block in blocks:
            if block["type"] in ("section", "header"):
                if block.get("text"):
                    yield self._styled(block["text"]["text"])
                for field in block.get("fields", []):
                    yield self._styled(field["text"])
                if block.get("accessory", {}).get("type") == "button":
                    yield self._buttons([block["accessory"]])
            elif block["type"] == "context":
                shown = Text("  ").join([self._styled(each.get("text", "")) for each in block["elements"]])
                shown.stylize("dim")
                yield shown
            elif block["type"] == "actions":
                yield self._buttons(block["elements"])
            elif block["type"] == "divider":
                yield Text("─" * 20, style="dim")

    def _buttons(self, elements: list[dict[str, Any]]) -> Text:
        shown = [
            Text(f" {each['text']['text']} ", style=_STYLES[each.get("style", "default")])
            for each in elements
            if each["type"] == "button"
        ]
        return Text("  ").join(shown)

    def _styled(self, mrkdwn: str) -> Text:
        text, end = Text(), 0
        for match in _MARK.finditer(mrkdwn):
            text.append(_unescaped(mrkdwn[end : match.start()]))
            found = {name: value for name, value in match.groupdict().items() if value is not None}
            name, value = next(iter(found.items()))
            if name == "user":
                text.append(f"@{self._name(value)}", style="cyan")
            elif name == "channel":
                text.append(f"#{self._slack.workspace.channels[value].name}", style="cyan")
            elif name == "at":
                text.append(f"{datetime.fromtimestamp(int(value)):%a %H:%M}")
            else:
                style = {"bold": "bold", "link": "underline"}.get(name, "green")
                text.append(_unescaped(value), style=style)
            end = match.end()
        text.append(_unescaped(mrkdwn[end:]))
        return text

    def _name(self, user: str) -> str:
        known = self._slack.workspace.users.get(user)
        return known.name if known is not None else user


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
