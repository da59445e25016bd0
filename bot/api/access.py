"""Who asks through the API, by their Vault token, and how often they may."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from commands.authorise import asker_of
from commands.deps import Deps
from commands.request import Refused
from commands.words import unmarked
from state import audit
from state.records import Person

REQUESTS_A_MINUTE = 120  # of one operator: a command line that looks once a second leaves half of it

_MINUTE = timedelta(minutes=1)


class Denied(Exception):
    """No, with the HTTP status, and a sentence for whoever asked."""

    def __init__(self, status: int, sentence: str, retry_after_seconds: int = 0) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.retry_after_seconds = retry_after_seconds


class Pace:
    """Counts what each operator asked within the last minute."""

    def __init__(self, now: Callable[[], datetime], most: int = REQUESTS_A_MINUTE) -> None:
        self._now = now
        self._most = most
        self._asked: dict[Person, deque[datetime]] = {}
        self._lock = threading.Lock()

    def take(self, person: Person) -> None:
        """One more. Raises Denied (429) for who asks too often: what is refused does not count."""
        now = self._now()
        with self._lock:
            asked = self._asked.setdefault(person, deque())
            while asked and now - asked[0] >= _MINUTE:
                asked.popleft()
            if len(asked) >= self._most:
                wait_seconds = max(1, round((asked[0] + _MINUTE - now).total_seconds()))
                raise Denied(
                    429, f"That is more than {self._most} requests in a minute. Try again then.", wait_seconds
                )
            asked.append(now)


def token_of(headers: Mapping[str, str]) -> str:
    """`X-Vault-Token: TOKEN`, as Vault itself takes it, or `Authorization: Bearer TOKEN` (RFC 6750)."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("x-vault-token", "") or (token.strip() if scheme.lower() == "bearer" else "")


def person_of(deps: Deps, pace: Pace, token: str) -> Person:
    """Whose token that is. Raises Denied (401, 429), VaultUnavailable."""
    if not token:
        raise Denied(401, "Show a Vault token of your own: in X-Vault-Token, or as a Bearer token.")
    person = deps.vault.person_of_token(token)
    if person is None:
        raise Denied(
            401,
            "That Vault token has ended, or says of nobody who they are. Log in to Vault again, as yourself: "
            "a root token is nobody's.",
        )
    pace.take(person)
    return person


def require_operator(deps: Deps, person: Person, looked_at: str) -> None:
    """Raise Denied (403) for who is no trusted operator now, which is in the audit then. Raises VaultUnavailable."""
    try:
        asker_of(person, deps.vault, deps.standing)
    except Refused as refused:
        audit.append(
            deps.database,
            deps.now(),
            person.key,
            "refused",
            looked_at,
            asked="api",
            why=refused.sentence[:300],
        )
        raise Denied(403, unmarked(refused.sentence)) from None
