"""Ask a lab itself whether somebody uses it: at an address of its own, or with a program beside its blueprint.

Both are the catalogue's word and so trusted; what they meet is not. An address is followed nowhere else, and little
of its answer is read; a program gets words, no shell, and is ended with all that it started.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from commands.engines import programs

NOT_USED = ("", "0", "false", "idle")

_READ_BYTES = 64  # more than any of NOT_USED


class NoAnswer(Exception):
    """The probe does not tell. Its text says why."""


def ask_address(url: str, within_seconds: float) -> bool:
    """Whether the address answers 200 and something else than NOT_USED. Raises NoAnswer.

    Asked directly: no proxy, no redirect, no cookie.
    """
    at = urlsplit(url)
    too_late = threading.Event()
    try:
        connection = _connection(at.scheme, at.hostname or "", at.port, within_seconds)
        connection.connect()
        line = connection.sock  # the connection itself lets go of it while the answer is still being read
        watch = threading.Timer(within_seconds, _hang_up, (line, too_late))
        watch.daemon = True
        watch.start()
        try:
            connection.request("GET", (at.path or "/") + (f"?{at.query}" if at.query else ""))
            answer = connection.getresponse()
            body = answer.read(_READ_BYTES) if answer.status == 200 else b""
        finally:
            watch.cancel()
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswer(_late(within_seconds) if too_late.is_set() else f"{url}: {error}") from None
    if too_late.is_set():
        raise NoAnswer(_late(within_seconds))
    if answer.status != 200:
        raise NoAnswer(f"{url} answers {answer.status}")
    return body.decode(errors="replace").strip().lower() not in NOT_USED


def ask_program(words: Sequence[str], folder: Path, within_seconds: float) -> bool:
    """Whether the program ends with 0, started in that folder. Raises NoAnswer."""
    try:
        with programs.running(words, folder) as child:
            return child.wait(within_seconds) == 0
    except (OSError, ValueError) as error:
        raise NoAnswer(f"{words[0]} cannot be started: {error}") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(_late(within_seconds)) from None


def _connection(scheme: str, host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
    return http.client.HTTPConnection(host, port, timeout=seconds)


def _hang_up(line: socket.socket, too_late: threading.Event) -> None:
    """A timeout is for each byte, and some answer a byte at a time."""
    too_late.set()
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _late(within_seconds: float) -> str:
    return f"it took longer than {within_seconds:g} s"
