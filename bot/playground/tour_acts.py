"""What people do in the tour, and what they wait for: played in a workspace, told on a stage."""

from __future__ import annotations

import hashlib
import itertools
import re
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from bot.playground.guide import Stage, TourEnded
from bot.playground.model import Message
from bot.playground.server import LocalSlack

PATIENCE_SECONDS = 180.0  # what the bot cannot end at once, it looks at again a minute later
ASKS = 100  # for the end of a lab that is busy: each time that its card has changed
BUSY = "right now. Wait for its end"
BAD_ENDS = ("failed", "stale", "interrupted")
TURNED = {  # what becomes of a card when somebody else presses its buttons meanwhile
    "rejected": "Somebody rejected the plan of {lab}, so the tour ends here.",
    "cancelled": "Somebody stopped the run of {lab}, so the tour ends here.",
    "superseded": "Somebody planned {lab} again, so the tour ends here.",
    "expired": "Nobody approved the plan of {lab} in time, so the tour ends here.",
    "destroyed": "Somebody destroyed {lab}, so the tour ends here.",
}
FIRST_PORT, PORTS_OF_A_LAB, PORT_RANGES = 20_000, 12, 1_000  # as in labs/sandbox/main.tf

Found = TypeVar("Found")


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
    """People of a cast, who type and press and then see something.

    What waits raises TourEnded where somebody else decides what becomes of one of the tour's labs.
    """

    def __init__(self, slack: LocalSlack, cast: Cast, stage: Stage) -> None:
        self._slack = slack
        self._cast = cast
        self._stage = stage
        self._labs: list[str] = []  # that the tour has asked for
        self._followed: dict[str, str] = {}  # lab → the ts of the card that the tour goes by
        self._is_going: set[str] = set()  # labs whose end the tour itself has asked for

    # What they do

    def _type(self, user: str, text: str, expect: str = "") -> None:
        self._act(user, lambda: self._slack.command(user, self._cast.channel, text), f"types  {text}", expect)

    def _answer(self, user: str, text: str, expect: str) -> Message:
        """What a person is told when they type that. Others may have said something since."""
        self._type(user, text, expect)
        return next(each for each in reversed(self._seen_by(user)) if _says(each, expect))

    def _press(self, user: str, shown: Message, label: str, expect: str) -> None:
        self._act(user, lambda: self._slack.click(user, shown, label), f"presses  ( {label} )", expect)

    def _approve(self, user: str, card: Message, expect: str) -> None:
        """Press Approve, unless the reader does, or did before they were asked to."""

        def is_done() -> bool:
            self._must_be_ours()
            return self._has_pressed(user, card, "Approve")

        if not is_done() and not self._stage.lets_reader(user, "Approve", is_done):
            self._stage.does(user, "presses  ( Approve )")
            if not is_done():
                self._must_be_taken(self._slack.click(user, card, "Approve"), "presses Approve")
        self._expect(user, expect, [each for each in self._seen_by(user) if each.ts <= card.ts])

    def _has_pressed(self, user: str, card: Message, label: str) -> bool:
        return any(
            each.payload.get("user", {}).get("id") == user
            and each.payload.get("container", {}).get("message_ts") == card.ts
            and any(action.get("text", {}).get("text") == label for action in each.payload["actions"])
            for each in self._slack.deliveries
            if each.kind == "interaction" and each.is_acked and "actions" in each.payload
        )

    def _act(self, user: str, act: Callable[[], Any], doing: str, expect: str) -> None:
        before = self._seen_by(user)
        self._stage.does(user, doing)
        self._must_be_taken(act(), doing)
        self._expect(user, expect, before)

    def _must_be_taken(self, delivery: Any, doing: str) -> None:
        if delivery.error:
            raise TourFailed(f"{doing}: {delivery.error}")

    # What they see

    def _seen_by(self, user: str) -> list[Message]:
        return self._slack.messages(self._cast.channel, user)

    def _expect(self, user: str, expect: str, before: Sequence[Message]) -> None:
        """Wait until a person sees a message that has this in it, and is new or says something else than before."""
        known = {id(each) for each in before}
        if expect:
            self._wait_for(
                lambda: any(_says(each, expect) for each in self._seen_by(user) if id(each) not in known)
            )
        self._stage.catch_up()

    def _card(self, text: str, after: str = "") -> Message:
        """The newest card of a lab, once it says that. What it says on the way is shown too. after: another's ts."""
        lab = text.partition(":")[0]

        def newest() -> Message | None:
            self._stage.catch_up()
            card = self._newest_card(lab)
            return card if card and card.ts > after and card.text.startswith(text) else None

        card = self._wait_for(newest)
        self._followed[lab] = card.ts
        return card

    def _newest_card(self, lab: str) -> Message | None:
        shown = self._cards(lab)
        return shown[-1] if shown else None

    def _cards(self, lab: str) -> list[Message]:
        """All of a lab's, in order."""
        return [
            each
            for each in self._slack.messages(self._cast.channel)
            if each.text.startswith(f"{lab}: ") and not each.thread_ts and not each.ephemeral_to
        ]

    def _wait_for(self, predicate: Callable[[], Found | None]) -> Found:
        """What predicate gives, once that is true. Raises TourEnded, TourFailed, and TimeoutError."""

        def met() -> Found | None:
            self._stage.go_on()
            found = predicate()
            if not found:
                self._must_be_ours()
            return found

        found = self._slack.wait_for(met, PATIENCE_SECONDS)
        assert found is not None
        return found

    def _must_be_ours(self) -> None:
        """Raises TourFailed where a run went wrong, TourEnded where somebody else decided what becomes of a lab."""
        for lab in self._labs:
            newest, followed = self._newest_card(lab), self._followed.get(lab)
            shown = [newest.text] if newest else []
            if followed in self._slack.workspace.messages:
                shown.append(self._slack.workspace.messages[followed].text)
            for text in shown:
                word = text.removeprefix(f"{lab}: ")
                if word.startswith(BAD_ENDS):
                    raise TourFailed(text)
                turned = next((turn for turn in TURNED if word.startswith(turn)), "")
                if turned and not (turned == "destroyed" and lab in self._is_going):
                    raise TourEnded(TURNED[turned].format(lab=lab))

    # When it ends before its time

    def _tidied(self) -> str:
        """Destroy what is there of the tour's labs, and say so; or say what is left."""
        gone: list[str] = []
        left: list[str] = []
        for lab in self._labs:
            try:
                (gone if self._destroyed(lab) else left).append(lab)
            except (TimeoutError, LookupError):
                left.append(lab)
        told = [f"What it had made is gone: {', '.join(gone)}."] if gone else []
        told += [f"{lab} is left: `/lab down {lab}` destroys it." for lab in left]
        return " ".join(told)

    def _destroyed(self, lab: str) -> bool:
        """Whether nothing is there of a lab any more."""
        gone, planned = (f"{lab}* had nothing yet", f"There is no lab `{lab}`"), (f"{lab}: proposed",)
        for _ in range(ASKS):
            before, newest = self._seen_by(self._cast.requester), self._newest_card(lab)
            self._slack.command(self._cast.requester, self._cast.channel, f"/lab down {lab}")
            answer = self._slack.wait_for(
                partial(self._first_of, before, (*gone, *planned, BUSY)), PATIENCE_SECONDS
            )
            if answer in gone:
                return True
            if answer in planned:
                break
            self._slack.wait_for(partial(self._has_moved, lab, newest), PATIENCE_SECONDS)
        for user in (self._cast.infra, self._cast.security, self._cast.requester):
            card = self._newest_card(lab)
            if card and card.text.startswith(planned):
                with suppress(LookupError):  # it was approved meanwhile
                    self._slack.click(user, card, "Approve")
        self._slack.wait_for(lambda: self._is_destroyed(lab), PATIENCE_SECONDS)
        return True

    def _first_of(self, before: Sequence[Message], words: tuple[str, ...]) -> str:
        """Which of these the requester is told, in what is new to them."""
        known = {id(each) for each in before}
        new = [each for each in self._seen_by(self._cast.requester) if id(each) not in known]
        return next((word for word in words for each in new if _says(each, word)), "")

    def _has_moved(self, lab: str, newest: Message | None) -> bool:
        return self._newest_card(lab) is not newest

    def _is_destroyed(self, lab: str) -> bool:
        card = self._newest_card(lab)
        return card is not None and card.text.startswith(f"{lab}: destroyed")


