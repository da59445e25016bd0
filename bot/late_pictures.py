"""Pictures that come after the words: no answer waits for its picture, and one that cannot be shown is left out."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.slack import Later, NotTaken, Slack
from commands.costs.spent import Picture

TRIES, PAUSE_SECONDS = 3, 1.0  # a file takes a moment until it can stand in a message
KEPT = 100  # files that are known, so that the same picture is drawn and uploaded once
_NOT_READY = ("invalid_blocks", "400", "500")  # the last two are what a response_url says

log = structlog.get_logger()


@dataclass(frozen=True)
class Wanted:
    """draw makes the picture; show puts its file where it belongs; other is for who takes no picture there.

    key: the same key is the same picture, as long as this process lives. Empty: it is drawn for this once.
    """

    draw: Callable[[], Picture | None]
    show: Callable[[str, Picture], object]
    other: Callable[[Picture], object] = lambda picture: None
    key: str = ""


class LatePictures:
    """A queue of what is to be drawn. show_next() does one thing of it; serve() all, until stopping is set."""

    def __init__(self, slack: Slack, stopping: threading.Event) -> None:
        self._slack = slack
        self._stopping = stopping
        self._waiting: queue.SimpleQueue[Wanted | None] = queue.SimpleQueue()
        self._known: dict[str, tuple[str, Picture]] = {}

    def want(self, wanted: Wanted) -> None:
        """Let this be drawn when there is time."""
        self._waiting.put(wanted)

    def known(self, key: str) -> tuple[str, Picture] | None:
        """The file of a picture that is there already."""
        return self._known.get(key)

    def serve(self) -> None:
        """Draw as it comes, until stop()."""
        while (wanted := self._waiting.get()) is not None:
            self._show(wanted)

    def stop(self) -> None:
        """Draw no more; a picture that nobody has seen yet is left out."""
        self._waiting.put(None)

    def show_next(self) -> bool:
        """One of those that wait. False: there is none."""
        try:
            wanted = self._waiting.get_nowait()
        except queue.Empty:
            return False
        if wanted is not None:
            self._show(wanted)
        return wanted is not None

    def _show(self, wanted: Wanted) -> None:
        try:
            self._shown(wanted)
        except (NotTaken, Later) as refused:
            log.info("a picture is left out", error=str(refused))
        except Exception:  # nobody misses a picture so much that the next one must not come
            log.exception("a picture is left out")

    def _shown(self, wanted: Wanted) -> None:
        found = self._known.get(wanted.key)
        if found is None:
            picture = wanted.draw()
            if picture is None:
                return
            file_id = self._slack.upload("", None, "picture.png", picture.png, alt=picture.alt)
            found = file_id, picture
        for attempt in range(1, TRIES + 1):
            try:
                wanted.show(*found)
                self._keep(wanted.key, found)
                return
            except NotTaken as refused:
                if refused.code not in _NOT_READY:
                    log.info("a picture goes elsewhere", error=str(refused))
                    break
                if attempt < TRIES:
                    self._stopping.wait(PAUSE_SECONDS)
        wanted.other(found[1])

    def _keep(self, key: str, found: tuple[str, Picture]) -> None:
        if key:
            self._known[key] = found
            while len(self._known) > KEPT:
                self._known.pop(next(iter(self._known)))
