"""The thread that follows a catalogue in git: every few minutes, and soon after a push was told of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import structlog

EVERY_SECONDS = 180.0
SPACING_SECONDS = 5.0  # between two refreshes, however often somebody rings

log = structlog.get_logger()


class CatalogueRefresher:
    """One refresh at a time. Whoever rings while one is under way gets another one after it."""

    def __init__(
        self,
        refresh: Callable[[datetime], str],
        now: Callable[[], datetime],
        every_seconds: float = EVERY_SECONDS,
        spacing_seconds: float = SPACING_SECONDS,
    ) -> None:
        self._refresh = refresh
        self._now = now
        self._every_seconds = every_seconds
        self._spacing_seconds = spacing_seconds
        self._rung = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="catalogue", daemon=True)

    def ring(self) -> None:
        """There is something new. Returns at once."""
        self._rung.set()

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Begin no other refresh. One that is under way does no harm where it ends."""
        self._stopping.set()
        self._rung.set()
        self._thread.join(timeout_seconds)

    def _follow(self) -> None:
        while not self._stopping.is_set():
            self._rung.wait(self._every_seconds)
            if self._stopping.is_set():
                return
            self._rung.clear()
            try:
                log.info("catalogue", did=self._refresh(self._now()))
            except Exception:
                log.exception("a refresh of the catalogue broke")
            self._stopping.wait(self._spacing_seconds)
