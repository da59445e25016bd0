"""What people do in the tour, and what they wait for: played in a workspace, told to a terminal or to its page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.playground.guide import Guide
from bot.playground.model import Message
from bot.playground.server import LocalSlack
from bot.playground.transcript import Transcript

PATIENCE_SECONDS = 60.0
BAD_ENDS = ("failed", "stale", "interrupted")


class TourFailed(Exception):
    """Something did not happen that should have."""


@dataclass(frozen=True)
class Cast:
    """Who plays, by their Slack ids, and where."""

    channel: str
    admin: str
    requester: str
    infra: str
    security: str
    stranger: str
    leaver: str


class Acting:
    """People of a cast, who type and press and then see something. stage: where it is told."""

    def __init__(self, slack: LocalSlack, cast: Cast, stage: Transcript | Guide) -> None:
        self._slack = slack
        self._cast = cast
        self._transcript = stage

    def _told(self, user: str) -> str:
        """The texts of all that a person sees."""
        shown = [block for message in self._seen_by(user) for block in message.blocks]
        return "\n".join(str(block.get("text", {}).get("text", "")) for block in shown if block.get("text"))

    def _type(self, user: str, text: str, expect: str = "") -> None:
        self._act(user, lambda: self._slack.command(user, self._cast.channel, text), f"types  {text}", expect)

    def _answer(self, user: str, text: str, expect: str) -> Message:
        """What a person is told when they type that. Others may have said something since."""
        self._type(user, text, expect)
        return next(each for each in reversed(self._seen_by(user)) if _says(each, expect))

    def _press(self, user: str, card: Message, label: str, expect: str) -> None:
        before = {message.ts for message in self._seen_by(user)}
        if label == "Approve" and self._transcript.lets_reader(user, label, self._pressed_since(user, card)):
            self._expect(user, expect, before)
        else:
            doing = f"presses  ( {label} )"
            self._act(user, lambda: self._slack.click(user, card, label), doing, expect)

    def _pressed_since(self, user: str, card: Message) -> Callable[[], bool]:
        """Whether somebody has pressed a button of a card from now on."""
        known = len(self._slack.deliveries)
        return lambda: any(
            each.payload.get("user", {}).get("id") == user
            and each.payload.get("container", {}).get("message_ts") == card.ts
            for each in self._slack.deliveries[known:]
        )

    def _act(self, user: str, act: Callable[[], Any], doing: str, expect: str) -> None:
        before = {message.ts for message in self._seen_by(user)}
        self._transcript.does(user, doing)
        delivery = act()
        if delivery.error:
            raise TourFailed(f"{doing}: {delivery.error}")
        self._expect(user, expect, before)

    def _expect(self, user: str, expect: str, before: set[str]) -> None:
        """Wait until a person sees a new message that has this in it."""
        self._slack.wait_for(
            lambda: (
                any(_says(message, expect) for message in self._seen_by(user) if message.ts not in before)
                or not expect
            ),
            PATIENCE_SECONDS,
        )
        self._transcript.catch_up()

    def _card(self, text: str, after: str = "") -> Message:
        """The newest card of a lab, once it says that. What it says on the way is shown too. after: another's ts."""
        lab = text.partition(":")[0]
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._transcript.catch_up()
            for message in reversed(self._slack.messages(self._cast.channel)):
                if message.ts <= after:
                    break
                if message.text.startswith(f"{lab}: ") and not message.thread_ts and not message.ephemeral_to:
                    if message.text.startswith(text):
                        return message
                    if message.text.startswith(tuple(f"{lab}: {end}" for end in BAD_ENDS)):
                        raise TourFailed(message.text)
                    break
            seen = self._slack.workspace.version
            left = ends_at - time.monotonic()
            if left <= 0:
                raise TourFailed(f"no card came to say `{text}`")
            self._wait_for_change(seen, min(left, 1.0))

    def _wait_for_change(self, seen: int, timeout_seconds: float) -> None:
        workspace = self._slack.workspace
        with workspace.changed:
            workspace.changed.wait_for(lambda: workspace.version != seen, timeout_seconds)

    def _seen_by(self, user: str) -> list[Message]:
        return self._slack.messages(self._cast.channel, user)

    def _caption(self, text: str) -> None:
        self._transcript.caption(text)


def _says(message: Message, words: str) -> bool:
    return words in message.text or words in str(message.blocks)


def found(pattern: str, text: str) -> str:
    """What a pattern (or its first group) matches. The last match: the newest. Raises TourFailed."""
    matches = re.findall(pattern, text)
    if not matches:
        raise TourFailed(f"nothing that was told looks like {pattern}")
    return str(matches[-1])
