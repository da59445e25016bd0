"""An app that takes whatever comes and says nothing: a workspace where events are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slack_sdk import WebClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.playground.events import SERVED
from bot.playground.server import LocalSlack
from tests.bot.playground.small_app import served


@contextmanager
def listening_workspace(**more: Any) -> Iterator[LocalSlack]:
    """A workspace whose app has subscribed to everything."""

    def take(request: Request, body: bytes) -> Response:
        return PlainTextResponse("")

    with served(take) as address, LocalSlack(address, events=SERVED, ack_limit_seconds=30, **more) as slack:
        yield slack


def client_of(slack: LocalSlack) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


def event(slack: LocalSlack, kind: str, **wanted: Any) -> dict[str, Any]:
    """The latest event of a kind with these values (a whole channel or user matches by its id), waited for."""

    def fits(inner: dict[str, Any], name: str, value: Any) -> bool:
        there = inner.get(name)
        return bool((there.get("id") if isinstance(there, dict) else there) == value)

    def found() -> dict[str, Any] | None:
        for each in reversed(slack.deliveries):
            inner = each.payload.get("event") or {}
            if inner.get("type") == kind and all(fits(inner, *pair) for pair in wanted.items()):
                return dict(inner)
        return None

    return slack.wait_for(found) or {}
