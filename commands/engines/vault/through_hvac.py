"""The real Vault or OpenBao, through hvac. What Innkeeper asks of it is the Protocol in protocol.py."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import hvac
import structlog
from hvac import exceptions

from commands.engines.vault import operators as vault_operators
from commands.engines.vault import sealing as vault_sealing
from commands.engines.vault.agents import HvacAgents
from commands.engines.vault.connection import Connection, Login
from commands.engines.vault.documents import Operator, path_of
from commands.engines.vault.errors import (
    Doing,
    VaultDenied,
    VaultLoginRefused,
    VaultMissing,
    VaultSealed,
    VaultSlow,
    VaultUnprepared,
)
from commands.engines.vault.keys import HvacKeys
from commands.engines.vault.labs import HvacLabs, refuse_other_labs
from commands.engines.vault.places import BLUEPRINTS_POLICY, OPERATORS_MOUNT, TRANSIT_KEY, TRANSIT_MOUNT
from commands.engines.vault.signing import HvacSigning
from state.records import Person

DATABASE_SECONDS = 20.0  # for what Vault does in a lab's data store before it answers
LIST_SECONDS = 5.0  # for the documents of all operators together

Health = Literal["ready", "sealed", "away", "denied"]

_FIELD = re.compile(r"(?P<mount>[\w.-]+)/(?P<path>[\w.@:+ -]+(?:/[\w.@:+ -]+)*)#(?P<field>[^#\s][^#]*)")
_TOKEN = re.compile(r"[!-~]{1,4096}")

log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class HvacVault(HvacAgents, HvacKeys, HvacLabs, HvacSigning):
    """A real Vault or OpenBao server. Thread-safe; a call has timeout_seconds in all. now tells the time, in UTC."""

    fresh_seconds = 0.5  # how long a document counts that was read ahead

    def __init__(
        self,
        addr: str,
        login: Login,
        namespace: str = "",
        cacert: str = "",
        timeout_seconds: float = 1.0,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._connection = Connection(addr, login, namespace, cacert, timeout_seconds)
        self._patient = Connection(addr, login, namespace, cacert, max(timeout_seconds, DATABASE_SECONDS))
        self._now = now
        self.address, self.namespace = addr, namespace

    def __repr__(self) -> str:
        return f"HvacVault({self._connection!r})"

    def operator(self, person: Person) -> Operator | None:
        return self._begin_reading(person)()

    def operator_soon(self, person: Person) -> Callable[[], Operator | None]:
        answer, began = self._begin_reading(person), time.monotonic()
        # What was read before its asker was kept waiting elsewhere is old.
        return lambda: answer() if time.monotonic() - began < self.fresh_seconds else self.operator(person)

    def operators(self) -> list[Operator]:
        doing = Doing("I cannot read who the operators are", untouched=True)
        ends_at = time.monotonic() + LIST_SECONDS
        found = []
        for key in self._connection.call(doing, vault_operators.keys):
            try:
                person = Person.parse(key)
            except ValueError:
                log.warning("not an operator's document", path=f"{OPERATORS_MOUNT}/operators/{key}")
                continue
            path = f"operators/{person.key}"
            operator = self._connection.call(doing, partial(self._read, person=person, path=path))
            if operator and key == person.key:
                found.append(operator)
            if time.monotonic() > ends_at:
                raise VaultSlow(doing, f"{len(found)} operators read")
        return sorted(found, key=lambda each: each.person)

    def write_operator(self, operator: Operator) -> None:
        path = path_of(operator.person)
        if path is None:
            raise VaultMissing(f"`{operator.person.key}` is not TEAM-USER with the ids of Slack.")
        doing = Doing(
            "I cannot write who is an operator",
            in_doubt="Look at `/operator list` before you try again: it may have been written.",
        )
        self._connection.call(doing, lambda client: vault_operators.write(client, operator, path))

    def remove_operator(self, person: Person) -> None:
        path = path_of(person)
        if path is None:
            return
        doing = Doing(
            "I cannot remove an operator",
            in_doubt="Look at `/operator list` before you try again: it may have been removed.",
        )
        self._connection.call(
            doing,
            lambda client: client.secrets.kv.v2.delete_metadata_and_all_versions(
                path, mount_point=OPERATORS_MOUNT
            ),
        )

    def read_field(self, field: str, lab: str = "") -> str:
        match = _FIELD.fullmatch(field)
        if match is None or {".", ".."} & {match["mount"], *match["path"].split("/")}:
            raise VaultMissing(
                f"`{field}` is not MOUNT/PATH#FIELD, such as `innkeeper/providers/aws#secret_key`."
            )
        place = f"{match['mount']}/{match['path']}"
        refuse_other_labs(place, lab)
        doing = Doing(
            f"I cannot read `{place}`",
            if_denied=f"An admin of Vault can add this line to the policy `{BLUEPRINTS_POLICY}`: "
            f'`path "{match["mount"]}/data/{match["path"]}" {{ capabilities = ["read"] }}`',
        )
        missing = (
            f"There is no `{match['field']}` at `{place}` in Vault. An admin of Vault can write it with "
            f"`vault kv patch -mount={match['mount']} {match['path']} {match['field']}=-`, "
            "which reads it from your terminal."
        )

        def read(client: hvac.Client) -> str:
            try:
                answer = client.secrets.kv.v2.read_secret_version(
                    match["path"], mount_point=match["mount"], raise_on_deleted_version=True
                )
            except (exceptions.InvalidPath, exceptions.InvalidRequest) as error:
                raise VaultMissing(missing, type(error).__name__) from None
            values = answer["data"]["data"]
            if values.get(match["field"]) is None:
                raise VaultMissing(missing)
            value = values[match["field"]]
            return value if isinstance(value, str) else json.dumps(value)

        return self._connection.call(doing, read)

    def seal(self, plaintext: bytes, about: str) -> bytes:
        doing = Doing("I cannot encrypt what I have to keep")

        def data_key(client: hvac.Client) -> tuple[bytes, bytes]:
            answer = client.secrets.transit.generate_data_key(
                TRANSIT_KEY, "plaintext", mount_point=TRANSIT_MOUNT
            )["data"]
            return base64.b64decode(answer["plaintext"]), answer["ciphertext"].encode()

        key, wrapped = self._connection.call(doing, data_key)
        return vault_sealing.encrypt(plaintext, about, key, wrapped)

    def unseal(self, sealed: bytes, about: str) -> bytes:
        wrapped = vault_sealing.wrapped_key_of(sealed).decode("ascii", "replace")
        doing = Doing("I cannot open what I keep encrypted")

        def data_key(client: hvac.Client) -> bytes:
            try:
                answer = client.secrets.transit.decrypt_data(TRANSIT_KEY, wrapped, mount_point=TRANSIT_MOUNT)
            except exceptions.InvalidRequest as error:
                if "key not found" in str(error):
                    raise
                raise vault_sealing.broken(about) from None
            return base64.b64decode(answer["data"]["plaintext"])

        return vault_sealing.decrypt(sealed, about, self._connection.call(doing, data_key))

    def token_reads_operator(self, token: str, person: Person) -> bool:
        path = path_of(person)
        if path is None or _TOKEN.fullmatch(token) is None:
            return False
        doing = Doing("I cannot check who you are", untouched=True)

        def read(client: hvac.Client) -> bool:
            operator, _ = vault_operators.read(client, person, path, self._now())
            meta = client.auth.token.lookup_self()["data"].get("meta") or {}
            named = meta.get("slack_team", person.team), meta.get("slack_user", person.user)
            return operator is not None and not operator.problem and named == (person.team, person.user)

        try:
            return self._connection.call_as(token, doing, read)
        except (VaultDenied, VaultUnprepared):
            return False

    def health(self) -> Health:
        doing = Doing("I am not ready")
        try:
            self._connection.call(doing, lambda client: client.auth.token.lookup_self()["data"]["accessor"])
        except VaultSealed:
            return "sealed"
        except VaultDenied:
            return "denied"
        except Exception as error:  # whatever it was, it was not Vault's good answer
            log.info("vault health", error=type(error).__name__, detail=getattr(error, "detail", ""))
            return "away"
        return "ready"

    def renew(self) -> str:
        doing = Doing("I cannot renew my login")
        token = self._connection.call(doing, lambda client: client.auth.token.lookup_self()["data"])
        left, whole = int(token["ttl"]), int(token.get("period") or token["creation_ttl"])
        if left == 0 and not token.get("expire_time"):
            return "the Vault token does not end"
        if left * 2 > whole:
            return f"the Vault token is good for {left} s"
        if token.get("renewable"):
            answer = self._connection.call(doing, lambda client: client.auth.token.renew_self()["auth"])
            left = int(answer["lease_duration"])
            if left * 2 > whole:
                return f"renewed the Vault token for {left} s"
        if self._connection.can_log_in:  # it is near the end that no renewal moves
            try:
                self._connection.log_in(doing)
                return "logged in to Vault again"
            except VaultLoginRefused as error:
                log.warning("vault login", detail=error.detail)
        return f"the Vault token ends in {left} s and cannot be renewed: give me a new login"

    def _begin_reading(self, person: Person) -> Callable[[], Operator | None]:
        path = path_of(person)
        if path is None:
            return lambda: None
        doing = Doing("I cannot check who you are", untouched=True)
        return self._connection.begin(doing, partial(self._read, person=person, path=path))

    def _read(self, client: hvac.Client, person: Person, path: str) -> Operator | None:
        return vault_operators.read(client, person, path, self._now())[0]
