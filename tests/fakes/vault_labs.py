"""The part of the FakeVault that keeps what labs have of their own, and knows their data stores."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from commands.engines.vault.errors import Doing
from commands.engines.vault.labs import PARTS
from commands.engines.vault.places import GRANT_MAX_SECONDS, LAB_NAME, lab_role_id
from commands.engines.vault.protocol import (
    DatabasePlace,
    VaultDenied,
    VaultError,
    VaultRefused,
    VaultUnprepared,
    Wrapped,
)
from state.records import Person


@dataclass
class FakeLabRole:
    """A lab's AppRole: its secret ids (secret id → grant, end), and the tokens that were got with them."""

    role_id: str
    secret_ids: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)


class FakeLabs:
    """Look at lab_secrets ("demo", "demo/tls" → values), lab_roles (lab → FakeLabRole) and connected (lab → place).

    data_stores: connection_url → the root user's password there, of those that can be reached.
    """

    now: Callable[[], datetime]
    databases: dict[str, int]
    _lock: RLock

    def __init__(self) -> None:
        super().__init__()
        self.lab_secrets: dict[str, dict[str, Any]] = {}
        self.lab_roles: dict[str, FakeLabRole] = {}
        self.connected: dict[str, DatabasePlace] = {}
        self.data_stores: dict[str, str] = {}
        self.rotations = 0

    def _ask(self, doing: Doing) -> None:
        raise NotImplementedError

    def _wrap(self, values: dict[str, Any]) -> Wrapped:
        raise NotImplementedError

    def lab_secret(self, lab: str, part: str = "") -> dict[str, Any] | None:
        self._ask(Doing("I cannot read what the lab has in Vault"))
        found = self.lab_secrets.get(_path(lab, part))
        return None if found is None else dict(found)

    def write_lab_secret(self, lab: str, values: dict[str, Any], part: str = "") -> None:
        self._ask(Doing("I cannot keep in Vault what the lab has"))
        self.lab_secrets[_path(lab, part)] = dict(values)

    def remove_lab_secret(self, lab: str, part: str = "") -> None:
        self._ask(Doing("I cannot remove what the lab has in Vault"))
        self.lab_secrets.pop(_path(lab, part), None)

    def labs_with_secrets(self) -> set[str]:
        self._ask(Doing("I cannot look what labs have in Vault"))
        return {path.split("/")[0] for path in self.lab_secrets}

    def open_lab_role(self, lab: str, lab_id: str) -> bool:
        self._ask(Doing("I cannot let the lab's consumers log in"))
        role_id = lab_role_id(_named(lab), lab_id)
        with self._lock:
            if lab in self.lab_roles and self.lab_roles[lab].role_id == role_id:
                return False
            self.lab_roles[lab] = FakeLabRole(role_id)
        return True

    def close_lab_role(self, lab: str) -> None:
        self._ask(Doing("I cannot end the logins of the lab's consumers"))
        self.lab_roles.pop(_named(lab), None)

    def lab_secret_id(self, lab: str, person: Person, grant_id: str, ttl_seconds: int) -> Wrapped:
        doing = Doing("I cannot let anybody connect")
        self._ask(doing)
        if not 0 < ttl_seconds <= GRANT_MAX_SECONDS:
            raise VaultRefused(f"Nothing is issued for longer than {GRANT_MAX_SECONDS // 86_400} days.")
        role = self.lab_roles.get(_named(lab))
        if role is None:
            raise VaultUnprepared(doing)
        secret_id = secrets.token_hex(16)
        role.secret_ids[secret_id] = (grant_id, self.now() + timedelta(seconds=ttl_seconds))
        return replace(self._wrap({"secret_id": secret_id}), request_id=secrets.token_hex(8))

    def revoke_lab_secret_id(self, lab: str, lab_id: str, grant_id: str, end_sessions: bool) -> None:
        self._ask(Doing("I cannot revoke it"))
        role = self.lab_roles.get(_named(lab))
        if role is None:
            return
        role.secret_ids = {key: each for key, each in role.secret_ids.items() if each[0] != grant_id}
        if end_sessions and role.role_id == lab_role_id(lab, lab_id):
            role.tokens.clear()

    def consumer_logs_in(self, role_id: str, secret_id: str) -> str:
        """What a consumer does with what it was given: a token. Raises VaultDenied."""
        for role in self.lab_roles.values():
            ends_at = role.secret_ids.get(secret_id, ("", self.now()))[1]
            if role.role_id == role_id and ends_at > self.now():
                role.tokens.add(token := secrets.token_hex(12))
                return token
        raise VaultDenied(Doing("you cannot log in"))

    def consumer_reads(self, token: str, lab: str, part: str = "") -> dict[str, Any] | None:
        """What it reads with that. Raises VaultDenied."""
        if token not in self.lab_roles.get(lab, FakeLabRole("")).tokens or part not in ("", "tls"):
            raise VaultDenied(Doing("you cannot read that"))
        return self.lab_secrets.get(_path(lab, part))

    def has_lab_database(self, lab: str) -> bool:
        self._ask(Doing("I cannot look for the lab's data store"))
        return _named(lab) in self.connected

    def connect_lab_database(self, lab: str, place: DatabasePlace) -> None:
        self._ask(Doing("I cannot connect Vault to the lab's data store"))
        if self.data_stores.get(place.connection_url) != place.password:
            raise VaultError(f"Vault does not come into the database of `lab-{_named(lab)}`.")
        self.connected[lab] = place

    def make_lab_database_role(self, lab: str, role: str, ttl_seconds: int) -> None:
        self._ask(Doing("I cannot make the role of the lab's data store"))
        self.databases[f"lab-{_named(lab)}.{role}"] = ttl_seconds

    def rotate_lab_database(self, lab: str) -> None:
        self._ask(Doing("I cannot change the root password of the lab's data store"))
        place = self.connected[_named(lab)]
        self.data_stores[place.connection_url] = secrets.token_hex(16)
        self.rotations += 1

    def disconnect_lab_database(self, lab: str) -> None:
        self._ask(Doing("I cannot end the users of the lab's data store"))
        self.connected.pop(_named(lab), None)
        for name in [each for each in self.databases if each.startswith(f"lab-{lab}.")]:
            del self.databases[name]


def _path(lab: str, part: str) -> str:
    assert part in PARTS
    return f"{_named(lab)}/{part}" if part else _named(lab)


def _named(lab: str) -> str:
    if not LAB_NAME.fullmatch(lab):
        raise VaultRefused(f"`{lab}` is no name of a lab.")
    return lab
