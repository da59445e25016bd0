"""A clock that goes only when a test says so."""

from __future__ import annotations

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
