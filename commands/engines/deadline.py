"""Run something in a thread and wait for it so long and no longer.

A socket's timeout is for each byte, and looking up a name has none: a server that trickles, or a name service
that is silent, would hold us. A thread that is stuck is left behind (a daemon, and their number is limited).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Lock, Semaphore, Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """A few daemon threads that are started as they are needed."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._idle = Semaphore(0)
        self._started = 0
        self._lock = Lock()

    def run(self, job: Callable[[], T], seconds: float) -> T:
        """What job returns or raises. TimeoutError after so many seconds; what had not begun never does."""
        return self.begin(job, seconds)()

    def begin(self, job: Callable[[], T], seconds: float) -> Callable[[], T]:
        """Let job begin now. What is given waits for it as run does; nobody has to call that."""
        ends_at = time.monotonic() + seconds
        future: Future[T] = Future()
        self._jobs.put((future, job))
        self._grow()

        def wait() -> T:
            try:
                return future.result(max(0.0, ends_at - time.monotonic()))
            except TimeoutError:
                future.cancel()
                raise

        return wait

    def _grow(self) -> None:
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if self._started >= self._limit:
                return
            self._started += 1
        Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()

    def _work(self) -> None:
        while True:
            future, job = self._jobs.get()
            tell = _done(future, job) if future.set_running_or_notify_cancel() else None
            self._idle.release()  # before it is told: who hears of it may come with the next job at once
            if tell is not None:
                tell()
            del future, job, tell


def _done(future: Future[Any], job: Callable[[], Any]) -> Callable[[], None]:
    """Do the job. What is given tells what came of it to the one who waits."""
    try:
        answer = job()
    except BaseException as error:  # whatever it was, it belongs to the one who waits
        return partial(future.set_exception, error)
    return partial(future.set_result, answer)
