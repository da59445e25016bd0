"""A process that ends when ours does, however ours does: the watch reads a pipe that closes then."""

from __future__ import annotations

import signal
import subprocess

_WATCH = 'read -r _; kill -s "$0" "$1" 2>/dev/null'


class Watch:
    """Sends how to the process pid as soon as ours is gone. stop() lets go of it."""

    def __init__(self, pid: int, how: signal.Signals) -> None:
        name = how.name.removeprefix("SIG")
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, name, str(pid)], stdin=subprocess.PIPE, start_new_session=True
        )

    def stop(self) -> None:
        """From now on it lives by itself."""
        self._process.kill()
        self._process.communicate()
