"""One Vault server through hvac: who we are there, how long we wait, what its errors mean. Thread-safe."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TypeVar

import hvac
import requests
import structlog
from hvac import exceptions
from urllib3.exceptions import NewConnectionError

from commands.engines.deadline import Threads
from commands.engines.kept_http import Unreached
from commands.engines.vault.errors import (
    Doing,
    VaultAway,
    VaultDenied,
    VaultError,
    VaultLoginRefused,
    VaultSealed,
    VaultSlow,
    VaultUnprepared,
)
from commands.engines.vault.http import CALLS_AT_ONCE, OneServer

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True)
class AppRole:
    """A login that can be made again and again: VAULT_ROLE_ID and VAULT_SECRET_ID."""

    role_id: str
    secret_id: str = field(repr=False)


@dataclass(frozen=True)
class FixedToken:
    """VAULT_TOKEN: when it has ended, nothing can be done."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class TokenFile:
    """VAULT_TOKEN_FILE: somebody else (Vault's agent) keeps it fresh, and we read it again."""

    path: Path


Login = AppRole | FixedToken | TokenFile


class Connection:
    """Calls to one Vault. Each has timeout_seconds in all, a new login included."""

    def __init__(
        self, addr: str, login: Login, namespace: str = "", cacert: str = "", timeout_seconds: float = 1.0
    ) -> None:
        self.addr = addr
        self.login = login
        self._namespace = namespace
        self._timeout_seconds = timeout_seconds
        self._threads = Threads("vault", CALLS_AT_ONCE)
        self._session = OneServer(addr, cacert)
        self._client: hvac.Client | None = None
        self._login_lock = Lock()

    def __repr__(self) -> str:
        return f"Connection({self.addr!r}, {self.login!r})"

    def call(self, doing: Doing, work: Callable[[hvac.Client], T]) -> T:
        """What work does with a client that is logged in.

        A Forbidden whose cause is that our token has ended is followed by one login and one more try. Raises
        VaultUnavailable; InvalidPath and InvalidRequest are for work to catch, where they mean more than that
        Vault has not been prepared.
        """
        return self.begin(doing, work)()

    def begin(self, doing: Doing, work: Callable[[hvac.Client], T]) -> Callable[[], T]:
        """Let a call begin now. What is given waits for it, and returns or raises what call does."""
        ends_at = time.monotonic() + self._timeout_seconds
        return self._begin(doing, lambda: self._with_login(doing, work, ends_at))

    def call_as(self, token: str, doing: Doing, work: Callable[[hvac.Client], T]) -> T:
        """What work does with somebody else's token. Forbidden is VaultDenied at once."""

        def once() -> T:
            try:
                return work(self._client_of(token))
            except exceptions.Forbidden as error:
                raise VaultDenied(doing, detail_of(error)) from None

        return self._in_time(doing, once)

    def log_in(self, doing: Doing) -> None:
        """Replace our token by a new one. Raises VaultUnavailable."""
        self._in_time(doing, lambda: self._replace(self._client, doing))

    @property
    def can_log_in(self) -> bool:
        """Whether a token that has ended can be followed by another."""
        return not isinstance(self.login, FixedToken)

    def _in_time(self, doing: Doing, job: Callable[[], T]) -> T:
        return self._begin(doing, job)()

    def _begin(self, doing: Doing, job: Callable[[], T]) -> Callable[[], T]:
        wait = self._threads.begin(lambda: understood(doing, job), self._timeout_seconds)

        def answer() -> T:
            try:
                return wait()
            except TimeoutError:
                raise VaultSlow(doing, f"nothing after {self._timeout_seconds} s") from None

        return answer

    def _with_login(self, doing: Doing, work: Callable[[hvac.Client], T], ends_at: float) -> T:
        client = self._client or self._replace(None, doing)
        try:
            return work(client)
        except exceptions.Forbidden as error:
            if self._is_alive(client):
                raise VaultDenied(doing, detail_of(error)) from None
            log.info("vault token has ended", addr=self.addr)
            fresh = self._replace(client, doing)
        if time.monotonic() > ends_at:  # the one who asked has been told "too slow": it must not happen now
            raise VaultSlow(doing)
        try:
            return work(fresh)
        except exceptions.Forbidden as error:
            raise VaultDenied(doing, detail_of(error)) from None

    def _is_alive(self, client: hvac.Client) -> bool:
        try:
            client.auth.token.lookup_self()
        except exceptions.Forbidden:
            return False
        return True

    def _replace(self, spent: hvac.Client | None, doing: Doing) -> hvac.Client:
        """A client with another token than the spent one's: of all who wait here, one logs in."""
        if not self._login_lock.acquire(timeout=self._timeout_seconds):
            raise VaultSlow(doing, "waited for a login")
        try:
            if self._client is None or self._client is spent:
                self._client = self._client_of(self._new_token(doing, spent))
            return self._client
        finally:
            self._login_lock.release()

    def _new_token(self, doing: Doing, spent: hvac.Client | None) -> str:
        if isinstance(self.login, AppRole):
            try:
                answer = self._client_of("").auth.approle.login(
                    self.login.role_id, self.login.secret_id, use_token=False
                )
            except (exceptions.InvalidRequest, exceptions.InvalidPath, exceptions.Forbidden) as error:
                raise VaultLoginRefused(doing, detail_of(error)) from None
            log.info("vault login", addr=self.addr, accessor=answer["auth"]["accessor"])
            return str(answer["auth"]["client_token"])
        if isinstance(self.login, TokenFile):
            try:
                token = self.login.path.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise VaultLoginRefused(doing, f"{self.login.path}: {type(error).__name__}") from None
        else:
            token = self.login.token
        if not token or (spent is not None and spent.token == token):
            raise VaultLoginRefused(doing, "the token has ended")
        return token

    def _client_of(self, token: str) -> hvac.Client:
        return hvac.Client(
            url=self.addr,
            token=token,  # never None: hvac would look for one in the environment and the home folder
            namespace=self._namespace or None,
            session=self._session,
            timeout=self._timeout_seconds,
        )


