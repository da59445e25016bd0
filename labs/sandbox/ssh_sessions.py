"""What happens in an ssh session of the host: a command or a shell in the lab's own folder, or sftp."""

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from typing import Any

import asyncssh

LEAVES_WITHIN_SECONDS = 2.0

# Makes the pseudo-terminal that it is given the one that controls it, and becomes the shell.
_WITH_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Commands:
    """What sessions have started: a process group for each command. folder has home/ and tmp/ in it."""

    def __init__(self, host: str, user: str, folder: str) -> None:
        self.home = os.path.join(folder, "home")
        self._variables = {
            "HOME": self.home,
            "TMPDIR": os.path.join(folder, "tmp"),
            "USER": user,
            "LOGNAME": user,
            "SHELL": "/bin/sh",
            "PATH": os.environ.get("PATH", os.defpath),
            "PS1": f"{user}@{host}$ ",
        }
        self._groups: set[int] = set()

    async def run(self, process: Any) -> None:
        """Run what a session asked for: /bin/sh -c COMMAND, or a shell; on a pseudo-terminal where it asked for one."""
        if process.subsystem:
            process.stderr.write(f"There is no {process.subsystem} here, only sftp.\n".encode())
            process.exit(127)
            return
        arguments = ["/bin/sh", "-c", process.command] if process.command is not None else ["/bin/sh"]
        if process.term_type:
            child = await self._start_on_terminal(process, arguments)
        else:
            child = await self._start(arguments, self._variables)
        try:
            if not process.term_type:
                await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
            process.set_redirect_pid(child.pid)
            code = await _ended(child, process)
        finally:
            process.set_redirect_pid(None)
            await self._end_all_of(child)
        with contextlib.suppress(TimeoutError):
            for stream in (process.stdout, process.stderr):
                await asyncio.wait_for(stream.drain(), LEAVES_WITHIN_SECONDS)
        if code < 0:
            process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            process.exit(code)

    def end(self) -> None:
        """End every command, at once."""
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)

    async def _start(
        self, arguments: list[str], variables: dict[str, str], ends: int = asyncio.subprocess.PIPE
    ) -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=self.home,
            env=variables,
            start_new_session=True,
            stdin=ends,
            stdout=ends,
            stderr=ends,
        )
        self._groups.add(child.pid)
        return child

    async def _start_on_terminal(self, process: Any, arguments: list[str]) -> asyncio.subprocess.Process:
        ours, theirs = pty.openpty()
        try:
            columns, rows, width, height = process.term_size
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))
            child = await self._start(
                [sys.executable, "-I", "-S", "-c", _WITH_TERMINAL, *arguments],
                {**self._variables, "TERM": process.term_type},
                theirs,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        await process.redirect(stdin=os.dup(ours), stdout=ours)
        return child

    async def _end_all_of(self, child: asyncio.subprocess.Process) -> None:
        """What a session started ends with it."""
        for number in (signal.SIGHUP, signal.SIGKILL):
            try:
                os.killpg(child.pid, number)
            except (ProcessLookupError, PermissionError):
                break
            await asyncio.sleep(0.1)
        self._groups.discard(child.pid)


async def _ended(child: asyncio.subprocess.Process, process: Any) -> int:
    """How the command ended; or that its session is gone."""
    waits = [asyncio.ensure_future(child.wait()), asyncio.ensure_future(process.wait_closed())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return child.returncode if child.returncode is not None else -signal.SIGHUP
    finally:
        for each in waits:
            each.cancel()


class Files(asyncssh.SFTPServer):
    """sftp: a name that does not begin with / is one below the lab's folder."""

    def __init__(self, channel: asyncssh.SSHServerChannel, home: str) -> None:
        super().__init__(channel)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        return os.path.join(self._home, path)
