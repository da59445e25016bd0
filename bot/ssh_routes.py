"""What hosts fetch: /ssh/ca.pub, /ssh/krl, /ssh/krl.sig and /ssh/krl.pub. All of it is public.

The list of revocations and its signature are two answers, and a newer list may come in between. So both carry the
sha256 of the list as their ETag, and `/ssh/krl.sig?of=SHA256` is the signature of exactly that list.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.revocations import Revocations
from state.krls import SignedKrl

BYTES = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"


def routes(revocations: Revocations) -> list[Route]:
    """The four addresses, each for GET and HEAD, with ETag and If-None-Match."""

    def served(body_of: Callable[[SignedKrl], bytes], media_type: str) -> Callable[[Request], Response]:
        def serve(request: Request) -> Response:
            newest = revocations.newest()
            if newest is None:
                return _away()
            body = body_of(newest)
            return _answer(request, body, hashlib.sha256(body).hexdigest(), media_type)

        return serve

    def krl(request: Request) -> Response:
        newest = revocations.newest()
        return _away() if newest is None else _answer(request, newest.body, newest.digest, BYTES)

    def signature(request: Request) -> Response:
        of = request.query_params.get("of")
        found = revocations.newest() if of is None else revocations.with_digest(of.lower())
        if found is None:
            return _away() if of is None else _unknown()
        return _answer(request, found.signature, found.digest, BYTES)

    return [
        Route("/ssh/ca.pub", _threaded(served(lambda krl: f"{krl.ca_public_key}\n".encode(), TEXT))),
        Route("/ssh/krl.pub", _threaded(served(lambda krl: krl.signing_key.encode(), TEXT))),
        Route("/ssh/krl", _threaded(krl)),
        Route("/ssh/krl.sig", _threaded(signature)),
    ]


def _threaded(act: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """It may wait for Vault and for the database: not on the event loop."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(act, request)

    return endpoint


def _answer(request: Request, body: bytes, digest: str, media_type: str) -> Response:
    headers = {"ETag": f'"{digest}"', "Cache-Control": "no-cache"}
    if _has_it(request.headers.get("if-none-match", ""), digest):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _has_it(if_none_match: str, digest: str) -> bool:
    """Source: RFC 9110, 13.1.2: a list of tags, compared weakly, or `*`."""
    tags = re.findall(r'(?:W/)?"([^"]*)"', if_none_match)
    return if_none_match.strip() == "*" or digest in tags


def _away() -> Response:
    return PlainTextResponse("No list is signed yet. /readyz says why.\n", 503, headers={"Retry-After": "5"})


def _unknown() -> Response:
    return PlainTextResponse("That list is not kept any more: fetch /ssh/krl again.\n", 404)