def understood(doing: Doing, job: Callable[[], T]) -> T:
    """Run job, with Vault's and the network's errors in our words (FACTS: Vault and OpenBao through hvac)."""
    try:
        return job()
    except VaultError:
        raise
    except (exceptions.InvalidPath, exceptions.InvalidRequest) as error:
        raise VaultUnprepared(doing, detail_of(error)) from None
    except exceptions.VaultDown as error:
        sealed = (
            "is sealed" in f"{error.errors} {error.text}"
        )  # a proxy without a Vault behind it says 503 too
        kind = VaultSealed if sealed else VaultAway
        raise kind(doing, detail_of(error)) from None
    except exceptions.VaultNotInitialized as error:
        raise VaultSealed(doing, detail_of(error)) from None
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise VaultDenied(doing, detail_of(error)) from None
    except exceptions.RateLimitExceeded as error:
        raise VaultSlow(doing, detail_of(error)) from None
    except exceptions.VaultError as error:
        raise VaultAway(doing, detail_of(error)) from None
    except requests.exceptions.Timeout as error:
        raise VaultSlow(doing, type(error).__name__) from None
    except requests.exceptions.ConnectionError as error:
        cause = error.args[0] if error.args else None
        reason = getattr(cause, "reason", cause)
        if isinstance(reason, (Unreached, NewConnectionError)):  # it was never sent
            doing = replace(doing, in_doubt="")
        why = getattr(reason, "__cause__", None) or reason or error
        raise VaultAway(doing, type(why).__name__) from None
    except requests.exceptions.RequestException as error:
        raise VaultAway(doing, type(error).__name__) from None
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        # an answer that is no answer of Vault's: a proxy's page, something else on that port
        raise VaultAway(doing, f"an answer that I do not understand: {type(error).__name__}") from None


def detail_of(error: exceptions.VaultError) -> str:
    reason = ", ".join(str(each) for each in error.errors or []) or "no reason given"
    return f"{type(error).__name__}: {reason[:200]}"
