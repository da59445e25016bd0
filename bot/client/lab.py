"""`innkeeper lab …`: a command through the API, waiting for its run, and an exit status that CI understands."""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bot.client.connection import PATIENCE_SECONDS, Connection, NotDone, Unanswered, where
from bot.client.showing import Screen
from bot.settings import BadSettings
from commands.words import seconds

GOOD, ENDED_BADLY, REFUSED, STILL_WAITING = 0, 1, 2, 3
GOOD_ENDS = ("applied", "no_changes")
_DOUBLE, _SINGLE = frozenset('"“”„‟'), frozenset("'‘’‚‛")


def main(words: Sequence[str], wait: bool, timeout: str, channel: str, key: str, as_json: bool) -> int:
    """The command line's. Raises BadSettings, and ValueError for a timeout that is none."""
    wait_seconds = seconds(timeout) if wait else 0
    connection = Connection(where(os.environ, Path.home(), channel))
    screen = Screen(Console(), Console(stderr=True), as_json)
    return run(connection, screen, words, key or uuid.uuid4().hex, wait_seconds)


def text_of(words: Sequence[str]) -> str:
    """The words as one would type them in Slack: what has spaces in it is quoted. Raises BadSettings."""
    return " ".join(["/lab", *map(_quoted, words)])


def run(
    connection: Connection,
    screen: Screen,
    words: Sequence[str],
    key: str,
    wait_seconds: float = 0,
    monotonic: Callable[[], float] = time.monotonic,
) -> int:
    """Ask, show, wait for as long as that, and give the exit status."""
    ends_at = monotonic() + wait_seconds
    try:
        answer = connection.command(text_of(words), key)
        screen.said(answer)
        if wait_seconds and answer.get("run"):
            with screen.waiting():
                answer["run"] = _waited(connection, screen, answer["run"], ends_at, monotonic)
    except NotDone as refused:
        screen.problem(refused.sentence, refused.example)
        return REFUSED
    except Unanswered as away:
        screen.problem(str(away))
        return ENDED_BADLY
    screen.end(answer, bool(wait_seconds))
    return status_of(answer.get("run"), bool(wait_seconds))


def status_of(shown: dict[str, Any] | None, waited: bool) -> int:
    """What CI is told. Without waiting, that it was asked for is good."""
    if not waited or shown is None:
        return GOOD
    if not shown["is_ended"]:
        return STILL_WAITING
    return GOOD if shown["state"] in GOOD_ENDS else ENDED_BADLY


def _waited(
    connection: Connection,
    screen: Screen,
    shown: dict[str, Any],
    ends_at: float,
    monotonic: Callable[[], float],
) -> dict[str, Any]:
    """The run when it has ended, or when the time is over."""
    screen.progress(shown)
    while not shown["is_ended"] and (left := ends_at - monotonic()) > 0:
        wait_seconds = math.ceil(min(left, screen.look_every_seconds))
        patience_seconds = max(left, PATIENCE_SECONDS)
        shown = connection.run(shown["id"], wait_seconds, shown["state"], patience_seconds)
        screen.progress(shown)
    return shown


def _quoted(word: str) -> str:
    name, equals, value = word.partition("=")
    head, text = (f"{name}=", value) if equals and not _needs_quotes(name) else ("", word)
    if not _needs_quotes(text):
        return word
    for quote, its_kind in (('"', _DOUBLE), ("'", _SINGLE)):
        if not its_kind & set(text):
            return f"{head}{quote}{text}{quote}"
    raise BadSettings("A word with spaces and with both kinds of quotes cannot be said in one command.")


def _needs_quotes(text: str) -> bool:
    return not text or text[0] in _DOUBLE | _SINGLE or any(letter.isspace() for letter in text)
