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

BLOCK_BYTES = 64 * 1024

# Makes the pseudo-terminal that it is given the one that controls it, and becomes the shell.
_WITH_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Commands:
    """What sessions have started: a process group for each command. folder has home/ and tmp/ in it."""

    def __init__(self, host: str, user: str, folder: str, service_port: int) -> None:
        self.home = os.path.join(folder, "home")
        self.variables = {
            "HOME": self.home,
            "TMPDIR": os.path.join(folder, "tmp"),
            "USER": user,
            "LOGNAME": user,
            "SHELL": "/bin/sh",
            # python3 is the one that runs this, wherever that is.
            "PATH": f"{os.path.dirname(sys.executable)}:{os.environ.get('PATH', os.defpath)}",
            "PS1": f"{user}@{host}$ ",
            "PORT": str(service_port),
        }
        self._running: dict[Any, int] = {}  # what was asked for, and its process group

    async def run(self, process: Any) -> None:
        """Run what a session asked for: /bin/sh -c COMMAND, or a shell; on a pseudo-terminal where it asked for one."""
        if process.subsystem:
            process.stderr.write(f"There is no {process.subsystem} here, only sftp.\n".encode())
            process.exit(127)
            return
        arguments = ["/bin/sh", "-c", process.command] if process.command is not None else ["/bin/sh"]
        if process.term_type:
            child, ends = await self._start_on_terminal(process, arguments)
        else:
            child = await self._start(arguments, self.variables)
            ends = _Pipes(child)
        self._running[process] = child.pid
        coming = asyncio.ensure_future(_carry_in(process, ends, child.pid))
        going = [asyncio.ensure_future(_carry_out(*each)) for each in ends.outputs(process)]
        ended = asyncio.ensure_future(child.wait())
        gone = asyncio.ensure_future(process.channel.wait_closed())
        try:
            await _first_of(ended, gone)
        finally:
            coming.cancel()
            ended.cancel()
            await self._end_all_of(process)
        await _first_of(asyncio.gather(*going), gone)
        for each in going:
            each.cancel()
        ends.close()
        code = child.returncode
        if code is not None and code >= 0:
            process.exit(code)
        else:
            process.exit_with_signal(signal.Signals(-(code or -signal.SIGKILL)).name.removeprefix("SIG"))

    def tell(self, connection: Any, text: str) -> None:
        """Write a line to all that a connection has running."""
        for process in self._running:
            if process.channel.get_connection() is connection:
                process.stderr.write(f"{text}\r\n".encode())

    def end(self) -> None:
        """End every command, at once."""
        for group in self._running.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)

    async def _start(
        self, arguments: list[str], variables: dict[str, str], ends: int = asyncio.subprocess.PIPE
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *arguments,
            cwd=self.home,
            env=variables,
            start_new_session=True,
            stdin=ends,
            stdout=ends,
            stderr=ends,
        )

    async def _start_on_terminal(
        self, process: Any, arguments: list[str]
    ) -> tuple[asyncio.subprocess.Process, "_Terminal"]:
        ours, theirs = pty.openpty()
        ends = await _Terminal.open(ours)
        try:
            ends.resize(process.term_size)
            arguments = [sys.executable, "-I", "-S", "-c", _WITH_TERMINAL, *arguments]
            return await self._start(arguments, {**self.variables, "TERM": process.term_type}, theirs), ends
        except BaseException:
            ends.close()
            raise
        finally:
            os.close(theirs)

    async def _end_all_of(self, process: Any) -> None:
        """What a session started ends with it."""
        group = self._running[process]
        for number in (signal.SIGHUP, signal.SIGKILL):
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                break
            await asyncio.sleep(0.1)
        del self._running[process]


class _Pipes:
    """A command's standard input and outputs."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    def outputs(self, process: Any) -> list[tuple[Any, Any]]:
        return [(self._child.stdout, process.stdout), (self._child.stderr, process.stderr)]

    async def write(self, data: bytes) -> None:
        self._child.stdin.write(data)
        await self._child.stdin.drain()

    def no_more(self) -> None:
        self._child.stdin.close()

    def resize(self, size: tuple[int, int, int, int]) -> None:
        pass

    def close(self) -> None:
        self.no_more()


class _Terminal:
    """Our end of a pseudo-terminal."""

    def __init__(self, number: int, transport: asyncio.ReadTransport, reader: asyncio.StreamReader) -> None:
        self._number, self._transport, self._reader = number, transport, reader

    @classmethod
    async def open(cls, number: int) -> "_Terminal":
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(number, "rb", 0)
        )
        return cls(number, transport, reader)

    def outputs(self, process: Any) -> list[tuple[Any, Any]]:
        return [(self._reader, process.stdout)]

    async def write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._number, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.01)

    def no_more(self) -> None:
        pass  # as with OpenSSH's server: a terminal goes on

    def resize(self, size: tuple[int, int, int, int]) -> None:
        columns, rows, width, height = size
        fcntl.ioctl(self._number, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))

    def close(self) -> None:
        self._transport.close()


async def _carry_in(process: Any, ends: _Pipes | _Terminal, group: int) -> None:
    """What the client sends, until it says that there is no more: also signals and sizes of its window."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while True:
            try:
                data = await process.stdin.read(BLOCK_BYTES)
            except asyncssh.TerminalSizeChanged as changed:
                ends.resize(changed.term_size)
            except asyncssh.BreakReceived:
                os.killpg(group, signal.SIGINT)
            except asyncssh.SignalReceived as received:
                os.killpg(group, getattr(signal, f"SIG{received.signal}", 0))
            else:
                if not data:
                    break
                await ends.write(data)
        ends.no_more()


async def _carry_out(source: asyncio.StreamReader, target: Any) -> None:
    """What a command says, until its end. A pseudo-terminal ends with an error."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(BLOCK_BYTES):
            target.write(data)
            await target.drain()


async def _first_of(*futures: "asyncio.Future[Any]") -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


class Files(asyncssh.SFTPServer):
    """sftp: a name that does not begin with / is one below the lab's folder."""

    def __init__(self, channel: asyncssh.SSHServerChannel, home: str) -> None:
        super().__init__(channel)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        return os.path.join(self._home, path)
