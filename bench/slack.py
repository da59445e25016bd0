"""The local Slack in a process of its own, so that its work is nobody else's."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bot.playground import payloads
from bot.playground.delivery import encoded
from bot.playground.model import Message
from bot.playground.server import LocalSlack

CARD_SECONDS = 60.0


@dataclass(frozen=True)
class Address:
    """What an app is told of the workspace."""

    api_url: str
    bot_token: str
    signing_secret: str
    team: str
    user: str
    channel: str


class SlackProcess:
    """One workspace with one person in one channel."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.address: Address = pipe.recv()

    def deliver_to(self, app_url: str) -> None:
        """Where what the person types goes."""
        self._ask("deliver_to", app_url)

    def commands(self, text: str, count: int) -> list[bytes]:
        """The bodies of that many requests for a slash command, each with a trigger and a response_url of its own."""
        bodies: list[bytes] = self._ask("commands", text, count)
        return bodies

    def fill(self, count: int) -> None:
        """Put that many messages of the app into the channel."""
        self._ask("fill", count)

    def answers(self) -> int:
        """How many private answers have arrived so far."""
        count: int = self._ask("answers")
        return count

    def answered_at(self, since: int) -> list[float]:
        """When each private answer but the first few arrived, as time.time() tells."""
        moments: list[float] = self._ask("answered_at", since)
        return moments

    def seconds_to_card(self, typed: str, card: str) -> float:
        """Type a command; how long it took until a card's text began with those words."""
        seconds: float = self._ask("seconds_to_card", typed, card)
        return seconds

    def _ask(self, *question: Any) -> Any:
        self._pipe.send(question)
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Inside:
    """The other end of the pipe."""

    def __init__(self) -> None:
        self.slack = LocalSlack(app_name="innkeeper", commands=("/lab", "/key"))
        self.user = self.slack.add_user("riley")
        self.channel = self.slack.add_channel("lab", [self.user])

    def address(self) -> Address:
        slack = self.slack
        return Address(
            slack.api_url, slack.bot_token, slack.signing_secret, slack.team, self.user, self.channel
        )

    def deliver_to(self, app_url: str) -> None:
        self.slack.app_url = app_url

    def commands(self, text: str, count: int) -> list[bytes]:
        workspace = self.slack.workspace
        person = workspace.users[self.user]
        word, _, rest = text.partition(" ")
        return [
            encoded("command", payloads.command(workspace, person, self.channel, word, rest))
            for _ in range(count)
        ]

    def fill(self, count: int) -> None:
        workspace, author = self.slack.workspace, self.slack.bot_user
        for number in range(count):
            text = f"*number {number}* · of many, and some `code` by <@{self.user}>\n" * (1 + number % 3)
            workspace.put_message(Message(workspace.next_ts(), self.channel, author, text))

    def answers(self) -> int:
        return len(self.slack.calls_of("response_url"))

    def answered_at(self, since: int) -> list[float]:
        return [call.at for call in self.slack.calls_of("response_url")[since:]]

    def seconds_to_card(self, typed: str, card: str) -> float:
        began = time.perf_counter()
        delivery = self.slack.command(self.user, self.channel, typed)
        if delivery.error:
            raise RuntimeError(f"{typed}: {delivery.error}")
        self.slack.wait_for(lambda: self._says(card), CARD_SECONDS)
        return time.perf_counter() - began

    def _says(self, card: str) -> bool:
        return any(message.text.startswith(card) for message in self.slack.messages(self.channel)[-20:])


@contextmanager
def slack_process() -> Iterator[SlackProcess]:
    """Start it, and end it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield SlackProcess(ours)
    finally:
        ours.close()  # it ends when nobody can ask any more
        process.join(10)


def _serve(pipe: Connection) -> None:
    inside = _Inside()
    with inside.slack:
        pipe.send(inside.address())
        while True:
            try:
                name, *arguments = pipe.recv()
            except (EOFError, KeyboardInterrupt):
                return
            try:
                pipe.send(getattr(inside, name)(*arguments))
            except (RuntimeError, TimeoutError) as problem:
                pipe.send(problem)
