"""What stands between the bot and its Vault in a test: nothing, or the ways in which a Vault is not there."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

Lost = Literal["request", "answer"]


@dataclass
class _Wire:
    """One connection: what came from the Vault, and the path of the request whose answer gets lost, from then on."""

    heard: bytearray = field(default_factory=bytearray)
    muted: str = ""


Carry = Callable[[bytes, socket.socket, _Wire], None]


class VaultFront:
    """A TCP relay. open: to the Vault. sealed: to another one, which is sealed. silent: takes requests and says
    nothing. away: the port is closed.

    lost: the paths of what got lost, when it did.
    """

    def __init__(self, vault_addr: str, sealed_addr: str = "") -> None:
        self._targets = {"open": vault_addr, "sealed": sealed_addr}
        self._mode = "open"
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._losing: dict[bytes, Lost] = {}
        self._then: Callable[[], object] = lambda: None
        self._overheard: list[bytearray] | None = None
        self.lost: list[str] = []
        self._listener = self._listen(0)
        self.port = int(self._listener.getsockname()[1])

    @property
    def addr(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def become(self, mode: str) -> None:
        """From now on. Connections of before are closed."""
        before, self._mode = self._mode, mode
        if mode == "away":
            self._end_listener()
        elif before == "away":
            self._listener = self._listen(self.port)
        self._losing = {}
        self._hang_up()

    def lose(self, path: str, what: Lost, then: Callable[[], object] = lambda: None) -> None:
        """From now on requests of that path do not arrive, or do and are not answered. then: what happens at once."""
        self._then = then
        self._losing = {**self._losing, path.encode(): what}

    def keep_all(self) -> None:
        """Nothing is lost any more. Connections stay as they are."""
        self._losing = {}

    def listen(self) -> None:
        """From now on, what comes from the Vault over a connection that begins."""
        self._overheard = []

    def overheard(self) -> bytes:
        """All of it, one connection after the other; nobody listens any more."""
        heard, self._overheard = self._overheard or [], None
        return b"\n".join(heard)

    def close(self) -> None:
        self._end_listener()
        self._hang_up()

    def _end_listener(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _hang_up(self) -> None:
        with self._lock:
            leaving, self._connections = self._connections, set()
        for connection in leaving:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            if self._mode != "silent":
                with contextlib.suppress(OSError):  # it stands there, and nobody answers
                    self._relay(connection, self._targets[self._mode])

    def _relay(self, connection: socket.socket, target: str) -> None:
        where = urlsplit(target)
        onward = socket.create_connection((where.hostname or "", where.port or 80))
        with self._lock:
            self._connections.add(onward)
        wire = _Wire()
        if self._overheard is not None:
            self._overheard.append(wire.heard)
        for carry, source, sink in ((self._ask, connection, onward), (self._answer, onward, connection)):
            threading.Thread(target=_pour, args=(carry, source, sink, wire), daemon=True).start()

    def _ask(self, data: bytes, sink: socket.socket, wire: _Wire) -> None:
        path = next((path for path in self._losing if path in data), None)
        if path is None:
            sink.sendall(data)
        elif self._losing[path] == "answer":
            wire.muted = path.decode()
            sink.sendall(data)
        else:
            self._lose(path.decode())

    def _answer(self, data: bytes, sink: socket.socket, wire: _Wire) -> None:
        if self._overheard is not None:
            wire.heard += data
        if wire.muted:
            self._lose(wire.muted)
        else:
            sink.sendall(data)

    def _lose(self, path: str) -> None:
        self._then()
        self.lost.append(path)


def _pour(carry: Carry, source: socket.socket, sink: socket.socket, wire: _Wire) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            carry(data, sink, wire)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
