"""What is deployed onto a host of the sandbox: kept running by the host, and gone with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bot.playground.ports import free_port
from tests.labs.sandbox_machine import SANDBOX, Authority, KrlServer, Machine, host_module, is_open
from tests.waiting import until

supervising = host_module("supervising")

pytestmark = pytest.mark.integration

# Writes down its pid and its port, and starts something of its own.
PROGRAM = """#!/bin/sh
echo "$$ $PORT" >>runs
sleep 600 &
exec sleep 600
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    ca = Authority(tmp_path / "ca")
    krls = KrlServer(ca.krl())
    machine = Machine(tmp_path / "hosts").with_ssh(ca.public_key, krls.url, SERVICE_PORT="4711")
    assert machine.run("start").returncode == 0
    yield machine
    machine.run("stop")
    krls.close()


def put(machine: Machine, text: str = PROGRAM) -> Path:
    run = machine.home / "service" / "run"
    run.with_name("new").write_text(text)
    run.with_name("new").chmod(0o700)
    run.with_name("new").rename(run)
    return run


def pids(machine: Machine, number: int = 1) -> list[int]:
    """Those of the program's runs, once there are so many."""
    path = machine.home / "service" / "runs"
    lines = until(lambda: path.exists() and len(found := path.read_text().splitlines()) >= number and found)
    assert all(line.split()[1] == "4711" for line in lines)
    return [int(line.split()[0]) for line in lines]


def children(pid: int) -> list[psutil.Process]:
    """Those of a program, once it has some."""
    return until(psutil.Process(pid).children)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_program_runs_as_long_as_it_is_wanted(machine: Machine) -> None:
    run = put(machine)
    (first,) = pids(machine)
    own = children(first)
    os.utime(run)  # started anew
    second = pids(machine, 2)[1]
    until(lambda: is_gone(first) and all(is_gone(each.pid) for each in own))
    os.kill(second, signal.SIGKILL)  # started again
    third = pids(machine, 3)[2]
    (run.parent / "down").touch()  # ended
    until(lambda: is_gone(third))
    (run.parent / "down").unlink()
    fourth = pids(machine, 4)[3]
    run.unlink()
    until(lambda: is_gone(fourth))


def test_it_ends_with_its_host(machine: Machine) -> None:
    put(machine)
    (pid,) = pids(machine)
    own = children(pid)
    assert machine.run("stop").returncode == 0
    until(lambda: is_gone(pid) and all(is_gone(each.pid) for each in own))


def test_it_ends_with_a_host_that_is_killed_and_begins_with_the_next(machine: Machine) -> None:
    put(machine)
    (pid,) = pids(machine)
    os.kill(machine.pid, signal.SIGKILL)
    until(lambda: is_gone(pid))
    assert machine.run("start").returncode == 0
    assert pids(machine, 2)[1] != pid


def test_one_that_ends_is_started_again_and_what_it_said_is_kept(machine: Machine) -> None:
    put(machine, '#!/bin/sh\necho "$$ $PORT" >>runs\necho broken\nexit 1\n')
    pids(machine, 2)
    until(lambda: (machine.home / "service" / "log").read_text() == "broken\n")


class Counted(supervising.Service):  # type: ignore[misc,name-defined]
    """Knows how often it has started its program."""

    starts = 0

    def _start(self, wanted: tuple[int, int]) -> None:
        self.starts += 1
        super()._start(wanted)


def test_one_that_ends_at_once_keeps_nobody_busy(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!/bin/sh\necho $$ >>runs\n")
    (tmp_path / "run").chmod(0o700)
    service = Counted(str(tmp_path), {"PATH": os.environ["PATH"]})
    service.look(0.0)
    assert service.starts == 1
    until(
        lambda: (runs := tmp_path / "runs").exists() and runs.read_text() and is_gone(int(runs.read_text()))
    )
    service.look(0.9)
    assert service.starts == 1
    service.look(1.0)
    assert service.starts == 2
    (tmp_path / "run").unlink()
    service.look(1.0)  # ends it


def test_the_guestbook_keeps_what_visitors_write(tmp_path: Path) -> None:
    """As the host runs it; without the host."""
    port = free_port()
    told = {"lab": "demo", "host": "demo-1", "title": "<Welcome> {host}"}
    (tmp_path / "guestbook.json").write_text(json.dumps(told))
    (tmp_path / "run").write_bytes((SANDBOX / "app" / "guestbook.py").read_bytes())
    (tmp_path / "run").chmod(0o700)
    child = subprocess.Popen(["./run"], cwd=tmp_path, env={"PATH": os.environ["PATH"], "PORT": str(port)})
    try:
        until(lambda: is_open(port))
        address = f"http://127.0.0.1:{port}/"
        form = urllib.parse.urlencode({"name": "Anna", "text": "<script>"}).encode()
        with urllib.request.urlopen(address, form, timeout=30) as answer:
            page = answer.read().decode()
        assert "<h1>&lt;Welcome&gt; {host}</h1>" in page
        assert "<p>demo, on demo-1. 1 so far.</p>" in page
        assert "<b>Anna</b> &lt;script&gt;" in page
        with urllib.request.urlopen(f"{address}healthz", timeout=30) as answer:
            assert answer.read().startswith(b"ok")
    finally:
        child.kill()
        child.wait()
