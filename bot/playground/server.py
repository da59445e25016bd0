"""A Slack workspace on this machine for one app: the server, and the people in it as Python methods."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette

from bot.playground.agents import Agents
from bot.playground.delivery import Courier
from bot.playground.model import (
    App,
    Call,
    Delivery,
    Guest,
    Json,
    Message,
    Shortcut,
    SlashCommand,
    View,
)
from bot.playground.page.routes import Page
from bot.playground.payloads import challenge
from bot.playground.people import EVENTS
from bot.playground.shapes import user_json
from bot.playground.sharing import Sharing
from bot.playground.web import Loss, Mishap, Web
from bot.playground.web_scheduled import post_due
from bot.playground.workspace import Workspace

Found = TypeVar("Found")
IN_ORDER_SECONDS = 0.25  # events come in order unless the app takes longer than that over one
RETRY_PAUSES = (0.05, 0.1, 0.2)  # seconds; Slack waits 0, 60 and 300


class LocalSlack(Agents, Sharing):
    """A workspace with one app installed. start() serves it; everything a person does is a method of it.

    app_url: where the app takes requests (…/slack/events), not needed when it comes through Socket Mode.
    ack_limit_seconds: Slack's three, within which the app acknowledges a request and uses its trigger id.
    clock: seconds since 1970, for trigger ids, response_urls and message times.
    """

    def __init__(
        self,
        app_url: str | None = None,
        signing_secret: str | None = None,
        bot_token: str | None = None,
        app_token: str | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        app_name: str = "App",
        team_name: str = "Local",
        commands: Sequence[str | SlashCommand] = (),
        events: Sequence[str] = EVENTS,
        should_escape: bool = True,
        ack_limit_seconds: float = 3.0,
        retry_pauses: tuple[float, ...] = RETRY_PAUSES,
        clock: Callable[[], float] = time.time,
        shortcuts: Sequence[Shortcut] = (),
        has_assistant: bool = False,
        unfurl_domains: Sequence[str] = (),
        scopes: Sequence[str] | None = None,
    ) -> None:
        app = App(
            id="A00000001",
            bot_id="B00000000",
            user_id="U00000000",
            name=app_name,
            bot_token=bot_token or f"xoxb-local-{secrets.token_urlsafe(16)}",
            app_token=app_token or f"xapp-local-{secrets.token_urlsafe(16)}",
            signing_secret=signing_secret or secrets.token_hex(16),
            verification_token=secrets.token_hex(12),
            scopes=None if scopes is None else frozenset(scopes),
        )
        workspace = Workspace(app, team_name, team_name.lower().replace(" ", "-"), clock)
        workspace.tickets.trigger_seconds = ack_limit_seconds
        courier = Courier(app_url or "", app.signing_secret, ack_limit_seconds, retry_pauses)
        super().__init__(workspace, courier, commands, events, should_escape)
        self.shortcuts, self.has_assistant = tuple(shortcuts), has_assistant
        self.unfurl_domains = tuple(unfurl_domains)
        self._web = Web(workspace, courier)
        self._page = Page(self, lambda: self._web.calls)
        self._address = (host, port)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    # The server

    def start(self) -> None:
        """Serve in a thread of its own; returns when connections are taken."""
        listener = socket.create_server(self._address, backlog=256)
        # Its connections have it from here: over one that is kept, half of an answer would wait 40 ms for the other.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, port = listener.getsockname()[:2]
        self._address = (host, port)
        self.workspace.base_url = f"http://{host}:{port}"
        config = uvicorn.Config(
            Starlette(routes=[*self._web.routes(), *self._page.routes()]),
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        run = {"sockets": [listener]}
        self._thread = threading.Thread(target=self._server.run, kwargs=run, name="local-slack", daemon=True)
        self._thread.start()
        self.workspace.events = SimpleQueue()  # nobody listened until now
        threading.Thread(target=self._tell_events, name="local-slack-events", daemon=True).start()

    def _tell_events(self) -> None:
        """What the app caused itself, or what happened to a channel; and what the app wanted said by now."""
        while True:
            try:
                waiting = self.workspace.events.get(timeout=post_due(self.workspace))
            except Empty:
                continue
            if waiting is None:
                return
            telling = threading.Thread(target=self._event, args=waiting, daemon=True)
            telling.start()
            telling.join(IN_ORDER_SECONDS)

    def stop(self) -> None:
        """End the server and everything that waits on it."""
        self.courier.stopping.set()
        self.workspace.events.put(None)
        if self.guide:
            self.guide.close()
        self.workspace.note()  # wakes the pages' streams, so that they end
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(5)

    def __enter__(self) -> LocalSlack:
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop()

    @property
    def api_url(self) -> str:
        """What SLACK_API_URL, or WebClient(base_url=…), becomes."""
        return f"{self.workspace.base_url}/api/"

    @property
    def page_url(self) -> str:
        return f"{self.workspace.base_url}/"

    @property
    def app_url(self) -> str:
        return self.courier.app_url

    @app_url.setter
    def app_url(self, address: str) -> None:
        self.courier.app_url = address

    @property
    def bot_token(self) -> str:
        return self.workspace.app.bot_token

    @property
    def app_token(self) -> str:
        return self.workspace.app.app_token

    @property
    def signing_secret(self) -> str:
        return self.workspace.app.signing_secret

    @property
    def bot_user(self) -> str:
        return self.workspace.app.user_id

    @property
    def team(self) -> str:
        """The id of the app's workspace."""
        return self.workspace.team.id

    # Who is there

    def add_team(self, name: str) -> str:
        """Another workspace, whose people may share channels with this one."""
        return self.workspace.add_team(name)

    def add_user(
        self,
        name: str,
        real_name: str = "",
        team: str = "",
        is_bot: bool = False,
        deleted: bool = False,
        guest: Guest = "",
        tz: str = "Europe/Paris",
        is_admin: bool = False,
        title: str = "",
    ) -> str:
        """Gives the user id. team: the id of another workspace; empty for the app's own. title: what they do."""
        user = self.workspace.add_user(name, real_name, team, tz, is_bot, deleted, guest, is_admin, title)
        shape = user_json(self.workspace, self.workspace.users[user])
        self.workspace.happened("team_join", {"type": "team_join", "user": shape})
        return user

    def add_channel(
        self, name: str, members: Sequence[str], with_app: bool = True, is_private: bool = False
    ) -> str:
        """Gives the channel id. with_app: the app is a member too, as after /invite."""
        return self.workspace.add_channel(name, tuple(members), with_app, is_private)

    def add_emoji(self, name: str, url: str = "") -> None:
        """An emoji of the workspace's own, which apps and people may react with."""
        self.workspace.emoji[name.strip(":")] = url

    def direct_channel(self, user: str) -> str:
        """The id of the direct messages between a person and the app."""
        return self.workspace.direct_channel(user).id

    # What is seen

    def messages(self, channel: str, user: str | None = None) -> list[Message]:
        """In order. With a user: what that person sees; without: all, ephemeral ones to whomever included."""
        return self.workspace.visible(channel, user)

    def message(self, ts: str) -> Message:
        """A message as it is now. Raises KeyError when there is none, or none any more."""
        with self.workspace.lock:
            return self.workspace.messages[ts]

    def views_of(self, user: str) -> list[View]:
        """The modals that a person has open, the top one last."""
        with self.workspace.lock:
            return list(self.workspace.views.get(user, []))

    def home_of(self, user: str) -> View | None:
        with self.workspace.lock:
            return self.workspace.homes.get(user)

    @property
    def calls(self) -> list[Call]:
        """Every request that the app made, in the order of their answers."""
        with self.workspace.lock:
            return list(self._web.calls)

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def wait_for(self, predicate: Callable[[], Found], timeout_seconds: float = 30.0) -> Found:
        """What predicate gives, as soon as that is true; it is asked again after each change.

        Raises TimeoutError with the latest messages, which tells more than "not yet" does.
        """
        deadline = time.monotonic() + timeout_seconds
        changed = self.workspace.changed
        while True:
            with changed:
                seen = self.workspace.version
            found = predicate()  # outside the lock: it may well call the workspace through HTTP
            if found:
                return found
            with changed:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                changed.wait_for(partial(self._moved_since, seen), left)
        raise TimeoutError(f"Not so after {timeout_seconds} s. The latest messages:\n{self._latest()}")

    def _moved_since(self, version: int) -> bool:
        return self.workspace.version != version

    def _latest(self, count: int = 6) -> str:
        with self.workspace.lock:
            messages = list(self.workspace.messages.values())[-count:]
            names = {user.id: user.name for user in self.workspace.users.values()}
        lines = [
            f"  {names[message.user]}{f' (only to {names[to]})' if (to := message.ephemeral_to) else ''}: "
            f"{message.text[:200]!r}"
            for message in messages
        ]
        return "\n".join(lines) or "  (none)"

    # What may go wrong

    def _mishap(self, method: str, mishap: Mishap, times: int) -> None:
        with self.workspace.lock:
            self._web.mishaps.setdefault(method, deque()).extend([mishap] * times)

    def rate_limit(self, method: str, retry_after_seconds: int = 1, times: int = 1) -> None:
        """The next call of method is answered 429 with Retry-After, and nothing is done."""
        self._mishap(method, Mishap("rate_limited", retry_after_seconds), times)

    def lose_answer(self, method: str, how: Loss = "500", times: int = 1) -> None:
        """The next call of method is done, but its answer is an empty 500 or breaks off."""
        self._mishap(method, Mishap("lost", loss=how), times)

    def refuse(self, method: str, error: str, times: int = 1) -> None:
        """The next call of method is answered with this error of Slack's, and nothing is done."""
        self._mishap(method, Mishap("refused", error=error), times)

    def delay(self, method: str, seconds: float, times: int = 1) -> None:
        """The next call of method takes that much longer."""
        self._mishap(method, Mishap("delayed", seconds), times)

    # The app's connections and settings

    @property
    def sockets(self) -> int:
        """How many websockets of Socket Mode the app has open."""
        return self.courier.sockets

    def close_sockets(self, is_announced: bool = True) -> None:
        """Close the app's websockets as Slack does every few hours; unannounced: as a broken network does."""
        self.courier.close_sockets(is_announced)

    def verify_url(self) -> Delivery:
        """What Slack does when the app's address is entered: a challenge that the app must repeat."""
        word = secrets.token_urlsafe(20)
        body: Json = challenge(self.workspace, word)
        delivery = self.courier.deliver("event", body)
        is_repeated = word in (delivery.body.strip(), delivery.answer.get("challenge"))
        return delivery if is_repeated else replace(delivery, error=delivery.error or "challenge_failed")
