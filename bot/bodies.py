"""The body of a request, read no further than it may be long."""

from __future__ import annotations

from starlette.requests import Request


class TooLong(Exception):
    """The body is longer than what is taken there; its rest was not read."""


async def read_at_most(request: Request, limit_bytes: int) -> bytes:
    """The whole body. Raises TooLong as soon as it is known to be longer: nobody fills our memory unasked."""
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > limit_bytes:
        raise TooLong
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise TooLong
    return bytes(body)
