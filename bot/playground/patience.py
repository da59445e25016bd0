"""How long somebody who acts waits for the app to take an event. What they have done is done, whatever the app does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from typing import TypeVar

Result = TypeVar("Result")
_seconds: ContextVar[float | None] = ContextVar("patience", default=None)  # None: until it is taken


@contextlib.contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Within it nobody waits longer than that."""
    before = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(before)


def patiently(doing: Callable[[], Result]) -> Result | None:
    """What comes of it, or is raised. None where it takes longer than one waits; it goes on by itself then."""
    seconds = _seconds.get()
    if seconds is None:
        return doing()
    done: Future[Result] = Future()

    def do() -> None:
        try:
            done.set_result(doing())
        except Exception as problem:  # handed to whoever waits
            done.set_exception(problem)

    threading.Thread(target=do, daemon=True).start()
    with contextlib.suppress(TimeoutError):
        return done.result(seconds)
    return None
