"""Look at a lab from outside, at several things at once and each again until its time is over.

What looks is a Probe: kinds of them are in network.py, program.py and database.py beside this.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import structlog

AT_ONCE = 8
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 2.0

_LOOK_SECONDS = 0.1  # how soon a stop is noticed

log = structlog.get_logger()


class NotSo(Exception):
    """It is not as it should be. Its text says how, in words for a person; nothing of what was answered is in it.

    is_final: to look again is of no use.
    """

    def __init__(self, sentence: str, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.is_final = is_final


@dataclass(frozen=True)
class Probe:
    """One thing to look at. name is what people see: `http http://10.0.0.1/`.

    look(seconds, over): takes so long at most, ends early when over is set, gives a few words (`200`), raises NotSo.
    """

    name: str
    look: Callable[[float, threading.Event], str]
    within_seconds: float = 30
    attempt_seconds: float = 5  # the longest that one look may take


@dataclass(frozen=True)
class Result:
    """How one thing was found. sentence: `200 in 12 ms`, or why it is not as it should be."""

    name: str
    is_good: bool
    sentence: str
    took_ms: int  # the last look


def run(
    probes: Sequence[Probe],
    is_over: Callable[[], bool] = lambda: False,
    tell: Callable[[int], None] = lambda done: None,
    limit_seconds: float = float("inf"),
) -> list[Result]:
    """Look at all of them. Results are in the order of the probes; what came to no end in time says so.

    is_over: asked now and then; true ends it early. tell: how many are done.
    """
    waiting: SimpleQueue[tuple[int, Probe]] = SimpleQueue()
    done: SimpleQueue[tuple[int, Result]] = SimpleQueue()
    for place, probe in enumerate(probes):
        waiting.put((place, probe))
    over = threading.Event()
    # Not an executor, whose threads the interpreter waits for: a name that nobody resolves holds one for a while.
    for number in range(min(AT_ONCE, len(probes))):
        threading.Thread(
            target=_work, args=(waiting, done, over), name=f"check-{number}", daemon=True
        ).start()
    found: dict[int, Result] = {}
    ends_at = time.monotonic() + limit_seconds
    while len(found) < len(probes) and time.monotonic() < ends_at and not is_over():
        try:
            place, result = done.get(timeout=_LOOK_SECONDS)
        except Empty:
            continue
        found[place] = result
        tell(len(found))
    over.set()
    return [
        found.get(place) or Result(probe.name, False, "there was no time left to look at it", 0)
        for place, probe in enumerate(probes)
    ]


def _work(
    waiting: SimpleQueue[tuple[int, Probe]], done: SimpleQueue[tuple[int, Result]], over: threading.Event
) -> None:
    while not over.is_set():
        try:
            place, probe = waiting.get_nowait()
        except Empty:
            return
        done.put((place, look(probe, over)))


def look(probe: Probe, over: threading.Event) -> Result:
    """Look until it is as it should be, its time is over, or over is set. Never raises."""
    ends_at = time.monotonic() + probe.within_seconds
    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        began_at = time.monotonic()
        try:
            said = probe.look(max(0.05, min(probe.attempt_seconds, ends_at - began_at)), over)
            took_ms = _milliseconds_since(began_at)
            return Result(probe.name, True, f"{said} in {_words(took_ms)}".strip(), took_ms)
        except NotSo as why:
            sentence, is_final = why.sentence, why.is_final
        except Exception:
            log.exception("a check broke", check=probe.name.partition(" ")[0])
            sentence, is_final = "the check itself broke; the bot's log says how", True
        took_ms = _milliseconds_since(began_at)
        if is_final or time.monotonic() + pause_seconds >= ends_at or over.wait(pause_seconds):
            return Result(probe.name, False, sentence, took_ms)
        pause_seconds = min(pause_seconds * 1.5, LONGEST_PAUSE_SECONDS)


def _milliseconds_since(began_at: float) -> int:
    return int((time.monotonic() - began_at) * 1000)


def _words(milliseconds: int) -> str:
    return f"{max(milliseconds, 1)} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
