"""The workspace's web page: its files, what one person sees as JSON, what they do, and news as they happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.playground.model import Call, Channel, Delivery, Json, Message
from bot.playground.people import People
from bot.playground.shapes import file_json, message_json, view_json

FILES = {
    "page.html": "text/html",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "messages.js": "text/javascript",
    "blocks.js": "text/javascript",
    "mrkdwn.js": "text/javascript",
}
POLICY = "default-src 'self'; img-src 'self' http: https: data:; frame-ancestors 'none'; base-uri 'none'"
INSPECTED = 60  # latest calls and deliveries that the page shows
PREVIEW_BYTES = 4_000
HEARTBEAT_SECONDS = 15.0


class Page:
    """What a browser asks for. calls: gives what the app has asked of the workspace so far."""

    def __init__(self, people: People, calls: Callable[[], list[Call]]) -> None:
        self.people = people
        self.workspace = people.workspace
        self.calls = calls

    def routes(self) -> list[Route]:
        return [
            Route("/", self.file),
            Route("/page/state", self.state),
            Route("/page/inspect", self.inspect),
            Route("/page/news", self.news),
            Route("/page/do", self.do, methods=["POST"]),
            Route("/{name}", self.file),
        ]

    async def file(self, request: Request) -> Response:
        name = request.path_params.get("name", "page.html")
        if name not in FILES:
            return PlainTextResponse("There is no such page.", 404)
        content = (Path(__file__).parent / name).read_bytes()
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        return Response(content, media_type=FILES[name], headers=headers)

    def _refusal(self, request: Request) -> Response | None:
        """Other web sites must neither read nor act here, not even under a name that leads to this machine."""
        own = urlsplit(self.workspace.base_url)
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        origin = request.headers.get("origin", "")
        is_own = host in (own.hostname, "127.0.0.1", "localhost")
        if is_own and (not origin or urlsplit(origin).netloc == request.headers["host"]):
            return None
        return PlainTextResponse("This page answers to itself only.", 403)

    async def state(self, request: Request) -> Response:
        user, channel = request.query_params.get("user", ""), request.query_params.get("channel", "")
        return self._refusal(request) or JSONResponse(self.seen_by(user, channel))

    def seen_by(self, user: str, channel_id: str = "") -> Json:
        """What a person sees: their channels, the messages of the open one, modals and Home tab."""
        workspace = self.workspace
        with workspace.lock:
            everybody = [known for known in workspace.users.values() if known.id in self._actors()]
            me = user if user in self._actors() else next(iter(self._actors()), "")
            channels = [channel for channel in workspace.channels.values() if me in channel.members]
            shown = next((channel for channel in channels if channel.id == channel_id), None)
            shown = shown or next(iter(channels), None)
            home = workspace.homes.get(me)
            modals = workspace.views.get(me, [])
            return {
                "version": workspace.version,
                "team": workspace.team.name,
                "app": {"id": workspace.app.user_id, "name": workspace.app.name},
                "me": me,
                "actors": [known.id for known in everybody],
                "people": {
                    known.id: {
                        "name": known.name,
                        "real_name": known.real_name,
                        "tz": known.timezone,
                        "team": workspace.teams[known.team_id].name,
                        "is_bot": known.is_bot,
                        "is_guest": bool(known.guest),
                        "is_deleted": known.deleted,
                    }
                    for known in workspace.users.values()
                },
                "commands": list(self.people.commands),
                "channels": [self._channel(channel, me) for channel in channels],
                "channel_names": {channel.id: channel.name for channel in workspace.channels.values()},
                "channel": shown.id if shown else "",
                "messages": [self._message(message) for message in workspace.visible(shown.id, me)]
                if shown
                else [],
                "modals": [view_json(workspace, view) | {"errors": dict(view.errors)} for view in modals],
                "home": view_json(workspace, home) if home else None,
            }

    def _actors(self) -> list[str]:
        """Whom somebody at this page can be: people, not bots."""
        return [
            user.id for user in self.workspace.users.values() if not user.is_bot and user.name != "slackbot"
        ]

    def _channel(self, channel: Channel, me: str) -> Json:
        visible = self.workspace.visible(channel.id, me)
        return {
            "id": channel.id,
            "name": channel.name or self.workspace.app.name,
            "is_im": channel.is_im,
            "is_private": channel.is_private,
            "members": len(channel.members),
            "latest": visible[-1].ts if visible else "",
        }

    def _message(self, message: Message) -> Json:
        files = []
        for file in message.files:
            is_text = file.mimetype.startswith("text/") or file.filetype in ("text", "json", "hcl", "diff")
            preview = file.content[:PREVIEW_BYTES].decode("utf-8", "replace") if is_text else ""
            files.append(file_json(self.workspace, file) | {"preview": preview})
        return message_json(self.workspace, message) | {
            "files": files,
            "is_ephemeral": bool(message.ephemeral_to),
            "by_slack": message.by_slack,
            "edits": len(message.revisions),
            "reply_broadcast": message.reply_broadcast,
        }

    async def inspect(self, request: Request) -> Response:
        """The latest traffic in both directions, newest first."""
        with self.workspace.lock:
            asked = [_call_json(call) for call in self.calls()[-INSPECTED:]]
            sent = [_delivery_json(delivery) for delivery in self.people.deliveries[-INSPECTED:]]
        traffic = sorted([*asked, *sent], key=lambda entry: float(entry["at"]), reverse=True)
        return self._refusal(request) or JSONResponse(traffic[:INSPECTED])

    async def news(self, request: Request) -> Response:
        """Server-sent events: the workspace's version whenever it has changed."""
        if refusal := self._refusal(request):
            return refusal
        return StreamingResponse(self._versions(), media_type="text/event-stream")

    async def _versions(self) -> AsyncIterator[str]:
        loop, rung = asyncio.get_running_loop(), asyncio.Event()

        def ring() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(rung.set)

        self.workspace.on_change.append(ring)
        try:
            while not self.people.courier.stopping.is_set():
                rung.clear()
                yield f"data: {self.workspace.version}\n\n"
                try:
                    await asyncio.wait_for(rung.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self.workspace.on_change.remove(ring)

    async def do(self, request: Request) -> Response:
        """One act of a person. Only as JSON: a form on another web site cannot send that."""
        if refusal := self._refusal(request):
            return refusal
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return PlainTextResponse("Send JSON.", 415)
        act = await request.json()
        try:
            told = await run_in_threadpool(self.act, act)
        except (LookupError, ValueError, PermissionError) as problem:
            return JSONResponse(
                {"problem": str(problem.args[0]) if problem.args else "There is no such thing."}
            )
        return JSONResponse({"problem": told})

    def act(self, act: Json) -> str:
        """Do what the page asks for; gives a sentence about what went wrong with the app, or nothing."""
        user, kind = str(act["user"]), act["kind"]
        delivery: Delivery | None = None
        if kind == "say":
            text, thread = str(act["text"]).strip(), str(act.get("thread_ts") or "")
            if text.startswith("/") and thread:
                return f"{text.split()[0]} is not supported in threads. Sorry!"
            if text.startswith("/"):
                self.people.command(user, act["channel"], text)  # Slack itself tells what went wrong
            elif text:
                self.people.say(user, act["channel"], text, thread)
        elif kind == "click":
            shown: Any = act.get("ts") or self._view(user, str(act.get("view_id")))
            more = {"chosen": act.get("chosen"), "values": act.get("values"), "block_id": act["block_id"]}
            delivery = self.people.click(user, shown, act["action_id"], **more)
        elif kind == "submit":
            delivery = self.people.submit(user, self._view(user, act["view_id"]), act["values"])
        elif kind == "close":
            delivery = self.people.close_view(user, self._view(user, act["view_id"]))
        elif kind == "home":
            delivery = self.people.open_home(user)
        else:
            raise ValueError(f"There is nothing like {kind!r} to do.")
        return f"The app did not take it ({delivery.error})." if delivery and delivery.error else ""

    def _view(self, user: str, view_id: str) -> Any:
        view = self.workspace.find_view(view_id)
        if view is None or view.user != user:
            raise LookupError("This form is not open any more.")
        return view


def _call_json(call: Call) -> Json:
    return {
        "at": call.at,
        "direction": "from the app",
        "what": call.method,
        "status": call.status,
        "ms": round(call.seconds * 1000, 1),
        "error": str(call.answer.get("error", "")),
        "detail": {"arguments": call.arguments, "answer": call.answer},
    }


def _delivery_json(delivery: Delivery) -> Json:
    inner = delivery.payload.get("event") or {}
    name = inner.get("type") or delivery.payload.get("command") or delivery.payload.get("type")
    return {
        "at": delivery.sent_at,
        "direction": "to the app",
        "what": f"{delivery.kind} {name}",
        "status": delivery.status,
        "ms": round(delivery.ack_seconds * 1000, 1),
        "error": delivery.error,
        "detail": {"payload": delivery.payload, "ack": delivery.answer or delivery.body},
    }
