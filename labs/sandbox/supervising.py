"""What runs on a host for as long as it is there: the program that somebody has put at home/service/run.

As with runit: it is started when it is there, again when it ends or was touched, and ended when it is taken away or has
a file `down` beside it. It is told its port in PORT. Its output is in home/service/log. It never outlives its host.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time

LOOKS_EVERY_SECONDS = 0.1
AGAIN_AFTER_SECONDS = 1.0  # a program that ends at once must not keep the machine busy

# Dies with the thread that has started it, also where that is killed; and becomes the program. Source: prctl(2).
_WITH_HOST = """
import ctypes, os, signal, sys
if sys.platform.startswith("linux"):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Service:
    """The one program of a host. folder is that of `run`; variables are its environment."""

    def __init__(self, folder: str, variables: dict[str, str]) -> None:
        self._folder = folder
        self._variables = variables
        self._child: subprocess.Popen[bytes] | None = None
        self._started: tuple[int, int] | None = None  # which `run` that was
        self._not_before = 0.0

    async def keep(self) -> None:
        """Keep it as it is wanted. Never returns."""
        while True:
            self.look(time.monotonic())
            await asyncio.sleep(LOOKS_EVERY_SECONDS)

    def look(self, now: float) -> None:
        """Start it or end it, if something has changed."""
        wanted = self._wanted()
        if self._child is not None and (wanted != self._started or self._child.poll() is not None):
            if wanted != self._started:
                self._not_before = 0.0
            self.kill()
            self._child.wait()
            self._child = self._started = None
        if self._child is None and wanted is not None and now >= self._not_before:
            self._not_before = now + AGAIN_AFTER_SECONDS
            self._start(wanted)

    def kill(self) -> None:
        """End it, and all that it has started, at once: also where a signal has interrupted us."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def _wanted(self) -> tuple[int, int] | None:
        if os.path.exists(os.path.join(self._folder, "down")):
            return None
        try:
            run = os.stat(os.path.join(self._folder, "run"))
        except OSError:
            return None
        return (run.st_ino, run.st_mtime_ns) if run.st_mode & 0o100 else None

    def _start(self, wanted: tuple[int, int]) -> None:
        self._started = wanted
        with open(os.path.join(self._folder, "log"), "wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _WITH_HOST, "./run"],
                cwd=self._folder,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
