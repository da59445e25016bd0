"""HTTP over connections that are kept: whatever comes back is the whole answer, or none."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest
from urllib3.util import parse_url

from commands.engines.kept_http import HEAD_BYTES, Answer, KeptHttp, Unreached

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Says = Callable[[socket.socket], None]


@contextmanager
def answering(*said: bytes | Says) -> Iterator[tuple[KeptHttp, list[int]]]:
    """A server that answers each request with the next of those; which connection each came over."""
    listening, seen, left = socket.create_server(("127.0.0.1", 0)), list[int](), list(said)
    connections: list[socket.socket] = []

    def serve(connection: socket.socket, number: int) -> None:
        try:
            while connection.recv(65536) and left:
                seen.append(number)
                says = left.pop(0)
                if isinstance(says, bytes):
                    connection.sendall(says)
                else:
                    says(connection)
                if not isinstance(says, bytes) or b"close" in says or b"Length" not in says:
                    break
        except OSError:
            pass
        with suppress(OSError):  # the other side may have closed it first
            connection.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        for number in itertools.count():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connections.append(connection)
            Thread(target=serve, args=(connection, number), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    kept = KeptHttp(parse_url(f"http://127.0.0.1:{listening.getsockname()[1]}"), None)
    yield kept, seen
    kept.close()
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    for connection in connections:
        connection.close()


def get(kept: KeptHttp, seconds: float = 30) -> Answer:
    return kept.ask("GET", "/", {"X-Name": "x"}, b"", seconds)


def test_connections_are_used_again_until_either_side_ends_them() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    with answering(OK, OK, closing, OK) as (kept, seen):
        assert [get(kept).body for _ in range(4)] == [b"ok"] * 4
    assert seen == [0, 0, 0, 1]


def test_one_that_was_closed_over_there_is_not_used() -> None:
    ended = Event()

    def hangs_up_later(connection: socket.socket) -> None:
        connection.sendall(OK)
        with suppress(OSError):  # the other side may have closed it first
            connection.shutdown(socket.SHUT_RDWR)
        ended.set()

    with answering(hangs_up_later, OK) as (kept, seen):
        assert get(kept).body == b"ok"
        assert ended.wait(30)
        assert get(kept).body == b"ok"
    assert seen == [0, 1]


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (
            b"HTTP/1.1 503 Away\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: t\r\n\r\n",
            503,
            b"abc0123456789",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, b"x"),
    ],
    ids=["none", "to the end", "in chunks", "after a continue"],
)
def test_where_an_answer_ends(said: bytes, status: int, body: bytes) -> None:
    with answering(said) as (kept, _):
        answer = get(kept)
    assert (answer.status, answer.body) == (status, body)


def test_headers_are_read_whatever_their_case() -> None:
    with answering(
        b"HTTP/1.1 200 OK\r\nRetry-AFTER:  7 \r\nVia: a\r\nvia: b\r\nContent-Length: 0\r\n\r\n"
    ) as (
        kept,
        _,
    ):
        assert get(kept).headers == {"retry-after": "7", "via": "a, b", "content-length": "0"}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nConnection: close\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nab",
        b"220 smtp.test\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2 * HEAD_BYTES,
    ],
    ids=lambda said: said[:40].decode(),
)
def test_half_an_answer_is_none(said: bytes) -> None:
    with answering(said) as (kept, _), pytest.raises(ConnectionError) as broken:
        get(kept)
    assert not isinstance(broken.value, Unreached)


def test_the_seconds_are_for_the_whole_answer() -> None:
    pace = Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while not pace.wait(0.05):
            connection.sendall(b"x")

    with answering(trickle) as (kept, _):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            get(kept, seconds=0.3)
        assert time.monotonic() - began < 20
        pace.set()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://nobody.invalid", "http://127.0.0.1:99999"])
def test_nothing_is_sent_to_nobody(address: str) -> None:
    with pytest.raises((Unreached, ValueError)):
        get(KeptHttp(parse_url(address), None))


@pytest.mark.parametrize(
    ("target", "headers"),
    [("/x HTTP/1.1\r\nX: y", {}), ("/x y", {}), ("/", {"X": "y\r\nZ: z"}), ("/", {"X\n": "y"})],
)
def test_a_request_is_one(target: str, headers: dict[str, str]) -> None:
    with answering(OK) as (kept, seen), pytest.raises(ValueError, match="more than one line"):
        kept.ask("GET", target, headers, b"", 5)
    assert seen == []


def test_many_threads_have_a_connection_each() -> None:
    with answering(*[OK] * 40) as (kept, seen):
        answers: list[bytes] = []
        threads: Sequence[Thread] = [
            Thread(target=lambda: answers.extend(get(kept).body for _ in range(5))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [b"ok"] * 40
    assert len(set(seen)) <= 8
