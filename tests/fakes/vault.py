"""A Vault in memory that fails when it is told to, held to a real one by engines/vault/test_protocol_contract.py."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from threading import RLock
from typing import Any, Literal

from commands.engines.vault import sealing as vault_sealing
from commands.engines.vault.documents import from_document, path_of, to_document
from commands.engines.vault.errors import Doing
from commands.engines.vault.labs import refuse_other_labs
from commands.engines.vault.operators import conflict
from commands.engines.vault.protocol import (
    Operator,
    VaultAway,
    VaultDenied,
    VaultMissing,
    VaultSealed,
    VaultSlow,
    VaultUnavailable,
)
from state.records import Person
from tests.fakes.vault_agents import FakeAgents
from tests.fakes.vault_keys import FakeKeys
from tests.fakes.vault_labs import FakeLabs
from tests.fakes.vault_signing import FakeSigning

State = Literal["ready", "sealed", "away", "slow", "denied"]

_ERRORS: dict[str, type[VaultUnavailable]] = {
    "sealed": VaultSealed,
    "away": VaultAway,
    "slow": VaultSlow,
    "denied": VaultDenied,
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeVault(FakeKeys, FakeLabs, FakeAgents, FakeSigning):
    """Set `state` to make every call fail that way, or failing["I cannot revoke it"] for
    what says so. The rest can be looked at and changed:

    documents: person's key → (document, version); fields: "mount/path#field" → value; tokens: token → the
    persons whose documents it reads; reads counts the documents that were asked for.
    """

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        super().__init__()
        self.now = now
        self.address, self.namespace = "https://vault.test:8200", ""
        self.state: State = "ready"
        self.failing: dict[str, State] = {}  # what a sentence says we cannot do → why
        self.documents: dict[str, tuple[Mapping[str, Any], int]] = {}
        self.fields: dict[str, str] = {}
        self.tokens: dict[str, set[Person]] = {}
        self.reads = 0
        self._keys: dict[bytes, bytes] = {}
        self._lock = RLock()

    def add(
        self,
        person: Person,
        *roles: str,
        name: str = "",
        keys: tuple[str, ...] = (),
        expires_at: datetime | None = None,
    ) -> Operator:
        """Make somebody an operator, whoever they were before."""
        added_at = datetime(2026, 11, 24, 9, tzinfo=UTC)
        operator = Operator(
            person, name or person.user.lower(), roles, keys, "T0-U0", added_at, expires_at=expires_at
        )
        before = self.documents.get(person.key, ({}, 0))
        self.documents[person.key] = (to_document(operator), before[1] + 1)
        return replace(operator, version=before[1] + 1)

    def operator(self, person: Person) -> Operator | None:
        self._ask(Doing("I cannot check who you are", untouched=True))
        with self._lock:
            self.reads += 1
            if path_of(person) is None or person.key not in self.documents:
                return None
            document, version = self.documents[person.key]
            return from_document(person, document, version, self.now())

    def operator_soon(self, person: Person) -> Callable[[], Operator | None]:
        return lambda: self.operator(person)

    def operators(self) -> list[Operator]:
        self._ask(Doing("I cannot read who the operators are", untouched=True))
        with self._lock:
            people = [person for key in self.documents if (person := _person(key))]
            found = [self.operator(person) for person in sorted(people)]
        return [each for each in found if each]

    def write_operator(self, operator: Operator) -> None:
        self._ask(Doing("I cannot write who is an operator"))
        if path_of(operator.person) is None:
            raise VaultMissing(f"`{operator.person.key}` is not TEAM-USER with the ids of Slack.")
        with self._lock:
            document, version = self.documents.get(operator.person.key, ({}, 0))
            if version != operator.version:
                raise conflict(operator)
            self.documents[operator.person.key] = (to_document(operator, document), version + 1)

    def remove_operator(self, person: Person) -> None:
        self._ask(Doing("I cannot remove an operator"))
        with self._lock:
            self.documents.pop(person.key, None)

    def read_field(self, field: str, lab: str = "") -> str:
        place, _, name = field.partition("#")
        self._ask(Doing(f"I cannot read `{place}`"))
        refuse_other_labs(place, lab)
        if lab and (kept := self.lab_secrets.get(place.removeprefix("innkeeper/labs/"))) is not None:
            return str(kept[name])
        if field not in self.fields:
            raise VaultMissing(f"There is no `{field}` in Vault.")
        return self.fields[field]

    def seal(self, plaintext: bytes, about: str) -> bytes:
        self._ask(Doing("I cannot encrypt what I have to keep"))
        key, wrapped = secrets.token_bytes(32), b"fake:" + secrets.token_hex(16).encode()
        self._keys[wrapped] = key
        return vault_sealing.encrypt(plaintext, about, key, wrapped)

    def unseal(self, sealed: bytes, about: str) -> bytes:
        wrapped = vault_sealing.wrapped_key_of(sealed)
        self._ask(Doing("I cannot open what I keep encrypted"))
        if wrapped not in self._keys:
            raise vault_sealing.broken(about)
        return vault_sealing.decrypt(sealed, about, self._keys[wrapped])

    def token_reads_operator(self, token: str, person: Person) -> bool:
        if self.state != "denied":
            self._ask(Doing("I cannot check who you are", untouched=True))
        operator = self.operator(person) if person in self.tokens.get(token, ()) else None
        return operator is not None and not operator.problem

    def health(self) -> Literal["ready", "sealed", "away", "denied"]:
        return "away" if self.state == "slow" else self.state

    def renew(self) -> str:
        self._ask(Doing("I cannot renew my login"))
        return "the Vault token does not end"

    def _ask(self, doing: Doing) -> None:
        state = self.failing.get(doing.so, self.state)
        if state != "ready":
            raise _ERRORS[state](doing)


def _person(key: str) -> Person | None:
    try:
        return Person.parse(key)
    except ValueError:
        return None
