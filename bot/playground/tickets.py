"""What Slack hands out for a short while: trigger ids, response_urls, addresses of websockets."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace

from bot.playground.model import ResponseUrl, SlackError, Trigger

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0


class Tickets:
    """Each is a secret that opens one door, for a time or a number of times. clock: seconds since 1970."""

    def __init__(self, lock: threading.RLock, clock: Callable[[], float]) -> None:
        self.lock = lock
        self.clock = clock
        self.trigger_seconds = TRIGGER_SECONDS
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.sockets: set[str] = set()
        self._count = itertools.count(1)

    def issue_trigger(self, user: str, view_id: str = "", channel: str = "") -> str:
        with self.lock:
            trigger_id = f"{next(self._count):010d}.{secrets.randbelow(10**10):010d}.{secrets.token_hex(16)}"
            self.triggers[trigger_id] = Trigger(
                user, self.clock() + self.trigger_seconds, view_id=view_id, channel=channel
            )
        return trigger_id

    def issue_socket(self) -> str:
        with self.lock:
            ticket = secrets.token_urlsafe(24)
            self.sockets.add(ticket)
        return ticket

    def use_socket(self, ticket: str) -> bool:
        """Whether it was good; it is good once."""
        with self.lock:
            is_known = ticket in self.sockets
            self.sockets.discard(ticket)
        return is_known

    def use_trigger(self, trigger_id: str) -> Trigger:
        """Slack takes a trigger once, within three seconds. Raises SlackError otherwise."""
        with self.lock:
            trigger = self.triggers.get(trigger_id)
            if trigger is None:
                raise SlackError("invalid_trigger_id")
            if trigger.is_used:
                raise SlackError("exchanged_trigger_id")
            if self.clock() > trigger.expires_at:
                raise SlackError("expired_trigger_id")
            self.triggers[trigger_id] = replace(trigger, is_used=True)
            return trigger

    def issue_response_url(
        self, channel: str, user: str, message_ts: str = "", thread_ts: str = "", is_legacy: bool = False
    ) -> str:
        """The secret last part of the address; the server puts its own in front."""
        with self.lock:
            ticket = secrets.token_urlsafe(24)
            self.response_urls[ticket] = ResponseUrl(
                channel,
                user,
                self.clock() + RESPONSE_URL_SECONDS,
                message_ts=message_ts,
                thread_ts=thread_ts,
                is_legacy=is_legacy,
            )
        return ticket

    def use_response_url(self, ticket: str) -> ResponseUrl:
        """Five uses in thirty minutes. Raises SlackError expired_url or used_url."""
        with self.lock:
            found = self.response_urls.get(ticket)
            if found is None or self.clock() > found.expires_at:
                raise SlackError("expired_url")
            if found.uses_left == 0:
                raise SlackError("used_url")
            self.response_urls[ticket] = replace(found, uses_left=found.uses_left - 1)
            return found
