"""Following a Terraform to its end."""

from __future__ import annotations

import time
from typing import Any

from commands.engines.terraform import events as events


def follow(child: Any, seconds: float = 120.0) -> tuple[int, list[dict[str, Any]]]:
    """Its exit code and all of its lines."""
    lines: list[dict[str, Any]] = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        progress = child.poll(wait_seconds=0.5)
        lines += progress.lines
        if progress.exit_code is not None:
            return progress.exit_code, lines
    raise AssertionError(f"still running after {seconds} s:\n{events.readable(lines)}")


def follow_until(child: Any, text: str, seconds: float = 60.0) -> list[dict[str, Any]]:
    """Its lines, up to one in which that text stands."""
    lines: list[dict[str, Any]] = []
    ends_at = time.monotonic() + seconds
    while text not in events.readable(lines):
        assert time.monotonic() < ends_at, f"no {text!r} in:\n{events.readable(lines)}"
        progress = child.poll(wait_seconds=0.2)
        lines += progress.lines
        assert progress.exit_code is None, f"ended before {text!r}:\n{events.readable(lines)}"
    return lines
