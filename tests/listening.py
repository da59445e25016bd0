"""An application over HTTP, which is there and gone at once: the servers of all tests share one event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import uvicorn
from starlette.types import ASGIApp

PATIENCE_SECONDS = 30


@contextmanager
def listening(app: ASGIApp, address: str = "127.0.0.1") -> Iterator[str]:
    """The application on a port of a loopback address. Gives its base address."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    port = socket.create_server((address, 0))
    _await(_start(server, port))
    try:
        yield f"http://{address}:{port.getsockname()[1]}"
    finally:
        _await(_end(server))


async def _start(server: uvicorn.Server, port: socket.socket) -> None:
    await server.startup([port])
    await server.on_tick(0)  # the headers that every answer has


async def _end(server: uvicorn.Server) -> None:
    """As uvicorn's own end, which sleeps for a fifth of a second."""
    for each in server.servers:
        each.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    while server.server_state.connections or server.server_state.tasks:
        await asyncio.sleep(0.001)


def _await(act: Coroutine[Any, Any, None]) -> None:
    asyncio.run_coroutine_threadsafe(act, _loop()).result(PATIENCE_SECONDS)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="listening", daemon=True).start()
    return loop
