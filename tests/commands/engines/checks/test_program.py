"""Programs that look at a lab: what they get, how they end, and what becomes of what they leave."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from commands.engines.checks import program as program_checks
from commands.engines.checks.looking import NotSo
from commands.engines.openssh import Host
from tests.waiting import until


def runs(
    folder: Path, *words: str, exit_code: int = 0, seconds: float = 30, over: threading.Event | None = None
) -> str:
    return program_checks.command(words, folder, exit_code, seconds, over or threading.Event())


def why(folder: Path, *words: str, seconds: float = 30, over: threading.Event | None = None) -> str:
    with pytest.raises(NotSo) as told:
        runs(folder, *words, seconds=seconds, over=over)
    return told.value.sentence


def test_a_program_is_judged_by_its_exit_code(tmp_path: Path) -> None:
    assert runs(tmp_path, "true") == "ended with 0"
    assert runs(tmp_path, "sh", "-c", "exit 3", exit_code=3) == "ended with 3"
    assert why(tmp_path, "false") == "it ended with 1, not 0"
    assert why(tmp_path, "sh", "-c", "kill -9 $$") == "it was ended by signal 9"


def test_it_is_started_beside_its_blueprint_without_a_shell(tmp_path: Path) -> None:
    script = tmp_path / "smoke.sh"
    script.write_text(f'#!/bin/sh\ntest "$1" = "\\$(id); a b" && test "$PWD" = "{tmp_path}"\n')
    script.chmod(0o755)
    assert runs(tmp_path, "./smoke.sh", "$(id); a b") == "ended with 0"


def test_it_gets_almost_nothing_of_our_environment(tmp_path: Path) -> None:
    program = f"import os, sys; open({str(tmp_path / 'names')!r}, 'w').write(' '.join(os.environ))"
    runs(tmp_path, sys.executable, "-I", "-c", program)
    assert set((tmp_path / "names").read_text().split()) <= {"PATH", "HOME", "LANG", "TZ", "LC_CTYPE"}
    assert len(os.environ) > 5


def test_one_that_cannot_be_started_is_told_in_words(tmp_path: Path) -> None:
    assert why(tmp_path, "./nothing") == "it cannot be started (no such file or directory)"
    assert why(tmp_path, "echo", "a\0b") == "it cannot be started (a word of it has a zero byte)"


def test_one_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    began_at = time.monotonic()
    pid = tmp_path / "pid"
    assert why(tmp_path, "sh", "-c", f"sleep 60 & echo $! > {pid}; sleep 60", seconds=3) == (
        "it does not end within 3 s"
    )
    assert time.monotonic() - began_at < 20
    until(lambda: not _lives(int(pid.read_text())))


def test_a_stop_ends_it_at_once(tmp_path: Path) -> None:
    over = threading.Event()
    over.set()
    began_at = time.monotonic()
    assert why(tmp_path, "sleep", "60", over=over) == "it was stopped"
    assert time.monotonic() - began_at < 20


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("10.0.0.1", Host("10.0.0.1", "10.0.0.1", 22, "root")),
        ("ssh://me@10.0.0.1:2200", Host("10.0.0.1", "10.0.0.1", 2200, "me")),
        ("me@[::1]:2200", Host("::1", "::1", 2200, "me")),
    ],
)
def test_a_host_is_read_with_its_user_and_port(text: str, host: Host) -> None:
    assert program_checks.ssh_host(text, "root") == host


@pytest.mark.parametrize(
    "text", ["", "-oProxyCommand=id", "a b", "me@-x", "a:0", "a:99999", "ssh://a/b", "a@b@c"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="user@host:port"):
        program_checks.ssh_host(text, "root")
