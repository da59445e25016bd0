"""Waiting for something without sleeping for a guess."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(probe: Callable[[], T], seconds: float = 30.0) -> T:
    """The first true answer of probe. Fails with the last one after so many seconds: a busy machine takes its time."""
    ends_at = time.monotonic() + seconds
    pause_seconds = 0.001  # most is there soon, and what is not may be asked for less often
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < ends_at, f"still {answer!r} after {seconds} s"
        time.sleep(pause_seconds)
        pause_seconds = min(0.02, pause_seconds * 1.5)
