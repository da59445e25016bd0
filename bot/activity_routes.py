"""What hosts tell: `POST /labs/LAB/active`, with the lab's own token. Somebody is logged in, so it is not idle.

A token is worth no more than that: it keeps its lab from going idle, and from nothing else. So who has it learns
nothing here, and the lab still expires.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.bodies import TooLong, read_at_most
from state import grants, labs
from state.database import Database
from state.records import Lab, Person

BODY_LIMIT_BYTES = 1024
WRITTEN_ONCE_IN = timedelta(minutes=1)  # for each lab, however many hosts it has
BOTS = "innkeeper:"  # how the key ids of the bot's own certificates begin

_NOBODYS = sha256(b"").hexdigest()  # what an unknown lab's token is compared with, so that it takes as long


def routes(database: Database, now: Callable[[], datetime]) -> list[Route]:
    """The one address. 204, also where nothing had to be written; 401 for an unknown lab as for a wrong token."""

    async def active(request: Request) -> Response:
        token = _token(request.headers.get("authorization", ""))
        try:
            body = await read_at_most(request, BODY_LIMIT_BYTES)
        except TooLong:
            return PlainTextResponse("Say who is there, and no more.\n", 413)
        return await run_in_threadpool(_report, database, now(), request.path_params["lab"], token, body)

    return [Route("/labs/{lab}/active", active, methods=["POST"])]


def _report(database: Database, now: datetime, name: str, token: str, body: bytes) -> Response:
    lab = labs.living(database, name)
    kept = (lab.active_token_sha256 if lab is not None else None) or _NOBODYS
    fits = hmac.compare_digest(sha256(token.encode()).hexdigest(), kept)
    if lab is None or lab.active_token_sha256 is None or not fits:
        return PlainTextResponse(
            "No lab of that name takes this token.\n", 401, headers={"WWW-Authenticate": "Bearer"}
        )
    try:
        who = json.loads(body)["who"] if body.strip() else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return PlainTextResponse('The body is empty, or such as {"who": "T1-U1:demo:GRANT"}.\n', 400)
    if isinstance(who, str) and who.startswith(BOTS):
        return Response(status_code=204)  # the bot deploys there, or looks at it: that is no use of it
    # A clock that was set back must not silence the hosts, so it is how far apart the two are that counts.
    if lab.reminders or abs(now - lab.last_active_at) >= WRITTEN_ONCE_IN:
        labs.touch(database, lab, now, _holder(database, lab, who), "a login")
    return Response(status_code=204)


def _token(authorization: str) -> str:
    """Source: RFC 6750, 2.1; the scheme in any case, as RFC 9110 has it."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _holder(database: Database, lab: Lab, who: object) -> Person | None:
    """Whom a certificate's key id names, `TEAM-USER:LAB:GRANT`, if they were given that certificate for this lab."""
    words = who.split(":") if isinstance(who, str) else []
    if len(words) != 3:
        return None
    grant = grants.get(database, words[2])
    is_theirs = grant is not None and grant.lab_id == lab.id and grant.person.key == words[0]
    return grant.person if grant is not None and is_theirs else None
