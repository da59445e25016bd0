"""What the bot is compared with: a Bolt app in its default mode whose listener does nothing but acknowledge."""

from __future__ import annotations

import os

from slack_bolt import Ack, App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.server import serve


def main() -> None:
    """Serve it on PORT, on the HTTP stack and with the server's settings that the bot has too."""
    token = os.environ["SLACK_BOT_TOKEN"]
    app = App(
        client=WebClient(token, base_url=os.environ["SLACK_API_URL"]),
        signing_secret=os.environ["SLACK_SIGNING_SECRET"],
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None, bot_token=token),
    )

    @app.command("/lab")
    def take_command(ack: Ack) -> None:
        ack()

    async def slack_events(request: Request) -> Response:
        body = await request.body()
        answer = await run_in_threadpool(app.dispatch, to_bolt_request(request, body))
        return to_starlette_response(answer)

    async def readyz(request: Request) -> Response:
        return PlainTextResponse("ready")

    routes = [Route("/readyz", readyz), Route("/slack/events", slack_events, methods=["POST"])]
    serve(Starlette(routes=routes), "127.0.0.1", int(os.environ["PORT"]), lambda: None)


if __name__ == "__main__":
    main()
