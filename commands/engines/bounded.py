"""A child process of our own that reads one request, says lines of JSON, and is ended when it takes too long.

For what may hang, crash or grow without end: a parser on the files of strangers, policies that somebody wrote.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LONGEST_LINE_BYTES = 16 * 1024 * 1024
_ROOT = str(Path(__file__).parents[2])
_START = "import sys; sys.path += sys.argv[2:]; import importlib; importlib.import_module(sys.argv[1]).main()"


class ChildEnded(Exception):
    """The child ended, or said what is no JSON, before it had said all."""


class Bounded:
    """`main()` of one of our modules as a process of its own, with an empty environment and without the site module.

    Use it as a context manager: whatever happened, nothing is left running.
    """

    def __init__(self, module: str, request: Mapping[str, Any]) -> None:
        """Start it; request is its stdin, as JSON."""
        self._buffer = bytearray()
        paths = [path for path in (*sys.path, _ROOT) if path and Path(path).is_absolute()]
        with tempfile.TemporaryFile() as stdin:  # not a pipe: nobody waits for a child that does not read
            stdin.write(json.dumps(request).encode())
            stdin.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", _START, module, *paths],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8"},
                cwd="/",
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self._stdout = self._process.stdout

    def __enter__(self) -> Bounded:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stdout.close()

    def line(self, seconds: float) -> Any:
        """The next thing it says. TimeoutError after so many seconds; ChildEnded."""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(until - time.monotonic(), 0)):
                    raise TimeoutError
                read = os.read(self._stdout.fileno(), 1 << 20)
                self._buffer += read
                if not read or len(self._buffer) > _LONGEST_LINE_BYTES:
                    raise ChildEnded
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        try:
            return json.loads(line)
        except ValueError:
            raise ChildEnded from None


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """In the child: no more than so much memory and processor time, and no core left behind."""
    wanted = (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_CORE, 0),
    )
    for what, most in wanted:
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
