"""HTTP/1.1 to one host over connections that are kept, for calls whose answers are small and wanted soon.

http.client, and what stands on it, takes longer over an answer's headers than Vault over the answer. Here is what such
a call needs and no more: no proxy, no redirect, nothing tried twice.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from urllib3.util import Url
from urllib3.util.wait import wait_for_read

IDLE_CONNECTIONS = 64
HEAD_BYTES = 65_536
_READ_BYTES = 65_536
_WITHOUT_BODY = (204, 304)


class Unreached(ConnectionError):
    """There is no connection, so nothing was sent."""


@dataclass(frozen=True)
class Answer:
    """What came back. The names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class KeptHttp:
    """One host. Thread-safe: each call has a connection to itself. tls None speaks plain HTTP."""

    def __init__(self, place: Url, tls: ssl.SSLContext | None) -> None:
        self._host = (place.host or "").strip("[]")
        self._port = place.port or (443 if tls else 80)
        self._named = place.netloc or ""
        self._tls = tls
        self._idle: deque[socket.socket] = deque()

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> Answer:
        """Send, and give the answer, which has so many seconds in all; a name's lookup is not counted.

        Raises Unreached, TimeoutError, and ConnectionError for what is no whole answer. ValueError for a header
        or target of more than one line.
        """
        ends_at, sent = time.monotonic() + seconds, _head(method, target, self._named, headers, body) + body
        connection = self._waiting() or self._open(seconds)
        is_kept = False
        try:
            connection.settimeout(_left(ends_at))
            connection.sendall(sent)
            answer, is_kept = _read(_Stream(connection, ends_at), method)
        except (TimeoutError, ConnectionError):
            raise
        except OSError as broken:
            raise ConnectionError(type(broken).__name__) from None
        finally:
            if is_kept and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def close(self) -> None:
        """Let the connections go that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _waiting(self) -> socket.socket | None:
        """The connection that was used last; what has something to say by itself has been closed over there."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not wait_for_read(connection, timeout=0.0):
                return connection
            connection.close()

    def _open(self, seconds: float) -> socket.socket:
        try:
            connection = socket.create_connection((self._host, self._port), seconds)
        except TimeoutError:
            raise
        except (OSError, UnicodeError, OverflowError) as error:
            raise Unreached(str(error)) from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return connection
        try:
            return self._tls.wrap_socket(connection, server_hostname=self._host)
        except TimeoutError:
            connection.close()
            raise
        except (OSError, ValueError) as error:
            connection.close()
            raise Unreached(str(error)) from error


class _Stream:
    """What comes in over a connection, until ends_at."""

    def __init__(self, connection: socket.socket, ends_at: float) -> None:
        self._connection = connection
        self._ends_at = ends_at
        self.got = bytearray()

    def until(self, mark: bytes) -> bytes:
        """Everything before the mark, which is taken too."""
        while (end := self.got.find(mark)) < 0:
            if len(self.got) > HEAD_BYTES or not self._more():
                raise ConnectionError("the answer broke off in its head")
        return self._take(end, len(mark))

    def exactly(self, count: int) -> bytes:
        """That many bytes."""
        while len(self.got) < count:
            if not self._more():
                raise ConnectionError("the answer broke off in its body")
        return self._take(count, 0)

    def rest(self) -> bytes:
        """All that comes before the other side closes."""
        while self._more():
            pass
        return self._take(len(self.got), 0)

    def _more(self) -> bool:
        self._connection.settimeout(_left(self._ends_at))
        more = self._connection.recv(_READ_BYTES)
        self.got += more
        return bool(more)

    def _take(self, count: int, beyond: int) -> bytes:
        taken = bytes(self.got[:count])
        del self.got[: count + beyond]
        return taken


def _left(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time is left")
    return left


def _head(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Accept-Encoding: identity"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() != "content-length"]
    if body or method not in ("GET", "HEAD", "DELETE", "LIST"):
        lines.append(f"Content-Length: {len(body)}")
    if any("\r" in line or "\n" in line for line in lines) or " " in target:
        raise ValueError("a header or an address is more than one line")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _read(stream: _Stream, method: str) -> tuple[Answer, bool]:
    """The answer, and whether its connection can be used again."""
    status = 100
    while 100 <= status < 200:  # what comes before the answer proper
        first, *lines = stream.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, _, said = first.partition(" ")
        if not version.startswith("HTTP/1.") or not said[:3].isdigit():
            raise ConnectionError("that is not HTTP")
        status = int(said[:3])
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key, value = name.strip().lower(), value.strip()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    is_kept = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    length = headers.get("content-length", "")
    if method == "HEAD" or status in _WITHOUT_BODY:
        body = b""
    elif "transfer-encoding" in headers:
        body = _chunks(stream)
    elif length:
        if not length.isdigit():
            raise ConnectionError("nobody can tell where the answer ends")
        body = stream.exactly(int(length))
    else:
        body, is_kept = stream.rest(), False
    return Answer(status, headers, body), is_kept and not stream.got


def _chunks(stream: _Stream) -> bytes:
    body = bytearray()
    while True:
        size = stream.until(b"\r\n").partition(b";")[0].strip()
        try:
            count = int(size, 16)
        except ValueError:
            raise ConnectionError("nobody can tell where the answer ends") from None
        if count == 0:
            while stream.until(b"\r\n"):  # trailers
                pass
            return bytes(body)
        body += stream.exactly(count)
        stream.until(b"\r\n")
