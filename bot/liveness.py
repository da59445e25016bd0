"""Which process has something in hand, and whether it still lives."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta

import psutil

LOST_AFTER = timedelta(seconds=30)  # without a sign of life, on another machine
ROUNDED_SECONDS = 2.0  # a start is told from the clock's time of now, which is set right now and then


def this_process() -> str:
    """`HOST:PID:STARTED`, so that a later process with the same pid is not taken for this one."""
    process = psutil.Process()
    return f"{socket.gethostname()}:{process.pid}:{int(process.create_time())}"


def is_lost(name: str | None, heard_at: datetime | None, now: datetime) -> bool:
    """Whether the process of that name is gone, and what it had in hand is anybody's.

    heard_at: its last sign of life, which counts where its machine is not ours. None is nobody's.
    """
    if name is None:
        return True
    host, _, process = name.partition(":")
    if host != socket.gethostname():
        return heard_at is None or now - heard_at > LOST_AFTER
    pid, _, started = process.partition(":")
    try:
        return abs(psutil.Process(int(pid)).create_time() - int(started)) > ROUNDED_SECONDS
    except (psutil.Error, ValueError):
        return True
