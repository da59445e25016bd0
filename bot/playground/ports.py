"""A port on this machine for a program that has to be told one."""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import suppress

# Processes beside ours have numbers near ours, and begin far away: steps of the golden ratio stay apart longest.
_numbers = itertools.count(5_000 + os.getpid() * 6181)


def free_port() -> int:
    """Each time another, of those that the system gives to nobody by itself: it is still free when it is used."""
    while True:
        port = 10_000 + next(_numbers) % 10_000
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
