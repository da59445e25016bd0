"""Acknowledgements: what waits for one is dispatched together, so that many share a commit and a change of thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

from slack_bolt import App, BoltRequest, BoltResponse
from starlette.concurrency import run_in_threadpool

AT_ONCE = 32
_MAY_SEAL = (
    b'"view_submission"',
    b"%22view_submission%22",
)  # a form's secrets go to Vault before it is recorded


class Acks:
    """Lets Bolt answer Slack's requests, one batch after the other, in threads: it must not hold the event loop.

    gathered is Intake.gathered: what the listeners take within is on the disk at its end. A form may wait for
    Vault, so it waits by itself.
    """

    def __init__(self, app: App, gathered: Callable[[], AbstractContextManager[None]]) -> None:
        self._app = app
        self._gathered = gathered
        self._waiting: list[tuple[BoltRequest, asyncio.Future[BoltResponse]]] = []
        self._batches: asyncio.Task[None] | None = None

    async def answer(self, request: BoltRequest, body: bytes) -> BoltResponse:
        """Bolt's answer to one request, once everything that it asks for is recorded. body is the request's."""
        if any(sign in body for sign in _MAY_SEAL):
            return await run_in_threadpool(self._app.dispatch, request)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[BoltResponse] = loop.create_future()
        self._waiting.append((request, answer))
        if self._batches is None:
            self._batches = loop.create_task(self._answer_waiting())
        return await answer

    async def _answer_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                await self._answer_batch(batch)
        finally:
            self._batches = None

    async def _answer_batch(self, batch: list[tuple[BoltRequest, asyncio.Future[BoltResponse]]]) -> None:
        try:
            answers = await run_in_threadpool(self._dispatch_all, [request for request, _ in batch])
        except Exception as error:
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():  # whoever asked may have hung up
                waiting.set_result(answer)

    def _dispatch_all(self, requests: list[BoltRequest]) -> list[BoltResponse]:
        with self._gathered():
            return [self._app.dispatch(request) for request in requests]
