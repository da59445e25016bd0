"""From SVG to PNG in a child process, and a picture that is left out when it cannot be drawn."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import structlog

LIMIT_SECONDS = 10.0

_CHILD = Path(__file__).with_name("__main__.py")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"

log = structlog.get_logger()
Given = ParamSpec("Given")


def png(svg: str, limit_seconds: float = LIMIT_SECONDS) -> bytes:
    """Draw SVG. The same text gives the same bytes. Raises subprocess.SubprocessError, of which TimeoutExpired is one.

    The child gets an empty environment and reads nothing but its own packages (`python -I`).
    """
    done = subprocess.run(
        [sys.executable, "-I", str(_CHILD)],
        input=svg.encode(),
        capture_output=True,
        timeout=limit_seconds,
        env={},
    )
    if done.returncode != 0 or not done.stdout.startswith(_SIGNATURE):
        why = done.stderr.decode(errors="replace")[-1000:]
        raise subprocess.SubprocessError(f"drawing ended with {done.returncode}: {why}")
    return done.stdout


def drawn(picture: Callable[Given, bytes], *args: Given.args, **named: Given.kwargs) -> bytes | None:
    """A picture, or None when anything is wrong with it: a message without its picture is better than none."""
    try:
        return picture(*args, **named)
    except Exception:
        log.exception("picture_left_out", picture=getattr(picture, "__name__", repr(picture)))
        return None
