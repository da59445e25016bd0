"""A clock that goes only when a test says so."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Call it for the time; pass time with passes() and until()."""

    def __init__(self, at: datetime = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def passes(self, seconds: float = 0, **more: float) -> None:
        """Let so many seconds (minutes=, hours=, days=) pass."""
        self.at += timedelta(seconds=seconds, **more)

    def until(self, moment: datetime) -> None:
        """Let time pass until then; it never goes back."""
        self.at = max(self.at, moment)


class Pause(threading.Event):
    """An event that never comes: whoever waits for it lets that time pass, and is through at once."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.passes(seconds=timeout or 0)
        return False
