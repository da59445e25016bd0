"""A child process of our own that reads requests, says lines of JSON, and is ended when it takes too long.

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
from pathlib import Path
from typing import Any

_LONGEST_LINE_BYTES = 16 * 1024 * 1024
_REQUEST = "REQUEST"  # the number of the file that the request is in
_ROOT = str(Path(__file__).parents[2])
_START = "import sys; sys.path += sys.argv[2:]; import importlib; importlib.import_module(sys.argv[1]).main()"


class ChildEnded(Exception):
    """The child ended, or said what is no JSON, before it had said all."""


class Bounded:
    """`main()` of one of our modules as a process of its own, with an empty environment and without the site module.

    It begins at once, and waits in request() until ask() is called: so it can start while the request is being made.
    Use it as a context manager: whatever happened, nothing is left running.
    """

    def __init__(self, module: str) -> None:
        """Start it."""
        self._buffer = bytearray()
        # Not through a pipe: nobody waits for a child that does not read.
        self._request = tempfile.TemporaryFile()  # noqa: SIM115
        paths = [path for path in (*sys.path, _ROOT) if path and Path(path).is_absolute()]
        number = str(self._request.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", _START, module, *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8", _REQUEST: number},
            pass_fds=(self._request.fileno(),),
            cwd="/",
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def ask(self, request: bytes) -> None:
        """Give it a request, or the next part of one: what its request() gives."""
        begins_at = self._request.tell()
        self._request.write(request)
        self._request.flush()
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(f"{begins_at} {len(request)}\n".encode())
            self._stdin.flush()

    def __enter__(self) -> Bounded:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for file in (self._request, self._stdout):
            file.close()
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()

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


def request() -> bytes:
    """In the child: what the next ask() is given, once it is there. Ends the child when nobody can ask any more."""
    told = sys.stdin.readline()
    if not told:
        raise SystemExit
    begins_at, left = (int(each) for each in told.split())
    parts = list[bytes]()
    while left and (part := os.pread(int(os.environ[_REQUEST]), left, begins_at)):
        parts.append(part)
        begins_at, left = begins_at + len(part), left - len(part)
    return b"".join(parts)


def limit(cpu_seconds: int, memory_bytes: int | None = None) -> None:
    """In the child: so much processor time and memory and no more, no core left behind, and the first to be ended
    where the machine has no memory left."""
    wanted = [(resource.RLIMIT_CPU, cpu_seconds), (resource.RLIMIT_CORE, 0)]
    wanted += [(resource.RLIMIT_AS, memory_bytes)] if memory_bytes else []
    for what, most in wanted:
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    with contextlib.suppress(OSError):  # Linux alone has it
        Path("/proc/self/oom_score_adj").write_text("1000")
