"""Who waits for a run, on the event loop: one thread hears of changes for all of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from state.database import Database

LOOK_SECONDS = 1.0  # another process may have changed a run, which is not heard here
MOST_WAITING = 200  # the next one is answered at once


class Waiter:
    """One that waits. What changes between two calls of changed() is not missed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Something has changed. Called from another thread."""
        self._loop.call_soon_threadsafe(self._event.set)

    async def changed(self, timeout_seconds: float) -> None:
        """Until something has changed, or so long."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_seconds)
        except TimeoutError:
            return
        self._event.clear()


class RunWatch:
    """start() and stop() are called once; waiting() is for the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: set[Waiter] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._hear, name="run-watch", daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Let everybody go who waits."""
        self._stopping.set()
        self._database.ring("runs")
        if self._thread.ident is not None:  # it was started: a start that failed ends here, too
            self._thread.join(timeout_seconds)

    @property
    def is_full(self) -> bool:
        """Whether nobody else may wait."""
        return len(self._waiting) >= MOST_WAITING or self._stopping.is_set()

    @contextmanager
    def waiting(self) -> Iterator[Waiter]:
        """Somebody waits."""
        waiter = Waiter()
        self._waiting.add(waiter)
        try:
            yield waiter
        finally:
            self._waiting.discard(waiter)

    def _hear(self) -> None:
        while not self._stopping.is_set():
            self._database.wait("runs", LOOK_SECONDS)
            for waiter in tuple(self._waiting):
                try:
                    waiter.wake()
                except RuntimeError:  # its event loop has ended
                    self._waiting.discard(waiter)
