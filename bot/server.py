"""HTTP: /slack/events /tfstate /healthz /readyz /metrics, on one port."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.acks import Acks
from bot.bodies import TooLong, read_at_most
from bot.metrics import Metrics
from bot.readiness import is_ready
from bot.settings import BadSettings

BODY_LIMIT_BYTES = 2_000_000  # Slack's largest payload, a view submission, has 250 kB of view
STOP_SECONDS = 3

Checks = Callable[[], dict[str, str]]  # part → "ready", or what is wrong with it


def asgi(acks: Acks | None, checks: Checks, metrics: Metrics, more: Sequence[BaseRoute]) -> Starlette:
    """The addresses of one process. acks is None in Socket Mode: then Slack has no business here."""

    async def slack_events(request: Request) -> Response:
        started = time.perf_counter()
        try:
            body = await read_at_most(request, BODY_LIMIT_BYTES)
            body.decode()
        except TooLong:
            return PlainTextResponse("too large", status_code=413)
        except UnicodeDecodeError:
            return PlainTextResponse("not UTF-8, so not Slack's", status_code=400)
        assert acks is not None
        answer = await acks.answer(to_bolt_request(request, body), body)
        metrics.acknowledged(answer.status, time.perf_counter() - started)
        return to_starlette_response(answer)

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(request: Request) -> Response:
        found = await run_in_threadpool(checks)
        ready = all(is_ready(said) for said in found.values())
        return JSONResponse(found, status_code=200 if ready else 503)

    async def show_metrics(request: Request) -> Response:
        text = await run_in_threadpool(generate_latest, metrics.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    own = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", show_metrics)]
    if acks is not None:
        own.append(Route("/slack/events", slack_events, methods=["POST"]))
    return Starlette(routes=[*own, *more])


class Server(uvicorn.Server):
    """uvicorn that ends with exit status 0 when it is asked to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end it in good order; uvicorn's own would raise them again afterwards."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "should_exit", True))
        yield


def serve(application: Starlette, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT. on_ready is called once the port answers. Raises BadSettings for a taken one."""
    try:
        listening = socket.create_server((host, port), reuse_port=False)
        # Its connections have it from here: over one that is kept, half of an answer would wait 40 ms for the other.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise BadSettings(
            f"HOST and PORT name {host}:{port}, where this process cannot listen ({error.strerror}). "
            "End what listens there, or set another PORT."
        ) from None
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = Server(config)

    async def run() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        if server.started:
            await run_in_threadpool(on_ready)
        await serving

    asyncio.run(run())
