"""A Terraform that outlives whoever started it: own session, HUP ignored, output and exit code in files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from commands.engines.terraform.events import Diagnostic, TerraformFailed

_RUN = Path(__file__).with_name("run.sh")
_LOOK_EVERY_SECONDS = 0.004
_PID_WITHIN_SECONDS = 2.0


class ChildLost(Exception):
    """The process is gone without an exit code: killed, or the machine stopped. What it did is unknown."""


class AlreadyStarted(Exception):
    """That command was started in this folder before; it is never started twice."""


@dataclass(frozen=True)
class Progress:
    """What a child wrote since the last look, one dict a line. exit_code is None while it runs."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    exit_code: int | None = None


class Child:
    """One Terraform command, followed through the files that it leaves in its folder.

    folder holds pid, output, exit (see run.sh) and interrupted; cwd is where the command was started, which
    proves that a pid is still that process: a run's folder is nobody else's. Any process may follow it, also
    after the one that started it has died.
    """

    def __init__(self, folder: Path, cwd: Path, starter: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self.cwd = cwd
        self._starter = starter
        self._offset = 0
        self._rest = b""

    @property
    def name(self) -> str:
        """`plan` or `apply`."""
        return self.folder.name

    def poll(self, wait_seconds: float = 0.0) -> Progress:
        """Give the lines written since the last poll, and the exit code once it has ended.

        Waits up to wait_seconds for either. A line that is not JSON comes as {"type": "text", "@message":
        line}. Raises ChildLost when the process is gone without an exit code, after its last lines were
        given.
        """
        until = time.monotonic() + wait_seconds
        pause = _LOOK_EVERY_SECONDS
        while True:
            alive = self.alive()
            exit_code = (
                self._exit_code()
            )  # looked up after alive and before the output, so that nothing is missed
            lines = self._new_lines(last=exit_code is not None or not alive)
            if lines or exit_code is not None:
                return Progress(lines, exit_code)
            if not alive:
                raise ChildLost(f"terraform {self.name} ended without an exit code")
            if time.monotonic() >= until:
                return Progress()
            time.sleep(min(pause, max(0.0, until - time.monotonic())))
            pause = min(pause * 1.05, 0.05)

    def alive(self) -> bool:
        """Tell whether Terraform still runs, or the shell that writes down how it ended."""
        if self._exit_code() is not None:
            return False
        if self._starter is not None:
            # The thread that waits for it sets returncode; nobody else may, or the exit status would be lost.
            return self._starter.returncode is None or self._process() is not None
        pids = self._pids()
        return pids is not None and any(self._is_ours(pid) is not None for pid in pids)

    def interrupt(self) -> None:
        """Send SIGINT to Terraform itself, once in its life: a second one would orphan what is in flight."""
        process = self._process(_PID_WITHIN_SECONDS)
        if process is None:
            return
        try:
            os.close(os.open(self.folder / "interrupted", os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)

    @property
    def interrupted(self) -> bool:
        """Tell whether interrupt() was used, by any process."""
        return (self.folder / "interrupted").exists()

    def kill(self) -> None:
        """SIGKILL to the session, the last resort: state since its last write is lost, the lock stays.

        Where Terraform is gone already, what its provisioners left running in its session is ended.
        """
        self._pid_file(_PID_WITHIN_SECONDS)
        pids = self._pids()
        if pids is None:
            return
        session = pids[1]
        if any(self._is_ours(pid) is not None for pid in pids):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(session, signal.SIGKILL)
        killed = []
        for process in psutil.process_iter():  # also what a Terraform that is gone has left behind
            with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
                if os.getsid(process.pid) == session and self._is_ours(process.pid) is not None:
                    process.kill()
                    killed.append(process)
        psutil.wait_procs(killed, timeout=5)

    def _exit_code(self) -> int | None:
        try:
            return int((self.folder / "exit").read_text())
        except FileNotFoundError:
            return None

    def _new_lines(self, last: bool) -> list[dict[str, Any]]:
        try:
            with (self.folder / "output").open("rb") as output:
                output.seek(self._offset)
                new = output.read()
        except FileNotFoundError:
            return []
        self._offset += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")
        if last and self._rest:
            whole, self._rest = [*whole, self._rest], b""
        return [line(text) for text in whole if text.strip()]

    def _pid_file(self, within_seconds: float) -> str:
        until = time.monotonic() + within_seconds
        while True:
            with contextlib.suppress(FileNotFoundError):
                text = (self.folder / "pid").read_text()
                if text.endswith("\n"):
                    return text
            if time.monotonic() >= until:
                return ""
            time.sleep(_LOOK_EVERY_SECONDS)

    def _pids(self) -> tuple[int, int] | None:
        words = self._pid_file(0).split()
        return (int(words[0]), int(words[1])) if len(words) == 2 else None

    def _process(self, within_seconds: float = 0.0) -> psutil.Process | None:
        words = self._pid_file(within_seconds).split()
        return self._is_ours(int(words[0])) if words else None

    def _is_ours(self, pid: int) -> psutil.Process | None:
        """Give the process with that pid if it is the one that was started here, not a later one."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return process if process.cwd() == str(self.cwd) else None
        except psutil.AccessDenied:
            # Its folder cannot be seen: then it is ours if it is older than the file in which it wrote its
            # pid.
            try:
                is_older = process.create_time() <= (self.folder / "pid").stat().st_mtime + 2
            except (psutil.Error, FileNotFoundError):
                return None
            return process if is_older else None
        except psutil.NoSuchProcess:
            return None


def start(command: Sequence[str], folder: Path, cwd: Path, environment: Mapping[str, str]) -> Child:
    """Start command, detached, in cwd, and keep in folder what tells of it.

    environment is all that it gets. folder must not exist yet: raises AlreadyStarted when it does, so that
    two who try at once start one.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        raise AlreadyStarted(f"terraform {folder.name} was started before in {folder.parent}") from None
    starter = subprocess.Popen(
        ["/bin/sh", str(_RUN), str(folder), *command],
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=starter.wait, name=f"wait for {folder}", daemon=True).start()
    return Child(folder, cwd.resolve(), starter)


def run(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout_seconds: int
) -> subprocess.CompletedProcess[bytes]:
    """Run a command that changes nothing to its end, out of reach of a Ctrl-C in the bot's terminal.

    Raises TerraformFailed when it takes longer than timeout_seconds.
    """
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        summary = f"terraform {command[1]} took longer than {timeout_seconds} s and was stopped"
        detail = "See whether this machine reaches the module's sources and providers, and plan again."
        raise TerraformFailed((Diagnostic("error", summary, detail),)) from None


def attach(folder: Path, cwd: Path) -> Child | None:
    """Find the child that was started with this folder, living or ended. None: none ever was."""
    if not folder.is_dir():
        return None
    child = Child(folder, cwd.resolve())
    # Whoever made the folder may have died before the shell had written its pid: give that a moment.
    young = time.time() - folder.stat().st_mtime < _PID_WITHIN_SECONDS
    return child if child._pid_file(_PID_WITHIN_SECONDS if young else 0) else None


def line(text: bytes) -> dict[str, Any]:
    """Read one line of `-json` output; one that is not JSON becomes {"type": "text", "@message": line}."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"type": "text", "@message": text.decode(errors="replace")}
