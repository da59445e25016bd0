"""`POST /api/commands`, `GET /api/runs/RUN` and `/api/openapi.json`: Innkeeper for machines, and for command lines.

Calls to Vault, Slack and the database are made in a few threads of its own, so that whoever floods this keeps nobody in
Slack waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.api import commands, models
from bot.api.access import Denied, Pace, person_of, require_operator, token_of
from bot.api.openapi import description
from bot.api.run_watch import RunWatch
from bot.bodies import TooLong, read_at_most
from bot.intake import Intake
from commands.authorise import StandingUnknown
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from state import runs
from state.records import Person, Run
from state.transitions import ENDED, RunState

T = TypeVar("T")

BODY_LIMIT_BYTES = 32 * 1024  # the longest text takes 24, where all of it is escaped
THREADS = 8

# In which a run stays until somebody does something, or for good.
_RESTS = frozenset({*ENDED, RunState.PROPOSED})


class Api:
    """The three addresses, and what they share."""

    def __init__(self, deps: Deps, intake: Intake, watch: RunWatch) -> None:
        self._deps = deps
        self._intake = intake
        self._watch = watch
        self._pace = Pace(deps.now)
        self._threads = ThreadPoolExecutor(THREADS, "api")

    async def commands(self, request: Request) -> Response:
        """A command: what it said, and its run."""
        person = await self._person(request)
        body = await read_at_most(request, BODY_LIMIT_BYTES)
        key = request.headers.get("idempotency-key", "")
        if len(key) > models.KEY_LIMIT or not key.isprintable():
            raise Denied(422, f"An Idempotency-Key has at most {models.KEY_LIMIT} characters.")
        try:
            command = models.Command.model_validate_json(body)
        except ValidationError as wrong:
            raise Denied(422, _words_of(wrong)) from None
        said = await self._in_thread(partial(commands.run, self._deps, self._intake, person, command, key))
        return _json(said.status, said.body)

    async def run(self, request: Request) -> Response:
        """A run, at once, or when it rests in another state than the caller knows of."""
        person = await self._person(request)
        run_id, seconds, known = _asked(request)
        await self._in_thread(partial(require_operator, self._deps, person, run_id[:40]))
        await self._rested(run_id, seconds, known)
        shown = await self._in_thread(partial(commands.shown, self._deps, run_id))
        if shown is None:
            raise Denied(404, "There is no such run. `/lab history NAME` shows those of a lab.")
        return _json(200, shown)

    async def openapi(self, request: Request) -> Response:
        """What all this looks like to a program."""
        return JSONResponse(description())

    async def _person(self, request: Request) -> Person:
        return await self._in_thread(partial(person_of, self._deps, self._pace, token_of(request.headers)))

    async def _rested(self, run_id: str, seconds: float, known: str) -> None:
        """Wait until the run rests, and not in the state that is known; without holding a thread."""
        ends_at = asyncio.get_running_loop().time() + seconds
        with self._watch.waiting() as waiter:
            while (left := ends_at - asyncio.get_running_loop().time()) > 0:
                run: Run | None = await self._in_thread(partial(runs.get, self._deps.database, run_id))
                rests = run is None or (run.state in _RESTS and (run.state in ENDED or run.state != known))
                if rests or self._watch.is_full:
                    return
                await waiter.changed(left)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def routes(deps: Deps, intake: Intake, watch: RunWatch) -> list[Route]:
    """The API's addresses."""
    api = Api(deps, intake, watch)
    return [
        Route("/api/commands", _told(api.commands), methods=["POST"]),
        Route("/api/runs/{run}", _told(api.run), methods=["GET"]),
        Route("/api/openapi.json", api.openapi, methods=["GET"]),
    ]


def _told(endpoint: Callable[[Request], object]) -> Callable[[Request], object]:
    """The endpoint, with what it raises as an answer."""

    async def answering(request: Request) -> Response:
        try:
            return await endpoint(request)  # type: ignore[misc, no-any-return]
        except TooLong:
            return _problem(413, f"That is over {BODY_LIMIT_BYTES // 1024} KiB, more than is taken here.")
        except Denied as denied:
            return _problem(denied.status, denied.sentence, denied.retry_after_seconds)
        except (VaultError, StandingUnknown) as unavailable:
            return _problem(503, unavailable.sentence, 5)

    return answering


def _asked(request: Request) -> tuple[str, float, str]:
    """Run, seconds to wait, and the state that the caller knows. Raises Denied (422)."""
    unknown = set(request.query_params) - {"wait", "known"}
    if unknown:
        raise Denied(422, f"There is no `{sorted(unknown)[0][:40]}` here: there are `wait` and `known`.")
    wait, known = request.query_params.get("wait", "0"), request.query_params.get("known", "")
    is_number = wait.isascii() and wait.isdigit() and len(wait) < 4
    if not is_number or int(wait) > models.LONGEST_WAIT_SECONDS:
        raise Denied(422, f"`wait` is a whole number of seconds, up to {models.LONGEST_WAIT_SECONDS}.")
    if known and known not in set(RunState):
        raise Denied(422, "`known` is the state of a run, such as `proposed`.")
    return request.path_params["run"], float(wait), known


def _words_of(wrong: ValidationError) -> str:
    """The first mistake, by its field: never its value, which may be a secret."""
    first = wrong.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(each) for each in first["loc"])[:60]
    return f"`{place}`: {first['msg']}." if place else f"The body is not what is taken here: {first['msg']}."


def _problem(status: int, sentence: str, retry_after_seconds: int = 0) -> Response:
    answer = _json(status, models.Problem(error=sentence))
    if retry_after_seconds:
        answer.headers["Retry-After"] = str(retry_after_seconds)
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="innkeeper"'
    return answer


def _json(status: int, body: models.Answer | models.Problem | models.RunShown) -> Response:
    return Response(
        body.model_dump_json(), status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )
