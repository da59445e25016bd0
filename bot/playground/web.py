"""The workspace's addresses for the app: /api, uploads, files, response_urls, Socket Mode's websocket."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.playground import web_api, web_chat, web_files
from bot.playground.delivery import Courier, Socket
from bot.playground.model import Call, Json, SlackError
from bot.playground.workspace import Workspace

Loss = Literal["dropped", "500"]


@dataclass(frozen=True)
class Mishap:
    """What befalls the next call of a method."""

    kind: Literal["rate_limited", "lost", "refused", "delayed"]
    seconds: float = 0.0  # of Retry-After, or of the delay
    loss: Loss = "500"
    error: str = ""  # Slack's code, when refused


@dataclass
class Web:
    """The routes, what was called through them, and the mishaps that are still to come."""

    workspace: Workspace
    courier: Courier
    calls: list[Call] = field(default_factory=list)
    mishaps: dict[str, deque[Mishap]] = field(default_factory=dict)

    def routes(self) -> list[Route | WebSocketRoute]:
        return [
            Route("/api/{method}", self.api, methods=["GET", "POST"]),
            Route("/response/{ticket}", self.response_url, methods=["POST"]),
            Route("/upload/v1/{ticket}", self.upload, methods=["POST", "PUT"]),
            Route("/files/{file_id}", self.file),
            WebSocketRoute("/link/", self.link),
        ]

    def _next_mishap(self, name: str) -> Mishap | None:
        with self.workspace.lock:
            waiting = self.mishaps.get(name)
            return waiting.popleft() if waiting else None

    async def _with_mishaps(self, name: str, args: Json, act: Any) -> Response:
        """Call act, which answers (status, JSON), and record it; unless something befalls the call."""
        began = time.perf_counter()
        mishap = self._next_mishap(name)
        headers: dict[str, str] = {}
        if mishap and mishap.kind == "rate_limited":
            status, answer = 429, {"ok": False, "error": "ratelimited"}
            headers = {"Retry-After": str(int(mishap.seconds))}
        elif mishap and mishap.kind == "refused":
            status, answer = 200, {"ok": False, "error": mishap.error}
        else:
            if mishap and mishap.kind == "delayed":
                await asyncio.sleep(mishap.seconds)
            status, answer = act()
        response: Response = JSONResponse(answer, status, headers)
        if mishap and mishap.kind == "lost":
            # Fewer bytes than promised: the server closes the connection, the client sees a broken answer.
            status = 500 if mishap.loss == "500" else 0
            response = (
                PlainTextResponse("", 500) if status else Response(b"", headers={"content-length": "9"})
            )
        call = Call(name, args, answer, status, self.workspace.clock(), time.perf_counter() - began)
        with self.workspace.lock:
            self.calls.append(call)
        self.workspace.note()
        return response

    async def api(self, request: Request) -> Response:
        method = request.path_params["method"]
        args, wrong = await _arguments(request)
        token = _bearer(request.headers) or str(args.pop("token", "") or "")
        args.pop("token", None)

        def act() -> tuple[int, Json]:
            if wrong:
                return 200, {"ok": False, "error": wrong}
            return 200, web_api.answer(self.workspace, method, args, token)

        return await self._with_mishaps(method, args, act)

    async def response_url(self, request: Request) -> Response:
        args, wrong = await _arguments(request)
        ticket = request.path_params["ticket"]

        def act() -> tuple[int, Json]:
            try:
                if wrong:
                    raise SlackError("invalid_payload")
                web_chat.respond(self.workspace, ticket, args)
            except SlackError as problem:
                status = 404 if problem.code in ("expired_url", "used_url", "message_not_found") else 400
                return status, web_api.error_answer(problem)
            return 200, {"ok": True}

        return await self._with_mishaps("response_url", args, act)

    async def upload(self, request: Request) -> Response:
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            form = await request.form()
            parts = [part for part in form.values() if not isinstance(part, str)]
            content = await parts[0].read() if parts else b""
        else:
            content = await request.body()

        def act() -> tuple[int, Json]:
            try:
                length = web_files.take_upload(self.workspace, request.path_params["ticket"], content)
            except SlackError as problem:
                return 400, web_api.error_answer(problem)
            return 200, {"ok": True, "length": length}

        return await self._with_mishaps("upload", {"length": len(content)}, act)

    async def file(self, request: Request) -> Response:
        """A file's bytes. Never as a page of its own: what the app uploaded must not run as script here."""
        file = self.workspace.files.get(request.path_params["file_id"])
        if file is None or not file.is_uploaded:
            return PlainTextResponse("There is no such file.", 404)
        is_picture = file.mimetype in ("image/png", "image/jpeg", "image/gif", "image/webp")
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        if "download" in request.query_params:
            headers["Content-Disposition"] = "attachment"
        kind = file.mimetype if is_picture else "text/plain; charset=utf-8"
        return Response(file.content, media_type=kind, headers=headers)

    async def link(self, websocket: WebSocket) -> None:
        """One connection of Socket Mode: hello, then envelopes out and acks in."""
        ticket = websocket.query_params.get("ticket", "")
        if not self.workspace.tickets.use_socket(ticket):
            await websocket.close(1008)
            return
        await websocket.accept()
        loop = asyncio.get_running_loop()

        def send(text: str) -> None:
            asyncio.run_coroutine_threadsafe(websocket.send_text(text), loop)

        def close() -> None:
            asyncio.run_coroutine_threadsafe(websocket.close(1001), loop)

        socket = Socket(ticket, send, close)
        count = self.courier.open_socket(socket)
        hello = {
            "type": "hello",
            "num_connections": count,
            "connection_info": {"app_id": self.workspace.app.id},
            "debug_info": {"host": "local", "approximate_connection_time": 18060},
        }
        await websocket.send_text(json.dumps(hello))
        self.workspace.note()
        try:
            while True:
                self.courier.take_ack(await websocket.receive_text())
        except (WebSocketDisconnect, KeyError, RuntimeError):
            pass
        finally:
            self.courier.close_socket(socket.id)
            self.workspace.note()


def _bearer(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


async def _arguments(request: Request) -> tuple[Json, str]:
    """The call's arguments from its address, form or JSON body; and Slack's word for what is wrong."""
    args: Json = dict(parse_qsl(request.url.query, keep_blank_values=True))
    body = await request.body()
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if not body:
        return args, ""
    if kind == "application/json":
        try:
            shape = json.loads(body)
        except (ValueError, RecursionError):
            return args, "invalid_json"
        return (args | shape, "") if isinstance(shape, dict) else (args, "json_not_object")
    if kind == "multipart/form-data":
        form = await request.form()
        return args | {key: value for key, value in form.items() if isinstance(value, str)}, ""
    if kind in ("application/x-www-form-urlencoded", ""):
        return args | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)), ""
    return args, "invalid_form_data"
