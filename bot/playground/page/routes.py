"""The page's addresses: its files, what one person sees, what they do, and news as they happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bot.playground import built_in
from bot.playground.model import Call, Json
from bot.playground.page.acts import act, options, take_file
from bot.playground.page.emoji_names import REACTIONS
from bot.playground.page.hints import hints
from bot.playground.page.render import render
from bot.playground.page.seen import Feed, Opened, history, reader_of
from bot.playground.page.traffic import traffic
from bot.playground.sharing import Sharing

STATIC = Path(__file__).parents[1] / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
HEARTBEAT_SECONDS = 15.0
RECONNECT_MILLISECONDS = 1000
TOGETHER_SECONDS = 0.01  # changes that come this close are told together
UPLOAD_BYTES = 10_000_000


class Page:
    """What a browser asks for. calls: gives what the app has asked of the workspace so far."""

    def __init__(self, people: Sharing, calls: Callable[[], list[Call]]) -> None:
        self.people = people
        self.workspace = people.workspace
        self.calls = calls

    def routes(self) -> list[Route | Mount]:
        guarded = [
            ("/page/news", self.news, "GET"),
            ("/page/history", self.history, "GET"),
            ("/page/inspect", self.inspect, "GET"),
            ("/page/hints", self.hints, "GET"),
            ("/page/options", self.options, "POST"),
            ("/page/upload", self.upload, "POST"),
            ("/page/do", self.do, "POST"),
            ("/page/tour", self.tour, "POST"),
        ]
        return [
            Route("/", self.page),
            *[Route(path, self._guarded(answer), methods=[method]) for path, answer, method in guarded],
            Mount("/static", StaticFiles(directory=STATIC)),
        ]

    def _guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            refusal = self._refusal(request)
            if refusal is not None:
                return refusal
            try:
                return await answer(request)  # type: ignore[no-any-return]
            except (LookupError, ValueError, PermissionError) as problem:
                told = str(problem.args[0]) if problem.args else "There is no such thing."
                return JSONResponse({"problem": told})

        return guarded

    def _refusal(self, request: Request) -> Response | None:
        """Other web sites must neither read nor act here, not even under a name that leads to this machine."""
        own = urlsplit(self.workspace.base_url)
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        origin = request.headers.get("origin", "")
        is_own = host in (own.hostname, "127.0.0.1", "localhost")
        if not is_own or (origin and urlsplit(origin).netloc != request.headers["host"]):
            return PlainTextResponse("This page answers to itself only.", 403)
        is_json = request.headers.get("content-type", "").split(";")[0] == "application/json"
        if request.method == "POST" and not is_json and not request.url.path.endswith("/upload"):
            return PlainTextResponse("Send JSON.", 415)  # a form on another web site cannot
        return None

    async def page(self, request: Request) -> Response:
        shortcuts = [each for each in self.people.shortcuts if not each.is_for_message]
        values = {"team": self.workspace.team.name, "shortcuts": shortcuts, "reactions": REACTIONS}
        content = render("page.html", reader_of(self.people, ""), **values)
        headers = {
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        return Response(content, media_type="text/html", headers=headers)

    async def news(self, request: Request) -> Response:
        """Server-sent events: what changes in what a browser has open; at first all of it."""
        asked = request.query_params
        opened = Opened(
            asked.get("user", ""), asked.get("channel", ""), asked.get("thread", ""), asked.get("home") == "1"
        )
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(self._changes(opened), media_type="text/event-stream", headers=headers)

    async def _changes(self, opened: Opened) -> AsyncIterator[str]:
        loop, rung = asyncio.get_running_loop(), asyncio.Event()
        feed = Feed(self.people, opened)

        def ring() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(rung.set)

        self.workspace.on_change.append(ring)
        try:
            while not self.people.courier.stopping.is_set():
                rung.clear()
                changes = await run_in_threadpool(feed.step)
                again = f"retry: {RECONNECT_MILLISECONDS}\n" if "reset" in changes else ""
                yield f"data: {json.dumps(changes)}\n{again}\n" if changes else ": traffic\n\n"
                try:
                    await asyncio.wait_for(rung.wait(), HEARTBEAT_SECONDS)
                    await asyncio.sleep(TOGETHER_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self.workspace.on_change.remove(ring)

    async def history(self, request: Request) -> Response:
        asked = request.query_params
        sides = {"before": asked.get("before", ""), "after": asked.get("after", "")}
        return JSONResponse(
            await run_in_threadpool(history, self.people, asked["user"], asked["channel"], **sides)
        )

    async def inspect(self, request: Request) -> Response:
        """One message's JSON, or the latest traffic in both directions."""
        asked = request.query_params
        user = asked.get("user", "")
        values = traffic(self.people, self.calls, user, asked.get("ts", ""))
        html = await run_in_threadpool(render, "inspect.html", reader_of(self.people, user), **values)
        return JSONResponse({"html": html})

    async def hints(self, request: Request) -> Response:
        asked = request.query_params
        with self.workspace.lock:
            channel = self.workspace.channels.get(asked.get("channel", ""))
            text = asked.get("text", "")
            members = built_in.named_after(self.workspace, channel, text) if channel else []
            payloads = [each.payload for each in self.people.deliveries if each.kind == "command"]
            channels = list(self.workspace.channels.values())
        me = asked.get("user", "")
        mine = [each for each in reversed(payloads) if each["user_id"] == me and "<" not in each["text"]]
        earlier = [f"{each['command']} {each['text']}" for each in mine]
        commands = [*self.people.slash_commands, *built_in.offered(text)]
        found = hints(text, commands, earlier, members, channels)
        return JSONResponse([{"text": each.text, "shown": each.shown, "about": each.about} for each in found])

    async def options(self, request: Request) -> Response:
        asked = await request.json()
        element, groups = await run_in_threadpool(options, self.people, asked)
        html = render("options.html", reader_of(self.people, asked["user"]), element=element, groups=groups)
        return JSONResponse({"html": html})

    async def upload(self, request: Request) -> Response:
        if "x-file-name" not in request.headers:  # a header that a form on another web site cannot send
            return PlainTextResponse("Name the file.", 415)
        content = await request.body()
        if len(content) > UPLOAD_BYTES:
            raise ValueError(f"A file may have {UPLOAD_BYTES // 1_000_000} MB here.")
        user, name = request.query_params["user"], request.query_params["name"]
        return JSONResponse(take_file(self.people, user, name, content))

    async def tour(self, request: Request) -> Response:
        """A button of the tour."""
        if self.people.guide is None:
            raise LookupError("There is no tour here.")
        self.people.guide.press(str((await request.json()).get("do")))
        return JSONResponse({"problem": ""})

    async def do(self, request: Request) -> Response:
        """One act of a person."""
        asked: Json = await request.json()
        return JSONResponse({"problem": await run_in_threadpool(act, self.people, asked)})
