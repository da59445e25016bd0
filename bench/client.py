"""A client that costs little: it sends what was made and signed beforehand, and notes how long each answer takes."""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from bot.playground.delivery import signature

ANSWER_SECONDS = 10.0
_HEADERS = (
    "POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Slackbot 1.0\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"
    "X-Slack-Request-Timestamp: {signed_at}\r\nX-Slack-Signature: {signature}\r\n\r\n"
)


def ack_seconds(port: int, secret: str, bodies: Sequence[bytes], clients: int) -> list[float]:
    """Post all bodies from that many clients, each waiting for its answer; how long each answer took.

    Runs in a process of its own. Raises RuntimeError for an answer other than 200.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(_post_all, port, secret, bodies, clients).result()


def ask_in_turn(port: int, secret: str, bodies: Sequence[bytes], pause_seconds: float) -> list[float]:
    """Post one body after the other, as one person would; when each was sent, as time.time() tells.

    Runs in a process of its own. Raises RuntimeError for an answer other than 200.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(_post_in_turn, port, secret, bodies, pause_seconds).result()


def _post_in_turn(port: int, secret: str, bodies: Sequence[bytes], pause_seconds: float) -> list[float]:
    sent_at: list[float] = []
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in [_request(secret, body) for body in bodies]:
            sent_at.append(time.time())
            connection.sendall(request)
            answer = connection.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"answered {answer[:200]!r}")
            time.sleep(pause_seconds)
    return sent_at


def _post_all(port: int, secret: str, bodies: Sequence[bytes], clients: int) -> list[float]:
    requests = iter([_request(secret, body) for body in bodies])
    seconds: list[float] = []
    with selectors.DefaultSelector() as selector:
        for _ in range(clients):
            connection = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _next(selector, connection, requests)
        while selector.get_map():
            ready = selector.select(ANSWER_SECONDS)
            if not ready:
                raise RuntimeError(f"no answer within {ANSWER_SECONDS} s")
            for key, _ in ready:
                waiting = key.fileobj
                assert isinstance(waiting, socket.socket)
                answer = waiting.recv(65536)
                seconds.append(time.perf_counter() - key.data)
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"answered {answer[:200]!r}")
                selector.unregister(waiting)
                _next(selector, waiting, requests)
    return seconds


def _next(selector: selectors.BaseSelector, connection: socket.socket, requests: Iterator[bytes]) -> None:
    request = next(requests, None)
    if request is None:
        connection.close()
        return
    began = time.perf_counter()
    connection.sendall(request)
    selector.register(connection, selectors.EVENT_READ, began)


def _request(secret: str, body: bytes) -> bytes:
    signed_at = int(time.time())
    head = _HEADERS.format(
        length=len(body), signed_at=signed_at, signature=signature(secret, signed_at, body)
    )
    return head.encode() + body
