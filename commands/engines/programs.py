"""A program of the catalogue: it gets words, no shell and little of our environment, and ends with all it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ")  # all that a program gets of ours


@contextlib.contextmanager
def running(words: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program, started in that folder; what it says is thrown away. Raises OSError, ValueError if it cannot be."""
    child = subprocess.Popen(
        list(words),
        cwd=folder,
        env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # whatever it has left running, too
        child.wait()