def free_name(slack: LocalSlack, word: str) -> str:
    """word, word-2, word-3, …: the first that nothing in the workspace is called, and whose ports are free."""
    told = [message.text for message in list(slack.workspace.messages.values())]
    for number in itertools.count(1):
        name = word if number == 1 else f"{word}-{number}"
        if not any(text.startswith(f"{name}: ") for text in told) and has_ports(name):
            return name
    raise AssertionError("there is no end of numbers")


def ports_of(lab: str) -> range:
    """Those that the sandbox gives to a lab of that name."""
    number = int(hashlib.sha256(lab.encode()).hexdigest()[:8], 16) % PORT_RANGES
    first = FIRST_PORT + PORTS_OF_A_LAB * number
    return range(first, first + PORTS_OF_A_LAB)


def has_ports(lab: str) -> bool:
    """Whether no other program on this machine, such as another demo's host, has one of a lab's ports."""
    for port in ports_of(lab):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def text_of(message: Message) -> str:
    """The texts of a message's blocks."""
    return "\n".join(str(block["text"].get("text", "")) for block in message.blocks if block.get("text"))


def _says(message: Message, words: str) -> bool:
    return words in message.text or words in str(message.blocks)


def found(pattern: str, text: str) -> str:
    """What a pattern (or its first group) matches. The last match: the newest. Raises TourFailed."""
    matches = re.findall(pattern, text)
    if not matches:
        raise TourFailed(f"nothing that was told looks like {pattern}")
    return str(matches[-1])
