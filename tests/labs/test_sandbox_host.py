"""A host of the sandbox: started and stopped as Terraform does it, and in every way in which that can go wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.labs.sandbox_machine import HOST, Machine, host_module
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "hosts")
    yield machine
    machine.run("stop")


def test_a_host_answers_until_it_is_stopped(machine: Machine) -> None:
    assert machine.run("start").returncode == 0
    assert machine.get("/healthz") == (200, "ok\n")
    assert json.loads(machine.get("/")[1]) == {
        "lab": "demo",
        "host": "demo-1",
        "size": "small",
        "message": "hello",
    }
    assert machine.get("/private")[0] == 401
    assert machine.get("/private", "wrong")[0] == 401
    assert machine.get("/private", "sesame")[0] == 200
    assert machine.get("/other")[0] == 404
    assert machine.run("stop").returncode == 0
    assert not machine.is_open
    assert not machine.folder.exists()


def test_it_outlives_whoever_started_it_in_a_session_of_its_own(machine: Machine) -> None:
    machine.run("start")
    assert os.getsid(machine.pid) == machine.pid
    os.kill(machine.pid, signal.SIGHUP)
    os.kill(machine.pid, signal.SIGINT)
    assert machine.get("/healthz")[0] == 200


def test_to_start_it_again_replaces_it(machine: Machine) -> None:
    machine.run("start")
    first = machine.pid
    assert machine.run("start", MESSAGE="good day").returncode == 0
    assert machine.pid != first
    until(lambda: not psutil.pid_exists(first))
    assert json.loads(machine.get("/")[1])["message"] == "good day"


def test_to_stop_it_twice_is_harmless(machine: Machine) -> None:
    machine.run("start")
    for _ in range(2):
        assert machine.run("stop").returncode == 0
    assert not machine.is_open


def test_hosts_that_stop_at_once_leave_one_another_alone(tmp_path: Path) -> None:
    host, folder = host_module("host"), tmp_path / "hosts"
    names = [f"demo-{number}" for number in range(1, 5)]
    with ThreadPoolExecutor(len(names)) as pool:
        for _ in range(100):  # it takes some until one looks at the folder that another has just removed
            folder.mkdir()
            list(pool.map(lambda name: host.stop(name, 1, str(folder)), names))
            assert not folder.exists()


def test_a_host_that_was_killed_can_be_stopped_and_started(machine: Machine) -> None:
    machine.run("start")
    os.kill(machine.pid, signal.SIGKILL)
    until(lambda: not machine.is_open)
    assert machine.run("start").returncode == 0
    os.kill(machine.pid, signal.SIGKILL)
    assert machine.run("stop").returncode == 0
    assert not machine.folder.exists()


def test_a_pid_that_was_left_behind_and_is_another_process_now_is_not_touched(machine: Machine) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as bystander:
        machine.folder.mkdir()
        (machine.folder / "demo-1.pid").write_text(str(bystander.pid))
        assert machine.run("stop").returncode == 0
        assert bystander.poll() is None
        bystander.kill()


def test_a_host_that_hangs_is_stopped_by_force(machine: Machine) -> None:
    machine.run("start")
    pid = machine.pid
    os.kill(pid, signal.SIGSTOP)
    assert machine.run("stop").returncode == 0
    until(lambda: not psutil.pid_exists(pid))
    assert not machine.is_open


def test_a_port_that_another_program_has_is_told(machine: Machine) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", machine.port))
        other.listen()
        done = machine.run("start")
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"Port {machine.port} on this machine is taken by another program (Address "
    )
    assert "give the lab another name" in done.stderr
    assert machine.run("start").returncode == 0


def test_a_port_that_closes_a_little_later_than_the_lock_is_waited_for(machine: Machine) -> None:
    other = socket.create_server(("127.0.0.1", machine.port))
    threading.Timer(0.3, other.close).start()
    assert machine.run("start").returncode == 0
    assert machine.get("/healthz")[0] == 200


def test_who_is_told_that_a_host_is_gone_finds_its_ports_closed(machine: Machine) -> None:
    machine.folder.mkdir()
    other = socket.create_server(("127.0.0.1", machine.ssh_port))
    threading.Timer(0.3, other.close).start()
    assert machine.run("stop").returncode == 0
    assert not machine.is_open


def test_a_host_starts_while_the_folder_of_all_hosts_is_taken_away(machine: Machine) -> None:
    host, told = host_module("host"), list[bool]()

    def act() -> bool:
        told.append(machine.folder.exists())
        if len(told) < 3:
            machine.folder.rmdir()  # as the last host of another lab does
            raise FileNotFoundError
        return True

    assert host.in_folder(str(machine.folder), act)
    assert told == [True, True, True]
    with pytest.raises(FileNotFoundError):
        host.in_folder(str(machine.folder), lambda: os.stat(machine.folder / "nothing"))


def test_a_port_that_another_labs_host_has_is_told_by_name(machine: Machine, tmp_path: Path) -> None:
    machine.run("start")
    other = Machine(tmp_path / "others")
    other.port = machine.port
    done = other.run("start", HOST="other-1")
    assert f"Port {machine.port} on this machine is taken by the host demo-1 of another lab" in done.stderr
    assert machine.get("/healthz")[0] == 200


def test_a_host_is_there_or_not_whenever_its_start_is_killed(machine: Machine) -> None:
    env = {"LAB": "demo", "HOST": "demo-1", "PORT": str(machine.port), "FOLDER": str(machine.folder)}
    for after_seconds in (0.02, 0.04, 0.06, 0.08, 0.1):
        starter = subprocess.Popen(
            [sys.executable, "-I", "-S", str(HOST), "start"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            starter.wait(after_seconds)
        except subprocess.TimeoutExpired:
            starter.kill()
            starter.wait()
        assert machine.run("stop").returncode == 0
        assert not machine.is_open
    assert machine.run("start").returncode == 0
