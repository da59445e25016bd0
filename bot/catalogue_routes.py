"""/catalogue/refresh: the host of the catalogue's repository says that somebody has pushed.

It says it with the secret that lies in Vault: GitHub and Gitea sign the body with it, GitLab sends it along. What
stands in the body is not believed: the repository itself is asked, in the background.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.bodies import TooLong, read_at_most
from commands.engines.vault.places import HOOK_SECRET
from commands.engines.vault.protocol import VaultDenied, VaultError, VaultMissing

BODY_LIMIT_BYTES = 2_000_000  # a push of thousands of commits; what is longer waits for the next look
KEPT_SECONDS = 10.0  # so that strangers cannot make us ask Vault over and over
SHORTEST_SECRET = 16

log = structlog.get_logger()


class HookSecret:
    """The secret, read from Vault and kept for a few seconds."""

    def __init__(
        self, read_field: Callable[[str], str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read_field = read_field
        self._monotonic = monotonic
        self._kept: tuple[float, bytes | None] | None = None

    def get(self) -> bytes | None:
        """None: there is none, or it is too short to keep anybody out. Raises VaultError."""
        now = self._monotonic()
        if self._kept is None or now - self._kept[0] >= KEPT_SECONDS:
            self._kept = (now, self._read())
        return self._kept[1]

    def _read(self) -> bytes | None:
        try:
            secret = self._read_field(HOOK_SECRET).strip().encode()
        except (VaultMissing, VaultDenied) as error:
            log.warning("no push hook is taken", because=error.sentence)
            return None
        if len(secret) < SHORTEST_SECRET:
            log.warning("no push hook is taken", because=f"{HOOK_SECRET} is shorter than {SHORTEST_SECRET}")
            return None
        return secret


def routes(secret: HookSecret, ring: Callable[[], None]) -> list[Route]:
    """The one address. ring starts a refresh and returns at once."""

    async def refresh(request: Request) -> Response:
        try:
            body = await read_at_most(request, BODY_LIMIT_BYTES)
            known = await run_in_threadpool(secret.get)
        except TooLong:
            return PlainTextResponse("too large\n", 413)
        except VaultError as away:
            log.warning("a push hook waits", because=away.sentence)
            return PlainTextResponse("try again\n", 503, headers={"Retry-After": "30"})
        if known is None or not is_signed(request.headers, body, known):
            return PlainTextResponse("not signed with the secret of this catalogue\n", 401)
        ring()
        return PlainTextResponse("refreshing\n", 202)

    return [Route("/catalogue/refresh", refresh, methods=["POST"])]


def is_signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """Whether one of the three says so. Each header that is there must be right.

    Sources: GitHub, "Validating webhook deliveries" (X-Hub-Signature-256, `sha256=` and hex of HMAC-SHA256); Gitea,
    "Webhooks" (X-Gitea-Signature, hex of the same); GitLab, "Webhooks" (X-Gitlab-Token, the secret itself).
    """
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
    expected = {
        "x-hub-signature-256": b"sha256=" + digest,
        "x-gitea-signature": digest,
        "x-gitlab-token": secret,
    }
    given = {name: headers[name].encode() for name in expected if name in headers}
    right = [hmac.compare_digest(said, expected[name]) for name, said in given.items()]
    return bool(right) and all(right)
