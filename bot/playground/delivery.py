"""Brings requests to the app and its acks back: signed over HTTP, or through a websocket of Socket Mode.

Sources: https://docs.slack.dev/authentication/verifying-requests-from-slack and
https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode, urlsplit

from bot.playground.model import Delivery, Json

Kind = Literal["command", "interaction", "event"]
ENVELOPES = {"command": "slash_commands", "interaction": "interactive", "event": "events_api"}


@dataclass(frozen=True)
class Socket:
    """An open websocket of the app; send and close must be callable from any thread."""

    id: str
    send: Callable[[str], None]
    close: Callable[[], None]


def encoded(kind: Kind, payload: Json) -> bytes:
    """The body that Slack posts: forms for commands and interactions, JSON for events."""
    if kind == "command":
        return urlencode(payload).encode()
    if kind == "interaction":
        return urlencode({"payload": json.dumps(payload)}).encode()
    return json.dumps(payload).encode()


def signature(secret: str, signed_at: int, body: bytes) -> str:
    """X-Slack-Signature, version v0."""
    text = b"v0:" + str(signed_at).encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


class Courier:
    """Delivers to one app: through a socket when it has one open, else to app_url.

    ack_limit_seconds is Slack's three; an event that is not acked is sent again after each of retry_pauses.
    """

    def __init__(
        self, app_url: str, secret: str, ack_limit_seconds: float = 3.0, retry_pauses: tuple[float, ...] = ()
    ) -> None:
        self.app_url = app_url
        self.secret = secret
        self.ack_limit_seconds = ack_limit_seconds
        self.retry_pauses = retry_pauses
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._sockets: list[Socket] = []
        self._waiting: dict[str, Future[str]] = {}

    def deliver(self, kind: Kind, payload: Json) -> Delivery:
        """Blocks until the ack is there or its time has run out; events get their retries."""
        first = Delivery(kind, payload, request_body=encoded(kind, payload))
        done = self.send(first)
        pauses = self.retry_pauses if kind == "event" else ()
        for number, pause in enumerate(pauses, 1):
            if not done.error or done.error == "no_retry" or self.stopping.wait(pause):
                break
            done = self.send(first, retry=number, reason=_retry_reason(done))
        return done

    def send(
        self,
        delivery: Delivery,
        retry: int = 0,
        reason: str = "",
        signed_at: float | None = None,
        secret: str | None = None,
    ) -> Delivery:
        """One attempt with the same bytes; signed now and with the app's secret unless told otherwise."""
        began = time.monotonic()
        with self._lock:
            socket = self._sockets[0] if self._sockets else None
            self._sockets = self._sockets[1:] + self._sockets[:1]  # each gets its turn
        if socket:
            status, body, error = self._through_socket(socket, delivery, retry, reason)
        elif self.app_url:
            moment = int(time.time() if signed_at is None else signed_at)
            headers = {
                "X-Slack-Request-Timestamp": str(moment),
                "X-Slack-Signature": signature(secret or self.secret, moment, delivery.request_body),
            }
            if retry:
                headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": reason}
            status, body, error = self._over_http(delivery, headers)
        else:
            status, body, error = 0, "", "dispatch_failed"
        return replace(
            delivery,
            status=status,
            body=body,
            error=error,
            ack_seconds=time.monotonic() - began,
            attempts=retry + 1,
            answer=_json_object(body),
        )

    def _over_http(self, delivery: Delivery, headers: dict[str, str]) -> tuple[int, str, str]:
        address = urlsplit(self.app_url)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=self.ack_limit_seconds)
        is_json = delivery.kind == "event"
        content_type = "application/json" if is_json else "application/x-www-form-urlencoded"
        began = time.monotonic()
        try:
            path = (address.path or "/") + (f"?{address.query}" if address.query else "")
            agent = "Slackbot 1.0 (+https://api.slack.com/robots)"
            headers = headers | {"Content-Type": content_type, "User-Agent": agent}
            connection.request("POST", path, delivery.request_body, headers)
            answer = connection.getresponse()
            body = answer.read().decode("utf-8", "replace")
            if time.monotonic() - began > self.ack_limit_seconds:
                return 0, "", "operation_timeout"
            if 200 <= answer.status < 300:
                return answer.status, body, ""
            is_final = answer.getheader("X-Slack-No-Retry") == "1"
            return answer.status, body, "no_retry" if is_final else "dispatch_failed"
        except TimeoutError:
            return 0, "", "operation_timeout"
        except (OSError, http.client.HTTPException):
            return 0, "", "dispatch_failed"
        finally:
            connection.close()

    # Socket Mode

    def open_socket(self, socket: Socket) -> int:
        """How many the app has now."""
        with self._lock:
            self._sockets.append(socket)
            return len(self._sockets)

    def close_socket(self, socket_id: str) -> None:
        with self._lock:
            self._sockets = [socket for socket in self._sockets if socket.id != socket_id]

    def close_sockets(self, is_announced: bool) -> None:
        """Close what is open, with or without the word that Slack says some seconds before it does so."""
        with self._lock:
            leaving, self._sockets = self._sockets, []
        for socket in leaving:
            if is_announced:
                socket.send(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))
            socket.close()

    @property
    def sockets(self) -> int:
        with self._lock:
            return len(self._sockets)

    def take_ack(self, text: str) -> None:
        """What came in through a websocket; anything that is no ack of a waiting envelope is left alone."""
        shape = _json_object(text)
        with self._lock:
            waiting = self._waiting.get(str(shape.get("envelope_id")))
        if waiting and not waiting.done():
            payload = shape.get("payload")
            waiting.set_result("" if payload in (None, "", {}) else _as_text(payload))

    def _through_socket(
        self, socket: Socket, delivery: Delivery, retry: int, reason: str
    ) -> tuple[int, str, str]:
        envelope_id = str(uuid.uuid4())
        envelope: Json = {
            "envelope_id": envelope_id,
            "payload": delivery.payload,
            "type": ENVELOPES[delivery.kind],
            "accepts_response_payload": delivery.kind != "event",
        }
        if delivery.kind == "event":
            envelope |= {"retry_attempt": retry, "retry_reason": reason}
        waiting: Future[str] = Future()
        with self._lock:
            self._waiting[envelope_id] = waiting
        try:
            socket.send(json.dumps(envelope))
            return 200, waiting.result(self.ack_limit_seconds), ""
        except TimeoutError:
            return 0, "", "operation_timeout"
        except (OSError, RuntimeError):
            self.close_socket(socket.id)
            return 0, "", "dispatch_failed"
        finally:
            with self._lock:
                self._waiting.pop(envelope_id, None)


def _retry_reason(delivery: Delivery) -> str:
    if delivery.error == "operation_timeout":
        return "http_timeout"
    return "http_error" if delivery.status else "connection_failed"


def _json_object(text: str) -> Json:
    try:
        shape = json.loads(text)
    except ValueError:
        return {}
    return shape if isinstance(shape, dict) else {}


def _as_text(payload: object) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload)
