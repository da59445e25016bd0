"""A real PostgreSQL from its wheel, which ends with whoever started it."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="innkeeper-") as short:
        yield Path(short) / "data"


@pytest.mark.usefixtures("postgresql")  # which skips where the wheel is not to be had
def test_it_ends_when_the_process_that_started_it_is_killed(folder: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from bot.playground.postgresql_server import LocalPostgreSQL\n"
        "LocalPostgreSQL(pathlib.Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        server = psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))
        child.send_signal(signal.SIGKILL)
        assert until(lambda: not server.is_running())
